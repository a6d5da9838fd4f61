//! HTTP/1.1 over our own connections. It knows nothing of Vault.

mod connection;
mod exchange;
mod head;
mod pool;
mod proxy;
mod response;
mod transport;

pub use self::exchange::{Method, Request};
pub use self::response::{Failure, Response};
pub use self::transport::{InFlight, Transport};
