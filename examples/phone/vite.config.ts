import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Plugin, defineConfig } from 'vite';

/** Writes the service worker, with the names of all that it keeps. */
const serviceWorker = (): Plugin => ({
  name: 'service-worker',
  apply: 'build',
  writeBundle({ dir = 'dist' }) {
    const assets = readdirSync(join(dir, 'assets')).map((it) => `assets/${it}`);
    const files = ['./', 'app.webmanifest', 'icon.svg', ...assets].sort();
    const source = readFileSync(new URL('src/sw.js', import.meta.url), 'utf8');
    const page = readFileSync(join(dir, 'index.html'));
    const version = createHash('sha256').update(JSON.stringify(files)).update(page).digest('hex').slice(0, 12);
    writeFileSync(join(dir, 'sw.js'), `const VERSION = '${version}';\nconst FILES = ${JSON.stringify(files)};\n${source}`);
  },
});

export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  plugins: [serviceWorker()],
});
