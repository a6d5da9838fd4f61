//! Options take precedence over the environment by groups, and warnings at open.

use super::*;

/// The options of the child process, which reads them in addition to its environment, and prints the secret or the
/// error.
const OPTIONS: &str = "HANDSFREE_TEST_OPTIONS";

/// Runs `the_child_reads_a_secret` in a new process with these variables.
fn child(variables: &[(&str, &str)], options: &[(&str, &str)]) -> String {
    child_of(Command::new(std::env::current_exe().unwrap()), variables, options)
}

/// The same, with a command that runs this program with the arguments that are appended to it.
pub fn child_of(mut command: Command, variables: &[(&str, &str)], options: &[(&str, &str)]) -> String {
    command.args(["--exact", "option_layers::the_child_reads_a_secret", "--nocapture"]);
    command.env_clear().envs(variables.iter().copied()).env(OPTIONS, serde_json::to_string(options).unwrap());
    let Output { stdout, stderr, .. } = command.output().unwrap();
    let (text, complaints) = (String::from_utf8(stdout).unwrap(), String::from_utf8_lossy(&stderr));
    let line = text.lines().find_map(|line| line.split_once("outcome: "));
    let line = line.unwrap_or_else(|| panic!("{text}{complaints}"));
    line.1.to_owned()
}

#[test]
fn the_child_reads_a_secret() {
    let Ok(text) = std::env::var(OPTIONS) else { return };
    let set: Vec<(String, String)> = serde_json::from_str(&text).unwrap();
    let mut options = Options::new();
    for (name, value) in &set {
        options.set(name, value).unwrap();
    }
    match open::open(Some(&options), &Call::default()).and_then(|manager| get(&**manager.secrets())) {
        Ok(value) => println!("outcome: {value}"),
        Err(error) => println!("outcome: {:?} {error}", error.status()),
    }
}

#[test]
fn options_take_precedence_over_the_environment_by_groups() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let (address, token) = (server.addr(), server.root_token());
    let (address, mount) = (address.as_str(), mount.as_str());
    let base = [("SECRET_MANAGER_TYPE", "vault"), ("VAULT_MOUNT", mount)];
    let with = |more: &[(&'static str, &str)], options: &[(&str, &str)]| {
        let variables: Vec<(&str, &str)> = base.iter().chain(more).copied().collect();
        child(&variables, options)
    };
    // Only the environment, in both spellings; the second one takes precedence.
    assert_eq!(with(&[("VAULT_ADDR", address), ("VAULT_TOKEN", token)], &[]), "v");
    assert_eq!(with(&[("BAO_ADDR", address), ("VAULT_ADDR", "http://127.0.0.1:1"), ("BAO_TOKEN", token)], &[]), "v");
    // An option of the address group hides the agent of the environment.
    let stray = [("VAULT_AGENT_ADDR", "http://127.0.0.1:1"), ("VAULT_TOKEN", token)];
    assert!(with(&stray, &[]).starts_with("Connection "));
    assert_eq!(with(&stray, &[("VAULT_ADDR", address)]), "v");
    // A role_id option hides the token of the environment.
    let outcome = with(&[("VAULT_ADDR", address), ("VAULT_TOKEN", token)], &[("VAULT_ROLE_ID", "r")]);
    assert!(outcome.starts_with("Config ") && outcome.contains("VAULT_SECRET_ID is missing"), "{outcome}");
    // A certificate authority option hides that of the environment, and an empty option means none.
    let secure = [("VAULT_ADDR", address), ("VAULT_TOKEN", token), ("VAULT_PROXY_ADDR", "http://127.0.0.1:1")];
    assert!(with(&secure, &[]).starts_with("Connection "));
    assert_eq!(with(&secure, &[("VAULT_PROXY_ADDR", "")]), "v");
    // An option outside the groups takes precedence over its variable.
    let outcome = with(&[("VAULT_ADDR", address), ("VAULT_TOKEN", token)], &[("VAULT_MOUNT", "nowhere")]);
    assert!(!outcome.contains(mount) && outcome != "v", "{outcome}");
}

#[test]
fn a_token_with_a_line_break_is_a_configuration_error_without_a_request() {
    for token in ["CANARY\nX-Evil: 1", "CANARY\r", "CANARY\u{7f}", "CANARY token", "CANARYü"] {
        let settings = [("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", "http://127.0.0.1:1"), ("VAULT_TOKEN", token)];
        let outcome = child(&settings, &[]);
        assert!(outcome.starts_with("Config ") && outcome.contains("VAULT_TOKEN"), "{outcome}");
        assert!(!outcome.contains("CANARY"), "{outcome}");
    }
}

#[test]
fn an_invalid_boolean_is_a_configuration_error() {
    for name in ["SKIP_VERIFY", "DISABLE_REDIRECTS", "SRV_LOOKUP"] {
        for name in [format!("VAULT_{name}"), format!("BAO_{name}")] {
            for value in ["yes", "on", "tRUE", "2", " true", "treu", "-1"] {
                let settings = [
                    ("SECRET_MANAGER_TYPE", "vault"),
                    ("VAULT_ADDR", "http://127.0.0.1:1"),
                    ("VAULT_TOKEN", "t"),
                    (name.as_str(), value),
                ];
                let error: Error = open_with(&settings).err().unwrap();
                assert_eq!(error.status(), Status::Config, "{name}={value}: {error}");
                assert!(error.message().contains(&name), "{name}={value}: {error}");
            }
        }
    }
}
