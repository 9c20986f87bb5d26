// The panel beside the channels: processes with their state, and buttons that act on them at once.
import { post } from './api.js';
import { $, fill, h, icon, iconButton } from './dom.js';
import { on, state } from './state.js';
import { tried } from './toast.js';

const GIVE_UP_MS = 10_000;
const KINDS = { pd: 'Placement drivers', store: 'Stores' };
const VERBS = { kill: ['skull', 'Kill'], pause: ['pause', 'Pause'], start: ['play', 'Start'], resume: ['play', 'Resume'] };
const busy = new Map(); // name -> {verb, state, timer}
const rows = new Map(); // name -> {shape, node}

const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);

async function act(item, verb) {
  const timer = setTimeout(() => done(item.name), GIVE_UP_MS);
  busy.set(item.name, { verb, state: item.state, timer });
  draw();
  if (!(await tried(() => post('panel', { name: item.name, verb })))) done(item.name);
}

function done(name) {
  clearTimeout(busy.get(name)?.timer);
  busy.delete(name);
  draw();
}

function button(item, verb) {
  const [mark, word] = VERBS[verb] ?? ['zap', capital(verb)];
  const waits = busy.get(item.name);
  return h('button', { type: 'button', class: `verb verb-${verb}${waits?.verb === verb ? ' busy' : ''}`, disabled: Boolean(waits), 'aria-label': `${word} ${item.name}`, data: { verb }, on: { click: () => act(item, verb) } }, icon(mark), h('span', null, word));
}

function row(item) {
  const shape = JSON.stringify([item, busy.get(item.name)?.verb]);
  const before = rows.get(item.name);
  if (before?.shape === shape) return before.node;
  const health = ['ok', 'warn', 'bad'].includes(item.health) ? item.health : 'unknown';
  const turned = before && before.state !== item.state;
  const node = h('li', { class: `unit health-${health} state-${item.state}${turned ? ' turned' : ''}`, data: { name: item.name } },
    h('div', { class: 'unit-head' }, h('span', { class: 'dot', 'aria-hidden': 'true' }), h('span', { class: 'unit-name' }, item.name), h('span', { class: 'unit-state' }, item.state)),
    item.detail && h('div', { class: 'unit-detail', title: item.detail }, item.detail), h('div', { class: 'unit-verbs' }, (item.verbs ?? []).map((v) => button(item, v))));
  const verb = before?.node.contains(document.activeElement) && document.activeElement.dataset.verb;
  if (verb) queueMicrotask(() => (node.querySelector(`[data-verb="${CSS.escape(verb)}"]:not(:disabled)`) ?? node.querySelector('button:not(:disabled)'))?.focus());
  rows.set(item.name, { shape, node, state: item.state });
  return node;
}

function summary(items) {
  const bad = items.filter((i) => i.state !== 'running');
  if (!bad.length) return [h('span', { class: 'dot', 'aria-hidden': 'true' }), `all ${items.length} running`];
  return [h('span', { class: 'dot', 'aria-hidden': 'true' }), `${bad.length} of ${items.length} not running`];
}

function draw() {
  const panel = state.panel;
  $('#panel').hidden = !panel;
  document.body.classList.toggle('no-panel', !panel);
  if (!panel) return;
  const items = panel.items ?? [];
  for (const item of items) if (busy.has(item.name) && busy.get(item.name).state !== item.state) { clearTimeout(busy.get(item.name).timer); busy.delete(item.name); }
  $('#panel-title').textContent = capital(panel.title ?? 'Panel');
  const well = items.every((i) => i.state === 'running');
  fill($('#panel-summary'), summary(items));
  $('#panel-summary').className = `panel-summary ${well ? 'health-ok' : 'health-bad'}`;
  const kinds = [...new Set(items.map((i) => i.kind))];
  const groups = kinds.map((kind) => [h('h3', { class: 'panel-kind' }, KINDS[kind] ?? kind), h('ul', { class: 'units' }, items.filter((i) => i.kind === kind).map(row))]);
  fill($('#panel-body'), groups, panel.note && h('p', { class: 'panel-note' }, panel.note));
}

function toggle(show = document.body.classList.contains('panel-closed')) {
  document.body.classList.toggle('panel-closed', !show);
  document.body.classList.toggle('panel-drawn', show);
  $('#panel-toggle').setAttribute('aria-expanded', String(show));
}

/** Brings one process to the reader's eye. */
function pointAt(name) {
  toggle(true);
  const node = rows.get(name)?.node;
  node?.scrollIntoView({ block: 'center' });
  node?.querySelector('button:not(:disabled)')?.focus();
  node?.classList.remove('pointed');
  requestAnimationFrame(() => node?.classList.add('pointed'));
}

export function startPanel() {
  $('#panel-toggle').addEventListener('click', () => toggle());
  $('#panel-close').replaceWith(iconButton('right', 'Hide the panel', () => { toggle(false); $('#panel-toggle').focus(); }));
  on('panel', draw);
  on('state', draw);
  on('point-at', pointAt);
}
