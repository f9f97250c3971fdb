// The prices: a day of 24 hours, painted. What has a gap cannot be saved.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import * as f from '../format';
import { type CurrencyBytes, type Tariff, currencyOf } from '../link/messages';
import type { Session } from '../session';
import { Icon } from '../ui/icons';
import { Button, Card, Choice, Field, TroubleCard, ask, tellWell, useAsked } from '../ui/parts';
import { w } from '../words';

const SLOTS = 48;
const MOST_BANDS = 8;
/** A price, in millionths a kWh: `pile_units::Price`. */
const MOST_PRICE = 1e9;
/** Minutes east of Greenwich, as clocks are set anywhere: halves and quarters of an hour. */
const OFFSETS = Array.from({ length: 105 }, (_, at) => at * 15 - 720);

interface Band { id: number; name: string; energy: string; service: string }
export interface Draft { currency: string; offset: number; bands: Band[]; slots: (number | undefined)[]; unknown: number }

const clock = (slot: number): string => `${String(Math.floor(slot / 2)).padStart(2, '0')}:${slot % 2 ? '30' : '00'}`;

function draftOf(tariff: Tariff): Draft {
  return {
    currency: currencyOf(tariff.currency),
    offset: tariff.utc_offset,
    bands: tariff.bands.map((it, id) => ({ id, name: it.name, energy: f.decimal(it.energy), service: f.decimal(it.service) })),
    slots: tariff.slots.flatMap((it) => [it & 15, it >> 4]),
    unknown: tariff.unknown_time_band,
  };
}

/** A blank day, where the phone is. */
const blank = (before: Tariff | undefined, session: Session): Draft => ({
  currency: before ? currencyOf(before.currency) : session.currency.value,
  offset: before?.utc_offset ?? -new Date().getTimezoneOffset(),
  bands: [{ id: 0, name: 'day', energy: '', service: '' }], slots: Array.from({ length: SLOTS }, () => undefined), unknown: 0,
});

const micros = (text: string): number | undefined => {
  const it = f.millionths(text);
  return it !== undefined && it <= MOST_PRICE ? it : undefined;
};

/** Why a draft cannot be saved; nothing if it can. */
function problem({ currency, bands, slots }: Draft): string | undefined {
  if (!/^[A-Z]{3}$/.test(currency)) return w().tariff_currency;
  const names = bands.map((it) => it.name.trim());
  if (names.some((it) => !/^[\x21-\x7e]{1,12}$/.test(it)) || new Set(names).size < names.length) return w().tariff_names;
  if (bands.some((it) => micros(it.energy) === undefined || micros(it.service) === undefined)) return w().tariff_numbers;
  if (slots.some((it) => it === undefined)) return w().tariff_gap;
  const unused = bands.find((it) => !slots.includes(it.id));
  return unused && w().tariff_unused(unused.name);
}

function tariffOf({ currency, offset, bands, slots, unknown }: Draft): Tariff {
  const index = new Map(bands.map((it, at) => [it.id, at]));
  const packed = Array.from({ length: SLOTS / 2 }, (_, at) => (index.get(slots[2 * at] ?? 0) ?? 0) | ((index.get(slots[2 * at + 1] ?? 0) ?? 0) << 4));
  return {
    currency: [...currency].map((letter) => letter.charCodeAt(0)) as CurrencyBytes,
    utc_offset: offset,
    bands: bands.map((it) => ({ name: it.name.trim(), energy: micros(it.energy) ?? 0, service: micros(it.service) ?? 0 })),
    unknown_time_band: index.get(unknown) ?? 0,
    slots: packed,
  };
}

