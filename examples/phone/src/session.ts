// The pile that is on the screen: what it says of itself, kept up to date while the link stands.

import { type Signal, batch, signal } from '@preact/signals';
import {
  type Answers, type ClosedSession, type Notice, type PortView, type PriceNow, type Request, type UpTo, type Welcome, currencyOf,
} from './link/messages';
import { Local, type Way, choose, remembered } from './link/pipe';
import { Talk, TalkError, type Trouble, troubleOf } from './link/talk';
import type { Draft } from './screens/tariff';
import * as store from './store';

/** Where the pile is, as the phone sees it. */
export type Status = 'off' | 'connecting' | 'here' | 'away';

/** A point of a session's curve: milliseconds since 1970, milliwatts. */
export interface Point { at: number; power: number }

const MOST_POINTS = 600;
/** Seconds that the pile's clock may be off before a landlord's phone sets it: each time is a record. */
const CLOCK_OFF = 5;
/** Pauses before a lost link is tried again. */
const PAUSES = [800, 2_000, 5_000, 10_000, 30_000];

const bench = new URLSearchParams(location.search);
/** Set in the bench's frames. */
export const local = bench.get('pipe') === 'local' ? (bench.get('who') ?? 'phone') : undefined;

/** The way to a pile that was bound before; nothing where the person must choose it again. */
export const wayTo = async (device: string | undefined): Promise<Way | undefined> =>
  local ? new Local(local) : remembered(device);
/** The way to a pile that is new, or was lost. */
export const chooseWay = async (): Promise<Way> => (local ? new Local(local) : choose());

export class Session {
  readonly status: Signal<Status> = signal('off');
  readonly trouble: Signal<Trouble | undefined> = signal(undefined);
  readonly welcome: Signal<Welcome | undefined> = signal(undefined);
  readonly ports: Signal<PortView[]> = signal([]);
  readonly price: Signal<PriceNow | undefined> = signal(undefined);
  readonly currency: Signal<string>;
  readonly bills: Signal<ClosedSession[]> = signal([]);
  readonly curves: Signal<ReadonlyMap<number, readonly Point[]>> = signal(new Map());
  /** Rises with each thing that a landlord's lists depend on. */
  readonly changes: Signal<number> = signal(0);
  /** The bill of the session that ended last, to be shown. */
  readonly ended: Signal<ClosedSession | undefined> = signal(undefined);
  private readonly hearers = new Set<(notice: Notice) => void>();
  private talk: Talk | undefined;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  private opening: Promise<void> | undefined;
  /** Counts how often the link was let go of: what was under way then comes to nothing. */
  private turn = 0;
  /** The link is let go of until somebody touches the phone: nothing that is merely shown takes it again. */
  private resting = false;
  private letting: Promise<unknown> | undefined;
  /** The way that the person has chosen, for whoever connects next. */
  private chosen: Way | undefined;
  private priceTimer: ReturnType<typeof setTimeout> | undefined;
  /** Prices that are being painted, by their plan: they outlast the link and the screen. */
  readonly drafts: Signal<ReadonlyMap<number, Draft>> = signal(new Map());

  constructor(readonly pile: store.Pile) {
    this.currency = signal(pile.currency ?? 'CNY');
    void store.bills(pile.id).then((bills) => {
      this.bills.value = bills;
    });
  }

  /** Connects; `way` is how, where the person has just chosen it. */
  async open(way?: Way): Promise<void> {
    // What was tried before gives way to what is chosen now.
    if (way) {
      this.chosen = way;
      await this.rest();
    }
    this.resting = false;
    this.opening ??= this.begin().finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  private async begin(): Promise<void> {
    clearTimeout(this.timer);
    // A browser has one link to a device: the one before is let go of first.
    await this.letting;
    if (this.closed || this.status.value === 'here') return;
    const way = this.chosen;
    this.chosen = undefined;
    const { turn } = this;
    const over = (): boolean => this.closed || turn !== this.turn;
    const known = way ?? (await wayTo(this.pile.device));
    if (over()) return;
    if (!known) {
      this.status.value = 'off';
      return;
    }
    this.status.value = 'connecting';
    try {
      this.talk ??= Talk.of(known, { key: this.pile.key }, {
        notice: (it) => this.hear(it),
        standing: (it) => turn === this.turn && this.stand(it),
      });
      await this.talk.connect();
      if (over()) return;
      this.failures = 0;
      this.trouble.value = undefined;
      if (known.device) this.pile.device = known.device;
      await this.greet();
    } catch (error) {
      if (over()) return;
      const trouble = troubleOf(error);
      // A device that was just picked from the list may be another pile.
      const other = way !== undefined && trouble.kind === 'not-known';
      if (other) this.talk = undefined;
      batch(() => {
        this.trouble.value = other ? { kind: 'other-pile' } : trouble;
        this.status.value = 'away';
      });
      if (other) return;
      if (trouble.kind === 'not-known') await this.revoked();
      else this.later(trouble.kind === 'busy' ? trouble.seconds * 1000 : undefined);
    }
  }

  /** The pile does not know this phone any more, and never will. */
  private async revoked(): Promise<void> {
    this.pile.revoked = true;
    await this.keepPile();
  }

  /** Keeps what is known of the pile; one that was removed from this phone stays removed. */
  private async keepPile(): Promise<void> {
    if (!this.closed) await store.keepPile(this.pile);
  }

  private later(pause?: number): void {
    if (this.closed || document.hidden) return;
    const wait = pause ?? PAUSES[Math.min(this.failures, PAUSES.length - 1)] ?? 30_000;
    this.failures += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.open(), wait);
  }

