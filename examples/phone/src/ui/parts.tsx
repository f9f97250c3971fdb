// The parts that every screen is made of.

import { signal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { Trouble } from '../link/talk';
import { troubleOf } from '../link/talk';
import { w } from '../words';
import { Icon, type IconName } from './icons';

export function Button(props: {
  children: ComponentChildren; onClick: () => void | Promise<unknown>; look?: 'strong' | 'danger' | 'quiet'; icon?: IconName;
  disabled?: boolean; wide?: boolean; label?: string; pressed?: boolean;
}): JSX.Element {
  const [busy, setBusy] = useState(false);
  const alive = useRef(true);
  useEffect(() => () => {
    alive.current = false;
  }, []);
  const press = (): void => {
    const work = props.onClick();
    if (!(work instanceof Promise)) return;
    setBusy(true);
    work.catch(tell).finally(() => alive.current && setBusy(false));
  };
  return (
    <button
      type="button" class={`button ${props.look ?? ''} ${props.wide ? 'wide' : ''}`} disabled={props.disabled || busy}
      aria-busy={busy} aria-label={props.label} aria-pressed={props.pressed} onClick={press}
    >
      {props.icon && <Icon name={props.icon} />}
      <span>{props.children}</span>
    </button>
  );
}

export const Card = (props: { children: ComponentChildren; class?: string; label?: string }): JSX.Element => (
  <section class={`card ${props.class ?? ''}`} aria-label={props.label}>{props.children}</section>
);

export function Row(props: {
  title: ComponentChildren; note?: ComponentChildren; end?: ComponentChildren; onClick?: () => void; icon?: IconName; tone?: string;
}): JSX.Element {
  const inside = (
    <>
      {props.icon && <span class={`row-icon ${props.tone ?? ''}`}><Icon name={props.icon} /></span>}
      <span class="row-text"><span class="row-title">{props.title}</span>{props.note && <small>{props.note}</small>}</span>
      {props.end && <span class="row-end">{props.end}</span>}
      {props.onClick && <Icon name="next" />}
    </>
  );
  return props.onClick
    ? <li><button type="button" class="row" onClick={props.onClick}>{inside}</button></li>
    : <li><div class="row">{inside}</div></li>;
}
export const Rows = (props: { children: ComponentChildren; label?: string }): JSX.Element => (
  <ul class="rows" aria-label={props.label}>{props.children}</ul>
);

export const Fact = (props: { name: string; children: ComponentChildren; big?: boolean }): JSX.Element => (
  <div class={`fact ${props.big ? 'big' : ''}`}><dt>{props.name}</dt><dd>{props.children}</dd></div>
);

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;
/** The beginning of a text that has so many bytes, in whole characters. */
function within(text: string, bytes = Infinity): string {
  let kept = '';
  for (const letter of text) {
    if (bytesOf(kept + letter) > bytes) break;
    kept += letter;
  }
  return kept;
}

export function Field(props: {
  label: string; value: string; onInput: (text: string) => void; hint?: string; mode?: 'decimal' | 'text';
  /** The most characters, and the most bytes of them in UTF-8: what is beyond is not taken. */
  max?: number; bytes?: number; error?: string;
}): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id} value={props.value} inputMode={props.mode ?? 'text'} maxLength={props.max} autoComplete="off" autoCapitalize="off" spellcheck={false}
        placeholder={props.hint} aria-invalid={!!props.error} aria-describedby={props.error ? `${id}e` : undefined}
        onInput={(event) => {
          const text = within(event.currentTarget.value, props.bytes);
          event.currentTarget.value = text;
          props.onInput(text);
        }}
      />
      {props.bytes !== undefined && bytesOf(props.value) >= props.bytes - 3 && <p class="note" role="status">{w().full_name(props.bytes)}</p>}
      {props.error && <p class="error" id={`${id}e`}>{props.error}</p>}
    </div>
  );
}

