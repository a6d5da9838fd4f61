//! A client for HashiCorp Vault and OpenBao, for programs in C, C++, Go and older languages.
//!
//! The modules. Each uses only those below it, and the leaves `store`, `call`, `error`, `status`, `config`, `document`
//! and `fields`:
//!
//! - [`ffi`]: the `extern "C"` surface, the only module with raw pointers; it converts arguments and results and
//!   decides nothing
//! - [`mod@open`]: opens a manager from options, and keeps the process-wide default manager
//! - [`transit`]: a key of the transit engine, with the manager that it came from; [`watch`]: changes of secrets
//! - [`mod@env`] and [`vault`]: the two backends; `vault` uses `http` and `net`
//! - [`mod@envelope`]: the format of encrypted data, and its cipher; pure
//! - [`config`]: options and environment variables to a typed configuration; [`mod@reference`]: the grammar of
//!   references and keys; both pure
//! - `queue`: calls that threads of the library make, for programs that take their results later; knows no backend
//! - [`store`]: the trait of every backend; [`call`]: deadline and cancellation; [`error`]: the error type;
//!   [`status`]: the table of statuses
//! - [`mod@document`]: all fields of a secret; [`mod@fields`]: the fields of a write; `json`: their values
//! - [`observe`]: log lines, metrics and redaction; [`secret`]: the wiping allocator, and buffers of secrets; `host`: forks,
//!   panics and files of the process

pub mod call;
pub mod config;
pub mod document;
pub mod env;
pub mod envelope;
pub mod error;
pub mod ffi;
pub mod fields;
pub mod host;
mod http;
mod json;
pub mod lease;
mod metadata;
mod moment;
mod net;
pub mod observe;
pub mod open;
mod queue;
pub mod reference;
pub mod secret;
pub mod status;
pub mod store;
pub mod transit;
pub mod vault;
pub mod watch;
