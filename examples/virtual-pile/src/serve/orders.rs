//! What people do at the pile, a line each.

use pile_sim::world::Bike;
use pile_units::{Energy, PortId, Power};

pub(super) const HELP: &str = "\
tap CARD               hold a card to the reader for half a second
cards                  the codes of the cards, and the recovery codes
press PORT             press a port's button
plug PORT [W [WH]]     plug a bike in: it draws 200 W until it has 500 Wh, or what is said
unplug PORT            pull its plug
cut                    the supply fails
restore                and comes back
speed N                so many times faster than real time, 1 to 1000
wait SECONDS           let so much of the pile's time pass at once
quit                   end; the flash is kept, with --state";

/// A line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Tap(String),
    Cards,
    Press(PortId),
    Plug(PortId, Bike),
    Unplug(PortId),
    Cut,
    Restore,
    Speed(u64),
    Wait(u64),
    Help,
    Quit,
}

impl Order {
    /// Reads a line; nothing for an empty one.
    pub(super) fn read(line: &str, ports: usize) -> Result<Option<Self>, String> {
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
            ["cut"] => Self::Cut,
            ["restore"] => Self::Restore,
            ["speed", times] => Self::Speed(number(times, 1_000)?.into()),
            ["wait", seconds] => Self::Wait(number(seconds, 1_000_000)?.into()),
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
        for wrong in [
            "press 5",
            "press x",
            "plug",
            "plug 1 0",
            "plug 1 2 3 4",
            "speed 1001",
            "wait 0",
            "tap",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn help_names_every_order() {
        let all = [
            "tap", "cards", "press", "plug", "unplug", "cut", "restore", "speed", "wait", "quit",
        ];
        for order in all {
            assert!(HELP.lines().any(|line| line.starts_with(order)), "{order}");
        }
    }
}
