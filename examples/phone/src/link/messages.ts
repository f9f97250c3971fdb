// What phone and pile say to each other: the objects that the WebAssembly module makes of the Rust
// types of the same names in `ble_protocol::message`. Energy is in milliwatt-hours, power in milliwatts,
// money in millionths of the currency, time in seconds since 1970, a duration in milliseconds.

export type ClockQuality = 'Unknown' | 'Informative' | 'Synchronised' | 'Relative';
export interface WallTime { unix: number; quality: ClockQuality }
/** The three letters, as bytes. */
export type CurrencyBytes = [number, number, number];

export type Fault = 'Overload' | 'OverTemperature' | 'Leakage' | 'FuseBlown' | 'RelayWelded' | 'MeterLost';
export type StopReason =
  | 'Full' | 'Unplugged' | 'ByCard' | 'ByPhone' | 'ByLandlord' | 'TimeLimit' | 'EnergyLimit' | 'CostLimit'
  | 'Overload' | 'OverTemperature' | 'Leakage' | 'NoLoad' | 'MeterLost' | 'PowerLost' | 'Revoked'
  | 'Firmware' | 'PowerBudget' | 'FuseBlown';
export type Refusal =
  | 'NotCommissioned' | 'AlreadyCommissioned' | 'UnknownCard' | 'RevokedCard' | 'TooWeak' | 'WrongKey'
  | 'CardWaits' | 'RandomNumber' | 'HoldStill' | 'AlreadyAuthorised' | 'OneCard' | 'Busy' | 'PortTaken'
  | 'PortFaulted' | 'PortDisabled' | 'NoMeter' | 'NoPort' | 'WhichPort' | 'NoCard' | 'NoPower' | 'NoTariff'
  | 'LedgerFull' | 'LedgerFailed' | 'LedgerRefused' | 'EvidenceFirst' | 'Full' | 'NoSuchThing'
  | 'AccountClosed' | 'NothingOwed' | 'TooHot' | 'StillFaulty' | 'OtherCurrency' | 'NotAllowed' | 'NotYours'
  | 'UnknownRequest' | 'Unreadable' | 'TooOld' | 'OutOfTurn' | 'NotHere' | 'NoPlaceForPhones'
  | 'NoReceiptKey' | 'TooManyPrices';
export type Role = 'Card' | 'Tenant' | 'Landlord' | 'Recovery';
export type UidOnly = 'Nobody' | 'All' | 'Listed';

export interface Welcome {
  version: number; pile?: number[]; name: string; ports: number; firmware: string; capabilities: number;
  now: WallTime; role: Role; phone?: number; account?: number; last_request: number;
}
export interface PriceNow { band: string; energy: number; service: number }
export interface Running {
  session: number; account: number; since: WallTime; power: number; energy: number; cost: number; price: PriceNow;
}
export type PortCondition =
  | 'Idle' | 'Finished' | 'Opening' | 'Starting' | 'Charging' | 'Full' | 'Stopping' | 'Disabled'
  | { Faulted: Fault };
/** `port` counts from 0; what is printed at the pile counts from 1. */
export interface PortView {
  port: number; condition: PortCondition; mine: boolean; seconds_left?: number; running?: Running;
  /** When the session ends at the latest, in milliseconds since 1970: the phone's own reckoning. */
  ends?: number;
}
export interface PortPage { price?: PriceNow; currency: CurrencyBytes; ports: PortView[]; more: boolean }
export interface Bill { energy_fee: number; service_fee: number; total: number }
export interface ClosedSession {
  session: number; account: number; credential: number; strength: string; port: number; opened: WallTime;
  closed: WallTime; reason: StopReason; energy: number; reading: number; segments: number;
  currency: CurrencyBytes; bill: Bill; page: number;
}
export interface Segment {
  session: number; account: number; index: number; tariff: number; band: string; from: WallTime; to: WallTime;
  energy: number; energy_price: number; service_price: number; energy_micro: number; service_micro: number;
}
export interface ReceiptPage {
  session: ClosedSession; alias: number[]; clock_set: boolean; utc_offset: number; segments: Segment[]; more: boolean;
}
export interface Signature { session: number; clock_in_doubt: boolean; utc_offset: number }
export interface Account {
  id: number; active: boolean; plan: number; listed: boolean; sessions: number; energy: number;
  energy_fee: number; service_fee: number; settled_energy: number; settled: number; settled_sessions: number;
  settled_through: number;
}
export interface AccountView { account: Account; name?: string; running: number }
export interface Settlement {
  id: number; account: number; at: WallTime; opening: number; closing: number; sessions: number; amount: number;
}
export interface SettlementPage { next: number; currency: CurrencyBytes; settlements: Settlement[]; more: boolean }
export interface Totals {
  sessions: number; opening: number; closing: number; energy: number; energy_fee: number; service_fee: number;
  amount: number;
}
export type Period = 'Open' | { Settlement: number } | { Between: { from: number; to: number } };
export interface StatementPage {
  totals: Totals; currency: CurrencyBytes; settlement?: Settlement; paid?: [WallTime, string];
  sessions: ClosedSession[]; more: boolean;
}
export interface PhoneView {
  phone: number; credential: number; account?: number; bound: WallTime; revoked: boolean; this: boolean;
}
export interface Credential {
  id: number; role: 'Privilege' | { Charging: number }; strength: 'UidOnly' | 'MutualAes'; alias: number[]; revoked: boolean;
}
export interface Band { name: string; energy: number; service: number }
/** `slots` holds the bands of the 48 half-hours, two a byte, the earlier in the low half. */
export interface Tariff {
  currency: CurrencyBytes; utc_offset: number; bands: Band[]; unknown_time_band: number; slots: number[];
}
export interface TariffInForce { plan: number; version: number; tariff: Tariff }
export interface PortDiagnosis {
  port: number; register: number; unattributed: number; power: number; voltage?: number; current?: number;
  meter: boolean; enabled: boolean; fault?: Fault;
}
export interface Diagnostics {
  now: WallTime; uptime: number; last_record: number; exported: number; sessions_left: number; facts_left: number;
  days_left?: number; temperature?: number; reader: boolean; unseen_attempts: number; phones: number;
  failed_handshakes: number; bad_frames: number; ports: PortDiagnosis[];
}
export interface Attempts { credential: number; count: number; what: 'TooWeak' | 'WrongKey' | 'Revoked'; last: WallTime }

