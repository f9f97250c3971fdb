// Keeps the app for when there is no network, which is always: VERSION and FILES stand above.

const NAME = `openpile-${VERSION}`;

// As they are at the server, whatever the browser has kept of older ones. A newer one waits until every page of the older is closed: they still fetch what they were built with.
self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(FILES.map((it) => new Request(it, { cache: 'reload' })))));
});
self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((it) => it.startsWith('openpile-') && it !== NAME).map((it) => caches.delete(it))))
      .then(() => self.clients.claim()),
  );
});
self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== location.origin || !url.href.startsWith(self.registration.scope)) return;
  const asked = event.request.mode === 'navigate' ? './' : event.request;
  event.respondWith(caches.open(NAME).then((cache) => cache.match(asked, { ignoreSearch: true })).then((kept) => kept ?? fetch(event.request)));
});
