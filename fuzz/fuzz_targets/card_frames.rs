//! Whatever cards and reader chips say: ISO/IEC 14443-4, PN532 frames, answers of applications.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pile_sim::fuzzing::card_frames(data));
