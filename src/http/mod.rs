//! An HTTP/1.1 client: the protocol engine of `ureq-proto` over connections of our own. It does not depend on Vault's
//! API or on JSON.

mod addresses;
mod body;
mod connection;
mod count;
mod exchange;
mod forwarder;
mod limit;
mod message;
mod pool;
mod proxy;
mod response;
mod transport;

pub use ureq_proto::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

pub use self::exchange::Request;
pub use self::limit::Permit;
pub use self::message::secret_value;
pub use self::response::{Failure, Response};
pub use self::transport::{InFlight, MAX_LEARNED, Transport};
