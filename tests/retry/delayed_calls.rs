//! Calls that are delayed before they send their request.

use std::ffi::CStr;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use handsfree_secrets::error::Status;
use handsfree_secrets::observe::log::LogSink;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Counter, Fault, FaultProxy, Server, eventually};
use log::{Level, LevelFilter};
use serde_json::json;

use crate::gateway_failures::{call, mount_with_secret};
use crate::managers::options;

/// A log sink that runs `pause` for each line that contains `part`.
struct PausingSink<F> {
    part: &'static str,
    pause: F,
}

impl<F: Fn() + Send + Sync> LogSink for PausingSink<F> {
    fn log(&self, _: Level, message: &CStr) {
        if message.to_str().unwrap().contains(self.part) {
            (self.pause)();
        }
    }
}

/// A manager for the server at `address` with this log sink.
fn open_with_sink(server: &Server, address: &str, mount: &str, sink: impl LogSink + 'static) -> Arc<dyn SecretManager> {
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address),
        ("VAULT_MOUNT", mount),
        ("VAULT_TOKEN", server.root_token()),
    ];
    let mut options = options(&settings).unwrap();
    options.set_log_sink(Some((Arc::new(sink), LevelFilter::Trace)));
    handsfree_secrets::open::open(Some(&options), &call()).unwrap().secrets().clone()
}

#[test]
fn a_call_delayed_at_its_start_does_not_use_a_stale_connection() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    server.write_raw(&mount, "b", json!({"value": "other"}));
    let proxy = FaultProxy::to(server.port());
    let (entered, has_entered) = channel();
    let (holding, may_go) = channel::<()>();
    let pause = {
        let (may_go, held) = (Mutex::new(may_go), Counter::default());
        move || {
            if held.next() == 0 {
                let _ = entered.send(());
                // Waits until the test drops its end, or fails.
                let _ = may_go.lock().unwrap().recv();
            }
        }
    };
    let manager = open_with_sink(server, &proxy.addr(), &mount, PausingSink { part: "/data/a", pause });
    std::thread::scope(|scope| {
        let holding = holding;
        let paused = scope.spawn(|| manager.get("vault://a", &call()).unwrap().unwrap().as_str().to_owned());
        has_entered.recv_timeout(Duration::from_secs(10)).expect("the call is paused");
        // Meanwhile another call uses the connection, and its answer arrives twice.
        proxy.set(Fault::Twice(Duration::from_millis(10)));
        assert_eq!(manager.get("vault://b", &call()).unwrap().unwrap().as_str(), "other");
        let repeated = || (proxy.passed().repeats == 1).then_some(());
        eventually("the repeated answer", Duration::from_secs(10), repeated);
        drop(holding);
        assert_eq!(paused.join().unwrap(), "old");
    });
}

#[test]
fn a_store_past_its_deadline_is_not_sent() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let pause = || std::thread::sleep(Duration::from_millis(400));
    let manager = open_with_sink(server, &server.addr(), &mount, PausingSink { part: "asking", pause });
    // The first store may look up the mount first.
    manager.store("b", "v", None, &call()).unwrap();
    let mut short = call();
    short.set_timeout(Duration::from_millis(200));
    let error = manager.store("c", "v", None, &short).unwrap_err();
    assert_eq!(error.status(), Status::Timeout, "{error}");
    // A request that was sent in spite of the deadline would have arrived by now.
    std::thread::sleep(Duration::from_millis(300));
    assert!(server.read_raw(&mount, "b").is_some() && server.read_raw(&mount, "c").is_none());
}
