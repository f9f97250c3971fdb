// What the tests share: a virtual pile, phones in a real Chromium, and a watch on what they ask for.
//
// PILE is the virtual pile, CHROMIUM the browser, SHOTS a folder for pictures, if any are wanted.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const QUIET = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** A pile with its bench, on this computer alone; it ends by itself. */
export async function pile({ speed = 1, seconds = 900, ports = 4 } = {}) {
  const child = spawn(process.env.PILE, ['serve', '--http', '127.0.0.1:0', '--port', '0', '--for', String(seconds), '--speed', String(speed), '--ports', String(ports), '--phone', DIST], { stdio: ['pipe', 'pipe', 'inherit'] });
  const codes = {};
  const recovery = [];
  let link;
  let base;
  const lines = createInterface({ input: child.stdout });
  await new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the pile did not begin')));
    lines.on('line', (line) => {
      const [what, one, two] = line.split(' ');
      if (what === 'listening') link = Number(two.split(':')[1]);
      else if (what === 'card') codes[one] = two;
      else if (what === 'recovery') recovery.push(two);
      else if (what.startsWith('http:') && !base) {
        base = new URL(what);
        resolve();
      }
    });
  });
  const order = async (line) => {
    const answer = await fetch(new URL('/bench', base), { method: 'POST', headers: { 'Content-Type': 'application/json', Origin: base.origin }, body: JSON.stringify({ order: line }) });
    assert.deepEqual(await answer.json(), { ok: true }, line);
  };
  const state = async () => (await fetch(new URL('/bench/state', base))).json();
  return { base, link, codes, recovery, order, state, records: () => records(base), end: () => child.kill() };
}

/** What stands in the pile's ledger, as the bench tells it to who comes anew: a record each, its kind and what it says. */
async function records(base) {
  const stop = new AbortController();
  const events = await fetch(new URL('/bench/events', base), { signal: stop.signal });
  let text = '';
  const reader = events.body.pipeThrough(new TextDecoderStream()).getReader();
  // What was is told at once, the state of now after it.
  while (!/event: state\n[^]*\n\n/.test(text)) text += (await reader.read()).value;
  stop.abort();
  return [...text.matchAll(/event: record\ndata: (.*)\n/g)].map(([, data]) => {
    const { record } = JSON.parse(data);
    return typeof record === 'string' ? [record, {}] : Object.entries(record)[0];
  });
}

export const launch = (more = []) => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: [...QUIET, ...more] });

/** Complaints that a browser makes of what a test does on purpose. */
const EXPECTED = [/WebSocket connection .* failed/, /ERR_CONNECTION_REFUSED/, /ERR_INTERNET_DISCONNECTED/];

/** A phone: its page, and at the end a look at what it asked for and complained of. */
export async function phone(browser, base, path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-GB', acceptDownloads: true, ...options });
  const page = await context.newPage();
  const asked = new Set();
  const complaints = [];
  page.on('request', (request) => asked.add(request.url()));
  page.on('websocket', (socket) => asked.add(socket.url().replace(/^ws:/, 'http:')));
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(new URL(path, base).href);
  const button = (name) => page.getByRole('button', { name, exact: false }).first();
  const sees = (text) => page.getByText(text).first().waitFor();
  const click = (name) => button(name).click();
  const go = (to) => page.evaluate((it) => { location.hash = `#/${it}`; }, to);
  const confirm = async (name) => {
    await page.locator('dialog').getByRole('button', { name, exact: true }).click();
    await page.locator('dialog').waitFor({ state: 'detached' });
  };
  const saved = async () => sees('Saved');
  const accessible = async (what) => {
    await page.evaluate(axe);
    // What fades in has no contrast yet.
    await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((it) => it.effect?.getTiming().iterations !== Infinity).map((it) => it.finished)));
    const { violations } = await page.evaluate(() => globalThis.axe.run({ iframes: false }));
    const found = violations.filter((one) => one.impact === 'serious' || one.impact === 'critical');
    assert.deepEqual(found.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).join(', ')}`), [], what);
  };
  const shot = async (name, whole = false) => {
    if (!process.env.SHOTS) return;
    await mkdir(process.env.SHOTS, { recursive: true });
    await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: whole });
  };
  /** Alters all that the phone keeps in a store, as a patch says; what was there. */
  const alter = (store, patch) => page.evaluate(([what, with_]) => new Promise((resolve, reject) => {
    const who = new URLSearchParams(location.search).get('who');
    const open = indexedDB.open(who ? `openpile-${who}` : 'openpile');
    open.onerror = () => reject(open.error);
    open.onsuccess = () => {
      const merge = (one, more) => {
        for (const [name, value] of Object.entries(more)) {
          if (typeof value === 'object' && value) merge(one[name], value);
          else one[name] = value;
        }
      };
      const transaction = open.result.transaction(what, 'readwrite');
      const kept = transaction.objectStore(what);
      const all = kept.getAll();
      const before = [];
      all.onsuccess = () => {
        for (const one of all.result) {
          before.push(structuredClone(one));
          merge(one, with_);
          kept.put(one);
        }
      };
      transaction.oncomplete = () => {
        open.result.close();
        resolve(before);
      };
    };
  }), [store, patch]);
  const done = async () => {
    for (const url of asked) assert.ok(url.startsWith('blob:') || new URL(url).origin === base.origin, `asked for ${url}`);
    assert.deepEqual(complaints.filter((text) => !EXPECTED.some((it) => it.test(text))), []);
    await context.close();
  };
  return { page, context, asked, button, sees, click, go, confirm, saved, accessible, shot, alter, done };
}

/** Types a card's code, and taps the card when the pile waits for it. */
export async function bindByCode(it, { order, codes }, card) {
  await it.page.getByLabel('Code on the card').fill(codes[card]);
  await it.click('Go on');
  await it.sees('Now tap the card at the pile');
  await order(`tap ${card}`);
  await it.sees('This phone is bound');
  await it.click('Begin');
}

/** Says so when a flow is through. */
export const passed = (what) => console.log(`ok: ${what}`);
