// Inputs that are typed or ticked: text, numbers, dates, checkboxes, radio buttons.
import { act } from './act.js';
import { h } from './dom.js';
import { textNode, words } from './text.js';
import { begin, enter } from './values.js';

let serial = 0;

function textual(type, { multiline = false } = {}) {
  return (element, block, surface, label) => {
    const many = multiline && element.multiline;
    const start = begin(surface, block, element, { value: element.initial_value ?? null });
    const control = h(many ? 'textarea' : 'input', {
      class: 'field', type: many ? null : type, rows: many ? 4 : null, placeholder: words(element.placeholder), 'aria-label': label || words(element.placeholder) || element.action_id,
      minlength: element.min_length, maxlength: element.max_length, min: element.min_value, max: element.max_value, step: element.is_decimal_allowed ? 'any' : null,
      data: { action: element.action_id ?? '' }, autofocus: element.focus_on_load || null, autocomplete: 'off', inputmode: type === 'number' ? 'decimal' : null,
    });
    control.value = start.value ?? '';
    const dispatch = () => block.dispatch_action && act(surface, block, element, { value: control.value || null }, control);
    const triggers = element.dispatch_action_config?.trigger_actions_on ?? ['on_enter_pressed'];
    control.addEventListener('input', () => {
      enter(surface, block, element, { value: control.value || null }, control);
      if (triggers.includes('on_character_entered')) dispatch();
    });
    if (triggers.includes('on_enter_pressed')) control.addEventListener('keydown', (e) => e.key === 'Enter' && !e.shiftKey && !e.isComposing && dispatch());
    return control;
  };
}

function picker(type, key, initial, { out = (v) => v || null, back = (v) => v ?? '' } = {}) {
  return (element, block, surface, label) => {
    const start = begin(surface, block, element, { [key]: element[initial] ?? null });
    const control = h('input', { class: 'field field-date', type, 'aria-label': label || words(element.placeholder) || type, data: { action: element.action_id ?? '' } });
    control.value = back(start[key]);
    control.addEventListener('change', () => enter(surface, block, element, { [key]: out(control.value) }, control));
    return control;
  };
}

const twoDigits = (n) => String(n).padStart(2, '0');
function localStamp(seconds) {
  if (!seconds) return '';
  const d = new Date(seconds * 1000);
  return `${d.getFullYear()}-${twoDigits(d.getMonth() + 1)}-${twoDigits(d.getDate())}T${twoDigits(d.getHours())}:${twoDigits(d.getMinutes())}`;
}

function choices(kind, many) {
  const key = many ? 'selected_options' : 'selected_option';
  return (element, block, surface, label) => {
    const start = begin(surface, block, element, { [key]: element[many ? 'initial_options' : 'initial_option'] ?? (many ? [] : null) });
    const chosen = new Set((many ? start[key] : [start[key]]).filter(Boolean).map((o) => o.value));
    const name = `choice-${(serial += 1)}`;
    const options = element.options ?? [];
    const group = h('div', { class: 'choices', role: many ? 'group' : 'radiogroup', 'aria-label': label || element.action_id, data: { action: element.action_id ?? '' } });
    for (const option of options) {
      const box = h('input', { type: kind, name, value: option.value });
      box.checked = chosen.has(option.value);
      box.addEventListener('change', () => {
        if (many && box.checked) chosen.add(option.value);
        else if (many) chosen.delete(option.value);
        const picked = many ? options.filter((o) => chosen.has(o.value)) : option;
        enter(surface, block, element, { [key]: picked }, group);
      });
      group.append(h('label', { class: 'choice' }, box, h('span', null, textNode(option.text), option.description && h('span', { class: 'choice-hint' }, textNode(option.description)))));
    }
    return group;
  };
}

const absent = (element) => h('div', { class: 'unsupported' }, `${element.type} is not available in the local workspace`);

export const INPUTS = {
  plain_text_input: textual('text', { multiline: true }),
  email_text_input: textual('email'),
  url_text_input: textual('url'),
  number_input: textual('number'),
  datepicker: picker('date', 'selected_date', 'initial_date'),
  timepicker: picker('time', 'selected_time', 'initial_time'),
  datetimepicker: picker('datetime-local', 'selected_date_time', 'initial_date_time', { out: (v) => (v ? Math.floor(new Date(v).getTime() / 1000) : null), back: localStamp }),
  checkboxes: choices('checkbox', true),
  radio_buttons: choices('radio', false),
  rich_text_input: absent,
  file_input: absent,
};
