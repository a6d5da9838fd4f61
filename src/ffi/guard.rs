//! The boundary to C: catches panics, preserves `errno`, and disables thread cancellation inside the library. It does
//! not use the C types.

use std::any::Any;
use std::ffi::c_int;
use std::panic::{self, AssertUnwindSafe};

use crate::error::{Error, Result, Status};
use crate::host::panic_hook::{self, InsideLibrary};

/// Runs a function that cannot report a failure, such as one that creates or frees an object and does not block.
/// Returns `fallback` if the function panics.
pub(super) fn infallible<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch(body).unwrap_or(fallback)
}

/// Runs `body`; a panic becomes an error of status `HF_ERR_INTERNAL`.
pub(super) fn catch<T>(body: impl FnOnce() -> T) -> Result<T> {
    panic_hook::install();
    let _kept = ThreadState::keep();
    panic::catch_unwind(AssertUnwindSafe(body)).map_err(bug)
}

/// The error of a caught panic: its location, without its message, which may contain a value.
fn bug(payload: Box<dyn Any + Send>) -> Error {
    // Dropping a payload may panic, too.
    if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
    let place = panic_hook::last_place();
    let (version, issues) = (env!("CARGO_PKG_VERSION"), concat!(env!("CARGO_PKG_REPOSITORY"), "/issues"));
    Error::new(Status::Internal, format!("a bug in handsfree_secrets {version}{place}; please report it: {issues}"))
}

/// The state of the calling thread that a call must leave as it was; restored on drop.
struct ThreadState {
    errno: c_int,
    cancel_state: Option<c_int>,
    _inside: InsideLibrary,
}

impl ThreadState {
    fn keep() -> ThreadState {
        let errno = errno::get();
        let mut before = 0;
        // SAFETY: writes the previous state to where it is told.
        let refused = unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut before) };
        ThreadState { errno, cancel_state: (refused == 0).then_some(before), _inside: InsideLibrary::enter() }
    }
}

impl Drop for ThreadState {
    fn drop(&mut self) {
        if let Some(before) = self.cancel_state {
            let mut ignored = 0;
            // SAFETY: as in `keep`.
            unsafe { pthread_setcancelstate(before, &mut ignored) };
        }
        errno::set(self.errno);
    }
}

// Declared here because `libc` lacks it for some targets. Cancelling a thread unwinds its stack as an exception would,
// which must not happen to Rust frames, nor leave a request half sent.
#[cfg(not(miri))]
unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, previous: *mut c_int) -> c_int;
}

/// Miri, which interprets the tests, does not support thread cancellation.
#[cfg(miri)]
unsafe fn pthread_setcancelstate(_: c_int, _: *mut c_int) -> c_int {
    libc::ENOSYS
}

#[cfg(target_vendor = "apple")]
const PTHREAD_CANCEL_DISABLE: c_int = 0;
#[cfg(not(target_vendor = "apple"))]
const PTHREAD_CANCEL_DISABLE: c_int = 1;

mod errno {
    use std::ffi::c_int;

    #[cfg(not(any(target_vendor = "apple", target_os = "freebsd")))]
    use libc::__errno_location as location;
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    use libc::__error as location;

    pub(super) fn get() -> c_int {
        // SAFETY: the address is that of the calling thread's own variable.
        unsafe { *location() }
    }

    pub(super) fn set(value: c_int) {
        // SAFETY: as above.
        unsafe { *location() = value }
    }
}

#[cfg(test)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "what the pointers point at stands in sight")]
mod tests {
    use super::*;
    use std::process::Command;

    const CANARY: &str = "canary-3d1f";

    #[test]
    fn a_payload_that_panics_when_dropped_is_no_second_panic() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("{CANARY}");
            }
        }
        let outcome = catch(|| panic::panic_any(Bomb));
        assert_eq!(outcome.unwrap_err().status(), Status::Internal);
    }

    #[test]
    fn a_panic_prints_nothing_inside_a_call_and_as_ever_outside() {
        const ROLE: &str = "HF_TEST_PANIC_WHERE";
        match std::env::var(ROLE).as_deref() {
            Ok("inside") => {
                assert!(catch(|| panic!("{CANARY}")).is_err());
            }
            Ok("outside") => {
                assert!(catch(|| ()).is_ok());
                let _ = panic::catch_unwind(|| panic!("{CANARY}"));
            }
            _ => {
                let this = std::thread::current().name().unwrap().to_owned();
                for (place, prints) in [("inside", false), ("outside", true)] {
                    let output = Command::new(std::env::current_exe().unwrap())
                        .args(["--exact", &this, "--nocapture", "--test-threads=1"])
                        .env(ROLE, place)
                        .output()
                        .unwrap();
                    let text = [output.stdout, output.stderr].concat();
                    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
                    assert_eq!(String::from_utf8_lossy(&text).contains(CANARY), prints, "{place}");
                }
            }
        }
    }

    #[test]
    fn errno_and_the_cancel_state_are_what_they_were() {
        let state = || {
            let mut state = 0;
            unsafe { pthread_setcancelstate(0, &mut state) };
            unsafe { pthread_setcancelstate(state, &mut 0) };
            state
        };
        let before = state();
        errno::set(77);
        let inside = infallible(-1, || {
            errno::set(1);
            state()
        });
        assert_eq!((errno::get(), inside, state()), (77, PTHREAD_CANCEL_DISABLE, before));
        assert_ne!(before, PTHREAD_CANCEL_DISABLE);
    }
}
