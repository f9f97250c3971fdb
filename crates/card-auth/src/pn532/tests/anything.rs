//! Whatever a line says.

use super::*;

/// A UART that gives these bytes, over and over, and counts what is read and written.
struct Babble {
    bytes: Vec<u8>,
    read: usize,
    written: usize,
}

impl ErrorType for Babble {
    type Error = core::convert::Infallible;
}

impl Write for Babble {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.written += bytes.len();
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl Read for Babble {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Self::Error> {
        for byte in into.iter_mut() {
            *byte = self.bytes[self.read % self.bytes.len()];
            self.read += 1;
        }
        Ok(into.len())
    }
}

/// Frames that are nearly right, so that some are believed.
fn babble() -> impl Strategy<Value = Vec<u8>> {
    let code = prop_oneof![
        Just(0x15u8),
        Just(0x03),
        Just(0x33),
        Just(0x13),
        Just(0x4b),
        Just(0x41),
        Just(0x53),
        any::<u8>(),
    ];
    let answer = (code, prop::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(code, rest)| frame(&[&[0xd5, code], &rest[..]].concat()));
    let piece = prop_oneof![
        3 => Just(ACK.to_vec()),
        1 => Just(NACK.to_vec()),
        1 => Just(ERROR.to_vec()),
        4 => answer,
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 1..30).prop_map(|pieces| {
        let mut bytes = pieces.concat();
        bytes.push(0);
        bytes
    })
}

proptest! {
    /// I8: no bytes on the line panic the driver or keep it for ever.
    #[test]
    fn i8_total_any_bytes_from_the_chip_end_a_look_and_a_command_in_bounded_time(
        bytes in babble(),
        settled: bool,
    ) {
        let line = Babble { bytes, read: 0, written: 0 };
        let mut reader = Pn532::new(Hsu::new(line), NoResetPin, NoopDelay);
        if settled {
            reader.version = Some(Version { firmware: 1, revision: 6 });
        }
        let _ = block_on(reader.poll());
        if settled {
            let card = Card::announced(Uid::from_bytes(&[1, 2, 3, 4]).unwrap(), true);
            reader.standing = super::super::Standing::Found(card);
        }
        let mut answer = [0; 258];
        if let Ok(length) = block_on(reader.exchange(&[0x90, 0x60, 0, 0, 0], &mut answer)) {
            prop_assert!((2..=258).contains(&length));
        }
        let line = reader.release().0.release();
        prop_assert!(line.written < 2_000, "{}", line.written);
        // Draining what a line babbles is the most of it: 320 times 32 bytes, at each waking.
        prop_assert!(line.read < 60_000, "{}", line.read);
    }

    #[test]
    fn i8_any_bytes_are_a_frame_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(Frame::Data(data)) = Frame::parse(&bytes) {
            prop_assert!(data.len() <= LONGEST_DATA);
        }
    }

    #[test]
    fn a_frame_is_what_it_was_when_it_is_read_back(
        data in prop::collection::vec(any::<u8>(), 2..=LONGEST_DATA), cut in 0usize..265,
    ) {
        let (front, back) = data.split_at(cut.min(data.len()));
        let mut out = [0; LONGEST_FRAME];
        let length = Frame::emit(&[front, back], &mut out).unwrap();
        prop_assert_eq!(Frame::parse(&out[..length]), Ok(Frame::Data(&data)));
    }
}
