// What happens less often: another price plan, a bill on paper, a card replaced, blocked, lost, a landlord
// who has lost hers, a second pile. Each is held against the pile's ledger, not only against the screen.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { bindByCode, launch, passed, phone, pile } from './kit.mjs';

const it = await pile();
const browser = await launch();
try {
  const landlord = await phone(browser, it.base, '/phone/?pipe=local&who=landlord');
  await bindByCode(landlord, it, 'landlord');
  await landlord.page.getByRole('link', { name: 'Tenants' }).click();
  await landlord.click('Authorise a card');
  await landlord.sees('Tap the new card at the pile now');
  await it.order('tap tenant1');
  await landlord.sees('The card is authorised: account 1');
  const tenant = await phone(browser, it.base, '/phone/?pipe=local&who=tenant');
  await bindByCode(tenant, it, 'tenant1');
  await hasAPlanOfItsOwn(landlord);
  await isStoppedByTheLandlord(landlord, tenant);
  await keepsItsReceipt(tenant);
  await isPrinted(landlord);
  await hasASettlementOnPaper(landlord);
  await holdsTheLedgerAgainstTheOneBefore(landlord);
  await namesItsPeriods(landlord);
  await understandsWhatIsTyped(landlord);
  await speaksChinese(landlord);
  await rests(landlord);
  await isReplaced(landlord, tenant);
  await isReportedLost(landlord, tenant);
  await isBlocked(landlord);
  const next = await phone(browser, it.base, '/phone/?pipe=local&who=next');
  await recovers(next, landlord);
  await hasSeveralPiles(next);
  await savesAndForgets(next);
  await isRemovedAsItConnects(next);
  await cannotBegin();
  for (const one of [landlord, tenant, next]) await one.done();
} finally {
  await browser.close();
  it.end();
}

/** The records of a kind, the newest last. */
async function written(kind) {
  return (await it.records()).filter(([name]) => name === kind).map(([, what]) => what);
}

/** Presses a button of the sheet that asks, and another sheet comes. */
async function agree(of, name) {
  await of.page.locator('dialog').getByRole('button', { name, exact: true }).click();
}

async function hasAPlanOfItsOwn(of) {
  await of.go('tariff');
  await of.page.locator('.slot').first().waitFor();
  await of.page.getByRole('radio', { name: 'Plan 1' }).check();
  const energy = of.page.getByLabel('Electricity, CNY');
  await energy.nth(0).fill('1,000');
  await of.sees('Write prices such as 0.60');
  for (const at of [0, 1]) await energy.nth(at).fill('1.1');
  // What was begun outlasts the screen and the link.
  await of.go('today');
  await of.page.reload();
  await of.sees('All is well');
  await of.go('tariff');
  await of.page.getByRole('radio', { name: 'Plan 1' }).check();
  await energy.nth(0).fill('1.1');
  await of.go('today');
  await of.sees('All is well');
  await of.go('tariff');
  await of.page.getByRole('radio', { name: 'Plan 1' }).check();
  assert.equal(await energy.nth(0).inputValue(), '1.1');
  await of.click('Discard the changes');
  await of.confirm('Discard the changes');
  await of.page.waitForFunction(() => document.querySelector('.three input[inputmode=decimal]').value !== '1.1');
  for (const at of [0, 1]) await energy.nth(at).fill('1.1');
  await of.click('Save');
  await of.sees('The new prices hold from now on');
  const set = (await written('TariffSet')).at(-1);
  assert.deepEqual([set.plan, ...set.tariff.bands.map((band) => band.energy)], [1, 1_100_000, 1_100_000]);
  await of.go('account/1');
  await of.page.getByRole('radio', { name: 'Plan 1' }).click();
  await of.saved();
  await of.accessible('an account with plans');
  passed('another price plan, given to an account');
}

