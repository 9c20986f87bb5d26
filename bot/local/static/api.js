// The control API of the workspace: every request carries the secret of this start.

const secret = document.querySelector('meta[name="local-secret"]')?.content ?? '';
export const theSecret = () => secret;

/** An answer that was not ok; its message is written for a person. */
class Refused extends Error {}

async function call(path, init) {
  let answer;
  try {
    answer = await fetch(path, { ...init, headers: { 'X-Local-Secret': secret, ...init?.headers }, cache: 'no-store' });
  } catch {
    throw new Refused('The workspace does not answer. Is it still running?');
  }
  const body = await answer.json().catch(() => ({ ok: false, error: `The workspace answered ${answer.status}.` }));
  if (!answer.ok || body.ok === false) throw new Refused(body.error || `The workspace answered ${answer.status}.`);
  return body;
}

export function read(path, query = {}) {
  const search = new URLSearchParams(Object.entries(query).filter(([, v]) => v !== undefined && v !== ''));
  return call(`/local/${path}${search.size ? `?${search}` : ''}`);
}

export function post(path, body) {
  return call(`/local/${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}
