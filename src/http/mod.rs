//! HTTP/1.1 over our own connections. It knows nothing of Vault.

mod addresses;
mod connection;
mod exchange;
mod head;
mod pool;
mod proxy;
mod response;
mod transport;

pub use self::exchange::{Method, Request};
pub use self::head::is_token_byte;
pub use self::response::{Failure, Response};
pub use self::transport::{InFlight, MAX_LEARNED, Transport};
