//! A queue of calls that threads of the library make, and whose results the program takes.
//!
//! [`Queue`] is used from any thread. `state` has the calls, `worker` makes them, `shared` is what both use. A lock is held for short, also while a
//! result is delivered, so that a call that was abandoned is never delivered later. A child of fork never waits for the
//! lock, which another thread of its parent may have had.

mod call;
mod pending;
mod shared;
mod state;
mod threads;
mod worker;

use std::os::fd::RawFd;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

pub use self::call::{Deliver, Job, Submitted, Taken};
pub use self::pending::pending;
use self::shared::{Shared, State};
use self::state::Calls;
use self::threads::{Threads, exhausted};
use crate::call::Canceller;
use crate::error::{Error, Result, Status};
use crate::host::fork;
use crate::host::notifier::{Announcements, Notifier};

/// The highest number of calls under way at a time.
pub const MOST_CONCURRENT: i32 = 64;

/// How long a thread that takes calls sleeps before it looks again, while many wait.
const LONGEST_PAUSE: Duration = Duration::from_micros(500);

/// A queue. `E` is where the error of a call goes.
pub struct Queue<E> {
    shared: Arc<Shared<E>>,
}

/// The answer of [`Queue::next`].
pub enum Next<T> {
    /// A call was taken.
    Taken(T),
    /// None has ended in time.
    Pending,
    /// The queue is closed, and nothing is left.
    Closed,
}

