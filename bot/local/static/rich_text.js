// Slack's rich_text block: elements that already say what they are, so nothing is parsed here.
import { h, link } from './dom.js';
import { emoji } from './emoji.js';
import { broadcast, channelMention, dateToken, groupMention, userMention } from './inline.js';

const DEPTH = 8;

const LEAVES = {
  text: (e) => [e.text],
  link: (e) => [link(e.url, e.text || e.url)],
  user: (e) => [userMention(e.user_id)],
  usergroup: (e) => [groupMention(e.usergroup_id)],
  channel: (e) => [channelMention(e.channel_id)],
  broadcast: (e) => [broadcast(e.range)],
  emoji: (e) => [emoji(e.name)],
  date: (e) => [dateToken(e.timestamp, e.format, e.fallback, e.url)],
  color: (e) => [h('code', null, e.value)],
  team: (e) => [h('span', { class: 'mention' }, e.team_id)],
};

function leaf(element) {
  const nodes = LEAVES[element.type]?.(element) ?? [`[${element.type}]`];
  const style = element.style ?? {};
  let content = nodes;
  if (style.code) content = [h('code', null, content)];
  if (style.strike) content = [h('s', null, content)];
  if (style.italic) content = [h('em', null, content)];
  if (style.bold) content = [h('strong', null, content)];
  if (style.underline) content = [h('u', null, content)];
  return content;
}

const leaves = (elements) => (elements ?? []).flatMap(leaf);

function list(element, depth) {
  const tag = element.style === 'ordered' ? 'ol' : 'ul';
  const indent = Math.min(Number(element.indent) || 0, DEPTH);
  const items = (element.elements ?? []).map((item) => h('li', null, part(item, depth + 1)));
  const start = element.offset ? Number(element.offset) + 1 : null;
  return h(tag, { class: `rich-list indent-${indent}`, start }, items);
}

const plain = (elements) => (elements ?? []).map((e) => e.text ?? e.url ?? '').join('');

const PARTS = {
  rich_text_section: (e) => h('div', { class: 'rich-section' }, leaves(e.elements)),
  rich_text_list: list,
  rich_text_quote: (e) => h('blockquote', { class: 'quote' }, leaves(e.elements)),
  rich_text_preformatted: (e) => h('pre', { class: 'code-block' }, plain(e.elements)),
};

function part(element, depth) {
  if (depth > DEPTH) return null;
  return PARTS[element.type]?.(element, depth) ?? h('div', { class: 'unsupported' }, `Unsupported rich text: ${element.type}`);
}

/** A whole rich_text block (or a rich_text value within another block). */
export function richText(block) {
  return h('div', { class: 'rich-text' }, (block?.elements ?? []).map((e) => part(e, 0)));
}
