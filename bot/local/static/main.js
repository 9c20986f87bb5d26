// The page: starts its parts in order, takes the news, and knows where the reader is.
import { warnLast } from './act.js';
import { read } from './api.js';
import { startChannel, watching } from './channel.js';
import { useZone } from './dates.js';
import { $, fill, icon, soon } from './dom.js';
import { startHome } from './home.js';
import { startKeys } from './keyboard.js';
import { connect } from './live.js';
import { drop, find, isReply, namesMe, put } from './messages.js';
import * as modals from './modals.js';
import { startPanel } from './panel.js';
import { startSidebar } from './sidebar.js';
import { channelName, me, on, state, take, tell, visible } from './state.js';
import { startThread } from './thread.js';
import { toast } from './toast.js';
import { startTraffic } from './traffic.js';
import { countUnread, unreadTotal } from './unread.js';

const remember = (name, value) => {
  try { sessionStorage.setItem(name, value); } catch { /* only convenience */ }
};
const recalled = (name) => {
  try { return sessionStorage.getItem(name); } catch { return null; }
};

async function refresh() {
  take(await read('state'));
  if (!state.users.has(state.me)) state.me = [...state.users.values()].find((u) => u.name === recalled('me'))?.id ?? firstPerson();
  useZone(me()?.tz);
  tell('state');
}

const firstPerson = () => {
  const people = [...state.users.values()].filter((u) => !u.is_bot && !u.deleted && !u.is_restricted);
  return (people.find((u) => u.is_admin) ?? people[0])?.id ?? '';
};

function route() {
  const wanted = decodeURIComponent(location.hash.replace(/^#\/?/, ''));
  if (wanted === 'home') state.here = { kind: 'home' };
  else {
    const channel = state.channels.get(wanted);
    state.here = { kind: 'channel', id: channel && visible(channel) ? channel.id : firstChannel() };
  }
  document.body.classList.remove('side-open');
  tell('here');
  title();
}

function firstChannel() {
  const rooms = [...state.channels.values()].filter((c) => visible(c) && !c.is_im && !c.is_archived);
  return (rooms.find((c) => (c.members ?? []).includes(state.app.bot_user_id)) ?? rooms[0])?.id ?? null;
}

function title() {
  const channel = state.here?.kind === 'channel' && state.channels.get(state.here.id);
  const place = state.here?.kind === 'home' ? state.app.name : channel ? `${channel.is_im ? '' : '#'}${channelName(channel)}` : '';
  const n = unreadTotal();
  document.title = `${n ? `(${n}) ` : ''}${place ? `${place} · ` : ''}${state.team.name}`;
}

function message({ channel, message }) {
  const isNew = put(channel, message);
  const top = !isReply(message) || message.subtype === 'thread_broadcast';
  const room = state.channels.get(channel);
  if (room && top) room.latest = message.ts;
  tell('messages', { channel, message, isNew: isNew && top });
  if (!isNew || !room || !visible(room) || message.user === state.me) return;
  if (top && !watching(channel)) countUnread(channel, room.is_im || namesMe(message));
}

function changed({ channel, message }) {
  const before = find(channel, message.ts);
  put(channel, message);
  tell('messages', { channel, message, isNew: false });
  // Its text is what it says in one sentence: when that changed, the reader may want to know.
  if (before && before.text !== message.text && !isReply(message)) tell('said-anew', { channel, message });
}

function ephemeral({ channel, user, message, thread_ts: threadTs }) {
  if (user !== state.me) return;
  const full = { ...message, ephemeral: true, thread_ts: threadTs ?? message.thread_ts };
  put(channel, full);
  tell('messages', { channel, message: full, isNew: !isReply(full) });
  if (isReply(full) && state.thread?.ts !== full.thread_ts) {
    toast(`${state.app.name} answered you in a thread.`, { kind: 'info', action: { label: 'Open thread', run: () => tell('open-thread', { channel, ts: full.thread_ts }) } });
  }
}

function gone({ channel, ts }) {
  drop(channel, ts);
  tell('messages', { channel, ts, isNew: false });
}

function undelivered({ user, channel, what, text }) {
  if (user !== state.me) return;
  if (what === 'submit' && modals.failed(text)) return;
  if (what === 'command' && state.here?.id === channel) tell('warn-command', text);
  else warnLast(text);
}

const mine = (fn) => (news) => news.user === state.me && fn(news);

const NEWS = {
  message,
  message_changed: changed,
  message_deleted: gone,
  ephemeral,
  ephemeral_deleted: mine(gone),
  view_opened: mine(({ view }) => modals.opened(view)),
  view_updated: mine(({ view }) => modals.updated(view)),
  view_pushed: mine(({ view }) => modals.pushed(view)),
  view_closed: mine(({ view_id: id, all }) => modals.closed(id, all)),
  view_errors: mine(({ view_id: id, errors }) => modals.errors(id, errors)),
  home: (news) => tell('home', news),
  channel: ({ channel }) => { state.channels.set(channel.id, channel); tell('channels'); },
  app: ({ connected }) => { state.app = { ...state.app, connected }; tell('app'); },
  panel: ({ panel }) => { state.panel = panel; tell('panel'); },
  undelivered,
};

function actAs(id) {
  state.me = id;
  remember('me', me().name);
  useZone(me()?.tz);
  modals.dropAll();
  tell('me');
  const channel = state.here?.kind === 'channel' && state.channels.get(state.here.id);
  tell('close-thread');
  if (channel && !visible(channel)) location.hash = `#/${firstChannel()}`;
  else tell('reload');
  title();
}

async function live({ up, again }) {
  $('#offline').hidden = up;
  if (!up || !again) return;
  try {
    await refresh();
    tell('again');
  } catch (error) {
    toast(error.message);
  }
}

async function start() {
  fill($('#offline'), icon('spinner'), 'Connection lost. Trying again…');
  startSidebar();
  startChannel();
  startThread();
  startHome();
  startPanel();
  startTraffic();
  startKeys();
  on('news', (news) => NEWS[news.type]?.(news));
  on('live', live);
  on('unread', soon(title));
  on('act-as', actAs);
  on('dismiss', gone);
  addEventListener('hashchange', route);
  try {
    await refresh();
  } catch (error) {
    toast(error.message);
    setTimeout(() => location.reload(), 3_000);
    return;
  }
  route();
  connect();
  document.body.classList.add('ready');
  remember('tries', 0);
}

start();
