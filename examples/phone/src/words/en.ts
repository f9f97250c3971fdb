// English.

import type { CodeFault, Fault, PortCondition, Refusal, StopReason } from '../link/messages';

/** What happened, and what to do. */
type Pair = readonly [string, string];
type Condition = Exclude<PortCondition, { Faulted: Fault }>;

export const en = {
  back: 'Back', close: 'Close', cancel: 'Cancel', save: 'Save', done: 'Done', yes: 'Yes', retry: 'Try again', more: 'More', loading: 'One moment…',
  tabs: 'Parts of the app', failed: ['The app cannot begin', 'Nothing is lost. Close its other windows, leave private browsing, and try again.'] as Pair,
  full_name: (bytes: number) => `There is no room for more: ${bytes} Latin letters, or ${bytes / 3} Chinese ones.`, undated: 'no date: the clock was not set',
  charge: 'Charge', history: 'History', me: 'Me', today: 'Today', people: 'Tenants', money: 'Money', pile: 'Pile',

  // Adding a pile.
  add_title: 'Add a pile',
  add_lead: 'The code on the back of your card makes this phone yours. Scan it, or type it.',
  add_scan: 'Scan the card', add_type: 'Type the code', add_code: 'Code on the card', add_code_hint: 'It begins with OP1:',
  add_go: 'Go on', add_bench: 'Choose a card on the bench and send its code here.',
  add_near: 'Stand near the pile', add_near_tenant: 'Your phone will look for it over Bluetooth. Choose it from the list.',
  add_look: 'Look for the pile', add_connecting: 'Connecting to the pile…',
  add_tap: 'Now tap the card at the pile', add_tap_lead: 'The tap proves that the card is yours, and not a photograph of it.',
  add_done: 'This phone is bound', add_done_tenant: 'You can charge with it from now on, on your card’s account.',
  add_done_landlord: 'It manages the pile from now on.', add_start: 'Begin',
  add_kind_tenant: 'A tenant’s card', add_kind_landlord: 'The landlord’s card',
  scan_title: 'Scan', scan_lead: 'Hold the code on the card into the frame.',
  scan_denied: 'The app may not use the camera. Allow it in the browser’s settings, or type the code.',
  scan_none: 'There is no camera here. Type the code.', scan_other: 'This is not the code of a card.',

  // The link.
  here: 'Connected', connecting: 'Connecting…', away: 'Out of reach', off: 'Not connected', connect: 'Connect', choose_again: 'Choose it from the list',
  seen: (when: string) => `Last seen ${when}`, offline: 'What you see was kept from last time.',
  revoked_title: 'This phone is not known any more',
  revoked_lead: 'It was revoked, or its card was reported lost. Bind it anew with a card, or ask the landlord.',

  // Ports.
  port: (n: number) => `Port ${n}`, free_ports: (n: number) => (n === 1 ? '1 port is free' : `${n} ports are free`),
  none_free: 'No port is free', ports_then: 'The ports as they were last seen', price_now: 'Price now', a_kwh: 'a kWh', electricity: 'electricity', service: 'service', no_price: 'The landlord has set no prices yet.',
  start: 'Start', stop: 'Stop', stopping: 'Stopping…', starting: 'Starting…', mine: 'yours', taken: 'taken',
  start_title: (n: number) => `Charge at port ${n}`, until: 'Until', until_full: 'full', until_time: 'a time', until_energy: 'an energy', until_cost: 'an amount',
  hours: (n: number) => `${n} h`, plug: 'Plug the bike in within two minutes.', started: (n: number) => `Port ${n} is on. Plug the bike in.`,
  power: 'Power', energy: 'Energy', cost: 'Cost so far', since: (t: string) => `since ${t}`, latest: (t: string, at: string) => `ends by itself, at ${at} at the latest (in ${t})`,
  no_end: 'ends when it is full',
  stop_sure: 'Stop charging?', power_curve: 'Power over the last minutes',
  condition: {
    Idle: 'Free', Finished: 'Free, a bike may still stand there', Opening: 'Switching on', Starting: 'Waiting for the bike',
    Charging: 'Charging', Full: 'Full', Stopping: 'Stopping', Disabled: 'Out of service',
  } satisfies Record<Condition, string>,
  fault: {
    Overload: 'Overload', OverTemperature: 'Too hot', Leakage: 'Leakage current', FuseBlown: 'Fuse blown',
    RelayWelded: 'The relay does not open', MeterLost: 'The meter does not answer',
  } satisfies Record<Fault, string>,
  reason: {
    Full: 'full', Unplugged: 'unplugged', ByCard: 'stopped by card', ByPhone: 'stopped by phone', ByLandlord: 'stopped by the landlord',
    TimeLimit: 'time reached', EnergyLimit: 'energy reached', CostLimit: 'amount reached', Overload: 'overload', OverTemperature: 'too hot',
    Leakage: 'leakage current', NoLoad: 'nothing was plugged in', MeterLost: 'the meter failed', PowerLost: 'power cut', Revoked: 'card revoked',
    Firmware: 'fault of the relay', PowerBudget: 'not enough power in the house', FuseBlown: 'fuse blown',
  } satisfies Record<StopReason, string>,

  // Bills.
  no_history: 'Nothing charged yet', no_history_lead: 'What you charge stands here, with its bill.',
  sessions: (n: number) => (n === 1 ? '1 session' : `${n} sessions`),
  ended_title: 'Charged', ended_show: 'Show the bill',
  bill: 'Bill', bill_no: (n: number) => `Session ${n}`, total: 'Total', began: 'Began', ended: 'Ended', why_ended: 'Why', meter: 'Meter', meter_from_to: (a: string, b: string) => `${a} to ${b}`,
  arithmetic: 'How it is worked out', band: 'Price', rounding: 'The sum is cut off at the smallest coin, in your favour, once.',
  clock_set: 'The pile’s clock was set while this ran.',
  verify: 'Verify', verify_again: 'Verify again', other_figures: 'The pile says other figures now than those it signed. Keep the receipt, and show it to the landlord.', verifying: 'Asking the pile for its signature…', verified: 'Verified', verified_lead: 'The pile signed exactly these figures; this phone has checked the signature.',
  unverified: 'Not verified yet', unverified_lead: 'Verify it while you are near the pile. It needs no internet.',
  not_signed: 'The pile signs no receipts', wrong_figures: 'Do not trust this bill', wrong_figures_lead: 'Its records do not add up, or the signature is not under them. Show this to the landlord.',
  other_key: 'The pile signed with another key than before. Show this to the landlord.',
  share: 'Share as a file', shared: 'The receipt was saved.',

  // Me.
  open_amount: 'Not settled yet', settled: 'Settled', card: 'Card',
  phones: 'Phones', this_phone: 'this phone', bound_on: (d: string) => `since ${d}`, revoke: 'Revoke', revoked: 'revoked',
  revoke_sure: 'This phone will open nothing any more.', revoke_self: 'You would lock out the phone in your hand.',
  lost: 'My card is lost', lost_lead: 'Your card and all your phones stop working at once. The landlord gives you the next card; your account stays as it is.', lost_do: 'Report it lost',
  settings: 'Settings', language: 'Language', theme: 'Look', theme_auto: 'as the phone', theme_light: 'light', theme_dark: 'dark',
  piles: 'Piles', add_pile: 'Add a pile', forget: 'Remove from this phone', forget_sure: 'The phone’s key and its bills are deleted here. The pile keeps its ledger.',
  export_data: 'Save my data', export_lead: 'Bills, receipts and lists of this phone as one file, without keys.',

  // Landlord: today.
  all_well: 'All is well', faults: (n: number) => (n === 1 ? '1 fault' : `${n} faults`), charging_n: (n: number) => (n === 1 ? '1 bike charges' : `${n} bikes charge`),
  open_amounts: 'Not settled', unpaid: 'Waiting for payment', days_left: 'Ledger', days: (n: number) => (n > 3650 ? 'more than ten years left' : `${n.toLocaleString('en')} days left`), ledger_soon: 'Settle, mark as paid and export soon.',
  clear: 'Clear the fault', clear_sure: 'Look at the port first. Is the reason gone?', out_of_service: 'Out of service', in_service: 'In service',
  tried: 'Refused cards', tried_line: (card: number, n: number) => `Card ${card}: ${n} times`, tried_what: { TooWeak: 'a copy, or a card without a key', WrongKey: 'does not have this house’s key', Revoked: 'was revoked' },
  stop_port_sure: (n: number) => `Stop charging at port ${n}? The bill is made of what was drawn so far.`,

  // Landlord: tenants.
  account: (n: number) => `Account ${n}`, no_people: 'No tenants yet', no_people_lead: 'Authorise a card: the first tap of it makes an account.',
  authorise: 'Authorise a card', authorise_lead: 'Tap the new card at the pile now.', authorised: (n: number) => `The card is authorised: account ${n}`,
  authorise_weak: 'It is a card without a key', window_over: ['The time is over', 'No card was tapped. Begin again, and tap the card while the time runs.'] as Pair, seconds_left: (n: number) => `${n} s`,
  name: 'Name', rename: 'Rename', plan: 'Price plan', plan_n: (n: number) => (n === 0 ? 'Standard' : `Plan ${n}`), listed: 'Card without a key allowed', cards: 'Cards',
  card_n: (n: number, alias: string) => `Card ${n} · ${alias}`, key_card: 'with a key', uid_card: 'number only',
  replace: 'Replace the card', replace_lead: 'The old card stops working at once. Tap the next one at the pile now; the account stays.',
  report_lost: 'Block: the card is lost', report_lost_sure: 'The account’s cards and phones stop working at once.',
  deregister: 'Close the account', deregister_sure: 'The cards stop working, what is open is settled, and the account is closed for good.', closed_account: 'closed',
  deregistered: (amount: string) => `Closed. The last bill: ${amount}`, deregistered_nothing: 'Closed. Nothing was owed.', running_now: 'charges now',

  // Landlord: money.
  settle: 'Settle', settle_sure: (who: string, amount: string) => `Freeze ${who}’s reading and bill ${amount}?`, settled_ok: (amount: string) => `Settled: ${amount}`,
  mark_paid: 'Paid', mark_paid_title: 'Mark as paid', reference: 'Note', reference_hint: 'Cash, transfer, date…', nothing_open: 'Nothing is open', nothing_open_lead: 'What tenants draw stands here until you settle it.',
  settlement: (n: number) => `Settlement ${n}`, waiting_payment: 'Waiting for payment', statements: 'Statements', statement_of: (who: string) => `Statement: ${who}`,
  export_csv: 'CSV', csv_head: ['session', 'account', 'name', 'port', 'opened', 'closed', 'reason', 'kwh', 'electricity', 'service', 'total', 'currency'], statement_file: 'statement',
  not_all_signed: 'Not all of them are signed', paid: 'Paid lately', paid_on: (when: string, note: string) => `Paid ${when}${note ? `: ${note}` : ''}.`, export_ocmf: 'Signed receipts', signed_of: (n: number, of: number) => `Signed: ${n} of ${of}`, print: 'Print', all_piles: 'All piles', period: 'Period', since_settled: 'Since the last settlement', opening: 'Opening reading', closing: 'Closing reading',

  // Landlord: the pile.
  tariff: 'Prices', tariff_lead: 'Paint the day with your prices. Each half-hour has one.', band_name: 'Name', band_energy: 'Electricity', band_service: 'Service', band_add: 'Add a price', band_remove: 'Remove',
  tariff_gap: 'Some half-hours have no price. Paint them.', tariff_names: 'Each price needs a name of its own: 1 to 12 Latin letters or digits, without a space.', tariff_numbers: 'Write prices such as 0.60, a kWh, of at most 1000.',
  tariff_currency: 'The currency has three letters, such as CNY or EUR.', tariff_place: 'Where the pile stands', tariff_money: 'Currency', tariff_clock: 'Local time', discard: 'Discard the changes', tariff_unused: (n: string) => `“${n}” is painted nowhere.`,
  tariff_saved: 'The new prices hold from now on. Running sessions change at once; what was drawn stays as it was.', unknown_band: 'While the clock is not known', from_to: 'From, to', paint: (n: string) => `Paint ${n}`,
  policy: 'Cards without a key', policy_lead: 'Cheap cards are known by a number that anybody can copy.', policy_Nobody: 'refused', policy_Listed: 'only of listed tenants', policy_All: 'allowed', policy_sure: 'Cards without a key, your own included, may be refused from now on.',
  ports: 'Ports', diagnostics: 'For the engineer', firmware: 'Firmware', records: 'Records', temperature: 'Inside', reader: 'Card reader', works: 'works', silent: 'does not answer', clock: 'Clock', failed_handshakes: 'Refused links', uptime: 'Running for',
  ledger: 'Ledger', ledger_lead: 'Every record is chained to the one before. This phone fetches all of them, checks the chain, and adds everything up as the pile does.', ledger_fetch: 'Verify and keep a copy', ledger_progress: (n: number, of: number) => `Record ${n.toLocaleString('en')} of ${of.toLocaleString('en')}`,
  ledger_ok: 'The ledger is whole', ledger_ok_lead: (n: number, head: string) => `${n.toLocaleString('en')} records, and every sum comes out. The chain ends with ${head}.`, ledger_continues: (when: string) => `It continues what this phone verified on ${when}: nothing of that was changed.`,
  ledger_gap: (when: string) => `What this phone verified on ${when} is not among these records any more: the pile has dropped it after an export. Whether it was changed before, this phone cannot tell; compare with the copy you saved.`, ledger_from_here: 'Go on from here',
  ledger_why: {
    other: 'it is another ledger than this phone verified before', broken: (n: number) => `the chain breaks before record ${n}`,
    altered: (n: number) => `up to record ${n} it was verified before, and is not the same any more`, shorter: (n: number, of: number) => `it ends with record ${n}, and was verified up to ${of} before`,
    wrong: (why: string) => `a record cannot be (${why})`,
  },
  ledger_bad: 'The ledger is not as it was written', ledger_bad_lead: (why: string) => `Keep the pile as it is, and call whoever looks after it. What was found: ${why}.`, ledger_save: 'Save the copy', ledger_confirm: 'It is in safe hands', ledger_confirm_lead: 'The pile may then drop what is settled and paid of these records, when it needs the room.',
  phone_of: (n: number) => `account ${n}`, phone_landlord: 'landlord', phone_n: (n: number) => `Phone ${n}`,
  saved: 'Saved',

  // Errors: what happened, and what to do.
  pipe: {
    unsupported: ['This browser has no Bluetooth', 'Open the app in Chrome on Android, or on a computer.'],
    off: ['Bluetooth is off', 'Switch it on in the phone’s settings, and try again.'],
    'none-chosen': ['No pile was chosen', 'Stand near it and try again; choose it from the list.'],
    'out-of-range': ['The pile is out of reach', 'Come closer, within a few steps of it, and try again.'],
    'not-a-pile': ['This device is not a pile', 'Choose another one from the list.'],
    'turn-over': ['Another phone has the pile’s link', 'It will be this phone’s turn in a moment.'],
    gone: ['The link was lost', 'The pile may be without power, or serve another phone. Try again in a moment.'],
  } as Record<string, Pair>,
  closed: ['The pile ended the link', 'Try again.'] as Pair,
  version: ['Phone and pile are of different age', 'Update this app, or the pile’s firmware.'] as Pair,
  not_known: ['The pile does not know this phone or code', 'If it is the right card and the right pile, it may have been revoked: ask the landlord.'] as Pair,
  not_tapped: ['No tap of this card came', 'Try again, and tap the very card whose code you scanned, within a minute.'] as Pair,
  busy: (s: number) => ['The pile lets strangers wait', `Too many attempts failed. Try again in ${s} s.`] as Pair,
  no_answer: ['The pile did not answer', 'Look at the pile: it may have done what you asked. Then try again.'] as Pair,
  newer: ['The pile is newer than this app', 'Update the app. What you asked for may be done.'] as Pair,
  odd: ['The pile answered something else', 'Try again. If it stays so, tell the landlord the firmware’s number.'] as Pair,
  other_pile: ['That pile does not know this phone', 'It may be another pile: choose this one from the list. If it is the right one, this phone was revoked: bind it anew with a card.'] as Pair,
  code_wrong: (why: CodeFault, group = 0) => ({
    foreign: ['This is not a card’s code', 'A card’s code begins with OP1:'], version: ['The code is of a newer kind', 'Update the app, and try again.'],
    symbol: ['A character cannot be right', `Look at group ${group} after OP1: again.`], length: ['The code is not complete, or too long', 'Type all of it, from OP1: on.'],
    checksum: ['There is a typing error in the code', 'Compare it with the card, group by group.'], role: ['The app does not know this kind of card', 'Update the app, and try again.'],
  } as Record<CodeFault, Pair>)[why],
  unexpected: (text: string) => ['Something went wrong in the app', text] as Pair,
  recover: 'Lost privilege card', recover_lead: 'Type the next unused code of the recovery sheet. Then a new privilege card is tapped at the pile.', recover_tap: 'Tap the new privilege card at the pile now', recover_done: 'It is the privilege card now. Bind this phone with its code.',
  refused: {
    NotCommissioned: ['The pile has no landlord yet', 'Bind a phone with the privilege card first.'],
    AlreadyCommissioned: ['The pile has a landlord already', 'Use the card that claimed it, or the recovery sheet.'],
    UnknownCard: ['The pile does not know this card', 'The landlord authorises it.'],
    RevokedCard: ['This card was revoked', 'Ask the landlord for another one.'],
    TooWeak: ['Cards without a key may not charge here', 'Ask the landlord for a card with a key.'],
    WrongKey: ['The card does not have this house’s key', 'Ask the landlord for a card of this house.'],
    CardWaits: ['This card was refused a moment ago', 'Wait a little, then tap again.'],
    RandomNumber: ['This card has a new number each time', 'Use another card.'],
    HoldStill: ['The card was taken away too soon', 'Hold it still for a second.'],
    AlreadyAuthorised: ['The card is authorised already', 'Use another card, or look at its account.'],
    OneCard: ['There was more than one card', 'Tap one card only.'],
    Busy: ['The pile is busy', 'Wait a moment and try again.'],
    PortTaken: ['Somebody else has this port', 'Choose a free one.'],
    PortFaulted: ['This port has a fault', 'Choose another one. The landlord clears it.'],
    PortDisabled: ['This port is out of service', 'Choose another one.'],
    NoMeter: ['The port’s meter does not answer', 'Choose another port, and tell the landlord.'],
    NoPort: ['No port is free', 'Wait until a bike is full.'],
    WhichPort: ['Several bikes of yours charge', 'Stop the one you mean in the list.'],
    NoCard: ['No card was tapped', 'Tap your card first.'],
    NoPower: ['The house has no power to spare', 'Wait until another bike is full.'],
    NoTariff: ['There are no prices yet', 'The landlord sets them, under Pile.'],
    LedgerFull: ['The pile’s ledger is full', 'The landlord settles, marks as paid and exports.'],
    LedgerFailed: ['The pile’s ledger cannot be written', 'Do not charge; call the landlord.'],
    LedgerRefused: ['The pile’s ledger is damaged', 'The landlord exports it before a new one is begun.'],
    EvidenceFirst: ['The damaged ledger must be kept first', 'Export it, and confirm that.'],
    Full: ['There is no room for another one', 'Close accounts that are not used any more.'],
    NoSuchThing: ['It is not there any more', 'Look at the list again.'],
    AccountClosed: ['This account is closed', 'Ask the landlord for a new card.'],
    NothingOwed: ['There is nothing to settle', 'Settle once something was charged.'],
    TooHot: ['The pile is too hot', 'Wait until it has cooled down.'],
    StillFaulty: ['Power flows although the relay is open', 'Switch the port off at the fuse and call an electrician.'],
    OtherCurrency: ['There are bills in another currency', 'Settle every account first.'],
    NotAllowed: ['This phone may not do that', 'The landlord’s phone may.'],
    NotYours: ['It belongs to another account', 'Ask the landlord.'],
    UnknownRequest: ['The pile is older than this app', 'Ask the landlord to update it.'],
    Unreadable: ['The pile could not read that', 'Update the app, and try again.'],
    TooOld: ['The request came too late', 'Try again.'],
    OutOfTurn: ['Something else was settled meanwhile', 'Look again before you settle.'],
    NotHere: ['The pile has dropped these records', 'They are in the landlord’s export.'],
    NoPlaceForPhones: ['The pile knows too many phones', 'Revoke one that is not used any more.'],
    NoReceiptKey: ['The pile has no key to sign with', 'The landlord makes the signed receipt.'],
    TooManyPrices: ['The session has too many prices for the pile', 'The landlord makes the signed receipt.'],
  } satisfies Record<Refusal, Pair>,
};

export type Words = typeof en;
