// Asks for one short text in a dialog.
import { h } from './dom.js';

/** Resolves to the text, or null when the person turned away. */
export function promptName({ title, label, yes }) {
  return new Promise((resolve) => {
    const input = h('input', { class: 'field', type: 'text', maxlength: 80, 'aria-label': label, autocomplete: 'off', required: true });
    const box = h('dialog', { class: 'dialog dialog-confirm', 'aria-label': title }, h('form', { method: 'dialog' }, h('h2', null, title), h('label', { class: 'label' }, label, input),
      h('div', { class: 'dialog-foot' }, h('button', { type: 'button', class: 'button', on: { click: () => box.close('') } }, 'Cancel'), h('button', { type: 'submit', class: 'button primary', value: 'yes' }, yes))));
    box.addEventListener('close', () => {
      box.remove();
      resolve(box.returnValue === 'yes' ? input.value.trim() : null);
    });
    document.body.append(box);
    box.showModal();
    input.focus();
  });
}
