// The ledger, fetched and verified in the phone.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import * as f from '../format';
import type { ExportCursor } from '../link/messages';
import type { Session } from '../session';
import * as store from '../store';
import { Icon } from '../ui/icons';
import { Button, Card, ask, handOut, tellWell } from '../ui/parts';
import { LedgerCopy } from '../wasm/phone_wasm';
import { w } from '../words';

interface Whole { through: number; seq: number; head: string; continues?: boolean }
type State =
  | { is: 'idle' } | { is: 'fetching'; at: number; of: number }
  | { is: 'whole'; whole: Whole; text: string; before?: number } | { is: 'bad'; why: string };

export function Ledger(props: { session: Session; records: number }): JSX.Element {
  const { session } = props;
  const [state, setState] = useState<State>({ is: 'idle' });
  const fetch = async (): Promise<void> => {
    const known = session.pile.ledger;
    const copy = new LedgerCopy(known?.seq, known?.head);
    const bad = (why: unknown): void => setState({ is: 'bad', why: String(why) });
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
      let whole: Whole;
      try {
        whole = copy.finish() as Whole;
      } catch (why) {
        bad(why);
        return;
      }
      setState({ is: 'whole', whole, text: copy.text(), ...(whole.continues && known ? { before: known.at } : {}) });
      session.pile.ledger = { seq: whole.seq, head: whole.head, at: Date.now() };
      await store.keepPile(session.pile);
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
          <p>{whole ? w().ledger_ok_lead(whole.through, whole.head.slice(0, 8)) : state.is === 'bad' ? w().ledger_bad_lead(state.why) : w().ledger_lead}</p>
          {state.is === 'whole' && state.before !== undefined && <p>{w().ledger_continues(f.dateTime(state.before / 1000))}</p>}
        </div></div>
      {state.is === 'fetching' && <><progress value={state.at} max={state.of} aria-label={w().ledger} /><p class="note">{w().ledger_progress(state.at, state.of)}</p></>}
      <div class="buttons">
        {state.is === 'whole' ? (
          <>
            <Button icon="share" onClick={() => handOut(`ledger-${session.pile.id.slice(0, 8)}-${state.whole.through}.jsonl`, 'text/plain', state.text)}>{w().ledger_save}</Button>
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
