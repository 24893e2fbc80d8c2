//! Any bytes: parsing, checking and planning do not panic, and formatting changes no meaning. Run by `tests/fuzz/run`.

#![no_main]

#[path = "../suite/holds.rs"]
mod holds;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    holds::parses(&text);
    holds::formats(&text);
    holds::checks(&text);
    holds::plans(&text);
});
