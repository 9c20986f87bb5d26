// Modals: the stack of views that an app opened for the acting person, with errors, waiting and closing.
import { post } from './api.js';
import { blocks } from './blocks.js';
import { fill, h, icon, iconButton } from './dom.js';
import { state } from './state.js';
import { textNode, words } from './text.js';
import { toast } from './toast.js';
import { missing } from './form.js';

const GIVE_UP_MS = 6_000;
let stack = []; // {view, values}
let box = null; // the <dialog>
let timer = null;

const top = () => stack.at(-1);

/** Keeps what was entered for the blocks that the new form of the view still has. */
function carried(entry, view) {
  const kept = new Set((view.blocks ?? []).map((b) => b.block_id));
  return Object.fromEntries(Object.entries(entry?.values ?? {}).filter(([id]) => kept.has(id)));
}

export function opened(view) {
  stack = [{ view, values: {} }];
  draw({ fresh: true });
}

export function pushed(view) {
  stack.push({ view, values: {} });
  draw({ fresh: true });
}

export function updated(view) {
  const at = stack.findIndex((e) => e.view.id === view.id || (view.external_id && e.view.external_id === view.external_id));
  if (at < 0) return;
  stack[at] = { view, values: carried(stack[at], view) };
  if (at === stack.length - 1) draw({ fresh: false });
}

export function closed(viewId, all) {
  stack = all ? [] : stack.filter((e) => e.view.id !== viewId);
  draw({ fresh: true });
}

/** Forgets all views: another person acts now. */
export const dropAll = () => closed(null, true);

export function errors(viewId, byBlock) {
  if (top()?.view.id !== viewId) return;
  waiting(false);
  showErrors(byBlock);
}

export function failed(text) {
  if (!box) return false;
  waiting(false);
  banner(text);
  return true;
}

function banner(text) {
  fill(box.querySelector('.modal-banner'), text && [icon('warn'), h('span', null, text)]);
}

function showErrors(byBlock) {
  box.querySelectorAll('.block-input').forEach((node) => {
    const text = byBlock[node.dataset.block];
    node.classList.toggle('has-error', Boolean(text));
    fill(node.querySelector('.field-error'), text && [icon('warn'), text]);
    const control = node.querySelector('[data-action]');
    if (text) control?.setAttribute('aria-invalid', 'true');
    else control?.removeAttribute('aria-invalid');
  });
  const unknown = Object.entries(byBlock).filter(([id]) => ![...box.querySelectorAll('.block-input')].some((n) => n.dataset.block === id));
  banner(unknown.map(([, text]) => text).join(' '));
  box.querySelector('.has-error [data-action], .has-error input')?.focus();
}

function waiting(on) {
  clearTimeout(timer);
  const button = box?.querySelector('.modal-submit');
  if (!button) return;
  button.classList.toggle('busy', on);
  button.disabled = on;
  if (on) timer = setTimeout(() => waiting(false), GIVE_UP_MS);
}

async function submit() {
  const { view, values } = top();
  const problems = missing(view.blocks ?? [], values);
  showErrors(problems);
  if (Object.keys(problems).length) return;
  waiting(true);
  try {
    await post('act/submit', { user: state.me, view_id: view.id, state: values });
  } catch (error) {
    failed(error.message);
  }
}

async function leave(all) {
  const gone = all ? [...stack].reverse() : [top()];
  stack = all ? [] : stack.slice(0, -1);
  draw({ fresh: true });
  for (const { view } of gone) {
    try {
      await post('act/close', { user: state.me, view_id: view.id });
    } catch (error) {
      toast(error.message);
    }
  }
}

function shut() {
  const old = box;
  box = null;
  clearTimeout(timer);
  old?.close(); // the browser gives the focus back to what had it
  old?.remove();
}

function draw({ fresh }) {
  if (!stack.length) return shut();
  const focused = !fresh && box?.contains(document.activeElement) ? document.activeElement.dataset.action : null;
  const { view, values } = top();
  const surface = { view: () => view.id, values };
  const body = h('div', { class: 'modal-body' }, h('div', { class: 'modal-banner', role: 'alert' }), blocks(view.blocks, surface));
  const foot = h('div', { class: 'dialog-foot' }, h('button', { type: 'button', class: 'button', on: { click: () => leave(false) } }, view.close ? textNode(view.close) : view.submit ? 'Cancel' : 'Close'),
    view.submit && h('button', { type: 'submit', class: 'button primary modal-submit' }, h('span', null, textNode(view.submit))));
  const back = stack.length > 1 && iconButton('back', 'Back', () => leave(false));
  const form = h('form', { class: 'modal', novalidate: true }, h('header', { class: 'modal-head' }, back, h('h2', { id: 'modal-title' }, words(view.title)), iconButton('close', 'Close', () => leave(true))), body, foot);
  form.addEventListener('submit', (event) => { event.preventDefault(); submit(); });
  if (!box) {
    box = h('dialog', { class: 'dialog dialog-modal', 'aria-labelledby': 'modal-title' });
    box.addEventListener('cancel', (event) => { event.preventDefault(); leave(false); });
    // Pressed twice, Escape closes a dialog whatever the page says to it.
    const own = box;
    box.addEventListener('close', () => box === own && leave(true));
    document.body.append(box);
    fill(box, form);
    box.showModal();
  } else fill(box, form);
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit();
    else if (event.key === 'Enter' && event.target.matches('input.field')) event.preventDefault();
  });
  refocus(form, focused);
  return undefined;
}

function refocus(form, action) {
  const same = action && [...form.querySelectorAll('[data-action]')].find((n) => n.dataset.action === action);
  const first = form.querySelector('[autofocus]') ?? form.querySelector('.modal-body .field, .modal-body .select, .modal-body input, .modal-body .button') ?? form.querySelector('.dialog-foot .button:last-child');
  (same ?? first)?.focus();
}
