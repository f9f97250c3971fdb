// A tenant's first screen: what charges, and where one can.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import * as f from '../format';
import type { PortCondition, PortView, Running, UpTo } from '../link/messages';
import { go } from '../nav';
import type { Session } from '../session';
import { PowerCurve } from '../ui/chart';
import { Icon } from '../ui/icons';
import { Button, Card, Choice, Fact, Field, Sheet, ask, tell, tellWell } from '../ui/parts';
import { w } from '../words';

export const conditionOf = (condition: PortCondition): string =>
  typeof condition === 'string' ? w().condition[condition] : w().fault[condition.Faulted];
export const isFree = (condition: PortCondition): boolean => condition === 'Idle' || condition === 'Finished';
export const tone = (it: PortView): string => {
  if (typeof it.condition === 'object') return 'fault';
  if (isFree(it.condition)) return 'free';
  return it.condition === 'Disabled' ? 'off' : it.mine ? 'mine' : 'busy';
};

export function PriceLine(props: { session: Session }): JSX.Element {
  const price = props.session.price.value;
  const currency = props.session.currency.value;
  // What was never told is not known to be missing.
  if (!price) return props.session.status.value === 'here' ? <p class="note">{w().no_price}</p> : <></>;
  return (
    <p class="price-line">
      <Icon name="clock" />
      <span>{w().price_now} · {price.band}</span>
      <strong>{f.price(price.energy + price.service, currency)}</strong> <span>{w().a_kwh}</span>
    </p>
  );
}

export function Charge(props: { session: Session }): JSX.Element {
  const { session } = props;
  const [chosen, setChosen] = useState<PortView | undefined>();
  const ports = session.ports.value;
  const mine = ports.filter((it) => it.mine);
  const free = ports.filter((it) => isFree(it.condition)).length;
  const ended = session.ended.value;
  const here = session.status.value === 'here';
  return (
    <>
      {ended && (
        <Card class="good">
          <div class="split"><div><h2>{w().ended_title} · {w().reason[ended.reason]}</h2>
            <p>{w().port(ended.port + 1)} · {f.drawn(ended.energy)}</p></div>
            <strong class="amount">{f.money(ended.bill.total, session.currency.value)}</strong></div>
          <div class="buttons">
            <Button look="quiet" onClick={() => { session.ended.value = undefined; }}>{w().close}</Button>
            <Button look="strong" onClick={() => {
              session.ended.value = undefined;
              go(`bill/${ended.session}`);
            }}>{w().ended_show}</Button>
          </div>
        </Card>
      )}
      {mine.map((it) => <Live key={it.port} session={session} view={it} />)}
      <PriceLine session={session} />
      {!!ports.length && <h2 class="section" aria-live="polite">{!here ? w().ports_then : free ? w().free_ports(free) : w().none_free}</h2>}
      <ul class="ports">
        {ports.map((it) => {
          const can = here && isFree(it.condition);
          return (
            <li key={it.port}>
              <button type="button" class={`port ${tone(it)}`} disabled={!can} onClick={() => setChosen(it)}>
                <b aria-hidden="true">{it.port + 1}</b><span class="unseen">{w().port(it.port + 1)}</span>
                <span class="lamp" />
                <small>{it.mine ? w().mine : isFree(it.condition) || typeof it.condition === 'object' || it.condition === 'Disabled' ? conditionOf(it.condition) : w().taken}</small>
              </button>
            </li>
          );
        })}
      </ul>
      {chosen && <Start session={session} view={chosen} onClose={() => setChosen(undefined)} />}
    </>
  );
}

