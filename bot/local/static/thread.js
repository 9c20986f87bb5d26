// The thread pane on the right: a message and its replies.
import { read } from './api.js';
import { makeComposer } from './composer.js';
import { $, fill, h, iconButton, soon } from './dom.js';
import { makeFeed } from './feed.js';
import { sorted, takeReplies, threadBox } from './messages.js';
import { channelName, on, state, tell } from './state.js';
import { toast } from './toast.js';
import { addToolbar } from './toolbar.js';

let feed;
let composer;
let from = null; // what had the focus before the pane opened

const channel = () => state.thread?.channel;

function draw() {
  if (!state.thread) return;
  const messages = sorted(threadBox(state.thread.channel, state.thread.ts));
  feed.draw(messages);
}

async function open({ channel: id, ts }) {
  if (!state.thread) from = document.activeElement;
  state.thread = { channel: id, ts };
  $('#thread').hidden = false;
  document.body.classList.add('thread-open');
  const room = state.channels.get(id);
  fill($('#thread-where'), room ? `${room.is_im ? '' : '#'}${channelName(room)}` : '');
  feed.forget();
  fill(feed.list);
  composer.restore('');
  await load();
  composer.area.focus();
}

async function load() {
  const at = state.thread;
  try {
    const answer = await read('replies', { channel: at.channel, ts: at.ts, user: state.me });
    if (state.thread !== at) return;
    takeReplies(at.channel, at.ts, answer.messages);
  } catch (error) {
    toast(error.message);
  }
  draw();
  feed.toBottom();
}

function close() {
  if (!state.thread) return;
  state.thread = null;
  $('#thread').hidden = true;
  document.body.classList.remove('thread-open');
  if (from?.isConnected) from.focus();
}

/** Builds the pane once. */
export function startThread() {
  feed = makeFeed($('#thread-scroller'), { channel, inThread: true, label: 'Thread' });
  composer = makeComposer({ where: () => ({ channel: channel(), threadTs: state.thread?.ts, closed: state.channels.get(channel())?.is_archived }), label: 'Reply in thread', commands: false });
  composer.placeholder('Reply…');
  $('#thread-composer').append(composer.form);
  $('#thread-close').replaceWith(h('span', null, iconButton('close', 'Close thread', close)));
  addToolbar(feed.list, { channel, inThread: true });
  $('#thread').addEventListener('keydown', (event) => event.key === 'Escape' && !event.defaultPrevented && close());
  on('open-thread', open);
  on('here', () => state.thread && state.thread.channel !== state.here?.id && close());
  const drawSoon = soon(draw);
  on('messages', ({ channel: id, message, ts }) => {
    if (state.thread?.channel !== id) return;
    drawSoon();
    if (ts === state.thread.ts && !message) tell('close-thread');
  });
  on('close-thread', close);
  for (const topic of ['reload', 'again']) on(topic, () => state.thread && load());
}
