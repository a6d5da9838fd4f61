//! Tokens: where they come from, how long they live, and when they are renewed or replaced.

pub mod credential;
pub mod login;
pub mod method;
pub mod session;
pub mod token;
pub mod wrapping;
