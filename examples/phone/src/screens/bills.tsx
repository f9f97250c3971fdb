// What was charged, and each session's bill with its arithmetic and the pile's signature.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import * as f from '../format';
import { type ClosedSession, type ReceiptPage, type Refusal, type Segment, currencyOf } from '../link/messages';
import { TalkError, type Trouble, troubleOf } from '../link/talk';
import { go } from '../nav';
import type { Session } from '../session';
import * as store from '../store';
import { Icon } from '../ui/icons';
import { Button, Card, Empty, Fact, Row, Rows, TroubleCard, handOut, tellWell } from '../ui/parts';
import { contradiction, signedRecord } from '../wasm/phone_wasm';
import { w } from '../words';

export function BillRow(props: { bill: ClosedSession; offset: number | undefined; who?: string }): JSX.Element {
  const { bill } = props;
  const currency = currencyOf(bill.currency);
  return (
    <Row icon="bolt" title={props.who ?? f.wall(bill.opened, props.offset)}
      note={`${w().port(bill.port + 1)} · ${f.kwh(bill.energy)} · ${w().reason[bill.reason]}`}
      end={f.money(bill.bill.total, currency)} onClick={() => go(`bill/${bill.session}`)} />
  );
}

export function History(props: { session: Session }): JSX.Element {
  const bills = props.session.bills.value;
  const offset = props.session.pile.utcOffset;
  if (!bills.length) return <Empty icon="list" title={w().no_history}><p>{w().no_history_lead}</p></Empty>;
  const months = new Map<string, ClosedSession[]>();
  for (const bill of bills) {
    const month = f.wallMonth(bill.closed, offset);
    months.set(month, [...(months.get(month) ?? []), bill]);
  }
  return (
    <>
      {[...months].map(([month, of]) => (
        <section key={month}>
          <div class="split section"><h2>{month}</h2>
            <span>{f.kwh(of.reduce((sum, it) => sum + it.energy, 0))} · <strong>{f.money(of.reduce((sum, it) => sum + it.bill.total, 0), props.session.currency.value)}</strong></span></div>
          <Card><Rows label={month}>{of.map((it) => <BillRow key={it.session} bill={it} offset={offset} />)}</Rows></Card>
        </section>
      ))}
    </>
  );
}

interface Whole { page: ReceiptPage; segments: Segment[] }

/** All of a session's records, from the pile. */
async function fetchWhole(session: Session, number: number): Promise<Whole> {
  let page: ReceiptPage | undefined;
  const segments = await session.all('Receipt', { Receipt: { session: number, from: 0 } }, (it) => {
    page = it;
    return it.segments;
  }, (_, so) => ({ Receipt: { session: number, from: so.length } }));
  if (!page) throw new TalkError({ kind: 'odd' });
  return { page, segments };
}

type Verdict = { is: 'verified'; record: string } | { is: 'unsigned'; why: Refusal } | { is: 'wrong'; why: string };

/** The same figures, whoever read them; what is left out is not there. */
function same(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return one === other;
  const [a, b] = [one, other] as Record<string, unknown>[];
  return [...new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])].every((key) => same(a?.[key], b?.[key]));
}

interface Made { record: string; pem: string }

/** A receipt that was kept, checked here and now: that its figures add up and its signature is under them, by the key of
 * the first one; and that what is said of the session now, of which a part may be known, is what was signed. */
function checked(kept: store.KeptReceipt, pem: string | undefined, bill: ClosedSession | undefined, segments?: Segment[]): Verdict {
  const { welcome, page, segments: signed, signature } = kept.signed;
  try {
    const made = signedRecord(welcome, page, signed, signature) as Made;
    if (contradiction(kept.session, page, signed) || made.record !== kept.record) return { is: 'wrong', why: w().wrong_figures_lead };
    if (made.pem !== (pem ?? kept.pem)) return { is: 'wrong', why: w().other_key };
  } catch {
    return { is: 'wrong', why: w().wrong_figures_lead };
  }
  const now = (!bill || same(page.session, bill)) && (!segments || same(signed, segments));
  return now ? { is: 'verified', record: kept.record } : { is: 'wrong', why: w().other_figures };
}

