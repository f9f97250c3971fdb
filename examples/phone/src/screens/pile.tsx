// The pile itself: prices, policy, phones, and what an engineer asks.

import type { JSX } from 'preact';
import * as f from '../format';
import type { UidOnly } from '../link/messages';
import { go } from '../nav';
import type { Session } from '../session';
import { Card, Choice, Fact, Row, Rows, TroubleCard, ask, tell, tellWell, useAsked } from '../ui/parts';
import { w } from '../words';
import { Ledger } from './ledger';
import { Phones, Settings } from './me';

export function PileScreen(props: { session: Session }): JSX.Element {
  const { session } = props;
  const here = session.status.value === 'here';
  const policy = useAsked(async () => (here ? session.ask('Policy', 'Policy') : undefined), [here, session.changes.value]);
  const inside = useAsked(async () => (here ? session.ask('Diagnostics', 'Diagnostics') : undefined), [here]);
  const it = inside.value;
  const set = async (uid_only: UidOnly): Promise<void> => {
    if (uid_only !== 'All' && !(await ask(w().policy, w().save, w().policy_sure))) return;
    await session.ask('Done', { SetPolicy: { uid_only } });
    tellWell(w().saved);
    policy.again();
  };
  return (
    <>
      {(policy.trouble ?? inside.trouble) && <TroubleCard trouble={(policy.trouble ?? inside.trouble)!} again={policy.again} />}
      <Card><Rows label={w().tariff}><Row icon="clock" title={w().tariff} note={w().tariff_lead} onClick={() => go('tariff')} /></Rows></Card>
      {policy.value && (
        <Card>
          <h2>{w().policy}</h2><p class="note">{w().policy_lead}</p>
          <Choice label={w().policy} unseen value={policy.value} onChoose={(to) => set(to).catch(tell)}
            of={[['Nobody', w().policy_Nobody], ['Listed', w().policy_Listed], ['All', w().policy_All]]} />
        </Card>
      )}
      <Ledger session={session} records={it?.last_record ?? 0} />
      {here && <Phones session={session} />}
      {it && (
        <Card>
          <h2>{w().diagnostics}</h2>
          <dl class="facts">
            <Fact name={w().firmware}>{session.welcome.value?.firmware}</Fact>
            <Fact name={w().clock}>{f.wall(it.now, session.pile.utcOffset)}</Fact>
            <Fact name={w().uptime}>{f.span(it.uptime)}</Fact>
            <Fact name={w().reader}>{it.reader ? w().works : w().silent}</Fact>
            {it.temperature !== undefined && <Fact name={w().temperature}>{it.temperature / 10} °C</Fact>}
            <Fact name={w().records}>{it.last_record.toLocaleString()}</Fact>
            <Fact name={w().days_left}>{it.days_left === undefined ? '–' : w().days(it.days_left)}</Fact>
            <Fact name={w().failed_handshakes}>{it.failed_handshakes}</Fact>
          </dl>
          <div class="scroll" tabIndex={0} role="region" aria-label={w().ports}>
            <table>
              <thead><tr><th>{w().ports}</th><th>{w().meter}</th><th>V</th><th>A</th><th>W</th></tr></thead>
              <tbody>{it.ports.map((port) => (
                <tr key={port.port}><th scope="row">{port.port + 1}</th><td>{port.meter ? f.kwh(port.register) : w().silent}</td>
                  <td>{port.voltage === undefined ? '–' : (port.voltage / 1000).toFixed(0)}</td><td>{port.current === undefined ? '–' : (port.current / 1000).toFixed(2)}</td><td>{(port.power / 1000).toFixed(0)}</td></tr>))}</tbody>
            </table>
          </div>
        </Card>
      )}
      <Settings />
    </>
  );
}
