//! Whatever the wires of a meter say: UART, SPI and pulses, every driver.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pile_sim::fuzzing::meter_bytes(data));
