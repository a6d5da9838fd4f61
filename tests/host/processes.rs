//! C programs that fork, run many threads, load and unload the library, send themselves signals and exhaust their
//! limits, each against a real server.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use handsfree_secrets_test_support::{End, Fault, FaultProxy, Relay, Server, cc, eventually};

use crate::programs::{Target, TlsServer, program, source, succeeds, text_of};

/// The senders of the requests in `sent`: "parent", or the number of a child.
fn owners(sent: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(sent);
    let paths = text.lines().filter_map(|line| line.split_once("/data/of/").map(|(_, rest)| rest));
    paths.map(|path| path.split_whitespace().next().unwrap_or_default().to_owned()).collect()
}

/// Runs the fork program through `relay`, and returns what each connection had carried before the fork and at the end.
fn fork_through(relay: &Relay, target: &Target, threads: &str) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut child = target
        .command(&program("fork"), &[CHILDREN, threads])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let before = relay.sent();
    let _ = child.stdin.take().unwrap().write_all(b"\n");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}: {line}{}", output.status, text_of(&output));
    (before, relay.sent())
}

const CHILDREN: &str = "16";

/// What was sent on a connection after the children had been forked.
fn later<'a>(before: &[Vec<u8>], after: &'a [Vec<u8>]) -> Vec<&'a [u8]> {
    after.iter().enumerate().map(|(i, sent)| &sent[before.get(i).map_or(0, Vec::len)..]).collect()
}

#[test]
fn children_do_not_use_an_idle_connection_of_the_parent() {
    let relay = Relay::to(Server::shared().port());
    let target = Target::plain(Server::shared(), relay.addr());
    let (before, after) = fork_through(&relay, &target, "0");
    assert_eq!(before.len(), 1, "the parent had one connection");
    assert_eq!(after.len(), 1 + 16, "and each child made one of its own");
    let later = later(&before, &after);
    assert_eq!(
        owners(later[0]),
        BTreeSet::from(["the/parent".to_owned()]),
        "no child wrote to the connection of the parent"
    );
    let children: BTreeSet<String> = later[1..].iter().flat_map(|sent| owners(sent)).collect();
    assert_eq!(children.len(), 16);
    assert!(later[1..].iter().all(|sent| owners(sent).len() == 1));
}

#[test]
fn children_do_not_share_connections_with_a_busy_parent() {
    let relay = Relay::to(Server::shared().port());
    let target = Target::plain(Server::shared(), relay.addr());
    let (before, after) = fork_through(&relay, &target, "4");
    for sent in later(&before, &after).iter().filter(|sent| !sent.is_empty()) {
        assert_eq!(owners(sent).len(), 1, "two processes on one connection: {:?}", owners(sent));
    }
}

#[test]
fn children_do_not_use_an_idle_tls_connection_of_the_parent() {
    let host = TlsServer::start();
    let relay = Relay::to(host.server.https_port(0));
    let (before, after) = fork_through(&relay, &host.target(relay.port()), "0");
    // A byte sent by a child, such as an alert, would break the parent's connection, and the parent would open another
    // one.
    assert_eq!((before.len(), after.len()), (1, 1 + 16));
    assert!(after[0].len() > before[0].len(), "the parent went on with its own");
}

#[test]
fn children_open_their_own_tls_connections() {
    let host = TlsServer::start();
    let relay = Relay::to(host.server.https_port(0));
    let (before, after) = fork_through(&relay, &host.target(relay.port()), "4");
    assert_eq!(before.len(), 1);
    // One for each child, and at most one for each thread of the parent.
    assert!((1 + 16..=4 + 16).contains(&after.len()), "{} connections: some broke", after.len());
}

#[test]
fn many_threads_share_one_manager() {
    let target = Target::of_shared();
    succeeds(&mut target.command(&program("threads"), &["64", "5"]));
}

#[test]
fn many_threads_share_one_manager_over_tls() {
    let host = TlsServer::start();
    let target = host.target(host.server.https_port(0));
    succeeds(&mut target.command(&program("threads"), &["64", "3"]));
}

#[test]
fn many_threads_share_one_cache_that_writes_and_a_watch_clear() {
    succeeds(&mut Target::of_shared().command(&program("cache_threads"), &["16", "2"]));
}

#[test]
fn loading_and_unloading_leaks_nothing() {
    let target = Target::of_shared();
    Server::shared()
        .api()
        .post(&format!("{}/data/reloaded", target.mount), serde_json::json!({"data": {"value": "anew"}}));
    let library = cc::shared_library();
    let mut command = target.command(&program("reload"), &[library.to_str().unwrap(), "2000", "8"]);
    succeeds(command.env("REFERENCE", "vault://reloaded").env("EXPECTED", "anew"));
}

