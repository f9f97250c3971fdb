// The ledger, fetched and verified in the phone.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import * as f from '../format';
import type { BadLedger, ExportCursor, WholeLedger } from '../link/messages';
import type { Session } from '../session';
import * as store from '../store';
import { Icon } from '../ui/icons';
import { Button, Card, ask, handOut, tellWell } from '../ui/parts';
import { LedgerCopy } from '../wasm/phone_wasm';
import { w } from '../words';

type State =
  | { is: 'idle' } | { is: 'fetching'; at: number; of: number }
  /** `before` is when it was verified last: it continues that, or, where it is a gap, what was verified is gone. */
  | { is: 'whole'; whole: WholeLedger; text: string; before?: number; gap: boolean } | { is: 'bad'; why: BadLedger };

function inWords(why: BadLedger): string {
  const words = w().ledger_why;
  switch (why.kind) {
    case 'other': return words.other;
    case 'broken': return words.broken(why.seq);
    case 'altered': return words.altered(why.seq);
    case 'shorter': return words.shorter(why.seq - 1, why.of - 1);
    case 'wrong': return words.wrong(why.why);
  }
}

export function Ledger(props: { session: Session; records: number }): JSX.Element {
  const { session } = props;
  const [state, setState] = useState<State>({ is: 'idle' });
  const pin = async ({ identity, seq, head }: WholeLedger): Promise<void> => {
    session.pile.ledger = { identity, seq, head, at: Date.now() };
    await store.keepPile(session.pile);
  };
  const fetch = async (): Promise<void> => {
    const known = session.pile.ledger;
    const copy = new LedgerCopy(known && { identity: known.identity, seq: known.seq, head: known.head });
    const bad = (why: unknown): void => setState({ is: 'bad', why: why as BadLedger });
    try {
      let cursor: ExportCursor = { seq: 0, place: 0 };
      for (;;) {
        const chunk = await session.ask('Export', { ExportFrom: { cursor } });
        let at: number;
        try {
          at = copy.take(chunk);
        } catch (why) {
          bad(why);
          return;
        }
        setState({ is: 'fetching', at: at - 1, of: Math.max(at - 1, props.records) });
        if (chunk.done) break;
        cursor = chunk.next;
      }
      let whole: WholeLedger;
      try {
        whole = copy.finish() as WholeLedger;
      } catch (why) {
        bad(why);
        return;
      }
      const gap = known !== undefined && !whole.continues;
      setState({ is: 'whole', whole, text: copy.text(), gap, ...(known ? { before: known.at } : {}) });
      // What cannot be held against the copy before does not take its place by itself.
      if (!gap) await pin(whole);
    } catch (error) {
      setState({ is: 'idle' });
      throw error;
    } finally {
      copy.free();
    }
  };
  const whole = state.is === 'whole' ? state.whole : undefined;
  return (
    <Card class={`verdict ${state.is === 'whole' ? 'verified' : state.is === 'bad' ? 'wrong' : ''}`} label={w().ledger}>
      <div class="split" role="status"><Icon name={state.is === 'bad' ? 'warn' : 'seal'} />
        <div>
          <h2>{whole ? w().ledger_ok : state.is === 'bad' ? w().ledger_bad : w().ledger}</h2>
          <p>{whole ? w().ledger_ok_lead(whole.through, whole.head.slice(0, 8)) : state.is === 'bad' ? w().ledger_bad_lead(inWords(state.why)) : w().ledger_lead}</p>
          {state.is === 'whole' && state.before !== undefined && <p>{(state.gap ? w().ledger_gap : w().ledger_continues)(f.dateTime(state.before / 1000))}</p>}
        </div></div>
      {state.is === 'fetching' && <><progress value={state.at} max={state.of} aria-label={w().ledger} /><p class="note">{w().ledger_progress(state.at, state.of)}</p></>}
      <div class="buttons">
        {state.is === 'whole' ? (
          <>
            <Button icon="share" onClick={() => handOut(`ledger-${session.pile.id.slice(0, 8)}-${state.whole.through}.jsonl`, 'text/plain', state.text)}>{w().ledger_save}</Button>
            {state.gap && <Button onClick={async () => {
              await pin(state.whole);
              setState({ is: 'whole', whole: state.whole, text: state.text, gap: false });
            }}>{w().ledger_from_here}</Button>}
            <Button onClick={async () => {
              if (!(await ask(w().ledger_confirm, w().ledger_confirm, w().ledger_confirm_lead, false))) return;
              await session.ask('Done', { ConfirmExport: { through: state.whole.through } });
              tellWell(w().saved);
            }}>{w().ledger_confirm}</Button>
          </>
        ) : <Button look="strong" icon="seal" disabled={state.is === 'fetching'} onClick={fetch}>{w().ledger_fetch}</Button>}
      </div>
    </Card>
  );
}
