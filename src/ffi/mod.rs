//! The C interface: converts arguments and results, and makes no decisions.
//!
//! There is one file for each section of the header. The doc comments of exported items are the text of the header, so
//! they address C programmers; `build.rs` turns them into `include/handsfree_secrets.h`.
//!
//! - `guard`: the boundary: panics, `errno`, thread cancellation
//! - `outcome`: the status and the error of a function
//! - `export`: how a function with a status runs: arguments, then a job, then a writer of the results
//! - `arguments`: NULL and UTF-8 checks, copies for jobs, out-parameters
//! - `handle`: the ownership kinds: a C type is either owned by one, or counted
//!
//! Rules of this module: out-parameters are cleared before any argument is checked; an argument is never consumed; a
//! reference made from a pointer does not outlive the call.

#![allow(non_camel_case_types, reason = "the types have the names that C programs know")]
#![allow(clippy::missing_safety_doc, reason = "the header's text is the safety contract")]

mod arguments;
mod batch;
mod bytes;
mod call;
mod credentials;
mod document;
mod envelope;
mod error;
mod export;
mod fields;
mod guard;
mod handle;
mod lease;
mod list;
mod log;
mod manager;
mod metadata;
mod metrics;
mod options;
mod outcome;
mod queue;
mod request;
mod secrets;
#[cfg(feature = "test-panic")]
mod test_panic;
mod transit;
mod transit_many;
mod version;
mod version_changes;
mod versions;
mod watch;

pub use batch::*;
pub use bytes::*;
pub use call::*;
pub use credentials::*;
pub use document::*;
pub use envelope::*;
pub use error::*;
pub use fields::*;
pub use lease::*;
pub use list::*;
pub use log::*;
pub use manager::*;
pub use metadata::*;
pub use metrics::*;
pub use options::*;
pub use queue::*;
pub use request::*;
pub use secrets::*;
#[cfg(feature = "test-panic")]
pub use test_panic::*;
pub use transit::*;
pub use transit_many::*;
pub use version::*;
pub use version_changes::*;
pub use versions::*;
pub use watch::*;
