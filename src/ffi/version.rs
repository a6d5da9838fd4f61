//! Version
//!
//! The version of the loaded library. It may be newer than the header that the program was compiled with.

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

/// Returns the version of the loaded library as text. `HF_VERSION_STRING` is the version of this header.
///
/// May be called from any thread. Does not block.
///
/// @return A text such as "0.1.0". Borrowed: valid until the process ends; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn hf_version() -> *const c_char {
    VERSION.as_ptr()
}

/// Returns the version of the loaded library as a number: major * 1000000 + minor * 1000 + patch. `HF_VERSION_NUMBER`
/// is the version of this header.
///
/// May be called from any thread. Does not block.
///
/// @return The number, to be compared with the version that a program needs.
#[unsafe(no_mangle)]
pub extern "C" fn hf_version_number() -> i32 {
    NUMBER
}
