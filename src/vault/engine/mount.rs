//! Looks up a mount: its engine, and the version of a key-value engine.

use serde::Deserialize;

use crate::error::Result;
use crate::reference::write_url_path;
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::error_response::{Denial, ErrorResponse};
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::Response;

/// A mount, as reported by the server.
pub struct Mount {
    /// The engine.
    pub kind: Kind,
    /// The path of the mount itself: the server reports the mount for every path below it, too.
    path: String,
}

/// The engine of a mount.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// KV version 1.
    Kv1,
    /// KV version 2.
    Kv2,
    /// Another engine, with the name of its type.
    Other(String),
}

#[derive(Deserialize)]
struct MountResponse {
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "type", default)]
    kind: String,
    path: Option<String>,
    options: Option<Options>,
}

#[derive(Deserialize)]
struct Options {
    version: Option<String>,
}

impl Mount {
    /// The path of the mount that contains `name`, if `name` is not the mount itself.
    pub fn enclosing(&self, name: &str) -> Option<&str> {
        let inside =
            |path: &&str| !path.is_empty() && name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        Some(self.path.as_str()).filter(inside)
    }
}

impl From<Data> for Mount {
    fn from(data: Data) -> Mount {
        // `options` is empty or null for version 1.
        let version = data.options.and_then(|options| options.version);
        let kind = match (data.kind.as_str(), version.as_deref()) {
            ("kv", Some("2")) => Kind::Kv2,
            ("kv" | "generic", _) => Kind::Kv1,
            _ => Kind::Other(data.kind),
        };
        Mount { kind, path: data.path.unwrap_or_default().trim_matches('/').to_owned() }
    }
}

/// Looks up the mount `name`. This requires no policy and does not count against the token's `num_uses`. The output is
/// `None` if the token may not use anything below the mount.
pub struct LookUp<'a> {
    /// The mount's path.
    pub name: &'a str,
}

impl Endpoint for LookUp<'_> {
    type Output = Option<Mount>;

    fn request(&self) -> Result<ApiRequest> {
        let mut path = String::from("sys/internal/ui/mounts/");
        write_url_path(self.name, &mut path);
        Ok(ApiRequest::probe(path))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Option<Mount>> {
        match response.status {
            200 => {
                let parsed = serde_json::from_slice::<MountResponse>(&response.body).ok();
                let data = parsed.and_then(|parsed| parsed.data);
                let data = data.ok_or_else(|| not_as_documented(&response, path, "describes no mount"))?;
                Ok(Some(data.into()))
            }
            403 if ErrorResponse::of(&response).denial() == Denial::Policy => Ok(None),
            _ => Err(ErrorResponse::of(&response).into_error(path, "\"read\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    fn parsed(status: u16, body: &str) -> Result<Option<Mount>> {
        LookUp { name: "a/b" }.parse("sys/internal/ui/mounts/a/b", Response::for_tests(status, body))
    }

    fn kind_of(data: &str) -> Kind {
        parsed(200, &format!(r#"{{"data":{data}}}"#)).unwrap().unwrap().kind
    }

    #[test]
    fn the_name_is_encoded_in_the_path() {
        assert_eq!(LookUp { name: "a b/c" }.request().unwrap().path, "sys/internal/ui/mounts/a%20b/c");
    }

    #[test]
    fn a_mount_is_told_by_its_type_and_its_version() {
        assert_eq!(kind_of(r#"{"type":"kv","options":{"version":"2"}}"#), Kind::Kv2);
        assert_eq!(kind_of(r#"{"type":"kv","options":null}"#), Kind::Kv1);
        assert_eq!(kind_of(r#"{"type":"generic"}"#), Kind::Kv1);
        assert_eq!(kind_of(r#"{"type":"transit","options":{}}"#), Kind::Other("transit".to_owned()));
    }

    #[test]
    fn a_denial_by_policy_tells_nothing_and_other_refusals_are_errors() {
        let denied = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
        assert!(parsed(403, denied).unwrap().is_none());
        assert_eq!(parsed(503, r#"{"errors":["Vault is sealed"]}"#).err().unwrap().status(), Status::Unavailable);
    }

    #[test]
    fn what_describes_no_mount_is_a_protocol_error() {
        for body in ["", "{}", "[]", r#"{"data":null}"#, r#"{"data":{"type":7}}"#, "<html>"] {
            assert_eq!(parsed(200, body).err().unwrap().status(), Status::Protocol, "{body}");
        }
    }
}
