// Keeps an open page up to date: the server sends its changing part whenever it has changed.
const RELOAD_MS = 30_000;
const line = document.getElementById('line');
const events = new EventSource('/events');

events.addEventListener('main', ({ data }) => {
  const next = new DOMParser().parseFromString(data, 'text/html').querySelector('main');
  if (next !== null) document.querySelector('main')?.replaceWith(next);
});

events.addEventListener('seen', ({ data }) => {
  const [time, text] = data.split('|');
  const seen = document.getElementById('seen');
  if (seen === null || time === undefined || text === undefined) return;
  seen.setAttribute('datetime', time);
  seen.textContent = text;
});

events.addEventListener('open', () => line?.setAttribute('hidden', ''));
events.addEventListener('error', () => {
  line?.removeAttribute('hidden');
  // The browser tries again by itself, unless the server has refused.
  if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), RELOAD_MS);
});
