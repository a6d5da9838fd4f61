//! `render`, and the file that --output writes.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use handsfree_secrets_test_support::{Server, cc};
use serde_json::json;

use super::{Run, Shell, done};

/// A shell on a mount with the document `db`, and a folder.
struct Place {
    shell: Shell,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let server = Server::shared();
        let mount = server.fresh_mount();
        let fields = json!({"data": {"username": "app", "password": "{{ & }}", "port": 5432, "list": [1]}});
        server.api().post(&format!("{mount}/data/db"), fields);
        Place { shell: Shell::on_vault(server, &mount), folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn template(&self, text: &str) -> String {
        fs::write(self.path("template"), text).unwrap();
        self.path("template").display().to_string()
    }

    /// The names in the folder besides the template.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "template").collect();
        names.sort();
        names
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn failed(run: &Run, code: i32, words: &str) {
    assert_eq!((run.code, run.out.as_str()), (code, ""), "{}", run.err);
    assert!(run.err.starts_with("hfsecret: ") && run.err.contains(words), "{}", run.err);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
}

#[test]
fn references_in_braces_are_replaced_and_everything_else_stays() {
    let place = Place::new();
    let template = "user={{ vault://db#username }}:{{vault://db#password}}\n{{ other }} {{\t vault://db#port\t}}{{ {{";
    let run = place.shell.run(&["render", &place.template(template)]);
    assert_eq!(run, done("user=app:{{ & }}\n{{ other }} 5432{{ {{"));
    let more = "{{{ vault://db#username }}} {{{{vault://db#port}}}}{{{{{vault://db#port}} {{ {{ vault://db#port }} }}";
    let run = place.shell.run(&["render", &place.template(more)]);
    assert_eq!(run, done("{app} {{5432}}{{{5432 {{ 5432 }}"));
    assert_eq!(place.shell.run(&["render", &place.template("")]), done(""));
    assert_eq!(place.shell.run(&["render", &place.template("no reference\n")]), done("no reference\n"));
}

#[test]
fn a_template_that_cannot_be_resolved_writes_nothing() {
    let place = Place::new();
    fs::write(place.path("out"), "before").unwrap();
    let out = place.path("out").display().to_string();
    let render = |text: &str| place.shell.run(&["render", "--output", &out, &place.template(text)]);
    failed(&render("a\n\n{{ vault://db#none }}"), 1, "line 3: vault://db#none: no such secret");
    failed(&render("{{ vault://db#list }}"), 16, "line 1: vault://db#list: the field is an object");
    failed(&render("a\n{{ vault://db\n}}"), 3, "template:2: a reference begins with {{");
    failed(&render("{{ vault://db }"), 3, "template:1: a reference begins with {{");
    failed(&render("a\0{{ vault://db }}"), 3, "NUL");
    let both = render("{{ vault://none }}\n{{ vault://db#none }}");
    assert_eq!((both.code, both.err.lines().count()), (1, 2), "{}", both.err);
    failed(&place.shell.run(&["render", "/no/such/template"]), 120, "/no/such/template: No such file");
    assert_eq!(fs::read_to_string(&out).unwrap(), "before");
    assert_eq!(place.names(), ["out"], "no other file is left");
}

#[test]
fn a_file_with_a_secret_can_be_read_by_its_owner_only_unless_told() {
    let place = Place::new();
    let out = place.path("out");
    let get = |options: &[&str]| {
        let whole = options.contains(&"--all") || options.contains(&"--json");
        let reference = if whole { "vault://db" } else { "vault://db#username" };
        let all = [&["get", reference, "--output", out.to_str().unwrap()], options].concat();
        assert_eq!(place.shell.run(&all), done(""), "{options:?}");
    };
    get(&[]);
    assert_eq!((fs::read_to_string(&out).unwrap().as_str(), mode(&out)), ("app\n", 0o600));
    let first = fs::metadata(&out).unwrap().ino();
    get(&["--exact", "--mode", "0440"]);
    assert_eq!((fs::read_to_string(&out).unwrap().as_str(), mode(&out)), ("app", 0o440));
    assert_ne!(fs::metadata(&out).unwrap().ino(), first, "the file is replaced, not changed");
    get(&["--json"]);
    assert!(fs::read_to_string(&out).unwrap().starts_with("{\""));
    get(&["--all", "--owner", "0:0"]);
    assert!(fs::read_to_string(&out).unwrap().contains("\nport=5432\n"));
    assert_eq!(place.names(), ["out"]);
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        get(&["--owner", "nobody:4321", "--mode", "640"]);
        let there = fs::metadata(&out).unwrap();
        assert_eq!((there.uid(), there.gid(), mode(&out)), (65534, 4321, 0o640));
        get(&["--owner", ":1234"]);
        assert_eq!((fs::metadata(&out).unwrap().uid(), fs::metadata(&out).unwrap().gid()), (0, 1234));
    }
}

#[test]
fn a_destination_that_cannot_be_replaced_is_refused_before_the_secret_is_read() {
    let place = Place::new();
    symlink("/dev/null", place.path("link")).unwrap();
    fs::create_dir(place.path("folder")).unwrap();
    for name in
        ["/dev/full", "/dev/stdout", place.path("link").to_str().unwrap(), place.path("folder").to_str().unwrap()]
    {
        failed(&place.shell.run(&["get", "vault://no-such", "--output", name]), 120, "not a regular file");
    }
    failed(&place.shell.run(&["get", "vault://db#port", "--output", "/no/such/folder/file"]), 120, "No such file");
    let out = place.path("out").display().to_string();
    failed(
        &place.shell.run(&["get", "vault://none", "--output", &out, "--owner", "no-such-user"]),
        2,
        "no user no-such-user",
    );
    failed(&place.shell.run(&["get", "vault://none", "--output", &out, "--owner", "0:no-such"]), 2, "no group no-such");
    // The largest number leaves the owner as it is; larger ones have that of another user in their low bits.
    for number in ["4294967295", "4294967296", "99999999999999999999", "-1"] {
        let user = place.shell.run(&["get", "vault://none", "--output", &out, "--owner", number]);
        failed(&user, 2, &format!("no user {number}"));
        let group = place.shell.run(&["get", "vault://none", "--output", &out, "--owner", &format!("0:{number}")]);
        failed(&group, 2, &format!("no group {number}"));
    }
    assert_eq!(place.names(), ["folder", "link"]);
}

#[test]
fn a_file_that_cannot_be_written_whole_leaves_the_one_before() {
    let place = Place::new();
    fs::write(place.path("out"), "before").unwrap();
    let large = place.template(&"0123456789abcde\n".repeat(4096));
    let out = place.path("out").display().to_string();
    let command = ["render", "--output", &out, &large];
    let script = format!("ulimit -f 8; exec \"$0\" {}", command.join(" "));
    let mut shell = cc::clean_command("/bin/sh".as_ref());
    shell.args(["-c", &script]).arg(super::program()).envs(place.shell.environment.iter().cloned());
    let output = shell.output().unwrap();
    assert_eq!(output.status.code(), Some(120), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), format!("hfsecret: {out}: File too large\n"));
    assert_eq!(fs::read_to_string(&out).unwrap(), "before");
    assert_eq!(place.names(), ["out"], "the other file is removed");
}

