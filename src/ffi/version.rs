//! Version
//!
//! The version of the library that is loaded, which may be newer than the header that a program was compiled with.

use std::ffi::{CStr, c_char};

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

const NUMBER: i32 = number(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
    + number(env!("CARGO_PKG_VERSION_MINOR")) * 1_000
    + number(env!("CARGO_PKG_VERSION_PATCH"));

/// The number that `digits` spells; a constant expression, which `str::parse` is not.
const fn number(digits: &str) -> i32 {
    match i32::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => 0,
    }
}

/// The version of the loaded library, as `HF_VERSION_STRING` is that of this header.
///
/// Any thread; does not block.
///
/// @return A text such as "0.1.0". Borrowed: it lives as long as the process, and is not freed.
#[unsafe(no_mangle)]
pub extern "C" fn hf_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The version of the loaded library as a number: major * 1000000 + minor * 1000 + patch, as `HF_VERSION_NUMBER` is
/// that of this header.
///
/// Any thread; does not block.
///
/// @return The number. A program that needs a function of version a.b.c compares with it.
#[unsafe(no_mangle)]
pub extern "C" fn hf_version_number() -> i32 {
    NUMBER
}