/** The time, again every so many milliseconds. */
function useNow(every: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** When a session has what was asked for at the power of now, in milliseconds since 1970; nothing where that cannot be
 * told: until the bike is full nobody knows but the bike. */
function expectedEnd(it: Running, upTo: UpTo | undefined, now: number): number | undefined {
  if (typeof upTo !== 'object' || it.power <= 0) return undefined;
  const price = it.price.energy + it.price.service;
  const left = 'Energy' in upTo ? upTo.Energy - it.energy : 'Cost' in upTo && price > 0 ? ((upTo.Cost - it.cost) / price) * 1e6 : undefined;
  return left === undefined ? undefined : now + (Math.max(0, left) / it.power) * 3_600_000;
}

function Live(props: { session: Session; view: PortView }): JSX.Element {
  const { session, view } = props;
  const it = view.running;
  const currency = session.currency.value;
  const now = useNow(10_000);
  const expected = it && expectedEnd(it, session.pile.asked?.[it.session], now);
  const stop = async (): Promise<void> => {
    if (!it || !(await ask(w().stop_sure, w().stop))) return;
    await session.ask('Done', { Stop: { session: it.session } });
  };
  return (
    <Card class="live" label={w().port(view.port + 1)}>
      <div class="split"><h2><span class="lamp mine" /> {w().port(view.port + 1)}</h2><span class="pill">{conditionOf(view.condition)}</span></div>
      {it ? (
        <>
          <dl class="facts">
            <Fact name={w().cost} big>{f.spent(it.cost, currency)}</Fact>
            <Fact name={w().energy}>{f.drawn(it.energy)}</Fact>
            <Fact name={w().power}>{f.watts(it.power)}</Fact>
          </dl>
          {(session.curves.value.get(it.session)?.length ?? 0) > 1 && <PowerCurve points={session.curves.value.get(it.session) ?? []} />}
          <p class="note">
            {it.since.quality !== 'Unknown' && it.since.quality !== 'Relative' && `${w().since(f.time(it.since.unix, session.pile.utcOffset))} · `}
            {expected !== undefined && `${w().expected(f.span((expected - now) / 1000), f.time(expected / 1000, session.pile.utcOffset))} · `}
            {view.ends === undefined ? w().no_end : w().latest(f.span(Math.max(0, view.ends - now) / 1000), f.time(view.ends / 1000, session.pile.utcOffset))}
          </p>
        </>
      ) : <p class="note">{w().starting}</p>}
      <Button wide look="danger" icon="stop" disabled={!it || view.condition === 'Stopping'} onClick={stop}>
        {view.condition === 'Stopping' ? w().stopping : w().stop}
      </Button>
    </Card>
  );
}

type Until = 'full' | 'time' | 'energy' | 'cost';

function Start(props: { session: Session; view: PortView; onClose: () => void }): JSX.Element {
  const { session, view } = props;
  const currency = session.currency.value;
  const [until, setUntil] = useState<Until>('full');
  const [hours, setHours] = useState(2);
  const [energy, setEnergy] = useState('0.5');
  const [cost, setCost] = useState('1');
  const price = session.price.value;
  const figure = until === 'energy' ? f.millionths(energy) : until === 'cost' ? f.millionths(cost) : 1;
  const upTo = (): UpTo =>
    until === 'time' ? { Time: hours * 3_600_000 } : until === 'energy' ? { Energy: figure ?? 0 } : until === 'cost' ? { Cost: figure ?? 0 } : 'Full';
  const start = async (): Promise<void> => {
    try {
      const { port, session: number } = await session.ask('Started', { Start: { port: view.port, up_to: upTo() } });
      await session.keepAsked(number, upTo());
      tellWell(w().started(port + 1), w().plug);
      props.onClose();
      await session.refresh();
    } catch (error) {
      props.onClose();
      tell(error);
    }
  };
  return (
    <Sheet title={w().start_title(view.port + 1)} onClose={props.onClose}>
      {price && (
        <dl class="facts">
          <Fact name={w().electricity}>{f.price(price.energy, currency)}</Fact>
          <Fact name={w().service}>{f.price(price.service, currency)}</Fact>
          <Fact name={w().a_kwh} big>{f.price(price.energy + price.service, currency)}</Fact>
        </dl>
      )}
      <Choice label={w().until} value={until} onChoose={setUntil}
        of={[['full', w().until_full], ['time', w().until_time], ['energy', w().until_energy], ['cost', w().until_cost]]} />
      {until === 'time' && <Choice label={w().until_time} unseen value={hours} onChoose={setHours} of={[1, 2, 4, 6, 8].map((it) => [it, w().hours(it)] as const)} />}
      {until === 'energy' && <Field label="kWh" mode="decimal" value={energy} onInput={setEnergy} {...(figure ? {} : { error: w().figure })} />}
      {until === 'cost' && <Field label={currency} mode="decimal" value={cost} onInput={setCost} {...(figure ? {} : { error: w().figure })} />}
      <Button wide look="strong" icon="bolt" disabled={!figure} onClick={start}>{w().start}</Button>
      <p class="note">{w().plug}</p>
    </Sheet>
  );
}
