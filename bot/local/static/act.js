// One act of a person on a control: sends it, shows that it is under way, and remembers which control it was.
import { post } from './api.js';
import { icon, h } from './dom.js';
import { state } from './state.js';
import { toast } from './toast.js';

const SETTLE_MS = 350;
let last = null; // the control used last: Slack's warning appears beside it

/** Sends one block action. `surface` says where the control stands; `action` is what its type carries. */
export async function act(surface, block, element, action, control) {
  clearWarning();
  last = { control, channel: surface.channel ?? null };
  control?.classList.add('busy');
  control?.setAttribute('aria-busy', 'true');
  try {
    await post('act/action', {
      user: state.me,
      channel: surface.channel,
      message_ts: surface.ts,
      view_id: surface.view?.(),
      block_id: block.block_id,
      action_id: element.action_id,
      action: { type: element.type, ...action },
      state: surface.values,
    });
  } catch (error) {
    toast(error.message);
  }
  setTimeout(() => {
    control?.classList.remove('busy');
    control?.removeAttribute('aria-busy');
  }, SETTLE_MS);
}

function clearWarning() {
  document.querySelectorAll('.undelivered').forEach((n) => n.remove());
}

/** Shows Slack's warning triangle beside the control used last, or as a note when it is gone. */
export function warnLast(text) {
  clearWarning();
  if (!last?.control?.isConnected) return toast(text);
  const mark = h('span', { class: 'undelivered', role: 'alert', title: text }, icon('warn'), h('span', null, text));
  const inModalInput = last.control.closest('.block-input, .block-section, .block-actions, .block-context-actions') ?? last.control;
  inModalInput.after(mark);
  return undefined;
}
