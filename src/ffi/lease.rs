//! Leases
//!
//! A lease is one set of credentials that the server made for the program, such as a database user, with the time that they
//! live. `hf_lease_open` serves any path that gives credentials: "database/creds/app", "database/static-creds/app",
//! "rabbitmq/creds/app", "kubernetes/creds/app", "pki/issue/web" with parameters; and a secret of the KV engine by its
//! reference. `hf_credentials`, in the next section, keeps them valid; docs/leases.md has pools, and what happens when
//! Vault is down.
//!
//! How long credentials live is told by their lease; by the next rotation, for a static role; or by their own end, for a
//! certificate. A lease never outlives the token that it was made with, whatever the server says, so that the time left is
//! that of the token if it is less. For a token that the program supplies, that needs "read" on auth/token/lookup-self,
//! which the default policy has.
//!
//! The functions that block share the statuses of the section "Secrets", and `HF_ERR_UNSUPPORTED` for the `env` backend.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use super::arguments::{Out, copied_text};
use super::call::hf_call;
use super::document::{DocumentObject, hf_document};
use super::error::{hf_error, hf_status};
use super::fields::hf_fields;
use super::handle::Counted;
use super::manager::hf_manager;
use super::{export, guard};
use crate::call::{Call, Purpose};
use crate::error::Status;
use crate::lease::Lease;

/// One set of credentials. Reference-counted; any number of threads may use it at once. Its fields and its id never change;
/// the time that is left does, with renewals. Everything is wiped when the last reference is freed.
pub struct hf_lease {
    _private: [u8; 0],
}

/// A lease, and what C programs ask of it.
pub struct LeaseObject {
    /// The lease itself.
    pub(super) lease: Lease,
    fields: Arc<DocumentObject>,
    id: CString,
}

impl Counted for hf_lease {
    type Object = LeaseObject;
}

impl From<Lease> for LeaseObject {
    fn from(lease: Lease) -> LeaseObject {
        let fields = Arc::new(DocumentObject::from(Arc::clone(lease.fields())));
        let id = CString::new(lease.id()).unwrap_or_default();
        LeaseObject { lease, fields, id }
    }
}

/// Obtains credentials.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager     The manager. It stays open as long as the lease.
/// @param path        The path behind /v1/, such as "database/creds/app", or a reference, such as "vault://db".
/// @param parameters  What is sent with a POST. NULL for a GET. Fields without an entry are a POST without parameters.
/// @param call        Deadline and cancellation. NULL for the defaults.
/// @param out_lease   Receives the lease; the caller owns one reference and frees it with `hf_lease_free`. NULL unless the
///     status is `HF_OK`.
/// @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    `*out_lease` has the lease.
/// @retval HF_NOT_FOUND             There is nothing at the path. No error is created.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, a path that cannot be sent, or parameters that the server refuses.
/// @retval HF_ERR_CONFIG            The mount or the role does not exist.
/// @retval HF_ERR_AUTH              The token is refused, or its uses (num_uses) do not suffice.
/// @retval HF_ERR_UNSUPPORTED       The path does not give credentials this way, or there is no server.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_lease_open(
    manager: *const hf_manager,
    path: *const c_char,
    parameters: *const hf_fields,
    call: *const hf_call,
    out_lease: *mut *mut hf_lease,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_lease, "out_lease")?;
            let manager = hf_manager::share(manager, "manager")?;
            let path = copied_text(path, "path")?;
            let parameters = hf_fields::share_optional(parameters);
            let job = move |call: &Call| {
                let lease = Lease::open(&manager, &path, parameters.as_ref(), call)?;
                Ok(lease.map(|lease| Arc::new(LeaseObject::from(lease))))
            };
            Ok((job, |lease| give(out, lease)))
        })
    }
}

/// Writes a lease to its out-parameter.
pub(super) fn give(out: Out<hf_lease>, lease: Option<Arc<LeaseObject>>) -> Status {
    let Some(lease) = lease else { return Status::NotFound };
    out.set(hf_lease::into_raw(lease));
    Status::Ok
}

/// Returns the credentials, such as the fields "username" and "password".
///
/// May be called from any thread. Does not block.
///
/// @param lease  The lease.
/// @return The fields. NULL if `lease` is NULL. Borrowed: valid as long as the lease; `hf_document_ref` makes a reference of
///     their own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_lease_fields(lease: *const hf_lease) -> *const hf_document {
    // SAFETY: the caller's promise.
    let lease = unsafe { hf_lease::borrow(lease) };
    lease.map_or(std::ptr::null(), |lease| Arc::as_ptr(&lease.fields).cast())
}

