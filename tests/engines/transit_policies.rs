//! Each function works with the policy that docs/transit.md prints for it, and is denied with each rule taken away.

use handsfree_secrets::error::{Result, Status};
use handsfree_secrets::fields::Fields;
use handsfree_secrets::transit::Transit;
use handsfree_secrets::vault::{Input, Operation};
use handsfree_secrets_test_support::repository_root;
use serde_json::json;

use crate::managers::fails;
use crate::transit::{Engine, bytes, call, engine, with_token};

/// One rule of a policy.
#[derive(Clone)]
struct Rule {
    capability: String,
    path: String,
}

/// One row of the table.
struct Row {
    functions: Vec<String>,
    /// The row says "with associated data", or "wrapped only".
    is_variant: bool,
    rules: Vec<Rule>,
}

fn page() -> String {
    std::fs::read_to_string(repository_root().join("docs/transit.md")).unwrap()
}

/// The texts in backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn table() -> Vec<Row> {
    let page = page();
    let section = page.split("## Policies").nth(1).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `hf_"));
    let rule = |text: &str| {
        let [capability, path] = quoted(text).try_into().unwrap();
        Rule { capability, path }
    };
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let is_variant = cells[0].contains("with associated data") || cells[0].contains("wrapped only");
        Row { functions: quoted(cells[0]), is_variant, rules: cells[1].split(';').map(rule).collect() }
    })
    .collect()
}

/// A key for encryption, one for signatures, and what was made with them.
struct Made {
    engine: Engine,
    ciphertext: String,
    bound: String,
    hmac: String,
}

impl Made {
    fn new() -> Made {
        let engine = engine();
        let aes = engine.create("aes", json!({}));
        engine.create("ed", json!({"type": "ed25519"}));
        let encrypt = |fields: &Fields| aes.encrypt(b"data", fields, &call()).unwrap().as_str().to_owned();
        let (ciphertext, bound) = (encrypt(&Fields::default()), encrypt(&associated_data()));
        let hmac = aes.hmac(b"data", &Fields::default(), &call()).unwrap().as_str().to_owned();
        Made { engine, ciphertext, bound, hmac }
    }

    fn open(&self, rules: &[Rule], key: &str) -> Result<Transit> {
        let token = self.engine.server.policy_token(&policy(rules, &self.engine.mount));
        let manager = with_token(self.engine.server, &self.engine.mount, &token);
        Transit::open(manager, key, &call()).map(|key| key.expect("it exists"))
    }

    /// Calls a function with a token that has these rules.
    fn run(&self, function: &str, is_variant: bool, rules: &[Rule]) -> Result<()> {
        let key = self.open(rules, if function == "hf_transit_sign" { "ed" } else { "aes" })?;
        let (parameters, ciphertext) = match is_variant {
            true => (associated_data(), &self.bound),
            false => (Fields::default(), &self.ciphertext),
        };
        let (call, data) = (call(), b"data");
        let many = |operation, input| {
            let mut outcomes = key.each(operation, &[input], &parameters, &[], &call)?;
            outcomes.remove(0).map(|_| ())
        };
        match function {
            "hf_transit_open" => Ok(()),
            "hf_transit_encrypt" => key.encrypt(data, &parameters, &call).map(|_| ()),
            "hf_transit_encrypt_many" => many(Operation::Encrypt, Input::Bytes(data)),
            "hf_transit_decrypt" => key.decrypt(ciphertext, &parameters, &call).map(|_| ()),
            "hf_transit_decrypt_many" => many(Operation::Decrypt, Input::Text(ciphertext)),
            "hf_transit_rewrap" => key.rewrap(ciphertext, &parameters, &call).map(|_| ()),
            "hf_transit_rewrap_many" => many(Operation::Rewrap, Input::Text(ciphertext)),
            "hf_transit_sign" => key.sign(data, &parameters, &call).map(|_| ()),
            "hf_transit_verify" => key.verify(data, &self.hmac, &parameters, &call).map(|valid| assert!(valid)),
            "hf_transit_hmac" => key.hmac(data, &parameters, &call).map(|_| ()),
            "hf_transit_data_key" => key.data_key(!is_variant, &Fields::default(), &call).map(|_| ()),
            other => panic!("the table has {other}, which this test does not know"),
        }
    }
}

fn associated_data() -> Fields {
    bytes(&[("associated_data", b"row 1")])
}

fn policy(rules: &[Rule], mount: &str) -> String {
    let rule = |rule: &Rule| {
        let path = rule.path.replace("transit/", &format!("{mount}/"));
        format!("path \"{path}\" {{ capabilities = [{:?}] }}\n", rule.capability)
    };
    // A policy must not be empty.
    let base = "path \"cubbyhole/*\" { capabilities = [\"read\"] }\n".to_owned();
    base + &rules.iter().map(rule).collect::<String>()
}

#[test]
fn each_function_needs_what_the_page_says_and_no_more() {
    let made = Made::new();
    let mut table = table();
    let functions: usize = table.iter().map(|row| row.functions.len()).sum();
    assert_eq!(functions, 14, "the table has a row for each function");
    let opening = table.remove(0);
    let denied = |function: &str, is_variant: bool, rules: &[Rule], without: &Rule| {
        let Rule { capability, path } = without;
        let outcome = made.run(function, is_variant, rules);
        let error = outcome.err().unwrap_or_else(|| panic!("{function} works without {capability} on {path}"));
        assert_eq!(error.status(), Status::PermissionDenied, "{function}: {error}");
        let path = path.replace("transit/", &format!("{}/", made.engine.mount)).replace('*', "");
        let message = error.message();
        assert!(message.contains(&format!("{capability:?}")) && message.contains(&path), "{function}: {error}");
    };
    made.run("hf_transit_open", false, &opening.rules).unwrap();
    denied("hf_transit_open", false, &[], &opening.rules[0]);
    for Row { functions, is_variant, rules } in &table {
        for function in functions {
            for index in 0..rules.len() {
                let mut fewer = rules.clone();
                let without = fewer.remove(index);
                fewer.extend_from_slice(&opening.rules);
                denied(function, *is_variant, &fewer, &without);
            }
            let all = [&rules[..], &opening.rules].concat();
            made.run(function, *is_variant, &all).unwrap_or_else(|error| panic!("{function}: {error}"));
        }
    }
}

#[test]
fn the_policy_of_the_page_allows_encryption_alone() {
    let engine = engine();
    engine.create("customers", json!({}));
    let page = page();
    let block = page.split("```hcl\n").nth(1).unwrap().split("```").next().unwrap();
    let token = engine.server.policy_token(&block.replace("transit/", &format!("{}/", engine.mount)));
    let manager = with_token(engine.server, &engine.mount, &token);
    let key = Transit::open(manager.clone(), "customers", &call()).unwrap().unwrap();
    let ciphertext = key.encrypt(b"data", &Fields::default(), &call()).unwrap();
    fails(key.decrypt(ciphertext.as_str(), &Fields::default(), &call()), Status::PermissionDenied);
    fails(Transit::open(manager, "typo", &call()), Status::PermissionDenied);
}