async function isStoppedByTheLandlord(of, tenant) {
  await it.order('plug 1 400 900');
  await tenant.page.locator('.port').first().click();
  await tenant.page.locator('dialog').getByRole('button', { name: 'Start' }).click();
  await tenant.page.locator('.live').waitFor();
  await it.order('skip 1800');
  await tenant.page.waitForFunction(() => Number.parseFloat(document.querySelector('.live .fact:nth-child(2) dd')?.textContent) > 100);
  await of.go('today');
  await of.page.getByRole('button', { name: 'Port 1' }).click();
  await of.page.locator('dialog').getByRole('button', { name: 'Stop', exact: true }).click();
  await of.page.locator('dialog').last().getByRole('button', { name: 'Stop', exact: true }).click();
  await of.saved();
  await tenant.sees('Charged');
  const closed = (await written('SessionClosed')).at(-1);
  const line = (await written('LastSegment')).at(-1).segment;
  assert.deepEqual([closed.reason, closed.account, line.energy_price], ['ByLandlord', 1, 1_100_000]);
  passed('a session by the plan’s prices, stopped by the landlord');
}

/** What was signed is held against what is said now: by the pile, or by what the phone kept of it. */
async function keepsItsReceipt(of) {
  const number = (await written('SessionClosed')).at(-1).session;
  await of.go(`bill/${number}`);
  await of.click('Verify');
  await of.sees('The pile signed exactly these figures');
  await of.click('Verify again');
  await of.sees('The pile signed exactly these figures');
  // Whatever of it is altered where it is kept is found: figures, record, signature, key.
  const [kept] = await of.alter('receipts', {});
  const bill = kept.signed.page.session;
  const found = async (patch, why, back) => {
    await of.alter('receipts', patch);
    await of.page.reload();
    await of.sees(why);
    await of.alter('receipts', back);
  };
  const UNSIGNED = 'the signature is not under them';
  const { energy } = bill;
  await found({ signed: { page: { session: { energy: energy + 1 } } } }, UNSIGNED, { signed: { page: { session: { energy } } } });
  await of.accessible('a bill that is not the one that was signed');
  const [segment] = kept.signed.segments;
  await found({ signed: { segments: { 0: { energy_micro: segment.energy_micro - 1 } } } }, UNSIGNED, { signed: { segments: { 0: { energy_micro: segment.energy_micro } } } });
  await found({ record: kept.record.replace('"ID"', '"IX"') }, UNSIGNED, { record: kept.record });
  const { signature } = kept.signed;
  const { numbers } = signature;
  const flipped = (bit) => ({ signed: { signature: { numbers: { 0: { 5: numbers[0][5] ^ bit } } } } });
  await found(flipped(1), UNSIGNED, flipped(0));
  const [{ pem }] = await of.alter('piles', { pem: kept.pem.replace(/[A-Za-z](?=[^\n]*\n-----END)/, (letter) => (letter === 'A' ? 'B' : 'A')) });
  await of.page.reload();
  await of.sees('The pile signed with another key than before');
  await of.click('Verify');
  await of.sees('The pile signed with another key than before');
  await of.alter('piles', { pem });
  // Bill and receipt altered alike, far from the pile: its figures are nobody's.
  await it.order('cut');
  await of.alter('bills', { bill: { energy: 1 } });
  await of.alter('receipts', { signed: { page: { session: { energy: 1 } } } });
  await of.page.reload();
  await of.sees(UNSIGNED);
  await of.alter('receipts', { signed: { page: { session: { energy } } } });
  await of.page.reload();
  await of.sees('The pile says other figures now than those it signed');
  await of.alter('bills', { bill: { energy } });
  await it.order('restore');
  await of.page.reload();
  await of.sees('The pile signed exactly these figures');
  // Without a clock there is no date, and none is made up.
  await of.alter('bills', { bill: { opened: { quality: 'Unknown' }, closed: { quality: 'Unknown' } } });
  await of.page.reload();
  await of.go('history');
  await of.page.getByText('no date: the clock was not set').first().waitFor();
  assert.equal(await of.page.getByText('1970').count(), 0);
  await of.alter('bills', { bill: { opened: bill.opened, closed: bill.closed } });
  await of.page.reload();
  await of.go('charge');
  passed('a receipt is held against the figures of now; a session without a date has none');
}

