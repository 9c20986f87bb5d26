// Select menus: of the app's own options, of people, of channels; one or several.
import { avatar } from './avatar.js';
import { add, fill, h, icon } from './dom.js';
import { openMenu } from './menu.js';
import { channelName, personName, state, visible } from './state.js';
import { textNode, words } from './text.js';
import { begin, enter } from './values.js';

const asItem = (o, group) => ({ label: textNode(o.text), words: words(o.text), hint: o.description && textNode(o.description), value: o.value, full: o, group });

function options(element) {
  if (element.option_groups) return element.option_groups.flatMap((g) => (g.options ?? []).map((o) => asItem(o, words(g.label))));
  return (element.options ?? []).map((o) => asItem(o));
}

const people = () => [...state.users.values()].filter((u) => !u.deleted)
  .map((u) => ({ label: personName(u), words: `${u.real_name} ${u.name}`, hint: `@${u.name}`, mark: avatar(u, 'small'), value: u.id, full: u.id }));

const rooms = ({ ims }) => [...state.channels.values()].filter((c) => visible(c) && !c.is_archived && (ims || !c.is_im))
  .map((c) => ({ label: `${c.is_im ? '' : '#'}${channelName(c)}`, value: c.id, full: c.id }));

function select({ items, one, many, multi, initial, ids }) {
  const key = multi ? many : one;
  return (element, block, surface, label) => {
    const start = begin(surface, block, element, { [key]: element[initial] ?? (multi ? [] : null) });
    const idOf = (v) => (ids ? v : v?.value);
    const chosen = (multi ? start[key] : [start[key]]).filter(Boolean).map(idOf);
    const control = h('button', { type: 'button', class: 'select', 'aria-haspopup': 'listbox', 'aria-expanded': 'false', 'aria-label': label || words(element.placeholder) || 'Select', data: { action: element.action_id ?? '' } });
    const draw = () => {
      const picked = items(element).filter((i) => chosen.includes(i.value));
      const shown = picked.map((i) => (multi ? h('span', { class: 'chip' }, i.words ?? i.label) : i.words ?? i.label));
      fill(control, h('span', { class: picked.length ? 'select-value' : 'select-empty' }, shown.length ? shown : words(element.placeholder) || 'Choose an option'), icon('down-small'));
      control.setAttribute('aria-label', [label || words(element.placeholder) || 'Select', ...picked.map((i) => i.words ?? i.label)].join(': '));
    };
    const pick = (item) => {
      if (!multi) chosen.splice(0, chosen.length, item.value);
      else if (chosen.includes(item.value)) chosen.splice(chosen.indexOf(item.value), 1);
      else chosen.push(item.value);
      if (multi && element.max_selected_items && chosen.length > element.max_selected_items) chosen.shift();
      const values = items(element).filter((i) => chosen.includes(i.value)).map((i) => i.full);
      draw();
      enter(surface, block, element, { [key]: multi ? values : values[0] ?? null }, control);
    };
    control.addEventListener('click', () => {
      const list = items(element).map((i) => ({ ...i, selected: chosen.includes(i.value) }));
      openMenu(control, { items: list, pick, multi, label: label || words(element.placeholder) || 'Options', empty: 'No option matches' });
    });
    draw();
    return control;
  };
}

function external(element) {
  const control = h('div', { class: 'unsupported' });
  return add(control, `${element.type} asks the app for its options, which the local workspace does not do`);
}

const fixed = { items: options, one: 'selected_option', many: 'selected_options' };
const users = { items: people, one: 'selected_user', many: 'selected_users', ids: true };
const conversations = { items: () => rooms({ ims: true }), one: 'selected_conversation', many: 'selected_conversations', ids: true };
const channels = { items: () => rooms({ ims: false }), one: 'selected_channel', many: 'selected_channels', ids: true };

export const SELECTS = {
  static_select: select({ ...fixed, initial: 'initial_option' }),
  multi_static_select: select({ ...fixed, multi: true, initial: 'initial_options' }),
  users_select: select({ ...users, initial: 'initial_user' }),
  multi_users_select: select({ ...users, multi: true, initial: 'initial_users' }),
  conversations_select: select({ ...conversations, initial: 'initial_conversation' }),
  multi_conversations_select: select({ ...conversations, multi: true, initial: 'initial_conversations' }),
  channels_select: select({ ...channels, initial: 'initial_channel' }),
  multi_channels_select: select({ ...channels, multi: true, initial: 'initial_channels' }),
  external_select: external,
  multi_external_select: external,
};
