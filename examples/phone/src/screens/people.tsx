// The tenants: who there is, and each one's account.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import * as f from '../format';
import { type ClosedSession, type Credential, hex } from '../link/messages';
import { TalkError, troubleOf } from '../link/talk';
import { go } from '../nav';
import type { Session } from '../session';
import { Button, Card, Choice, Countdown, Empty, Fact, Field, Row, Rows, Sheet, TroubleCard, ask, tell, tellWell, useAsked } from '../ui/parts';
import { w } from '../words';
import { BillRow } from './bills';
import { type House, fetchHouse, nameOf, openOf } from './today';

export function People(props: { session: Session }): JSX.Element {
  const { session } = props;
  const [window_, setWindow] = useState(false);
  const here = session.status.value === 'here';
  const house = useAsked(async () => (here ? fetchHouse(session) : undefined), [session.changes.value, here]);
  const accounts = house.value?.accounts ?? [];
  return (
    <>
      <Button wide look="strong" icon="plus" onClick={() => setWindow(true)}>{w().authorise}</Button>
      {house.trouble && <TroubleCard trouble={house.trouble} again={house.again} />}
      {house.value && !accounts.length && <Empty icon="people" title={w().no_people}><p>{w().no_people_lead}</p></Empty>}
      {!!accounts.length && (
        <Card>
          <Rows label={w().people}>
            {accounts.map((it) => (
              <Row key={it.account.id} icon="person" title={nameOf(it)}
                note={[it.account.active ? undefined : w().closed_account, it.running ? w().running_now : undefined, w().sessions(it.account.sessions), f.kwh(it.account.energy)].filter(Boolean).join(' · ')}
                end={f.money(openOf(it), session.currency.value)} onClick={() => go(`account/${it.account.id}`)} />
            ))}
          </Rows>
        </Card>
      )}
      {window_ && <Window session={session} title={w().authorise} lead={w().authorise_lead} request="Authorise" onClose={() => setWindow(false)} />}
    </>
  );
}

/** The window in which a card is tapped, with its time. */
export function Window(props: {
  session: Session; title: string; lead: string; onClose: () => void;
  request: 'Authorise' | 'AuthoriseListed' | { Replace: { account: number; card: number } };
}): JSX.Element {
  const { session, onClose } = props;
  const [request, setRequest] = useState(props.request);
  const [seconds, setSeconds] = useState<number | undefined>();
  useEffect(() => {
    let here = true;
    const end = (): void => {
      here = false;
      leave();
      clearTimeout(late);
    };
    const leave = session.on((notice) => {
      if (!here) return;
      if (notice === 'WindowClosed') {
        end();
        tell(new TalkError({ kind: 'no-tap-in-time' }));
        onClose();
      } else if (typeof notice === 'object' && 'CardAuthorised' in notice) {
        end();
        const card = notice.CardAuthorised;
        tellWell(w().authorised(typeof card.role === 'object' ? card.role.Charging : 0));
        onClose();
        if (typeof card.role === 'object') go(`account/${card.role.Charging}`);
      }
    });
    let late: ReturnType<typeof setTimeout> | undefined;
    session.ask('Window', request).then((it) => {
      if (!here) return;
      setSeconds(it.seconds);
      late = setTimeout(() => here && onClose(), (it.seconds + 15) * 1000);
    }, (error) => {
      if (!here) return;
      tell(error);
      onClose();
    });
    return end;
  }, [request]);
  return (
    <Sheet title={props.title} onClose={() => {
      // The pile keeps its window open: nothing asks it to close it.
      if (seconds !== undefined) tellWell(w().window_stays);
      onClose();
    }}>
      <div class="hero" role="status" aria-live="assertive">
        {seconds === undefined ? <span class="spinner" /> : <Countdown key={String(request)} seconds={seconds} />}
        <p>{props.lead}</p>
        {request === 'Authorise' && seconds !== undefined && <Button look="quiet" onClick={() => setRequest('AuthoriseListed')}>{w().authorise_weak}</Button>}
      </div>
    </Sheet>
  );
}

/** Settles an account, after asking; true where it is to be looked at again. */
export async function settle(session: Session, house: House, account: number): Promise<boolean> {
  const of = house.accounts.find((it) => it.account.id === account);
  if (!of) return false;
  const currency = session.currency.value;
  if (!(await ask(w().settle_sure(nameOf(of), f.money(openOf(of), currency)), w().settle, undefined, false))) return false;
  try {
    const settled = await session.ask('Settled', { Settle: { account, number: house.next } });
    tellWell(w().settled_ok(f.money(settled.amount, currency)));
  } catch (error) {
    // What was settled meanwhile is looked at again.
    tell(error);
  }
  return true;
}

