//! A call on its way through a queue.

use crate::call::{Canceller, Submission};
use crate::error::{Result, Status};

/// Does the work of a call. It runs again if the call has rested.
pub type Job = Box<dyn FnMut() -> Result<Deliver> + Send>;

/// Writes the result of a call to the out-parameters, and returns the status.
pub type Deliver = Box<dyn FnOnce() -> Result<Status> + Send>;

/// A call that is submitted.
pub struct Submitted<E> {
    /// The program's name for it.
    pub tag: usize,
    /// Cancels the calls with the same settings.
    pub owner: Canceller,
    /// Cancels this call.
    pub submission: Submission,
    /// Where its error goes.
    pub error: E,
}

/// A call that has ended.
pub struct Taken<E> {
    /// The program's name for it.
    pub tag: usize,
    /// Where its error goes.
    pub error: E,
    /// What it came to.
    pub outcome: Result<Deliver>,
}
