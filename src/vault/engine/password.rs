//! New passwords: random ones made here, or those of a password policy of the server.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, Result, Status};
use crate::json;
use crate::reference::write_url_path;
use crate::secret::{Draft, Secret};
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::error_response::ErrorResponse;
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::Response;

/// The length of a random password: 190 bits.
const LENGTH: usize = 32;

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A password of letters and digits from the system's random generator.
pub fn random() -> Result<Secret> {
    // A byte below this multiple of the alphabet's length gives each character the same chance.
    let limit = 256 - 256 % ALPHABET.len();
    let mut draft = Draft::try_new(LENGTH).ok_or_else(|| Error::no_memory("the password", LENGTH))?;
    let mut written = 0;
    while written < LENGTH {
        let mut bytes = zeroize::Zeroizing::new([0_u8; LENGTH]);
        getrandom::fill(&mut *bytes)
            .map_err(|error| Error::new(Status::Internal, format!("the system's random generator: {error}")))?;
        for &byte in bytes.iter().filter(|&&byte| usize::from(byte) < limit).take(LENGTH - written) {
            let index = usize::from(byte) % ALPHABET.len();
            draft.push(ALPHABET.get(index..=index).unwrap_or_default());
            written += 1;
        }
    }
    Ok(draft.finish())
}

/// Has the server make a password by one of its password policies.
pub struct Generate<'a> {
    /// The name of the policy.
    pub policy: &'a str,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    password: &'a RawValue,
}

impl Endpoint for Generate<'_> {
    type Output = Secret;

    fn request(&self) -> Result<ApiRequest> {
        let mut path = String::from("sys/policies/password/");
        write_url_path(self.policy, &mut path);
        path.push_str("/generate");
        Ok(ApiRequest::get(path))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Secret> {
        if response.status == 200 {
            let answer = serde_json::from_slice::<Answer<'_>>(&response.body).ok();
            let password = answer.and_then(|answer| json::text_of(answer.data.password).ok());
            return password.ok_or_else(|| not_as_documented(&response, path, "holds no password"));
        }
        let refusal = ErrorResponse::of(&response);
        if response.status == 404 && refusal.contains("policy does not exist") {
            let message = format!("{path}: there is no such password policy; check password_policy");
            return Err(Error::config(message).with_http_status(404));
        }
        Err(refusal.into_error(path, "\"read\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_password_has_letters_and_digits_and_is_new_each_time() {
        let all: Vec<Secret> = (0..64).map(|_| random().unwrap()).collect();
        for password in &all {
            assert!(password.len() == LENGTH && password.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
        let different: std::collections::BTreeSet<&str> = all.iter().map(Secret::as_str).collect();
        assert_eq!(different.len(), all.len());
        let used: std::collections::BTreeSet<char> =
            all.iter().flat_map(|password| password.as_str().chars()).collect();
        assert_eq!(used.len(), ALPHABET.len(), "2,048 characters have all of 62");
    }

    #[test]
    fn a_policy_that_does_not_exist_is_named() {
        let generate = Generate { policy: "no/such" };
        assert_eq!(generate.request().unwrap().path, "sys/policies/password/no/such/generate");
        let body = r#"{"errors":["1 error occurred:\n\t* policy does not exist\n\n"]}"#;
        let error = generate.parse("p", Response::for_tests(404, body)).err().unwrap();
        assert_eq!((error.status(), error.http_status()), (Status::Config, 404));
        let answer = generate.parse("p", Response::for_tests(200, r#"{"data":{"password":"a\"b"}}"#));
        assert_eq!(answer.unwrap().as_str(), "a\"b");
    }
}
