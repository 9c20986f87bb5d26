// Slack's mrkdwn: text with *bold*, `code`, <links|and> mentions, into nodes. It only ever makes text nodes.
import { add, h, link } from './dom.js';
import { emoji, isEmoji } from './emoji.js';
import { broadcast, channelMention, dateToken, groupMention, userMention } from './inline.js';

const DEPTH = 6;
const STYLES = { '*': 'strong', _: 'em', '~': 's' };
const WORD = /[\p{L}\p{N}]/u;
const BARE_URL = /https?:\/\/[^\s<>|"'`]*[^\s<>|"'`.,;:!?)\]}*_~]/iy;
const EMOJI_NAME = /:([a-z0-9_+-]+)(?:::skin-tone-\d)?:/y;

const unescape = (text) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

/** A whole mrkdwn text as a fragment. `verbatim` leaves bare addresses alone, as Slack does. */
export function mrkdwn(text, { verbatim = false } = {}) {
  const out = document.createDocumentFragment();
  const pieces = String(text ?? '').split('```');
  const fences = pieces.length % 2 ? pieces.length : pieces.length - 1;
  for (let i = 0; i < fences; i += 1) {
    if (i % 2) add(out, h('pre', { class: 'code-block' }, unescape(bare(pieces[i].replace(/^\n|\n$/g, '')))));
    else add(out, lines(pieces[i], { verbatim, after: i > 0, before: i + 1 < fences }));
  }
  if (fences < pieces.length) add(out, lines('```' + pieces[fences], { verbatim }));
  return out;
}

// Inside code a link token shows its address, as Slack does.
const bare = (text) => text.replace(/<(https?:[^|>]+|mailto:[^|>]+)(?:\|([^>]*))?>/g, (_, url, label) => label || url);

function lines(text, options) {
  let body = text;
  if (options.after) body = body.replace(/^\n/, '');
  if (options.before) body = body.replace(/\n$/, '');
  if (!body) return [];
  const out = [];
  let quote = null;
  let pending = false;
  let everything = false;
  for (const line of body.split('\n')) {
    everything ||= /^(&gt;|>){3}/.test(line);
    const said = everything ? line.replace(/^(&gt;|>){3}\s?/, '') : quoted(line);
    if (said !== null) {
      if (quote) add(quote, h('br'));
      else out.push((quote = h('blockquote', { class: 'quote' })));
      add(quote, inline(said, options));
      pending = false;
      continue;
    }
    quote = null;
    if (pending) out.push(h('br'));
    const item = /^(\s*)([•◦▪-]|\d{1,3}[.)])\s+(.*)$/.exec(line);
    if (item) {
      if (pending) out.pop();
      const depth = Math.min(4, Math.floor(item[1].length / 2));
      out.push(h('span', { class: `li li-${depth}` }, h('span', { class: 'li-mark' }, item[2]), h('span', null, inline(item[3], options))));
      pending = false;
      continue;
    }
    out.push(...inline(line, options));
    pending = true;
  }
  return out;
}

function quoted(line) {
  const match = /^(?:&gt;|>)\s?(.*)$/.exec(line);
  return match ? match[1] : null;
}

/** One line of mrkdwn into nodes. */
export function inline(text, options = {}, depth = 0) {
  const out = [];
  const dead = new Set(); // delimiters that have no closing one further on: searched once only
  let plain = '';
  const flush = () => {
    if (plain) out.push(unescape(plain));
    plain = '';
  };
  let i = 0;
  while (i < text.length) {
    const hit = at(text, i, dead, options, depth);
    if (!hit) {
      plain += text[i];
      i += 1;
      continue;
    }
    flush();
    out.push(...hit.nodes);
    i = hit.end;
  }
  flush();
  return out;
}

function at(text, i, dead, options, depth) {
  const char = text[i];
  if (char === '<') return token(text, i, dead);
  if (char === '`') return code(text, i, dead);
  if (char === ':') return emojiAt(text, i);
  if (STYLES[char] && depth < DEPTH) return styled(text, i, dead, options, depth);
  if (char === 'h' && !options.verbatim && !WORD.test(text[i - 1] ?? ' ')) return bareUrl(text, i);
  return null;
}

function bareUrl(text, i) {
  BARE_URL.lastIndex = i;
  const match = BARE_URL.exec(text);
  if (!match) return null;
  const url = unescape(match[0]);
  return { nodes: [link(url, url)], end: i + match[0].length };
}

function emojiAt(text, i) {
  EMOJI_NAME.lastIndex = i;
  const match = EMOJI_NAME.exec(text);
  return match && isEmoji(match[1]) ? { nodes: [emoji(match[1])], end: i + match[0].length } : null;
}

function code(text, i, dead) {
  if (dead.has('`')) return null;
  const end = text.indexOf('`', i + 1);
  if (end < 0) dead.add('`');
  if (end < 0 || end === i + 1) return null;
  return { nodes: [h('code', null, unescape(bare(text.slice(i + 1, end))))], end: end + 1 };
}

function styled(text, i, dead, options, depth) {
  const mark = text[i];
  const before = text[i - 1] ?? ' ';
  if (dead.has(mark) || WORD.test(before) || before === mark || /\s/.test(text[i + 1] ?? ' ')) return null;
  const end = closing(text, i + 1, mark);
  if (end < 0) {
    dead.add(mark);
    return null;
  }
  if (end === i + 1) return null;
  return { nodes: [h(STYLES[mark], null, inline(text.slice(i + 1, end), options, depth + 1))], end: end + 1 };
}

function closing(text, from, mark) {
  for (let j = text.indexOf(mark, from); j >= 0; j = text.indexOf(mark, j + 1)) {
    if (!/\s/.test(text[j - 1]) && !WORD.test(text[j + 1] ?? ' ')) return j;
  }
  return -1;
}

function token(text, i, dead) {
  if (dead.has('<')) return null;
  const end = text.indexOf('>', i + 1);
  if (end < 0) dead.add('<');
  if (end < 0) return null;
  const node = tokenNode(text.slice(i + 1, end));
  return node ? { nodes: [node], end: end + 1 } : null;
}

function tokenNode(body) {
  const bar = body.indexOf('|');
  const head = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? '' : unescape(body.slice(bar + 1));
  if (/^@[UWB]\w*$/.test(head)) return userMention(head.slice(1), label);
  if (/^#[CGD]\w*$/.test(head)) return channelMention(head.slice(1), label);
  if (/^!(here|channel|everyone)$/.test(head)) return broadcast(head.slice(1));
  if (head.startsWith('!subteam^')) return groupMention(head.split('^')[1], label);
  if (head.startsWith('!date^')) return date(head, label);
  if (head.startsWith('!')) return document.createTextNode(label || `<${head}>`);
  const url = unescape(head);
  if (/^[a-z][a-z0-9+.-]*:/i.test(url)) return link(url, label || url.replace(/^mailto:/i, ''));
  return null;
}

function date(head, fallback) {
  const [, seconds, format, ...url] = head.split('^');
  return dateToken(seconds, unescape(format ?? ''), fallback, url.join('^') || null);
}
