// Short notes in the corner: an error that needs a person, or a thing that happened elsewhere.
import { h, icon, iconButton } from './dom.js';

const STAY_MS = 7_000;
const MOST = 4;

/** Shows a note; `action` is {label, run}. */
export function toast(text, { kind = 'error', action = null } = {}) {
  const corner = document.getElementById('toasts');
  if (corner.lastElementChild?.dataset.text === text) return;
  const go = action && h('button', { type: 'button', class: 'link-button', on: { click: () => { action.run(); close(); } } }, action.label);
  const note = h('div', { class: `toast toast-${kind}`, data: { text }, role: kind === 'error' ? 'alert' : 'status' },
    icon(kind === 'error' ? 'warn' : 'bell'), h('div', { class: 'toast-text' }, text, go && ' ', go), iconButton('close', 'Dismiss', () => close()));
  const timer = setTimeout(() => close(), STAY_MS);
  function close() {
    clearTimeout(timer);
    note.remove();
  }
  corner.append(note);
  while (corner.children.length > MOST) corner.firstElementChild.remove();
}

/** Runs an act and shows what went wrong, if anything did; returns whether it went well. */
export async function tried(act) {
  try {
    await act();
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}
