// A conversation with a pile: asks, waits, and connects again where the link is lost, with the same
// number, so that nothing is done twice.

import { Link } from '../wasm/phone_wasm';
import type { Answers, CodeFault, Happened, Notice, Refusal, Request, Response, Welcome } from './messages';
import { type Pipe, PipeError, type Way } from './pipe';

/** Links that are tried for one request. */
const TRIES = 4;
/** A pause between two of them. */
const PAUSE = 700;
/** A link on which nothing is answered for so long is given up. */
const PATIENCE = 20_000;

/** Why a conversation came to nothing. */
export type Trouble =
  | { kind: 'pipe'; why: PipeError['why'] }
  | { kind: 'refused'; why: Refusal }
  | { kind: 'closed'; why: string }
  | { kind: 'not-known' }
  | { kind: 'other-pile' }
  | { kind: 'no-tap-in-time' }
  | { kind: 'not-signed'; what: string }
  | { kind: 'code'; why: CodeFault; group: number | undefined }
  | { kind: 'busy'; seconds: number }
  | { kind: 'not-tapped' }
  | { kind: 'no-answer' }
  | { kind: 'newer' }
  | { kind: 'odd' }
  | { kind: 'words'; text: string };

export class TalkError extends Error {
  constructor(readonly trouble: Trouble) {
    super(JSON.stringify(trouble));
  }
}
export const troubleOf = (error: unknown): Trouble => {
  if (error instanceof TalkError) return error.trouble;
  if (error instanceof PipeError) return { kind: 'pipe', why: error.why };
  return { kind: 'words', text: error instanceof Error ? error.message : String(error) };
};

export interface Listener {
  notice?(notice: Notice): void;
  /** True while there is a link on which requests can be asked. */
  standing?(standing: boolean): void;
}

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

const now = (): number => performance.now();
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The wires of one link: feeds the module with bytes and time, and the pipe with its bytes. */
class Line {
  private pipe: Pipe | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending = false;
  private over = false;
  private readonly givenUp = new AbortController();

  constructor(
    private readonly link: Link,
    private readonly happened: (it: Happened) => void,
    private readonly lost: (error: PipeError) => void,
  ) {}

  async open(way: Way): Promise<void> {
    this.pipe = await way.open({
      bytes: (bytes) => {
        if (this.over) return;
        this.link.receive(now(), bytes);
        this.turn();
      },
      lost: (error) => this.end(error),
    }, this.givenUp.signal);
    if (this.over) {
      this.pipe.close();
      throw new PipeError('gone');
    }
    this.link.connect(now(), crypto.getRandomValues(new Uint8Array(32)));
    this.turn();
  }

  /** All that can be done now. */
  turn(): void {
    if (this.over) return;
    for (;;) {
      const it = this.link.poll(now()) as Happened | undefined;
      if (it === undefined) break;
      this.happened(it);
      if (this.over) return;
    }
    void this.send();
    clearTimeout(this.timer);
    const due = this.link.deadline(now());
    if (due !== undefined) this.timer = setTimeout(() => this.turn(), Math.max(5, due - now()));
  }

  private async send(): Promise<void> {
    if (this.sending || !this.pipe) return;
    this.sending = true;
    try {
      while (!this.over) {
        const bytes = this.link.transmit(this.pipe.most);
        if (bytes.length === 0) break;
        await this.pipe.write(bytes);
      }
      if (!this.over && this.link.wantsDisconnect()) this.end(new PipeError('gone'));
    } catch (error) {
      this.end(error instanceof PipeError ? error : new PipeError('out-of-range', String(error)));
    } finally {
      this.sending = false;
    }
  }

  /** Says goodbye, and hangs up once that is said. */
  async bye(): Promise<void> {
    if (this.over) return;
    this.link.close(now());
    this.turn();
    for (let wait = 0; this.sending && wait < 20; wait += 1) await later(20);
    this.end(undefined);
  }

  end(error: PipeError | undefined): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    this.givenUp.abort();
    this.pipe?.close();
    this.link.disconnected();
    if (error) this.lost(error);
  }
}

/** A phone and its pile. */
export class Talk {
  welcome: Welcome | undefined;
  private line: Line | undefined;
  private greeted: Waiting<void> | undefined;
  private answered: Waiting<Response | 'lost'> | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private busy = 0;
  private gone = false;
  private connecting: Promise<void> | undefined;
  private standing = false;

  private constructor(private readonly link: Link, private way: Way, private readonly listener: Listener) {}

  /** With the phone's own key, or the code of the recovery sheet. */
  static of(way: Way, pass: { key: Uint8Array } | { code: string }, listener: Listener): Talk {
    const link = 'key' in pass ? Link.withKey(pass.key) : Link.withCode(pass.code);
    return new Talk(link, way, listener);
  }

  get isStanding(): boolean {
    return this.standing;
  }

  /** Connects, or waits for who does already, until the pile has said who it is. */
  connect(): Promise<void> {
    this.connecting ??= this.dial().finally(() => {
      this.connecting = undefined;
    });
    return this.connecting;
  }

  private async dial(): Promise<void> {
    if (this.standing) return;
    if (this.gone) throw new PipeError('gone');
    this.line?.end(undefined);
    const line: Line = new Line(this.link, (it) => this.happened(it), (error) => this.lost(line, error));
    this.line = line;
    const greeted = new Promise<void>((resolve, reject) => {
      this.greeted = { resolve, reject };
    });
    greeted.catch(() => undefined);
    const patience = setTimeout(() => line.end(new PipeError('out-of-range')), PATIENCE + 10_000);
    try {
      await line.open(this.way);
      await greeted;
    } catch (error) {
      line.end(undefined);
      throw error;
    } finally {
      clearTimeout(patience);
      this.greeted = undefined;
    }
  }

