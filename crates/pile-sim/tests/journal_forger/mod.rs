//! A writer of journal frames that verify, whatever they say; it shares no code with the journal.

use sha2::{Digest, Sha256};

/// CRC-32/ISO-HDLC, bit by bit.
pub fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| {
        if crc & 1 == 1 {
            (crc >> 1) ^ 0xedb8_8320
        } else {
            crc >> 1
        }
    };
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc))
    })
}

/// CRC-24/FLEXRAY-A, bit by bit, as it stands in a frame.
pub fn crc24(bytes: &[u8]) -> [u8; 3] {
    let step = |crc: u32| (crc << 1) ^ (if crc >> 23 & 1 == 1 { 0x015d_6dcb } else { 0 });
    let crc = bytes.iter().fold(0x00fe_dcba, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 16, |crc, _| step(crc))
    });
    let [low, middle, high, _] = crc.to_le_bytes();
    [low, middle, high]
}

/// Writes the frames of one page.
pub struct Forger {
    seq: u64,
    head: [u8; 32],
    write: usize,
    pub frames: Vec<u8>,
}

impl Forger {
    /// Goes on where this page header does.
    pub fn new(header: &[u8], write: usize) -> Self {
        // The published check values.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc24(b"123456789"), [0xbd, 0x79, 0x79]);
        Self {
            seq: u64::from_le_bytes(header[24..32].try_into().unwrap()),
            head: header[48..80].try_into().unwrap(),
            write,
            frames: Vec::new(),
        }
    }

    pub fn frame(&mut self, kind: u8, payload: &[u8]) {
        let length = u8::try_from(payload.len()).unwrap();
        let mut hash = Sha256::new();
        hash.update(self.head);
        hash.update(self.seq.to_le_bytes());
        hash.update([kind, length]);
        hash.update(payload);
        self.head = hash.finalize().into();
        let mut frame = vec![length, kind << 6 | self.seq.to_le_bytes()[0] & 63];
        frame.extend(payload);
        frame.extend(&self.head[..2]);
        frame.extend(crc24(&frame));
        frame.resize(frame.len().next_multiple_of(self.write), 0xff);
        self.frames.extend(frame);
        self.seq += 1;
    }
}