export interface ExportCursor { seq: number; place: number }
export interface ExportChunk { seq: number; next: ExportCursor; done: boolean }

export type UpTo = 'Full' | { Time: number } | { Energy: number } | { Cost: number };

export type Request =
  | { Ports: { from: number } } | 'TariffNow' | { Start: { port: number; up_to: UpTo } }
  | { Stop: { session: number } } | { Sessions: { account?: number; before?: number; count: number } }
  | { Receipt: { session: number; from: number } } | { SignReceipt: { session: number } }
  | { Statement: { account?: number; period: Period; skip: number } } | 'MyAccount'
  | { MyPhones: { from: number } } | { RevokeMyPhone: { phone: number } } | 'ReportLost'
  | { Accounts: { from: number } } | { Cards: { from: number } } | { Phones: { from: number } }
  | { RevokePhone: { phone: number } } | 'Authorise' | 'AuthoriseListed'
  | { Replace: { account: number; card: number } } | { ReportLostOf: { account: number } }
  | { RevokeCard: { credential: number } } | { Deregister: { account: number } }
  | { Rename: { account: number; name: string } } | 'Policy' | { SetPolicy: { uid_only: UidOnly } }
  | { ListAccount: { account: number; listed: boolean } } | { Tariffs: { from: number } }
  | { SetTariff: { plan: number; tariff: Tariff } } | { AssignPlan: { account: number; plan: number } }
  | { Settle: { account: number; number: number } } | { Settlements: { from: number } }
  | { MarkPaid: { settlement: number; reference: string } }
  | { ClearFault: { port: number; fault: Fault } } | { StopPort: { port: number; session: number } }
  | { SwitchPort: { port: number; enabled: boolean } } | { SetClock: { now: WallTime } } | 'Diagnostics'
  | { Tried: { from: number } } | { ExportFrom: { cursor: ExportCursor } } | { ConfirmExport: { through: number } } | 'Recover';

/** What a pile answers, by its name; `Done` carries nothing. */
export interface Answers {
  Done: true;
  Welcome: Welcome;
  Ports: PortPage;
  Tariff: { tariff: TariffInForce; price: PriceNow; seconds_to_change?: number };
  Started: { session: number; port: number };
  Sessions: { sessions: ClosedSession[]; more: boolean };
  Receipt: ReceiptPage;
  Signature: Signature;
  Statement: StatementPage;
  Account: AccountView;
  Phones: { phones: PhoneView[]; more: boolean };
  Accounts: { accounts: AccountView[]; more: boolean };
  Cards: { cards: Credential[]; more: boolean };
  Window: { seconds: number };
  Policy: UidOnly;
  Tariffs: { tariffs: TariffInForce[]; more: boolean };
  Settled: Settlement;
  Settlements: SettlementPage;
  Diagnostics: Diagnostics;
  Tried: { cards: Attempts[]; more: boolean };
  Export: ExportChunk;
}
export type Response = 'Done' | { Refused: Refusal } | { [K in keyof Answers]?: Answers[K] };

export type Notice =
  | { PortChanged: PortView }
  | { SessionOpened: { session: number; account: number; port: number; at: WallTime } }
  | { Reading: { session: number; port: number; power: number; energy: number; cost: number } }
  | { SessionClosed: ClosedSession }
  | { FaultLatched: { port: number; fault: Fault } }
  | { FaultCleared: { port: number } }
  | { TariffChanged: { plan: number; version: number } }
  | { LedgerFilling: { days: number } }
  | { CardsTried: { credential: number; count: number } }
  | { CardAuthorised: Credential }
  | 'WindowClosed'
  | { PhoneBound: PhoneView };

export type Happened =
  | { kind: 'tapTheCard' } | { kind: 'notKnown' } | { kind: 'busy'; seconds: number }
  | { kind: 'welcome'; welcome: Welcome } | { kind: 'bound'; phone: number; pile: number[] }
  | { kind: 'answer'; id: number; response: Response } | { kind: 'notUnderstood'; id: number }
  | { kind: 'notice'; notice: Notice } | { kind: 'closed'; why: string };

export type Code =
  | { kind: 'charging' } | { kind: 'privilege' } | { kind: 'recovery'; number: number } | { kind: 'wrong'; why: CodeFault; group?: number };
export type CodeFault = 'foreign' | 'version' | 'symbol' | 'length' | 'checksum' | 'role';

/** What a ledger is when it is whole, and where it is not. */
export interface WholeLedger { identity: string; through: number; seq: number; head: string; continues?: boolean }
export type BadLedger =
  | { kind: 'other' } | { kind: 'broken'; seq: number } | { kind: 'altered'; seq: number }
  | { kind: 'shorter'; seq: number; of: number } | { kind: 'wrong'; why: string };

export const hex = (bytes: readonly number[] = []): string =>
  bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
export const currencyOf = (bytes: CurrencyBytes): string => String.fromCharCode(...bytes);
