// The record stream: each record in a sentence, the newest first.
import { element } from './wall.js';
import { money, wattHours } from './words.js';

/** Lines that stay on the page. */
const MOST = 80;

export class Ledger {
  constructor(root, words, state) {
    Object.assign(this, { root, words, state });
    this.account = (number) => words().who(number);
    this.offset = 0;
    this.currency = '';
    this.clear();
  }

  clear() {
    this.records = [];
    this.cards = new Map();
    this.clock = 0;
    this.root?.replaceChildren();
  }

  /** The same records, in another language. */
  again() {
    const { records } = this;
    this.clear();
    for (const record of records) this.add(record);
  }

  add(told) {
    this.records.push(told);
    if (this.records.length > 400) this.records.shift();
    const [kind, fact] = Object.entries(told.record)[0];
    this.learn(kind, fact);
    for (const line of this.lines(kind, fact)) this.put(told.seq, line);
  }

  learn(kind, fact) {
    const at = fact.at ?? fact.to ?? fact.closed ?? fact.segment?.to;
    if (kind === 'Progress') this.clock += fact.elapsed;
    else if (at?.unix) this.clock = at.unix;
    if (kind === 'TariffSet') {
      this.offset = fact.tariff.utc_offset;
      this.currency = String.fromCharCode(...fact.tariff.currency);
    }
    if (kind === 'Enrolled') this.cards.set(fact.credential.id, fact.credential.role.Charging ?? null);
  }

  /** A moment on the pile's wall; nothing while its clock is not known. */
  time(unix) {
    if (!unix || unix < 1e8) return '';
    return new Date((unix + this.offset * 60) * 1000).toISOString().slice(11, 19);
  }

  who(number) {
    return this.account(number);
  }

  whoCard(card) {
    const account = this.cards.get(card);
    return account ? this.who(account) : this.words().people.landlord;
  }

  /** What a record says: words, energy and money, each once. */
  lines(kind, fact) {
    const words = this.words();
    const say = (name, r, more = {}) => ({ kind: name, text: words.records[name](r, this), ...more });
    const port = (fact.port ?? 0) + 1;
    switch (kind) {
      case 'Progress':
        return fact.advances.map((one) => say(one.session ? 'Progress' : 'Nobodys', one, { energy: one.energy_mwh, port: one.port }));
      case 'SegmentClosed':
      case 'LastSegment': {
        const { segment } = fact;
        const prices = `${money(segment.energy_price, 3)} + ${money(segment.service_price, 3)}`;
        return [say('Segment', { ...segment, prices }, { energy: segment.energy, cost: money(segment.energy_micro + segment.service_micro, 4) })];
      }
      case 'SessionClosed':
        return [say(kind, { ...fact, reason: words.stop[fact.reason] ?? fact.reason }, { energy: fact.energy, cost: money(fact.bill.total) })];
      case 'SessionOpened':
        return [say(kind, { ...fact, port, card: fact.credential })];
      case 'FaultLatched':
        return [say(kind, { port, fault: words.latched[fact.fault] })];
      case 'Enrolled':
        return [say(kind, { account: fact.credential.role.Charging ?? null })];
      case 'TariffSet':
        return [say(kind, { bands: fact.tariff.bands.map((band) => `${band.name} ${money(band.energy + band.service, 3)}`).join(', ') })];
      case 'Attempted':
        return [say(kind, { card: fact.credential })];
      case 'Revoked':
      case 'PhoneBound':
        return [say(kind, { ...fact, card: fact.credential })];
      case 'Settled':
        return [say(kind, fact, { energy: fact.closing - fact.opening, cost: money(fact.amount) })];
      case 'Paid':
        return [say(kind, { id: fact.settlement })];
      default:
        return [words.records[kind] ? say(kind, { ...fact, port }) : { kind, text: kind }];
    }
  }

  put(seq, line) {
    let first = this.root.firstElementChild;
    if (first?.dataset.kind === 'Nobodys') first = first.nextElementSibling;
    const time = this.time(this.clock);
    // A charge is a record a watt-hour: they share a line.
    if (line.kind === 'Progress' && first?.dataset.kind === 'Progress' && first.dataset.port === String(line.port)) {
      const energy = Number(first.dataset.energy) + line.energy;
      const count = Number(first.dataset.count) + 1;
      Object.assign(first.dataset, { energy, count, through: seq });
      first.querySelector('.seq').textContent = `${first.dataset.seq}–${seq}`;
      this.root.prepend(first);
      first.querySelector('.when').textContent = time;
      first.querySelector('.energy').textContent = `${wattHours(energy)} Wh`;
      return;
    }
    const row = element(
      'li', { 'data-kind': line.kind, 'data-seq': seq },
      element('span', { class: 'seq' }, String(seq)),
      element('span', { class: 'when' }, time),
      element('span', { class: 'what' }, line.text),
      element('span', { class: 'energy' }, line.energy === undefined ? '' : `${wattHours(line.energy)} Wh`),
      element('span', { class: 'cost' }, line.cost === undefined ? '' : `${line.cost} ${this.currency}`),
    );
    Object.assign(row.dataset, { energy: line.energy ?? '', count: 1, port: line.port ?? '' });
    this.root.prepend(row);
    while (this.root.childElementCount > MOST) this.root.lastElementChild.remove();
  }
}
