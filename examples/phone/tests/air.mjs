// The app over the browser's own `navigator.bluetooth`. Chromium emulates the radio and the peripheral;
// what is written to the peripheral goes to a virtual pile, and what the pile says comes back.
//
// The emulation has no notification: where a peripheral would notify, the test lets the page read the
// same characteristic, which raises the same event.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch, passed, phone, pile } from './kit.mjs';

/** A pile with a radio of its own, and one with a module on a UART: service, and what is written and told. */
const RADIO = ['6e400001-b5a3-f393-e0a9-e50e24dcca9e', '6e400002-b5a3-f393-e0a9-e50e24dcca9e', '6e400003-b5a3-f393-e0a9-e50e24dcca9e'];
const MODULE = ['0000ffe0-0000-1000-8000-00805f9b34fb', '0000ffe1-0000-1000-8000-00805f9b34fb'];
/** HCI: connection failed to be established. */
const FAILED = 0x3e;

/** A peripheral that a browser's emulated radio hears, and the pile behind it. */
class Peripheral {
  constructor(cdp, port, layout) {
    this.cdp = cdp;
    this.port = port;
    this.layout = layout;
    this.wrote = [];
    this.address = '09:09:09:09:09:09';
    this.near = true;
    this.said = [];
    this.connections = 0;
    this.chosen = 0;
    this.longest = 0;
  }

  static async on(browser, port, layout) {
    const it = new Peripheral(await browser.newBrowserCDPSession(), port, layout);
    await it.wake();
    it.cdp.on('BluetoothEmulation.gattOperationReceived', (event) => it.asked(event).catch(complain));
    it.cdp.on('BluetoothEmulation.characteristicOperationReceived', (event) => it.touched(event).catch(complain));
    return it;
  }

  send(what, parameters) {
    return this.cdp.send(`BluetoothEmulation.${what}`, parameters);
  }

  /** The radio begins; a page that loads again ends it. */
  async wake() {
    await this.send('disable').catch(() => undefined);
    await this.send('enable', { state: 'powered-on', leSupported: true });
    await this.appear();
  }

  /** The radio knows the pile, and that it offers the service: forgotten with each connection. */
  appear() {
    return this.send('simulatePreconnectedPeripheral', { address: this.address, name: 'openpile desk', manufacturerData: [], knownServiceUuids: [this.layout[0]] });
  }

  /** The page that connects, told by it when it hangs up, and read to where it is to be notified. */
  async watch(page) {
    this.page = page;
    await page.exposeBinding('hungUp', () => this.drop());
    await page.addInitScript(() => {
      const { startNotifications } = BluetoothRemoteGATTCharacteristic.prototype;
      BluetoothRemoteGATTCharacteristic.prototype.startNotifications = function start() {
        globalThis.notifying = this;
        return startNotifications.call(this);
      };
      // A hang-up is not told to the other side by the emulation: the test does it, before the next
      // connection.
      const { connect, disconnect } = BluetoothRemoteGATTServer.prototype;
      let hung = Promise.resolve();
      BluetoothRemoteGATTServer.prototype.disconnect = function hangUp() {
        disconnect.call(this);
        hung = globalThis.hungUp();
      };
      BluetoothRemoteGATTServer.prototype.connect = async function call() {
        await hung;
        return connect.call(this);
      };
    });
    const session = await page.context().newCDPSession(page);
    await session.send('DeviceAccess.enable');
    const prompts = new Set();
    session.on('DeviceAccess.deviceRequestPrompted', ({ id, devices }) => {
      // The list is told again whenever it grows; it is answered once.
      if (devices.length === 0 || prompts.has(id)) return;
      prompts.add(id);
      this.chosen += 1;
      session.send('DeviceAccess.selectPrompt', { id, deviceId: devices[0].id }).catch(complain);
    });
  }

