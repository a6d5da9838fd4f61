//! What the engine's refusals mean.

use super::parameters::Operation;
use crate::error::{Error, Status};
use crate::vault::api::error_response::ErrorResponse;

/// The capability that the operations need: a POST is an update where it creates nothing.
const UPDATE: &str = "\"update\"";

/// What the server says if it had to make the key first ([`NO_NEW_KEY`]).
const UNKNOWN_KEY_TYPE: &str = "unknown key type";

/// A parameter of encryption, which the server reads only where it makes a new key: a key that was deleted meanwhile is
/// not made anew.
pub const NO_NEW_KEY: (&str, &str) = ("type", "no-new-key");

/// The error behind the refusal of an operation.
#[cold]
pub fn refused(refusal: ErrorResponse, path: &str, operation: Operation) -> Error {
    if refusal.is_without_mount() {
        return no_mount(&refusal, path);
    }
    if !refusal.is_about_arguments() && !is_mistake(&refusal) {
        return refusal.into_error(path, UPDATE);
    }
    let says = |words: &str| refusal.contains(words);
    of_words(path, operation, says, Some(&refusal.text), refusal.http_status)
}

/// The error of a mount that does not exist.
#[cold]
pub fn no_mount(refusal: &ErrorResponse, path: &str) -> Error {
    let text = refusal.summary();
    Error::config(format!("{path}: there is no such mount ({text}); check VAULT_TRANSIT_MOUNT")).with_http_status(404)
}

/// The server answers 500 to these, although it works as it should.
fn is_mistake(refusal: &ErrorResponse) -> bool {
    const MISTAKES: [&str; 4] =
        ["input must be hashed", "message too long", "no such key version", "is higher than the latest key version"];
    refusal.http_status == 500 && MISTAKES.iter().any(|words| refusal.contains(words))
}

/// The error behind the server's words about one item or request. `says` searches the words as they are, which may hold
/// data; `shown` is what a message may repeat of them.
#[cold]
pub fn of_words(
    path: &str,
    operation: Operation,
    says: impl Fn(&str) -> bool,
    shown: Option<&str>,
    http_status: u16,
) -> Error {
    let (status, what) = if says("message authentication failed") {
        let what = "the ciphertext was changed or is of another key, or the context or the associated data is wrong";
        (Status::InvalidArgument, what)
    } else if says("too old") {
        let what = match operation {
            Operation::Verify => {
                "the version of the key is below min_decryption_version; sign anew with a later version"
            }
            _ => "the version of the key is below min_decryption_version; rewrap ciphertexts in time",
        };
        (Status::Unsupported, what)
    } else if says("not support") || says("unsupported key type") {
        (Status::Unsupported, "the key cannot do this")
    } else if says("message too long") {
        (Status::TooLarge, "the data are too long for a key of this type; encrypt a data key, and the data with it")
    } else if says("key not found") || says(UNKNOWN_KEY_TYPE) {
        (Status::Config, "the key does not exist any more")
    } else {
        (Status::InvalidArgument, "the server refuses this")
    };
    let message = match shown {
        Some(text) => format!("{path}: {what} ({text})"),
        None => format!("{path}: {what}"),
    };
    Error::new(status, message).with_http_status(http_status)
}
