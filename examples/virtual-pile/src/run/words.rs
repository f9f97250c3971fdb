//! Steps and what the pile says, in words for a person and in names for a script.

use pile_controller::{Indicator, Outcome, Signal};
use pile_units::UidOnly;

use crate::scenario::{Action, Command, Cut};

/// `00:00:05.200`.
pub(crate) fn time(millis: u64) -> String {
    let (seconds, rest) = (millis / 1000, millis % 1000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{rest:03}", seconds % 60)
}

/// Who does it, and what.
pub(super) fn action(action: &Action) -> (&'static str, String) {
    match action {
        Action::Tap(card) => ("person", format!("taps the card \"{card}\"")),
        Action::Press(port) => ("person", format!("presses the button of port {port}")),
        Action::Plug(bike) => (
            "person",
            format!(
                "plugs a bike in at port {}: {} until it has {}, then {}",
                bike.port, bike.power, bike.energy, bike.float
            ),
        ),
        Action::Unplug(port) => ("person", format!("pulls the plug of port {port}")),
        Action::Load(port, power) => ("person", format!("makes port {port} draw {power}")),
        Action::Cut(Cut::Sudden) => ("supply", "fails".to_owned()),
        Action::Cut(Cut::Warned) => ("supply", "warns, and fails".to_owned()),
        Action::Cut(Cut::InFlash) => (
            "supply",
            "will fail inside the next flash operation".to_owned(),
        ),
        Action::Restore => ("supply", "comes back".to_owned()),
        Action::SetClock(unix) => (
            "owner",
            format!("sets the clock to {} s since 1970", unix.get()),
        ),
        Action::SetTariff(_) => ("owner", "sets a tariff".to_owned()),
        Action::Heat(temperature) => {
            let tenths = temperature.decicelsius();
            ("world", format!("the pile is at {} C", tenths / 10))
        }
        Action::Trip(port, fault) => ("world", format!("port {port} trips: {}", fault.name())),
        Action::Weld(port) => ("world", format!("the relay of port {port} sticks")),
        Action::Unweld(port) => ("world", format!("the relay of port {port} comes loose")),
        Action::MeterDead(port) => ("world", format!("the meter of port {port} falls silent")),
        Action::MeterBack(port) => ("world", format!("the meter of port {port} is back")),
        Action::ReaderHang => ("world", "the card reader hangs".to_owned()),
        Action::ReaderDead => ("world", "the card reader dies".to_owned()),
        Action::ReaderBack => ("world", "the card reader is back".to_owned()),
        Action::DamageLedger => ("world", "two bytes of the ledger are damaged".to_owned()),
        Action::Command(command) => ("owner", wish(command)),
    }
}

fn wish(command: &Command) -> String {
    match command {
        Command::Authorise => "opens the window for a new card".to_owned(),
        Command::Replace(card) => format!("replaces the lost card \"{card}\""),
        Command::ReportLost(card) => format!("reports the card \"{card}\" lost"),
        Command::Revoke(card) => format!("revokes the card \"{card}\""),
        Command::Deregister(card) => format!("closes the account of \"{card}\""),
        Command::Settle(card) => format!("settles the account of \"{card}\""),
        Command::MarkPaid(card) => format!("notes that \"{card}\" has paid"),
        Command::AllowUidOnly(UidOnly::All) => {
            "allows all cards that only announce a number".to_owned()
        }
        Command::AllowUidOnly(UidOnly::Listed) => {
            "allows cards that only announce a number to listed accounts".to_owned()
        }
        Command::AllowUidOnly(UidOnly::Nobody) => {
            "forbids cards that only announce a number".to_owned()
        }
        Command::List(card, true) => format!("lists the account of \"{card}\""),
        Command::List(card, false) => format!("takes the account of \"{card}\" off the list"),
        Command::AuthoriseListed => "opens the window for a card to be listed".to_owned(),
        Command::Calibrate(port, trim) => format!(
            "corrects the meter of port {port} by {} ppm of power, {} of voltage, {} of current",
            trim.power_ppm(),
            trim.voltage_ppm(),
            trim.current_ppm()
        ),
        Command::SetLimits(_) => "sets the limits".to_owned(),
        Command::SetTariff(plan, _) => format!("sets the tariff of plan {plan}"),
        Command::PlanTariff(plan, from, _) => {
            format!(
                "plans a tariff for plan {plan} from {} s since 1970",
                from.get()
            )
        }
        Command::AssignPlan(card, plan) => format!("puts \"{card}\" on plan {plan}"),
        Command::ConfirmExport => "has exported the ledger".to_owned(),
        Command::ConfirmEvidence => "has exported the damaged ledger".to_owned(),
        Command::ClearFault(port) => format!("clears the fault of port {port}"),
        Command::Stop(port) => format!("stops port {port}"),
        Command::Switch(port, true) => format!("puts port {port} back into service"),
        Command::Switch(port, false) => format!("takes port {port} out of service"),
    }
}

/// The name of a signal in a script; a refusal has its own.
pub(crate) fn signal(signal: Signal) -> &'static str {
    match signal {
        Signal::Commissioned => "commissioned",
        Signal::ChoosePort => "choose_port",
        Signal::Started(_) => "started",
        Signal::Stopped(_) => "stopped",
        Signal::TapNewCard => "tap_new_card",
        Signal::Authorised => "authorised",
        Signal::WindowClosed => "window_closed",
        Signal::FaultCleared(_) => "fault_cleared",
        Signal::Hot => "hot",
        Signal::LedgerFilling(_) => "ledger_filling",
        Signal::CardsTried(..) => "cards_tried",
        Signal::PhoneBound => "phone_bound",
        Signal::LedgerRefused => "ledger_refused",
        Signal::PressToBeginAnew => "press_to_begin_anew",
        Signal::TapToBeginAnew => "tap_to_begin_anew",
        Signal::Refused(why) => why.name(),
    }
}

