//! Any flash: damaged, foreign, or full of records in good order that say nothing good.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pile_sim::fuzzing::ledger_image(data));
