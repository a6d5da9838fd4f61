//! A real server behind a proxy that injects faults, and a manager that uses the proxy.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Result;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{End, Fault, FaultProxy, Server};
use serde_json::json;

use crate::managers::open_with;

/// The timeout of all calls; a busy machine gets additional slack.
pub const DEADLINE: Duration = Duration::from_secs(10);
pub const SLACK: Duration = Duration::from_millis(500);

pub const OLD: &str = "old-value";
pub const NEW: &str = "new-value";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Get,
    GetLarge,
    Store,
    Update,
    Delete,
    List,
}

pub const OPERATIONS: [Operation; 6] =
    [Operation::Get, Operation::GetLarge, Operation::Store, Operation::Update, Operation::Delete, Operation::List];

/// A server, a proxy in front of it, and a manager that uses the proxy.
pub struct Bench<'s> {
    pub server: &'s Server,
    pub mount: String,
    pub proxy: FaultProxy,
    pub manager: Arc<dyn SecretManager>,
    large: String,
}

impl<'s> Bench<'s> {
    pub fn new(
        server: &'s Server,
        port: u16,
        address: impl Fn(&FaultProxy) -> String,
        settings: &[(&str, &str)],
    ) -> Self {
        let mount = server.fresh_mount();
        let proxy = FaultProxy::to(port);
        let address = address(&proxy);
        let timeout = DEADLINE.as_secs().to_string();
        let mut all = vec![
            ("SECRET_MANAGER_TYPE", "vault"),
            ("VAULT_ADDR", address.as_str()),
            ("VAULT_TOKEN", server.root_token()),
            ("VAULT_MOUNT", mount.as_str()),
            ("VAULT_CLIENT_TIMEOUT", timeout.as_str()),
        ];
        all.extend_from_slice(settings);
        let manager = open_with(&all).unwrap_or_else(|e| panic!("open: {e}"));
        // The server sends answers over 2 kB chunked.
        let large = "large-".repeat(1000);
        server.write_raw(&mount, "got", json!({"value": OLD}));
        server.write_raw(&mount, "large", json!({"value": large}));
        Bench { server, mount, proxy, manager, large }
    }

    pub fn plain(server: &'s Server, settings: &[(&str, &str)]) -> Self {
        Bench::new(server, server.port(), FaultProxy::addr, settings)
    }

    /// Without retries.
    pub fn without_retries(server: &'s Server) -> Self {
        Bench::plain(server, &[("VAULT_MAX_RETRIES", "0")])
    }

    /// The same proxy under two names, so that the second attempt of a request follows the first at once.
    pub fn with_two_nodes(server: &'s Server) -> Self {
        let address = |proxy: &FaultProxy| format!("http://127.0.0.1:{0},http://localhost:{0}", proxy.port());
        Bench::new(server, server.port(), address, &[])
    }

    /// Resets the secret that the operation changes, and returns its version.
    fn prepare(&self, operation: Operation) -> u64 {
        match operation {
            Operation::Get | Operation::GetLarge | Operation::List => 1,
            Operation::Store | Operation::Update | Operation::Delete => {
                self.server.write_raw(&self.mount, "changed", json!({"value": OLD, "beside": 1}))
            }
        }
    }

    /// Runs the operation with `fault`. Checks that it ends in time, never returns a wrong value, and on success has
    /// happened exactly once. The caller checks the error.
    pub fn run(&self, operation: Operation, fault: Fault) -> Result<()> {
        let version = self.prepare(operation);
        let case = format!("{operation:?} with {:?}", Short(&fault));
        self.proxy.set(fault);
        let started = Instant::now();
        let outcome = self.operate(operation, &Call::default(), &case);
        let took = started.elapsed();
        assert!(took < DEADLINE + SLACK, "{case}: took {took:?}");
        if let Err(error) = &outcome {
            assert!(!error.message().contains(self.server.root_token()), "{case}: {error}");
        }
        self.proxy.set(Fault::None);
        self.check_state(operation, version, outcome.is_ok(), &case);
        outcome
    }

