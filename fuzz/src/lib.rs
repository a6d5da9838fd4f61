//! The fuzz targets. Each function accepts any bytes, and panics if the library violates its documentation. libFuzzer
//! calls them with generated inputs (`make fuzz`); an ordinary test calls them with the inputs in `fuzz/seeds`.

#[path = "calls.rs"]
mod calls;
#[path = "encrypted.rs"]
mod encrypted;
#[path = "server.rs"]
mod server;
#[path = "session.rs"]
mod session;
#[path = "texts.rs"]
mod texts;

pub use calls::c_calls;
pub use encrypted::encrypted_envelope;
pub use server::{http_answer, kv_response};
pub use session::{renewal, session_answer};
pub use texts::{options, reference};