  async asked({ address, type }) {
    if (type === 'connection') {
      if (this.near) {
        this.connections += 1;
        this.reach();
      }
      await this.send('simulateGATTOperationResponse', { address, type, code: this.near ? 0 : FAILED });
      return;
    }
    // What was discovered is forgotten with the connection.
    const { serviceId } = await this.send('addService', { address, serviceUuid: this.layout[0] });
    const add = async (characteristicUuid, properties) => (await this.send('addCharacteristic', { serviceId, characteristicUuid, properties })).characteristicId;
    const [, toPile, fromPile] = this.layout;
    const both = fromPile ? {} : { notify: true, read: true };
    this.toPile = await add(toPile, { write: true, writeWithoutResponse: true, ...both });
    this.fromPile = fromPile ? await add(fromPile, { notify: true, read: true }) : this.toPile;
    // Where the link has dropped meanwhile there is none to add to.
    await this.send('addDescriptor', { characteristicId: this.fromPile, descriptorUuid: '00002902-0000-1000-8000-00805f9b34fb' }).catch(() => undefined);
    await this.send('simulateGATTOperationResponse', { address, type, code: 0 });
  }

  async touched({ characteristicId, type, data }) {
    const answer = { characteristicId, type, code: 0 };
    if (type === 'write') {
      const bytes = Buffer.from(data, 'base64');
      this.longest = Math.max(this.longest, bytes.length);
      this.wrote.push([Date.now(), bytes.length]);
      this.socket?.write(bytes);
    } else if (type === 'read') {
      // A read of the connection before gets nothing of this one.
      const chunk = characteristicId === this.fromPile ? this.said.shift() : undefined;
      answer.data = (chunk ?? Buffer.alloc(0)).toString('base64');
    }
    await this.send('simulateCharacteristicOperationResponse', answer);
  }

  reach() {
    this.leave();
    const socket = connect(this.port, '127.0.0.1');
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      if (socket !== this.socket) return;
      for (let at = 0; at < bytes.length; at += 20) this.said.push(bytes.subarray(at, at + 20));
      void this.notify();
    });
    // The pile ended the link: its module drops the connection.
    socket.on('close', () => socket === this.socket && this.drop().catch(complain));
    socket.on('error', () => undefined);
  }

  async notify() {
    if (this.notifying) return;
    this.notifying = true;
    try {
      while (this.said.length > 0) {
        const heard = await this.page.evaluate(() => {
          // A read that a drop took away is never answered.
          const late = new Promise((resolve) => setTimeout(resolve, 1_500, false));
          return Promise.race([late, globalThis.notifying?.readValue().then(() => true, () => false) ?? false]);
        }).catch(() => false);
        if (!heard) await new Promise((resolve) => setTimeout(resolve, 20));
        if (!this.socket) this.said = [];
      }
    } finally {
      this.notifying = false;
    }
  }

  leave() {
    const { socket } = this;
    this.socket = undefined;
    this.said = [];
    socket?.destroy();
  }

  /** The link is gone, as out of reach; once, whoever finds it first. */
  drop() {
    this.dropping ??= this.part().finally(() => {
      this.dropping = undefined;
    });
    return this.dropping;
  }

  async part() {
    this.leave();
    // The emulation loses its way where a read is under way.
    for (let wait = 0; this.notifying && wait < 200; wait += 1) await new Promise((resolve) => setTimeout(resolve, 10));
    await this.send('simulateGATTDisconnection', { address: this.address }).catch(() => undefined);
  }
}

function complain(error) {
  if (!/closed/.test(String(error))) console.log(`peripheral: ${error}`);
}

/** What a camera sees in front of a card: a film of its code, a little turned. */
async function film(it, folder, card) {
  const cards = await (await fetch(new URL('/bench/cards', it.base))).json();
  const { svg } = cards.find((one) => one.name === card);
  const browser = await launch();
  const page = await browser.newPage({ viewport: { width: 640, height: 480 } });
  await page.setContent(`<body style="margin:0;background:#6b6258;display:grid;place-items:center;height:480px"><div style="width:300px;padding:16px;background:#f4f1ea;transform:rotate(7deg)">${svg}</div>`);
  const frame = await page.screenshot({ type: 'jpeg', quality: 88 });
  await browser.close();
  const file = join(folder, `${card}.mjpeg`);
  await writeFile(file, Buffer.concat(Array.from({ length: 30 }, () => frame)));
  return file;
}

