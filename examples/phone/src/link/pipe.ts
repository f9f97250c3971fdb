// A pipe of bytes to a pile: Web Bluetooth, or the bench's socket.

/** Why there is no pipe, or none any more. */
export type NoPipe = 'unsupported' | 'off' | 'none-chosen' | 'not-allowed' | 'out-of-range' | 'not-a-pile' | 'turn-over' | 'gone';

export class PipeError extends Error {
  constructor(readonly why: NoPipe, readonly detail = '') {
    super(detail ? `${why}: ${detail}` : why);
  }
}

export interface Ears {
  bytes(bytes: Uint8Array): void;
  /** It is gone, and tells nothing more. */
  lost(error: PipeError): void;
}

export interface Pipe {
  /** The most bytes of one write. */
  readonly most: number;
  /** One after the other: a write waits for the one before. */
  write(bytes: Uint8Array): Promise<void>;
  close(): void;
}

/** A way to one pile. */
export interface Way {
  /** What is kept to find the pile again; the bench needs nothing. */
  readonly device?: string;
  /** Where it is given up meanwhile, the attempt ends at once. */
  open(ears: Ears, givenUp: AbortSignal): Promise<Pipe>;
}

/** Where a pile's bytes go in and come out. */
interface Layout {
  service: string;
  toPile: string;
  fromPile: string;
  /** Milliseconds that a portion takes on the wire behind it, which nothing else holds back. */
  pace: number;
}

/** A radio of the pile's own, the Nordic UART layout (`ble_protocol::advert`); and a module on a UART at 9600
 * baud, HM-10 or JDY-23 (`ble_protocol::module`). */
const LAYOUTS: readonly Layout[] = [
  { service: '6e400001-b5a3-f393-e0a9-e50e24dcca9e', toPile: '6e400002-b5a3-f393-e0a9-e50e24dcca9e', fromPile: '6e400003-b5a3-f393-e0a9-e50e24dcca9e', pace: 0 },
  { service: '0000ffe0-0000-1000-8000-00805f9b34fb', toPile: '0000ffe1-0000-1000-8000-00805f9b34fb', fromPile: '0000ffe1-0000-1000-8000-00805f9b34fb', pace: 25 },
];
/** What an attribute may hold without knowing the MTU: a browser does not tell it, and splits nothing. */
const PORTION = 20;
const CONNECT_WITHIN = 20_000;

const chosen = new Map<string, BluetoothDevice>();

class AirPipe implements Pipe {
  readonly most = PORTION;
  private over = false;

  constructor(
    private readonly device: BluetoothDevice,
    private readonly toPile: BluetoothRemoteGATTCharacteristic,
    private readonly pace: number,
    private readonly ears: Ears,
  ) {
    device.addEventListener('gattserverdisconnected', this.left);
  }

  private readonly left = (): void => {
    this.device.removeEventListener('gattserverdisconnected', this.left);
    if (!this.over) {
      this.over = true;
      this.ears.lost(new PipeError('out-of-range'));
    }
  };

  async write(bytes: Uint8Array): Promise<void> {
    const portion = bytes as Uint8Array<ArrayBuffer>;
    await (this.toPile.properties.writeWithoutResponse
      ? this.toPile.writeValueWithoutResponse(portion)
      : this.toPile.writeValueWithResponse(portion));
    if (this.pace > 0) await new Promise((resolve) => setTimeout(resolve, this.pace));
  }

  close(): void {
    this.over = true;
    this.device.gatt?.disconnect();
  }
}

class Air implements Way {
  constructor(private readonly known: BluetoothDevice) {}

  get device(): string {
    return this.known.id;
  }

  async open(ears: Ears, givenUp: AbortSignal): Promise<Pipe> {
    const gatt = this.known.gatt;
    if (!gatt) throw new PipeError('unsupported');
    let late: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<never>((_, reject) => {
      late = setTimeout(() => reject(new PipeError('out-of-range')), CONNECT_WITHIN);
      givenUp.addEventListener('abort', () => reject(new PipeError('gone')));
    });
    try {
      return await Promise.race([timeout, this.discover(gatt, ears)]);
    } catch (error) {
      gatt.disconnect();
      if (error instanceof PipeError) throw error;
      const name = (error as DOMException).name;
      throw new PipeError(name === 'NotFoundError' ? 'not-a-pile' : 'out-of-range', String(error));
    } finally {
      clearTimeout(late);
    }
  }

  private async discover(gatt: BluetoothRemoteGATTServer, ears: Ears): Promise<Pipe> {
    const server = await gatt.connect();
    const services = await server.getPrimaryServices();
    const layout = LAYOUTS.find((it) => services.some(({ uuid }) => uuid === it.service));
    const service = services.find(({ uuid }) => uuid === layout?.service);
    if (!layout || !service) throw new PipeError('not-a-pile');
    const toPile = await service.getCharacteristic(layout.toPile);
    const fromPile = layout.fromPile === layout.toPile ? toPile : await service.getCharacteristic(layout.fromPile);
    fromPile.addEventListener('characteristicvaluechanged', () => {
      const value = fromPile.value;
      if (value) ears.bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice());
    });
    await fromPile.startNotifications();
    return new AirPipe(this.known, toPile, layout.pace, ears);
  }
}

/** Lets the person choose a pile that is near. */
export async function choose(): Promise<Way> {
  const bluetooth = navigator.bluetooth;
  if (!bluetooth) throw new PipeError('unsupported');
  if (!(await bluetooth.getAvailability().catch(() => false))) throw new PipeError('off');
  try {
    const device = await bluetooth.requestDevice({ filters: LAYOUTS.map(({ service }) => ({ services: [service] })) });
    chosen.set(device.id, device);
    return new Air(device);
  } catch (error) {
    const { name } = error as DOMException;
    throw new PipeError(name === 'NotFoundError' || name === 'AbortError' ? 'none-chosen' : 'not-allowed', String(error));
  }
}

/** The way to a pile that was chosen before, where the browser still allows it without asking. */
export async function remembered(id: string | undefined): Promise<Way | undefined> {
  const bluetooth = navigator.bluetooth;
  if (!id || !bluetooth) return undefined;
  const here = chosen.get(id);
  if (here) return new Air(here);
  const known = (await bluetooth.getDevices?.().catch(() => [])) ?? [];
  const device = known.find((it) => it.id === id);
  if (!device) return undefined;
  chosen.set(id, device);
  return new Air(device);
}

const TURN_OVER = 4001;

/** The bench's pile, which hangs beside this phone on the screen. */
export class Local implements Way {
  constructor(private readonly who: string) {}

  open(ears: Ears, givenUp: AbortSignal): Promise<Pipe> {
    const url = new URL(`/pipe?who=${encodeURIComponent(this.who)}`, location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    givenUp.addEventListener('abort', () => socket.close());
    return new Promise((resolve, reject) => {
      let open = false;
      // It is let in when it is its turn, and the pile has power.
      const late = setTimeout(() => socket.close(), CONNECT_WITHIN + 5_000);
      socket.onopen = () => {
        open = true;
        clearTimeout(late);
        resolve({
          most: 512,
          write: async (bytes) => socket.send(bytes as Uint8Array<ArrayBuffer>),
          close: () => socket.close(),
        });
      };
      socket.onmessage = (event) => ears.bytes(new Uint8Array(event.data as ArrayBuffer));
      socket.onclose = (event) => {
        clearTimeout(late);
        const error = new PipeError(event.code === TURN_OVER ? 'turn-over' : 'gone');
        if (open) ears.lost(error);
        else reject(error);
      };
    });
  }
}
