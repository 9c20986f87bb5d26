// Messages by channel and by thread, kept in order of their `ts`, and kept few: old ones can be read again.
import { state } from './state.js';

const KEEP = 400;
const channels = new Map(); // channel -> {items: Map(ts -> message), more, loaded}
const threads = new Map(); // channel/ts -> Map(ts -> message)

const order = (a, b) => (a.ts.length - b.ts.length) || (a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0);

export function channelBox(channel) {
  if (!channels.has(channel)) channels.set(channel, { items: new Map(), more: false, loaded: false });
  return channels.get(channel);
}

export function threadBox(channel, ts) {
  const key = `${channel}/${ts}`;
  if (!threads.has(key)) threads.set(key, new Map());
  return threads.get(key);
}

export const sorted = (items) => [...items.values()].sort(order);
export const isReply = (message) => Boolean(message.thread_ts) && message.thread_ts !== message.ts;

/** Forgets everything: another person sees other things, and after a gap nothing is certain. */
export function forget() {
  channels.clear();
  threads.clear();
}

/** Puts a page of history in front of what is known. */
export function takePage(channel, messages, more) {
  const box = channelBox(channel);
  const live = [...box.items.values()];
  box.items = new Map(messages.map((m) => [m.ts, m]));
  for (const message of live) if (!box.items.has(message.ts)) box.items.set(message.ts, message);
  box.more = more;
  box.loaded = true;
}

/** Takes the newest page after a gap: what it does not hold any more is gone, what is older stays. */
export function takeFresh(channel, messages, more) {
  const box = channelBox(channel);
  const first = messages[0]?.ts ?? '';
  const older = [...box.items.values()].filter((m) => more && m.ts < first);
  box.more = older.length ? box.more : more;
  box.items = new Map([...older, ...messages].map((m) => [m.ts, m]));
  box.loaded = true;
}

export function takeReplies(channel, ts, messages) {
  const box = threadBox(channel, ts);
  box.clear();
  for (const message of messages) box.set(message.ts, message);
}

/** Takes one new or changed message; returns whether it was new. */
export function put(channel, message) {
  const root = message.thread_ts || message.ts;
  const thread = threads.get(`${channel}/${root}`);
  const known = thread?.has(message.ts) || channelBox(channel).items.has(message.ts);
  thread?.set(message.ts, message);
  if (isReply(message)) {
    if (!known) countReply(channel, root, message);
    if (message.subtype !== 'thread_broadcast') return !known;
  }
  const box = channelBox(channel);
  box.items.set(message.ts, message);
  if (box.items.size > KEEP * 1.5) {
    box.items = new Map(sorted(box.items).slice(-KEEP).map((m) => [m.ts, m]));
    box.more = true;
  }
  return !known;
}

// The server says the same with a changed root; this keeps the summary right while that is on its way.
function countReply(channel, rootTs, reply) {
  if (reply.ephemeral) return;
  const root = channelBox(channel).items.get(rootTs);
  if (!root || (root.latest_reply && root.latest_reply >= reply.ts)) return;
  const users = new Set(root.reply_users ?? []);
  if (reply.user) users.add(reply.user);
  const fresh = { ...root, reply_count: (root.reply_count ?? 0) + 1, latest_reply: reply.ts, reply_users: [...users] };
  channelBox(channel).items.set(rootTs, fresh);
  threads.get(`${channel}/${rootTs}`)?.set(rootTs, fresh);
}

export function drop(channel, ts) {
  channelBox(channel).items.delete(ts);
  for (const [key, box] of threads) if (key.startsWith(`${channel}/`)) box.delete(ts);
}

export function find(channel, ts) {
  const top = channels.get(channel)?.items.get(ts);
  if (top) return top;
  for (const [key, box] of threads) if (key.startsWith(`${channel}/`) && box.has(ts)) return box.get(ts);
  return undefined;
}

/** Whether a message names the acting person, or everyone. */
export function namesMe(message) {
  const text = JSON.stringify([message.text ?? '', message.blocks ?? []]);
  const groups = [...state.groups.values()].filter((g) => g.users?.includes(state.me));
  return text.includes(state.me) || groups.some((g) => text.includes(g.id)) || /<!(here|channel|everyone)/.test(text) || /"range":"(here|channel|everyone)"/.test(text);
}
