// A list of messages that changes in place: only what changed is drawn anew, and the reader keeps their place.
import { clock, dayKey, dayName } from './dates.js';
import { h } from './dom.js';
import { author, messageNode } from './message.js';

const GROUP_S = 300;
const NEAR_PX = 80;

/** A feed in `scroller`. `channel()` names the channel; `top` is a node kept above the messages. */
export function makeFeed(scroller, { channel, inThread = false, label }) {
  const top = h('div', { class: 'feed-top' });
  const list = h('ol', { class: 'feed', tabindex: 0, 'aria-label': label });
  scroller.append(h('div', { class: 'feed-space' }), top, list);
  let drawn = new Map(); // ts -> {message, key, node}
  const surfaces = new Map();
  const rules = new Map(); // separators by what they say: kept, so that redrawing moves nothing
  let pinned = true;

  function surface(message) {
    if (!surfaces.has(message.ts)) surfaces.set(message.ts, { channel: channel(), ts: message.ts, values: {} });
    return surfaces.get(message.ts);
  }

  function one(message, grouped) {
    const before = drawn.get(message.ts);
    if (before?.message === message && before.grouped === grouped) return before;
    const node = messageNode(channel(), message, { grouped, inThread, surface: surface(message) });
    if (before) carry(before, node, message);
    return { message, grouped, node };
  }

  function kept(key, make) {
    if (!rules.has(key)) rules.set(key, make());
    return rules.get(key);
  }

  function draw(messages, { newFrom = null } = {}) {
    const next = new Map();
    const nodes = [];
    let last = null;
    for (const message of messages) {
      const newDay = !last || dayKey(last.ts) !== dayKey(message.ts);
      if (newDay && !inThread) nodes.push(kept(`day ${dayKey(message.ts)} ${dayName(message.ts)}`, () => separator(message.ts)));
      const isNew = newFrom && message.ts > newFrom && !(last && last.ts > newFrom);
      if (isNew) nodes.push(kept('new', () => h('li', { class: 'new-line', role: 'separator' }, h('span', null, 'New'))));
      const entry = one(message, !newDay && !isNew && follows(last, message));
      next.set(message.ts, entry);
      nodes.push(entry.node);
      if (inThread && messages[0] === message && messages.length > 1) nodes.push(kept(`count ${messages.length - 1}`, () => count(messages.length - 1)));
      last = message;
    }
    for (const ts of surfaces.keys()) if (!next.has(ts)) surfaces.delete(ts);
    drawn = next;
    sync(list, nodes);
    if (pinned) toBottom();
  }

  function toBottom() {
    scroller.scrollTop = scroller.scrollHeight;
    pinned = true;
  }

  // Growing content moves the end away without the reader doing anything: only their own way up lets go of it.
  let lastTop = 0;
  scroller.addEventListener('scroll', () => {
    if (scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_PX) pinned = true;
    else if (scroller.scrollTop < lastTop - 1) pinned = false;
    lastTop = scroller.scrollTop;
  });
  new ResizeObserver(() => pinned && toBottom()).observe(list);
  new ResizeObserver(() => pinned && toBottom()).observe(scroller);
  list.addEventListener('keydown', (event) => arrows(list, event));
  return { draw, list, top, toBottom, pin: () => { pinned = true; }, atBottom: () => pinned, forget: () => { drawn = new Map(); surfaces.clear(); rules.clear(); pinned = true; } };
}

function follows(last, message) {
  if (!last || Boolean(last.ephemeral) !== Boolean(message.ephemeral) || last.reply_count) return false;
  if (message.blocks?.some((b) => b.type === 'header' || b.type === 'actions')) return false;
  return author(last).key === author(message).key && Number(message.ts) - Number(last.ts) < GROUP_S;
}

const separator = (ts) => h('li', { class: 'day', role: 'separator', data: { day: dayKey(ts) } }, h('span', null, dayName(ts)));
const count = (n) => h('li', { class: 'reply-count', role: 'separator' }, h('span', null, `${n} ${n === 1 ? 'reply' : 'replies'}`));

// A changed message takes over the place, the focus and, where its words changed, a short glow.
function carry(before, node, message) {
  const shape = (m) => JSON.stringify([m.text, m.blocks, m.attachments]);
  if (shape(before.message) !== shape(message)) node.classList.add('changed');
  const focus = document.activeElement;
  if (!before.node.contains(focus)) return;
  const action = focus.dataset?.action;
  const twin = action && [...node.querySelectorAll('[data-action]')].find((n) => n.dataset.action === action);
  queueMicrotask(() => (twin ?? node).focus({ preventScroll: true }));
}

function sync(list, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, n) => {
    if (list.children[n] !== node) list.insertBefore(node, list.children[n] ?? null);
  });
}

function arrows(list, event) {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const from = event.target;
  if (!step || (from !== list && !from.classList.contains('message'))) return;
  event.preventDefault();
  const all = [...list.querySelectorAll('.message')];
  const at = from === list ? (step < 0 ? all.length : all.length - 2) : all.indexOf(from);
  all[Math.max(0, Math.min(all.length - 1, at + step))]?.focus();
}

/** A message in a few words, for those who listen rather than look. */
export const spoken = (message) => `${author(message).name}, ${clock(message.ts)}: ${String(message.text ?? '').slice(0, 300)}`;
