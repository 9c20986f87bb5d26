// Block elements that act at once: buttons, overflow menus, feedback; and the door to the inputs.
import { act } from './act.js';
import { confirmed } from './confirm.js';
import { h, icon, safeUrl } from './dom.js';
import { INPUTS } from './inputs.js';
import { openMenu } from './menu.js';
import { SELECTS } from './selects.js';
import { state } from './state.js';
import { textNode, words } from './text.js';
import { image } from './image.js';

/** Calls `send` once the person has agreed to the element's confirm dialog, if it has one. */
export async function agreed(element, send) {
  if (await confirmed(element.confirm)) send();
}

function button(element, block, surface) {
  const style = ['primary', 'danger'].includes(element.style) ? element.style : '';
  const control = h('button', { type: 'button', class: `button ${style}`, 'aria-label': element.accessibility_label, data: { action: element.action_id ?? '' } },
    h('span', null, textNode(element.text)), element.url && icon('out'));
  control.addEventListener('click', () => agreed(element, () => {
    const url = safeUrl(element.url);
    if (url) window.open(url, '_blank', 'noopener,noreferrer');
    act(surface, block, element, { value: element.value, text: element.text }, control);
  }));
  return control;
}

function overflow(element, block, surface) {
  const control = h('button', { type: 'button', class: 'button overflow', 'aria-label': 'More actions', 'aria-haspopup': 'menu', 'aria-expanded': 'false', data: { action: element.action_id ?? '' } }, icon('more'));
  const items = (element.options ?? []).map((o) => ({ label: textNode(o.text), words: words(o.text), hint: o.description && textNode(o.description), option: o }));
  control.addEventListener('click', () => openMenu(control, {
    items, label: 'More actions', role: 'menu', filter: false,
    pick: ({ option }) => agreed(element, () => {
      const url = safeUrl(option.url);
      if (url) window.open(url, '_blank', 'noopener,noreferrer');
      act(surface, block, element, { selected_option: option }, control);
    }),
  }));
  return control;
}

function feedback(element, block, surface) {
  const one = (part, name) => {
    const control = h('button', { type: 'button', class: 'button quiet', 'aria-label': part.accessibility_label ?? words(part.text), title: words(part.text), data: { action: element.action_id ?? '' } }, icon(name));
    control.addEventListener('click', () => {
      control.classList.add('chosen');
      act(surface, block, element, { value: part.value, text: part.text }, control);
    });
    return control;
  };
  return h('span', { class: 'feedback' }, element.positive_button && one(element.positive_button, 'up'), element.negative_button && one(element.negative_button, 'down'));
}

function iconElement(element, block, surface) {
  if (element.visible_to_user_ids && !element.visible_to_user_ids.includes(state.me)) return null;
  const control = h('button', { type: 'button', class: 'button quiet', 'aria-label': element.accessibility_label ?? words(element.text), title: words(element.text), data: { action: element.action_id ?? '' } },
    icon(element.icon === 'trash' ? 'trash' : 'dot'));
  control.addEventListener('click', () => agreed(element, () => act(surface, block, element, { value: element.value }, control)));
  return control;
}

const ELEMENTS = {
  button,
  workflow_button: button,
  overflow,
  feedback_buttons: feedback,
  icon_button: iconElement,
  image: (element) => image(element, 'thumb'),
  ...INPUTS,
  ...SELECTS,
};

/** Any block element as a node. `label` names an input for screen readers. */
export function element(object, block, surface, label = '') {
  const make = Object.hasOwn(ELEMENTS, object?.type ?? '') ? ELEMENTS[object.type] : null;
  if (!make) return h('span', { class: 'unsupported' }, `Unsupported element: ${object?.type ?? 'without a type'}`);
  return make(object, block, surface, label);
}
