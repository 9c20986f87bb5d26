// The small bar of acts that floats over the message under the pointer or the focus.
import { post } from './api.js';
import { ask } from './confirm.js';
import { h, icon } from './dom.js';
import { pickEmoji } from './emoji_picker.js';
import { emoji } from './emoji.js';
import { openMenu } from './menu.js';
import { react } from './message.js';
import { find } from './messages.js';
import { state, tell } from './state.js';
import { toast, tried } from './toast.js';

const QUICK = ['eyes', 'white_check_mark', 'raised_hands'];

/** Gives every message of `list` the bar. */
export function addToolbar(list, { channel, inThread = false }) {
  let bar = null;
  const show = (event) => {
    const node = event.target.closest?.('.message');
    if (!node || node.contains(bar)) return;
    if (bar?.querySelector('[aria-expanded="true"]')) return;
    bar?.remove();
    const message = find(channel(), node.dataset.ts);
    bar = message && make(channel(), message, inThread);
    if (bar) node.append(bar);
  };
  list.addEventListener('pointerover', show);
  list.addEventListener('focusin', show);
}

function make(channel, message, inThread) {
  if (message.ephemeral) return h('div', { class: 'toolbar' }, tool('close', 'Dismiss', () => tell('dismiss', { channel, ts: message.ts })));
  const quick = QUICK.map((name) => h('button', { type: 'button', class: 'tool', 'aria-label': `React with ${name.replaceAll('_', ' ')}`, title: `:${name}:`, on: { click: () => react(channel, message, name) } }, emoji(name)));
  const more = tool('more', 'More', () => openMenu(more, { items: choices(channel, message), label: 'More', role: 'menu', filter: false, pick: (item) => item.run() }));
  const add = tool('smile', 'Add a reaction', () => pickEmoji(add, (name) => react(channel, message, name)));
  return h('div', { class: 'toolbar', role: 'toolbar', 'aria-label': 'Message actions' }, quick, add,
    !inThread && tool('reply', 'Reply in thread', () => tell('open-thread', { channel, ts: message.thread_ts || message.ts })), more);
}

const tool = (name, label, run) => h('button', { type: 'button', class: 'tool', 'aria-label': label, title: label, 'aria-expanded': 'false', on: { click: run } }, icon(name));

function choices(channel, message) {
  const items = [{ label: 'Copy text', mark: icon('copy'), run: () => copy(message) }];
  for (const s of state.shortcuts.filter((s) => s.type === 'message')) {
    items.push({ label: s.name, mark: icon('zap'), run: () => tried(() => post('act/shortcut', { user: state.me, callback_id: s.callback_id, channel, message_ts: message.ts })) });
  }
  const mine = message.user === state.me;
  if (mine || state.users.get(state.me)?.is_admin) items.push({ label: 'Delete message', mark: icon('trash'), danger: true, run: () => remove(channel, message) });
  return items;
}

async function copy(message) {
  try {
    await navigator.clipboard.writeText(message.text ?? '');
    toast('Copied.', { kind: 'info' });
  } catch {
    toast('The browser did not allow copying.');
  }
}

async function remove(channel, message) {
  const yes = await ask({ title: 'Delete message', body: 'It goes away for everyone. This cannot be undone.', yes: 'Delete', danger: true });
  if (yes) await tried(() => post('act/delete', { user: state.me, channel, ts: message.ts }));
}
