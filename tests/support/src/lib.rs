//! What the tests stand on: a real server, certificates of their own, and the compilers of the languages that link
//! the library. Everything here panics on failure, with the cause: it runs in tests only.

mod agent;
mod api;
mod auth;
mod binary;
pub mod cc;
mod cluster;
mod fault_proxy;
mod figures;
mod gateway;
mod java;
mod jwt;
mod nginx;
mod ports;
mod process;
mod python;
mod relay;
mod server;
mod squid;
mod tls;
mod tls_front;
mod wait;

pub use agent::Agent;
pub use api::{Answer, Api};
pub use auth::AppRole;
pub use binary::repository_root;
pub use cluster::{Cluster, NODES};
pub use fault_proxy::{End, Fault, FaultProxy, Passed};
pub use figures::figure;
pub use gateway::{Asked, Gateway, Verdict, answer, answer_text};
pub use java::java;
pub use jwt::JwtSigner;
pub use nginx::Nginx;
pub use ports::free_ports;
pub use python::{answer_of, python, python_manager};
pub use relay::Relay;
pub use server::{Server, ServerBuilder};
pub use squid::Squid;
pub use tls::{Identity, Tls};
pub use tls_front::{Handshake, TlsFront};
pub use wait::eventually;
