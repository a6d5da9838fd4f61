//! How an exported function that returns a status runs.
//!
//! [`run`] is for functions that may block. Such a function has three parts:
//!
//! - the preparation clears the out-parameters, checks the arguments, and makes copies and references of them;
//! - the job does the work with nothing but those, and makes the result;
//! - the writer puts the result into the out-parameters.
//!
//! Job, writer and result are `Send + 'static`: none of them needs the arguments or the stack of the caller. Today the
//! calling thread runs all three, one after the other. That a job is run later, and its writer on the thread that takes
//! the result, is to be decided here and nowhere else.
//!
//! [`status`] is for functions that never block, such as setters: nothing in them could be done later.
//!
//! Functions that neither block nor return a status pass only through [`super::guard`]; getters, which read one field
//! and cannot panic, through nothing.

use super::arguments::Out;
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::guard;
use crate::call::Call;
use crate::error::{Result, Status};

/// Runs a function that may block, with the settings behind `call`. The status and `*error` are as for [`status`].
///
/// # Safety
/// `error` is NULL or may be written to; `call` is NULL or an `hf_call` that lives until this returns.
pub(super) unsafe fn run<T, J, W>(
    error: *mut *mut hf_error,
    call: *const hf_call,
    prepare: impl FnOnce() -> Result<(J, W)>,
) -> hf_status
where
    T: Send + 'static,
    J: FnOnce(&Call) -> Result<T> + Send + 'static,
    W: FnOnce(T) -> Status + Send + 'static,
{
    // SAFETY: the caller's promises.
    unsafe {
        status(error, || {
            let (job, write) = prepare()?;
            let call = hf_call::settings(call);
            job(&call).map(write)
        })
    }
}

/// Runs a function that does not block. A failure is put into `*error` where `error` is not NULL; `*error` is NULL in
/// every other case.
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
    use std::thread;

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
        assert!(message.contains(" at export.rs:") && !message.contains(CANARY), "{message}");
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

    #[test]
    fn a_job_that_fails_writes_nothing() {
        let mut error = ptr::null_mut();
        let failing = |_: &Call| Err(Error::new(Status::Auth, "no"));
        let prepare = || Ok((failing, |(): ()| unreachable!("there is no result to write")));
        assert_eq!(unsafe { run(&mut error, ptr::null(), prepare) }, HF_ERR_AUTH);
        unsafe { hf_error_free(error) };
    }

    #[test]
    fn an_out_parameter_can_be_written_by_another_thread() {
        let mut place: *mut i32 = ptr::null_mut();
        let out = unsafe { Out::clear(&mut place, "place") }.unwrap();
        let write = move |value: Box<i32>| out.set(Box::into_raw(value));
        thread::spawn(move || write(Box::new(7))).join().unwrap();
        assert_eq!(*unsafe { Box::from_raw(place) }, 7);
    }
}
