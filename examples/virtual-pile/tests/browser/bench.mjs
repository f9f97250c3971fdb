// Plays on the bench page in a real Chromium, and holds what it shows against the flash.
//
// BENCH_PILE is the virtual pile, CHROMIUM the browser, SHOTS a folder for pictures, if any are wanted.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import { bills } from './flash.mjs';

const text = (page, selector) => page.locator(selector).first().textContent();
const until = (page, what, is, argument) => page.waitForFunction(is, argument, { timeout: 30_000 }).catch(() => assert.fail(`never: ${what}`));
const says = (page, words) => until(page, words, (it) => document.getElementById('says').textContent.includes(it), words);
const wh = (shown) => BigInt(shown.replace(/[^0-9]/g, ''));

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const folder = await mkdtemp(join(tmpdir(), 'bench-'));
const pile = spawn(process.env.BENCH_PILE, ['serve', '--http', '127.0.0.1:0', '--for', '280', '--quiet', '--phone', join(folder, 'dist')], { stdio: ['ignore', 'pipe', 'inherit'] });
let browser;
try {
  const [address] = await new Promise((resolve) => { createInterface({ input: pile.stdout }).once('line', (line) => resolve([line])); });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  const base = new URL(address);
  await playsTheGuide(base);
  await playsByHand(base);
} finally {
  await browser?.close();
  pile.kill();
  await rm(folder, { recursive: true, force: true });
}

/** A page, and a watch on whatever it asks for and complains of. */
async function opened(base, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const asked = new Set();
  const complaints = [];
  page.on('request', (request) => asked.add(request.url()));
  page.on('websocket', (socket) => asked.add(socket.url().replace(/^ws:/, 'http:')));
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(base.href);
  await page.waitForSelector('.port');
  const done = async () => {
    assert.ok(asked.size > 8);
    for (const url of asked) assert.equal(new URL(url).origin, base.origin, `asked for ${url}`);
    // An order that the pile refuses is answered 422, which a browser notes.
    assert.deepEqual(complaints.filter((text) => !text.includes('422')), []);
    await context.close();
  };
  return { page, done };
}

async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ iframes: false }));
  const found = violations.filter((one) => one.impact === 'serious' || one.impact === 'critical');
  assert.deepEqual(found.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(', ')}`), [], what);
}

async function picture(page, name) {
  if (!process.env.SHOTS) return;
  await mkdir(process.env.SHOTS, { recursive: true });
  await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`) });
}

/** The first minute by its own button, in Chinese and dark: each hint leads to the next. */
async function playsTheGuide(base) {
  const { page, done } = await opened(base, { locale: 'zh-CN', colorScheme: 'dark', viewport: { width: 1440, height: 1150 } });
  assert.equal(await page.getAttribute('html', 'lang'), 'zh');
  const hints = [];
  while (await page.isVisible('#show')) {
    const hint = await text(page, '#hint');
    hints.push(hint);
    assert.ok(hints.length < 12, hints.join('\n'));
    await page.click('#show');
    await until(page, `what follows ${hint}`, (it) => document.getElementById('hint').textContent !== it, hint);
  }
  assert.equal(hints.length, 9);
  assert.equal(await page.locator('#accounts tbody .whole').count(), 1);
  await accessible(page, 'in Chinese, dark');
  await picture(page, 'bench-zh-dark');
  await page.click('#language');
  assert.equal(await page.getAttribute('html', 'lang'), 'en');
  assert.match(await text(page, '#records [data-kind="SessionClosed"] .what'), /Bill of session 1, Anna: the supply failed/);
  await page.click('#reset');
  await until(page, 'a blank pile', () => document.getElementById('records').childElementCount === 0);
  await done();
}

