//! Credentials
//!
//! A source of credentials that are always valid. A program asks for them whenever it opens a connection, and gets a lease
//! that is good at that time: renewed at two thirds of its time, and replaced by another when it cannot be renewed any
//! longer or its token ends. Most calls send nothing and take less than a microsecond.
//!
//! There is no thread. The call that finds the credentials due sends what is needed, while others go on with what there is.
//! A program that seldom asks calls `hf_manager_maintain` besides. A lease that was handed out stays valid until its own
//! end, so that connections of an older generation go on until their `hf_lease_remaining_ms`.
//!
//! A server that is down costs nothing while the credentials live: they are handed out, and the server is asked again after
//! a pause. From a fortieth of their time before the end on, 250 ms at most, which are left for a login to succeed in,
//! `hf_credentials_get` fails, and its message tells since when and why. If renewals are refused, or the credentials are
//! (`hf_credentials_refused`), other ones are made, but no more than one set in half of their time.
//!
//! What has no lease is read again after VAULT_WATCH_INTERVAL: a secret, or a static role.
//!
//! After a fork the child goes on with the leases that it inherited. When they are over, or the child has reported that they
//! are refused, it makes its own.

use std::ffi::c_char;
use std::ptr::NonNull;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::arguments::{Out, copied_text, null};
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::fields::hf_fields;
use super::handle::Counted;
use super::lease::{LeaseObject, give, hf_lease};
use super::manager::hf_manager;
use super::{export, guard, outcome};
use crate::call::{Call, Purpose};
use crate::error::{Result, Status};
use crate::lease::Credentials;

/// A source of credentials. Reference-counted; any number of threads may use it at once.
pub struct hf_credentials {
    _private: [u8; 0],
}

/// A source of credentials, and the object of its latest generation.
pub struct CredentialsObject {
    credentials: Credentials,
    latest: ArcSwapOption<LeaseObject>,
}

impl Counted for hf_credentials {
    type Object = CredentialsObject;
}

impl CredentialsObject {
    /// The latest generation, if nothing has to be done for it.
    fn fresh(&self) -> Option<Arc<LeaseObject>> {
        let latest = self.latest.load();
        let object = latest.as_ref()?;
        self.credentials.is_fresh(&object.lease).then(|| Arc::clone(object))
    }

    fn get(&self, call: &Call) -> Result<Option<Arc<LeaseObject>>> {
        let lease = self.credentials.get(call).inspect_err(|error| {
            if error.status() != Status::Cancelled {
                self.latest.store(None);
            }
        })?;
        let Some(lease) = lease else {
            self.latest.store(None);
            return Ok(None);
        };
        if let Some(known) = self.latest.load_full().filter(|known| known.lease.is_same(&lease)) {
            return Ok(Some(known));
        }
        let object = Arc::new(LeaseObject::from(lease));
        self.latest.store(Some(Arc::clone(&object)));
        Ok(Some(object))
    }
}

/// Opens a source of credentials, and obtains the first ones.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager          The manager. It stays open as long as the credentials.
/// @param path             The path behind /v1/, such as "database/creds/app", or a reference, such as "vault://db".
/// @param parameters       What is sent with a POST. NULL for a GET. Fields without an entry are a POST without parameters.
/// @param call             Deadline and cancellation. NULL for the defaults.
/// @param out_credentials  Receives the source; the caller owns one reference and frees it with `hf_credentials_free`. NULL
///     unless the status is `HF_OK`.
/// @param error            Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK  `*out_credentials` has the source. Other statuses: see `hf_lease_open`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_credentials_open(
    manager: *const hf_manager,
    path: *const c_char,
    parameters: *const hf_fields,
    call: *const hf_call,
    out_credentials: *mut *mut hf_credentials,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_credentials, "out_credentials")?;
            let manager = hf_manager::share(manager, "manager")?;
            let path = copied_text(path, "path")?;
            let parameters = hf_fields::share_optional(parameters);
            let job = move |call: &Call| Credentials::open(&manager, &path, parameters.as_ref(), call);
            let write = |opened: Option<Credentials>| {
                let Some(credentials) = opened else { return Status::NotFound };
                let latest = ArcSwapOption::empty();
                out.set(hf_credentials::into_raw(Arc::new(CredentialsObject { credentials, latest })));
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// Returns credentials that are valid. Ask again for each connection that is opened.
///
/// May be called from any thread. Blocks until the call's deadline at the latest, and only if the credentials are due and no
/// other call renews or replaces them, or if there are none. One that finds them due spends no more than half of its time on
/// credentials that can still be used, and at most 5 seconds, or twice as long as it took to make the last ones.
///
/// @param credentials  The source.
/// @param call         Deadline and cancellation. NULL for the defaults.
/// @param out_lease    Receives the lease; the caller owns one reference and frees it with `hf_lease_free`. NULL unless the
///     status is `HF_OK`.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK         `*out_lease` has valid credentials.
/// @retval HF_NOT_FOUND  There is nothing at the path any more. No error is created.
/// @return Otherwise the reason why there are none, with the statuses of `hf_lease_open`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_credentials_get(
    credentials: *const hf_credentials,
    call: *const hf_call,
    out_lease: *mut *mut hf_lease,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        if let Some(status) = get_fresh(credentials, call, out_lease, error) {
            return status.code();
        }
        export::run(error, call, Purpose::Read, || {
            let out = Out::clear(out_lease, "out_lease")?;
            let credentials = hf_credentials::share(credentials, "credentials")?;
            Ok((move |call: &Call| credentials.get(call), |lease| give(out, lease)))
        })
    }
}

