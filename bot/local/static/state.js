// What the page knows: people, channels, messages by channel and thread; and who wants to hear of a change.

export const state = {
  team: { id: '', name: 'Workspace', domain: '' },
  users: new Map(),
  groups: new Map(),
  channels: new Map(),
  commands: [],
  shortcuts: [],
  app: { id: '', name: 'App', bot_user_id: '', connected: 0 },
  panel: null,
  me: '',
  here: null, // {kind: 'channel', id} or {kind: 'home'}
  thread: null, // {channel, ts}
};

const listeners = new Map();

export function on(topic, fn) {
  if (!listeners.has(topic)) listeners.set(topic, []);
  listeners.get(topic).push(fn);
}

export function tell(topic, detail) {
  for (const fn of listeners.get(topic) ?? []) fn(detail);
}

/** Takes a fresh answer of /local/state, whole. */
export function take(fresh) {
  state.team = fresh.team ?? state.team;
  state.users = new Map((fresh.users ?? []).map((u) => [u.id, u]));
  state.channels = new Map((fresh.channels ?? []).map((c) => [c.id, c]));
  state.groups = new Map((fresh.groups ?? []).map((g) => [g.id, g]));
  state.commands = fresh.commands ?? [];
  state.shortcuts = fresh.shortcuts ?? [];
  state.app = fresh.app ?? state.app;
  state.panel = fresh.panel ?? null;
}

export const user = (id) => state.users.get(id);
export const me = () => state.users.get(state.me);
export const personName = (u) => u?.real_name || u?.name || 'Someone';
export const userName = (id) => personName(user(id));

/** The other side of a direct conversation, as the acting person sees it. */
export function peer(channel) {
  const other = (channel.members ?? []).find((id) => id !== state.me);
  return other ?? channel.user;
}

export function channelName(channel) {
  return channel.is_im ? userName(peer(channel)) : channel.name;
}

/** Whether the acting person may see the channel at all. */
export function visible(channel) {
  if (channel.is_im) return (channel.members ?? [channel.user]).includes(state.me);
  return !channel.is_private || (channel.members ?? []).includes(state.me);
}

export const appChannel = () =>
  [...state.channels.values()].find((c) => c.is_im && visible(c) && peer(c) === state.app.bot_user_id);