async function playsByHand(base) {
  const { page, done } = await opened(base, { locale: 'en-US', colorScheme: 'light', viewport: { width: 1440, height: 1150 } });
  await accessible(page, 'at first');
  // By keyboard alone: the owner claims the pile and lets Anna in.
  for (const [card, said] of [['landlord', 'yours'], ['landlord', 'Tap the new card'], ['tenant1', 'is authorised']]) {
    await page.focus(`#tap-${card}`);
    await page.keyboard.press('Enter');
    await says(page, said);
  }
  await page.click('#plug-2');
  await page.focus('#tap-tenant1');
  await page.keyboard.press('Space');
  await says(page, 'Choose a port');
  assert.equal(await text(page, '#port-2 .relay-word'), 'relay open');
  await page.focus('#press-2');
  await page.keyboard.press('Enter');
  await until(page, 'the relay closes', () => document.querySelector('#port-2 .relay-word').textContent === 'relay closed');
  // The record that says why came before.
  assert.equal(await page.locator('#records [data-kind="SessionOpened"]').count(), 1);
  await until(page, 'power', () => document.querySelector('#port-2 .watts').textContent === '250 W');
  const before = wh(await text(page, '#port-2 .energy'));
  await until(page, 'energy rises as one watches', (it) => Number(document.querySelector('#port-2 .energy').textContent.replace(/[^0-9]/g, '')) > it, Number(before));
  await page.click('#skip10');
  await until(page, 'a bill that grows', () => parseFloat(document.querySelector('.running td:last-child')?.textContent) > 0.01);
  await accessible(page, 'while it charges');
  await picture(page, 'bench');

  await page.click('#supply');
  await until(page, 'dark', () => document.getElementById('pile').classList.contains('dark'));
  assert.equal(await text(page, '#port-2 .relay-word'), 'relay open');
  await page.click('#supply');
  await until(page, 'a bill', () => document.querySelector('#records [data-kind="SessionClosed"]'));
  await until(page, 'the account', () => document.querySelector('.whole td')?.textContent === '1');

  // What the page shows is what the flash says, to the milliwatt-hour, and less than the wire gave.
  const image = Buffer.from(await (await fetch(new URL('/bench/flash', base))).arrayBuffer());
  const [bill, ...more] = bills(image);
  assert.equal(more.length, 0);
  assert.equal(wh(await text(page, '.whole td:nth-child(3)')), bill.energy);
  assert.equal(wh(await text(page, '.whole td:last-child')) * 10_000n, bill.total);
  assert.equal(wh(await text(page, '#records [data-kind="SessionClosed"] .energy')), bill.energy);
  const wire = wh(await text(page, '#port-2 .energy'));
  assert.ok(bill.energy <= wire && wire - bill.energy < 1_200n, `${bill.energy} of ${wire}`);
  const balance = await page.locator('#balance dd').allTextContents();
  const [accounts, open, nobody, metered] = balance.map(wh);
  assert.equal(accounts + open + nobody, metered);
  assert.equal(accounts, bill.energy);

  // A copy opens nothing; what breaks is seen, and latched.
  await page.click('#tap-copy');
  await until(page, 'the copy is written down', () => document.querySelector('#records [data-kind="Attempted"]'));
  await page.selectOption('#where', '3');
  await page.click('#break-leak');
  await until(page, 'leakage', () => document.querySelector('#port-3 .light').textContent === 'leakage');
  await page.click('#break-weld');
  await until(page, 'stuck', () => document.querySelector('#port-3 .relay-word').textContent.includes('stuck'));
  assert.equal(await text(page, '#break-weld'), 'Mend relay');
  await page.click('#break-reader');
  await until(page, 'the reader is dead', () => document.getElementById('reader-word').textContent === 'dead');
  await page.click('#break-reader');
  await until(page, 'the reader is mended', () => document.getElementById('reader-word').textContent === 'Tap here');
  await accessible(page, 'broken');

  // A card's code, for a phone without a camera.
  await page.click('#code-tenant1');
  assert.match(await text(page, '#code-text'), /^OP1:[0-9A-Z]+$/);
  assert.equal(await page.locator('#code-picture svg path').count(), 2);
  await accessible(page, 'a code');
  await page.keyboard.press('Escape');

  await page.click('#break-tamper');
  await until(page, 'refused', () => document.getElementById('trouble').textContent.includes('ledger was changed'));
  await page.click('#reset');
  await until(page, 'a blank pile', () => document.getElementById('hint').textContent.startsWith('A new pile'));

  // The phones say that their app is not built, and show it once it is.
  const frame = page.frameLocator('#frame-landlord');
  assert.match(await frame.locator('main').textContent(), /pilectl phone/);
  await mkdir(join(folder, 'dist'));
  await writeFile(join(folder, 'dist', 'index.html'), '<!doctype html><html lang="en"><title>app</title><main>here</main></html>');
  await frame.locator('main', { hasText: 'here' }).waitFor({ timeout: 15_000 });
  await rm(join(folder, 'dist'), { recursive: true });

  await page.setViewportSize({ width: 390, height: 844 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 390, `${width} px wide on a phone`);
  await accessible(page, 'on a phone');
  await page.goto(new URL('/phone/', base).href);
  await accessible(page, 'a phone without its app');
  await done();
}