async function isPrinted(of) {
  await of.go('statement/1');
  await of.page.locator('table tbody tr').first().waitFor();
  const [file] = await Promise.all([of.page.waitForEvent('download'), of.click('CSV')]);
  const [head, line, end] = (await readFile(await file.path(), 'utf8')).replace('\uFEFF', '').split('\r\n');
  const row = Object.fromEntries(head.split(',').map((name, at) => [name, line.split(',')[at]]));
  const closed = (await written('SessionClosed')).at(-1);
  // A table's numbers are the record's: mWh and millionths.
  assert.equal(Math.round(Number(row.kwh) * 1e6), closed.energy);
  assert.equal(Math.round(Number(row.total) * 1e6), closed.bill.total);
  assert.deepEqual([row.account, row.port, row.reason, end], ['1', '1', 'stopped by the landlord', '']);
  assert.equal(file.suggestedFilename(), 'statement_openpile-desk_Account-1_Since-the-last-settlement.csv');
  // And its receipts, signed: the pile's own energy, under a signature that was checked.
  const [records] = await Promise.all([of.page.waitForEvent('download'), of.click('Signed receipts')]);
  const signed = (await readFile(await records.path(), 'utf8')).trimEnd().split('\n');
  assert.equal(signed.length, 1);
  const [, payload] = signed[0].split('|');
  const readings = JSON.parse(payload).RD.map((reading) => Math.round(reading.RV * 1e6));
  assert.equal(readings.at(-1) - readings[0], closed.energy);
  // Paper has the bill, and no buttons.
  await of.page.emulateMedia({ media: 'print' });
  assert.ok(await of.page.getByText('Statement: Account 1').isVisible());
  for (const hidden of ['nav', '#period', '.paper .buttons']) assert.ok(!(await of.page.locator(hidden).first().isVisible()), hidden);
  assert.ok((await of.page.pdf()).length > 5_000);
  await of.page.emulateMedia({ media: null });
  await of.page.evaluate(() => { globalThis.print = () => { globalThis.printed = true; }; });
  await of.click('Print');
  assert.ok(await of.page.evaluate(() => globalThis.printed));
  passed('the statement as a table, as signed receipts and on paper');
}

async function hasASettlementOnPaper(of) {
  await of.go('money');
  await of.click('Settle: Account 1');
  await of.confirm('Settle');
  await of.click('Statement: Account 1, Settlement 1');
  const closed = (await written('SessionClosed')).at(-1);
  await of.page.locator('.paper', { hasText: 'Settlement 1' }).getByText(`¥${(closed.bill.total / 1e6).toFixed(2)}`).first().waitFor();
  assert.equal(await of.page.locator('.paper tbody tr').count(), 1);
  await of.go('money');
  await of.click('Paid: Account 1');
  // A note has 24 bytes, whole letters of them.
  await of.page.locator('dialog input').fill('现金现金现金现金现金');
  assert.equal(await of.page.locator('dialog input').inputValue(), '现金现金现金现金');
  await of.sees('There is no room for more');
  await of.page.locator('dialog').getByRole('button', { name: 'Paid', exact: true }).click();
  await of.saved();
  await of.page.locator('.card', { hasText: 'Paid lately' }).getByRole('button').click();
  await of.sees('现金现金现金现金.');
  await of.accessible('a settlement that was paid');
  const paid = (await written('Paid')).at(-1);
  assert.deepEqual([paid.settlement, paid.reference], [1, '现金现金现金现金']);
  passed('a settlement’s statement, before it is paid and after');
}

