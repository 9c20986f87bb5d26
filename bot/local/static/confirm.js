// Confirm dialogs: Slack's confirm object, and the page's own few questions.
import { h } from './dom.js';
import { textNode } from './text.js';

/** Asks; resolves to whether the person agreed. Escape and the cross mean no. */
export function ask({ title, body, yes = 'Confirm', no = 'Cancel', danger = false }) {
  return new Promise((resolve) => {
    const agree = h('button', { type: 'submit', class: `button ${danger ? 'danger' : 'primary'}`, value: 'yes' }, yes);
    const box = h('dialog', { class: 'dialog dialog-confirm', 'aria-labelledby': 'confirm-title' },
      h('form', { method: 'dialog' }, h('h2', { id: 'confirm-title' }, title), h('div', { class: 'dialog-body' }, body),
        h('div', { class: 'dialog-foot' }, h('button', { type: 'submit', class: 'button', value: 'no' }, no), agree)));
    box.addEventListener('close', () => {
      box.remove();
      resolve(box.returnValue === 'yes');
    });
    document.body.append(box);
    box.showModal();
    agree.focus();
  });
}

/** Asks what an element's `confirm` object says; without one the answer is yes. */
export function confirmed(object) {
  if (!object) return Promise.resolve(true);
  return ask({ title: textNode(object.title), body: textNode(object.text), yes: textNode(object.confirm), no: textNode(object.deny), danger: object.style === 'danger' });
}
