// What the phone keeps, in the browser's own database: its piles with their keys, the bills it saw, the
// receipts it verified. Nothing of it leaves the phone but by the owner's hand.

import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { ClosedSession, ReceiptPage, Segment, Settlement, Signature, UpTo, Welcome } from './link/messages';

export interface Pile {
  /** The pile's number, in hexadecimal. */
  id: string;
  name: string;
  landlord: boolean;
  /** The number that the pile gave this phone. */
  phone: number;
  key: Uint8Array;
  /** By which the browser finds it again. */
  device?: string;
  /** The key of its receipts, as PEM: the first that was seen. */
  pem?: string;
  ports?: number;
  firmware?: string;
  currency?: string;
  utcOffset?: number;
  /** How far its ledger was verified on this phone: the chain's next number and head, and when. */
  ledger?: { identity?: string; seq: number; head: string; at: number };
  /** When the phone last spoke with it, in milliseconds since 1970. */
  seen?: number;
  /** Until when the sessions charge that this phone began, by their number. */
  asked?: Record<number, UpTo>;
  /** The pile does not know this phone any more. */
  revoked?: boolean;
}

export interface KeptBill {
  pile: string;
  session: number;
  bill: ClosedSession;
}

export interface KeptReceipt {
  pile: string;
  session: number;
  record: string;
  pem: string;
  /** What the record is made of: with these it is made again, and its signature checked. */
  signed: { welcome: Welcome; page: ReceiptPage; segments: Segment[]; signature: Signature };
}

/** A settlement that a landlord's phone saw; the pile itself lists those that wait for their payment. */
export interface KeptSettlement {
  pile: string;
  id: number;
  settlement: Settlement;
  /** When it was marked as paid, in milliseconds since 1970. */
  paid?: number;
}

/** What a landlord's phone last saw of an account. */
export interface KeptAccount {
  pile: string;
  account: number;
  name?: string;
  active: boolean;
  energy: number;
  fees: number;
  settled: number;
  unpaid: Settlement[];
  currency: string;
  at: number;
}

interface Schema extends DBSchema {
  piles: { key: string; value: Pile };
  bills: { key: [string, number]; value: KeptBill };
  receipts: { key: [string, number]; value: KeptReceipt };
  accounts: { key: [string, number]; value: KeptAccount };
  settlements: { key: [string, number]; value: KeptSettlement };
}

let opened: Promise<IDBPDatabase<Schema>> | undefined;
let name = 'openpile';

/** The bench has two phones in one browser: each has a database of its own. */
export const keepFor = (who: string | null): void => {
  name = who ? `openpile-${who}` : 'openpile';
};

const base = (): Promise<IDBPDatabase<Schema>> => {
  opened ??= openDB<Schema>(name, 2, {
    upgrade(it, before, _, change) {
      if (before < 1) {
        it.createObjectStore('piles', { keyPath: 'id' });
        it.createObjectStore('bills', { keyPath: ['pile', 'session'] });
        it.createObjectStore('receipts', { keyPath: ['pile', 'session'] });
        it.createObjectStore('accounts', { keyPath: ['pile', 'account'] });
      }
      if (before < 2) {
        it.createObjectStore('settlements', { keyPath: ['pile', 'id'] });
        // They were kept without their figures: each is verified anew.
        void change.objectStore('receipts').clear();
      }
    },
  });
  return opened;
};

/** What is kept of a pile, beside itself. */
const OF_A_PILE = ['bills', 'receipts', 'accounts', 'settlements'] as const;
/** All of one pile, in a store whose keys begin with the pile's. */
const ofPile = (pile: string): IDBKeyRange => IDBKeyRange.bound([pile, -Infinity], [pile, Infinity]);

export const piles = async (): Promise<Pile[]> => (await base()).getAll('piles');
export const keepPile = async (pile: Pile): Promise<void> => {
  await (await base()).put('piles', pile);
};
export const forgetPile = async (id: string): Promise<void> => {
  const change = (await base()).transaction(['piles', ...OF_A_PILE], 'readwrite');
  await change.objectStore('piles').delete(id);
  for (const store of OF_A_PILE) await change.objectStore(store).delete(ofPile(id));
  await change.done;
};
export const keepBills = async (pile: string, bills: readonly ClosedSession[]): Promise<void> => {
  const change = (await base()).transaction('bills', 'readwrite');
  for (const bill of bills) await change.store.put({ pile, session: bill.session, bill });
  await change.done;
};
/** The newest first. */
export const bills = async (pile: string): Promise<ClosedSession[]> =>
  (await (await base()).getAll('bills', ofPile(pile))).map((it) => it.bill).reverse();
export const keepReceipt = async (receipt: KeptReceipt): Promise<void> => {
  await (await base()).put('receipts', receipt);
};
export const receipt = async (pile: string, session: number): Promise<KeptReceipt | undefined> =>
  (await base()).get('receipts', [pile, session]);
export const keepAccounts = async (kept: readonly KeptAccount[]): Promise<void> => {
  const change = (await base()).transaction('accounts', 'readwrite');
  for (const account of kept) await change.store.put(account);
  await change.done;
};
/** The settlements that wait for their payment now: whichever waited before, and does not any more, is paid. */
export const keepSettlements = async (pile: string, unpaid: readonly Settlement[]): Promise<void> => {
  const change = (await base()).transaction('settlements', 'readwrite');
  const waits = new Set(unpaid.map((it) => it.id));
  for (const it of await change.store.getAll(ofPile(pile))) {
    if (!waits.has(it.id) && it.paid === undefined) await change.store.put({ ...it, paid: Date.now() });
  }
  for (const settlement of unpaid) await change.store.put({ pile, id: settlement.id, settlement });
  await change.done;
};
/** The newest first. */
export const settlements = async (pile: string): Promise<KeptSettlement[]> =>
  (await (await base()).getAll('settlements', ofPile(pile))).reverse();
export const accounts = async (): Promise<KeptAccount[]> => (await base()).getAll('accounts');

/** Everything but the keys, to be kept elsewhere. */
export async function everything(): Promise<object> {
  const all = await base();
  return {
    openpile_phone: 1,
    piles: (await all.getAll('piles')).map(({ key: _, ...pile }) => pile),
    bills: await all.getAll('bills'),
    receipts: await all.getAll('receipts'),
    accounts: await all.getAll('accounts'),
    settlements: await all.getAll('settlements'),
  };
}
