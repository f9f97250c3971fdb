// What is open, what waits for its payment, and statements to hand out.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import * as f from '../format';
import { type ClosedSession, type Period, type Settlement, type StatementPage, currencyOf } from '../link/messages';
import { TalkError, troubleOf } from '../link/talk';
import { go } from '../nav';
import type { Session } from '../session';
import * as store from '../store';
import { Button, Card, Empty, Fact, Field, Row, Rows, Sheet, TroubleCard, handOut, tell, tellWell, useAsked } from '../ui/parts';
import { w } from '../words';
import { recordOf } from './bills';
import { settle } from './people';
import { fetchHouse, nameOf, openOf } from './today';

export function Money(props: { session: Session }): JSX.Element {
  const { session } = props;
  const [paying, setPaying] = useState<Settlement | undefined>();
  const [reference, setReference] = useState('');
  const here = session.status.value === 'here';
  const house = useAsked(async () => (here ? fetchHouse(session) : undefined), [session.changes.value, here]);
  const currency = session.currency.value;
  const who = (account: number): string => {
    const of = house.value?.accounts.find((it) => it.account.id === account);
    return of ? nameOf(of) : w().account(account);
  };
  const owing = house.value?.accounts.filter((it) => openOf(it) > 0) ?? [];
  const unpaid = house.value?.unpaid ?? [];
  const paid = useAsked(async () => (await store.settlements(session.pile.id)).filter((it) => it.paid !== undefined), [house.value]);
  return (
    <>
      {house.trouble && <TroubleCard trouble={house.trouble} again={house.again} />}
      {house.value && !owing.length && !unpaid.length && <Empty icon="coins" title={w().nothing_open}><p>{w().nothing_open_lead}</p></Empty>}
      {!!owing.length && (
        <Card>
          <div class="split"><h2>{w().open_amounts}</h2><strong>{f.money(owing.reduce((sum, it) => sum + openOf(it), 0), currency)}</strong></div>
          <Rows label={w().open_amounts}>
            {owing.map((it) => (
              <Row key={it.account.id} icon="person" title={nameOf(it)} note={f.money(openOf(it), currency)}
                end={<Button label={`${w().settle}: ${nameOf(it)}`} onClick={async () => {
                  if (house.value && (await settle(session, house.value, it.account.id))) house.again();
                }}>{w().settle}</Button>} />
            ))}
          </Rows>
        </Card>
      )}
      {!!unpaid.length && (
        <Card>
          <div class="split"><h2>{w().waiting_payment}</h2><strong>{f.money(unpaid.reduce((sum, it) => sum + it.amount, 0), currency)}</strong></div>
          <Rows label={w().waiting_payment}>
            {unpaid.map((it) => (
              <Row key={it.id} icon="coins" title={`${who(it.account)} · ${f.money(it.amount, currency)}`}
                note={`${w().settlement(it.id)} · ${f.wall(it.at, session.pile.utcOffset)}`}
                end={<>
                  <Button look="quiet" icon="book" label={`${w().statement_of(who(it.account))}, ${w().settlement(it.id)}`} onClick={() => go(`statement/${it.account}/${it.id}`)}>{w().bill}</Button>
                  <Button look="strong" label={`${w().mark_paid}: ${who(it.account)}`} onClick={() => {
                    setReference('');
                    setPaying(it);
                  }}>{w().mark_paid}</Button>
                </>} />
            ))}
          </Rows>
        </Card>
      )}
      {!!paid.value?.length && (
        <Card>
          <h2>{w().paid}</h2>
          <Rows label={w().paid}>{paid.value.slice(0, 12).map(({ id, settlement }) => (
            <Row key={id} icon="check" title={`${who(settlement.account)} · ${f.money(settlement.amount, currency)}`} note={`${w().settlement(id)} · ${f.wall(settlement.at, session.pile.utcOffset)}`}
              onClick={() => go(`statement/${settlement.account}/${id}`)} />))}</Rows>
        </Card>
      )}
      {!!house.value?.accounts.length && (
        <Card>
          <h2>{w().statements}</h2>
          <Rows label={w().statements}>{house.value.accounts.map((it) => (
            <Row key={it.account.id} icon="book" title={nameOf(it)} note={w().sessions(it.account.sessions)} onClick={() => go(`statement/${it.account.id}`)} />))}</Rows>
        </Card>
      )}
      {paying && (
        <Sheet title={w().mark_paid_title} onClose={() => setPaying(undefined)}>
          <form class="stack" onSubmit={(event) => {
            event.preventDefault();
            session.ask('Done', { MarkPaid: { settlement: paying.id, reference: reference.trim() } }).then(() => {
              setPaying(undefined);
              tellWell(w().saved);
              house.again();
            }, tell);
          }}>
            <p>{who(paying.account)} · <strong>{f.money(paying.amount, currency)}</strong></p>
            <Field label={w().reference} hint={w().reference_hint} value={reference} bytes={24} onInput={setReference} />
            <button type="submit" class="button strong wide"><span>{w().mark_paid}</span></button>
          </form>
        </Sheet>
      )}
    </>
  );
}