const seen = (file) => ['--enable-features=WebBluetooth', '--enable-experimental-web-platform-features', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-video-capture=${file}`];

/** A phone with a camera in front of a card, near the pile. */
async function someone(it, folder, card, layout = RADIO) {
  const browser = await launch(seen(await film(it, folder, card)));
  const peripheral = await Peripheral.on(browser, it.link, layout);
  const of = await phone(browser, it.base, '/absent.css', { permissions: ['camera'] });
  await peripheral.watch(of.page);
  await of.page.goto(new URL('/phone/', it.base).href);
  return { ...of, browser, peripheral };
}

/** Comes near again: the app finds the pile by itself, or is told to look, whichever is first. */
async function returns(of) {
  of.peripheral.near = true;
  await of.button('Connect').click({ timeout: 2_000 }).catch(() => undefined);
}

/** Scans the card in front of the camera, finds the pile, and taps the card. */
async function binds(of, it, card) {
  await of.click('Scan the card');
  await of.sees('Stand near the pile');
  await of.click('Look for the pile');
  await of.sees('Now tap the card at the pile');
  await it.order(`tap ${card}`);
  await of.sees('This phone is bound');
  await of.click('Begin');
}

const folder = await mkdtemp(join(tmpdir(), 'air-'));
const it = await pile();
const neighbour = await pile();
const people = [];
try {
  const landlord = await someone(it, folder, 'landlord', MODULE);
  people.push(landlord);
  await binds(landlord, it, 'landlord');
  await landlord.sees('All is well');
  assert.ok(landlord.peripheral.longest === 20, `portions of ${landlord.peripheral.longest} bytes`);
  // No more than the wire behind the module takes: 960 bytes a second, and a portion that is under way.
  const { wrote } = landlord.peripheral;
  for (const [from, [begun]] of wrote.entries()) {
    const within = wrote.slice(from).filter(([at]) => at < begun + 250);
    const bytes = within.reduce((sum, [, length]) => sum + length, 0);
    assert.ok(bytes <= 240 + 40, `${bytes} bytes in 250 ms`);
  }
  // Hers is the pile's clock.
  const clocks = (await it.records()).filter(([kind]) => kind === 'ClockSet').map(([, set]) => JSON.stringify(set));
  assert.ok(clocks.some((set) => set.includes('Synchronised')), clocks.join());
  const installable = await (await landlord.page.context().newCDPSession(landlord.page)).send('Page.getInstallabilityErrors');
  assert.deepEqual(installable.installabilityErrors.map((one) => one.errorId).filter((id) => id !== 'in-incognito'), []);
  passed('the landlord scans the privilege card, and claims the pile over Web Bluetooth, by a module at its wire’s pace');

  await landlord.page.getByRole('link', { name: 'Tenants' }).click();
  await landlord.click('Authorise a card');
  await landlord.page.locator('.countdown').waitFor();
  await it.order('tap tenant1');
  await landlord.sees('The card is authorised: account 1');
  // There is one link: the landlord steps out of reach, and the tenant comes.
  landlord.peripheral.near = false;
  await landlord.peripheral.drop();
  await landlord.sees('The pile is out of reach');
  passed('a card is authorised; then the pile is out of reach, and the app says so');

  const tenant = await someone(it, folder, 'tenant1');
  people.push(tenant);
  await binds(tenant, it, 'tenant1');
  await it.order('plug 1 250 900');
  await tenant.page.locator('.port.free').first().click();
  await tenant.page.locator('dialog').getByRole('button', { name: 'Start' }).click();
  await tenant.page.locator('.live').waitFor();
  const energy = () => tenant.page.evaluate(() => Number.parseFloat(document.querySelector('.live .fact:nth-child(2) dd')?.textContent ?? '0'));
  await tenant.page.waitForFunction(() => Number.parseFloat(document.querySelector('.live .fact:nth-child(2) dd')?.textContent ?? '0') > 0);
  const before = await energy();
  passed('the tenant scans the card, binds, and charges');

  const links = tenant.peripheral.connections;
  await tenant.peripheral.drop();
  await tenant.page.waitForFunction((was) => Number.parseFloat(document.querySelector('.live .fact:nth-child(2) dd')?.textContent ?? '0') > was, before);
  assert.ok(tenant.peripheral.connections > links);
  assert.equal((await it.state()).ports.filter((port) => port.session !== null).length, 1);
  passed('the link drops amid the session: it is taken up again, and nothing is doubled');

  await it.order('skip 1200');
  await tenant.page.waitForFunction(() => Number.parseFloat(document.querySelector('.live .fact:nth-child(2) dd')?.textContent ?? '0') > 60);
  // The link drops while the request to stop is on its way: it stops once.
  await tenant.click('Stop');
  await tenant.page.locator('dialog').getByRole('button', { name: 'Stop', exact: true }).click();
  await tenant.peripheral.drop();
  await tenant.page.locator('.live').waitFor({ state: 'detached' });
  await tenant.page.getByRole('link', { name: 'History' }).click();
  await tenant.page.locator('.row', { hasText: 'stopped by phone' }).click();
  await tenant.click('Verify');
  await tenant.sees('The pile signed exactly these figures');
  assert.equal((await it.records()).filter(([kind]) => kind === 'SessionClosed').length, 1);
  passed('stopped although the link dropped; the receipt verified in the phone');

  tenant.peripheral.near = false;
  await tenant.peripheral.drop();
  await returns(landlord);
  await landlord.page.getByText('Connected', { exact: true }).waitFor();
  await landlord.page.getByRole('link', { name: 'Money' }).click();
  await landlord.click('Settle: Account 1');
  await landlord.confirm('Settle');
  await landlord.sees('Waiting for payment');
  await landlord.go('pile');
  await landlord.page.getByRole('button', { name: 'Revoke: Phone 2' }).click();
  await landlord.confirm('Revoke');
  await landlord.saved();
  await landlord.go('account/1');
  await landlord.page.locator('.danger-zone').getByRole('button').click();
  await landlord.confirm('Close the account');
  await landlord.sees('Nothing was owed');
  passed('settled, the phone revoked, the account closed');

  // The landlord chooses from the list again, and takes the neighbour's pile by mistake: it is not taken for a pile
  // that has revoked the phone.
  landlord.peripheral.near = false;
  await landlord.peripheral.drop();
  await landlord.sees('The pile is out of reach');
  const { chosen } = landlord.peripheral;
  landlord.peripheral.near = true;
  landlord.peripheral.port = neighbour.link;
  await landlord.peripheral.appear();
  await landlord.click('Choose it from the list');
  await landlord.sees('That pile does not know this phone');
  assert.equal(landlord.peripheral.chosen, chosen + 1);
  await landlord.page.reload();
  assert.equal(await landlord.page.getByText('This phone is not known any more').count(), 0);
  landlord.peripheral.port = it.link;
  await landlord.peripheral.wake();
  await landlord.click('Connect');
  await landlord.page.getByText('Connected', { exact: true }).waitFor();
  // Where the browser keeps the permission the app finds the pile by itself, also after a reload.
  assert.equal(landlord.peripheral.chosen, chosen + 1);
  passed('another pile chosen by mistake is said so, and the own one is found again after a reload');

  landlord.peripheral.near = false;
  await landlord.peripheral.drop();
  await returns(tenant);
  await tenant.sees('This phone is not known any more');
  passed('the revoked phone is told so');

  // A card of the house whose account is closed: its code opens nothing, whoever taps it.
  const { phones } = await it.state();
  await tenant.go('add');
  await tenant.click('Scan the card');
  await tenant.peripheral.appear();
  await tenant.click('Look for the pile');
  await tenant.sees('Now tap the card at the pile');
  await it.order('tap tenant1');
  await tenant.page.waitForTimeout(1_000);
  assert.equal(await tenant.page.getByText('This phone is bound').count(), 0);
  assert.equal((await it.state()).phones, phones);
  passed('the card of a closed account binds nothing');

  await tenant.click('Cancel');
  // Without any network and far from the pile, the app and its bills are there.
  tenant.peripheral.near = false;
  await tenant.go('history');
  await tenant.page.locator('.row', { hasText: 'stopped by phone' }).click();
  await tenant.page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await tenant.context.setOffline(true);
  await tenant.page.reload();
  await tenant.page.locator('.verdict.verified').waitFor();
  await tenant.context.setOffline(false);
  passed('offline, and out of reach: the app begins, and the receipt is verified again');

  for (const of of people) await of.done();
} catch (error) {
  for (const [at, of] of people.entries()) {
    console.log(`phone ${at}: ${(await of.page.locator('body').innerText().catch(() => '?')).replaceAll('\n', ' | ')}`);
    await of.shot(`failed-${at}`);
  }
  throw error;
} finally {
  for (const of of people) await of.browser.close();
  it.end();
  neighbour.end();
  await rm(folder, { recursive: true, force: true });
}