    /// Runs the operation, and checks the returned values.
    pub fn operate(&self, operation: Operation, call: &Call, case: &str) -> Result<()> {
        match operation {
            Operation::Get => self.get("vault://got", OLD, call, case),
            Operation::GetLarge => self.get("vault://large", &self.large, call, case),
            Operation::Store => {
                self.manager.store("changed", NEW, None, call).map(|r| assert_eq!(r, "vault://changed", "{case}"))
            }
            Operation::Update => {
                self.manager.update("vault://changed", NEW, None, call).map(|found| assert!(found, "{case}"))
            }
            Operation::Delete => self.manager.delete("vault://changed", call).map(|found| assert!(found, "{case}")),
            Operation::List => {
                let listed = self.manager.list(Some("g"), call)?;
                assert_eq!(listed, ["vault://got"], "{case}");
                Ok(())
            }
        }
    }

    fn get(&self, reference: &str, value: &str, call: &Call, case: &str) -> Result<()> {
        let got = self.manager.get(reference, call)?;
        assert_eq!(got.as_ref().map(|secret| secret.as_str()), Some(value), "{case}");
        Ok(())
    }

    fn check_state(&self, operation: Operation, version: u64, done: bool, case: &str) {
        if matches!(operation, Operation::Get | Operation::GetLarge | Operation::List) {
            return;
        }
        let found = self.server.read_raw(&self.mount, "changed");
        let text = |field: &str| found.as_ref().map(|found| found["data"][field].to_string());
        let (value, beside) = (text("value"), text("beside"));
        let quoted = |value: &str| Some(format!("\"{value}\""));
        match operation {
            Operation::Delete if done => assert!(found.is_none(), "{case}: still there"),
            Operation::Delete if found.is_none() => {}
            _ if done => {
                assert_eq!(value, quoted(NEW), "{case}");
                assert_eq!(found.as_ref().unwrap()["metadata"]["version"], version + 1, "{case}: written twice");
            }
            _ => assert!(value == quoted(OLD) || value == quoted(NEW), "{case}: {value:?}"),
        }
        if operation == Operation::Update {
            assert_eq!(beside.as_deref(), Some("1"), "{case}: an update lost another field");
        }
    }

    /// How many bytes pass in each direction without a fault, over a new connection.
    fn lengths(&self, operation: Operation) -> (usize, usize) {
        self.prepare(operation);
        self.proxy.set(Fault::None);
        self.operate(operation, &Call::default(), "no fault").unwrap();
        // The proxy counts bytes before it forwards them, so all of them have been counted.
        let passed = self.proxy.passed();
        (passed.request_bytes, passed.answer_bytes)
    }

    /// Cuts the connection at every `stride`th byte of requests and answers; `judge` checks each outcome.
    pub fn sweep(&self, operation: Operation, stride: usize, end: End, judge: impl Fn(Result<()>, &str)) -> usize {
        let (request, answer) = self.lengths(operation);
        let offsets = |length: usize| (0..length).step_by(stride);
        let requests = offsets(request).map(|at| Fault::CutRequest(at, end));
        let answers = offsets(answer).map(|at| Fault::CutAnswer(at, end));
        let mut cases = 0;
        for fault in requests.chain(answers) {
            let case = format!("{operation:?} with {fault:?}");
            judge(self.run(operation, fault), &case);
            cases += 1;
        }
        cases
    }
}

/// Shows a fault without its bytes.
pub struct Short<'f>(pub &'f Fault);

impl std::fmt::Debug for Short<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Fault::Instead { requests, answer, end, .. } => {
                let beginning = String::from_utf8_lossy(&answer[..answer.len().min(60)]);
                write!(f, "{beginning:?}… for {requests:?}, then {end:?}")
            }
            other => other.fmt(f),
        }
    }
}
