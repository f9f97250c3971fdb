//! `ble-protocol`: a phone is known by its key, and a message goes each way.

use ble_protocol::{Holder, Keys, LinkKey, PhoneEnd, PhoneEvent, PhoneKeys, PileEnd, PileEvent};
use pile_units::{Instant, PhoneId};

const PHONE: PhoneId = PhoneId::new(3);

/// Tells whether a whole handshake opens the link and both ends are heard.
pub fn holds() -> bool {
    talk() == Some(())
}

struct OnePhone(PhoneKeys);

impl Keys for OnePhone {
    fn slots(&self) -> usize {
        1
    }

    fn key(&self, _: usize) -> Option<(Holder, LinkKey)> {
        Some((Holder::Phone(PHONE), self.0.key(&[7; 16], PHONE)))
    }
}

fn talk() -> Option<()> {
    let now = Instant::START;
    let keys = OnePhone(PhoneKeys::new([1; 32]));
    let mut random = |bytes: &mut [u8]| bytes.fill(2);
    let (_, key) = keys.key(0)?;
    let (mut pile, mut phone) = (PileEnd::new(), PhoneEnd::new(now, &key, [3; 32]));
    pile.connected(now);
    let (mut asked, mut answered) = (false, false);
    // Hello, Reply, proof, question, answer, in portions of the smallest pipe.
    for _ in 0..32 {
        let mut portion = [0; 20];
        let count = phone.transmit(&mut portion);
        pile.receive(now, portion.get(..count)?);
        match pile.poll(now, &keys, &mut random) {
            PileEvent::Opened(holder) if holder != Holder::Phone(PHONE) => return None,
            PileEvent::Message(_) => {
                asked = pile.message() == b"ports?";
                pile.send(b"ten").ok()?;
            }
            PileEvent::Closed(_) => return None,
            _ => (),
        }
        let count = pile.transmit(&mut portion);
        phone.receive(now, portion.get(..count)?);
        match phone.poll(now) {
            PhoneEvent::Opened => phone.send(b"ports?").ok()?,
            PhoneEvent::Message(_) => answered = phone.message() == b"ten",
            PhoneEvent::Closed(_) => return None,
            _ => (),
        }
    }
    (asked && answered).then_some(())
}
