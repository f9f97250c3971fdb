// The landlord's first screen: the house at a glance.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import * as f from '../format';
import type { AccountView, PortView, Settlement } from '../link/messages';
import { go } from '../nav';
import type { Session } from '../session';
import { piles } from '../state';
import * as store from '../store';
import { Icon } from '../ui/icons';
import { Button, Card, Fact, Row, Rows, Sheet, TroubleCard, ask, tell, tellWell, useAsked } from '../ui/parts';
import { w } from '../words';
import { PriceLine, conditionOf, isFree, tone } from './charge';

/** Days of ledger that are few. */
const SOON = 60;

export interface House { accounts: AccountView[]; unpaid: Settlement[]; next: number }

/** Accounts, and what is open of them; kept, for the sums over several piles. */
export async function fetchHouse(session: Session): Promise<House> {
  const accounts = await session.all('Accounts', { Accounts: { from: 0 } }, (it) => it.accounts, (last) => ({ Accounts: { from: last.account.id + 1 } }));
  let next = 0;
  const unpaid = await session.all('Settlements', { Settlements: { from: 0 } }, (it) => {
    next = it.next;
    return it.settlements;
  }, (last) => ({ Settlements: { from: last.id + 1 } }));
  const at = Date.now();
  await store.keepSettlements(session.pile.id, unpaid);
  await store.keepAccounts(accounts.map(({ account, name }) => ({
    pile: session.pile.id, account: account.id, active: account.active, energy: account.energy,
    fees: account.energy_fee + account.service_fee, settled: account.settled, currency: session.currency.value, at,
    unpaid: unpaid.filter((it) => it.account === account.id), ...(name ? { name } : {}),
  })));
  return { accounts, unpaid, next };
}
export const openOf = (it: AccountView): number => it.account.energy_fee + it.account.service_fee - it.account.settled;
export const nameOf = (it: AccountView): string => it.name ?? w().account(it.account.id);

export function Today(props: { session: Session }): JSX.Element {
  const { session } = props;
  const here = session.status.value === 'here';
  const [chosen, setChosen] = useState<number | undefined>();
  const changes = session.changes.value;
  const house = useAsked(async () => (here ? fetchHouse(session) : undefined), [here, changes]);
  const inside = useAsked(async () => (here ? session.ask('Diagnostics', 'Diagnostics') : undefined), [here, changes]);
  const tried = useAsked(async () => (here
    ? session.all('Tried', { Tried: { from: 0 } }, (it) => it.cards, (last) => ({ Tried: { from: last.credential + 1 } })) : []), [here, changes]);
  const ports = session.ports.value;
  const faults = ports.filter((it) => typeof it.condition === 'object').length;
  const drawing = ports.reduce((sum, it) => sum + (it.running?.power ?? 0), 0);
  const charging = ports.filter((it) => it.running).length;
  const currency = session.currency.value;
  const open = house.value?.accounts.reduce((sum, it) => sum + openOf(it), 0);
  const unpaid = house.value?.unpaid.reduce((sum, it) => sum + it.amount, 0);
  const days = inside.value?.days_left;
  const view = ports.find((it) => it.port === chosen);
  const who = (account: number): string => {
    const of = house.value?.accounts.find((it) => it.account.id === account);
    return of ? nameOf(of) : w().account(account);
  };
  return (
    <>
      {!!ports.length && <Card class={faults ? 'bad' : 'good'}>
        <div class="split" role="status"><Icon name={faults ? 'warn' : 'check'} />
          <div><h2>{faults ? w().faults(faults) : w().all_well}</h2><p>{w().charging_n(charging)} · {f.watts(drawing)}</p></div></div>
      </Card>}
      <div class="tiles">
        <button type="button" class="tile" onClick={() => go('money')}><small>{w().open_amounts}</small><strong>{open === undefined ? '–' : f.money(open, currency)}</strong></button>
        <button type="button" class="tile" onClick={() => go('money')}><small>{w().unpaid}</small><strong>{unpaid === undefined ? '–' : f.money(unpaid, currency)}</strong></button>
        <button type="button" class="tile" onClick={() => go('pile')}><small>{w().days_left}</small><strong class="small">{days === undefined ? '–' : w().days(days)}</strong>{days !== undefined && days < SOON && <small>{w().ledger_soon}</small>}</button>
      </div>
      <PriceLine session={session} />
      <Card>
        <h2>{w().ports}</h2>
        <Rows label={w().ports}>
          {ports.map((it) => (
            <Row key={it.port} title={<><span class={`lamp ${tone(it)}`} /> {w().port(it.port + 1)}</>}
              note={it.running ? `${who(it.running.account)} · ${f.drawn(it.running.energy)} · ${f.spent(it.running.cost, currency)}` : conditionOf(it.condition)}
              end={it.running ? f.watts(it.running.power) : undefined} onClick={() => setChosen(it.port)} />
          ))}
        </Rows>
      </Card>
      {!!tried.value?.length && (
        <Card><h2>{w().tried}</h2><Rows>{tried.value.map((it) => (
          <Row key={it.credential} icon="warn" tone="bad" title={w().tried_line(it.credential, it.count)} note={w().tried_what[it.what]} />))}</Rows></Card>
      )}
      <Several session={session} />
      {house.trouble && <TroubleCard trouble={house.trouble} again={house.again} />}
      {view && <Port session={session} view={view} onClose={() => setChosen(undefined)} />}
    </>
  );
}

