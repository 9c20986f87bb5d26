// The middle: the open channel's header, its messages and the composer.
import { post, read } from './api.js';
import { makeComposer } from './composer.js';
import { ask } from './confirm.js';
import { $, fill, h, icon, soon } from './dom.js';
import { makeFeed, spoken } from './feed.js';
import { welcome } from './welcome.js';
import { openMenu } from './menu.js';
import { channelBox, forget, sorted, takeFresh, takePage } from './messages.js';
import { channelName, on, peer, state, user } from './state.js';
import { standing } from './avatar.js';
import { addToolbar } from './toolbar.js';
import { toast, tried } from './toast.js';
import { markRead, readUpTo } from './unread.js';

const FEW = 4; // messages up to which a newcomer is told what to try
const POINT_MS = 15_000;
const drafts = new Map();
let feed;
let composer;
let newFrom = null;
let waiting = 0; // messages below that arrived while the reader was further up
let loadingOlder = false;
let pillTimer = null;

const openId = () => (state.here?.kind === 'channel' ? state.here.id : null);
const open = () => state.channels.get(openId());

function drawHeader() {
  const channel = open();
  if (!channel) return;
  const person = channel.is_im && user(peer(channel));
  fill($('#channel-name'), icon(channel.is_im ? 'bell' : channel.is_private ? 'lock' : 'hash'), h('span', null, channelName(channel)), icon('down-small'));
  $('#channel-name').querySelector('.icon').classList.toggle('gone', Boolean(person && !person.is_bot));
  const members = (channel.members ?? []).length;
  fill($('#channel-topic'), person ? standing(person, state.team.id) : h('span', { class: 'topic-words' }, channel.topic), !channel.is_im && h('span', { class: 'members' }, icon('people'), `${members}`));
  const closed = Boolean(channel.is_archived);
  composer.close(closed);
  composer.placeholder(closed ? 'This channel is archived' : channel.is_im ? `Message ${channelName(channel)}` : `Message #${channel.name}, or type / for commands`);
}

function draw() {
  const id = openId();
  if (!id) return;
  const box = channelBox(id);
  if (!box.loaded) return;
  const messages = sorted(box.items);
  feed.draw(messages, { newFrom });
  fill(feed.top, box.more ? h('div', { class: 'older' }, 'Older messages load as you scroll up') : welcome(open(), messages.length < FEW, (text) => composer.say(text)));
  drawPill();
}

function drawPill() {
  if (feed.atBottom()) waiting = 0;
  const pill = $('#new-pill');
  pill.hidden = waiting === 0;
  fill(pill, icon('down-small'), `${waiting} new ${waiting === 1 ? 'message' : 'messages'}`);
}

// A card further up that now says something else: a way there, for as long as it is out of sight.
function pointUp({ channel, message }) {
  if (channel !== openId()) return;
  const pill = $('#above-pill');
  const target = () => [...feed.list.children].find((n) => n.dataset.ts === message.ts);
  const hidden = () => (target()?.getBoundingClientRect().bottom ?? Infinity) < $('#scroller').getBoundingClientRect().top + 40;
  pill.hidden = !hidden();
  if (pill.hidden) return;
  fill(pill, icon('up-small'), h('span', null, String(message.text).slice(0, 90)));
  clearTimeout(pillTimer);
  pillTimer = setTimeout(() => { pill.hidden = true; }, POINT_MS);
  pill.onclick = () => {
    pill.hidden = true;
    target()?.scrollIntoView({ block: 'center' });
    target()?.focus({ preventScroll: true });
  };
}

/** Whether the reader sees the end of this channel right now. */
export const watching = (channel) => openId() === channel && !document.hidden && feed.atBottom();

async function load({ again = false } = {}) {
  const id = openId();
  if (!id) return;
  const who = state.me;
  const stay = again && !feed.atBottom();
  try {
    const answer = await read('messages', { channel: id, user: who, limit: 50 });
    if (openId() !== id || state.me !== who) return;
    (again ? takeFresh : takePage)(id, answer.messages, answer.has_more);
  } catch (error) {
    toast(error.message);
    return;
  }
  draw();
  if (!stay) feed.toBottom();
  if (!document.hidden) markRead(id);
}

