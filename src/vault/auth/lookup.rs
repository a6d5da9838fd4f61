//! Asks the server about a token that was supplied from outside: when it ends, and whether it is still the same one.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::token::{Description, Token};
use crate::call::Deadline;
use crate::error::{Error, Result};
use crate::vault::api::error_response::ErrorResponse;
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::requester::Requester;

const PATH: &str = "auth/token/lookup-self";

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    accessor: String,
    #[serde(default)]
    ttl: u64,
    /// Negative: the lookup was the last use.
    #[serde(default)]
    num_uses: i64,
    expire_time: Option<serde::de::IgnoredAny>,
}

/// Looks a token up. The default policy allows that.
pub fn look_up(requester: &Requester, token: &Token, deadline: &Deadline) -> Result<Description> {
    let sent = Instant::now();
    let response = requester.send_as(Some(token.header()), &ApiRequest::get(PATH), deadline)?;
    if response.status != 200 {
        return Err(ErrorResponse::of(&response).into_error(PATH, "\"read\""));
    }
    let answer: Answer = serde_json::from_slice(&response.body).map_err(|_| undocumented(&response))?;
    let ends = answer.data.ttl > 0 || answer.data.expire_time.is_some();
    let end = ends.then(|| sent.checked_add(Duration::from_secs(answer.data.ttl))).flatten();
    let uses = answer.data.num_uses;
    let end = if uses < 0 { Some(sent) } else { end };
    let uses = (uses != 0).then(|| u64::try_from(uses).unwrap_or(0));
    Ok(Description { end, accessor: answer.data.accessor, uses })
}

fn undocumented(response: &crate::vault::api::response::Response) -> Error {
    not_as_documented(response, PATH, "does not describe a token")
}