/// The port that a signal is about.
pub(crate) const fn signal_port(signal: Signal) -> Option<u8> {
    match signal {
        Signal::Started(port) | Signal::Stopped(port) | Signal::FaultCleared(port) => {
            Some(port.number())
        }
        _ => None,
    }
}

/// What a signal says to a person.
pub(crate) fn signal_text(signal: Signal) -> String {
    match signal {
        Signal::Commissioned => "says: the pile is yours".to_owned(),
        Signal::ChoosePort => "says: choose a port by its button".to_owned(),
        Signal::Started(port) => format!("says: port {port} starts"),
        Signal::Stopped(port) => format!("says: port {port} stops"),
        Signal::TapNewCard => "says: tap the new card now".to_owned(),
        Signal::Authorised => "says: the new card is authorised".to_owned(),
        Signal::WindowClosed => "says: the time for a new card is over".to_owned(),
        Signal::FaultCleared(port) => format!("says: the fault of port {port} is cleared"),
        Signal::Hot => "says: it is hot in here".to_owned(),
        Signal::LedgerFilling(days) => {
            format!("says: room for new sessions lasts {days} days: settle and export")
        }
        Signal::CardsTried(card, count) => {
            format!("says: {count} times a card was refused, at last one that posed as card {card}")
        }
        Signal::PhoneBound => "says: the phone is bound".to_owned(),
        Signal::LedgerRefused => "says: the ledger is damaged, call the landlord".to_owned(),
        Signal::PressToBeginAnew => "says: press a button to begin a new ledger".to_owned(),
        Signal::TapToBeginAnew => "says: tap the card again to begin a new ledger".to_owned(),
        Signal::Refused(why) => format!("refuses: {why} ({})", why.name()),
    }
}

/// The name of an answer in a script.
pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Settled(_) => "settled",
        Outcome::Started(_) => "started",
        Outcome::Bound(_) => "bound",
        Outcome::Refused(why) => why.name(),
    }
}

/// What an answer says to a person.
pub(super) fn outcome_text(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done => "answers: done".to_owned(),
        Outcome::Settled(number) => format!("answers: settled under number {number}"),
        Outcome::Started(session) => format!("answers: session {session}"),
        Outcome::Bound(phone) => format!("answers: phone {phone}"),
        Outcome::Refused(why) => format!("answers: no, {why} ({})", why.name()),
    }
}

/// The name of what a light shows.
pub(crate) const fn indicator(indicator: Indicator) -> &'static str {
    match indicator {
        Indicator::Free => "free",
        Indicator::Waiting => "waiting",
        Indicator::Charging => "charging",
        Indicator::Full => "full",
        Indicator::Finished => "finished",
        Indicator::Disabled => "disabled",
        Indicator::Fault => "fault",
    }
}
