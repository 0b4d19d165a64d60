//! Reads whatever the fuzzer makes up as `records`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faultline_fuzz::read("records", bytes));
