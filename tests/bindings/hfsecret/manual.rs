//! The manual page and the completion of bash know all commands and options, and no others.

use std::collections::BTreeSet;

use handsfree_secrets_test_support::{cc, repository_root};

use super::{Shell, program};

/// The commands and the options in the help of the program or of a command.
fn help(arguments: &[&str]) -> (BTreeSet<String>, BTreeSet<String>) {
    let out = Shell::on_env().run(arguments).out;
    let first = |line: &str| line.split(' ').next().unwrap().to_string();
    let (options, commands): (Vec<&str>, Vec<&str>) = out
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .partition(|line| line.starts_with("--"));
    (commands.into_iter().map(first).collect(), options.into_iter().map(first).collect())
}

/// The manual page as text, without the marks of a terminal.
fn manual() -> String {
    let page = repository_root().join("tools/hfsecret/hfsecret.1");
    let output = cc::clean_command("groff".as_ref())
        .args(["-man", "-ww", "-Tascii", "-P-cbou", "-rLL=100n"])
        .arg(page)
        .output()
        .expect("groff; scripts/bootstrap installs it");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_manual_page_describes_each_command_and_option() {
    let (commands, options) = help(&["--help"]);
    assert!(commands.len() > 20 && options.len() > 20, "{commands:?} {options:?}");
    let text = manual();
    let at_margin = |line: &str| line.strip_prefix("       ").filter(|rest| !rest.starts_with(' ')).map(str::to_string);
    let heads: Vec<String> = text.lines().filter_map(at_margin).collect();
    for word in commands.iter().chain(&options) {
        assert!(heads.iter().any(|head| head.split(' ').next() == Some(word)), "no paragraph for {word}");
    }
    let shown: BTreeSet<String> = heads
        .iter()
        .filter(|head| head.starts_with("--"))
        .map(|head| head.split(' ').next().unwrap().to_string())
        .collect();
    assert_eq!(shown, options);
}

#[test]
fn bash_completes_commands_and_the_options_of_each() {
    let (commands, _) = help(&["--help"]);
    let complete = |words: &[&str]| -> BTreeSet<String> {
        let script = r#"source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"
            _hfsecret "$1" "${COMP_WORDS[COMP_CWORD]}"; printf '%s\n' "${COMPREPLY[@]}""#;
        let mut bash = cc::clean_command("bash".as_ref());
        bash.args(["--norc", "-c", script, "bash"]).arg(repository_root().join("tools/hfsecret/hfsecret.bash"));
        let output = bash.arg(program()).args(words).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().filter(|line| !line.is_empty()).map(str::to_string).collect()
    };
    assert_eq!(complete(&[""]), commands);
    assert_eq!(complete(&["un"]), ["undelete", "unwrap"].map(str::to_string).into());
    assert_eq!(complete(&["--timeout", "3", "che"]), ["check".to_string()].into());
    for command in &commands {
        assert_eq!(complete(&[command, "--"]), help(&[command, "--help"]).1, "{command}");
    }
    assert_eq!(complete(&["get", "--js"]), ["--json".to_string()].into());
    assert_eq!(complete(&["get", "vault://"]), BTreeSet::new(), "no request is sent");
    let file = "Cargo.lock"; // beside which the tests run
    for words in [
        ["render"].as_slice(),
        &["render", "--mode", "400"],
        &["render", "template", "--output"],
        &["run", "--env-file"],
        &["run", "--timeout", "=", "3", "--file", "A=vault://a", "--", "cat"],
        &["run", "cat", "-n", "template"],
    ] {
        assert_eq!(complete(&[words, &["Cargo.lo"]].concat()), [file.to_string()].into(), "{words:?}");
    }
    assert_eq!(complete(&["run", "--env-file", "a", "/usr/bin/fals"]), ["/usr/bin/false".to_string()].into());
    assert_eq!(complete(&["watch", "vault", ":", "//a", "--", "/usr/bin/fals"]), ["/usr/bin/false".to_string()].into());
    assert_eq!(complete(&["run", "--watch", "--signal", "US"]), ["USR1", "USR2"].map(str::to_string).into());
    assert_eq!(complete(&["--timeout", "=", "3", "che"]), ["check".to_string()].into());
    assert_eq!(complete(&["run", "--kill-after", ""]), BTreeSet::new(), "a number is no command");
}
