//! What a thread of a queue does.

use std::sync::PoisonError;
use std::time::Instant;

use super::call::Job;
use super::shared::Shared;
use crate::host::panic_hook::InsideLibrary;

/// Makes calls until the queue is closed.
pub(super) fn run<E>(shared: &Shared<E>) {
    let _inside = InsideLibrary::enter();
    let mut next = first(shared);
    while let Some((number, mut job)) = next {
        let outcome = job();
        let mut state = shared.lock();
        let now = Instant::now();
        let discarded = state.calls.finish(number, job, outcome, now);
        let raise = state.notify(now);
        next = state.calls.begin();
        drop(state);
        raise.send();
        drop(discarded);
        next = next.or_else(|| first(shared));
    }
}

/// Waits for a call. `None`: the queue is closed.
fn first<E>(shared: &Shared<E>) -> Option<(u64, Job)> {
    let mut state = shared.lock();
    loop {
        let begun = state.calls.begin();
        if begun.is_some() || state.calls.is_closed() {
            return begun;
        }
        state.threads.idle += 1;
        state = shared.submitted.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.threads.idle -= 1;
    }
}
