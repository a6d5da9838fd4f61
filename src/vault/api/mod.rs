//! One request to Vault's API, as somebody or as nobody: its tries, the cluster's nodes, and what answers mean.
//!
//! Nothing here knows where tokens come from; `auth` does, one room above.

pub mod cluster;
pub mod consistency;
pub mod endpoint;
pub mod explain;
pub mod json;
mod judge;
mod leader;
pub mod outcome;
mod policy;
pub mod rate_limit;
pub mod redirect;
pub mod request;
pub mod requester;
pub mod response;
pub mod retry;
mod sanitize;
pub mod token;