/** Asks for the signature, and checks it here, with the first key that this pile showed. */
async function verify(session: Session, number: number, whole: Whole): Promise<Verdict> {
  const wrong = contradiction(number, whole.page, whole.segments);
  if (wrong) return { is: 'wrong', why: w().wrong_figures_lead };
  const kept = await store.receipt(session.pile.id, number);
  // What was signed once is not signed with other figures.
  if (kept && !(same(kept.signed.page.session, whole.page.session) && same(kept.signed.segments, whole.segments))) return { is: 'wrong', why: w().other_figures };
  let signature;
  try {
    signature = await session.ask('Signature', { SignReceipt: { session: number } });
  } catch (error) {
    const trouble = troubleOf(error);
    const none = trouble.kind === 'refused' && ['NoReceiptKey', 'TooManyPrices', 'UnknownRequest'].includes(trouble.why);
    if (none) return { is: 'unsigned', why: trouble.why };
    throw error;
  }
  const welcome = session.welcome.value;
  if (!welcome) throw new TalkError({ kind: 'pipe', why: 'gone' });
  let made: Made;
  try {
    made = signedRecord(welcome, whole.page, whole.segments, signature) as Made;
  } catch {
    return { is: 'wrong', why: w().wrong_figures_lead };
  }
  const pile = session.pile;
  if (pile.pem === undefined) {
    pile.pem = made.pem;
    await store.keepPile(pile);
  } else if (pile.pem !== made.pem) {
    return { is: 'wrong', why: w().other_key };
  }
  await store.keepReceipt({ pile: pile.id, session: number, ...made, signed: { welcome, ...whole, signature } });
  return { is: 'verified', record: made.record };
}

/** A session's record as OCMF, signed by the pile and checked here; the one that was kept, if it is of this bill. */
export async function recordOf(session: Session, bill: ClosedSession): Promise<string> {
  const kept = await store.receipt(session.pile.id, bill.session);
  if (kept) {
    const before = checked(kept, session.pile.pem, bill);
    if (before.is === 'verified') return before.record;
  }
  const verdict = await verify(session, bill.session, await fetchWhole(session, bill.session));
  if (verdict.is === 'verified') return verdict.record;
  const why = verdict.is === 'wrong' ? verdict.why : w().refused[verdict.why][0];
  throw new TalkError({ kind: 'not-signed', what: `${w().bill_no(bill.session)}: ${why}` });
}

