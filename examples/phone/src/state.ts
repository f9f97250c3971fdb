// The app's piles, and the one that is on the screen.

import { signal } from '@preact/signals';
import { go, place } from './nav';
import { Session, local } from './session';
import * as store from './store';

export const piles = signal<store.Pile[]>([]);
export const current = signal<Session | undefined>(undefined);
export const ready = signal(false);
/** A code that the bench's card sent. */
export const sentCode = signal<string | undefined>(undefined);

/** Nobody touches the phone for so long: the link is left to others, unless a bike of one's own charges. */
const REST = 90_000;
let touched = Date.now();

export async function begin(): Promise<void> {
  piles.value = await store.piles();
  const last = localStorage.getItem('pile');
  const pile = piles.value.find((it) => it.id === last) ?? piles.value[0];
  if (pile) await show(pile, false);
  ready.value = true;
  for (const kind of ['pointerdown', 'keydown'] as const) {
    addEventListener(kind, () => {
      touched = Date.now();
      const session = current.value;
      if (session?.status.value === 'off' && (local ?? session.pile.device) && !session.pile.revoked) wake();
    });
  }
  document.addEventListener('visibilitychange', () => {
    touched = Date.now();
    if (!document.hidden) wake();
  });
  setInterval(() => {
    const session = current.value;
    if (!session || session.status.value !== 'here') return;
    // Long work is no rest: a ledger is fetched for minutes.
    if (session.isBusy) touched = Date.now();
    const charging = session.ports.value.some((it) => it.mine);
    if (Date.now() - touched > REST && (document.hidden || !charging)) void session.rest();
  }, 5_000);
}

/** Connects again; not while a pile is being added, which has the link. */
function wake(): void {
  if (place.value[0] !== 'add') void current.value?.open();
}

let wanted: store.Pile | undefined;
/** Puts a pile on the screen, and connects to it. */
export async function show(pile: store.Pile, home = true): Promise<void> {
  const before = current.value;
  wanted = pile;
  if (before?.pile.id !== pile.id || pile !== before.pile) {
    await before?.close();
    // Another was wanted meanwhile, or this one twice.
    if (wanted !== pile || current.value !== before) return;
    current.value = new Session(pile);
  }
  localStorage.setItem('pile', pile.id);
  if (home) go(pile.landlord ? 'today' : 'charge', true);
  if (!pile.revoked) void current.value?.open();
}

export async function add(pile: store.Pile): Promise<void> {
  await store.keepPile(pile);
  // What is kept of it is not the browser's to throw away.
  void navigator.storage?.persist?.();
  piles.value = [...piles.value.filter((it) => it.id !== pile.id), pile];
}

export async function forget(id: string): Promise<void> {
  if (current.value?.pile.id === id) {
    await current.value.close();
    current.value = undefined;
  }
  await store.forgetPile(id);
  piles.value = piles.value.filter((it) => it.id !== id);
  const next = piles.value[0];
  if (next) await show(next);
  else go('', true);
}
