//! docs/metrics.md lists the metrics that there are, and the dashboard and the alert rules use no others.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::observe::metrics::{CacheResult, LeaseState, Login, Operation, Reason, STATUSES};
use handsfree_secrets::open;
use handsfree_secrets_test_support::{Server, repository_root};

use crate::documents::document;

/// The metrics of a manager that has logged in and sent a request.
fn metrics() -> String {
    let server = Server::shared();
    let role = server.app_role(serde_json::json!({"token_ttl": "1h"}));
    let mut options = Options::new_isolated();
    for (name, value) in [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &*server.addr()),
        ("VAULT_MOUNT", &*server.fresh_mount()),
        ("VAULT_ROLE_ID", &*role.role_id),
        ("VAULT_SECRET_ID", &*role.secret_id),
        ("VAULT_APPROLE_MOUNT", &*role.mount),
    ] {
        options.set(name, value).unwrap();
    }
    let manager = open::open(Some(&options), &Call::default()).unwrap();
    let _ = manager.secrets().get("vault://none", &Call::default()).unwrap();
    manager.metrics()
}

/// The names of metrics in a text, without the endings of histograms.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    let names = words.filter(|word| word.starts_with("handsfree_") && *word != "handsfree_secrets");
    names
        .map(|name| ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name))
        .collect()
}

/// Runs promtool, of Debian's package prometheus.
fn promtool(arguments: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(repository_root()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("promtool, of the package prometheus");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {arguments:?}: {}", String::from_utf8_lossy(&text));
}

#[test]
fn prometheus_takes_the_text_and_the_alert_rules() {
    promtool(&["check", "metrics"], &metrics());
    promtool(&["check", "rules", "docs/alerts.yml"], "");
}

#[test]
fn documents_dashboard_and_alerts_name_the_metrics_that_there_are() {
    let text = metrics();
    let mut there_are = names(&text);
    // The process has it once there is a queue.
    there_are.insert("handsfree_queue_pending");
    let page = document("docs/metrics.md");
    let listed: BTreeSet<_> =
        page.lines().filter_map(|line| line.strip_prefix("| `handsfree_")?.split('`').next()).collect();
    assert_eq!(listed, there_are.iter().map(|name| name.trim_start_matches("handsfree_")).collect());
    for user in ["docs/grafana.json", "docs/alerts.yml"] {
        let used = document(user);
        let unknown: Vec<_> = names(&used).into_iter().filter(|name| !there_are.contains(name)).collect();
        assert!(unknown.is_empty(), "{user}: {unknown:?}");
    }
    assert_eq!(names(&document("docs/grafana.json")), there_are, "the dashboard shows all");
    serde_json::from_str::<serde_json::Value>(&document("docs/grafana.json")).unwrap();
}

#[test]
fn the_documented_values_of_labels_are_those_of_the_code() {
    let page = document("docs/metrics.md");
    for (label, values) in [
        ("`operation`", Operation::NAMES),
        ("`status`", STATUSES),
        ("`reason`", Reason::NAMES),
        ("`result` of logins", Login::NAMES),
        ("`result` of the cache", CacheResult::NAMES),
        ("`state` of leases", LeaseState::NAMES),
    ] {
        let row = page.lines().find(|line| line.starts_with(&format!("| {label} |"))).unwrap();
        // What stands in brackets explains a value.
        let plain: String = row.split('(').map(|part| part.rsplit(')').next().unwrap()).collect();
        let documented: BTreeSet<_> = plain.split('`').skip(3).step_by(2).collect();
        assert_eq!(documented, values.iter().copied().collect(), "{label}");
    }
}