/// strace sends the signal when the file has its content and not yet its name.
#[test]
fn a_signal_waits_until_the_file_is_whole_and_no_other_is_left() {
    let place = Place::new();
    let out = place.path("out").display().to_string();
    for (name, number) in [("HUP", 1), ("INT", 2), ("QUIT", 3), ("USR1", 10), ("ALRM", 14), ("TERM", 15)] {
        fs::write(&out, "before").unwrap();
        let mut command = cc::clean_command("strace".as_ref());
        command.args(["--quiet=all", "-o", "/dev/null", "-e", &format!("inject=fsync:signal=SIG{name}")]);
        command.arg(super::program()).args(["get", "--exact", "vault://db#username", "--output", &out]);
        let output = command.envs(place.shell.environment.iter().cloned()).output().expect("strace");
        assert_eq!(output.status.signal(), Some(number), "{name}: {output:?}");
        assert_eq!((fs::read_to_string(&out).unwrap().as_str(), place.names()), ("app", vec!["out".into()]), "{name}");
    }
}

#[test]
fn standard_output_that_is_closed_or_full_is_a_failure_of_one_line() {
    let place = Place::new();
    let template = place.template("{{ vault://db#password }}");
    for redirection in [">&-", ">/dev/full"] {
        let run = place.shell.run_redirected(&["render", &template], redirection);
        failed(&run, 120, "hfsecret: standard output: ");
    }
}

#[test]
fn a_reader_that_has_gone_ends_the_command_as_it_does_others() {
    let place = Place::new();
    let template = place.template(&"0123456789abcde\n".repeat(65536));
    for (setting, wanted) in [("", "141"), ("trap '' PIPE; ", "120")] {
        let script =
            format!("{{ {setting}\"$0\" render {template} 2>\"$1\"; echo $? >\"$2\"; }} | head -c 1 >/dev/null");
        let mut shell = cc::clean_command("/bin/sh".as_ref());
        shell.args(["-c", &script]).arg(super::program()).args([place.path("err"), place.path("code")]);
        assert!(shell.envs(place.shell.environment.iter().cloned()).status().unwrap().success());
        assert_eq!(fs::read_to_string(place.path("code")).unwrap().trim(), wanted);
        assert!(fs::read_to_string(place.path("err")).unwrap().lines().count() <= 1);
    }
}
