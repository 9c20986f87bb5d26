// A person's picture: their initials on their colour; an app has a bell.
import { h, icon } from './dom.js';
import { personName } from './state.js';

function initials(name) {
  const parts = name.trim().split(/\s+/).filter(Boolean);
  const letters = parts.length > 1 ? [parts[0], parts.at(-1)] : [parts[0] ?? '?'];
  return letters.map((p) => [...p][0]?.toUpperCase() ?? '').join('');
}

/** The colour as #rrggbb, from whatever the user object holds. */
function colour(user) {
  const raw = String(user?.color ?? '').replace(/^#/, '');
  return /^[0-9a-f]{6}$/i.test(raw) ? `#${raw}` : '#64748b';
}

export function avatar(user, size = '') {
  if (user?.is_bot) return h('span', { class: `avatar avatar-app ${size}`, 'aria-hidden': 'true' }, icon('bell'));
  return h('span', { class: `avatar ${size}`, 'aria-hidden': 'true', style: { '--who': colour(user) } }, initials(personName(user)));
}

/** What sets a person apart: administrator, guest, deactivated, of another team. */
export function standing(user, teamId) {
  if (user.deleted) return 'Deactivated';
  if (user.is_bot) return 'App';
  if (user.team_id && teamId && user.team_id !== teamId) return 'Other team';
  if (user.is_restricted) return 'Guest';
  return user.is_admin ? 'Admin' : 'Member';
}