  private stand(standing: boolean): void {
    if (standing) {
      // Whoever asks may have connected again by itself: what was told meanwhile was not heard.
      if (this.talk && this.status.value !== 'connecting') void this.greet().catch(() => undefined);
      this.status.value = 'here';
    } else if (!this.closed) {
      this.status.value = 'away';
      if (!this.talk?.isBusy) this.later();
    }
  }

  private async greet(): Promise<void> {
    const welcome = this.talk?.welcome;
    if (!welcome) return;
    batch(() => {
      this.welcome.value = welcome;
      this.status.value = 'here';
    });
    this.pile.name = welcome.name;
    this.pile.ports = welcome.ports;
    this.pile.firmware = welcome.firmware;
    this.pile.landlord = welcome.role === 'Landlord';
    this.pile.seen = Date.now();
    delete this.pile.revoked;
    // A pile that refuses the time is to be managed all the same.
    if (this.pile.landlord) await this.setClock(welcome).catch(() => undefined);
    const ran = this.ports.value.flatMap(({ mine, running }) => (mine && running ? [running.session] : []));
    await this.refresh();
    await this.renewPrice();
    this.pile.currency = this.currency.value;
    await this.keepPile();
    if (!this.pile.landlord) {
      await this.fetchBills();
      // What ended while the phone was away is told as if it had been there.
      this.ended.value = this.bills.value.find((it) => ran.includes(it.session)) ?? this.ended.value;
    }
    this.changes.value += 1;
  }

  /** A landlord's phone is the pile's clock: it is set where it is wrong. */
  private async setClock(welcome: Welcome): Promise<void> {
    const unix = Math.floor(Date.now() / 1000);
    const off = Math.abs(welcome.now.unix - unix) > CLOCK_OFF || welcome.now.quality !== 'Synchronised';
    if (off && !local) await this.ask('Done', { SetClock: { now: { unix, quality: 'Synchronised' } } });
  }

  /** The price of now, and again when the next band begins. */
  private async renewPrice(): Promise<void> {
    clearTimeout(this.priceTimer);
    // Where there are no prices, there is no local time of the place either.
    const it = await this.ask('Tariff', 'TariffNow').catch(() => undefined);
    if (!it || this.closed) return;
    this.price.value = it.price;
    this.pile.utcOffset = it.tariff.tariff.utc_offset;
    if (it.seconds_to_change === undefined) return;
    this.priceTimer = setTimeout(() => {
      if (this.status.value === 'here') void this.renewPrice();
    }, (it.seconds_to_change + 1) * 1000);
  }

  /** Asks the pile; what it refuses is thrown. */
  async ask<K extends keyof Answers>(kind: K, request: Request): Promise<Answers[K]> {
    if (!this.talk) {
      if (!this.resting) await this.open();
      if (!this.talk) throw new TalkError(this.trouble.value ?? { kind: 'pipe', why: 'gone' });
    }
    try {
      const answer = await (this.talk as Talk).ask(kind, request);
      // The pile may have hung up right behind its answer.
      if (this.status.value === 'away') this.later();
      return answer;
    } catch (error) {
      const trouble = troubleOf(error);
      if (trouble.kind !== 'refused' && this.status.value === 'away') {
        this.trouble.value = trouble;
        if (trouble.kind === 'not-known') await this.revoked();
        else this.later();
      }
      throw error;
    }
  }

  /** Keeps until when a session charges that was begun here. */
  async keepAsked(session: number, upTo: UpTo): Promise<void> {
    const running = this.ports.value.flatMap((it) => (it.running ? [it.running.session] : []));
    const before = Object.entries(this.pile.asked ?? {}).filter(([number]) => running.includes(Number(number)));
    this.pile.asked = { ...Object.fromEntries(before), [session]: upTo };
    await this.keepPile();
  }