export function Account(props: { session: Session; id: number }): JSX.Element {
  const { session, id } = props;
  const [renaming, setRenaming] = useState<string | undefined>();
  const [replacing, setReplacing] = useState<Credential | undefined>();
  const changes = session.changes.value;
  const here = session.status.value === 'here';
  const house = useAsked(async () => (here ? fetchHouse(session) : undefined), [changes, id, here]);
  const cards = useAsked(async () => (!here ? undefined : (await session.all('Cards', { Cards: { from: 0 } }, (it) => it.cards, (last) => ({ Cards: { from: last.id + 1 } })))
    .filter((it) => typeof it.role === 'object' && it.role.Charging === id)), [changes, id, here]);
  const plans = useAsked(async () => (!here ? undefined : session.all('Tariffs', { Tariffs: { from: 0 } }, (it) => it.tariffs, (last) => ({ Tariffs: { from: last.plan + 1 } }))), [id, here]);
  const bills = useAsked<ClosedSession[]>(async () => (!here ? undefined : (await session.ask('Sessions', { Sessions: { account: id, count: 8 } })).sessions), [changes, id, here]);
  if (house.trouble) return <TroubleCard trouble={house.trouble} again={house.again} />;
  const it = house.value?.accounts.find((one) => one.account.id === id);
  if (!it || !house.value) return <p class="note" role="status">{w().loading}</p>;
  const { account } = it;
  const currency = session.currency.value;
  const card = cards.value?.findLast((one) => !one.revoked);
  // An account whose card is lost gets its next one in the place of the last.
  const next = card ?? cards.value?.at(-1);
  const all = house.value;
  const change = async (request: Parameters<Session['ask']>[1]): Promise<void> => {
    await session.ask('Done', request);
    tellWell(w().saved);
    house.again();
    cards.again();
  };
  return (
    <>
      <Card>
        <div class="split"><div><h2>{nameOf(it)}</h2><p class="note">{[it.name ? w().account(id) : w().sessions(account.sessions), account.active ? undefined : w().closed_account].filter(Boolean).join(' · ')}</p></div>
          <Button look="quiet" icon="edit" onClick={() => setRenaming(it.name ?? '')}>{w().rename}</Button></div>
        <dl class="facts">
          <Fact name={w().open_amount} big>{f.money(openOf(it), currency)}</Fact>
          <Fact name={w().energy}>{f.kwh(account.energy)}</Fact>
          <Fact name={w().settled}>{f.money(account.settled, currency)}</Fact>
        </dl>
        <div class="buttons">
          <Button look="strong" disabled={openOf(it) === 0} onClick={async () => {
            if (await settle(session, all, id)) house.again();
          }}>{w().settle}</Button>
          <Button icon="book" onClick={() => go(`statement/${id}`)}>{w().statements}</Button>
        </div>
      </Card>
      {account.active && (
        <Card>
          <h2>{w().cards}</h2>
          <Rows label={w().cards}>{cards.value?.map((one) => (
            <Row key={one.id} icon="card" title={w().card_n(one.id, hex(one.alias).slice(0, 8))}
              note={one.revoked ? w().revoked : one.strength === 'MutualAes' ? w().key_card : w().uid_card} />))}</Rows>
          <div class="buttons">
            {next && <Button icon="card" onClick={async () => {
              if (await ask(w().replace, w().replace, w().replace_lead)) setReplacing(next);
            }}>{w().replace}</Button>}
            {card && <Button look="danger" icon="lost" onClick={async () => {
              if (await ask(w().report_lost, w().report_lost, w().report_lost_sure)) await change({ ReportLostOf: { account: id } });
            }}>{w().report_lost}</Button>}
          </div>
          {(plans.value?.length ?? 0) > 1 && (
            <Choice label={w().plan} value={account.plan} of={plans.value?.map((one) => [one.plan, w().plan_n(one.plan)] as const) ?? []}
              onChoose={(plan) => change({ AssignPlan: { account: id, plan } }).catch(tell)} />
          )}
          <Choice label={w().listed} value={account.listed ? 1 : 0} of={[[0, w().policy_Nobody], [1, w().policy_All]]}
            onChoose={(listed) => change({ ListAccount: { account: id, listed: listed === 1 } }).catch(tell)} />
        </Card>
      )}
      {!!bills.value?.length && (
        <Card><h2>{w().history}</h2><Rows label={w().history}>{bills.value.map((bill) => <BillRow key={bill.session} bill={bill} offset={session.pile.utcOffset} />)}</Rows></Card>
      )}
      {account.active && (
        <Card class="danger-zone">
          <h2>{w().deregister}</h2><p>{w().deregister_sure}</p>
          <Button look="danger" onClick={async () => {
            if (!(await ask(w().deregister, w().deregister, w().deregister_sure))) return;
            await close(session, id, currency);
            house.again();
          }}>{w().deregister}</Button>
        </Card>
      )}
      {renaming !== undefined && (
        <Sheet title={w().rename} onClose={() => setRenaming(undefined)}>
          <form class="stack" onSubmit={(event) => {
            event.preventDefault();
            change({ Rename: { account: id, name: renaming.trim() } }).then(() => setRenaming(undefined), tell);
          }}>
            <Field label={w().name} value={renaming} bytes={24} onInput={setRenaming} />
            <button type="submit" class="button strong wide" disabled={!renaming.trim()}><span>{w().save}</span></button>
          </form>
        </Sheet>
      )}
      {replacing && <Window session={session} title={w().replace} lead={w().replace_lead} request={{ Replace: { account: id, card: replacing.id } }} onClose={() => setReplacing(undefined)} />}
    </>
  );
}

async function close(session: Session, account: number, currency: string): Promise<void> {
  try {
    const last = await session.ask('Settled', { Deregister: { account } });
    tellWell(w().deregistered(f.money(last.amount, currency)));
  } catch (error) {
    // `Done` where nothing was owed.
    if (troubleOf(error).kind !== 'odd') throw error;
    tellWell(w().deregistered_nothing);
  }
}
