//! Each function works with the policy that docs/secrets.md prints for it, and is denied with each rule taken away.

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Result, Status};
use handsfree_secrets::open::Manager;
use handsfree_secrets::store::Metadata;
use handsfree_secrets::vault::VersionChange;
use handsfree_secrets_test_support::{Server, repository_root};
use serde_json::json;

use crate::managers::{fields, open_whole};

/// One rule of a policy.
#[derive(Clone)]
struct Rule {
    capabilities: Vec<String>,
    path: String,
}

/// The texts in backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of the table: functions, and rules.
fn table() -> Vec<(Vec<String>, Vec<Rule>)> {
    let page = std::fs::read_to_string(repository_root().join("docs/secrets.md")).unwrap();
    let section = page.split("## Policies").nth(1).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `hf_"));
    let rule = |text: &str| {
        let (capabilities, path) = text.split_once(" on ")?;
        Some(Rule { capabilities: quoted(capabilities), path: quoted(path).remove(0) })
    };
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        (quoted(cells[0]), cells[1].split(';').filter_map(rule).collect())
    })
    .collect()
}

fn policy(rules: &[Rule], mount: &str) -> String {
    let rule = |rule: &Rule| {
        let path = rule.path.replace("secret/", &format!("{mount}/"));
        format!("path \"{path}\" {{ capabilities = {:?} }}\n", rule.capabilities)
    };
    // A policy must not be empty.
    let base = "path \"cubbyhole/*\" { capabilities = [\"read\"] }\n".to_owned();
    base + &rules.iter().filter(|rule| !rule.capabilities.is_empty()).map(rule).collect::<String>()
}

/// Runs a function on the secret `a`, which has two versions, and on the deleted version 1 of `d`.
fn run(function: &str, manager: &Manager) -> Result<()> {
    let call = Call::default();
    let (secrets, vault) = (manager.secrets(), manager.vault()?);
    let some = fields(&[("value", "x")]);
    let change = |versions: &[i64], change| vault.change_versions("vault://a", versions, change, &call).map(found);
    match function {
        "hf_get_secret" => secrets.get("vault://a", &call).map(there),
        "hf_get_secrets" => secrets.get_many(&["vault://a"], &call).remove(0).map(there),
        "hf_get_document" => secrets.get_document("vault://a", &call).map(there),
        "hf_get_documents" => secrets.get_documents(&["vault://a"], &call).remove(0).map(there),
        "hf_store_secret" => ["a", "new"].iter().try_for_each(|key| secrets.store(key, "x", None, &call).map(|_| ())),
        "hf_store_secrets" => secrets
            .store_many(&[("a", "x"), ("new2", "x")], &call)
            .into_iter()
            .try_for_each(|stored| stored.map(|_| ())),
        "hf_store_document" => {
            ["a", "new3"].iter().try_for_each(|key| secrets.store_document(key, &some, None, &call).map(|_| ()))
        }
        "hf_update_secret" => secrets.update("vault://a", "x", None, &call).map(found),
        "hf_update_document" => secrets.update_document("vault://a", &some, None, &call).map(there),
        "hf_delete_secret" => secrets.delete("vault://a", &call).map(found),
        "hf_list_secrets" => secrets.list(None, &call).map(|list| assert!(!list.is_empty())),
        "hf_list_versions" => vault.list_versions("vault://a", &call).map(there),
        "hf_delete_versions" => change(&[1], VersionChange::Delete),
        "hf_undelete_versions" => change(&[1], VersionChange::Undelete),
        "hf_destroy_versions" => change(&[1], VersionChange::Destroy),
        "hf_rollback_secret" => vault.rollback("vault://a", 1, &call).map(there),
        "hf_set_custom_metadata" => {
            let metadata = Metadata::from([("a".to_owned(), "b".to_owned())]);
            vault.set_custom_metadata("vault://a", &metadata, &call).map(found)
        }
        "hf_rotate_secret" => vault.rotate("vault://a", Some("policies"), &call).map(there),
        "hf_manager_check" => secrets.check(&call),
        "hf_unwrap" => Ok(()),
        other => panic!("the table has {other}, which this test does not know"),
    }
}

fn there<T>(outcome: Option<T>) {
    assert!(outcome.is_some());
}

fn found(outcome: bool) {
    assert!(outcome);
}

#[test]
fn each_function_needs_what_the_page_says_and_no_more() {
    let server = Server::shared();
    let generator = "length = 20\nrule \"charset\" {\n  charset = \"ab\"\n}\n";
    server.api().post("sys/policies/password/policies", json!({"policy": generator}));
    let table = table();
    let functions: usize = table.iter().map(|(functions, _)| functions.len()).sum();
    assert_eq!(functions, 20, "the table has a row for each function");
    for (functions, rules) in &table {
        for function in functions {
            let mount = server.fresh_mount();
            server.write_raw(&mount, "a", json!({"value": "1"}));
            server.write_raw(&mount, "a", json!({"value": "2"}));
            let run_with = |rules: &[Rule]| {
                let token = server.policy_token(&policy(rules, &mount));
                open_whole(server, &mount, &[("VAULT_TOKEN", &token)]).and_then(|manager| run(function, &manager))
            };
            for (index, rule) in rules.iter().enumerate() {
                for capability in &rule.capabilities {
                    let mut fewer = rules.clone();
                    fewer[index].capabilities.retain(|kept| kept != capability);
                    let error =
                        run_with(&fewer).err().unwrap_or_else(|| panic!("{function} works without {capability}"));
                    assert_eq!(error.status(), Status::PermissionDenied, "{function} without {capability}: {error}");
                    assert!(error.message().contains(&format!("{capability:?}")), "{function}: {error}");
                }
            }
            run_with(rules).unwrap_or_else(|error| panic!("{function}: {error}"));
        }
    }
}