/** What is open over all piles of this phone, as each was seen last. */
function Several(props: { session: Session }): JSX.Element | null {
  const kept = useAsked(() => store.accounts(), [props.session.changes.value]);
  const mine = piles.value.filter((it) => it.landlord);
  if (mine.length < 2 || !kept.value) return null;
  const open = (of: readonly store.KeptAccount[]): number =>
    of.reduce((sum, it) => sum + it.fees - it.settled + it.unpaid.reduce((all, due) => all + due.amount, 0), 0);
  const all = kept.value.filter((it) => mine.some(({ id }) => id === it.pile));
  const currencies = [...new Set(all.map((it) => it.currency))];
  const sums = currencies.map((currency) => f.money(open(all.filter((it) => it.currency === currency)), currency));
  return (
    <Card>
      <div class="split"><h2>{w().all_piles}</h2><strong>{sums.join(' + ')}</strong></div>
      <Rows label={w().all_piles}>
        {mine.map((pile) => {
          const of = kept.value?.filter((it) => it.pile === pile.id) ?? [];
          return <Row key={pile.id} icon="pile" title={pile.name} note={pile.seen ? w().seen(f.dateTime(pile.seen / 1000)) : undefined} end={f.money(open(of), of[0]?.currency ?? 'CNY')} />;
        })}
      </Rows>
    </Card>
  );
}

function Port(props: { session: Session; view: PortView; onClose: () => void }): JSX.Element {
  const { session, view, onClose } = props;
  const { port, condition, running } = view;
  const act = async (request: Parameters<Session['ask']>[1]): Promise<void> => {
    try {
      await session.ask('Done', request);
      tellWell(w().saved);
      await session.refresh();
    } catch (error) {
      tell(error);
    }
    onClose();
  };
  return (
    <Sheet title={`${w().port(port + 1)}: ${conditionOf(condition)}`} onClose={onClose}>
      {running && (
        <dl class="facts">
          <Fact name={w().power} big>{f.watts(running.power)}</Fact><Fact name={w().energy}>{f.drawn(running.energy)}</Fact>
          <Fact name={w().cost}>{f.spent(running.cost, session.currency.value)}</Fact>
        </dl>
      )}
      <div class="stack">
        {running && <Button wide look="danger" icon="stop" onClick={async () => {
          if (await ask(w().stop_port_sure(port + 1), w().stop)) await act({ StopPort: { port, session: running.session } });
        }}>{w().stop}</Button>}
        {typeof condition === 'object' && <Button wide look="strong" icon="check" onClick={async () => {
          if (await ask(w().clear_sure, w().clear, undefined, false)) await act({ ClearFault: { port, fault: condition.Faulted } });
        }}>{w().clear}</Button>}
        {condition === 'Disabled'
          ? <Button wide onClick={() => act({ SwitchPort: { port, enabled: true } })}>{w().in_service}</Button>
          : isFree(condition) && <Button wide onClick={() => act({ SwitchPort: { port, enabled: false } })}>{w().out_of_service}</Button>}
      </div>
    </Sheet>
  );
}
