// Times as the acting person reads them: in their own zone, with Slack's date tokens.

let zone;

/** Takes the acting person's zone; one that the browser does not know falls back to the browser's own. */
export function useZone(name) {
  try {
    zone = name ? new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone : undefined;
  } catch {
    zone = undefined;
  }
  made.clear();
  days.clear();
}

const made = new Map();
function part(date, key, options) {
  if (!made.has(key)) made.set(key, new Intl.DateTimeFormat('en-US', { timeZone: zone, ...options }));
  return made.get(key).format(date);
}

const asDate = (seconds) => new Date(Number(seconds) * 1000);
const day = (date) => part(date, 'day', { year: 'numeric', month: '2-digit', day: '2-digit' });
const daysAgo = (date) => Math.round((Date.parse(day(new Date())) - Date.parse(day(date))) / 86_400_000);

function ordinal(n) {
  const tail = n % 100 >= 11 && n % 100 <= 13 ? 'th' : ['th', 'st', 'nd', 'rd'][n % 10] ?? 'th';
  return `${n}${tail}`;
}

const dateLong = (date) => {
  const d = Number(part(date, 'd', { day: 'numeric' }));
  return `${part(date, 'month', { month: 'long' })} ${ordinal(d)}, ${part(date, 'y', { year: 'numeric' })}`;
};
const dateShort = (date) => part(date, 'short', { month: 'short', day: 'numeric', year: 'numeric' });
const weekday = (date) => part(date, 'weekday', { weekday: 'long' });

function pretty(date, otherwise) {
  const names = { 0: 'today', 1: 'yesterday', [-1]: 'tomorrow' };
  return names[daysAgo(date)] ?? otherwise;
}

function ago(date) {
  const seconds = Math.round((date.getTime() - Date.now()) / 1000);
  const units = [['day', 86_400], ['hour', 3_600], ['minute', 60]];
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(Math.trunc(seconds / size), unit);
}

const TOKENS = {
  date_num: (d) => `${part(d, 'y', { year: 'numeric' })}-${part(d, 'm2', { month: '2-digit' })}-${part(d, 'd2', { day: '2-digit' })}`,
  date: dateLong,
  date_short: dateShort,
  date_long: (d) => `${weekday(d)}, ${dateLong(d)}`,
  date_pretty: (d) => pretty(d, dateLong(d)),
  date_short_pretty: (d) => pretty(d, dateShort(d)),
  date_long_pretty: (d) => pretty(d, `${weekday(d)}, ${dateLong(d)}`),
  day_divider_pretty: (d) => pretty(d, `${weekday(d)}, ${dateLong(d)}`),
  time: (d) => part(d, 'time', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
  time_secs: (d) => part(d, 'secs', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }),
  ago,
};

const valid = (seconds) => Number.isFinite(asDate(seconds).getTime());

/** Slack's `{date_short} at {time}` form; null where the time is not one. */
export function formatTokens(seconds, format) {
  if (String(seconds).trim() === '' || !valid(seconds)) return null;
  const date = asDate(seconds);
  const text = String(format).replace(/\{(\w+)\}/g, (whole, name) => TOKENS[name]?.(date) ?? whole);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const clock = (ts) => (valid(ts) ? TOKENS.time(asDate(ts)) : '');
export const clockSeconds = (ts) => (valid(ts) ? TOKENS.time_secs(asDate(ts)) : '');
export const full = (ts) => (valid(ts) ? `${TOKENS.date_long(asDate(ts))} at ${TOKENS.time_secs(asDate(ts))}` : '');

const days = new Map(); // quarter of an hour -> day, as formatting is slow and a feed asks for every message
export function dayKey(ts) {
  const quarter = Math.floor(Number(ts) / 900);
  if (!days.has(quarter)) days.set(quarter, valid(ts) ? day(asDate(ts)) : '');
  return days.get(quarter);
}

export const relative = (ts) => (valid(ts) ? ago(asDate(ts)) : '');
export const iso = (ts) => (valid(ts) ? asDate(ts).toISOString() : '');

export function dayName(ts) {
  const text = formatTokens(ts, '{date_long_pretty}') ?? '';
  return text.replace(/(\d+)(st|nd|rd|th), \d{4}$/, '$1$2');
}

/** The zone's short name and the time there, for the list of people. */
export function hereTime(name) {
  try {
    const options = { timeZone: name || undefined, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
    const place = (name || '').split('/').pop().replaceAll('_', ' ');
    return `${place ? `${place} ` : ''}${new Intl.DateTimeFormat('en-US', options).format(new Date())}`;
  } catch {
    return '';
  }
}
