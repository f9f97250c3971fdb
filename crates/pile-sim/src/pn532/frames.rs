//! Frames as the chip hears and writes them (UM0701-02 section 6.2.1), written on their own: no
//! line of it is the driver's.

pub(super) const ACK: [u8; 6] = [0x00, 0x00, 0xff, 0x00, 0xff, 0x00];
pub(super) const NACK: [u8; 6] = [0x00, 0x00, 0xff, 0xff, 0x00, 0x00];
pub(super) const ERROR: [u8; 8] = [0x00, 0x00, 0xff, 0x01, 0xff, 0x7f, 0x81, 0x00];

/// What the host said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Ack,
    Nack,
    /// D4h and what follows it.
    Command(Vec<u8>),
    /// A frame that is damaged.
    Damaged,
}

/// Bytes on their way to becoming a frame.
#[derive(Debug, Default)]
pub(super) struct Ear(Vec<u8>);

impl Ear {
    /// Takes a byte; a frame, once it is whole.
    pub(super) fn hear(&mut self, byte: u8) -> Option<Heard> {
        self.0.push(byte);
        match *self.0 {
            // Preamble and noise.
            [.., before, last] if self.0.len() == 2 && (before, last) != (0x00, 0xff) => {
                self.0.remove(0);
                None
            }
            [0x00, 0xff, 0x00, 0xff] => Some(self.whole(Heard::Ack)),
            [0x00, 0xff, 0xff, 0x00] => Some(self.whole(Heard::Nack)),
            [0x00, 0xff, 0xff, 0xff, ..] => {
                let [high, low, check] = *self.0.get(4..7)?.as_array()?;
                if high.wrapping_add(low).wrapping_add(check) != 0 {
                    return Some(self.whole(Heard::Damaged));
                }
                self.data(7, usize::from(high) * 256 + usize::from(low))
            }
            [0x00, 0xff, length, check, ..] => {
                if length.wrapping_add(check) != 0 {
                    return Some(self.whole(Heard::Damaged));
                }
                self.data(4, usize::from(length))
            }
            _ => None,
        }
    }

    fn data(&mut self, at: usize, bytes: usize) -> Option<Heard> {
        let (data, check) = self.0.get(at..=at + bytes)?.split_at_checked(bytes)?;
        let sum = (data.iter().chain(check)).fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        let heard = match data {
            [0xd4, _, ..] if sum == 0 => Heard::Command(data.to_vec()),
            _ => Heard::Damaged,
        };
        Some(self.whole(heard))
    }

    fn whole(&mut self, heard: Heard) -> Heard {
        self.0.clear();
        heard
    }
}

/// A frame of the chip around these data.
pub(super) fn said(data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x00, 0x00, 0xff];
    if let Ok(length) = u8::try_from(data.len()) {
        frame.extend([length, length.wrapping_neg()]);
    } else {
        let [.., high, low] = data.len().to_be_bytes();
        frame.extend([0xff, 0xff, high, low]);
        frame.push(high.wrapping_add(low).wrapping_neg());
    }
    frame.extend(data);
    let sum = data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    frame.extend([sum.wrapping_neg(), 0x00]);
    frame
}
