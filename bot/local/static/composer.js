// Where one writes: Enter sends, Shift+Enter breaks the line, `/` completes commands, Up brings back what was sent.
import { post } from './api.js';
import { asSlackText, commandOf, complete } from './completion.js';
import { fill, h, icon, iconButton } from './dom.js';
import { state } from './state.js';
import { toast, tried } from './toast.js';

const TALLEST_PX = 220;
const sent = []; // shared by the channel's and the thread's composer, newest last
let serial = 0;

/** A composer for `where()` -> {channel, threadTs, closed}. */
export function makeComposer({ where, label, commands = true }) {
  const id = `complete-${(serial += 1)}`;
  const area = h('textarea', { class: 'compose-area', rows: 1, 'aria-label': label, autocomplete: 'off', spellcheck: 'true', role: 'combobox', 'aria-expanded': 'false', 'aria-autocomplete': 'list', 'aria-controls': id, maxlength: 12000 });
  const list = h('div', { class: 'complete', role: 'listbox', id, 'aria-label': 'Completions', hidden: true });
  const usage = h('div', { class: 'usage', 'aria-live': 'polite' });
  const notice = h('div', { class: 'compose-notice', role: 'alert' });
  const send = h('button', { type: 'submit', class: 'send', 'aria-label': 'Send', title: 'Send (Enter)', disabled: true }, icon('send'));
  const slash = commands && iconButton('slash', 'Commands', () => insert('/'), 'quiet');
  const form = h('form', { class: 'composer' }, notice, list, h('div', { class: 'compose-box' }, area, h('div', { class: 'compose-foot' }, slash, iconButton('at', 'Mention someone', () => insert('@'), 'quiet'), usage, send)));
  let found = null;
  let at = -1;
  let back = 0; // how far Up has gone into `sent`

  function insert(sign) {
    if (sign === '/' ) area.value = area.value.startsWith('/') ? area.value : '/';
    else area.setRangeText((area.selectionStart && !/\s$/.test(area.value.slice(0, area.selectionStart)) ? ' ' : '') + sign, area.selectionStart, area.selectionEnd, 'end');
    area.focus();
    typed();
  }

  function fit() {
    area.style.setProperty('height', 'auto');
    area.style.setProperty('height', `${Math.min(area.scrollHeight, TALLEST_PX)}px`);
    send.disabled = !area.value.trim();
  }

  function typed() {
    fit();
    warn('');
    suggest();
  }

  function suggest() {
    found = complete(area.value, area.selectionStart, { commands });
    usage.textContent = found?.usage ?? '';
    at = found?.items.length && found.eager ? 0 : -1;
    draw();
  }

  function hide() {
    found = null;
    draw();
  }

  function draw() {
    const items = found?.items ?? [];
    list.hidden = items.length === 0;
    area.setAttribute('aria-expanded', String(items.length > 0));
    fill(list, items.map((item, n) => h('div', { class: `complete-item${n === at ? ' active' : ''}`, role: 'option', id: `${id}-${n}`, 'aria-selected': String(n === at), on: { mousedown: (e) => { e.preventDefault(); take(n); }, pointermove: () => { if (n !== at) { at = n; draw(); } } } },
      item.mark, h('span', { class: 'complete-label' }, item.label), item.usage && h('code', { class: 'complete-usage' }, item.usage), item.hint && h('span', { class: 'complete-hint' }, item.hint))));
    if (at >= 0) {
      area.setAttribute('aria-activedescendant', `${id}-${at}`);
      list.children[at]?.scrollIntoView({ block: 'nearest' });
    } else area.removeAttribute('aria-activedescendant');
  }

  function take(n) {
    const item = found.items[n];
    if (item.run) return shortcut(item.run);
    area.setRangeText(item.insert, found.from, found.to, 'end');
    typed();
    return undefined;
  }

  function shortcut(id) {
    area.value = '';
    typed();
    tried(() => post('act/shortcut', { user: state.me, callback_id: id, channel: where().channel }));
  }

  function warn(text) {
    fill(notice, text && [icon('warn'), h('span', null, text), iconButton('close', 'Dismiss', () => warn(''), 'quiet')]);
  }

  async function submit() {
    const text = area.value.trim();
    const spot = where();
    if (!text || spot.closed) return;
    hide();
    const command = commandOf(text);
    if (!command && /^\/[a-z][\w-]*(\s|$)/.test(text)) return warn(`${text.split(/\s/)[0]} is not a command of this workspace. Begin with a space to send it as a message.`);
    if (command && !commands) return warn('Slack takes commands in the channel, not in a thread.');
    if (sent.at(-1) !== text) sent.push(text);
    back = 0;
    area.value = '';
    area.dispatchEvent(new Event('input')); // whoever keeps drafts forgets this one
    try {
      if (command) await post('act/command', { user: state.me, channel: spot.channel, command: command.command, text: text.slice(command.command.length).trim() });
      else await post('act/message', { user: state.me, channel: spot.channel, text: asSlackText(text), thread_ts: spot.threadTs });
    } catch (error) {
      area.value ||= text;
      fit();
      toast(error.message);
    }
    return undefined;
  }

  function recall(step) {
    back = Math.max(0, Math.min(sent.length, back + step));
    area.value = back ? sent.at(-back) : '';
    fit();
    area.setSelectionRange(area.value.length, area.value.length);
  }

  function choosing(event) {
    const n = found?.items.length ?? 0;
    if (!n) return false;
    if (event.key === 'ArrowDown') at = (at + 1) % n;
    else if (event.key === 'ArrowUp') at = (at + n - 1 + (at < 0 ? 1 : 0)) % n;
    else if (event.key === 'Escape') found = null;
    else if ((event.key === 'Enter' || event.key === 'Tab') && at >= 0 && !(event.key === 'Enter' && whole())) {
      take(at);
      return true;
    } else return false;
    draw();
    return true;
  }

  // Typed out in full already: Enter then sends instead of completing.
  const whole = () => found.items[at].exact === area.value.slice(found.from, found.to) && found.items[at].exact.startsWith('/') === false;

  area.addEventListener('input', () => { back = 0; typed(); });
  area.addEventListener('blur', hide);
  area.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    if (choosing(event)) event.preventDefault();
    else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      submit();
    } else if (event.key === 'ArrowUp' && sent.length && (!area.value || back)) {
      event.preventDefault();
      recall(1);
    } else if (event.key === 'ArrowDown' && back) {
      event.preventDefault();
      recall(-1);
    }
  });
  form.addEventListener('submit', (event) => { event.preventDefault(); submit(); area.focus(); });
  return {
    form, area, warn,
    say: (text) => { area.value = text; area.focus(); typed(); },
    text: () => area.value,
    restore: (text) => { area.value = text; fit(); hide(); },
    placeholder: (text) => area.setAttribute('placeholder', text),
    close: (closed) => { area.disabled = closed; form.classList.toggle('closed', closed); },
  };
}