impl<E: Send + 'static> Queue<E> {
    /// A queue with up to `concurrency` calls under way at a time.
    pub fn new(concurrency: i32) -> Result<Queue<E>> {
        let allowed = usize::try_from(concurrency).ok().filter(|_| (1..=MOST_CONCURRENT).contains(&concurrency));
        let Some(concurrency) = allowed else {
            let message = format!("concurrency is {concurrency}; it must be from 1 to {MOST_CONCURRENT}");
            return Err(Error::invalid_argument(message));
        };
        let notifier = Notifier::new().map_err(|error| exhausted(format!("no descriptors for a queue: {error}")))?;
        let descriptor = notifier.descriptor();
        pending::begin();
        let state = State {
            calls: Calls::default(),
            counted: 0,
            threads: Threads::default(),
            notifier: Some(Arc::new(notifier)),
            is_raised: false,
            alarm: None,
            announcements: Announcements::new(),
        };
        let (state, submitted, generation) = (Mutex::new(state), Condvar::new(), fork::generation());
        Ok(Queue { shared: Arc::new(Shared { state, submitted, concurrency, descriptor, generation }) })
    }

    /// The descriptor for an event loop; -1 in a child of fork.
    pub fn descriptor(&self) -> RawFd {
        self.shared.check_process().map_or(-1, |()| self.shared.descriptor)
    }

    /// `HF_ERR_UNSUPPORTED` in a child of fork.
    pub fn check_process(&self) -> Result<()> {
        self.shared.check_process()
    }

    /// Adds a call, which `submitted` describes. Whatever `job` needs is in it.
    pub fn submit(&self, submitted: Submitted<E>, job: Job) -> Result<()> {
        self.shared.check_process()?;
        let submission = submitted.submission.clone();
        let mut state = self.shared.lock();
        if state.calls.is_closed() {
            return Err(Error::new(Status::Cancelled, "the queue is closed"));
        }
        self.start_thread(&mut state, 1)?;
        state.calls.submit(submitted, job);
        let now = Instant::now();
        // A cancellation before this line may have been announced before the call was in the queue.
        let discarded = if submission.is_cancelled() { state.calls.cancel(now) } else { Vec::new() };
        let raise = state.notify(now);
        let is_awaited = state.threads.are_idle();
        drop(state);
        raise.send();
        if is_awaited {
            self.shared.submitted.notify_one();
        }
        drop(discarded);
        Ok(())
    }

    /// Starts a thread if there are more calls for one than threads that wait, `more` of which are about to be added.
    fn start_thread(&self, state: &mut State<E>, more: usize) -> Result<()> {
        if state.threads.are_needed(state.calls.waiting() + more, self.shared.concurrency) {
            let shared = Arc::clone(&self.shared);
            state.threads.start(move || worker::run(&shared))?;
        }
        Ok(())
    }

    /// Waits until a call has ended, and lets `take` have it. While `take` runs the call cannot be abandoned.
    pub fn next<T>(&self, timeout: Option<Duration>, mut take: impl FnMut(Taken<E>) -> T) -> Result<Next<T>> {
        self.shared.check_process()?;
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut lowered: Option<Arc<Notifier>> = None;
        let mut has_given_way = timeout.is_some_and(|timeout| timeout.is_zero());
        loop {
            let notifier = match self.take(lowered.is_some(), &mut take) {
                Ok(next) => {
                    // Once a queue was freed, nobody else raises its descriptor for those that still wait.
                    if let (Next::Closed, Some(notifier)) = (&next, lowered) {
                        notifier.raise();
                    }
                    return Ok(next);
                }
                Err(notifier) => notifier,
            };
            if !std::mem::replace(&mut has_given_way, true) {
                self.give_way(end);
                continue;
            }
            if lowered.is_none() {
                // A call that has ended meanwhile is seen by another look.
                notifier.lower();
                lowered = Some(notifier);
                continue;
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(Next::Pending);
            }
            notifier.wait(left);
            lowered = None;
        }
    }

    /// Lets the threads of the queue run before this one waits for the descriptor, so that one wake-up serves all calls that
    /// end meanwhile. While more calls wait than can be under way it sleeps for a moment: the wake-up for each call that
    /// ends would take processor time from the calls that wait.
    fn give_way(&self, end: Option<Instant>) {
        if self.shared.lock().calls.waiting() < self.shared.concurrency {
            return thread::yield_now();
        }
        let left = end.map_or(LONGEST_PAUSE, |end| end.saturating_duration_since(Instant::now()));
        thread::sleep(left.min(LONGEST_PAUSE));
    }

    /// Takes a call that has ended. `Err`: there is none, and this tells of the next one. `is_lowered`: its descriptor
    /// was lowered before.
    fn take<T>(&self, is_lowered: bool, take: impl FnOnce(Taken<E>) -> T) -> Result<Next<T>, Arc<Notifier>> {
        let mut state = self.shared.lock();
        state.is_raised &= !is_lowered;
        let waiting = state.calls.waiting();
        let discarded = state.look();
        let has_woken = state.calls.waiting() > waiting;
        if has_woken {
            // A failure leaves the calls to the threads that there are.
            let _ = self.start_thread(&mut state, 0);
        }
        let taken = state.calls.take().map(take);
        let raise = state.notify(Instant::now());
        let is_over = state.calls.is_closed() && state.calls.len() == 0;
        let notifier = if taken.is_none() { state.notifier.clone() } else { None };
        drop(state);
        if has_woken {
            self.shared.submitted.notify_all();
        }
        raise.send();
        drop(discarded);
        match (taken, notifier) {
            (Some(taken), _) => Ok(Next::Taken(taken)),
            (None, Some(notifier)) if !is_over => Err(notifier),
            _ => Ok(Next::Closed),
        }
    }

    /// Whether the queue was freed. It answers all calls with the error of a closed one.
    pub fn is_freed(&self) -> bool {
        self.shared.check_process().is_ok() && self.shared.lock().notifier.is_none()
    }

    /// Whether both are the same queue.
    pub fn is_same(&self, other: &Queue<E>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The number of calls that were submitted and not taken.
    pub fn pending(&self) -> usize {
        self.shared.check_process().map_or(0, |()| self.shared.lock().calls.len())
    }

    /// Takes no more calls, and cancels those that have not ended.
    pub fn close(&self) {
        if self.shared.check_process().is_err() {
            return;
        }
        let mut state = self.shared.lock();
        let now = Instant::now();
        let discarded = state.calls.close(now);
        let raise = state.notify(now);
        drop(state);
        raise.send();
        self.shared.submitted.notify_all();
        drop(discarded);
    }

    /// Cancels the calls with these settings. None of them is delivered any more.
    pub fn abandon(&self, owner: &Canceller) {
        if self.shared.check_process().is_err() {
            return;
        }
        let mut state = self.shared.lock();
        let discarded = state.calls.abandon(owner);
        let raise = state.notify(Instant::now());
        drop(state);
        raise.send();
        drop(discarded);
    }

    /// Closes the queue, waits for what is under way, and drops what was not taken. In a child of fork nothing is waited
    /// for.
    pub fn free(&self) {
        if self.shared.check_process().is_err() {
            self.shared.leave_in_child();
            return;
        }
        self.close();
        let handles = self.shared.lock().threads.take();
        threads::join(handles);
        let mut state = self.shared.lock();
        let discarded = state.calls.clear();
        // Whoever waits sees the end, also if a thread that has lowered the descriptor has not looked since.
        state.is_raised = false;
        let raise = state.notify(Instant::now());
        let notifier = state.notifier.take();
        drop(state);
        raise.send();
        drop((discarded, notifier));
    }
}

