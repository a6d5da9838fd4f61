//! `run --watch`: the command is restarted, or gets a signal, when a secret that it uses has changed.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};

use handsfree_secrets_test_support::{cc, eventually};
use serde_json::json;

use super::watch::{LIMIT, ORPHAN, Running, Watched, first_of_a_container, holds};
use super::{Shell, program};

/// Sends a signal to hfsecret.
fn send(running: &Running, name: &str) {
    let status = Command::new("kill").args(["-s", name, &running.0.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn end_of(mut running: Running) -> ExitStatus {
    eventually("the end of hfsecret", LIMIT, || running.0.try_wait().unwrap())
}

impl Watched {
    /// Starts `run --watch` with these options and a script, whose first argument is the file `out`.
    fn run_script(&self, options: &[&str], script: &str) -> Running {
        let out = self.file("out");
        let mut command = self.shell.command(&[&["run", "--watch"], options, &["sh", "-c", script, &out]].concat());
        Running::start(command.stderr(fs::File::create(self.file("err")).unwrap()))
    }
}

/// Prints its values, and lives until SIGTERM, which it answers with code 3.
const SERVICE: &str = "trap 'echo stopped >> \"$0\"; exit 3' TERM; trap 'echo told >> \"$0\"' USR1; \
                       echo \"$A ${VAULT_TOKEN-none}\" >> \"$0\"; while :; do sleep 0.05; done";

#[test]
fn the_command_is_restarted_with_the_new_values_when_one_has_changed() {
    let watched = Watched::new().with("A", "vault://a").with("B", "vault://b#password");
    watched.server.write_raw(&watched.mount, "b", json!({"password": "1", "note": "first"}));
    let out = watched.file("out");
    let running = watched.run_script(&[], SERVICE);
    holds(&out, "1 none\n");
    watched.write("other", "any");
    watched.write("a", "1");
    watched.server.write_raw(&watched.mount, "b", json!({"password": "1", "note": "second"}));
    watched.wait_for_looks(6);
    holds(&out, "1 none\n");
    watched.write("a", "2");
    holds(&out, "1 none\nstopped\n2 none\n");
    watched.server.write_raw(&watched.mount, "b", json!({"password": "2"}));
    holds(&out, "1 none\nstopped\n2 none\nstopped\n2 none\n");
    send(&running, "TERM");
    assert_eq!(end_of(running).code(), Some(3));
    holds(&watched.file("err"), "");
}

#[test]
fn the_command_gets_the_signal_and_its_files_have_the_new_content() {
    let watched = Watched::new();
    let out = watched.file("out");
    let script = "trap 'cat \"$KEY\" >> \"$0\"; echo >> \"$0\"' HUP; cat \"$KEY\" >> \"$0\"; echo >> \"$0\"; \
                  while :; do sleep 0.05; done";
    let running = watched.run_script(&["--signal", "HUP", "--file", "KEY=vault://a"], script);
    holds(&out, "1\n");
    watched.write("a", "a longer one");
    holds(&out, "1\na longer one\n");
    watched.write("a", "short");
    holds(&out, "1\na longer one\nshort\n");
    send(&running, "TERM");
    assert_eq!(end_of(running).signal(), Some(15), "a command without a handler ends by the signal");
}

#[test]
fn a_command_that_ignores_sigterm_is_killed() {
    let watched = Watched::new().with("A", "vault://a");
    let (out, stop) = (watched.file("out"), watched.file("stop"));
    let script = format!("trap '' TERM; echo \"$A\" >> \"$0\"; while [ ! -e '{stop}' ]; do sleep 0.05; done; exit 4");
    let running = watched.run_script(&["--kill-after", "0.2"], &script);
    holds(&out, "1\n");
    watched.write("a", "2");
    holds(&out, "1\n2\n");
    let message = "hfsecret: sh: killed, since it has not ended 0.2 seconds after SIGTERM\n";
    holds(&watched.file("err"), message);
    watched.write("a", "3");
    holds(&out, "1\n2\n3\n");
    holds(&watched.file("err"), &message.repeat(2));
    fs::write(stop, "").unwrap();
    assert_eq!(end_of(running).code(), Some(4));
}

#[test]
fn a_command_that_has_stopped_itself_is_restarted_and_ended() {
    let watched = Watched::new().with("A", "vault://a");
    let out = watched.file("out");
    let script = "trap 'exit 3' TERM; echo \"$A\" >> \"$0\"; kill -STOP $$; while :; do sleep 0.05; done";
    let running = watched.run_script(&[], script);
    holds(&out, "1\n");
    watched.write("a", "2");
    holds(&out, "1\n2\n");
    send(&running, "TERM");
    assert_eq!(end_of(running).code(), Some(3));
    holds(&watched.file("err"), "");
}

/// SIGPIPE would end hfsecret at its first message, and leave a command that nobody restarts.
#[test]
fn it_stays_with_its_command_when_nobody_reads_its_messages() {
    let watched = Watched::new().with("A", "vault://a");
    let out = watched.file("out");
    let mut command = watched.shell.command(&["run", "--watch", "sh", "-c", SERVICE, &out]);
    let mut running = Running::start(command.stderr(Stdio::piped()));
    holds(&out, "1 none\n");
    drop(running.0.stderr.take());
    watched.server.api().delete(&format!("{}/metadata/a", watched.mount));
    watched.wait_for_looks(3);
    watched.write("a", "2");
    holds(&out, "1 none\nstopped\n2 none\n");
    send(&running, "TERM");
    assert_eq!(end_of(running).code(), Some(3));
}

#[test]
fn no_process_that_came_from_the_command_stays_as_a_zombie() {
    let watched = Watched::new().with("A", "vault://a");
    let gone = "while [ -e \"/proc/$(cat \"$0.id\")\" ]; do sleep 0.02; done; exit 5";
    let script = format!("{ORPHAN}{gone}");
    let run = watched.shell.command(&["run", "--watch", "sh", "-c", &script, &watched.file("out")]);
    let mut command = cc::clean_command(&first_of_a_container());
    command.arg(run.get_program()).args(run.get_args()).envs(watched.shell.environment.iter().cloned());
    assert_eq!(end_of(Running::start(&mut command)).code(), Some(5));
}

#[test]
fn it_ends_as_the_command_does_while_nothing_changes() {
    let watched = Watched::new().with("A", "vault://a").with("VAULT_WATCH_INTERVAL", "1h");
    for (script, code, signal) in [("exit 0", Some(0), None), ("exit 7", Some(7), None), ("kill -9 $$", None, Some(9))]
    {
        let ended = end_of(watched.run_script(&[], script));
        assert_eq!((ended.code(), ended.signal()), (code, signal), "{script}");
    }
    for (command, code, named) in [("/no/such/command", 127, "No such file"), ("/dev/null", 126, "Permission denied")] {
        let run = watched.shell.run(&["run", "--watch", command]);
        assert_eq!((run.code, run.err.lines().count()), (code, 1), "{}", run.err);
        assert!(run.err.starts_with(&format!("hfsecret: {command}: {named}")), "{}", run.err);
    }
}

#[test]
fn it_ends_with_the_command_while_the_server_does_not_answer() {
    let watched = Watched::new().with("A", "vault://a");
    let running = watched.run_script(&[], SERVICE);
    holds(&watched.file("out"), "1 none\n");
    watched.hold_looks();
    watched.wait_for_looks(1);
    send(&running, "TERM");
    assert_eq!(end_of(running).code(), Some(3));
    holds(&watched.file("err"), "");
    watched.release_looks();
}

#[test]
fn signals_are_forwarded_and_a_command_that_was_told_to_end_is_not_restarted() {
    let watched = Watched::new().with("A", "vault://a");
    let (out, stop) = (watched.file("out"), watched.file("stop"));
    let script = format!(
        "for name in HUP INT QUIT USR1 USR2 TERM; do trap \"echo $name >> '$0'\" $name; done; \
         echo ready >> \"$0\"; while [ ! -e '{stop}' ]; do sleep 0.05; done; exit 5"
    );
    let running = watched.run_script(&[], &script);
    holds(&out, "ready\n");
    let mut wanted = "ready\n".to_owned();
    for name in ["HUP", "USR1", "USR2", "INT", "QUIT", "TERM"] {
        send(&running, name);
        wanted += &format!("{name}\n");
        holds(&out, &wanted);
    }
    watched.write("a", "2");
    watched.wait_for_looks(3);
    holds(&out, &wanted);
    fs::write(stop, "").unwrap();
    assert_eq!(end_of(running).code(), Some(5));
}

#[test]
fn the_command_goes_on_with_its_values_while_there_are_no_others() {
    let watched = Watched::new().with("A", "vault://a");
    let out = watched.file("out");
    let running = watched.run_script(&[], SERVICE);
    holds(&out, "1 none\n");
    watched.server.api().delete(&format!("{}/metadata/a", watched.mount));
    let message = "hfsecret: A: vault://a: no such secret, version or field\n";
    holds(&watched.file("err"), message);
    watched.wait_for_looks(3);
    holds(&watched.file("err"), message);
    holds(&out, "1 none\n");
    watched.write("a", "2");
    holds(&out, "1 none\nstopped\n2 none\n");
    send(&running, "TERM");
    assert_eq!(end_of(running).code(), Some(3));
}

#[test]
fn the_command_inherits_descriptors_and_signals_of_the_caller() {
    let watched = Watched::new().with("A", "vault://a");
    let script = "trap '' HUP USR1; exec \"$@\"";
    let shown = "ls /proc/$$/fd; grep -E '^Sig(Blk|Ign)' /proc/self/status; ulimit -c";
    let printed = |before: &[&str]| {
        let mut command = cc::clean_command("/bin/sh".as_ref());
        command.args(["-c", script, "sh"]).args(before).args(["sh", "-c", shown]);
        let output = command.envs(watched.shell.environment.iter().cloned()).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(printed(&[program().to_str().unwrap(), "run", "--watch"]), printed(&[]));
}

#[test]
fn what_cannot_be_watched_is_not_executed() {
    let watched = Watched::new();
    let with = |name: &str, value: &str| {
        let mut shell = Shell { environment: watched.shell.environment.clone() };
        shell.environment.push((name.into(), value.into()));
        shell
    };
    for (shell, arguments, code, named) in [
        (with("A", "vault://a"), ["run", "--signal", "HUP", "echo"].as_slice(), 2, "--signal goes with --watch"),
        (with("A", "vault://a"), &["get", "--watch", "vault://a"], 2, "an option is not for get"),
        (with("A", "vault://a"), &["run", "--watch", "--pid", "1", "echo"], 2, "an option is not for run"),
        (with("A", "text"), &["run", "--watch", "echo"], 2, "--watch: neither a variable nor --file refers to"),
        (with("A", "vault://a?version=1"), &["run", "--watch", "echo"], 2, "--watch: neither a variable nor"),
        (with("A", "vault://absent"), &["run", "--watch", "echo"], 1, "A: vault://absent: no such secret"),
        (Shell::on_env(), &["run", "--watch", "echo"], 16, "watch: "),
    ] {
        let run = shell.run(arguments);
        assert_eq!((run.code, run.out.as_str(), run.err.lines().count()), (code, "", 1), "{arguments:?}: {}", run.err);
        assert!(run.err.starts_with(&format!("hfsecret: {named}")), "{arguments:?}: {}", run.err);
    }
}
