// Begins: the module, the database, the screen.

import { render } from 'preact';
import { App } from './app';
import { local } from './session';
import { begin, sentCode } from './state';
import { keepFor } from './store';
import './style.css';
import { Button, Empty } from './ui/parts';
import init from './wasm/phone_wasm';
import module from './wasm/phone_wasm_bg.wasm?url';
import { go } from './nav';
import { w } from './words';

/** The app cannot begin: no module, or no database. */
const Failed = (props: { error: unknown }) => (
  <main class="page narrow" id="main"><Empty icon="warn" title={w().failed[0]}><p>{w().failed[1]}</p>
    <p class="note">{String(props.error)}</p><Button look="strong" onClick={() => location.reload()}>{w().retry}</Button></Empty></main>
);

keepFor(local ?? null);
// The bench sends the code of the card that is chosen there.
if (local) {
  addEventListener('message', (event) => {
    const data = event.data as { type?: unknown; code?: unknown };
    if (event.origin !== location.origin || data?.type !== 'openpile.card' || typeof data.code !== 'string') return;
    sentCode.value = data.code;
    go('add');
  });
}
const root = document.getElementById('app');
try {
  await init({ module_or_path: module });
  if (root) render(<App />, root);
  await begin();
} catch (error) {
  if (root) render(<Failed error={error} />, root);
}
// In the bench the server is on this computer: nothing need be kept for later.
if (!local && 'serviceWorker' in navigator && import.meta.env.PROD) {
  void navigator.serviceWorker.register(new URL('sw.js', document.baseURI), { scope: './' });
}
