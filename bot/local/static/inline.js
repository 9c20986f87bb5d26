// The small things inside a line, shared by mrkdwn, rich text and markdown: mentions, channels, dates.
import { h, link } from './dom.js';
import { formatTokens, full, iso } from './dates.js';
import { state, user, userName } from './state.js';

export function userMention(id, fallback) {
  const mine = id === state.me;
  const name = user(id) ? userName(id) : fallback || id;
  return h('span', { class: `mention${mine ? ' mention-me' : ''}` }, `@${name}`);
}

export function groupMention(id, fallback) {
  const group = state.groups.get(id);
  return h('span', { class: `mention${group?.users?.includes(state.me) ? ' mention-me' : ''}` }, group ? `@${group.handle}` : fallback || `@${id}`);
}

export function broadcast(range) {
  return h('span', { class: 'mention mention-me' }, `@${range}`);
}

export function channelMention(id, fallback) {
  const channel = state.channels.get(id);
  const name = `#${channel?.name || fallback || id}`;
  return channel ? h('a', { class: 'mention', href: `#/${encodeURIComponent(id)}` }, name) : h('span', { class: 'mention' }, name);
}

/** A date token in the reader's zone; one that cannot be read shows its fallback. */
export function dateToken(seconds, format, fallback, url) {
  const text = formatTokens(seconds, format);
  if (text === null) return document.createTextNode(fallback ?? '');
  const time = h('time', { datetime: iso(seconds), title: full(seconds) }, text);
  return url ? link(url, time) : time;
}