/** One of a few. */
export function Choice<T extends string | number>(props: {
  label: string; value: T; of: readonly (readonly [T, string])[]; onChoose: (value: T) => void; unseen?: boolean;
}): JSX.Element {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class={props.unseen ? 'unseen' : ''}>{props.label}</legend>
      <div>
        {props.of.map(([value, text]) => (
          <label key={value}>
            <input type="radio" name={name} checked={props.value === value} onChange={() => props.onChoose(value)} />
            <span>{text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A sheet from below; it takes the keyboard, and Escape closes it. */
export function Sheet(props: { title: string; children: ComponentChildren; onClose: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const it = dialog.current;
    it?.showModal();
    return () => it?.close();
  }, []);
  return (
    <dialog
      ref={dialog} class="sheet" aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      onClick={(event) => event.target === dialog.current && props.onClose()}
    >
      <div class="sheet-in">
        <header><h2 id={id}>{props.title}</h2>
          <button type="button" class="icon-button" aria-label={w().close} onClick={props.onClose}><Icon name="close" /></button></header>
        {props.children}
      </div>
    </dialog>
  );
}

interface Question { text: string; note?: string; yes: string; danger: boolean; answer: (yes: boolean) => void }
const question = signal<Question | undefined>(undefined);
/** Asks before something that cannot be undone. */
export const ask = (text: string, yes: string, note?: string, danger = true): Promise<boolean> =>
  new Promise((resolve) => {
    question.value = {
      text, yes, danger, ...(note ? { note } : {}),
      answer: (it) => {
        question.value = undefined;
        resolve(it);
      },
    };
  });

export function Asked(): JSX.Element | null {
  const it = question.value;
  if (!it) return null;
  return (
    <Sheet title={it.text} onClose={() => it.answer(false)}>
      {it.note && <p>{it.note}</p>}
      <div class="buttons">
        <Button onClick={() => it.answer(false)}>{w().cancel}</Button>
        <Button look={it.danger ? 'danger' : 'strong'} onClick={() => it.answer(true)}>{it.yes}</Button>
      </div>
    </Sheet>
  );
}

/** A trouble in words: what happened, what to do. */
export function inWords(trouble: Trouble): readonly [string, string] {
  const words = w();
  switch (trouble.kind) {
    case 'pipe': return words.pipe[trouble.why] ?? words.closed;
    case 'refused': return words.refused[trouble.why];
    case 'closed': return trouble.why === 'Version' ? words.version : words.closed;
    case 'not-known': return words.not_known;
    case 'other-pile': return words.other_pile;
    case 'no-tap-in-time': return words.window_over;
    case 'not-signed': return [words.not_all_signed, trouble.what];
    case 'code': return words.code_wrong(trouble.why, trouble.group);
    case 'busy': return words.busy(trouble.seconds);
    case 'not-tapped': return words.not_tapped;
    case 'no-answer': return words.no_answer;
    case 'newer': return words.newer;
    case 'odd': return words.odd;
    case 'words': return words.unexpected(trouble.text);
  }
}

interface Said { title: string; note?: string; bad: boolean; number: number }
const said = signal<Said | undefined>(undefined);
let count = 0;
let quiet: ReturnType<typeof setTimeout> | undefined;
const say = (title: string, note: string | undefined, bad: boolean): void => {
  count += 1;
  said.value = { title, ...(note ? { note } : {}), bad, number: count };
  clearTimeout(quiet);
  quiet = setTimeout(() => {
    said.value = undefined;
  }, bad ? 12_000 : 4_000);
};
/** Says that something went well. */
export const tellWell = (title: string, note?: string): void => say(title, note, false);
/** Says what went wrong, and what to do. */
export function tell(error: unknown): void {
  if (error instanceof DOMException && error.name === 'AbortError') return;
  say(...inWords(troubleOf(error)), true);
}

export function Toast(): JSX.Element {
  const it = said.value;
  return (
    <div class="toasts" role="status" aria-live="polite">
      {it && (
        <div class={`toast ${it.bad ? 'bad' : ''}`} key={it.number}>
          <Icon name={it.bad ? 'warn' : 'check'} />
          <div><strong>{it.title}</strong>{it.note && <p>{it.note}</p>}</div>
          <button type="button" class="icon-button" aria-label={w().close} onClick={() => { said.value = undefined; }}><Icon name="close" /></button>
        </div>
      )}
    </div>
  );
}

export const Empty = (props: { icon: IconName; title: string; children?: ComponentChildren }): JSX.Element => (
  <div class="empty"><Icon name={props.icon} /><h2>{props.title}</h2>{props.children}</div>
);

/** A ring that empties while somebody is waited for. */
export function Countdown(props: { seconds: number; children?: ComponentChildren }): JSX.Element {
  const [left, setLeft] = useState(props.seconds);
  useEffect(() => {
    const end = Date.now() + props.seconds * 1000;
    const timer = setInterval(() => setLeft(Math.max(0, Math.ceil((end - Date.now()) / 1000))), 250);
    return () => clearInterval(timer);
  }, [props.seconds]);
  const around = 2 * Math.PI * 54;
  return (
    <div class="countdown" role="timer" aria-label={w().seconds_left(left)}>
      <svg viewBox="0 0 120 120" aria-hidden="true">
        <circle cx="60" cy="60" r="54" class="track" />
        <circle cx="60" cy="60" r="54" class="rest" stroke-dasharray={around} stroke-dashoffset={around * (1 - left / props.seconds)} />
      </svg>
      <span>{props.children ?? <Icon name="tap" />}</span>
      <b aria-hidden="true">{w().seconds_left(left)}</b>
    </div>
  );
}

/** What comes of asking the pile: asked again when `deps` change; nothing where `work` has nobody to ask. What is said `of`
 * one thing is not shown for another. */
export function useAsked<T>(work: () => Promise<T | undefined>, deps: readonly unknown[], of?: string): { value?: T; trouble?: Trouble; again: () => void } {
  const [state, setState] = useState<{ value?: T; trouble?: Trouble; of?: string | undefined }>({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let here = true;
    // What was told stays while there is nobody to ask.
    work().then((value) => here && setState((old) => (value === undefined && old.of === of ? old : { value, of })), (error) => {
      const trouble = troubleOf(error);
      // That there is no pile is said above every screen.
      if (here && trouble.kind !== 'pipe') setState((old) => ({ ...(old.of === of ? old : {}), trouble, of }));
    });
    return () => {
      here = false;
    };
  }, [...deps, of, turn]);
  const { of: told, ...shown } = state;
  return { ...(told === of ? shown : {}), again: () => setTurn(turn + 1) };
}

export const TroubleCard = (props: { trouble: Trouble; again?: () => void }): JSX.Element => {
  const [what, todo] = inWords(props.trouble);
  return (
    <div class="trouble" role="alert"><Icon name="warn" />
      <div><strong>{what}</strong><p>{todo}</p>{props.again && <Button onClick={props.again}>{w().retry}</Button>}</div>
    </div>
  );
};

/** Hands a file to another app, or to the disk. */
export async function handOut(name: string, type: string, text: string): Promise<void> {
  const file = new File([text], name, { type });
  if (navigator.canShare?.({ files: [file] })) {
    try {
      await navigator.share({ files: [file], title: name });
      return;
    } catch (error) {
      // The person thought better of it; or it took so long that the browser wants to be asked again: it is saved.
      if (!(error instanceof DOMException && error.name === 'NotAllowedError')) return;
    }
  }
  const url = URL.createObjectURL(file);
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