async function holdsTheLedgerAgainstTheOneBefore(of) {
  const verify = async () => {
    await of.page.reload();
    await of.go('pile');
    await of.click('Verify and keep a copy');
  };
  await of.go('pile');
  await of.click('Verify and keep a copy');
  await of.sees('The ledger is whole');
  const end = (await it.records()).length;
  await of.alter('piles', { ledger: { seq: end + 1_000 } });
  await verify();
  await of.page.getByText(`and was verified up to ${end + 999} before`).waitFor();
  // A copy that begins after what was verified: at a record that no ledger has any more.
  const [{ ledger }] = await of.alter('piles', { ledger: { seq: 0 } });
  assert.equal(ledger.seq, end + 1_000, 'what is not to be believed takes no place');
  await verify();
  await of.sees('is not among these records any more');
  await of.accessible('a ledger with a gap');
  const [before] = await of.alter('piles', { ledger: { at: 1 } });
  assert.equal(before.ledger.seq, 0, 'nor does it where nobody said so');
  await of.click('Go on from here');
  await of.page.getByRole('button', { name: 'Go on from here' }).waitFor({ state: 'detached' });
  await verify();
  await of.sees('It continues what this phone verified on');
  await of.alter('piles', { ledger: { identity: '00'.repeat(16) } });
  await verify();
  await of.sees('it is another ledger than this phone verified before');
  await of.accessible('another ledger');
  passed('a ledger that is shorter, begins later, or is another one is not taken for the one before');
}

/** What is said of one period is not shown under another's name, whatever the pile answers. */
async function namesItsPeriods(of) {
  await of.go('statement/1');
  await of.page.getByLabel('Period').selectOption('m0');
  await of.page.locator('table tbody tr').first().waitFor();
  const rows = await of.page.locator('table tbody tr').count();
  const drawn = (await written('SessionClosed')).filter((closed) => closed.account === 1);
  assert.equal(rows, drawn.length);
  await it.order('cut');
  await of.sees('Out of reach');
  await of.page.getByLabel('Period').selectOption('m3');
  await of.page.locator('.paper').waitFor({ state: 'detached' });
  await it.order('restore');
  await of.page.locator('.paper').waitFor();
  assert.equal(await of.page.locator('table tbody tr').count(), 0);
  passed('a period without an answer shows nothing of another one');
}

/** In Chinese, with the screen reader's check on each screen. */
async function speaksChinese(of) {
  await of.go('pile');
  await of.page.getByRole('radio', { name: '中文' }).check();
  for (const [to, seen] of [['today', '一切正常'], ['people', '授权新卡'], ['money', '对账单'], ['statement/1', '时间段'], ['account/1', '销户'], ['tariff', '充电桩所在地'], ['pile', '工程信息'], ['add', '扫描卡片']]) {
    await of.go(to);
    await of.sees(seen);
    await of.accessible(`${to}, in Chinese`);
  }
  assert.equal(await of.page.evaluate(() => document.documentElement.lang), 'zh-CN');
  await of.go('pile');
  await of.page.getByRole('radio', { name: 'English' }).check();
  passed('every screen of the landlord’s in Chinese');
}

/** A phone that nobody touches lets go of the link, wherever it lies, and takes it again at a touch. */
async function rests(of) {
  await of.go('people');
  await of.sees('Authorise a card');
  await of.page.clock.install();
  await of.page.clock.fastForward(100_000);
  await of.sees('Not connected');
  await of.page.waitForTimeout(2_000);
  assert.ok(await of.page.getByText('Not connected').isVisible(), 'what is merely shown takes it again');
  await of.page.locator('h1').click();
  await of.page.getByText('Connected', { exact: true }).waitFor();
  passed('a phone that nobody touches lets go of the link, and takes it at a touch');
}

