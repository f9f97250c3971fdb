//! How the chip's firmware finds cards and speaks with them.

use card_auth::iso14443_4::{Ats, DESELECT, Fault, Link, Reply, Step, rats};
use card_auth::iso14443a::{HLTA, REQA, crc_a};

use crate::cards::{Bits, OnAir, RfField};

/// Frames the chip takes from a card: its FIFO, 64 bytes.
const FRAME_BYTES: usize = 64;
/// Room for an answer.
const ANSWER_BYTES: usize = 4096;

/// A card the chip has found.
#[derive(Debug)]
pub(super) struct Target {
    link: Option<Link>,
}

/// The answer, if all its bits are whole bytes.
fn whole(air: &OnAir) -> Option<&[u8]> {
    match air {
        OnAir::Answer(bits) if bits.len().is_multiple_of(8) => Some(bits.bytes()),
        _ => None,
    }
}

fn sealed(bytes: &[u8]) -> Bits {
    let mut frame = bytes.to_vec();
    frame.extend(crc_a(bytes));
    Bits::whole(&frame)
}

impl Target {
    /// Looks for a card, the one of `uid` (with its cascade tags) if that is not empty; what
    /// `InListPassiveTarget` says of it behind its number.
    pub(super) fn find(field: &RfField, uid: &[u8], rats: bool) -> Option<(Self, Vec<u8>)> {
        let atqa = match field.exchange(&Bits::new(&[REQA], 7)?) {
            OnAir::Silence => return None,
            OnAir::Answer(bits) | OnAir::Collision { bits, .. } => bits,
        };
        let [low, high] = *atqa.bytes() else {
            return None;
        };
        let mut number = Vec::new();
        let mut wanted = uid.chunks(4);
        for select in [0x93, 0x95, 0x97] {
            let part = match wanted.next() {
                Some(&[a, b, c, d]) => [a, b, c, d, a ^ b ^ c ^ d],
                None if uid.is_empty() => anticollide(field, select)?,
                Some(_) | None => return None,
            };
            let [a, b, c, d, bcc] = part;
            let frame = sealed(&[select, 0x70, a, b, c, d, bcc]);
            let air = field.exchange(&frame);
            let [sak, crc @ ..] = *whole(&air)?.as_array::<3>()?;
            if crc_a(&[sak]) != crc || a ^ b ^ c ^ d != bcc {
                return None;
            }
            if sak & 0x04 != 0 {
                number.extend([b, c, d]);
                continue;
            }
            number.extend([a, b, c, d]);
            // 7.3.5: SENS_RES high byte first, SEL_RES, length and number.
            let mut said = vec![high, low, sak, u8::try_from(number.len()).ok()?];
            said.extend(number);
            let mut target = Self { link: None };
            if rats && sak & 0x20 != 0 {
                said.extend(target.activate(field)?);
            }
            return Some((target, said));
        }
        None
    }

    fn activate(&mut self, field: &RfField) -> Option<Vec<u8>> {
        for _ in 0..2 {
            let air = field.exchange(&Bits::whole(&rats(FRAME_BYTES)));
            let Some(frame) = whole(&air) else {
                continue;
            };
            if let Ok(ats) = Ats::parse(frame) {
                self.link = Some(Link::new(&ats));
                return frame
                    .len()
                    .checked_sub(2)
                    .map(|end| frame.iter().take(end).copied().collect());
            }
        }
        None
    }

    pub(super) fn sleep(&self, field: &RfField) {
        if self.link.is_none() {
            field.exchange(&Bits::whole(&HLTA));
        }
    }

    pub(super) fn deselect(&mut self, field: &RfField) {
        let frame = if self.link.take().is_some() {
            Bits::whole(&DESELECT)
        } else {
            Bits::whole(&HLTA)
        };
        field.exchange(&frame);
    }

    /// A command and its answer, or the status of table 16, nothing for a timeout.
    pub(super) fn exchange(
        &mut self,
        field: &RfField,
        command: &[u8],
    ) -> Result<Vec<u8>, Option<u8>> {
        let link = self.link.as_mut().ok_or(None)?;
        let mut answer = vec![0; ANSWER_BYTES];
        let mut out = [0; FRAME_BYTES];
        let mut transfer = link.begin(command, &mut answer);
        let mut step = transfer.first(&mut out);
        loop {
            let bytes = match step {
                Step::Send { bytes, .. } => bytes,
                Step::Done(length) => {
                    answer.truncate(length);
                    return Ok(answer);
                }
                Step::Failed(Fault::Silent) => return Err(None),
                Step::Failed(Fault::Protocol) => return Err(Some(0x0b)),
                Step::Failed(Fault::AnswerLength) => return Err(Some(0x0e)),
            };
            let frame = Bits::whole(out.get(..bytes).unwrap_or_default());
            let air = field.exchange(&frame);
            let reply = match (&air, whole(&air)) {
                (OnAir::Silence, _) => Reply::Silence,
                (_, Some(bytes)) if bytes.len() <= FRAME_BYTES => Reply::Frame(bytes),
                _ => Reply::Garbled,
            };
            step = transfer.next(reply, &mut out);
        }
    }
}

/// A level of a UID, collisions resolved in favour of ones (ISO/IEC 14443-3 clause 6.5.3).
fn anticollide(field: &RfField, select: u8) -> Option<[u8; 5]> {
    let mut known = Bits::whole(&[]);
    for _ in 0..=32 {
        let (bytes, bits) = (2 + known.len() / 8, known.len() % 8);
        let nvb = u8::try_from(bytes << 4 | bits).ok()?;
        let mut frame = Bits::whole(&[select, nvb]);
        (0..known.len()).for_each(|at| frame.push(known.bit(at) == Some(true)));
        let (rest, collision) = match field.exchange(&frame) {
            OnAir::Silence => return None,
            OnAir::Answer(bits) => (bits, None),
            OnAir::Collision { bits, at } => (bits, Some(at)),
        };
        let sure = collision.unwrap_or(rest.len());
        (0..sure).for_each(|at| known.push(rest.bit(at) == Some(true)));
        if collision.is_none() {
            return (known.len() == 40).then(|| known.bytes().as_array().copied())?;
        }
        known.push(true);
    }
    None
}
