//! What is fuzzed. Each function takes any bytes, and panics where a promise is broken. libFuzzer calls them with bytes
//! of its own making (`make fuzz`); an ordinary test calls them with all that is in `fuzz/seeds`.

#[path = "calls.rs"]
mod calls;
#[path = "server.rs"]
mod server;
#[path = "session.rs"]
mod session;
#[path = "texts.rs"]
mod texts;

pub use calls::c_calls;
pub use server::{envelope, http_answer};
pub use session::{renewal, session_answer};
pub use texts::{options, reference};
