// The left side: the workspace, who one acts as, channels, direct messages, apps.
import { post } from './api.js';
import { avatar, standing } from './avatar.js';
import { hereTime } from './dates.js';
import { $, fill, h, icon, iconButton, soon } from './dom.js';
import { openMenu } from './menu.js';
import { promptName } from './prompt.js';
import { channelName, me, on, peer, personName, state, tell, user, visible } from './state.js';
import { tried } from './toast.js';
import { unread } from './unread.js';

const byName = (a, b) => channelName(a).localeCompare(channelName(b));

function row(channel, mark) {
  const { isNew, count, mentions } = unread(channel);
  const here = state.here?.kind === 'channel' && state.here.id === channel.id;
  const badge = channel.is_im ? count : mentions;
  return h('li', null, h('a', { href: `#/${channel.id}`, class: `side-row${isNew && !here ? ' unread' : ''}${channel.is_archived ? ' archived' : ''}`, 'aria-current': here ? 'page' : null },
    mark, h('span', { class: 'side-name' }, channelName(channel)), channel.is_archived && h('span', { class: 'side-note' }, 'archived'),
    isNew && !here && h('span', { class: 'sr' }, ' (unread)'), badge > 0 && !here && h('span', { class: 'count', 'aria-label': `${badge} new` }, String(badge))));
}

function drawChannels() {
  const seen = [...state.channels.values()].filter(visible);
  const rooms = seen.filter((c) => !c.is_im).sort((a, b) => Number(a.is_archived ?? 0) - Number(b.is_archived ?? 0) || byName(a, b));
  const ims = seen.filter((c) => c.is_im && peer(c) !== state.app.bot_user_id).sort(byName);
  fill($('#channels'), rooms.map((c) => row(c, icon(c.is_private ? 'lock' : 'hash'))));
  fill($('#dms'), ims.map((c) => row(c, avatar(user(peer(c)), 'tiny'))));
  $('#dm-section').hidden = ims.length === 0;
  const home = state.here?.kind === 'home' || (state.here?.kind === 'channel' && state.channels.get(state.here.id)?.is_im && peer(state.channels.get(state.here.id)) === state.app.bot_user_id);
  const im = seen.find((c) => c.is_im && peer(c) === state.app.bot_user_id);
  const news = im && unread(im).isNew && !home;
  const live = state.app.connected > 0;
  fill($('#apps'), h('li', null, h('a', { href: '#/home', class: `side-row${news ? ' unread' : ''}`, 'aria-current': home ? 'page' : null },
    avatar({ is_bot: true }, 'tiny'), h('span', { class: 'side-name' }, state.app.name), h('span', { class: `link-dot${live ? ' up' : ''}`, title: live ? `Connected (${state.app.connected})` : 'Not connected by socket' }),
    h('span', { class: 'sr' }, live ? 'connected' : 'not connected'))));
}

function drawMe() {
  const person = me();
  if (!person) return;
  fill($('#me'), avatar(person), h('span', { class: 'me-words' }, h('span', { class: 'me-name' }, personName(person)), h('span', { class: 'me-note' }, `${standing(person, state.team.id)} · ${hereTime(person.tz)}`)), icon('updown'));
  $('#me').setAttribute('aria-label', `Acting as ${personName(person)}. Change person`);
}

function choosePerson() {
  const items = [...state.users.values()].filter((u) => !u.is_bot).map((u) => ({
    label: personName(u), words: `${u.real_name} ${u.name}`, hint: `${standing(u, state.team.id)} · ${hereTime(u.tz)}`, mark: avatar(u, 'small'), selected: u.id === state.me, value: u.id,
  }));
  openMenu($('#me'), { items, label: 'Act as', filter: false, pick: (item) => tell('act-as', item.value) });
}

async function newChannel() {
  const name = await promptName({ title: 'Create a channel', label: 'Name', yes: 'Create' });
  if (name) await tried(() => post('act/channel', { user: state.me, do: 'create', name }));
}

/** Builds the sidebar once; it redraws itself when what it shows changes. */
export function startSidebar() {
  $('#me').addEventListener('click', choosePerson);
  $('#add-channel').replaceWith(iconButton('plus', 'Create a channel', newChannel, 'on-ink'));
  const all = soon(() => {
    const held = document.activeElement?.closest('.side-scroll a')?.getAttribute('href');
    $('#team-name').textContent = state.team.name;
    drawChannels();
    drawMe();
    if (held) [...document.querySelectorAll('.side-scroll a')].find((a) => a.getAttribute('href') === held)?.focus({ preventScroll: true });
  });
  for (const topic of ['state', 'channels', 'here', 'unread', 'app', 'me']) on(topic, all);
  setInterval(drawMe, 30_000);
}
