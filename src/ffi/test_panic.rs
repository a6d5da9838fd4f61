//! For tests only: a panic on demand, behind the cargo feature `test-panic`.

use std::ffi::c_char;

use super::error::{hf_error, hf_status};
use super::{arguments, outcome};

/// Panics with `message` in its text. Gives `HF_ERR_INTERNAL`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_test_panic(message: *const c_char, error: *mut *mut hf_error) -> hf_status {
    // SAFETY: the caller's promise about both pointers.
    unsafe {
        outcome::status(error, || {
            let message = arguments::text(message, "message")?;
            #[expect(clippy::panic, reason = "the purpose of this function")]
            {
                panic!("{message}")
            }
        })
    }
}
