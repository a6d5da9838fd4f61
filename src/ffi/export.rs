//! How an exported function that returns a status runs.
//!
//! [`run`] is for functions that may block. Such a function has three parts:
//!
//! - the preparation clears the out-parameters, checks the arguments, and makes copies and references of them;
//! - the job does the work with nothing but those, and makes the result;
//! - the writer puts the result into the out-parameters.
//!
//! Job, writer and result are `Send + 'static`: they use neither the arguments nor the stack of the caller. The calling
//! thread runs all three in sequence. To run a job later, or its writer on the thread that takes the result, only this
//! file has to change.
//!
//! Functions that never block, such as setters, use [`outcome::status`] instead.
//!
//! Functions that neither block nor return a status use only [`super::guard`]. Getters, which read one field and cannot
//! panic, need none of these.

use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::outcome;
use crate::call::{Call, Purpose};
use crate::error::{Result, Status};

/// Runs a function that may block, with the settings behind `call`, of which those that matter are taken or refused by
/// its `purpose`. The status and `*error` are as for [`outcome::status`].
///
/// # Safety
/// `error` is NULL or may be written to; `call` is NULL or an `hf_call` that lives until this returns.
pub(super) unsafe fn run<T, J, W>(
    error: *mut *mut hf_error,
    call: *const hf_call,
    purpose: Purpose,
    prepare: impl FnOnce() -> Result<(J, W)>,
) -> hf_status
where
    T: Send + 'static,
    J: FnOnce(&Call) -> Result<T> + Send + 'static,
    W: FnOnce(T) -> Status + Send + 'static,
{
    // SAFETY: the caller's promises.
    unsafe {
        outcome::status(error, || {
            let (job, write) = prepare()?;
            let call = hf_call::settings(call);
            call.check(purpose)?;
            job(&call).map(write)
        })
    }
}

#[cfg(test)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "what the pointers point at stands in sight")]
mod tests {
    use std::ptr;
    use std::thread;

    use super::*;
    use crate::error::Error;
    use crate::ffi::arguments::Out;
    use crate::ffi::{HF_ERR_AUTH, hf_error_free};

    #[test]
    fn a_job_that_fails_writes_nothing() {
        let mut error = ptr::null_mut();
        let failing = |_: &Call| Err(Error::new(Status::Auth, "no"));
        let prepare = || Ok((failing, |(): ()| unreachable!("there is no result to write")));
        assert_eq!(unsafe { run(&mut error, ptr::null(), Purpose::Read, prepare) }, HF_ERR_AUTH);
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
