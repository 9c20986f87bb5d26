// Light, dark or as the system says. A classic script in the head, so that the first paint is already right.
(() => {
  // What the browser failed to fetch while its network changed is asked for again, a few times.
  addEventListener('error', (event) => {
    const tries = Number(sessionStorage.getItem('tries') ?? 0);
    if (!event.target.matches?.('head > *') || tries >= 5) return;
    sessionStorage.setItem('tries', tries + 1);
    setTimeout(() => location.reload(), 1_000);
  }, true);
  const order = ['auto', 'light', 'dark'];
  const root = document.documentElement;
  const read = () => {
    try { return localStorage.getItem('theme') ?? 'auto'; } catch { return 'auto'; }
  };
  const apply = (name) => {
    if (name === 'auto') delete root.dataset.theme;
    else root.dataset.theme = name;
  };
  apply(read());
  window.nextTheme = () => {
    const next = order[(order.indexOf(read()) + 1) % order.length];
    try { localStorage.setItem('theme', next); } catch { /* a private window keeps it for this page only */ }
    apply(next);
    return next;
  };
  window.themeName = read;
})();
