//! Reads whatever the fuzzer makes up as `recording`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faultline_fuzz::read("recording", bytes));
