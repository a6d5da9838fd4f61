//! Sends single requests to Vault's API, with or without a token: retries, failover between nodes, and the
//! classification of responses.
//!
//! This layer does not know where tokens come from; `auth` does.

mod classify;
pub mod cluster;
pub mod consistency;
pub mod endpoint;
pub mod error_response;
pub mod explain;
mod leader;
pub mod outcome;
mod policy;
pub mod rate_limit;
pub mod redirect;
pub mod request;
pub mod requester;
pub mod response;
pub mod retry;
pub mod sanitize;
pub mod token;
