// The App Home: the view that the app published for the acting person, and the way to its messages.
import { post, read } from './api.js';
import { blocks } from './blocks.js';
import { $, fill, h, icon } from './dom.js';
import { appChannel, me, on, personName, state } from './state.js';
import { toast } from './toast.js';

let values = {};
let seen = null;

function empty() {
  return h('div', { class: 'home-empty' }, h('div', { class: 'welcome-mark' }, icon('bell')), h('h2', null, `${state.app.name} has nothing here for ${personName(me())} yet`), h('p', null, 'It is asked for a Home each time this page is opened; what it publishes appears here by itself.'));
}

function draw(view) {
  const kept = new Set((view?.blocks ?? []).map((b) => b.block_id));
  values = Object.fromEntries(Object.entries(values).filter(([id]) => kept.has(id)));
  seen = view;
  fill($('#home-body'), view ? blocks(view.blocks, { view: () => seen?.id, values }) : empty());
}

async function show() {
  const open = state.here?.kind === 'home';
  $('#home-view').hidden = !open;
  if (!open) return;
  const dm = appChannel();
  $('#home-name').textContent = state.app.name;
  fill($('#home-tabs'), h('a', { class: 'tab', 'aria-current': 'page', href: '#/home' }, 'Home'), dm && h('a', { class: 'tab', href: `#/${dm.id}` }, 'Messages'));
  const who = state.me;
  try {
    const answer = await read('home', { user: who });
    if (state.here?.kind !== 'home' || state.me !== who) return;
    draw(answer.view);
    await post('act/home', { user: who });
  } catch (error) {
    toast(error.message);
  }
}

export function startHome() {
  on('here', show);
  for (const topic of ['reload', 'again']) on(topic, show);
  on('home', ({ user, view }) => user === state.me && state.here?.kind === 'home' && draw(view));
}