export function TariffScreen(props: { session: Session }): JSX.Element {
  const { session } = props;
  const here = session.status.value === 'here';
  const plans = useAsked(async () => (!here ? undefined : session.all('Tariffs', { Tariffs: { from: 0 } }, (it) => it.tariffs, (last) => ({ Tariffs: { from: last.plan + 1 } }))), [here]);
  const [plan, setPlan] = useState(0);
  const [brush, setBrush] = useState(0);
  const [painting, setPainting] = useState(false);
  const before = plans.value?.find((it) => it.plan === plan) ?? plans.value?.[0];
  // What was begun is kept until it is saved or discarded, whatever becomes of the link.
  const begun = session.drafts.value.get(plan);
  const draft = begun ?? (plans.value && (before ? draftOf(before.tariff) : blank(undefined, session)));
  const keep = (to: Draft | undefined): void => {
    const drafts = new Map(session.drafts.value);
    if (to) drafts.set(plan, to);
    else drafts.delete(plan);
    session.drafts.value = drafts;
  };
  const setDraft = (to: Draft): void => keep(to);
  useEffect(() => setBrush(0), [plan]);
  useEffect(() => {
    const end = (): void => setPainting(false);
    addEventListener('pointerup', end);
    return () => removeEventListener('pointerup', end);
  }, []);
  if (plans.trouble) return <TroubleCard trouble={plans.trouble} again={plans.again} />;
  if (!draft) return <p class="note" role="status">{w().loading}</p>;
  const wrong = problem(draft);
  const { currency } = draft;
  const paint = (slot: number): void => {
    const now = session.drafts.value.get(plan) ?? draft;
    setDraft({ ...now, slots: now.slots.map((it, at) => (at === slot ? brush : it)) });
  };
  const band = (id: number, change: Partial<Band>): void => setDraft({ ...draft, bands: draft.bands.map((it) => (it.id === id ? { ...it, ...change } : it)) });
  const place = (id: number): number => draft.bands.findIndex((it) => it.id === id);
  const nameAt = (slot: number): string => draft.bands[place(draft.slots[slot] ?? -1)]?.name ?? '–';
  const save = async (): Promise<void> => {
    await session.ask('Done', { SetTariff: { plan, tariff: tariffOf(draft) } });
    keep(undefined);
    tellWell(w().saved, w().tariff_saved);
    plans.again();
  };
  return (
    <>
      <Choice label={w().plan} unseen value={plan} onChoose={setPlan} of={[0, 1, 2, 3].map((it) => [it, w().plan_n(it)] as const)} />
      <p>{w().tariff_lead}</p>
      <Card>
        <div class="day" onPointerLeave={() => setPainting(false)}>
          {draft.slots.map((it, slot) => (
            <button type="button" key={slot} class={`slot ${it === undefined ? 'gap' : `band-${place(it)}`}`} aria-label={`${clock(slot)}–${clock(slot + 1)}: ${nameAt(slot)}`}
              onPointerDown={(event) => {
                event.currentTarget.releasePointerCapture(event.pointerId);
                setPainting(true);
                paint(slot);
              }}
              data-hour={slot % 6 === 0 ? `${slot / 2}:00` : undefined} onPointerEnter={() => painting && paint(slot)} onClick={() => paint(slot)} />
          ))}
        </div>
        <Range brush={nameOf(draft, brush)} onPaint={(from, to) => setDraft({ ...draft, slots: draft.slots.map((it, slot) => ((from < to ? slot >= from && slot < to : slot >= from || slot < to) ? brush : it)) })} />
      </Card>
      {draft.bands.map((it, at) => (
        <Card key={it.id} class={brush === it.id ? 'chosen' : ''}>
          <div class="split"><Button pressed={brush === it.id} onClick={() => setBrush(it.id)}><span class={`swatch band-${at}`} /> {w().paint(it.name)}</Button>
            {draft.bands.length > 1 && <button type="button" class="icon-button" aria-label={`${w().band_remove}: ${it.name}`} onClick={() => {
              const rest = draft.bands.filter((one) => one.id !== it.id);
              setDraft({ ...draft, bands: rest, slots: draft.slots.map((slot) => (slot === it.id ? undefined : slot)), unknown: draft.unknown === it.id ? (rest[0]?.id ?? 0) : draft.unknown });
              setBrush(rest[0]?.id ?? 0);
            }}><Icon name="close" /></button>}</div>
          <div class="three">
            <Field label={w().band_name} value={it.name} max={12} onInput={(name) => band(it.id, { name })} />
            <Field label={`${w().band_energy}, ${currency}`} mode="decimal" value={it.energy} onInput={(energy) => band(it.id, { energy })} />
            <Field label={`${w().band_service}, ${currency}`} mode="decimal" value={it.service} onInput={(service) => band(it.id, { service })} />
          </div>
        </Card>
      ))}
      <div class="buttons">
        <Button icon="plus" disabled={draft.bands.length >= MOST_BANDS} onClick={() => {
          const id = 1 + Math.max(...draft.bands.map((it) => it.id));
          setDraft({ ...draft, bands: [...draft.bands, { id, name: ['day', 'night', 'peak', 'flat'].find((name) => !draft.bands.some((it) => it.name === name)) ?? `p${id}`, energy: '', service: '' }] });
          setBrush(id);
        }}>{w().band_add}</Button>
      </div>
      <Card>
        <h2>{w().tariff_place}</h2>
        <div class="three">
          <Field label={w().tariff_money} max={3} value={currency} onInput={(to) => setDraft({ ...draft, currency: to.toUpperCase() })} />
          <div class="field"><label for="offset">{w().tariff_clock}</label>
            <select id="offset" value={draft.offset} onChange={(event) => setDraft({ ...draft, offset: Number(event.currentTarget.value) })}>
              {[...new Set([...OFFSETS, draft.offset])].sort((a, b) => a - b).map((it) => <option key={it} value={it}>{f.utc(it)}</option>)}
            </select></div>
        </div>
      </Card>
      <Choice label={w().unknown_band} value={draft.unknown} onChoose={(unknown) => setDraft({ ...draft, unknown })} of={draft.bands.map((it) => [it.id, it.name] as const)} />
      {wrong && <p class="error" role="alert">{wrong}</p>}
      <Button wide look="strong" disabled={!!wrong} onClick={save}>{w().save}</Button>
      {begun && <Button wide look="quiet" onClick={async () => {
        if (await ask(w().discard, w().discard)) keep(undefined);
      }}>{w().discard}</Button>}
    </>
  );
}

const nameOf = (draft: Draft, id: number): string => draft.bands.find((it) => it.id === id)?.name ?? '';

/** Paints from one time to another, for who paints by keyboard. */
function Range(props: { brush: string; onPaint: (from: number, to: number) => void }): JSX.Element {
  const [from, setFrom] = useState(16);
  const [to, setTo] = useState(44);
  const choices = (last: boolean): JSX.Element[] => Array.from({ length: SLOTS }, (_, slot) => (last ? slot + 1 : slot)).map((slot) => <option key={slot} value={slot}>{clock(slot)}</option>);
  return (
    <fieldset class="range">
      <legend class="unseen">{w().from_to}</legend>
      <select aria-label={w().began} value={from} onChange={(event) => setFrom(Number(event.currentTarget.value))}>{choices(false)}</select>
      <span>–</span>
      <select aria-label={w().ended} value={to} onChange={(event) => setTo(Number(event.currentTarget.value))}>{choices(true)}</select>
      <Button onClick={() => props.onPaint(from, to % SLOTS === 0 ? SLOTS : to)}>{w().paint(props.brush)}</Button>
    </fieldset>
  );
}
