//! The phone's end of the link, with a stranger's hand on what it hears.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pile_sim::fuzzing::phone_end(data));