async function understandsWhatIsTyped(of) {
  await of.go('account/1');
  await of.click('Rename');
  await of.page.locator('dialog input').fill('一二三四五六七八九十');
  assert.equal(await of.page.locator('dialog input').inputValue(), '一二三四五六七八');
  await of.page.locator('dialog').getByRole('button', { name: 'Close' }).click();
  await of.go('add');
  for (const [typed, why] of [['HELLO', 'This is not a card’s code'], ['OP1:0U', 'Look at group 1 after OP1:'], [it.codes.tenant1.slice(0, -4), 'The code is not complete']]) {
    await of.page.getByLabel('Code on the card').fill(typed);
    await of.click('Go on');
    await of.sees(why);
  }
  await of.go('today');
  await of.sees('All is well');
  passed('codes and names that cannot be are said so, with what to do');
}

async function isReplaced(of, tenant) {
  await of.go('account/1');
  await of.click('Replace the card');
  await agree(of, 'Replace the card');
  await of.page.locator('.countdown').waitFor();
  await of.accessible('a card is replaced');
  await it.order('tap tenant2');
  await of.sees('The card is authorised: account 1');
  const [old, next] = [(await written('Revoked')).at(-1), (await written('Enrolled')).at(-1).credential];
  assert.deepEqual([old.credential, next.role, next.id], [1, { Charging: 1 }, 2]);
  await tenant.page.reload();
  await tenant.sees('This phone is not known any more');
  await tenant.accessible('after the card was replaced');
  passed('a card is replaced, and the phone of the old one goes with it');
}

async function isReportedLost(of, tenant) {
  await tenant.go('add');
  await bindByCode(tenant, it, 'tenant2');
  await tenant.go('history');
  await tenant.sees('stopped by the landlord');
  await tenant.page.getByRole('link', { name: 'Me' }).click();
  await tenant.click('Report it lost');
  await tenant.confirm('Report it lost');
  await tenant.sees('This phone is not known any more');
  const lost = (await written('Revoked')).at(-1);
  assert.deepEqual([lost.credential, lost.why], [2, 'Lost']);
  // The account goes on with another card, though none is left to replace: here the first, found again.
  await of.go('account/1');
  await of.sees('revoked');
  await of.click('Replace the card');
  await agree(of, 'Replace the card');
  await of.page.locator('.countdown').waitFor();
  await it.order('tap tenant1');
  await of.sees('The card is authorised: account 1');
  const found = (await written('Enrolled')).at(-1).credential;
  assert.deepEqual([found.id, found.role], [3, { Charging: 1 }]);
  passed('a tenant reports a card lost');
}

async function isBlocked(of) {
  await it.order('plug 2 400 900');
  await of.go('today');
  await it.order('tap tenant1');
  // The pile asks for a port; then it closes the relay.
  await of.page.waitForTimeout(1_500);
  await it.order('press 2');
  await of.page.locator('.row', { hasText: 'Port 2' }).getByText('Account 1').waitFor();
  await it.order('skip 900');
  await of.go('account/1');
  await of.click('Block: the card is lost');
  await of.confirm('Block: the card is lost');
  await of.saved();
  const blocked = (await written('Revoked')).at(-1);
  assert.deepEqual([blocked.credential, blocked.why], [3, 'Lost']);
  // What was drawn until then is billed, and the account closed with it.
  await of.page.waitForTimeout(2_000);
  const last = (await written('SessionClosed')).at(-1);
  assert.equal(last.reason, 'Revoked');
  await of.page.locator('.danger-zone').getByRole('button').click();
  await of.confirm('Close the account');
  await of.sees(`Closed. The last bill: ¥${(last.bill.total / 1e6).toFixed(2)}`);
  assert.deepEqual((await written('Settled')).at(-1).amount, last.bill.total);
  await it.order('tap tenant1');
  await of.page.waitForTimeout(2_000);
  const kinds = (await it.records()).map(([kind]) => kind);
  assert.ok(!kinds.slice(kinds.lastIndexOf('Revoked')).includes('SessionOpened'), 'a blocked card opens nothing');
  passed('a card is blocked by the landlord while it charges, and its account closed with the last bill');
}

