//! Metrics
//!
//! What the library has done, as text for Prometheus: counts, durations, connections, and the time until the token
//! expires. docs/metrics.md lists them. Labels come from closed sets: never a path, a key, a namespace or a secret. A
//! child process counts from zero.

use std::ffi::c_char;

use super::arguments::Out;
use super::error::{hf_error, hf_status};
use super::handle::Counted;
use super::manager::hf_manager;
use super::outcome;
use crate::error::Status;
use crate::open;
use crate::secret::Secret;

/// Returns the metrics of a manager, or those of the whole process: of all managers, also of those that were closed
/// since. The format is Prometheus' text format 0.0.4, to be served with the content type
/// `text/plain; version=0.0.4`.
///
/// May be called from any thread. Does not block, and sends no request.
///
/// @param manager   The manager. NULL for the process. A manager of the `env` backend has no metrics: the text is empty.
/// @param out_text  Receives the text; the caller frees it with `hf_free_string`. Set to NULL on failure.
/// @param error     Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    The text was written.
/// @retval HF_ERR_INVALID_ARGUMENT  `out_text` is NULL.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_metrics(
    manager: *const hf_manager,
    out_text: *mut *mut c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let out = Out::clear(out_text, "out_text")?;
            let text = match hf_manager::borrow(manager) {
                Some(manager) => manager.metrics(),
                None => open::process_metrics(),
            };
            out.set(Secret::copy_of(&text).into_raw());
            Ok(Status::Ok)
        })
    }
}