/// Returns the id of the lease at the server.
///
/// May be called from any thread. Does not block.
///
/// @param lease  The lease.
/// @return UTF-8; "" if the server has no lease for the credentials. NULL if `lease` is NULL. Borrowed: valid as long as the
///     lease; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_lease_id(lease: *const hf_lease) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { hf_lease::borrow(lease) }.map_or(std::ptr::null(), |lease| lease.id.as_ptr())
}

/// Returns how long the credentials are valid from now on. It grows when the lease, or the token that it was made with, is
/// renewed, in all leases of the same generation. A pool closes a connection before this is over.
///
/// May be called from any thread. Does not block.
///
/// @param lease  The lease.
/// @return Milliseconds; 0 if they are over or `lease` is NULL; -1 if they have no end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_lease_remaining_ms(lease: *const hf_lease) -> i64 {
    // SAFETY: the caller's promise.
    let lease = unsafe { hf_lease::borrow(lease) };
    guard::infallible(0, || match lease.map(|lease| lease.lease.remaining()) {
        None => 0,
        Some(None) => -1,
        Some(Some(left)) => i64::try_from(left.as_millis()).unwrap_or(i64::MAX),
    })
}

/// Returns the number of the generation of `hf_credentials`: another number, other credentials.
///
/// May be called from any thread. Does not block.
///
/// @param lease  The lease.
/// @return From 1; 0 for a lease of `hf_lease_open`, or if `lease` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_lease_generation(lease: *const hf_lease) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { hf_lease::borrow(lease) }.map_or(0, |lease| lease.lease.generation())
}

/// Renews a lease for the time of its role. Near its maximum it gets less than that: `hf_lease_remaining_ms` tells. A lease
/// of `hf_credentials_get` is renewed by these.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param lease  The lease.
/// @param call   Deadline and cancellation. NULL for the defaults.
/// @param error  Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    It was renewed.
/// @retval HF_NOT_FOUND             The server does not know the lease any more. No error is created.
/// @retval HF_ERR_INVALID_ARGUMENT  `lease` is NULL, or of `hf_credentials_get`.
/// @retval HF_ERR_UNSUPPORTED       The credentials cannot be renewed; or a login has replaced the token that they end with;
///     or they were made by the parent of this process.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_lease_renew(
    lease: *const hf_lease,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let lease = hf_lease::share(lease, "lease")?;
            let job = move |call: &Call| lease.lease.renew(call);
            Ok((job, |is_renewed| if is_renewed { Status::Ok } else { Status::NotFound }))
        })
    }
}

/// Revokes a lease, so that its credentials are of no use any more. One that is over already is no failure. The default
/// policy does not allow this: it needs "update" on sys/leases/revoke. Connections that are open may go on for a while.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param lease  The lease.
/// @param call   Deadline and cancellation. NULL for the defaults.
/// @param error  Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     It is revoked.
/// @retval HF_ERR_INVALID_ARGUMENT   `lease` is NULL, or of `hf_credentials_get`.
/// @retval HF_ERR_PERMISSION_DENIED  The policy does not allow it: the credentials live until their end.
/// @retval HF_ERR_UNSUPPORTED        The credentials have no lease, or were made by the parent of this process.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_lease_revoke(
    lease: *const hf_lease,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let lease = hf_lease::share(lease, "lease")?;
            Ok((move |call: &Call| lease.lease.revoke(call), |()| Status::Ok))
        })
    }
}

/// Adds a reference to a lease.
///
/// May be called from any thread. Does not block.
///
/// @param lease  The lease.
/// @return `lease`; the caller frees the new reference with `hf_lease_free`. NULL if `lease` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_lease_ref(lease: *const hf_lease) -> *mut hf_lease {
    // SAFETY: the caller's promise.
    guard::infallible(std::ptr::null_mut(), || unsafe { hf_lease::add_reference(lease) })
}

/// Frees one reference. Sends no request: the credentials live until their end.
///
/// May be called from any thread. Does not block.
///
/// @param lease  A reference that the caller owns. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_lease_free(lease: *mut hf_lease) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_lease::free(lease) });
}
