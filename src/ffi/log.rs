//! Logging
//!
//! The library logs nothing by default. A log line goes to the callback that was set on the options of its manager;
//! without one, to the process-wide callback; without either, to standard error if `VAULT_LOG_LEVEL` is set. A line
//! that standard error does not accept at once is dropped; the next line that is written says how many were dropped. No
//! line at any level contains a secret value, a token or a secret_id.
//!
//! A callback runs on the thread whose call logs the line, so it may run on several threads at once. The call waits
//! until the callback returns. The library holds no lock while a callback runs: the callback may call the library and
//! may replace itself. It must return normally, without a C++ exception, longjmp or pthread_exit.

use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;

use ::log::{Level, LevelFilter};

use super::guard;
use crate::error::{Error, Result};
use crate::observe::log::{LogSink, set_global_sink};

/// No log lines.
pub const HF_LOG_OFF: i32 = 0;

/// Failures.
pub const HF_LOG_ERROR: i32 = 1;

/// Conditions that need attention, such as disabled TLS verification or two kinds of credentials.
pub const HF_LOG_WARN: i32 = 2;

/// Changes of state, such as a login or a change to another node.
pub const HF_LOG_INFO: i32 = 3;

/// The result of each request.
pub const HF_LOG_DEBUG: i32 = 4;

/// Every step of a request.
pub const HF_LOG_TRACE: i32 = 5;

/// A function that receives log lines.
///
/// `level` is one of `HF_LOG_ERROR` to `HF_LOG_TRACE`. `message` is one line of UTF-8 and valid only during the call.
/// `user_data` is the pointer that was set with the callback.
pub type hf_log_callback = Option<unsafe extern "C" fn(level: i32, message: *const c_char, user_data: *mut c_void)>;

/// A function that the library calls once, on any thread, when it no longer uses `user_data`.
pub type hf_destroy = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Sets or removes the process-wide log callback. It receives the lines of all managers whose options have no callback.
///
/// May be called from any thread at any time, also from a callback. Does not block. The previous callback's `destroy`
/// is called when no thread runs that callback any more: usually before this function returns, otherwise on the last
/// thread that leaves the callback.
///
/// @param callback   Receives the lines. NULL removes the callback; `user_data` and `destroy` are then ignored.
/// @param user_data  Passed to `callback` and `destroy`. The caller keeps it valid until `destroy` is called. May be
///     NULL.
/// @param destroy    Called once when `user_data` is no longer needed. May be NULL.
/// @param max_level  The most verbose level (`HF_LOG_*`) that is passed on. Smaller numbers mean `HF_LOG_OFF`, larger
///     ones `HF_LOG_TRACE`.
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

/// A C callback. Each call of it holds the `Arc` that it lives in, so `destroy` is called after the last one.
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
