// A grid of emoji to react with; type to search.
import { fill, h } from './dom.js';
import { EMOJI } from './emoji.js';
import { place } from './menu.js';

/** Opens the grid at `anchor` and calls `pick(name)` once. */
export function pickEmoji(anchor, pick) {
  const grid = h('div', { class: 'emoji-grid' });
  const input = h('input', { class: 'menu-filter', type: 'text', placeholder: 'Search emoji', 'aria-label': 'Search emoji', autocomplete: 'off' });
  const box = h('div', { class: 'menu emoji-menu', popover: 'auto', role: 'dialog', 'aria-label': 'Emoji' }, input, grid);
  const draw = () => {
    const seen = new Set();
    const names = [...EMOJI.keys()].filter((n) => n.includes(input.value.trim().toLowerCase()) && !seen.has(EMOJI.get(n)) && seen.add(EMOJI.get(n)));
    fill(grid, names.slice(0, 240).map((name) => h('button', { type: 'button', class: 'emoji-cell', 'aria-label': name.replaceAll('_', ' '), title: `:${name}:`, on: { click: () => choose(name) } }, EMOJI.get(name))));
  };
  const choose = (name) => {
    box.hidePopover();
    pick(name);
  };
  input.addEventListener('input', draw);
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && event.target === input) grid.firstElementChild?.click();
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 8, ArrowUp: -8 }[event.key];
    if (!step || (event.target === input && !['ArrowDown'].includes(event.key))) return;
    event.preventDefault();
    const cells = [...grid.children];
    const at = cells.indexOf(event.target);
    (cells[at < 0 ? 0 : at + step] ?? (step < 0 ? input : cells.at(-1)))?.focus();
  });
  box.addEventListener('toggle', (event) => {
    if (event.newState !== 'closed') return;
    anchor.setAttribute('aria-expanded', 'false');
    box.remove();
    if (anchor.isConnected && document.activeElement === document.body) anchor.focus();
  });
  document.body.append(box);
  anchor.setAttribute('aria-expanded', 'true');
  box.showPopover();
  draw();
  place(box, anchor);
  input.focus();
}
