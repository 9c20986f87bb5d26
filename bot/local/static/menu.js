// A list that opens beside a control: selects, overflow menus, the switch of persons. Arrow keys, Enter, Escape, typing.
import { add, fill, h, icon } from './dom.js';

let serial = 0;
let open = null;

/**
 * Opens a menu at `anchor`. Each item: {label (node or text), words, hint, mark, group, selected, danger, value}.
 * `pick(item)` is called for the chosen one; with `multi` the menu stays open and `pick` toggles.
 */
export function openMenu(anchor, { items, pick, label, filter = items.length > 8, multi = false, empty = 'Nothing matches', role = 'listbox' }) {
  if (open?.anchor === anchor) return open.close();
  open?.close();
  const id = `menu-${(serial += 1)}`;
  const list = h('div', { class: 'menu-list', role, id, 'aria-label': label, 'aria-multiselectable': multi || null, tabindex: filter ? -1 : 0 });
  const input = filter ? h('input', { class: 'menu-filter', type: 'text', placeholder: 'Search', role: 'combobox', 'aria-expanded': 'true', 'aria-controls': id, 'aria-label': `Search ${label}`, autocomplete: 'off', spellcheck: 'false' }) : null;
  const root = h('div', { class: 'menu', popover: 'auto' }, input, list);
  const view = { shown: [], rows: [], at: -1 };
  const focusTarget = input || list;

  function draw() {
    const query = (input?.value ?? '').trim().toLowerCase();
    view.shown = items.filter((item) => !query || wordsOf(item).toLowerCase().includes(query));
    let group = null;
    const nodes = [];
    view.rows = view.shown.map((item, n) => {
      if (item.group && item.group !== group) nodes.push(h('div', { class: 'menu-group', role: 'presentation' }, (group = item.group)));
      const row = line(item, n);
      nodes.push(row);
      return row;
    });
    fill(list, view.rows.length ? nodes : h('div', { class: 'menu-empty' }, empty));
    move(Math.max(0, view.shown.findIndex((item) => item.selected)));
  }

  function line(item, n) {
    const option = role === 'menu' ? 'menuitem' : 'option';
    const row = h('div', { class: `menu-item${item.danger ? ' danger' : ''}`, role: option, id: `${id}-${n}`, 'aria-selected': option === 'option' ? String(Boolean(item.selected)) : null,
      on: { click: () => choose(n), pointermove: () => view.at !== n && move(n, false) } });
    add(row, item.mark, h('span', { class: 'menu-words' }, h('span', { class: 'menu-label' }, item.label), item.hint && h('span', { class: 'menu-hint' }, item.hint)), item.selected && icon('check', 'menu-check'));
    return row;
  }

  function move(to, scroll = true) {
    view.rows[view.at]?.classList.remove('active');
    view.at = view.rows.length ? (to + view.rows.length) % view.rows.length : -1;
    const row = view.rows[view.at];
    row?.classList.add('active');
    if (row) focusTarget.setAttribute('aria-activedescendant', row.id);
    if (scroll) row?.scrollIntoView({ block: 'nearest' });
  }

  function choose(n) {
    const item = view.shown[n];
    if (!item) return;
    if (multi) item.selected = !item.selected;
    else close();
    pick(item);
    if (multi) {
      draw();
      move(n);
    }
  }

  function close() {
    if (root.isConnected && root.matches(':popover-open')) root.hidePopover();
  }

  root.addEventListener('keydown', (event) => {
    const steps = { ArrowDown: view.at + 1, ArrowUp: view.at - 1, ...(input ? {} : { Home: 0, End: view.rows.length - 1 }) };
    if (event.key in steps) move(steps[event.key]);
    else if (event.key === 'Enter' || (event.key === ' ' && !input)) choose(view.at);
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else return;
    if (event.key !== 'Tab') event.preventDefault();
    event.stopPropagation();
  });
  input?.addEventListener('input', draw);
  root.addEventListener('toggle', (event) => {
    if (event.newState !== 'closed') return;
    const hadFocus = root.contains(document.activeElement) || document.activeElement === document.body;
    root.remove();
    anchor.setAttribute('aria-expanded', 'false');
    if (hadFocus && anchor.isConnected) anchor.focus();
    // A click on the anchor closes the list first; the same click must not open it again.
    setTimeout(() => { if (open?.anchor === anchor) open = null; });
  });

  (anchor.closest('dialog') ?? document.body).append(root);
  anchor.setAttribute('aria-expanded', 'true');
  root.showPopover();
  draw();
  place(root, anchor);
  focusTarget.focus();
  open = { anchor, close };
  return undefined;
}

const wordsOf = (item) => item.words ?? (typeof item.label === 'string' ? item.label : item.label?.textContent ?? '');

/** Puts a floating box under its anchor, or above where there is more room. */
export function place(box, anchor, gap = 4) {
  const spot = anchor.getBoundingClientRect();
  const below = innerHeight - spot.bottom - 12;
  const above = spot.top - 12;
  const up = below < Math.min(box.scrollHeight, 220) && above > below;
  box.style.setProperty('min-width', `${Math.max(180, Math.min(spot.width, 420))}px`);
  box.style.setProperty('max-height', `${Math.min(360, up ? above : below)}px`);
  const left = Math.max(8, Math.min(spot.left, innerWidth - box.offsetWidth - 8));
  box.style.setProperty('left', `${left}px`);
  if (up) box.style.setProperty('bottom', `${innerHeight - spot.top + gap}px`);
  else box.style.setProperty('top', `${spot.bottom + gap}px`);
}
