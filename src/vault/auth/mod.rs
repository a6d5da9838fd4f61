//! Authentication: obtains tokens with the configured method, and renews and replaces them.

pub mod credential;
pub mod login;
pub mod lookup;
pub mod method;
pub mod session;
pub mod token;
mod uses;
pub mod wrapping;
