// What stands above the first message: where one is, and what a newcomer could try here.
import { verbsOf } from './completion.js';
import { h, icon } from './dom.js';
import { channelName, peer, state, tell } from './state.js';

function chip(text, run) {
  return h('button', { type: 'button', class: 'try', on: { click: run } }, text);
}

function ideas(say) {
  const out = [];
  const victim = (state.panel?.items ?? []).filter((i) => i.kind === 'store' && (i.verbs ?? []).includes('kill')).at(1) ?? (state.panel?.items ?? []).find((i) => (i.verbs ?? []).includes('kill'));
  if (victim) out.push(h('li', null, chip([icon('zap'), `Kill ${victim.name}`], () => tell('point-at', victim.name)), ` in the panel on the right, and watch this channel.`));
  for (const command of state.commands.slice(0, 3)) {
    const verb = verbsOf(command.usage_hint)[0]?.verb ?? '';
    const line = `${command.command} ${verb}`.trim();
    out.push(h('li', null, chip([icon('slash'), line], () => say(line)), ` ${command.description ?? ''}`));
  }
  const others = [...state.users.values()].filter((u) => !u.is_bot && !u.deleted).length;
  if (others > 1) out.push(h('li', null, chip([icon('people'), 'Be someone else'], () => document.getElementById('me').click()), ' and see what they may do, and what they may not.'));
  return out;
}

/** The head of a channel whose beginning is on screen; `empty` adds the things to try. */
export function welcome(channel, empty, say) {
  if (!channel) return null;
  const isApp = channel.is_im && peer(channel) === state.app.bot_user_id;
  const name = channelName(channel);
  const about = channel.is_im ? `This is the beginning of your conversation with ${name}.` : `This is the beginning of #${name}. ${channel.topic ? `${channel.topic.replace(/\.$/, '')}.` : ''}`;
  const member = (channel.members ?? []).includes(state.app.bot_user_id);
  const list = empty && (member || isApp) ? ideas(say) : [];
  return h('section', { class: 'welcome', 'aria-label': 'Beginning of the channel' }, h('div', { class: 'welcome-mark' }, icon(channel.is_im ? 'bell' : 'hash')), h('h2', null, channel.is_im ? name : `#${name}`), h('p', null, about),
    list.length > 0 && h('div', { class: 'tries' }, h('h3', null, 'Things to try'), h('ul', null, list)));
}