/// Writes the latest generation if it can be used as it is. Otherwise nothing is written.
///
/// # Safety
/// As for [`hf_credentials_get`].
unsafe fn get_fresh(
    credentials: *const hf_credentials,
    call: *const hf_call,
    out_lease: *mut *mut hf_lease,
    error: *mut *mut hf_error,
) -> Option<Status> {
    guard::infallible(None, || {
        // SAFETY: the caller's promises about each pointer.
        unsafe {
            let place = NonNull::new(out_lease)?;
            let object = hf_credentials::borrow(credentials)?.fresh()?;
            if !call.is_null() {
                let call = hf_call::settings(call);
                call.check(Purpose::Read).ok()?;
                call.start(std::time::Duration::MAX).remaining_when_set().ok()?;
            }
            let _ = Out::clear_optional(error);
            place.write(hf_lease::into_raw(object));
        }
        Some(Status::Ok)
    })
}

/// Reports that the credentials of a lease were not accepted, for example because somebody has dropped the user. The next
/// `hf_credentials_get` replaces them, unless such a report or a refused renewal has done so within half of their time: then
/// they stay until that is over. For a lease of an earlier generation nothing is done.
///
/// Report a refused login only, and not a connection that broke.
///
/// May be called from any thread. Does not block.
///
/// @param credentials  The source.
/// @param lease        The lease, from `hf_credentials_get`.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Noted.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, or a lease of `hf_lease_open`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_credentials_refused(
    credentials: *const hf_credentials,
    lease: *const hf_lease,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let credentials = hf_credentials::borrow(credentials).ok_or_else(|| null("credentials"))?;
            let lease = hf_lease::borrow(lease).ok_or_else(|| null("lease"))?;
            credentials.credentials.refused(&lease.lease).map(|()| Status::Ok)
        })
    }
}

/// Revokes the leases of every generation that is alive; a child process leaves those of its parent alone. The next
/// `hf_credentials_get` makes other ones. The default policy does not allow this: it needs "update" on sys/leases/revoke.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param credentials  The source.
/// @param call         Deadline and cancellation. NULL for the defaults.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     All are revoked.
/// @retval HF_ERR_INVALID_ARGUMENT   `credentials` is NULL.
/// @retval HF_ERR_PERMISSION_DENIED  The policy does not allow it: they live until their end.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_credentials_revoke(
    credentials: *const hf_credentials,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let credentials = hf_credentials::share(credentials, "credentials")?;
            let job = move |call: &Call| {
                credentials.latest.store(None);
                credentials.credentials.revoke(call)
            };
            Ok((job, |()| Status::Ok))
        })
    }
}

/// Adds a reference to a source of credentials.
///
/// May be called from any thread. Does not block.
///
/// @param credentials  The source.
/// @return `credentials`; the caller frees the new reference with `hf_credentials_free`. NULL if `credentials` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_credentials_ref(credentials: *const hf_credentials) -> *mut hf_credentials {
    // SAFETY: the caller's promise.
    guard::infallible(std::ptr::null_mut(), || unsafe { hf_credentials::add_reference(credentials) })
}

/// Frees one reference. Sends no request: what was obtained lives until its end.
///
/// May be called from any thread. Does not block.
///
/// @param credentials  A reference that the caller owns. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_credentials_free(credentials: *mut hf_credentials) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_credentials::free(credentials) });
}
