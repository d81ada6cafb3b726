/**
 * What runs in the browser: it puts the parts that the stream sends where they belong, and tells when there are no newer ones.
 * Without it the page is whole, and is reloaded by hand. It makes no markup of its own.
 */
export const PAGE_SCRIPT = `'use strict';
(() => {
  const connection = document.getElementById('connection');
  const search = document.getElementById('q');
  const path = document.body.dataset.events;
  // Longer than the server ever is silent.
  const PATIENCE_MS = 10000;
  let lastHeard = Date.now();
  let stream = null;

  const lost = () => {
    if (!connection.hidden) return;
    document.body.classList.add('stale');
    connection.textContent = 'Not connected since ' + new Date(lastHeard).toISOString().slice(11, 19) + ': figures are of then.';
    connection.hidden = false;
  };

  const heard = () => {
    lastHeard = Date.now();
    document.body.classList.remove('stale');
    connection.hidden = true;
  };

  const put = (id, markup) => {
    const element = document.getElementById(id);
    if (element === null) return;
    // Whoever is copying something out of it is not to lose it.
    const selection = document.getSelection();
    if (selection !== null && !selection.isCollapsed && selection.containsNode(element, true)) return;
    const focused = element.contains(document.activeElement) ? document.activeElement.id : '';
    element.innerHTML = markup;
    if (focused !== '') document.getElementById(focused)?.focus({ preventScroll: true });
  };

  const connect = () => {
    stream?.close();
    stream = new EventSource(path);
    stream.addEventListener('parts', (event) => {
      heard();
      for (const [id, markup] of JSON.parse(event.data)) put(id, markup);
    });
    stream.addEventListener('error', lost);
  };

  document.addEventListener('keydown', (event) => {
    const isTyping = event.target instanceof HTMLInputElement;
    if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey || search === null) return;
    event.preventDefault();
    search.focus();
    search.select();
  });

  if (path === undefined) return;
  connect();
  setInterval(() => {
    const isSilent = Date.now() - lastHeard > PATIENCE_MS;
    if (isSilent) lost();
    // A browser gives up where the server answers with an error, and does not notice a connection that died in its sleep.
    if (stream.readyState === EventSource.CLOSED || isSilent) connect();
  }, 3000);
})();
`;
