// The markdown block: ordinary Markdown (not mrkdwn) into nodes; what is not understood stays visible as text.
import { add, h, link } from './dom.js';
import { withEmoji } from './emoji.js';

const DEPTH = 6;
const SPECIAL = /[\\`*_~[!<h]/;

/** The text of a markdown block as a fragment. */
export function markdown(text) {
  const out = document.createDocumentFragment();
  return add(out, blocks(String(text ?? '').replaceAll('\r', '').split('\n'), 0));
}

const isTable = (lines, i) => lines[i].includes('|') && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[i + 1] ?? '') && lines[i + 1].includes('-');
const LIST = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;

function blocks(lines, depth) {
  const out = [];
  let i = 0;
  while (i < lines.length) {
    const [nodes, next] = block(lines, i, depth);
    out.push(...nodes);
    i = Math.max(next, i + 1);
  }
  return out;
}

function block(lines, i, depth) {
  const line = lines[i];
  if (!line.trim()) return [[], i + 1];
  const fence = /^\s*(```+|~~~+)/.exec(line);
  if (fence) return fenced(lines, i, fence[1]);
  const head = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  if (head) return [[h(`h${Math.min(6, head[1].length + 2)}`, { class: `md-h md-h${head[1].length}` }, inline(head[2]))], i + 1];
  if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) return [[h('hr')], i + 1];
  if (/^\s*>/.test(line) && depth < DEPTH) return quote(lines, i, depth);
  if (LIST.test(line) && depth < DEPTH) return list(lines, i, depth);
  if (isTable(lines, i)) return table(lines, i);
  return paragraph(lines, i);
}

function fenced(lines, i, mark) {
  let end = i + 1;
  while (end < lines.length && !lines[end].trim().startsWith(mark)) end += 1;
  return [[h('pre', { class: 'code-block' }, lines.slice(i + 1, end).join('\n'))], end + 1];
}

function quote(lines, i, depth) {
  let end = i;
  while (end < lines.length && /^\s*>/.test(lines[end])) end += 1;
  const inner = lines.slice(i, end).map((l) => l.replace(/^\s*>\s?/, ''));
  return [[h('blockquote', { class: 'quote' }, blocks(inner, depth + 1))], end];
}

function list(lines, i, depth) {
  const first = LIST.exec(lines[i]);
  const base = first[1].length;
  const ordered = /\d/.test(first[2]);
  const items = [];
  let end = i;
  for (; end < lines.length; end += 1) {
    const match = LIST.exec(lines[end]);
    const indent = /^\s*/.exec(lines[end])[0].length;
    if (match && match[1].length <= base) {
      if (match[1].length < base || /\d/.test(match[2]) !== ordered) break;
      items.push([match[3]]);
    } else if (lines[end].trim() && indent > base) items.at(-1).push(lines[end].slice(Math.min(indent, base + 2)));
    else if (lines[end].trim()) break;
    else if (!LIST.test(lines[end + 1] ?? '')) break;
  }
  const start = ordered ? parseInt(first[2], 10) : null;
  const nodes = items.map(([head, ...rest]) => h('li', null, taskMark(head), rest.length ? blocks(rest, depth + 1) : null));
  return [[h(ordered ? 'ol' : 'ul', { class: 'rich-list', start: start > 1 ? start : null }, nodes)], end];
}

function taskMark(text) {
  const match = /^\[([ xX])\]\s+(.*)$/.exec(text);
  return match ? [match[1] === ' ' ? '☐ ' : '☑ ', ...inline(match[2])] : inline(text);
}

const cells = (line) => line.trim().replace(/^\||\|$/g, '').split(/(?<!\\)\|/).map((c) => c.trim().replaceAll('\\|', '|'));

function table(lines, i) {
  const align = cells(lines[i + 1]).map((c) => (c.endsWith(':') ? (c.startsWith(':') ? 'center' : 'right') : 'left'));
  const row = (line, tag) => h('tr', null, cells(line).map((c, n) => h(tag, { class: `align-${align[n] ?? 'left'}` }, inline(c))));
  let end = i + 2;
  while (end < lines.length && lines[end].includes('|')) end += 1;
  const body = lines.slice(i + 2, end).map((l) => row(l, 'td'));
  return [[h('div', { class: 'table-wrap' }, h('table', null, h('thead', null, row(lines[i], 'th')), h('tbody', null, body)))], end];
}

function paragraph(lines, i) {
  let end = i + 1;
  while (end < lines.length && lines[end].trim() && !/^(#{1,6}\s|\s*>|\s*```|\s*~~~)/.test(lines[end]) && !LIST.test(lines[end])) end += 1;
  const nodes = lines.slice(i, end).flatMap((l, n) => (n ? [h('br'), ...inline(l.trim())] : inline(l.trim())));
  return [[h('p', null, nodes)], end];
}

const RULES = [
  [/\\([\\`*_~[\]()#+.!|<>{}-])/y, (m) => [m[1]]],
  [/(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/y, (m) => [h('code', null, m[2].trim())]],
  [/!?\[([^\]]*)\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)/y, (m, depth) => [link(m[2], ...(m[1] ? inline(m[1], depth + 1) : [m[2]]))]],
  [/<((?:https?:\/\/|mailto:)[^\s>]+)>/y, (m) => [link(m[1], m[1])]],
  [/https?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}*_~]/y, (m) => [link(m[0], m[0])]],
  [/\*\*(?=\S)([^\n]*?\S)\*\*/y, (m, depth) => [h('strong', null, inline(m[1], depth + 1))]],
  [/__(?=\S)([^\n]*?\S)__(?!\w)/y, (m, depth) => [h('strong', null, inline(m[1], depth + 1))]],
  [/~~(?=\S)([^\n]*?\S)~~/y, (m, depth) => [h('s', null, inline(m[1], depth + 1))]],
  [/\*(?=[^\s*])([^\n*]*?[^\s*])\*(?!\*)/y, (m, depth) => [h('em', null, inline(m[1], depth + 1))]],
  [/_(?=[^\s_])([^\n_]*?[^\s_])_(?!\w)/y, (m, depth) => [h('em', null, inline(m[1], depth + 1))]],
];

function inline(text, depth = 0) {
  const out = [];
  let plain = '';
  const flush = () => {
    if (plain) out.push(...withEmoji(plain));
    plain = '';
  };
  for (let i = 0; i < text.length; ) {
    const hit = depth < DEPTH && SPECIAL.test(text[i]) ? rule(text, i, depth) : null;
    if (hit) {
      flush();
      out.push(...hit.nodes);
      i = hit.end;
    } else {
      plain += text[i];
      i += 1;
    }
  }
  flush();
  return out;
}

function rule(text, i, depth) {
  // A mark inside a word is only a mark for `*`: snake_case stays as it is.
  if (text[i] === '_' && /\w/.test(text[i - 1] ?? ' ')) return null;
  for (const [pattern, make] of RULES) {
    pattern.lastIndex = i;
    const match = pattern.exec(text);
    if (match) return { nodes: make(match, depth), end: i + match[0].length };
  }
  return null;
}
