// What could be meant by what is being typed: commands and their verbs, people, channels, emoji.
import { avatar } from './avatar.js';
import { icon } from './dom.js';
import { EMOJI } from './emoji.js';
import { channelName, personName, state, visible } from './state.js';

const MOST = 8;

/** Splits a usage hint like `list [open|held] | show <id>` at the bars outside brackets. */
export function verbsOf(hint) {
  const parts = [''];
  let depth = 0;
  for (const char of String(hint ?? '')) {
    if ('[<({'.includes(char)) depth += 1;
    if ('])}>'.includes(char)) depth = Math.max(0, depth - 1);
    if (char === '|' && depth === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts.map((p) => /^\s*([a-z][\w-]*)\s*(.*)$/i.exec(p)).filter(Boolean).map(([, verb, rest]) => ({ verb, rest: rest.trim() }));
}

export const commandOf = (text) => {
  const name = /^(\/\S+)/.exec(text)?.[1];
  return name && state.commands.find((c) => c.command === name);
};

/** Completions for the text before the caret: {items, from, to, usage, eager}; null when there is nothing to say. */
export function complete(text, caret, { commands = true } = {}) {
  const before = text.slice(0, caret);
  if (commands && /^\/\S*$/.test(before)) return commandNames(before);
  const command = commands && commandOf(before);
  if (command) return verbs(command, before);
  const word = /(?:^|\s)([@#:])([\p{L}\p{N}_.+-]*)$/u.exec(before);
  if (!word) return null;
  const [, sign, query] = word;
  const found = { '@': people, '#': channels, ':': emojis }[sign](query.toLowerCase());
  return found.length ? { items: found.slice(0, MOST), from: caret - query.length - 1, to: caret, eager: true } : null;
}

function commandNames(before) {
  const items = state.commands.filter((c) => c.command.startsWith(before))
    .map((c) => ({ insert: `${c.command} `, exact: c.command, label: c.command, hint: c.description, usage: c.usage_hint, mark: icon('slash') }));
  const runs = state.shortcuts.filter((s) => s.type === 'global' && (before === '/' || s.name.toLowerCase().includes(before.slice(1).toLowerCase())))
    .map((s) => ({ run: s.callback_id, label: s.name, hint: s.description, mark: icon('zap') }));
  return items.length + runs.length ? { items: [...items, ...runs], from: 0, to: before.length, eager: true } : null;
}

function verbs(command, before) {
  const rest = before.slice(command.command.length).trimStart();
  const usage = `${command.command} ${command.usage_hint ?? ''}`;
  if (/\s/.test(rest)) return { items: [], usage: verbUsage(command, rest) ?? usage };
  const items = verbsOf(command.usage_hint).filter((v) => v.verb.startsWith(rest))
    .map((v) => ({ insert: v.rest ? `${v.verb} ` : v.verb, exact: v.verb, label: `${command.command} ${v.verb}`, hint: v.rest, mark: icon('slash') }));
  return { items: items.slice(0, 12), from: before.length - rest.length, to: before.length, usage, eager: rest !== '' };
}

function verbUsage(command, rest) {
  const found = verbsOf(command.usage_hint).find((v) => v.verb === rest.split(/\s/)[0]);
  return found && `${command.command} ${found.verb} ${found.rest}`;
}

const people = (query) => [...state.users.values()].filter((u) => !u.deleted && `${u.name} ${u.real_name}`.toLowerCase().split(/\s+/).some((w) => w.startsWith(query)))
  .map((u) => ({ insert: `@${u.name} `, label: personName(u), hint: `@${u.name}`, mark: avatar(u, 'tiny') }));

const channels = (query) => [...state.channels.values()].filter((c) => !c.is_im && visible(c) && channelName(c).includes(query))
  .map((c) => ({ insert: `#${c.name} `, label: `#${c.name}`, hint: c.topic, mark: icon('hash') }));

const emojis = (query) => (query.length < 2 ? [] : [...EMOJI].filter(([name]) => name.includes(query)).sort(([a], [b]) => Number(b.startsWith(query)) - Number(a.startsWith(query)))
  .map(([name, char]) => ({ insert: `${char} `, label: `${char} :${name}:` })));

/** What was typed as Slack stores it: escaped, with `@name` and `#channel` as mentions. */
export function asSlackText(typed) {
  const escaped = typed.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const users = new Map([...state.users.values()].map((u) => [u.name, u.id]));
  const rooms = new Map([...state.channels.values()].filter((c) => !c.is_im).map((c) => [c.name, c.id]));
  return escaped.replace(/(^|[\s(])@([\p{L}\p{N}_.-]*[\p{L}\p{N}_])/gu, (whole, lead, name) => {
    if (['here', 'channel', 'everyone'].includes(name)) return `${lead}<!${name}>`;
    const id = users.get(name.toLowerCase());
    return id ? `${lead}<@${id}>` : whole;
  }).replace(/(^|[\s(])#([\p{L}\p{N}_-]+)/gu, (whole, lead, name) => (rooms.has(name) ? `${lead}<#${rooms.get(name)}>` : whole));
}
