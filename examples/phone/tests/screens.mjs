// Draws the screens that the README shows, of a house with a few tenants.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bindByCode, launch, passed, phone, pile } from './kit.mjs';

const FOLDER = fileURLToPath(new URL('../screens/', import.meta.url));
await mkdir(FOLDER, { recursive: true });
const it = await pile({ ports: 6 });
const browser = await launch();
const draw = async (of, name) => {
  // What was said is not part of the screen.
  await of.page.locator('.toast').waitFor({ state: 'detached' }).catch(() => undefined);
  await of.page.waitForTimeout(600);
  await of.page.screenshot({ path: `${FOLDER}${name}.png`, scale: 'css' });
};
/** The same phone in Chinese and dark. */
const zhDark = async (of, draws) => {
  await of.page.emulateMedia({ colorScheme: 'dark' });
  await of.page.evaluate(() => localStorage.setItem('lang', 'zh'));
  await of.page.reload();
  await of.page.locator('.where.here').waitFor();
  await draws();
  await of.page.evaluate(() => localStorage.setItem('lang', 'en'));
  await of.page.emulateMedia({ colorScheme: 'light' });
  await of.page.reload();
  await of.page.locator('.where.here').waitFor();
};
const authorise = async (of, card, name) => {
  await of.go('people');
  await of.click('Authorise a card');
  await of.page.locator('.countdown').waitFor();
  await it.order(`tap ${card}`);
  await of.click('Rename');
  await of.page.getByLabel('Name', { exact: true }).fill(name);
  await of.page.locator('dialog').getByRole('button', { name: 'Save' }).click();
  await of.page.getByRole('heading', { name, exact: true }).waitFor();
};
const waitFor = (of, wh) => of.page.waitForFunction((most) => Number.parseFloat(document.querySelector('.live .fact:nth-child(2) dd')?.textContent ?? '0') > most, wh);
try {
  const landlord = await phone(browser, it.base, '/phone/?pipe=local&who=landlord');
  await draw(landlord, 'add');
  await bindByCode(landlord, it, 'landlord');
  await landlord.sees('All is well');
  await authorise(landlord, 'tenant1', 'Anna, flat 3');
  await authorise(landlord, 'tenant2', '王小明, flat 5');
  await it.order('plug 5 180 700');
  await it.order('tap tenant2');
  await it.order('wait 2');
  await it.order('press 5');

  const tenant = await phone(browser, it.base, '/phone/?pipe=local&who=tenant');
  await bindByCode(tenant, it, 'tenant1');
  await it.order('plug 2 250 900');
  await tenant.page.locator('.port.free').first().waitFor();
  await tenant.page.locator('.port').nth(1).click();
  await tenant.page.waitForTimeout(400);
  await draw(tenant, 'start');
  await tenant.page.locator('dialog').getByRole('button', { name: 'Start' }).click();
  await tenant.page.locator('.live').waitFor();
  for (const more of [30, 75, 120]) {
    await it.order('skip 900');
    await waitFor(tenant, more);
  }
  await tenant.page.waitForTimeout(9_000);
  await draw(tenant, 'live');
  await zhDark(tenant, () => draw(tenant, 'live-zh-dark'));
  await landlord.page.getByRole('link', { name: 'Today' }).click();
  await landlord.page.locator('.where.here').waitFor();
  await draw(landlord, 'today');
  await tenant.click('Stop');
  await tenant.confirm('Stop');
  await tenant.click('Show the bill');
  await tenant.click('Verify');
  await tenant.page.locator('.verdict.verified').waitFor();
  await tenant.page.setViewportSize({ width: 390, height: 1130 });
  await draw(tenant, 'bill');
  await tenant.context.close();

  await landlord.go('money');
  await landlord.page.getByRole('button', { name: 'Settle: Anna, flat 3' }).waitFor();
  await draw(landlord, 'money');
  await landlord.go('tariff');
  await landlord.page.locator('.slot').first().waitFor();
  await draw(landlord, 'prices');
  await landlord.go('today');
  await zhDark(landlord, () => draw(landlord, 'today-zh-dark'));
  await landlord.context.close();
  await times();
  passed(`the screens are in ${FOLDER}`);
} finally {
  await browser.close();
  it.end();
}

/** How long until the first screen can be used, here and on a processor that is four times slower. */
async function times() {
  const of = await phone(browser, it.base, '/phone/?pipe=local&who=timed');
  const session = await of.context.newCDPSession(of.page);
  const took = async (slower) => {
    await session.send('Emulation.setCPUThrottlingRate', { rate: slower });
    await of.page.reload({ waitUntil: 'commit' });
    await of.button('Scan the card').waitFor();
    return of.page.evaluate(() => performance.now());
  };
  await took(1);
  const [here, slower] = [await took(1), await took(4)];
  console.log(`usable after ${Math.round(here)} ms here, ${Math.round(slower)} ms on a processor 4 times slower: ${(slower / here).toFixed(1)} times as long`);
  await of.context.close();
}