impl<E> Clone for Queue<E> {
    fn clone(&self) -> Queue<E> {
        Queue { shared: Arc::clone(&self.shared) }
    }
}

#[cfg(not(miri))]
#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;
    use crate::call::Call;

    /// Submits a job that gets its deadline, and returns its settings.
    fn submit(queue: &Queue<()>, tag: usize, job: impl Fn(&Call) -> Result<()> + Send + 'static) -> Canceller {
        let (original, owner) = Call::cancellable();
        let (call, submission) = original.submit();
        assert!(call.start(Duration::from_secs(60)).remaining().is_err() && submission.has_to_wait());
        submission.resume();
        let submitted = Submitted { tag, owner: owner.clone(), submission: submission.clone(), error: () };
        let run = move || {
            submission.begin();
            job(&call).map(|()| Box::new(|| Ok(Status::Ok)) as Deliver)
        };
        queue.submit(submitted, Box::new(run)).unwrap();
        owner
    }

    fn take(queue: &Queue<()>) -> (usize, Option<Status>) {
        let taken = queue.next(None, |taken| (taken.tag, taken.outcome.err().map(|error| error.status())));
        let Ok(Next::Taken(taken)) = taken else { panic!("nothing was taken") };
        taken
    }

    #[test]
    fn a_call_that_rests_leaves_its_thread_to_others() {
        let queue = Queue::new(1).unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        submit(&queue, 1, move |call| match counted.fetch_add(1, Ordering::Relaxed) {
            0..3 => call.start(Duration::from_secs(60)).rest_until(Instant::now() + Duration::from_millis(20)),
            _ => Ok(()),
        });
        submit(&queue, 2, |_| Ok(()));
        assert_eq!(take(&queue), (2, None), "the only thread was free");
        assert_eq!(take(&queue), (1, None));
        assert_eq!(runs.load(Ordering::Relaxed), 4);
        queue.free();
    }

    #[test]
    fn threads_that_wait_see_the_end_of_a_queue_that_its_own_thread_frees() {
        let queue = Queue::new(1).unwrap();
        let (ended, ends) = mpsc::channel();
        for _ in 0..3 {
            let (queue, ended) = (queue.clone(), ended.clone());
            thread::spawn(move || ended.send(matches!(queue.next(None, |_| ()), Ok(Next::Closed))).unwrap());
        }
        let own = queue.clone();
        submit(&queue, 1, move |_| {
            // As a log callback does. The others wait by then, or see the end without having waited.
            thread::sleep(Duration::from_millis(100));
            own.free();
            Ok(())
        });
        for _ in 0..3 {
            assert_eq!(ends.recv_timeout(Duration::from_secs(60)), Ok(true));
        }
    }

    #[test]
    fn a_call_that_rests_ends_when_it_is_cancelled_or_closed() {
        let queue = Queue::new(1).unwrap();
        let rest =
            |call: &Call| call.start(Duration::from_secs(60)).rest_until(Instant::now() + Duration::from_secs(50));
        let owner = submit(&queue, 1, rest);
        submit(&queue, 2, rest);
        owner.cancel();
        crate::host::notifier::announce();
        assert_eq!(take(&queue), (1, Some(Status::Cancelled)));
        queue.close();
        assert_eq!(take(&queue), (2, Some(Status::Cancelled)));
        assert!(matches!(queue.next(None, |_| ()), Ok(Next::Closed)));
        queue.free();
    }
}
