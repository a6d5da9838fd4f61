//! How an exported function that returns a status runs.
//!
//! [`run`] is for functions that may block. Such a function has three parts:
//!
//! - the preparation clears the out-parameters, checks the arguments, and makes copies and references of them;
//! - the job does the work with nothing but those, and makes the result;
//! - the writer puts the result into the out-parameters.
//!
//! Job, writer and result are `Send + 'static`: they use neither the arguments nor the stack of the caller. The calling
//! thread runs all three in sequence, unless the call has a queue. Then it tries the job, which must not wait. A job that
//! would have to wait goes to the queue, where it runs again from the start, and its writer runs in the thread that
//! takes the result. So a job must not change anything before it looks at the time that the call has left, which ends
//! the trial ([`crate::call::Deadline`]).
//!
//! Functions that never block, such as setters, use [`outcome::status`] instead.
//!
//! Functions that neither block nor return a status use only [`super::guard`]. Getters, which read one field and cannot
//! panic, need none of these.

use super::arguments::Out;
use super::call::{Ticket, hf_call};
use super::error::{hf_error, hf_status};
use super::{guard, outcome};
use crate::call::{Call, Purpose};
use crate::error::{Error, Result, Status};
use crate::observe::log;
use crate::queue::{Deliver, Submitted};

/// Runs a function that may block, with the settings behind `call`, of which those that matter are taken or refused by
/// its `purpose`. The status and `*error` are as for [`outcome::status`].
///
/// # Safety
/// `error` is NULL or may be written to, until the call has ended; `call` is NULL or an `hf_call` that lives until this
/// returns.
pub(super) unsafe fn run<T, J, W>(
    error: *mut *mut hf_error,
    call: *const hf_call,
    purpose: Purpose,
    prepare: impl FnOnce() -> Result<(J, W)>,
) -> hf_status
where
    T: Send + 'static,
    J: Fn(&Call) -> Result<T> + Send + 'static,
    W: FnOnce(T) -> Status + Send + 'static,
{
    let prepare = || prepare().map(|(job, write)| (job, |result| Ok(write(result))));
    // SAFETY: the caller's promises.
    unsafe { run_to_writer(error, call, purpose, prepare) }
}

/// As [`run`], for a function that writes an out-parameter although it fails: the writer decides.
///
/// # Safety
/// As for [`run`].
pub(super) unsafe fn run_to_writer<T, J, W>(
    error: *mut *mut hf_error,
    call: *const hf_call,
    purpose: Purpose,
    prepare: impl FnOnce() -> Result<(J, W)>,
) -> hf_status
where
    T: Send + 'static,
    J: Fn(&Call) -> Result<T> + Send + 'static,
    W: FnOnce(T) -> Result<Status> + Send + 'static,
{
    // SAFETY: the caller's promises.
    unsafe {
        outcome::status(error, || {
            let (job, write) = prepare()?;
            let settings = hf_call::settings(call);
            settings.check(purpose)?;
            match hf_call::ticket(call) {
                None => write(job(&settings)?),
                Some(ticket) => in_queue(&ticket, &settings, Out::clear_optional(error), job, write),
            }
        })
    }
}

#[cold]
#[inline(never)]
fn in_queue<T, J, W>(ticket: &Ticket, settings: &Call, error: Option<Out<hf_error>>, job: J, write: W) -> Result<Status>
where
    T: Send + 'static,
    J: Fn(&Call) -> Result<T> + Send + 'static,
    W: FnOnce(T) -> Result<Status> + Send + 'static,
{
    submit(ticket, settings, error, in_two_steps(job, write))
}

/// The work of a call that has a queue: its job, and then its writer as what is left to do. It may be repeated until it
/// succeeds.
type Work = Box<dyn FnMut(&Call) -> Result<Deliver> + Send>;

fn in_two_steps<T, J, W>(job: J, write: W) -> Work
where
    T: Send + 'static,
    J: Fn(&Call) -> Result<T> + Send + 'static,
    W: FnOnce(T) -> Result<Status> + Send + 'static,
{
    let mut write = Some(write);
    Box::new(move |call: &Call| {
        let result = job(call)?;
        if call.has_to_wait() {
            // The writer is needed once more.
            return Err(Error::new(Status::Cancelled, "the trial of a call that has to wait"));
        }
        let write = write.take().ok_or_else(|| Error::new(Status::Internal, "a job that has ended was repeated"))?;
        Ok(Box::new(move || write(result)))
    })
}

/// Tries a call, and gives it to the queue if it has to wait.
fn submit(ticket: &Ticket, settings: &Call, error: Option<Out<hf_error>>, mut work: Work) -> Result<Status> {
    ticket.queue.check_process()?;
    settings.check_cancelled()?;
    let (call, submission) = settings.submit();
    let lines = log::hold_back();
    let tried = work(&call);
    if !submission.has_to_wait() {
        return tried?();
    }
    lines.discard();
    submission.resume();
    let submitted = Submitted { tag: ticket.tag, owner: ticket.owner.clone(), submission: submission.clone(), error };
    let job = move || {
        guard::catch(|| {
            submission.begin();
            work(&call)
        })
        .unwrap_or_else(Err)
    };
    ticket.queue.submit(submitted, Box::new(job))?;
    Ok(Status::Pending)
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
