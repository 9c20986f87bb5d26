// Ctrl+K: jump to a channel, a person or the app's Home by typing a few letters of it.
import { avatar } from './avatar.js';
import { fill, h, icon } from './dom.js';
import { channelName, peer, state, user, visible } from './state.js';

let box = null;

function places() {
  const rooms = [...state.channels.values()].filter(visible);
  return [
    ...rooms.filter((c) => !c.is_im).map((c) => ({ href: `#/${c.id}`, name: c.name, note: c.topic, mark: icon(c.is_private ? 'lock' : 'hash') })),
    ...rooms.filter((c) => c.is_im).map((c) => ({ href: `#/${c.id}`, name: channelName(c), note: 'Direct messages', mark: avatar(user(peer(c)), 'tiny') })),
    { href: '#/home', name: state.app.name, note: 'App Home', mark: avatar({ is_bot: true }, 'tiny') },
  ];
}

export function openSwitcher() {
  if (box) return;
  const all = places();
  let shown = [];
  let at = 0;
  const input = h('input', { class: 'switch-input', type: 'text', placeholder: 'Jump to…', role: 'combobox', 'aria-expanded': 'true', 'aria-controls': 'switch-list', 'aria-label': 'Jump to', autocomplete: 'off', spellcheck: 'false' });
  const list = h('div', { id: 'switch-list', class: 'switch-list', role: 'listbox', 'aria-label': 'Places' });
  box = h('dialog', { class: 'dialog dialog-switch', 'aria-label': 'Jump to' }, input, list);
  const draw = () => {
    const query = input.value.trim().toLowerCase().replace(/^[#@]/, '');
    shown = all.filter((p) => p.name.toLowerCase().includes(query));
    at = Math.min(at, Math.max(0, shown.length - 1));
    fill(list, shown.length ? shown.map((p, n) => h('div', { class: `menu-item${n === at ? ' active' : ''}`, role: 'option', id: `switch-${n}`, 'aria-selected': String(n === at), on: { click: () => go(p) } }, p.mark, h('span', { class: 'menu-words' }, h('span', { class: 'menu-label' }, p.name), p.note && h('span', { class: 'menu-hint' }, p.note)))) : h('div', { class: 'menu-empty' }, 'No such place'));
    input.setAttribute('aria-activedescendant', shown.length ? `switch-${at}` : '');
    list.children[at]?.scrollIntoView({ block: 'nearest' });
  };
  const go = (place) => {
    box.close();
    location.hash = place.href;
  };
  input.addEventListener('input', () => { at = 0; draw(); });
  input.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && shown.length) at = (at + step + shown.length) % shown.length;
    else if (event.key === 'Enter' && shown[at]) go(shown[at]);
    else return;
    event.preventDefault();
    draw();
  });
  box.addEventListener('close', () => { box.remove(); box = null; });
  box.addEventListener('click', (event) => event.target === box && box.close());
  document.body.append(box);
  box.showModal();
  draw();
  input.focus();
}
