// A tenant's own things, and the settings of the app.

import type { JSX } from 'preact';
import * as f from '../format';
import type { PhoneView } from '../link/messages';
import { go } from '../nav';
import type { Session } from '../session';
import { forget, piles, show } from '../state';
import * as store from '../store';
import { Button, Card, Choice, Fact, Row, Rows, TroubleCard, ask, handOut, tellWell, useAsked } from '../ui/parts';
import { chooseLang, chooseTheme, lang, theme, w } from '../words';

export function Me(props: { session: Session }): JSX.Element {
  const { session } = props;
  const here = session.status.value === 'here';
  const account = useAsked(async () => (here ? session.ask('Account', 'MyAccount') : undefined), [here, session.changes.value]);
  const of = account.value?.account;
  const currency = session.currency.value;
  return (
    <>
      {of && (
        <Card>
          <h2>{account.value?.name ?? w().account(of.id)}</h2>
          <dl class="facts">
            <Fact name={w().open_amount} big>{f.money(of.energy_fee + of.service_fee - of.settled, currency)}</Fact>
            <Fact name={w().settled}>{f.money(of.settled, currency)}</Fact>
            <Fact name={w().energy}>{f.kwh(of.energy)}</Fact>
          </dl>
        </Card>
      )}
      {here && <Phones session={session} mine />}
      <Card>
        <h2>{w().lost}</h2><p>{w().lost_lead}</p>
        <Button look="danger" icon="lost" disabled={!here} onClick={async () => {
          if (!(await ask(w().lost, w().lost_do, w().lost_lead))) return;
          await session.ask('Done', 'ReportLost');
          tellWell(w().saved);
        }}>{w().lost_do}</Button>
      </Card>
      <Settings />
    </>
  );
}

/** The phones of an account, or all of them. */
export function Phones(props: { session: Session; mine?: boolean }): JSX.Element {
  const { session, mine } = props;
  const page = (from: number) => (mine ? { MyPhones: { from } } : { Phones: { from } });
  const phones = useAsked<PhoneView[]>(
    () => session.all('Phones', page(0), (it) => it.phones, (last) => page(last.phone + 1)), [session.changes.value]);
  const revoke = async (it: PhoneView): Promise<void> => {
    if (!(await ask(`${w().revoke}: ${w().phone_n(it.phone)}?`, w().revoke, it.this ? w().revoke_self : w().revoke_sure))) return;
    await session.ask('Done', mine ? { RevokeMyPhone: { phone: it.phone } } : { RevokePhone: { phone: it.phone } });
    tellWell(w().saved);
    phones.again();
  };
  return (
    <Card>
      <h2>{w().phones}</h2>
      {phones.trouble && <TroubleCard trouble={phones.trouble} again={phones.again} />}
      <Rows label={w().phones}>
        {phones.value?.filter((it) => !it.revoked).map((it) => (
          <Row key={it.phone} icon="phone" title={`${w().phone_n(it.phone)}${it.this ? ` · ${w().this_phone}` : ''}`}
            note={[mine ? undefined : it.account === undefined ? w().phone_landlord : w().phone_of(it.account),
              it.bound.quality === 'Unknown' || it.bound.quality === 'Relative' ? undefined : w().bound_on(f.day(it.bound.unix))].filter(Boolean).join(' · ')}
            end={<Button look="quiet" label={`${w().revoke}: ${w().phone_n(it.phone)}`} onClick={() => revoke(it)}>{w().revoke}</Button>} />
        ))}
      </Rows>
    </Card>
  );
}

export function Settings(): JSX.Element {
  return (
    <>
      <Card>
        <h2>{w().piles}</h2>
        <Rows label={w().piles}>
          {piles.value.map((it) => (
            <Row key={it.id} icon="pile" title={it.name} note={it.landlord ? w().phone_landlord : w().phone_n(it.phone)}
              onClick={() => void show(it)}
              />
          ))}
        </Rows>
        <div class="buttons">
          <Button icon="plus" onClick={() => go('add')}>{w().add_pile}</Button>
          {piles.value.map((it) => (
            <Button key={it.id} look="quiet" label={`${w().forget}: ${it.name}`} onClick={async () => {
              if (await ask(w().forget, w().forget, w().forget_sure)) await forget(it.id);
            }}>{w().forget}{piles.value.length > 1 ? `: ${it.name}` : ''}</Button>
          ))}
        </div>
      </Card>
      <Card>
        <h2>{w().settings}</h2>
        <Choice label={w().language} value={lang.value} onChoose={chooseLang} of={[['en', 'English'], ['zh', '中文']]} />
        <Choice label={w().theme} value={theme.value} onChoose={chooseTheme} of={[['auto', w().theme_auto], ['light', w().theme_light], ['dark', w().theme_dark]]} />
        <p class="note">{w().export_lead}</p>
        <Button icon="share" onClick={async () => handOut('openpile-phone.json', 'application/json', JSON.stringify(await store.everything(), undefined, 1))}>{w().export_data}</Button>
      </Card>
    </>
  );
}
