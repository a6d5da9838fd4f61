//! `watch`: a command is executed, or a process gets a signal, whenever secrets have changed.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use handsfree_secrets_test_support::{Gateway, Server, Verdict, cc, eventually};
use serde_json::json;

use super::Shell;

pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// A process that is killed at the end of its test, with those that it has started.
pub(super) struct Running(pub(super) Child);

impl Running {
    pub(super) fn start(command: &mut Command) -> Running {
        Running(command.stdin(Stdio::null()).process_group(0).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// Secrets of a mount, and a watch that looks at them often.
pub(super) struct Watched {
    pub(super) server: &'static Server,
    pub(super) mount: String,
    looks: Arc<AtomicUsize>,
    /// Whether looks are held back.
    holds: Arc<AtomicBool>,
    _gateway: Gateway,
    pub(super) shell: Shell,
    folder: tempfile::TempDir,
}

impl Watched {
    pub(super) fn new() -> Watched {
        let server = Server::shared();
        let mount = server.fresh_mount();
        let (looks, holds) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (count, held) = (looks.clone(), holds.clone());
        let gateway = Gateway::to(server.port(), move |request| {
            if request.path.contains("metadata") {
                count.fetch_add(1, Ordering::AcqRel);
                while held.load(Ordering::Acquire) {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            Verdict::Pass
        });
        let shell =
            Shell::on_vault(server, &mount).with("VAULT_ADDR", &gateway.addr()).with("VAULT_WATCH_INTERVAL", "50ms");
        let folder = tempfile::tempdir().unwrap();
        let watched = Watched { server, mount, looks, holds, _gateway: gateway, shell, folder };
        watched.write("a", "1");
        watched
    }

    pub(super) fn write(&self, name: &str, value: &str) {
        self.server.write_raw(&self.mount, name, json!({"value": value}));
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Watched {
        self.shell = self.shell.with(name, value);
        self
    }

    /// A file for the output of a command.
    pub(super) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Starts `watch` with its messages in the file `err`, and waits for several looks, so that the first has ended.
    fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.shell.command(&[&["watch"], arguments].concat());
        let running = Running::start(command.stderr(fs::File::create(self.file("err")).unwrap()));
        self.wait_for_looks(6);
        running
    }

    /// Has the server not answer the requests of looks.
    pub(super) fn hold_looks(&self) {
        self.holds.store(true, Ordering::Release);
    }

    pub(super) fn release_looks(&self) {
        self.holds.store(false, Ordering::Release);
    }

    /// Waits for the requests of looks that begin from now on.
    pub(super) fn wait_for_looks(&self, requests: usize) {
        let before = self.looks.load(Ordering::Acquire);
        eventually("looks", LIMIT, || (self.looks.load(Ordering::Acquire) >= before + requests).then_some(()));
    }
}

pub(super) fn holds(file: &str, text: &str) {
    eventually(text, LIMIT, || (fs::read_to_string(file).ok()? == text).then_some(()));
}

#[test]
fn the_command_is_executed_with_the_new_values_at_each_change() {
    let watched = Watched::new().with("A", "vault://a");
    let out = watched.file("out");
    let script = "echo \"$A $1 ${VAULT_TOKEN-none}\" >> \"$0\"; exit 7";
    let running = watched.start(&["vault://a", "vault://app/", "--", "sh", "-c", script, &out, "--json"]);
    assert!(!Path::new(&out).exists(), "what is there at first is no change");
    watched.write("a", "2");
    holds(&out, "2 --json none\n");
    watched.write("app/x", "any");
    holds(&out, "2 --json none\n2 --json none\n");
    watched.write("other", "any");
    watched.write("a", "3");
    holds(&out, "2 --json none\n2 --json none\n3 --json none\n");
    let failed = "hfsecret: sh: exit code 7\n";
    holds(&watched.file("err"), &failed.repeat(3));
    watched.server.api().delete(&format!("{}/metadata/a", watched.mount));
    let absent = "hfsecret: A: vault://a: no such secret, version or field\nhfsecret: sh: exit code 1\n";
    holds(&watched.file("err"), &(failed.repeat(3) + absent));
    drop(running);
}

#[test]
fn changes_that_were_found_together_are_told_together() {
    let watched = Watched::new();
    let out = watched.file("out");
    let _running = watched.start(&["vault:///app/", "--", "sh", "-c", "echo told >> \"$0\"", &out]);
    watched.hold_looks();
    watched.wait_for_looks(1);
    (0..20).for_each(|number| watched.write(&format!("app/{number}"), "any"));
    watched.release_looks();
    holds(&out, "told\n");
    watched.wait_for_looks(3);
    holds(&out, "told\n");
}

#[test]
fn a_process_gets_the_signal_until_it_has_ended() {
    let watched = Watched::new();
    let out = watched.file("out");
    let script = "trap 'echo told >> \"$0\"' HUP; echo ready >> \"$0\"; while :; do sleep 0.05; done";
    let mut process = Running::start(cc::clean_command("/bin/sh".as_ref()).args(["-c", script, &out]));
    holds(&out, "ready\n");
    let id = process.0.id().to_string();
    let mut running = watched.start(&["--signal", "HUP", "vault://a", "--pid", &id]);
    watched.write("a", "2");
    holds(&out, "ready\ntold\n");
    watched.write("a", "3");
    holds(&out, "ready\ntold\ntold\n");
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    watched.write("a", "4");
    let ended = eventually("the end of the watch", LIMIT, || running.0.try_wait().unwrap());
    assert_eq!(ended.code(), Some(125));
    holds(&watched.file("err"), &format!("hfsecret: process {id}: No such process\n"));
    let refused = watched.shell.run(&["watch", "--signal", "SIGHUP", "--pid", &id, "vault://a"]);
    assert_eq!((refused.code, refused.out.as_str()), (125, ""), "{}", refused.err);
}

/// A program that becomes hfsecret, to which processes come whose parents have ended, as to the first one of a container.
pub(super) fn first_of_a_container() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let text = "#include <sys/prctl.h>\n#include <unistd.h>\n\
                int main(int count, char **words) { (void)count; prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); \
                return execv(words[1], words + 1); }\n";
    PROGRAM.get_or_init(|| cc::compile_text("gcc", "gnu99", text, "first_of_a_container", &[])).clone()
}

/// Starts a process whose parent ends, with its number in the file `$0.id`.
pub(super) const ORPHAN: &str = "(sh -c 'echo $$' > \"$0.id\" &); while [ ! -s \"$0.id\" ]; do sleep 0.02; done; ";

#[test]
fn no_process_that_came_from_a_command_stays_as_a_zombie() {
    let watched = Watched::new();
    let out = watched.file("out");
    let ended = "until grep -q '^State:.Z' \"/proc/$(cat \"$0.id\")/status\"; do sleep 0.02; done; echo told > \"$0\"";
    let watch = watched.shell.command(&["watch", "vault://a", "--", "sh", "-c", &format!("{ORPHAN}{ended}"), &out]);
    let mut command = cc::clean_command(&first_of_a_container());
    command.arg(watch.get_program()).args(watch.get_args()).envs(watched.shell.environment.iter().cloned());
    let _running = Running::start(&mut command);
    watched.wait_for_looks(6);
    watched.write("a", "2");
    holds(&out, "told\n");
    let id = fs::read_to_string(format!("{out}.id")).unwrap();
    let entry = Path::new("/proc").join(id.trim());
    eventually("the end of the zombie", LIMIT, || (!entry.exists()).then_some(()));
}

/// With a token, which comes with it, that may look at vault://a and do nothing else.
fn that_sees_one_secret() -> (Watched, String) {
    let watched = Watched::new();
    let policy = format!("path \"{0}/metadata/a\" {{ capabilities = [\"read\"] }}\n", watched.mount);
    let token = watched.server.policy_token(&policy);
    (watched.with("VAULT_TOKEN", &token).with("VAULT_KV_VERSION", "2"), token)
}

#[test]
fn a_secret_that_cannot_be_looked_at_is_named_once() {
    let (watched, _) = that_sees_one_secret();
    let out = watched.file("out");
    let _running = watched.start(&["vault://closed", "vault://a", "--", "sh", "-c", "echo told >> \"$0\"", &out]);
    watched.write("a", "2");
    holds(&out, "told\n");
    let err = fs::read_to_string(watched.file("err")).unwrap();
    assert!(err.starts_with("hfsecret: vault://closed: ") && err.lines().count() == 1, "{err}");
}

#[test]
fn a_watch_whose_token_is_refused_says_so_once_and_goes_on() {
    let (watched, token) = that_sees_one_secret();
    let mut running = watched.start(&["vault://a", "--", "true"]);
    watched.server.api().post("auth/token/revoke", json!({"token": token}));
    let err = watched.file("err");
    eventually("a warning", LIMIT, || fs::read_to_string(&err).ok().filter(|text| text.ends_with('\n')));
    watched.wait_for_looks(6);
    let text = fs::read_to_string(&err).unwrap();
    assert!(text.starts_with("handsfree_secrets: WARN changes of secrets are not noticed at present: "), "{text}");
    assert!(text.contains("VAULT_TOKEN") && text.lines().count() == 1, "{text}");
    assert!(running.0.try_wait().unwrap().is_none());
}

#[test]
fn what_cannot_be_watched_is_refused_at_once() {
    let server = Server::shared();
    let shell = Shell::on_vault(server, &server.fresh_mount());
    for (arguments, code, named) in [
        (["vault://a"].as_slice(), 2, "watch takes either a command behind -- or --signal and --pid"),
        (&["vault://a", "--"], 2, "watch takes either a command"),
        (&["--", "true"], 2, "wrong number of arguments for watch"),
        (&["--signal", "HUP", "vault://a"], 2, "--signal goes with --pid"),
        (&["--pid", "1", "vault://a", "--", "true"], 2, "--signal goes with --pid"),
        (&["--signal", "HUP", "--pid", "1", "vault://a", "--", "true"], 2, "watch takes either a command"),
        (&["--signal", "NONE", "--pid", "1", "vault://a"], 2, "--signal takes HUP, "),
        (&["--signal", "HUP", "--pid", "0", "vault://a"], 2, "--pid takes the number of a process, not 0"),
        (&["--signal", "HUP", "--pid", "99999999999", "vault://a"], 2, "--pid takes the number of a process"),
        (&["--json", "vault://a", "--", "true"], 2, "an option is not for watch"),
        (&["env://A", "--", "true"], 4, "env://A: "),
        (&["vault://a?version=1", "--", "true"], 3, "vault://a?version=1: "),
    ] {
        let run = shell.run(&[&["watch"], arguments].concat());
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{arguments:?}: {}", run.err);
        assert!(run.err.starts_with(&format!("hfsecret: {named}")), "{arguments:?}: {}", run.err);
    }
    let on_env = Shell::on_env().run(&["watch", "env://A", "--", "true"]);
    assert!(on_env.code > 2 && on_env.err.starts_with("hfsecret: watch: "), "{}", on_env.err);
}

/// The kernel gives the first process of a container no signal that it has no handler for.
#[test]
fn as_the_first_process_of_a_container_it_is_ended_by_signals() {
    const ALONE: [&str; 3] = ["--pid", "--fork", "--kill-child"];
    let alone = Command::new("unshare").args(ALONE).arg("true").stderr(Stdio::null()).status();
    if !alone.is_ok_and(|status| status.success()) {
        let _ = writeln!(std::io::stderr(), "the first process of a container is not tested: only root may make one");
        return;
    }
    let watched = Watched::new();
    let start = |shell: &Shell, arguments: &[&str]| {
        let mut command = cc::clean_command("unshare".as_ref());
        command.args(ALONE).arg(super::program()).args(arguments).envs(shell.environment.iter().cloned());
        Running::start(&mut command)
    };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let waits = Shell::on_vault(watched.server, &watched.mount)
        .with("VAULT_ADDR", &format!("http://{}", silent.local_addr().unwrap()));
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let mut watch = start(&watched.shell, &["watch", "vault://a", "--", "true"]);
        watched.wait_for_looks(6);
        let mut get = start(&waits, &["get", "vault://a"]);
        let _connection = silent.accept().unwrap();
        for running in [&mut watch, &mut get] {
            let id = running.0.id();
            let first = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
            Command::new("kill").args(["-s", name, first.trim()]).status().unwrap();
            let end = eventually("the end of hfsecret", LIMIT, || running.0.try_wait().unwrap());
            assert_eq!(end.code(), Some(code), "{name}");
        }
    }
}
