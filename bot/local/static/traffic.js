// The traffic drawer: the latest calls to the workspace's Web API and what it delivered to the app.
import { read } from './api.js';
import { clockSeconds } from './dates.js';
import { $, fill, h, icon, iconButton } from './dom.js';

const EVERY_MS = 1_500;
let timer = null;
let only = '';

const isBad = (line) => !/^(ok|acked?|2\d\d|101)\b/i.test(String(line.status ?? 'ok'));

function row(line) {
  const inward = line.direction === 'in';
  return h('tr', { class: isBad(line) ? 'bad' : '' }, h('td', { class: 'muted' }, clockSeconds(line.at)), h('td', null, h('span', { class: `way way-${inward ? 'in' : 'out'}` }, icon(inward ? 'in' : 'out'), inward ? 'call' : 'delivery')),
    h('td', null, h('code', null, line.method)), h('td', null, String(line.status ?? '')), h('td', { class: 'muted align-right' }, line.ms === undefined || line.ms === null ? '' : `${Math.round(line.ms * 10) / 10} ms`), h('td', { class: 'summary', title: line.summary }, line.summary));
}

async function draw() {
  let lines;
  try {
    const answer = await read('log', { limit: 200 });
    lines = answer.log ?? [];
  } catch (error) {
    fill($('#traffic-body'), h('tr', null, h('td', { colspan: 6 }, error.message)));
    return;
  }
  const shown = [...lines].sort((a, b) => Number(b.at) - Number(a.at)).filter((l) => !only || l.direction === only);
  fill($('#traffic-body'), shown.length ? shown.map(row) : h('tr', null, h('td', { colspan: 6, class: 'muted' }, 'Nothing yet.')));
}

function toggle() {
  const show = $('#traffic').hidden;
  $('#traffic').hidden = !show;
  $('#traffic-toggle').setAttribute('aria-expanded', String(show));
  clearInterval(timer);
  if (!show) return $('#traffic-toggle').focus();
  draw();
  timer = setInterval(draw, EVERY_MS);
  return $('#traffic-filter').focus();
}

export function startTraffic() {
  $('#traffic-toggle').addEventListener('click', toggle);
  $('#traffic-close').replaceWith(iconButton('close', 'Close traffic', toggle));
  $('#traffic-filter').addEventListener('change', (event) => { only = event.target.value; draw(); });
  $('#traffic').addEventListener('keydown', (event) => event.key === 'Escape' && toggle());
}
