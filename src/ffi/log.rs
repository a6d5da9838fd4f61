//! Logging
//!
//! The library is silent unless it is asked. A line goes to the callback of its manager's options if they have one,
//! else to the process-wide callback, else to standard error if `VAULT_LOG_LEVEL` says so. No line at any level holds
//! a secret value, a token or a secret_id.
//!
//! A callback may run on any thread that calls the library, on several at once, and no lock of the library is held
//! meanwhile: it may call the library, and may replace itself. It must return: no C++ exception, no longjmp, no
//! pthread_exit.

use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;

use ::log::{Level, LevelFilter};

use super::guard;
use crate::error::{Error, Result};
use crate::observe::log::{LogSink, set_global_sink};

/// No line at all.
pub const HF_LOG_OFF: i32 = 0;

/// Something failed.
pub const HF_LOG_ERROR: i32 = 1;

/// Needs attention: TLS verification is off, two kinds of credentials are set.
pub const HF_LOG_WARN: i32 = 2;

/// Changes of state: a login, another node.
pub const HF_LOG_INFO: i32 = 3;

/// What each request did.
pub const HF_LOG_DEBUG: i32 = 4;

/// Every step.
pub const HF_LOG_TRACE: i32 = 5;

/// Receives log lines.
///
/// `level` is one of `HF_LOG_ERROR` to `HF_LOG_TRACE`. `message` is UTF-8 in one line, valid during the call only.
/// `user_data` is what was given with the callback.
pub type hf_log_callback = Option<unsafe extern "C" fn(level: i32, message: *const c_char, user_data: *mut c_void)>;

/// Called once, when the library will never use `user_data` again; on any thread.
pub type hf_destroy = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Sets or removes the process-wide log callback, which serves all managers whose options have none.
///
/// Any thread, at any time, also from within the callback; does not block. The `destroy` of the callback before is
/// called once the last call into it has returned: mostly before this function returns, else on the thread that was
/// still inside of it.
///
/// @param callback   Receives the lines. NULL: none from now on; then `user_data` and `destroy` are not used.
/// @param user_data  Passed to `callback` and `destroy`; may be NULL. Stays the caller's until `destroy` is called.
/// @param destroy    Called once when `user_data` is no longer needed; NULL: nothing to do.
/// @param max_level  `HF_LOG_*`: lines beyond this level are not passed on. A smaller number is taken as `HF_LOG_OFF`,
///     a larger one as `HF_LOG_TRACE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_set_log_callback(
    callback: hf_log_callback,
    user_data: *mut c_void,
    destroy: hf_destroy,
    max_level: i32,
) {
    guard::infallible((), || {
        let level = filter(max_level.clamp(HF_LOG_OFF, HF_LOG_TRACE)).unwrap_or(LevelFilter::Off);
        set_global_sink(sink(callback, user_data, destroy).map(|sink| (sink, level)));
    });
}

/// The level that a number stands for.
pub(super) fn level(max_level: i32) -> Result<LevelFilter> {
    filter(max_level).ok_or_else(|| {
        Error::invalid_argument(format!(
            "max_level is {max_level}; it must be one of HF_LOG_OFF ({HF_LOG_OFF}) to HF_LOG_TRACE ({HF_LOG_TRACE})"
        ))
    })
}

fn filter(max_level: i32) -> Option<LevelFilter> {
    Some(match max_level {
        HF_LOG_OFF => LevelFilter::Off,
        HF_LOG_ERROR => LevelFilter::Error,
        HF_LOG_WARN => LevelFilter::Warn,
        HF_LOG_INFO => LevelFilter::Info,
        HF_LOG_DEBUG => LevelFilter::Debug,
        HF_LOG_TRACE => LevelFilter::Trace,
        _ => return None,
    })
}

/// The callback as a sink; dropping the sink calls `destroy`.
pub(super) fn sink(callback: hf_log_callback, user_data: *mut c_void, destroy: hf_destroy) -> Option<Arc<dyn LogSink>> {
    let callback = callback?;
    Some(Arc::new(Callback { callback, user_data, destroy }))
}

/// A callback of C's. It lives in an `Arc` that each call into it holds on to, so `destroy` comes after the last one.
struct Callback {
    callback: unsafe extern "C" fn(i32, *const c_char, *mut c_void),
    user_data: *mut c_void,
    destroy: hf_destroy,
}

// SAFETY: the header says that callbacks run on any thread, several at once; `user_data` is only passed on.
unsafe impl Send for Callback {}
// SAFETY: as above.
unsafe impl Sync for Callback {}

impl LogSink for Callback {
    fn log(&self, level: Level, message: &CStr) {
        let level = match level {
            Level::Error => HF_LOG_ERROR,
            Level::Warn => HF_LOG_WARN,
            Level::Info => HF_LOG_INFO,
            Level::Debug => HF_LOG_DEBUG,
            Level::Trace => HF_LOG_TRACE,
        };
        // SAFETY: whoever set the callback promised that it can be called until `destroy` is.
        unsafe { (self.callback)(level, message.as_ptr(), self.user_data) }
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: as above; this runs once, and nobody can be inside the callback any more.
            unsafe { destroy(self.user_data) }
        }
    }
}
