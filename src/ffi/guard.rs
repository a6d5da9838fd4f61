//! What every call from C passes through: a panic ends here, `errno` is what it was, and the thread is not cancelled
//! half-way.

use std::any::Any;
use std::ffi::c_int;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;

use super::error::{hf_error, hf_status};
use crate::error::{Error, Result, Status};
use crate::host::panic_hook::{self, InsideLibrary};

/// Runs a function that reports a status. A failure is put into `*error` where `error` is not NULL; `*error` is NULL in
/// every other case.
///
/// # Safety
/// `error` is NULL or may be written to.
pub(super) unsafe fn status(error: *mut *mut hf_error, body: impl FnOnce() -> Result<Status>) -> hf_status {
    let error = NonNull::new(error);
    if let Some(error) = error {
        // SAFETY: the caller's promise; it is not read, because it may never have been written.
        unsafe { error.write(std::ptr::null_mut()) };
    }
    match visit(body).unwrap_or_else(Err) {
        Ok(status) => status.code(),
        Err(failure) => {
            if let Some(error) = error {
                // SAFETY: as above.
                unsafe { error.write(hf_error::into_raw(&failure)) };
            }
            failure.status().code()
        }
    }
}

/// Runs a function that has no way to report a failure: it gives `fallback` where there is a bug in the library.
pub(super) fn infallible<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    visit(body).unwrap_or(fallback)
}

/// Runs `body` as a guest in the calling thread; a panic becomes an error of status `HF_ERR_INTERNAL`.
fn visit<T>(body: impl FnOnce() -> T) -> Result<T> {
    panic_hook::install();
    let _visit = Visit::begin();
    panic::catch_unwind(AssertUnwindSafe(body)).map_err(bug)
}

/// The error of a caught panic: where it happened, and not what it said, because that may hold a value.
fn bug(payload: Box<dyn Any + Send>) -> Error {
    // Dropping somebody's payload may panic in turn.
    if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
    let place = panic_hook::last_place();
    let (version, issues) = (env!("CARGO_PKG_VERSION"), concat!(env!("CARGO_PKG_REPOSITORY"), "/issues"));
    Error::new(Status::Internal, format!("a bug in handsfree_secrets {version}{place}; please report it: {issues}"))
}

/// The state of the calling thread that a call must leave as it was; restored on drop.
struct Visit {
    errno: c_int,
    cancel_state: Option<c_int>,
    _quiet: InsideLibrary,
}

impl Visit {
    fn begin() -> Visit {
        let errno = errno::get();
        let mut before = 0;
        // SAFETY: writes the previous state to where it is told.
        let refused = unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut before) };
        Visit { errno, cancel_state: (refused == 0).then_some(before), _quiet: InsideLibrary::enter() }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(before) = self.cancel_state {
            let mut ignored = 0;
            // SAFETY: as in `begin`.
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

/// Miri, which interprets the tests, knows no cancellation of threads.
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
    use crate::ffi::{HF_ERR_INTERNAL, HF_OK, hf_error_free, hf_error_message, hf_error_status};
    use std::ffi::CStr;
    use std::process::Command;

    const CANARY: &str = "canary-3d1f";

    #[test]
    fn a_panic_becomes_an_error_that_does_not_repeat_it() {
        let mut error = std::ptr::null_mut();
        let code = unsafe { status(&mut error, || panic!("{CANARY}")) };
        assert_eq!((code, unsafe { hf_error_status(error) }), (HF_ERR_INTERNAL, HF_ERR_INTERNAL));
        let message = unsafe { CStr::from_ptr(hf_error_message(error)) }.to_str().unwrap().to_owned();
        assert!(message.contains(" at guard.rs:") && !message.contains(CANARY), "{message}");
        assert!(
            message.ends_with("please report it: https://github.com/handsfree/libhandsfree_secrets/issues"),
            "{message}"
        );
        unsafe { hf_error_free(error) };
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_no_second_panic() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("{CANARY}");
            }
        }
        let code = unsafe { status(std::ptr::null_mut(), || panic::panic_any(Bomb)) };
        assert_eq!(code, HF_ERR_INTERNAL);
    }

    #[test]
    fn a_panic_prints_nothing_inside_a_call_and_as_ever_outside() {
        const ROLE: &str = "HF_TEST_PANIC_WHERE";
        match std::env::var(ROLE).as_deref() {
            Ok("inside") => {
                assert_eq!(unsafe { status(std::ptr::null_mut(), || panic!("{CANARY}")) }, HF_ERR_INTERNAL);
            }
            Ok("outside") => {
                assert_eq!(unsafe { status(std::ptr::null_mut(), || Ok(Status::Ok)) }, HF_OK);
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
