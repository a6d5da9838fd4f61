//! The limit of connections (`VAULT_MAX_CONNECTIONS`): who may use one, in the order in which they came.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};

use crate::call::{Deadline, WAIT_SLICE};
use crate::error::Result;
use crate::host::fork;
use crate::host::held::Held;

/// The limit of one manager.
pub struct Limit {
    most: usize,
    state: Held<State>,
}

/// The permits of one process. A child of a fork starts with all of them.
struct State {
    fork: u32,
    in_use: usize,
    waiting: VecDeque<Arc<Waiter>>,
}

/// A thread that waits for a permit.
struct Waiter {
    thread: Thread,
    granted: AtomicBool,
}

/// The right to use one connection, returned when it is dropped.
pub struct Permit {
    limit: Arc<Limit>,
    fork: u32,
}

impl State {
    fn of_this_process(&mut self) -> &mut State {
        let fork = fork::generation();
        if self.fork != fork {
            *self = State { fork, in_use: 0, waiting: VecDeque::new() };
        }
        self
    }

    /// Gives a permit to the next waiter, or takes it back.
    fn pass_on(&mut self) {
        match self.waiting.pop_front() {
            Some(next) => {
                next.granted.store(true, Ordering::Release);
                next.thread.unpark();
            }
            None => self.in_use = self.in_use.saturating_sub(1),
        }
    }
}

impl Limit {
    /// Allows `most` connections at a time.
    pub fn new(most: usize) -> Arc<Limit> {
        let state = State { fork: fork::generation(), in_use: 0, waiting: VecDeque::new() };
        Arc::new(Limit { most, state: Held::new(state) })
    }

    /// How many connections there may be.
    pub fn most(&self) -> usize {
        self.most
    }

    /// How many connections are in use.
    pub fn in_use(&self) -> usize {
        self.state.with(|state| state.of_this_process().in_use)
    }

    /// A permit, if one is free and nobody waits for it.
    pub fn try_take(self: &Arc<Limit>) -> Option<Permit> {
        self.state.with(|state| {
            let state = state.of_this_process();
            let is_free = state.in_use < self.most && state.waiting.is_empty();
            is_free.then(|| {
                state.in_use += 1;
                self.permit(state.fork)
            })
        })
    }

    /// Waits for a permit, after those that came before, up to the deadline.
    pub fn take(self: &Arc<Limit>, deadline: &Deadline) -> Result<Permit> {
        match self.try_take() {
            Some(permit) => Ok(permit),
            None => self.wait(deadline),
        }
    }

    #[cold]
    fn wait(self: &Arc<Limit>, deadline: &Deadline) -> Result<Permit> {
        let waiter = Arc::new(Waiter { thread: thread::current(), granted: AtomicBool::new(false) });
        let fork = self.state.with(|state| {
            let state = state.of_this_process();
            // A permit may have become free since the first look.
            state.waiting.push_back(waiter.clone());
            if state.in_use < self.most {
                state.in_use += 1;
                state.pass_on();
            }
            state.fork
        });
        while !waiter.granted.load(Ordering::Acquire) {
            match deadline.remaining() {
                Ok(left) => thread::park_timeout(left.min(WAIT_SLICE)),
                Err(error) => {
                    self.leave(&waiter);
                    let most = self.most;
                    let what = format!("all {most} connections are in use, the limit of VAULT_MAX_CONNECTIONS");
                    return Err(error.in_context(&what));
                }
            }
        }
        Ok(self.permit(fork))
    }

    /// Ends the wait of a waiter. A permit that it was given at the last moment goes to the next one.
    fn leave(&self, waiter: &Arc<Waiter>) {
        self.state.with(|state| {
            let state = state.of_this_process();
            match state.waiting.iter().position(|other| Arc::ptr_eq(other, waiter)) {
                Some(place) => drop(state.waiting.remove(place)),
                None => state.pass_on(),
            }
        });
    }

    fn permit(self: &Arc<Limit>, fork: u32) -> Permit {
        Permit { limit: self.clone(), fork }
    }
}

impl Permit {
    /// Drops the permit. Out of line: most managers have no limit.
    #[cold]
    pub fn give_back(self) {}
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limit.state.with(|state| {
            // A permit of a parent process is none of this one.
            if state.of_this_process().fork == self.fork {
                state.pass_on();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::call::Call;
    use crate::error::Status;

    fn within(limit: Duration) -> Deadline {
        Call::default().start(limit)
    }

    #[test]
    fn permits_go_to_waiters_in_the_order_in_which_they_came() {
        let limit = Limit::new(1);
        let first = limit.take(&within(Duration::from_secs(10))).unwrap();
        let order = Arc::new(Held::new(Vec::new()));
        let waiters: Vec<_> = (0..4)
            .map(|number| {
                let (mine, order) = (limit.clone(), order.clone());
                let thread = thread::spawn(move || {
                    let _permit = mine.take(&within(Duration::from_secs(10))).unwrap();
                    order.with(|order| order.push(number));
                });
                while limit.state.with(|state| state.waiting.len()) <= number {
                    thread::yield_now();
                }
                thread
            })
            .collect();
        assert!(limit.try_take().is_none());
        drop(first);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!((order.with(|order| order.clone()), limit.in_use()), (vec![0, 1, 2, 3], 0));
    }

    #[test]
    fn a_wait_ends_with_the_call_and_takes_nothing() {
        let limit = Limit::new(1);
        let held = limit.try_take().unwrap();
        let error = limit.take(&within(Duration::from_millis(20))).err().unwrap();
        assert_eq!(error.status(), Status::Timeout);
        assert!(error.message().contains("VAULT_MAX_CONNECTIONS"), "{error}");
        let (call, canceller) = Call::cancellable();
        canceller.cancel();
        let error = limit.take(&call.start(Duration::from_secs(10))).err().unwrap();
        assert_eq!(error.status(), Status::Cancelled);
        drop(held);
        assert!(limit.try_take().is_some());
    }
}
