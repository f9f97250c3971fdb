//! What people do at the pile, a line each.

use pile_sim::mfrc522::Fault as ReaderFault;
use pile_sim::world::Bike;
use pile_units::{Energy, PortId, Power, Temperature};

pub(super) const HELP: &str = "\
tap CARD               hold a card to the reader for half a second
cards                  the codes of the cards, and the recovery codes
press PORT             press a port's button
plug PORT [W [WH]]     plug a bike in: it draws 200 W until it has 500 Wh, or what is said
unplug PORT            pull its plug
overload PORT          the charger there draws 1500 W from now on
weld PORT              the relay sticks once it is closed
mend PORT              and comes loose
leak PORT              the residual-current device of a port trips
meter PORT dead|back   the meter falls silent, or answers again
reader dead|hung|back  so does the card reader; a hung one comes back by a reset
heat DEGREES           the pile is so warm, 0 to 120 C
tamper                 somebody changes two bytes of the ledger, with the supply cut meanwhile
cut                    the supply fails
restore                and comes back
speed N                so many times faster than real time, 1 to 1000
skip SECONDS           let so much of the pile's time pass in a second or two
wait SECONDS           let so much of the pile's time pass at once
reset                  hang a new, blank pile on the wall
quit                   end; the flash is kept, with --state";

/// What a charger draws that is broken: above the limit of a port, 1000 W, by half.
const OVERLOAD: Power = Power::from_watts(1_500);

/// A line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    Tap(String),
    Cards,
    Press(PortId),
    Plug(PortId, Bike),
    Unplug(PortId),
    Weld(PortId, bool),
    Leak(PortId),
    Meter(PortId, bool),
    Reader(ReaderFault),
    Heat(Temperature),
    Tamper,
    Cut,
    Restore,
    Speed(u64),
    Skip(u64),
    Wait(u64),
    Reset,
    Help,
    Quit,
}

impl Order {
    /// Reads a line; nothing for an empty one.
    pub(crate) fn read(line: &str, ports: usize) -> Result<Option<Self>, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let port = |text: &str| {
            let number = text
                .parse()
                .ok()
                .and_then(|it| PortId::from_number(it).ok());
            let known = number.filter(|port| port.index() < ports);
            known.ok_or_else(|| format!("there is no port \"{text}\""))
        };
        let number = |text: &str, most: u32| {
            let number = text.parse().ok().filter(|it| (1..=most).contains(it));
            number.ok_or_else(|| format!("\"{text}\" is not a number from 1 to {most}"))
        };
        Ok(Some(match words.as_slice() {
            [] => return Ok(None),
            ["tap", card] => Self::Tap((*card).to_owned()),
            ["cards"] => Self::Cards,
            ["press", at] => Self::Press(port(at)?),
            ["plug", at, rest @ ..] if rest.len() <= 2 => {
                let watts = rest.first().map_or(Ok(200), |text| number(text, 3_000))?;
                let wh = rest.get(1).map_or(Ok(500), |text| number(text, 100_000))?;
                let bike = Bike::charger(Power::from_watts(watts), Energy::from_watt_hours(wh));
                Self::Plug(port(at)?, bike)
            }
            ["unplug", at] => Self::Unplug(port(at)?),
            ["overload", at] => Self::Plug(port(at)?, Bike::constant(OVERLOAD)),
            ["weld", at] => Self::Weld(port(at)?, true),
            ["mend", at] => Self::Weld(port(at)?, false),
            ["leak", at] => Self::Leak(port(at)?),
            ["meter", at, "dead"] => Self::Meter(port(at)?, false),
            ["meter", at, "back"] => Self::Meter(port(at)?, true),
            ["reader", "dead"] => Self::Reader(ReaderFault::Dead),
            ["reader", "hung"] => Self::Reader(ReaderFault::Hung),
            ["reader", "back"] => Self::Reader(ReaderFault::None),
            ["heat", degrees] => {
                let degrees = degrees.parse().ok().filter(|it| (0..=120).contains(it));
                let degrees = degrees.ok_or("the pile is from 0 to 120 C")?;
                Self::Heat(Temperature::from_celsius(degrees))
            }
            ["tamper"] => Self::Tamper,
            ["cut"] => Self::Cut,
            ["restore"] => Self::Restore,
            ["speed", times] => Self::Speed(number(times, 1_000)?.into()),
            ["skip", seconds] => Self::Skip(number(seconds, 86_400)?.into()),
            ["wait", seconds] => Self::Wait(number(seconds, 1_000_000)?.into()),
            ["reset"] => Self::Reset,
            ["help"] => Self::Help,
            ["quit"] => Self::Quit,
            [word, ..] => return Err(format!("\"{word}\" so is not known here: type `help`")),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood_or_refused() {
        let port = PortId::from_number(2).unwrap();
        let read = |line| Order::read(line, 4);
        assert_eq!(read("  "), Ok(None));
        assert_eq!(
            read(" tap  landlord "),
            Ok(Some(Order::Tap("landlord".to_owned())))
        );
        assert_eq!(read("press 2"), Ok(Some(Order::Press(port))));
        let bike = Bike::charger(Power::from_watts(100), Energy::from_watt_hours(50));
        assert_eq!(read("plug 2 100 50"), Ok(Some(Order::Plug(port, bike))));
        assert_eq!(read("speed 100"), Ok(Some(Order::Speed(100))));
        assert_eq!(read("mend 2"), Ok(Some(Order::Weld(port, false))));
        assert_eq!(read("meter 2 dead"), Ok(Some(Order::Meter(port, false))));
        let hot = Temperature::from_celsius(95);
        assert_eq!(read("heat 95"), Ok(Some(Order::Heat(hot))));
        for wrong in [
            "press 5",
            "press x",
            "plug",
            "plug 1 0",
            "plug 1 2 3 4",
            "speed 1001",
            "wait 0",
            "skip 86401",
            "heat 121",
            "heat -1",
            "meter 1",
            "meter 5 dead",
            "reader",
            "weld",
            "tap",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn help_names_every_order() {
        let all = [
            "tap", "cards", "press", "plug", "unplug", "overload", "weld", "mend", "leak", "meter",
            "reader", "heat", "tamper", "cut", "restore", "speed", "skip", "wait", "reset", "quit",
        ];
        for order in all {
            assert!(HELP.lines().any(|line| line.starts_with(order)), "{order}");
        }
    }
}
