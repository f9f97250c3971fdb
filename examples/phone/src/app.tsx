// The app: its head with where the pile is, its screens, its tabs.

import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import * as f from './format';
import { go, place } from './nav';
import { chooseWay, local } from './session';
import type { Session } from './session';
import { current, ready } from './state';
import { Add } from './screens/add';
import { Bill, History } from './screens/bills';
import { Charge } from './screens/charge';
import { Me } from './screens/me';
import { Money, Statement } from './screens/money';
import { Account, People } from './screens/people';
import { PileScreen } from './screens/pile';
import { TariffScreen } from './screens/tariff';
import { Today } from './screens/today';
import { Icon, type IconName } from './ui/icons';
import { Asked, Button, Empty, Toast, TroubleCard, tell } from './ui/parts';
import { w } from './words';

interface Screen { title: string; tab: string; back?: boolean; body: JSX.Element }

function screen(session: Session, at: readonly string[]): Screen {
  const words = w();
  const landlord = session.pile.landlord;
  const number = Number(at[1]);
  switch (at[0]) {
    case 'history': return { title: words.history, tab: 'history', body: <History session={session} /> };
    case 'me': return { title: words.me, tab: 'me', body: <Me session={session} /> };
    case 'bill': return { title: words.bill, tab: landlord ? 'people' : 'history', back: true, body: <Bill key={number} session={session} number={number} /> };
    case 'people': return { title: words.people, tab: 'people', body: <People session={session} /> };
    case 'account': return { title: words.account(number), tab: 'people', back: true, body: <Account key={number} session={session} id={number} /> };
    case 'money': return { title: words.money, tab: 'money', body: <Money session={session} /> };
    case 'statement': return { title: words.statements, tab: 'money', back: true, body: <Statement key={at.join()} session={session} account={number} settlement={at[2] === undefined ? undefined : Number(at[2])} /> };
    case 'pile': return { title: words.pile, tab: 'pile', body: <PileScreen session={session} /> };
    case 'tariff': return { title: words.tariff, tab: 'pile', back: true, body: <TariffScreen session={session} /> };
    default:
      return landlord
        ? { title: words.today, tab: 'today', body: <Today session={session} /> }
        : { title: words.charge, tab: 'charge', body: <Charge session={session} /> };
  }
}

const TENANT: readonly (readonly [string, IconName])[] = [['charge', 'bolt'], ['history', 'list'], ['me', 'person']];
const LANDLORD: readonly (readonly [string, IconName])[] = [['today', 'home'], ['people', 'people'], ['money', 'coins'], ['pile', 'pile']];
const tabName = (tab: string): string => w()[tab as 'charge' | 'history' | 'me' | 'today' | 'people' | 'money' | 'pile'];

export function App(): JSX.Element {
  const at = place.value;
  const session = current.value;
  if (!ready.value) return <div class="hero" role="status"><span class="spinner" /></div>;
  if (!session || at[0] === 'add') return <><Add /><Asked /><Toast /></>;
  const it = screen(session, at);
  return (
    <>
      <Named title={it.title} at={at.join('/')} />
      <header class="head page">
        {it.back && <button type="button" class="icon-button" aria-label={w().back} onClick={() => (history.length > 1 ? history.back() : go(''))}><Icon name="prev" /></button>}
        <h1 tabIndex={-1}>{it.title}</h1>
        <Where session={session} />
      </header>
      <main class="page" id="main">
        <Standing session={session} />
        {it.body}
      </main>
      <nav class="tabs" aria-label={w().tabs}>
        {(session.pile.landlord ? LANDLORD : TENANT).map(([tab, icon]) => (
          <a key={tab} href={`#/${tab}`} aria-current={it.tab === tab ? 'page' : undefined}><Icon name={icon} /><span>{tabName(tab)}</span></a>
        ))}
      </nav>
      <Asked />
      <Toast />
    </>
  );
}

/** The page's title is the screen's, and whoever cannot see goes on at its head. */
function Named(props: { title: string; at: string }): null {
  const first = useRef(true);
  useEffect(() => {
    document.title = `${props.title} · openpile`;
  }, [props.title]);
  useEffect(() => {
    if (!first.current) document.querySelector<HTMLElement>('.head h1')?.focus({ preventScroll: true });
    first.current = false;
  }, [props.at]);
  return null;
}

/** Which pile, and whether it is there. */
function Where(props: { session: Session }): JSX.Element {
  const status = props.session.status.value;
  return (
    <button type="button" class={`where ${status}`} aria-live="polite" onClick={() => status !== 'here' && connect(props.session).catch(tell)}>
      <span class="dot" /><span class="where-name">{props.session.pile.name}</span><small>{w()[status]}</small>
    </button>
  );
}

async function connect(session: Session): Promise<void> {
  // Where the browser has forgotten the pile, the person chooses it again.
  const known = local !== undefined || session.pile.device === undefined ? undefined : await session.open().then(() => session.status.value !== 'off');
  if (known) return;
  await session.open(await chooseWay());
}

/** What stands between the person and the pile, if something does. */
function Standing(props: { session: Session }): JSX.Element | null {
  const { session } = props;
  const status = session.status.value;
  const trouble = session.trouble.value;
  if (session.pile.revoked || trouble?.kind === 'not-known') {
    return <Empty icon="lost" title={w().revoked_title}><p>{w().revoked_lead}</p><Button look="strong" onClick={() => go('add')}>{w().add_pile}</Button>
      <Button look="quiet" onClick={() => connect(session)}>{w().retry}</Button></Empty>;
  }
  if (status === 'here') return null;
  const quiet = trouble?.kind === 'pipe' && trouble.why === 'turn-over';
  return (
    <div class="standing" role="status">
      {trouble && !quiet && status !== 'connecting' && <TroubleCard trouble={trouble} />}
      {session.pile.seen && <p class="note">{w().seen(f.dateTime(session.pile.seen / 1000))}. {w().offline}</p>}
      {status !== 'connecting' && (
        <div class="buttons">
          <Button icon="air" onClick={() => connect(session)}>{w().connect}</Button>
          {!local && trouble && !quiet && <Button look="quiet" onClick={async () => session.open(await chooseWay())}>{w().choose_again}</Button>}
        </div>
      )}
    </div>
  );
}

