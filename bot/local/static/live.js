// The live connection: news as it happens, and back again by itself when it breaks.
import { theSecret } from './api.js';
import { tell } from './state.js';

const LONGEST_MS = 5_000;
const FORBIDDEN = 4403;
let attempt = 0;
let opened = false;

/** Connects for good; tells `live` (true or false) and, for each piece of news, `news`. */
export function connect() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const socket = new WebSocket(`${scheme}://${location.host}/local/live`);
  socket.addEventListener('open', () => {
    socket.send(JSON.stringify({ secret: theSecret() }));
    attempt = 0;
    tell('live', { up: true, again: opened });
    opened = true;
  });
  socket.addEventListener('message', (event) => {
    for (const line of String(event.data).split('\n')) if (line.trim()) tell('news', JSON.parse(line));
  });
  socket.addEventListener('close', (event) => {
    // The secret is of an earlier start of the workspace: the page of the new one has the new one.
    if (event.code === FORBIDDEN) return location.reload();
    tell('live', { up: false });
    attempt += 1;
    const wait = Math.min(LONGEST_MS, 250 * 2 ** Math.min(attempt, 5)) * (0.75 + Math.random() / 2);
    setTimeout(connect, wait);
    return undefined;
  });
}
