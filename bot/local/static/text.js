// Slack's text objects, plain_text or mrkdwn, into nodes; and the words of one, for labels.
import { h } from './dom.js';
import { withEmoji } from './emoji.js';
import { mrkdwn } from './mrkdwn.js';

export function textNode(object) {
  if (!object) return document.createTextNode('');
  if (typeof object === 'string') return document.createTextNode(object);
  if (object.type === 'mrkdwn') return mrkdwn(object.text, { verbatim: object.verbatim === true });
  const span = h('span', { class: 'plain' });
  span.append(...(object.emoji === false ? [String(object.text ?? '')] : withEmoji(String(object.text ?? ''))));
  return span;
}

export const words = (object) => (typeof object === 'string' ? object : object?.text ?? '');
