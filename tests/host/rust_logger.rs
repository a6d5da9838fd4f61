//! A Rust program with a logger, which receives the lines of the library and of all its dependencies.

#![cfg(test)]

use std::ffi::CStr;
use std::sync::{Arc, Mutex};

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::observe::log::LogSink;
use handsfree_secrets::open;
use handsfree_secrets_test_support::Server;
use log::{Level, LevelFilter, Log, Metadata, Record};

/// Records every line of every crate.
#[derive(Default)]
struct Everything(Mutex<Vec<(Level, String)>>);

impl Log for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.lock().unwrap().push((record.level(), format!("{}: {}", record.target(), record.args())));
    }

    fn flush(&self) {}
}

impl LogSink for Everything {
    fn log(&self, level: Level, message: &CStr) {
        self.0.lock().unwrap().push((level, message.to_str().unwrap().to_owned()));
    }
}

impl Everything {
    fn of_level(&self, wanted: Level) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|(level, _)| *level == wanted).map(|(_, line)| line.clone()).collect()
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().iter().map(|(_, line)| format!("{line}\n")).collect()
    }
}

#[test]
fn the_log_crate_gets_no_bytes_of_requests_and_answers() {
    let logger: &'static Everything = Box::leak(Box::default());
    log::set_logger(logger).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let server = Server::shared();
    let mount = server.fresh_mount();
    let sink = Arc::new(Everything::default());
    let mut options = Options::new_isolated();
    for (name, value) in [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", server.addr().as_str()),
        ("VAULT_TOKEN", server.root_token()),
        ("VAULT_MOUNT", mount.as_str()),
    ] {
        options.set(name, value).unwrap();
    }
    options.set_log_sink(Some((sink.clone(), LevelFilter::Trace)));
    let manager = open::open(Some(&options), &Call::default()).unwrap().secrets().clone();
    let canary = "CANARY-7f0a";
    manager.store("logged", canary, None, &Call::default()).unwrap();
    assert_eq!(manager.get("vault://logged", &Call::default()).unwrap().unwrap().as_str(), canary);
    // Crates that log bytes log them at this level, in rows that split a value.
    assert_eq!(logger.of_level(Level::Trace), [""; 0]);
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for text in [logger.text(), sink.text()] {
        let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        for secret in [canary, server.root_token()] {
            assert!(!text.contains(secret) && !squeezed.contains(&hex(secret)), "{text}");
        }
    }
    // A sink of level trace receives the trace lines of this library.
    assert!(sink.of_level(Level::Trace).iter().any(|line| line.contains("/data/logged")), "{}", sink.text());
}
