// Keys that work everywhere, and the small screen's drawers.
import { $, fill, icon } from './dom.js';
import { openSwitcher } from './switcher.js';
import { state } from './state.js';

function themeButton() {
  const draw = () => {
    const name = window.themeName();
    fill($('#theme'), icon({ auto: 'auto', light: 'sun', dark: 'moon' }[name]));
    $('#theme').setAttribute('aria-label', `Colours: ${name === 'auto' ? 'as the system' : name}`);
    $('#theme').title = `Colours: ${name === 'auto' ? 'as the system' : name}`;
  };
  $('#theme').addEventListener('click', () => { window.nextTheme(); draw(); });
  draw();
}

function channelStep(step) {
  const rows = [...document.querySelectorAll('.sidebar a.side-row')];
  const at = rows.findIndex((r) => r.getAttribute('aria-current') === 'page');
  const next = rows[(at + step + rows.length) % rows.length];
  if (next) location.hash = next.getAttribute('href');
}

export function startKeys() {
  themeButton();
  $('#jump').addEventListener('click', openSwitcher);
  $('#side-toggle').addEventListener('click', () => document.body.classList.toggle('side-open'));
  $('#shade').addEventListener('click', () => document.body.classList.remove('side-open'));
  $('.skip').addEventListener('click', (event) => { event.preventDefault(); document.querySelector('.view:not([hidden]) .feed, #home-body')?.focus(); });
  addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      openSwitcher();
    } else if (event.altKey && ['ArrowUp', 'ArrowDown'].includes(event.key) && !document.querySelector('dialog[open]')) {
      event.preventDefault();
      channelStep(event.key === 'ArrowUp' ? -1 : 1);
    } else if (event.key === 'Escape') document.body.classList.remove('side-open');
    else if (event.key === '/' && document.activeElement === document.body && state.here?.kind === 'channel') {
      event.preventDefault();
      $('#composer textarea').focus();
    }
  });
}
