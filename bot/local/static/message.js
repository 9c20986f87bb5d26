// One message: who, when, what, and what hangs on it (edited mark, reactions, files, thread summary).
import { blocks } from './blocks.js';
import { avatar } from './avatar.js';
import { clock, full, iso, relative } from './dates.js';
import { add, h, icon } from './dom.js';
import { emoji } from './emoji.js';
import { image } from './image.js';
import { mrkdwn } from './mrkdwn.js';
import { post } from './api.js';
import { personName, state, tell, user, userName } from './state.js';
import { tried } from './toast.js';

/** Who a message is shown as from: a person, the app, or the name that the app chose for this message. */
export function author(message) {
  const known = user(message.user) ?? (message.bot_id ? user(state.app.bot_user_id) : null);
  const isApp = Boolean(message.bot_id || known?.is_bot);
  const name = message.username || (known ? personName(known) : isApp ? state.app.name : message.user || 'Workspace');
  return { name, isApp, person: { ...(known ?? {}), is_bot: isApp, real_name: name }, key: `${message.user ?? ''}/${message.bot_id ?? ''}/${name}` };
}

function attachment(a, surface) {
  const colour = /^#?[0-9a-f]{6}$/i.test(a.color ?? '') ? `#${a.color.replace('#', '')}` : { good: '#2e8b57', warning: '#d9a032', danger: '#b3372f' }[a.color];
  const fields = (a.fields ?? []).map((f) => h('div', { class: `field-cell${f.short ? '' : ' long'}` }, h('strong', null, f.title), h('div', null, mrkdwn(f.value))));
  const plain = !a.blocks && [a.pretext && h('div', null, mrkdwn(a.pretext)), a.author_name && h('div', { class: 'muted' }, a.author_name), a.title && h('div', { class: 'card-title' }, mrkdwn(a.title)),
    a.text && h('div', null, mrkdwn(a.text)), fields.length > 0 && h('div', { class: 'fields' }, fields), a.footer && h('div', { class: 'muted' }, a.footer)];
  return h('div', { class: 'attachment', style: colour ? { '--bar': colour } : {} }, a.blocks ? blocks(a.blocks, surface) : plain);
}

function file(f) {
  const isPicture = String(f.mimetype ?? '').startsWith('image/');
  if (isPicture) return h('figure', { class: 'block-image' }, h('figcaption', null, f.title || f.name), image({ ...f, image_url: f.url_private, alt_text: f.alt_txt || f.title }));
  return h('div', { class: 'block-file' }, icon('file'), h('div', null, h('div', null, f.title || f.name), h('div', { class: 'muted' }, [f.pretty_type || f.filetype, f.size && `${f.size} bytes`].filter(Boolean).join(' · '))));
}

/** Adds or takes back the acting person's reaction. */
export function react(channel, message, name) {
  const mine = (message.reactions ?? []).some((r) => r.name === name && (r.users ?? []).includes(state.me));
  return tried(() => post('act/reaction', { user: state.me, channel, ts: message.ts, name, remove: mine || undefined }));
}

function reactions(channel, message) {
  const chips = (message.reactions ?? []).map((r) => {
    const mine = (r.users ?? []).includes(state.me);
    const who = (r.users ?? []).map(userName).join(', ');
    return h('button', { type: 'button', class: `reaction${mine ? ' mine' : ''}`, 'aria-pressed': String(mine), title: `${who} reacted with :${r.name}:`, 'aria-label': `${r.name}, ${r.count}`, on: { click: () => react(channel, message, r.name) } }, emoji(r.name), h('span', null, String(r.count ?? r.users?.length ?? 1)));
  });
  return chips.length > 0 && h('div', { class: 'reactions' }, chips);
}

function summary(channel, message) {
  if (!message.reply_count) return null;
  const faces = (message.reply_users ?? []).slice(0, 4).map((id) => avatar(user(id), 'tiny'));
  return h('button', { type: 'button', class: 'thread-summary', on: { click: () => tell('open-thread', { channel, ts: message.ts }) } },
    h('span', { class: 'faces' }, faces), h('span', { class: 'thread-count' }, `${message.reply_count} ${message.reply_count === 1 ? 'reply' : 'replies'}`),
    message.latest_reply && h('span', { class: 'muted' }, `last ${relative(message.latest_reply)}`), icon('right-small'));
}

function said(message, surface) {
  const out = h('div', { class: 'message-body' });
  // What a person typed is shown from its text: the block beside it only says the same without its formatting.
  const typed = message.text && message.client_msg_id;
  if (message.blocks?.length && !typed) add(out, blocks(message.blocks, surface));
  else if (message.text) add(out, h('div', { class: 'message-text' }, message.mrkdwn === false ? message.text : mrkdwn(message.text)));
  for (const a of message.attachments ?? []) add(out, attachment(a, surface));
  for (const f of message.files ?? []) add(out, file(f));
  return out;
}

function head(who, message) {
  return h('div', { class: 'message-head' }, h('span', { class: 'author' }, who.name), who.isApp && h('span', { class: 'badge' }, 'APP'),
    h('time', { class: 'when', datetime: iso(message.ts), title: full(message.ts) }, clock(message.ts)));
}

/** A message as a list item. `grouped`: it follows one of the same author, so name and picture are left out. */
export function messageNode(channel, message, { grouped = false, surface, inThread = false }) {
  const who = author(message);
  const body = said(message, surface);
  const edited = message.edited && h('span', { class: 'edited', title: full(message.edited.ts) }, '(edited)');
  return h('li', { class: `message${grouped ? ' grouped' : ''}${message.ephemeral ? ' ephemeral' : ''}`, tabindex: -1, data: { ts: message.ts }, 'aria-label': `${who.name}, ${clock(message.ts)}` },
    h('div', { class: 'gutter' }, grouped ? h('time', { class: 'when', title: full(message.ts) }, clock(message.ts)) : avatar(who.person)),
    h('div', { class: 'content' },
      message.ephemeral && h('div', { class: 'only-you' }, icon('eye'), 'Only visible to you'),
      !grouped && head(who, message), body, edited, reactions(channel, message), !inThread && h('div', null, summary(channel, message))));
}
