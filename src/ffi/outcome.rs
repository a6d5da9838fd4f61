//! The status and the error object of an exported function.

use super::arguments::Out;
use super::error::{hf_error, hf_status};
use super::guard;
use crate::error::{Result, Status};

/// Runs a function that does not block. Writes the error of a failure to `*error`, and NULL otherwise; `error` may be
/// NULL.
///
/// # Safety
/// `error` is NULL or may be written to.
pub(super) unsafe fn status(error: *mut *mut hf_error, body: impl FnOnce() -> Result<Status>) -> hf_status {
    // SAFETY: the caller's promise.
    let error = unsafe { Out::clear_optional(error) };
    match guard::catch(body).unwrap_or_else(Err) {
        Ok(status) => status.code(),
        Err(failure) => {
            if let Some(error) = error {
                error.set(hf_error::into_raw(&failure));
            }
            failure.status().code()
        }
    }
}

#[cfg(test)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "what the pointers point at stands in sight")]
mod tests {
    use std::ffi::CStr;
    use std::ptr;

    use super::*;
    use crate::error::Error;
    use crate::ffi::{HF_ERR_AUTH, HF_ERR_INTERNAL, HF_NOT_FOUND, hf_error_free, hf_error_message, hf_error_status};

    const CANARY: &str = "canary-3d1f";

    #[test]
    fn a_panic_becomes_an_error_that_does_not_repeat_it() {
        let mut error = ptr::null_mut();
        let code = unsafe { status(&mut error, || panic!("{CANARY}")) };
        assert_eq!((code, unsafe { hf_error_status(error) }), (HF_ERR_INTERNAL, HF_ERR_INTERNAL));
        let message = unsafe { CStr::from_ptr(hf_error_message(error)) }.to_str().unwrap().to_owned();
        assert!(message.contains(" at outcome.rs:") && !message.contains(CANARY), "{message}");
        assert!(
            message.ends_with("please report it: https://github.com/handsfree/libhandsfree_secrets/issues"),
            "{message}"
        );
        unsafe { hf_error_free(error) };
    }

    #[test]
    fn only_a_failure_makes_an_error() {
        let stale = ptr::NonNull::dangling().as_ptr();
        let mut error = stale;
        assert_eq!(unsafe { status(&mut error, || Ok(Status::NotFound)) }, HF_NOT_FOUND);
        assert!(error.is_null(), "it is cleared");
        let fail = || Err(Error::new(Status::Auth, "no"));
        assert_eq!(unsafe { status(&mut error, fail) }, HF_ERR_AUTH);
        assert_eq!(unsafe { hf_error_status(error) }, HF_ERR_AUTH);
        unsafe { hf_error_free(error) };
    }
}
