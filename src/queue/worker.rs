//! What a thread of a queue does.

use std::sync::PoisonError;
use std::time::Instant;

use super::shared::Shared;
use crate::host::panic_hook::InsideLibrary;

/// Makes calls until the queue is closed.
pub(super) fn run<E>(shared: &Shared<E>) {
    let _inside = InsideLibrary::enter();
    let mut state = shared.lock();
    loop {
        let Some((number, job)) = state.calls.begin() else {
            if state.calls.is_closed() {
                return;
            }
            state.threads.idle += 1;
            state = shared.submitted.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.threads.idle -= 1;
            continue;
        };
        drop(state);
        let outcome = job();
        state = shared.lock();
        let discarded = state.calls.finish(number, outcome);
        state.notify(Instant::now());
        if discarded.is_some() {
            drop(state);
            drop(discarded);
            state = shared.lock();
        }
    }
}
