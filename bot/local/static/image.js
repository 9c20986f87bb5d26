// Pictures of blocks and files. Only the workspace's own are loaded; others are named with their address.
import { h, icon, link, safeUrl } from './dom.js';
import { textNode, words } from './text.js';

function ownAddress(raw) {
  try {
    const url = new URL(String(raw), location.href);
    return url.origin === location.origin && url.pathname.startsWith('/files/') ? url.pathname + url.search : null;
  } catch {
    return null;
  }
}

/** An image element or block; an outside address becomes a labelled link, since the page loads nothing from elsewhere. */
export function image(object, size = '') {
  const raw = object.image_url ?? object.slack_file?.url ?? object.url_private;
  const own = ownAddress(raw);
  const alt = words(object.alt_text) || words(object.title) || object.name || 'image';
  if (own) {
    const picture = h('img', { class: `picture ${size}`, src: own, alt, loading: 'lazy' });
    picture.addEventListener('error', () => picture.replaceWith(h('span', { class: 'picture-missing' }, icon('image'), alt)));
    return size ? picture : h('a', { href: own, target: '_blank', rel: 'noopener' }, picture);
  }
  return h('span', { class: `picture-missing ${size}`, title: safeUrl(raw) ?? '' }, icon('image'), size ? null : safeUrl(raw) ? link(raw, alt) : alt);
}

export function imageBlock(block) {
  return h('figure', { class: 'block-image' }, block.title && h('figcaption', null, textNode(block.title)), image(block));
}
