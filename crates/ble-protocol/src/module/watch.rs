//! Tells an HM-10's words from data.

use heapless::{Deque, Vec};

const LOST: &[u8] = b"OK+LOST";
const CONNECTED: &[u8] = b"OK+CONN";
const WORD: usize = 7;

/// What the module says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Connected,
    Lost,
}

impl Word {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            CONNECTED => Some(Self::Connected),
            LOST => Some(Self::Lost),
            _ => None,
        }
    }

    fn goes_on(held: &[u8], byte: u8) -> bool {
        [LOST, CONNECTED]
            .iter()
            .any(|word| word.starts_with(held) && word.get(held.len()) == Some(&byte))
    }
}

/// Bytes in, data and words out.
#[derive(Debug)]
pub(super) struct Watch {
    /// What may become a word.
    held: Vec<u8, WORD>,
    /// It began within a frame, so that silence must follow it.
    held_within: bool,
    /// Data that is not taken yet.
    data: Deque<u8, 64>,
    /// A frame has begun and not ended.
    within: bool,
    silent: bool,
}

impl Watch {
    pub const fn new() -> Self {
        Self {
            held: Vec::new(),
            held_within: false,
            data: Deque::new(),
            within: false,
            silent: true,
        }
    }

    pub fn restart(&mut self) {
        *self = Self::new();
    }

    /// Silence brings nothing new.
    pub fn is_silent(&self) -> bool {
        self.silent && self.held.is_empty()
    }

    /// A byte has come; `up` while a phone is connected, otherwise there is no data.
    pub fn byte(&mut self, byte: u8, up: bool) -> Option<Word> {
        if !self.held.is_empty() {
            if Word::goes_on(&self.held, byte) {
                let _ = self.held.push(byte);
                self.silent = false;
                let whole = Word::of(&self.held);
                // Within a frame, silence must follow.
                return if self.held_within {
                    None
                } else {
                    whole.map(|word| self.said(word))
                };
            }
            self.let_go(up);
        }
        let may_begin = byte == b'O' && (!self.within || self.silent || !up);
        self.silent = false;
        if may_begin {
            self.held_within = self.within && up;
            let _ = self.held.push(byte);
        } else {
            self.deliver(byte, up);
        }
        None
    }

    /// Nothing has come for a while.
    pub fn silence(&mut self, up: bool) -> Option<Word> {
        self.silent = true;
        if let Some(word) = Word::of(&self.held) {
            return Some(self.said(word));
        }
        self.let_go(up);
        None
    }

    /// Takes data.
    pub fn take(&mut self, bytes: &mut [u8]) -> usize {
        let mut taken = 0;
        for place in bytes.iter_mut() {
            let Some(byte) = self.data.pop_front() else {
                break;
            };
            *place = byte;
            taken += 1;
        }
        taken
    }

    /// Whatever was not taken of the connection that ends or begins here is gone with it.
    fn said(&mut self, word: Word) -> Word {
        self.restart();
        word
    }

    fn let_go(&mut self, up: bool) {
        let held = core::mem::take(&mut self.held);
        for byte in held {
            self.deliver(byte, up);
        }
    }

