// The panel beside the channels: processes with their state, and buttons that act on them at once.
import { post } from './api.js';
import { $, fill, h, icon, iconButton } from './dom.js';
import { on, state } from './state.js';
import { tried } from './toast.js';

const GIVE_UP_MS = 10_000;
const KINDS = { pd: 'Placement drivers', store: 'Stores' };
const VERBS = { kill: ['skull', 'Kill'], pause: ['pause', 'Pause'], stop: ['square', 'Stop'], start: ['play', 'Start'], resume: ['play', 'Resume'] };
const busy = new Map(); // name -> {verb, state, timer}
const rows = new Map(); // name -> {node, word, detail, verbs, shape, state}
let layout = '';

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
  return h('button', { type: 'button', class: `verb verb-${verb}${waits?.verb === verb ? ' busy' : ''}`, 'aria-disabled': waits ? 'true' : null, 'aria-label': `${word} ${item.name}`, data: { verb }, on: { click: () => busy.has(item.name) || act(item, verb) } }, icon(mark), h('span', null, word));
}

// A row lives as long as its process: a click in progress must find the button that it began on.
function row(item) {
  if (!rows.has(item.name)) rows.set(item.name, build(item.name));
  const it = rows.get(item.name);
  const health = ['ok', 'warn', 'bad'].includes(item.health) ? item.health : 'unknown';
  const turned = it.state !== undefined && it.state !== item.state;
  it.node.className = `unit health-${health} state-${item.state}${turned || it.node.classList.contains('turned') ? ' turned' : ''}`;
  it.word.textContent = item.state;
  it.detail.textContent = item.detail ?? '';
  it.detail.title = item.detail ?? '';
  const shape = JSON.stringify([item.verbs, busy.get(item.name)?.verb]);
  if (shape !== it.shape) {
    const had = it.verbs.contains(document.activeElement) && document.activeElement.dataset.verb;
    fill(it.verbs, (item.verbs ?? []).map((v) => button(item, v)));
    if (had) ([...it.verbs.children].find((b) => b.dataset.verb === had) ?? it.verbs.firstElementChild ?? it.node).focus();
  }
  it.shape = shape;
  it.state = item.state;
  return it.node;
}

function build(name) {
  const word = h('span', { class: 'unit-state' });
  const detail = h('span', { class: 'unit-detail' });
  const verbs = h('div', { class: 'unit-verbs' });
  const node = h('li', { class: 'unit', tabindex: -1, data: { name }, on: { animationend: (e) => node.classList.remove(e.animationName === 'glow' ? 'turned' : 'pointed') } },
    h('div', { class: 'unit-head' }, h('span', { class: 'dot', 'aria-hidden': 'true' }), h('span', { class: 'unit-name' }, name)), verbs, h('div', { class: 'unit-line' }, word, detail));
  return { node, word, detail, verbs };
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
  const groups = kinds.map((kind) => [kind, items.filter((i) => i.kind === kind).map(row)]);
  const order = JSON.stringify([items.map((i) => [i.kind, i.name]), panel.note]);
  if (order !== layout) fill($('#panel-body'), groups.map(([kind, nodes]) => [h('h3', { class: 'panel-kind' }, KINDS[kind] ?? kind), h('ul', { class: 'units' }, nodes)]), panel.note && h('p', { class: 'panel-note' }, panel.note));
  layout = order;
}

function toggle(show = !$('#panel').checkVisibility()) {
  document.body.classList.toggle('panel-closed', !show);
  document.body.classList.toggle('panel-drawn', show);
  $('#panel-toggle').setAttribute('aria-expanded', String(show));
}

/** Brings one process to the reader's eye. */
function pointAt(name) {
  toggle(true);
  const node = rows.get(name)?.node;
  node?.scrollIntoView({ block: 'center' });
  node?.querySelector('button')?.focus();
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
