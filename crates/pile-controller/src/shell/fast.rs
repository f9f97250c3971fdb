//! When to ask which port for its fast over-current.

use pile_units::{Duration, Instant, MAX_PORTS, PortId};

/// A port is asked again so long after it was asked. With ten closed ports on one line of 9600 baud a
/// look takes 7 ms, a reading 30 ms: what begins right after a look is seen within 150 ms.
const EVERY: Duration = Duration::from_millis(80);

/// Keeps the looks at closed ports going, each by itself.
pub(super) struct Fast {
    /// When each port is due; `None` while its relay is open, or the pile looks at none.
    due: [Option<Instant>; MAX_PORTS],
    watches: bool,
}

impl Fast {
    /// Nothing is due ever where the pile does not watch.
    pub const fn new(watches: bool) -> Self {
        Self {
            due: [None; MAX_PORTS],
            watches,
        }
    }

    /// The port that is due first, and when. A port whose relay closed since is due at once.
    pub fn next(
        &mut self,
        now: Instant,
        ports: impl Iterator<Item = PortId>,
        is_closed: impl Fn(PortId) -> bool,
    ) -> Option<(Instant, PortId)> {
        let mut first: Option<(Instant, PortId)> = None;
        for port in ports.filter(|_| self.watches) {
            let Some(due) = self.due.get_mut(port.index()) else {
                continue;
            };
            if !is_closed(port) {
                *due = None;
                continue;
            }
            let due = *due.get_or_insert(now);
            if first.is_none_or(|(earliest, _)| due < earliest) {
                first = Some((due, port));
            }
        }
        first
    }

    /// The port is being asked now.
    pub fn asked(&mut self, now: Instant, port: PortId) {
        if let Some(due) = self.due.get_mut(port.index()) {
            *due = Some(now.after(EVERY));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn closed_ports_take_turns_and_open_ones_are_left_alone() {
        let ports: std::vec::Vec<_> = PortId::first(3).collect();
        let all = || PortId::first(3);
        let mut fast = Fast::new(true);
        assert_eq!(fast.next(at(5), all(), |_| false), None);
        let closed = |port: PortId| port != ports[1];
        assert_eq!(fast.next(at(5), all(), closed), Some((at(5), ports[0])));
        fast.asked(at(5), ports[0]);
        assert_eq!(fast.next(at(12), all(), closed), Some((at(5), ports[2])));
        fast.asked(at(12), ports[2]);
        assert_eq!(fast.next(at(20), all(), closed), Some((at(85), ports[0])));
        // A port that just closed is not made to wait.
        let next = fast.next(at(30), all(), |_| true);
        assert_eq!(next, Some((at(30), ports[1])));
    }

    #[test]
    fn a_pile_that_does_not_watch_asks_nothing() {
        assert_eq!(
            Fast::new(false).next(at(5), PortId::first(3), |_| true),
            None
        );
    }
}
