// What the acting person has not read yet, by channel; kept in the browser between visits.
import { state, tell, visible } from './state.js';

const counts = new Map(); // "user/channel" -> {count, mentions}
const key = (channel, user = state.me) => `${user}/${channel}`;
const slot = () => `read:${state.team.id}`;
let marks = null;

function load() {
  try {
    marks ??= JSON.parse(localStorage.getItem(slot()) ?? '{}');
  } catch {
    marks = {};
  }
  return marks;
}

const latestOf = (channel) => (typeof channel.latest === 'object' ? channel.latest?.ts : channel.latest) ?? '';

/** The `ts` up to which the acting person has read, or null. */
export const readUpTo = (channel) => load()[key(channel)] ?? null;

export function markRead(channel) {
  const latest = latestOf(state.channels.get(channel) ?? {});
  const had = counts.delete(key(channel));
  if (latest && load()[key(channel)] !== latest) {
    marks[key(channel)] = latest;
    try { localStorage.setItem(slot(), JSON.stringify(marks)); } catch { /* a private window forgets */ }
  } else if (!had) return;
  tell('unread');
}

/** Counts one more message for every person who is not looking at it. */
export function countUnread(channel, mention) {
  const box = counts.get(key(channel)) ?? { count: 0, mentions: 0 };
  box.count += 1;
  box.mentions += mention ? 1 : 0;
  counts.set(key(channel), box);
  tell('unread');
}

export function unread(channel) {
  const box = counts.get(key(channel.id)) ?? { count: 0, mentions: 0 };
  const isNew = box.count > 0 || latestOf(channel) > (readUpTo(channel.id) ?? '');
  return { ...box, isNew: isNew && latestOf(channel) !== '' };
}

/** All unread messages of the acting person that arrived while this page was open. */
export function unreadTotal() {
  let total = 0;
  for (const channel of state.channels.values()) if (visible(channel)) total += unread(channel).count;
  return total;
}
