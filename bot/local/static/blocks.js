// Block Kit: each block of a message, a modal or the App Home as a node.
import { element } from './elements.js';
import { h, icon, link } from './dom.js';
import { imageBlock, image } from './image.js';
import { markdown } from './markdown.js';
import { richText } from './rich_text.js';
import { textNode, words } from './text.js';

const DEPTH = 3;
let serial = 0;

function section(block, surface) {
  const text = block.text && h('div', { class: 'section-text' }, textNode(block.text));
  const fields = block.fields?.length && h('div', { class: 'fields' }, block.fields.map((f) => h('div', { class: 'field-cell' }, textNode(f))));
  const side = block.accessory && h('div', { class: 'accessory' }, element(block.accessory, block, surface, words(block.text)));
  return h('div', { class: 'block-section' }, h('div', { class: 'section-body' }, text, fields), side);
}

function context(block, surface) {
  const parts = (block.elements ?? []).map((e) => (e.type === 'image' ? element(e, block, surface) : h('span', { class: 'context-text' }, textNode(e))));
  return h('div', { class: 'block-context' }, parts);
}

function actions(block, surface) {
  return h('div', { class: 'block-actions' }, (block.elements ?? []).map((e) => element(e, block, surface)));
}

function input(block, surface) {
  const name = words(block.label);
  const body = element(block.element, block, surface, name);
  return h('div', { class: 'block-input', data: { block: block.block_id ?? '' } },
    h('div', { class: 'label' }, textNode(block.label), block.optional && h('span', { class: 'optional' }, ' (optional)')), body,
    block.hint && h('div', { class: 'hint' }, textNode(block.hint)), h('div', { class: 'field-error', role: 'alert' }));
}

const cellNode = (cell) => (cell?.type === 'rich_text' ? richText(cell) : String(cell?.text ?? cell?.value ?? ''));

function table(block) {
  const align = (n) => block.column_settings?.[n]?.align ?? 'left';
  const row = (cells, tag) => h('tr', null, (cells ?? []).map((c, n) => h(tag, { class: `align-${align(n)}`, scope: tag === 'th' ? 'col' : null }, cellNode(c))));
  const [head, ...body] = block.rows ?? [];
  return h('div', { class: 'table-wrap', tabindex: 0, role: 'group', 'aria-label': 'Table' }, h('table', null, h('thead', null, head && row(head, 'th')), h('tbody', null, body.map((r) => row(r, 'td')))));
}

const STATUS = { pending: ['circle', 'Pending'], in_progress: ['spinner', 'In progress'], complete: ['check', 'Complete'], error: ['close', 'Error'] };

function taskCard(block) {
  const [mark, said] = STATUS[block.status] ?? STATUS.pending;
  const sources = (block.sources ?? []).map((s) => link(s.url, s.text || s.url));
  const more = block.details || block.output || sources.length;
  const head = [h('span', { class: `task-mark task-${block.status ?? 'pending'}`, role: 'img', 'aria-label': said }, icon(mark)), h('span', { class: 'task-title' }, words(block.title))];
  if (!more) return h('div', { class: 'task' }, h('div', { class: 'task-head' }, head));
  return h('details', { class: 'task', open: block.status === 'error' || null }, h('summary', { class: 'task-head' }, head, icon('down-small', 'muted')),
    h('div', { class: 'task-more' }, block.details && richText(block.details), block.output && richText(block.output), sources.length > 0 && h('div', { class: 'task-sources' }, sources)));
}

function plan(block) {
  return h('div', { class: 'block-plan' }, h('div', { class: 'plan-title' }, words(block.title)), (block.tasks ?? []).map(taskCard));
}

const LEVELS = { info: 'info', warning: 'warn', error: 'warn', success: 'check', default: 'info' };
function alert(block) {
  const level = LEVELS[block.level] ? block.level : 'default';
  return h('div', { class: `block-alert alert-${level}`, role: 'note' }, icon(LEVELS[level]), h('div', null, textNode(block.text)));
}

function card(block, surface) {
  return h('div', { class: 'block-card' }, block.hero_image && image(block.hero_image),
    h('div', { class: 'card-head' }, block.icon && image(block.icon, 'thumb'), h('div', null, block.title && h('div', { class: 'card-title' }, textNode(block.title)), block.subtitle && h('div', { class: 'card-sub' }, textNode(block.subtitle)))),
    block.body && h('div', null, textNode(block.body)), block.actions?.length > 0 && h('div', { class: 'block-actions' }, block.actions.map((e) => element(e, block, surface))));
}

const placeholder = (name, title, url) => h('div', { class: 'block-file' }, icon(name), h('div', null, title && h('div', null, title), url && link(url, url)));

const BLOCKS = {
  section,
  header: (b) => h('h3', { class: 'block-header' }, textNode(b.text)),
  context,
  divider: () => h('hr'),
  actions,
  input,
  image: imageBlock,
  rich_text: richText,
  markdown: (b) => h('div', { class: 'block-markdown' }, markdown(b.text)),
  table,
  context_actions: (b, surface) => h('div', { class: 'block-context-actions' }, (b.elements ?? []).map((e) => element(e, b, surface))),
  task_card: taskCard,
  plan,
  alert,
  card,
  carousel: (b, surface) => h('div', { class: 'block-carousel', tabindex: 0, role: 'group', 'aria-label': 'Cards' }, (b.elements ?? b.cards ?? []).map((c) => card(c, surface))),
  container: (b, surface, depth) => h('div', { class: 'block-card' }, b.title && h('div', { class: 'card-title' }, textNode(b.title)), b.subtitle && h('div', { class: 'card-sub' }, textNode(b.subtitle)), blocks(b.child_blocks ?? b.blocks, surface, depth + 1)),
  video: (b) => placeholder('video', words(b.title), b.title_url ?? b.video_url),
  file: (b) => placeholder('file', b.file?.name ?? b.external_id, null),
};

function block(object, surface, depth) {
  const make = Object.hasOwn(BLOCKS, object?.type ?? '') ? BLOCKS[object.type] : null;
  if (!make || depth > DEPTH) return h('div', { class: 'unsupported' }, `Unsupported block: ${object?.type ?? 'without a type'}`);
  object.block_id ??= `page-${(serial += 1)}`;
  try {
    return make(object, surface, depth);
  } catch {
    // A block with parts of the wrong shape must not take the rest of its message along.
    return h('div', { class: 'unsupported' }, `Unreadable block: ${object.type}`);
  }
}

/**
 * All blocks of a surface: {channel, ts, values} for a message, {view(), values} for a modal or home.
 * `values` is where entered values are kept.
 */
export function blocks(list, surface, depth = 0) {
  return h('div', { class: 'blocks' }, (Array.isArray(list) ? list : []).map((b) => block(b, surface, depth)));
}
