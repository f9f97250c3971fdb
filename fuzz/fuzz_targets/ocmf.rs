//! Any text that calls itself a receipt.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| billing_core::receipt::testing::any_bytes(data));