async function loadOlder() {
  const id = openId();
  const box = channelBox(id);
  if (loadingOlder || !box.more || !box.loaded) return;
  loadingOlder = true;
  try {
    const before = sorted(box.items).find((m) => !m.ephemeral)?.ts;
    const answer = await read('messages', { channel: id, user: state.me, before, limit: 50 });
    takePage(id, answer.messages, answer.has_more);
    if (openId() === id) draw();
  } catch (error) {
    toast(error.message);
  }
  loadingOlder = false;
}

function show() {
  const id = openId();
  $('#channel-view').hidden = !id;
  if (!id) return;
  $('#above-pill').hidden = true;
  newFrom = readUpTo(id);
  waiting = 0;
  feed.forget();
  fill(feed.list);
  fill(feed.top);
  composer.restore(drafts.get(id) ?? '');
  feed.list.setAttribute('aria-label', `Messages in ${channelName(open())}`);
  drawHeader();
  channelBox(id).loaded = false;
  load();
}

const drawSoon = soon(() => {
  draw();
  if (openId() && watching(openId())) markRead(openId());
});

function arrived({ channel, message, isNew }) {
  if (channel !== openId()) return;
  const mine = message?.user === state.me && isNew;
  if (isNew && !feed.atBottom() && !mine) waiting += 1;
  if (mine) feed.pin();
  drawSoon();
  if (isNew && message) $('#spoken').textContent = spoken(message);
}

function channelMenu() {
  const channel = open();
  if (!channel || channel.is_im) return;
  const inside = (channel.members ?? []).includes(state.app.bot_user_id);
  const act = (verb) => () => tried(() => post('act/channel', { user: state.me, channel: channel.id, do: verb }));
  const items = [
    inside ? { label: `Remove ${state.app.name} from this channel`, mark: icon('close'), run: act('kick_app') } : { label: `Invite ${state.app.name}`, mark: icon('plus'), run: act('invite_app') },
    channel.is_archived ? { label: 'Unarchive', mark: icon('archive'), run: act('unarchive') } : { label: 'Archive channel', mark: icon('archive'), danger: true, run: () => archive(channel, act('archive')) },
  ];
  openMenu($('#channel-name'), { items, label: 'Channel', role: 'menu', filter: false, pick: (item) => item.run() });
}

async function archive(channel, run) {
  if (await ask({ title: `Archive #${channel.name}`, body: 'Nobody can post here afterwards; apps get is_archived. It can be unarchived.', yes: 'Archive', danger: true })) run();
}

/** Builds the channel view once and keeps it current. */
export function startChannel() {
  feed = makeFeed($('#scroller'), { channel: openId, label: 'Messages' });
  composer = makeComposer({ where: () => ({ channel: openId(), closed: open()?.is_archived }), label: 'Message' });
  $('#composer').append(composer.form);
  addToolbar(feed.list, { channel: openId });
  composer.area.addEventListener('input', () => drafts.set(openId(), composer.text()));
  composer.form.addEventListener('submit', () => drafts.delete(openId()));
  $('#new-pill').addEventListener('click', () => { feed.toBottom(); waiting = 0; drawPill(); });
  $('#channel-name').addEventListener('click', channelMenu);
  $('#scroller').addEventListener('scroll', () => {
    if ($('#scroller').scrollTop < 160) loadOlder();
    if (feed.atBottom()) drawPill();
    if (openId() && watching(openId())) markRead(openId());
  });
  document.addEventListener('visibilitychange', () => openId() && watching(openId()) && markRead(openId()));
  on('here', show);
  on('messages', arrived);
  on('said-anew', pointUp);
  on('channels', drawHeader);
  on('reload', () => { forget(); show(); });
  on('again', () => load({ again: true }));
  on('warn-command', (text) => composer.warn(text));
  on('compose', (text) => composer.say(text));
}
