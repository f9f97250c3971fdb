//! What a board shows, a line each: relays and the reader's reset pin move parts of the world, the rest is
//! for whoever watches.

use pile_sim::world::Outside;
use pile_units::PortId;

/// A line is no longer than this, or it is none of a board's.
const LONGEST: usize = 512;

/// The line that is not whole yet.
#[derive(Default)]
pub(super) struct Shown(Vec<u8>);

impl Shown {
    /// The lines that are whole now.
    pub(super) fn lines(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.0);
                    lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                }
                _ if self.0.len() < LONGEST => self.0.push(*byte),
                _ => {}
            }
        }
        lines
    }
}

/// Does what a line means; what is to be told of it.
pub(super) fn read(line: &str, outside: &mut Outside) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["relay", port, now @ ("closed" | "open")] => {
            let number = port.parse().ok();
            let port = number.and_then(|it| PortId::from_number(it).ok())?;
            let (closed, before) = (*now == "closed", outside.relay(port));
            outside.set_relay(port, closed);
            let moves = if closed { "closes" } else { "opens" };
            (closed != before).then(|| format!("port {port}: the relay {moves}"))
        }
        ["reader", "held"] => {
            outside.hold_reader(true);
            None
        }
        ["reader", "free"] => {
            outside.hold_reader(false);
            None
        }
        ["port", port, indicator] => Some(format!("port {port}: {indicator}")),
        ["says", ..] => line.strip_prefix("says ").map(str::to_owned),
        _ => Some(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pile_sim::link::Doorway;

    #[test]
    fn a_line_moves_a_relay_however_it_comes_in() {
        let mut outside = Outside::new(Doorway::new().1);
        let mut shown = Shown::default();
        assert_eq!(shown.lines(b"relay 2 cl"), Vec::<String>::new());
        let lines = shown.lines(b"osed\nrelay 2 closed\nport 2 Charging\n");
        let told: Vec<_> = lines
            .iter()
            .filter_map(|line| read(line, &mut outside))
            .collect();
        assert_eq!(told, ["port 2: the relay closes", "port 2: Charging"]);
        assert!(outside.relay(PortId::from_number(2).unwrap()));
        assert_eq!(read("relay 99 closed", &mut outside), None);
        let opened = read("relay 2 open", &mut outside);
        assert_eq!(opened.as_deref(), Some("port 2: the relay opens"));
    }
}