async function recovers(of, before) {
  await of.page.getByLabel('Code on the card').fill(it.recovery[0]);
  await of.click('Go on');
  await of.sees('Lost privilege card');
  await of.accessible('a recovery code');
  await of.click('Look for the pile');
  await of.sees('Tap the new privilege card at the pile now');
  await it.order('tap spare');
  await of.sees('It is the privilege card now');
  await of.click('Go on');
  await bindByCode(of, it, 'spare');
  await of.sees('All is well');
  // What opened the pile before opens it no more.
  await before.page.reload();
  await before.sees('This phone is not known any more');
  passed('a landlord who lost her card comes back by a recovery code');
}

/** The pile is removed while it has no power, and the app waits for it: it does not come back. */
async function isRemovedAsItConnects(of) {
  await it.order('cut');
  await of.page.reload();
  await of.sees('Connecting…');
  await of.go('pile');
  await of.click('Remove from this phone');
  await of.confirm('Remove from this phone');
  await of.sees('Add a pile');
  await it.order('restore');
  await of.page.waitForTimeout(3_000);
  assert.deepEqual(await of.alter('piles', {}), []);
  passed('a pile removed while the app connects to it is gone, and lets go of the link');
}

/** What the app is made of does not come: it says so. */
async function cannotBegin() {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route('**/*.wasm', (route) => route.abort());
  await page.goto(new URL('/phone/?pipe=local&who=none', it.base).href);
  await page.getByText('The app cannot begin').waitFor();
  await page.getByRole('button', { name: 'Try again' }).waitFor();
  await context.close();
  passed('an app that cannot begin says so');
}

/** A second pile, as this phone would have kept it. */
async function hasSeveralPiles(of) {
  await of.page.evaluate(() => new Promise((resolve) => {
    const open = indexedDB.open('openpile-next');
    open.onsuccess = () => {
      const change = open.result.transaction(['piles', 'accounts'], 'readwrite');
      const pile = 'ffffffffffffffff';
      change.objectStore('piles').put({ id: pile, name: 'Backyard', landlord: true, phone: 1, key: new Uint8Array(32), seen: Date.now() });
      change.objectStore('accounts').put({ pile, account: 1, active: true, energy: 9_000_000, fees: 5_000_000, settled: 1_500_000, unpaid: [{ id: 1, account: 1, amount: 250_000 }], currency: 'CNY', at: Date.now() });
      change.oncomplete = () => {
        open.result.close();
        resolve();
      };
    };
  }));
  await of.page.reload();
  await of.go('today');
  await of.sees('All is well');
  // What was drawn here is settled and paid: the other pile's alone is open.
  await of.page.locator('.card', { hasText: 'All piles' }).locator('.split strong').getByText('¥3.75', { exact: true }).waitFor();
  await of.page.locator('.row', { hasText: 'Backyard' }).getByText('¥3.75').waitFor();
  await of.accessible('several piles');
  passed('several piles, and what is open over all of them');
}

async function savesAndForgets(of) {
  await of.go('pile');
  const [file] = await Promise.all([of.page.waitForEvent('download'), of.click('Save my data')]);
  const all = JSON.parse(await readFile(await file.path(), 'utf8'));
  assert.deepEqual(all.piles.map((pile) => pile.name).sort(), ['Backyard', 'openpile desk']);
  assert.equal(all.accounts.length, 2);
  assert.ok(all.piles.every((pile) => !('key' in pile)), 'no key leaves the phone');
  await of.click('Remove from this phone: Backyard');
  await of.confirm('Remove from this phone');
  await of.page.getByRole('button', { name: 'Remove from this phone: Backyard' }).waitFor({ state: 'detached' });
  await of.page.reload();
  await of.go('pile');
  await of.sees('For the engineer');
  assert.equal(await of.page.getByText('Backyard').count(), 0);
  passed('the phone’s data saved without keys; a pile removed from it');
}