  /** All pages of an answer: `from` says where the next one begins. */
  async all<K extends keyof Answers, T>(
    kind: K, first: Request, items: (page: Answers[K]) => T[], next: (last: T, so: T[]) => Request,
  ): Promise<T[]> {
    const all: T[] = [];
    let request = first;
    for (;;) {
      const page = await this.ask(kind, request);
      const more = items(page);
      all.push(...more);
      const last = more.at(-1);
      if (!(page as { more: boolean }).more || last === undefined) return all;
      request = next(last, all);
    }
  }

  async refresh(): Promise<void> {
    let first: Answers['Ports'] | undefined;
    const ports = await this.all('Ports', { Ports: { from: 0 } }, (page) => {
      first ??= page;
      return page.ports;
    }, (last) => ({ Ports: { from: last.port + 1 } }));
    batch(() => {
      this.ports.value = ports.map(timed);
      this.price.value = first?.price;
      if (first) this.currency.value = currencyOf(first.currency);
    });
    for (const { mine, running } of ports) if (mine && running) this.point(running.session, running.power);
  }

  /** The own bills that this phone does not have yet. */
  private async fetchBills(): Promise<void> {
    // Numbers are given at the beginning: one that is missing may be older than one that is here.
    const known = new Set(this.bills.value.map((it) => it.session));
    const fresh: ClosedSession[] = [];
    let before: number | undefined;
    for (;;) {
      const page = await this.ask('Sessions', { Sessions: { before, count: 8 } });
      const more = page.sessions.filter((it) => !known.has(it.session));
      fresh.push(...more);
      before = page.sessions.at(-1)?.session;
      if (!page.more || more.length === 0 || before === undefined) break;
    }
    await this.keep(fresh);
  }

  private async keep(fresh: readonly ClosedSession[]): Promise<void> {
    if (!fresh.length) return;
    await store.keepBills(this.pile.id, fresh);
    const known = new Map(this.bills.value.map((it) => [it.session, it]));
    for (const bill of fresh) known.set(bill.session, bill);
    this.bills.value = [...known.values()].sort((a, b) => b.session - a.session);
  }

  /** Hears what the pile tells; ends when the returned function is called. */
  on(hearer: (notice: Notice) => void): () => void {
    this.hearers.add(hearer);
    return () => this.hearers.delete(hearer);
  }

  private hear(notice: Notice): void {
    for (const hearer of this.hearers) hearer(notice);
    if (typeof notice === 'string') return;
    if ('PortChanged' in notice) {
      const view = timed(notice.PortChanged);
      this.ports.value = this.ports.value.map((it) => (it.port === view.port ? view : it));
    } else if ('Reading' in notice) {
      const { session, port, power, energy, cost } = notice.Reading;
      this.point(session, power);
      this.ports.value = this.ports.value.map((it) =>
        it.port === port && it.running?.session === session
          ? { ...it, running: { ...it.running, power, energy, cost } }
          : it);
    } else if ('SessionOpened' in notice) {
      void this.refresh().catch(() => undefined);
      this.changes.value += 1;
    } else if ('SessionClosed' in notice) {
      const bill = notice.SessionClosed;
      if (!this.pile.landlord) {
        void this.keep([bill]);
        this.ended.value = bill;
      }
      this.changes.value += 1;
    } else if ('TariffChanged' in notice) {
      void this.refresh().then(() => this.renewPrice()).catch(() => undefined);
      this.changes.value += 1;
    } else {
      this.changes.value += 1;
    }
  }

  private point(session: number, power: number): void {
    const curves = new Map(this.curves.value);
    curves.set(session, [...(curves.get(session) ?? []).slice(1 - MOST_POINTS), { at: Date.now(), power }]);
    this.curves.value = curves;
  }

  /** True while something is asked for or fetched. */
  get isBusy(): boolean {
    return this.talk?.isBusy ?? false;
  }

  /** Lets go of the link, for others to have it, and waits until it is free; the next `open` takes it again. */
  async rest(): Promise<void> {
    this.turn += 1;
    this.resting = true;
    clearTimeout(this.timer);
    clearTimeout(this.priceTimer);
    const { talk, opening } = this;
    this.talk = undefined;
    this.status.value = 'off';
    this.letting = talk?.close();
    await this.letting;
    await opening?.catch(() => undefined);
    this.status.value = 'off';
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.rest();
  }
}

/** With the moment at which the session ends at the latest, so that what is left of it runs down. */
const timed = (view: PortView): PortView =>
  view.seconds_left === undefined ? view : { ...view, ends: Date.now() + view.seconds_left * 1000 };