  private stand(standing: boolean): void {
    if (this.standing === standing) return;
    this.standing = standing;
    this.listener.standing?.(standing);
  }

  private lost(line: Line, error: PipeError): void {
    if (line !== this.line) return;
    this.stand(false);
    this.greeted?.reject(error);
    this.answered?.resolve('lost');
  }

  private happened(it: Happened): void {
    switch (it.kind) {
      case 'welcome':
        this.welcome = it.welcome;
        this.stand(true);
        this.greeted?.resolve();
        break;
      case 'notKnown':
        this.greeted?.reject(new TalkError({ kind: 'not-known' }));
        break;
      case 'busy':
        this.greeted?.reject(new TalkError({ kind: 'busy', seconds: it.seconds }));
        break;
      case 'answer':
        this.answered?.resolve(it.response);
        break;
      case 'notUnderstood':
        this.answered?.reject(new TalkError({ kind: 'newer' }));
        break;
      case 'notice':
        this.listener.notice?.(it.notice);
        break;
      case 'closed':
        this.stand(false);
        this.greeted?.reject(new TalkError({ kind: 'closed', why: it.why }));
        this.answered?.resolve('lost');
        break;
      default:
    }
  }

  /** Asks, over as many links as it takes; what the pile refuses is thrown. */
  async ask<K extends keyof Answers>(kind: K, request: Request): Promise<Answers[K]> {
    const response = await this.tryAsk(request);
    if (response === 'Done') {
      if (kind === 'Done') return true as Answers[K];
    } else if ('Refused' in response) {
      throw new TalkError({ kind: 'refused', why: response.Refused as Refusal });
    } else if (kind in response) {
      return (response as Answers)[kind];
    }
    throw new TalkError({ kind: 'odd' });
  }

  /** The same, and a refusal is an answer. One request at a time: the others wait. */
  tryAsk(request: Request): Promise<Response> {
    this.busy += 1;
    const mine = this.turn.then(() => this.say(request)).finally(() => {
      this.busy -= 1;
    });
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  get isBusy(): boolean {
    return this.busy > 0;
  }

  private async say(request: Request): Promise<Response> {
    if (!this.standing) await this.again(1);
    this.link.ask(request);
    let failed: unknown = new TalkError({ kind: 'no-answer' });
    for (let link = 0; link < TRIES && !this.gone; link += 1) {
      try {
        if (link > 0) await this.again(TRIES);
        const answer = new Promise<Response | 'lost'>((resolve, reject) => {
          this.answered = { resolve, reject };
        });
        const line = this.line;
        const patience = setTimeout(() => {
          line?.end(new PipeError('gone'));
          this.answered?.resolve('lost');
        }, PATIENCE);
        // It may have gone before anybody waited for its answer.
        if (!this.standing) this.answered?.resolve('lost');
        line?.turn();
        const response = await answer.finally(() => {
          clearTimeout(patience);
          this.answered = undefined;
        });
        if (response !== 'lost') return response;
      } catch (error) {
        failed = error;
        break;
      }
    }
    this.link.giveUp();
    throw failed;
  }

  private async again(tries: number): Promise<void> {
    for (let left = tries; ; left -= 1) {
      try {
        if (this.gone) throw new PipeError('gone');
        return await this.connect();
      } catch (error) {
        // Whom the pile does not know it will not know in a moment either.
        if (left <= 1 || this.gone || troubleOf(error).kind === 'not-known') throw error;
        await later(PAUSE);
      }
    }
  }

  async close(): Promise<void> {
    this.gone = true;
    await this.line?.bye();
    this.stand(false);
    this.greeted?.reject(new PipeError('gone'));
    this.answered?.resolve('lost');
    // Whoever comes next finds the way free.
    await this.connecting?.catch(() => undefined);
  }
}

/** What a phone keeps once it is bound. */
export interface Bound {
  phone: number;
  pile: number[];
  key: Uint8Array;
}

/** Becomes a phone of a pile by a card's code: `tap` is called when the card is to be tapped. */
export async function bind(way: Way, code: string, tap: () => void, signal: AbortSignal): Promise<Bound> {
  const link = Link.withCode(code);
  return new Promise<Bound>((resolve, reject) => {
    let tapping = false;
    let bound = false;
    const line: Line = new Line(
      link,
      (it) => {
        if (it.kind === 'tapTheCard') {
          tapping = true;
          tap();
        } else if (it.kind === 'bound') {
          const key = link.takeKey();
          bound = true;
          // Only then is the link free for the phone that it is now.
          void line.bye().finally(() => (key ? resolve({ phone: it.phone, pile: it.pile, key }) : reject(new TalkError({ kind: 'odd' }))));
        } else if (it.kind === 'busy') {
          reject(new TalkError({ kind: 'busy', seconds: it.seconds }));
        } else if (it.kind === 'notKnown') {
          reject(new TalkError({ kind: 'not-known' }));
        } else if (it.kind === 'closed' && !bound) {
          const untapped = tapping && it.why !== 'Bye';
          reject(new TalkError(untapped ? { kind: 'not-tapped' } : { kind: 'closed', why: it.why }));
        }
      },
      (error) => bound || reject(error),
    );
    signal.addEventListener('abort', () => {
      void line.bye();
      reject(new DOMException('stopped', 'AbortError'));
    });
    line.open(way).catch(reject);
  });
}