interface Whole { page: StatementPage; sessions: ClosedSession[] }

/** The months that a period can be, the newest first, as they begin where the pile stands. */
function months(offset = -new Date().getTimezoneOffset()): { key: string; text: string; from: number; to: number }[] {
  const here = new Date(Date.now() + offset * 60_000);
  return Array.from({ length: 13 }, (_, back) => {
    const begin = (month: number): number => Date.UTC(here.getUTCFullYear(), month, 1) / 1000 - offset * 60;
    const from = begin(here.getUTCMonth() - back);
    return { key: `m${back}`, text: f.month(from, offset), from, to: begin(here.getUTCMonth() - back + 1) };
  });
}

export function Statement(props: { session: Session; account: number; settlement?: number | undefined }): JSX.Element {
  const { session, account } = props;
  const [chosen, setChosen] = useState(props.settlement === undefined ? 'open' : `s${props.settlement}`);
  const [signed, setSigned] = useState<number | undefined>();
  const all = months(session.pile.utcOffset);
  const month = all.find((it) => it.key === chosen);
  const settled = chosen.startsWith('s') ? Number(chosen.slice(1)) : undefined;
  const period: Period = month ? { Between: { from: month.from, to: month.to } } : settled === undefined ? 'Open' : { Settlement: settled };
  const settlements = useAsked(async () => (await store.settlements(session.pile.id)).filter((it) => it.settlement.account === account), [session.changes.value]);
  const here = session.status.value === 'here';
  const house = useAsked(async () => (here ? fetchHouse(session) : undefined), [account, here]);
  const statement = useAsked<Whole | undefined>(async () => {
    if (!here) return undefined;
    let page: StatementPage | undefined;
    const sessions = await session.all('Statement', { Statement: { account, period, skip: 0 } }, (it) => {
      page = it;
      return it.sessions;
    }, (_, so) => ({ Statement: { account, period, skip: so.length } }));
    if (!page) throw new TalkError({ kind: 'odd' });
    return { page, sessions };
  }, [account, session.changes.value, here], chosen);
  const of = house.value?.accounts.find((it) => it.account.id === account);
  const who = of ? nameOf(of) : w().account(account);
  const whole = statement.value;
  const currency = whole ? currencyOf(whole.page.currency) : session.currency.value;
  const offset = session.pile.utcOffset;
  const called = month?.text ?? (settled === undefined ? w().since_settled : w().settlement(settled));
  const file = (ending: string): string => [w().statement_file, session.pile.name, who, called].map((it) => it.replace(/[^\p{L}\p{N}]+/gu, '-')).join('_') + ending;
  const csv = (): string => {
    const quoted = (text: string): string => (/^[=+\-@]/.test(text) ? `'${text}` : text).replace(/^.*[",\n].*$/s, (it) => `"${it.replaceAll('"', '""')}"`);
    const lines = (whole?.sessions ?? []).map((it) => [
      it.session, it.account, who, it.port + 1, f.wallIso(it.opened), f.wallIso(it.closed), w().reason[it.reason],
      f.decimal(it.energy), f.decimal(it.bill.energy_fee), f.decimal(it.bill.service_fee), f.decimal(it.bill.total), currency,
    ].map((cell) => quoted(String(cell))).join(','));
    return `\uFEFF${[w().csv_head.join(','), ...lines].join('\r\n')}\r\n`;
  };
  return (
    <>
      <div class="field no-print">
        <label for="period">{w().period}</label>
        <select id="period" value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
          <option value="open">{w().since_settled}</option>
          {settlements.value?.map(({ id, settlement }) => <option key={id} value={`s${id}`}>{w().settlement(id)} · {f.wall(settlement.at, offset)}</option>)}
          {all.map((it) => <option key={it.key} value={it.key}>{it.text}</option>)}
        </select>
      </div>
      {statement.trouble && <TroubleCard trouble={statement.trouble} again={statement.again} />}
      {whole && (
        <Card class="paper">
          <div class="split"><div><h2>{w().statement_of(who)}</h2><p class="note">{session.pile.name} · {called} · {w().made_on(f.date(Date.now() / 1000, offset))}</p></div>
            <strong class="amount">{f.money(whole.page.totals.amount, currency)}</strong></div>
          <dl class="facts">
            <Fact name={w().energy} big>{f.kwh(whole.page.totals.energy)}</Fact>
            <Fact name={w().electricity}>{f.money(whole.page.totals.energy_fee, currency)}</Fact>
            <Fact name={w().service}>{f.money(whole.page.totals.service_fee, currency)}</Fact>
            <Fact name={w().opening}>{f.kwh(whole.page.totals.opening)}</Fact>
            <Fact name={w().closing}>{f.kwh(whole.page.totals.closing)}</Fact>
          </dl>
          {whole.page.paid && <p class="note">{w().paid_on(f.wall(whole.page.paid[0], offset), whole.page.paid[1])}</p>}
          <div class="scroll" tabIndex={0} role="region" aria-label={w().history}>
            <table>
              <thead><tr><th>{w().began}</th><th>{w().ports}</th><th>kWh</th><th>{w().total}</th></tr></thead>
              <tbody>{whole.sessions.map((it) => (
                <tr key={it.session}><th scope="row">{f.wall(it.opened, offset)}</th><td>{it.port + 1}</td><td>{f.kwh(it.energy).replace(' kWh', '')}</td><td>{f.money(it.bill.total, currency)}</td></tr>))}</tbody>
            </table>
          </div>
          <div class="buttons no-print">
            <Button icon="share" onClick={() => handOut(file('.csv'), 'text/csv', csv())}>{w().export_csv}</Button>
            <Button icon="seal" disabled={!whole.sessions.length || signed !== undefined} onClick={async () => {
              try {
                const records: string[] = [];
                const without: string[] = [];
                for (const it of whole.sessions) {
                  setSigned(records.length + without.length);
                  try {
                    records.push(await recordOf(session, it));
                  } catch (error) {
                    // One that the pile does not sign takes nothing from the others.
                    const trouble = troubleOf(error);
                    if (trouble.kind !== 'not-signed') throw error;
                    without.push(trouble.what);
                  }
                }
                if (records.length) await handOut(file('.ocmf'), 'text/plain', `${records.join('\n')}\n`);
                if (without.length) tell(new TalkError({ kind: 'not-signed', what: without.join(' ') }));
              } catch (error) {
                tell(error);
              } finally {
                setSigned(undefined);
              }
            }}>{signed === undefined ? w().export_ocmf : w().signed_of(signed, whole.sessions.length)}</Button>
            <Button icon="print" onClick={() => print()}>{w().print}</Button>
          </div>
        </Card>
      )}
    </>
  );
}
