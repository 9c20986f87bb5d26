// Building elements: text goes in as text nodes only, so that nothing a message says can become markup.

const SVG = 'http://www.w3.org/2000/svg';

/** An element; `on`, `style` and `data` are maps, every other property is an attribute. */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === 'class') el.className = value;
    else if (key === 'on') for (const [type, fn] of Object.entries(value)) el.addEventListener(type, fn);
    else if (key === 'style') for (const [name, text] of Object.entries(value)) el.style.setProperty(name, text);
    else if (key === 'data') Object.assign(el.dataset, value);
    else el.setAttribute(key, value === true ? '' : String(value));
  }
  add(el, children);
  return el;
}

/** Appends nodes and strings, flattening lists and skipping nothing-values. */
export function add(el, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) el.append(child);
  }
  return el;
}

export function fill(el, ...children) {
  el.replaceChildren();
  return add(el, children);
}

/** An icon of the sprite in icons.svg; decorative, so hidden from screen readers. */
export function icon(name, extra = '') {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', `icon ${extra}`);
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

export function iconButton(name, label, onClick, extra = '') {
  return h('button', { type: 'button', class: `icon-button ${extra}`, 'aria-label': label, title: label, on: { click: onClick } }, icon(name));
}

/** The address if a person may safely follow it (http, https, mailto), else null. */
export function safeUrl(raw) {
  const text = String(raw ?? '').trim();
  if (/^mailto:[^\s]+$/i.test(text)) return text;
  if (!/^https?:\/\//i.test(text)) return null;
  try {
    return new URL(text).href;
  } catch {
    return null;
  }
}

/** A link that opens elsewhere; an address of any other scheme is shown as plain text. */
export function link(raw, ...children) {
  const url = safeUrl(raw);
  const content = children.length ? children : [String(raw)];
  if (!url) return h('span', { class: 'dead-link', title: 'This address is not followed' }, content);
  return h('a', { href: url, target: '_blank', rel: 'noopener noreferrer nofollow' }, content);
}

/** Runs `fn` once for many calls in a row: a storm of news is drawn as one picture. */
export function soon(fn, ms = 16) {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      fn();
    }, ms);
  };
}

export const $ = (selector, root = document) => root.querySelector(selector);
