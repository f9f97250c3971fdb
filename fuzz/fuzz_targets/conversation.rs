//! What a phone says once it is let in, against the whole machine.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pile_sim::fuzzing::conversation(data));
