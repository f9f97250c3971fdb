//! Any bytes as a stream of frames of the link.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pile_sim::fuzzing::frame_stream(data));
