//! Versions
//!
//! KV version 2 keeps versions of a secret: their numbers, states and times. KV version 1 and the `env` backend have none
//! (`HF_ERR_UNSUPPORTED`). These functions share the statuses of the section "Secrets".

use std::ffi::{CString, c_char};

use super::arguments::{Out, copied_text};
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::handle::{Counted, Owned};
use super::manager::hf_manager;
use super::metadata::hf_metadata;
use super::{export, guard};
use crate::call::{Call, Purpose};
use crate::error::Status;
use crate::vault::{State, Versions};

/// The version can be read.
pub const HF_VERSION_LIVE: i32 = 1;

/// The version was deleted, and can be undeleted.
pub const HF_VERSION_DELETED: i32 = 2;

/// The content of the version is gone for good.
pub const HF_VERSION_DESTROYED: i32 = 3;

/// The versions of a secret. Immutable, so any thread may read them. One owner, who frees them with `hf_versions_free`.
pub struct hf_versions {
    versions: Box<[Version]>,
    custom_metadata: hf_metadata,
}

struct Version {
    number: i64,
    state: i32,
    created: CString,
    deletion: CString,
}

impl Owned for hf_versions {}

impl From<Versions> for hf_versions {
    fn from(versions: Versions) -> hf_versions {
        let text = |text: String| CString::new(text).unwrap_or_default();
        let versions_for_c = versions.versions.into_iter().map(|version| Version {
            number: version.number as i64,
            state: match version.state {
                State::Live => HF_VERSION_LIVE,
                State::Deleted => HF_VERSION_DELETED,
                State::Destroyed => HF_VERSION_DESTROYED,
            },
            created: text(version.created),
            deletion: text(version.deletion),
        });
        hf_versions { versions: versions_for_c.collect(), custom_metadata: versions.custom_metadata.into() }
    }
}

/// Lists the versions of a secret, and its custom metadata, with one request.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager       The manager.
/// @param reference     The reference of the secret.
/// @param call          Deadline and cancellation. NULL for the defaults.
/// @param out_versions  Receives the versions; the caller frees them with `hf_versions_free`. NULL unless the status is
///     `HF_OK`.
/// @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     `*out_versions` has the versions.
/// @retval HF_NOT_FOUND              The secret does not exist. No error is created.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, or a reference with a version or field.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_UNSUPPORTED        There are no versions.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_list_versions(
    manager: *const hf_manager,
    reference: *const c_char,
    call: *const hf_call,
    out_versions: *mut *mut hf_versions,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let out = Out::clear(out_versions, "out_versions")?;
            let manager = hf_manager::share(manager, "manager")?;
            let reference = copied_text(reference, "reference")?;
            let job = move |call: &Call| manager.vault()?.list_versions(&reference, call);
            let write = |versions: Option<Versions>| {
                let Some(versions) = versions else { return Status::NotFound };
                out.set(hf_versions::from(versions).into_raw());
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// Returns the number of versions. Versions that the server has pruned are absent.
///
/// May be called from any thread. Does not block.
///
/// @param versions  The versions.
/// @return The number; 0 if `versions` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_versions_len(versions: *const hf_versions) -> usize {
    // SAFETY: the caller's promise.
    unsafe { versions.as_ref() }.map_or(0, |versions| versions.versions.len())
}

/// Returns the number of one version. Numbers ascend.
///
/// May be called from any thread. Does not block.
///
/// @param versions  The versions.
/// @param index     The index, from 0.
/// @return The number of the version; 0 if `index` is past the end or `versions` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_versions_number(versions: *const hf_versions, index: usize) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { version(versions, index) }.map_or(0, |version| version.number)
}

/// Returns the state of one version when it was listed.
///
/// May be called from any thread. Does not block.
///
/// @param versions  The versions.
/// @param index     The index, from 0.
/// @return `HF_VERSION_LIVE`, `HF_VERSION_DELETED` or `HF_VERSION_DESTROYED`; 0 if `index` is past the end or `versions`
///     is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_versions_state(versions: *const hf_versions, index: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { version(versions, index) }.map_or(0, |version| version.state)
}

/// Returns when one version was created.
///
/// May be called from any thread. Does not block.
///
/// @param versions  The versions.
/// @param index     The index, from 0.
/// @return The time in RFC 3339; NULL if `index` is past the end or `versions` is NULL. Borrowed: valid as long as
///     `versions`; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_versions_created(versions: *const hf_versions, index: usize) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { version(versions, index) }.map_or(std::ptr::null(), |version| version.created.as_ptr())
}

/// Returns when one version was, or will be, deleted.
///
/// May be called from any thread. Does not block.
///
/// @param versions  The versions.
/// @param index     The index, from 0.
/// @return The time in RFC 3339, "" for a version that is not deleted; NULL if `index` is past the end or `versions` is
///     NULL. Borrowed: valid as long as `versions`; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_versions_deletion(versions: *const hf_versions, index: usize) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { version(versions, index) }.map_or(std::ptr::null(), |version| version.deletion.as_ptr())
}

/// Returns the custom metadata of the secret, which belong to all of its versions.
///
/// May be called from any thread. Does not block.
///
/// @param versions  The versions.
/// @return The metadata, empty if there are none; NULL if `versions` is NULL. Borrowed: valid as long as `versions`; do
///     not free or change it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_versions_custom_metadata(versions: *const hf_versions) -> *const hf_metadata {
    // SAFETY: the caller's promise.
    unsafe { versions.as_ref() }.map_or(std::ptr::null(), |versions| &raw const versions.custom_metadata)
}

/// Frees versions.
///
/// May be called from any thread while no other thread uses the object. Does not block.
///
/// @param versions  The versions. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_versions_free(versions: *mut hf_versions) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_versions::free(versions) });
}

/// # Safety
/// `versions` is NULL, or lives during `'a`.
unsafe fn version<'a>(versions: *const hf_versions, index: usize) -> Option<&'a Version> {
    // SAFETY: the caller's promise.
    unsafe { versions.as_ref() }?.versions.get(index)
}
