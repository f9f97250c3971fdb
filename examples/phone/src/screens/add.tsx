// Becoming a phone of a pile: a card's code, the pile, a tap of the card.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { hex } from '../link/messages';
import type { Code } from '../link/messages';
import { type Bound, TalkError, type Trouble, bind, troubleOf } from '../link/talk';
import { Talk } from '../link/talk';
import type { Way } from '../link/pipe';
import { go } from '../nav';
import { chooseWay, local } from '../session';
import { add, current, piles, sentCode, show } from '../state';
import { Button, Card, Countdown, Field, TroubleCard } from '../ui/parts';
import { Icon } from '../ui/icons';
import { readCode } from '../wasm/phone_wasm';
import { w } from '../words';
import { Scan } from './scan';

type Step =
  | { at: 'code' } | { at: 'scan' } | { at: 'near'; code: string; privilege: boolean }
  | { at: 'connecting' } | { at: 'tap'; stop: () => void } | { at: 'done'; landlord: boolean }
  | { at: 'recover'; number: number; code: string } | { at: 'recover-tap'; seconds: number } | { at: 'recovered' };

export function Add(): JSX.Element {
  const [step, setStep] = useState<Step>({ at: 'code' });
  const [typed, setTyped] = useState('');
  const [trouble, setTrouble] = useState<Trouble | undefined>();
  const words = w();
  // Whoever leaves this screen has thought better of it: nobody waits for a tap any more.
  const leave = useRef(() => undefined as void);
  useEffect(() => () => leave.current(), []);

  const read = (text: string): void => {
    const code = readCode(text.trim()) as Code;
    setTyped(text.trim());
    if (code.kind === 'wrong') {
      setTrouble({ kind: 'code', why: code.why, group: code.group });
      setStep({ at: 'code' });
    } else if (code.kind === 'recovery') {
      setTrouble(undefined);
      setStep({ at: 'recover', number: code.number, code: text.trim() });
    } else {
      setTrouble(undefined);
      const privilege = code.kind === 'privilege';
      if (local) void join(text.trim(), privilege);
      else setStep({ at: 'near', code: text.trim(), privilege });
    }
  };
  useEffect(() => {
    const code = sentCode.value;
    if (!code) return;
    sentCode.value = undefined;
    read(code);
  }, [sentCode.value]);

  const join = async (code: string, privilege: boolean): Promise<void> => {
    const stopper = new AbortController();
    leave.current = () => stopper.abort();
    // This screen stays until the person goes on.
    go('add', true);
    setTrouble(undefined);
    try {
      const way = await chooseWay();
      setStep({ at: 'connecting' });
      // The pile has one link: what this phone holds of it is let go of.
      await current.value?.rest();
      const tap = (): void => setStep({ at: 'tap', stop: () => stopper.abort() });
      const bound = await bind(way, code, tap, stopper.signal);
      await keep(bound, way, privilege);
      setStep({ at: 'done', landlord: privilege });
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) setTrouble(troubleOf(error));
      setStep(local ? { at: 'code' } : { at: 'near', code, privilege });
    }
  };

  const recover = async (code: string): Promise<void> => {
    setTrouble(undefined);
    let talk: Talk | undefined;
    try {
      const way = await chooseWay();
      setStep({ at: 'connecting' });
      await current.value?.rest();
      let over: (card: boolean) => void = () => undefined;
      const ended = new Promise<boolean>((resolve) => {
        over = resolve;
      });
      talk = Talk.of(way, { code }, {
        notice: (it) => {
          if (it === 'WindowClosed') over(false);
          else if ('CardAuthorised' in it) over(true);
        },
      });
      const mine = talk;
      leave.current = () => void mine.close().finally(() => over(false));
      await talk.connect();
      const { seconds } = await talk.ask('Window', 'Recover');
      setStep({ at: 'recover-tap', seconds });
      const late = setTimeout(() => over(false), (seconds + 10) * 1000);
      const card = await ended;
      clearTimeout(late);
      if (!card) throw new TalkError({ kind: 'not-tapped' });
      setStep({ at: 'recovered' });
    } catch (error) {
      setTrouble(troubleOf(error));
      setStep({ at: 'code' });
    } finally {
      await talk?.close();
    }
  };

  return (
    <main class="page narrow" id="main">
      <header class="head">
        {piles.value.length > 0 && <button type="button" class="icon-button" aria-label={words.back} onClick={() => history.back()}><Icon name="prev" /></button>}
        <h1>{words.add_title}</h1>
      </header>
      {trouble && <TroubleCard trouble={trouble} />}
      {step.at === 'code' && (
        <>
          <div class="hero"><Icon name="card" /><p>{words.add_lead}</p></div>
          <Button look="strong" wide icon="scan" onClick={() => setStep({ at: 'scan' })}>{words.add_scan}</Button>
          {local && <p class="note">{words.add_bench}</p>}
          <form class="or" onSubmit={(event) => {
            event.preventDefault();
            if (typed) read(typed);
          }}>
            <Field label={words.add_code} value={typed} onInput={setTyped} hint={words.add_code_hint} />
            <button type="submit" class="button wide" disabled={!typed}><span>{words.add_go}</span></button>
          </form>
        </>
      )}
      {step.at === 'scan' && <Scan onCode={read} onClose={() => setStep({ at: 'code' })} />}
      {step.at === 'near' && (
        <Card>
          <div class="hero"><Icon name="air" /><h2>{words.add_near}</h2>
            <p><strong>{step.privilege ? words.add_kind_landlord : words.add_kind_tenant}</strong></p><p>{words.add_near_tenant}</p></div>
          <Button look="strong" wide onClick={() => join(step.code, step.privilege)}>{words.add_look}</Button>
          <Button wide look="quiet" onClick={() => setStep({ at: 'code' })}>{words.back}</Button>
        </Card>
      )}
      {step.at === 'connecting' && <div class="hero" role="status"><span class="spinner" /><p>{words.add_connecting}</p></div>}
      {step.at === 'tap' && (
        <div class="hero" role="status" aria-live="assertive">
          <Countdown seconds={60} /><h2>{words.add_tap}</h2><p>{words.add_tap_lead}</p>
          <Button look="quiet" onClick={step.stop}>{words.cancel}</Button>
        </div>
      )}
      {step.at === 'done' && (
        <div class="hero good" role="status">
          <Icon name="check" /><h2>{words.add_done}</h2><p>{step.landlord ? words.add_done_landlord : words.add_done_tenant}</p>
          <Button look="strong" wide onClick={() => go(step.landlord ? 'today' : 'charge', true)}>{words.add_start}</Button>
        </div>
      )}
      {step.at === 'recover' && (
        <Card><div class="hero"><Icon name="lost" /><h2>{words.recover}</h2><p>{words.recover_lead}</p></div>
          <Button look="strong" wide onClick={() => recover(step.code)}>{words.add_look}</Button>
          <Button wide look="quiet" onClick={() => setStep({ at: 'code' })}>{words.back}</Button></Card>
      )}
      {step.at === 'recover-tap' && <div class="hero" role="status" aria-live="assertive"><Countdown seconds={step.seconds} /><h2>{words.recover_tap}</h2></div>}
      {step.at === 'recovered' && (
        <div class="hero good" role="status"><Icon name="check" /><p>{words.recover_done}</p>
          <Button wide look="strong" onClick={() => {
            setTyped('');
            setStep({ at: 'code' });
          }}>{words.add_go}</Button></div>
      )}
    </main>
  );
}

async function keep(bound: Bound, way: Way, landlord: boolean): Promise<void> {
  const id = hex(bound.pile);
  // What was pinned of this pile stays pinned: its receipt key, and how far its ledger was verified.
  const { revoked: _, ...before } = piles.value.find((it) => it.id === id) ?? { id, name: 'openpile' };
  const pile = { ...before, landlord, phone: bound.phone, key: bound.key, device: way.device };
  await add(pile);
  await show(pile, false);
}