    fn deliver(&mut self, byte: u8, up: bool) {
        if up {
            self.within = byte != 0;
            let _ = self.data.push_back(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec as StdVec;

    /// Feeds bytes while connected; what was said, and the data.
    fn feed(watch: &mut Watch, bytes: &[u8]) -> (StdVec<Word>, StdVec<u8>) {
        let (mut words, mut data) = (StdVec::new(), StdVec::new());
        for byte in bytes {
            words.extend(watch.byte(*byte, true));
            let mut taken = [0; 64];
            let count = watch.take(&mut taken);
            data.extend_from_slice(&taken[..count]);
        }
        (words, data)
    }

    fn rest(watch: &mut Watch) -> (Option<Word>, StdVec<u8>) {
        let word = watch.silence(true);
        let (_, data) = feed(watch, &[]);
        let mut taken = [0; 64];
        let count = watch.take(&mut taken);
        (word, [data, taken[..count].to_vec()].concat())
    }

    #[test]
    fn between_frames_the_word_is_believed_at_once() {
        let mut watch = Watch::new();
        assert_eq!(
            feed(&mut watch, b"OK+LOST"),
            (std::vec![Word::Lost], std::vec![])
        );
        let (words, data) = feed(&mut watch, b"\x03\x01\x02\x00OK+LOST");
        assert_eq!(words, [Word::Lost]);
        assert_eq!(data, b"\x03\x01\x02\x00");
    }

    #[test]
    fn within_a_frame_the_word_is_data() {
        let mut watch = Watch::new();
        let (words, data) = feed(&mut watch, b"\x09\x03OK+LOST\x00");
        assert_eq!(
            (words, data.as_slice()),
            (std::vec![], b"\x09\x03OK+LOST\x00".as_slice())
        );
    }

    #[test]
    fn within_a_frame_silence_before_and_more_after_is_data() {
        let mut watch = Watch::new();
        feed(&mut watch, b"\x20\x03");
        assert_eq!(rest(&mut watch).0, None);
        let (words, data) = feed(&mut watch, b"OK+LOSTED");
        assert_eq!(
            (words, data.as_slice()),
            (std::vec![], b"OK+LOSTED".as_slice())
        );
        // Silence after it, but none before.
        let (words, _) = feed(&mut watch, b"xOK+LOST");
        assert!(words.is_empty());
        assert_eq!(rest(&mut watch).0, None);
    }

    #[test]
    fn a_link_lost_within_a_frame_is_heard_between_silences() {
        let mut watch = Watch::new();
        feed(&mut watch, b"\x20\x03abc");
        assert_eq!(rest(&mut watch).0, None);
        assert_eq!(feed(&mut watch, b"OK+LOST"), (std::vec![], std::vec![]));
        assert_eq!(rest(&mut watch), (Some(Word::Lost), std::vec![]));
    }

    #[test]
    fn a_part_of_the_word_is_let_go_as_data() {
        for part in 1..WORD {
            let mut watch = Watch::new();
            assert_eq!(feed(&mut watch, &LOST[..part]), (std::vec![], std::vec![]));
            assert_eq!(rest(&mut watch), (None, LOST[..part].to_vec()));
        }
        let mut watch = Watch::new();
        assert_eq!(feed(&mut watch, b"OK+LOOK+L\x01").1, b"OK+LOOK+L\x01");
    }

    #[test]
    fn the_next_connection_is_heard_behind_the_loss() {
        let mut watch = Watch::new();
        let (words, data) = feed(&mut watch, b"OK+LOSTOK+CONN\x05\x01");
        assert_eq!(words, [Word::Lost, Word::Connected]);
        assert_eq!(data, b"\x05\x01");
    }

    #[test]
    fn without_a_phone_there_is_no_data() {
        let mut watch = Watch::new();
        for byte in b"\r\nnoise\xFF" {
            assert_eq!(watch.byte(*byte, false), None);
        }
        assert_eq!(watch.take(&mut [0; 8]), 0);
        let words: StdVec<Word> = b"OK+CONN"
            .iter()
            .filter_map(|byte| watch.byte(*byte, false))
            .collect();
        assert_eq!(words, [Word::Connected]);
    }

    proptest! {
        /// Any frames, in any portions with any silences, come whole: a frame's second byte is its
        /// kind, so none begins with the word.
        #[test]
        fn frames_come_whole_whatever_they_hold(
            frames in proptest::collection::vec(
                (1_u8..8, proptest::collection::vec(
                    prop_oneof![Just(b'O'), Just(b'K'), Just(b'+'), Just(b'L'), Just(b'S'), Just(b'T'), 1_u8..],
                    0..40,
                )),
                1..8,
            ),
            silences in proptest::collection::vec(any::<bool>(), 400),
        ) {
            let mut sent = StdVec::new();
            for (kind, body) in &frames {
                sent.extend([b'O', *kind]);
                sent.extend(body);
                sent.push(0);
            }
            let mut watch = Watch::new();
            let mut heard = StdVec::new();
            // Silence falls where a packet ends: every 20 bytes, never around seven.
            for (portion, silent) in sent.chunks(20).zip(&silences) {
                let (words, data) = feed(&mut watch, portion);
                prop_assert_eq!(words, std::vec![]);
                heard.extend(data);
                if *silent && portion.len() != WORD {
                    let (word, data) = rest(&mut watch);
                    prop_assert_eq!(word, None);
                    heard.extend(data);
                }
            }
            heard.extend(rest(&mut watch).1);
            prop_assert_eq!(heard, sent);
        }
    }
}