#[test]
fn constructors_destructors_and_atexit_handlers_may_call() {
    let host = TlsServer::start();
    for target in [Target::of_shared(), host.target(host.server.https_port(0))] {
        let text = succeeds(&mut target.command(&program("at_exit"), &[]));
        assert_eq!(text, "constructor\nhandler\ndestructor\n");
    }
}

#[test]
fn new_tls_connections_fail_after_the_destructors_of_the_library() {
    let late = cc::compile("gcc", "c11", &source("late"), "liblate.so", &["-shared", "-fPIC", "-Wl,--as-needed"]);
    let run_path = format!("-Wl,-rpath,{}", late.parent().unwrap().display());
    let library = cc::shared_library();
    let flags = ["-Wl,--no-as-needed", library.to_str().unwrap(), late.to_str().unwrap(), &run_path];
    let program = cc::compile("gcc", "c11", &source("after_exit"), "after_exit", &flags);

    let host = TlsServer::start();
    let text = succeeds(&mut host.target(host.server.https_port(0)).command(&program, &[]));
    let cancelled =
        |line: &str| line.contains(" thread: HF_ERR_CANCELLED: ") && line.contains("the process is exiting");
    assert_eq!(text.lines().filter(|line| cancelled(line)).count(), 2, "{text}");
}

#[test]
fn a_process_may_end_while_calls_are_pending() {
    let host = TlsServer::start();
    for target in [Target::plain(&host.server, host.server.addr()), host.target(host.server.https_port(0))] {
        for way in ["return", "exit", "_exit"].repeat(5) {
            succeeds(&mut target.command(&program("exit_pending"), &[way]));
        }
    }
}

#[test]
fn signals_fail_no_call_and_calls_do_not_change_process_state() {
    let target = Target::of_shared();
    succeeds(&mut target.command(&program("signals"), &[]));
}

/// Runs the program `broken`, whose connections are closed in every way that makes a later write fail.
fn survives_broken_connections(proxy: &FaultProxy, target: &Target) {
    let mut child = target
        .command(&program("broken"), &[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut does = |step: &str| {
        // If the program has ended, the code below reports it.
        let _ = writeln!(input, "{step}");
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line == "done\n"
    };
    let mut steps = || {
        if !does("store") {
            return "the first store";
        }
        for (step, end) in [("get", End::Abort), ("get", End::Reset), ("store", End::Abort), ("store", End::Reset)] {
            proxy.set(Fault::CutNow(end));
            eventually("the idle connection is cut off", Duration::from_secs(20), || {
                (proxy.passed().cuts == 1).then_some(())
            });
            if !does(step) {
                return step;
            }
        }
        for end in [End::Abort, End::Reset] {
            proxy.set(Fault::CutRequest(20_000, end));
            if !does("store_large") || !does("get") {
                return "a large store";
            }
        }
        "nothing"
    };
    let fatal = steps();
    drop(input);
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}, broken by {fatal}\n{}", ended.status, text_of(&ended));
}

#[test]
fn a_broken_connection_raises_no_sigpipe() {
    let proxy = FaultProxy::to(Server::shared().port());
    survives_broken_connections(&proxy, &Target::plain(Server::shared(), proxy.addr()));
}

#[test]
fn a_broken_tls_connection_raises_no_sigpipe() {
    let host = TlsServer::start();
    let proxy = FaultProxy::to(host.server.https_port(0));
    survives_broken_connections(&proxy, &host.target(proxy.port()));
}

/// Memory is refused in steps of 512 kB; `make soak` takes smaller ones.
#[test]
fn a_process_at_its_limits_gets_errors_and_recovers() {
    let target = Target::of_shared();
    let step = std::env::var("LIMITS_STEP_KB").unwrap_or_else(|_| "512".to_owned());
    let mut command = target.command(&program("limits"), &[&step]);
    print!("{}", succeeds(command.env("LD_LIBRARY_PATH", cc::release_folder())));
}

#[test]
fn name_lookups_start_no_thread() {
    let mut target = Target::of_shared();
    target.address = format!("http://localhost:{}", Server::shared().port());
    succeeds(&mut target.command(&program("names"), &[]));
}

#[test]
fn a_log_callback_may_call_back() {
    let target = Target::of_shared();
    succeeds(&mut target.command(&program("callback"), &[]));
}

#[test]
fn every_call_works_on_a_stack_of_128_kib() {
    let host = TlsServer::start();
    let target = host.target(host.server.https_port(0));
    let mut command = target.command(&program("stack"), &["131072"]);
    succeeds(command.env("LD_LIBRARY_PATH", cc::release_folder()));
}