export function Bill(props: { session: Session; number: number }): JSX.Element {
  const { session, number } = props;
  const [whole, setWhole] = useState<Whole | undefined>();
  const [verdict, setVerdict] = useState<Verdict | undefined>();
  const [trouble, setTrouble] = useState<Trouble | undefined>();
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    let here = true;
    let kept: store.KeptReceipt | undefined;
    const compare = (bill: ClosedSession | undefined, segments?: Segment[]): void => {
      if (here && kept) setVerdict(checked(kept, session.pile.pem, bill, segments));
    };
    const known = store.receipt(session.pile.id, number).then((it) => {
      kept = it;
      compare(session.bills.value.find((one) => one.session === number));
      // Its arithmetic can be read far from the pile, too.
      if (here && it) {
        const { page, segments } = it.signed;
        setWhole((now) => now ?? { page, segments });
      }
    });
    if (session.status.value === 'here') fetchWhole(session, number).then(async (it) => {
      await known;
      if (!here) return;
      setWhole(it);
      compare(it.page.session, it.segments);
      session.pile.utcOffset = it.page.utc_offset;
    }, (error) => {
      const why = troubleOf(error);
      if (here && why.kind !== 'pipe') setTrouble(why);
    });
    return () => {
      here = false;
    };
  }, [number, session.status.value === 'here']);
  const check = async (): Promise<void> => {
    setAsking(true);
    setTrouble(undefined);
    try {
      const all = await fetchWhole(session, number);
      setWhole(all);
      setVerdict(await verify(session, number, all));
    } catch (error) {
      setTrouble(troubleOf(error));
    } finally {
      setAsking(false);
    }
  };
  const bill = whole?.page.session ?? session.bills.value.find((it) => it.session === number);
  if (!bill) return trouble ? <TroubleCard trouble={trouble} /> : <p class="note" role="status">{w().loading}</p>;
  const currency = currencyOf(bill.currency);
  const offset = whole?.page.utc_offset ?? session.pile.utcOffset;
  return (
    <>
      <Card>
        <div class="split"><div><h2>{w().bill_no(bill.session)}</h2><p class="note">{session.pile.name} · {w().port(bill.port + 1)}</p></div>
          <strong class="amount">{f.money(bill.bill.total, currency)}</strong></div>
        <dl class="facts">
          <Fact name={w().energy} big>{f.kwh(bill.energy)}</Fact>
          <Fact name={w().began}>{f.wall(bill.opened, offset)}</Fact>
          <Fact name={w().ended}>{f.wall(bill.closed, offset)}</Fact>
          <Fact name={w().why_ended}>{w().reason[bill.reason]}</Fact>
          <Fact name={w().meter}>{w().meter_from_to(f.kwh(bill.reading - bill.energy), f.kwh(bill.reading))}</Fact>
        </dl>
        {whole?.page.clock_set && <p class="note">{w().clock_set}</p>}
      </Card>
      {whole && (
        <Card>
          <h2>{w().arithmetic}</h2>
          <div class="scroll" tabIndex={0} role="region" aria-label={w().arithmetic}>
            <table>
              <thead><tr><th>{w().band}</th><th>kWh</th><th>{w().electricity}</th><th>{w().service}</th></tr></thead>
              <tbody>
                {whole.segments.map((it) => (
                  <tr key={it.index}><th scope="row">{it.band}</th><td>{f.kwh(it.energy, 6).replace(' kWh', '')}</td>
                    <td>{f.money(it.energy_micro, currency, 6)}<small>× {f.price(it.energy_price, currency)}</small></td>
                    <td>{f.money(it.service_micro, currency, 6)}<small>× {f.price(it.service_price, currency)}</small></td></tr>
                ))}
              </tbody>
              <tfoot><tr><th scope="row">{w().total}</th><td>{f.kwh(bill.energy, 6).replace(' kWh', '')}</td><td>{f.money(bill.bill.energy_fee, currency)}</td><td>{f.money(bill.bill.service_fee, currency)}</td></tr></tfoot>
            </table>
          </div>
          <p class="split total"><span>{w().total}</span><strong>{f.money(bill.bill.total, currency)}</strong></p>
          <p class="note">{w().rounding}</p>
        </Card>
      )}
      <Card class={`verdict ${verdict?.is ?? ''}`}>
        <div class="split" role="status"><Icon name={verdict?.is === 'wrong' ? 'warn' : 'seal'} />
          <div><h2>{verdict?.is === 'verified' ? w().verified : verdict?.is === 'wrong' ? w().wrong_figures : verdict?.is === 'unsigned' ? w().refused[verdict.why][0] : w().unverified}</h2>
            <p>{verdict?.is === 'verified' ? w().verified_lead : verdict?.is === 'wrong' ? verdict.why : verdict?.is === 'unsigned' ? w().refused[verdict.why][1] : asking ? w().verifying : w().unverified_lead}</p></div></div>
        {trouble && <TroubleCard trouble={trouble} />}
        <div class="buttons">
          <Button look={verdict?.is === 'verified' ? 'quiet' : 'strong'} icon="seal" onClick={check}>{verdict?.is === 'verified' ? w().verify_again : w().verify}</Button>
          {verdict?.is === 'verified' && <Button icon="share" onClick={async () => {
            await handOut(`receipt-${session.pile.id.slice(0, 8)}-${number}.ocmf`, 'text/plain', `${verdict.record}\n`);
            tellWell(w().shared);
          }}>{w().share}</Button>}
        </div>
      </Card>
    </>
  );
}
