use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::Mutex;

use ::log::{Level, LevelFilter};

use super::*;
use crate::config::FixedEnvironment;
use crate::error::Status;
use crate::observe::log::LogSink;

fn logger() -> Logger {
    Logger::new(None, LevelFilter::Off)
}

/// The overlay is shared by the whole process, so each test has a prefix of its own.
fn manager(prefix: &str, variables: &[(&str, &str)]) -> EnvSecretManager {
    let variables = variables.iter().map(|(name, value)| (format!("{prefix}{name}").into(), value.into())).collect();
    let environment = Box::new(FixedEnvironment(variables));
    EnvSecretManager { prefix: prefix.to_owned(), isolated: false, environment, logger: logger() }
}

fn isolated(prefix: &str) -> EnvSecretManager {
    EnvSecretManager::new(EnvConfig { prefix: prefix.to_owned(), isolated: true }, logger())
}

fn store(manager: &EnvSecretManager, key: &str, value: &str) -> Result<String> {
    manager.store(key, value, None, &Call::default())
}

fn get(manager: &EnvSecretManager, reference: &str) -> Option<String> {
    manager.get(reference, &Call::default()).unwrap().map(|secret| secret.as_str().to_owned())
}

fn update(manager: &EnvSecretManager, reference: &str, value: &str) -> bool {
    manager.update(reference, value, None, &Call::default()).unwrap()
}

fn delete(manager: &EnvSecretManager, reference: &str) -> bool {
    manager.delete(reference, &Call::default()).unwrap()
}

fn list(manager: &EnvSecretManager, prefix: Option<&str>) -> Vec<String> {
    manager.list(prefix, &Call::default()).unwrap()
}

#[test]
fn a_stored_secret_is_read_by_its_full_variable_name() {
    let manager = manager("T_STORE_", &[]);
    let metadata = Metadata::from([("scope".to_owned(), "repo".to_owned())]);
    let reference = manager.store("git.hub-token/user_1", "v", Some(&metadata), &Call::default()).unwrap();
    assert_eq!(reference, "env://T_STORE_GIT_HUB_TOKEN_USER_1");
    assert_eq!(get(&manager, &reference).as_deref(), Some("v"));
    assert_eq!(std::env::var_os("T_STORE_GIT_HUB_TOKEN_USER_1"), None, "the environment itself stays as it is");
    store(&manager, "git.hub-token/user_1", "").unwrap();
    assert_eq!(get(&manager, &reference).as_deref(), Some(""), "an empty value is a value");
}

#[test]
fn keys_that_map_to_no_variable_are_refused() {
    let manager = manager("T_KEYS_", &[]);
    for key in ["", "a b", "ü", "a%2Fb", "a?b", "a\0b", "a=b", &"k".repeat(513)] {
        assert_eq!(store(&manager, key, "v").unwrap_err().status(), Status::InvalidArgument, "{key:?}");
    }
    assert!(store(&manager, &"k".repeat(512), "v").is_ok());
    assert_eq!(store(&manager, "a__b", "v").unwrap(), "env://T_KEYS_A__B", "a variable has no segments");
}

#[test]
fn a_value_with_a_nul_is_refused_and_not_shown() {
    let manager = manager("T_NUL_", &[("A", "old")]);
    let error = store(&manager, "a", "CANARY\0").unwrap_err();
    assert_eq!(error.status(), Status::InvalidArgument);
    assert!(!error.message().contains("CANARY"));
    assert!(manager.update("env://T_NUL_A", "x\0", None, &Call::default()).is_err());
    assert_eq!(get(&manager, "env://T_NUL_A").as_deref(), Some("old"));
}

#[test]
fn reads_fall_through_to_the_environment() {
    let manager = manager("T_READ_", &[("A", "inherited"), ("EMPTY", "")]);
    assert_eq!(get(&manager, "env://T_READ_A").as_deref(), Some("inherited"));
    assert_eq!(get(&manager, "env://T_READ_EMPTY").as_deref(), Some(""), "set but empty is an empty secret");
    assert_eq!(get(&manager, "env://T_READ_MISSING"), None);
}

#[test]
fn a_manager_that_is_not_isolated_reads_the_process_environment() {
    let (name, value) = std::env::vars().find(|(name, _)| name == "PATH").unwrap();
    let manager = EnvSecretManager::new(EnvConfig { prefix: "PA".to_owned(), isolated: false }, logger());
    assert_eq!(get(&manager, &format!("env://{name}")), Some(value));
    assert!(list(&manager, Some("t")).contains(&"env://PATH".to_owned()));
    assert_eq!(get(&isolated("PA"), "env://PATH"), None);
    assert!(list(&isolated("PA"), Some("t")).is_empty());
}

#[test]
fn a_variable_that_is_not_utf_8_is_an_error_that_names_it() {
    let variables = FixedEnvironment(vec![("T_UTF_A".into(), OsString::from_vec(vec![0xff]))]);
    let environment = Box::new(variables);
    let manager = EnvSecretManager { prefix: "T_UTF_".to_owned(), isolated: false, environment, logger: logger() };
    let error = manager.get("env://T_UTF_A", &Call::default()).unwrap_err();
    assert_eq!(error.status(), Status::Unsupported);
    assert!(error.message().starts_with("T_UTF_A is not valid UTF-8"));
}

#[test]
fn update_changes_only_what_exists() {
    let manager = manager("T_UPD_", &[("A", "inherited")]);
    assert!(update(&manager, "env://T_UPD_A", "new"));
    assert_eq!(get(&manager, "env://T_UPD_A").as_deref(), Some("new"));
    assert!(!update(&manager, "env://T_UPD_B", "new"));
    assert_eq!(get(&manager, "env://T_UPD_B"), None);
}

#[test]
fn delete_returns_whether_the_secret_existed_and_hides_the_variable() {
    let manager = manager("T_DEL_", &[("A", "inherited")]);
    assert!(delete(&manager, "env://T_DEL_A"));
    assert_eq!(get(&manager, "env://T_DEL_A"), None);
    assert!(!delete(&manager, "env://T_DEL_A"));
    assert!(!update(&manager, "env://T_DEL_A", "x"));
    assert!(list(&manager, None).is_empty());
    store(&manager, "a", "again").unwrap();
    assert_eq!(get(&manager, "env://T_DEL_A").as_deref(), Some("again"));
    let written = store(&manager, "b", "v").unwrap();
    assert!(delete(&manager, &written) && !delete(&manager, &written));
    assert!(!delete(&manager, "env://T_DEL_NEVER"));
}

#[test]
fn delete_leaves_a_tombstone_only_if_the_environment_has_the_variable() {
    let manager = manager("T_TOMB_", &[("A", "inherited")]);
    store(&manager, "a", "1").unwrap();
    store(&manager, "b", "2").unwrap();
    assert!(delete(&manager, "env://T_TOMB_A") && delete(&manager, "env://T_TOMB_B"));
    let overlay = OVERLAY.load_full().unwrap();
    assert!(overlay.contains_key("T_TOMB_A"));
    assert!(!overlay.contains_key("T_TOMB_B"));
}

#[test]
fn all_managers_of_the_process_share_the_overlay() {
    let (one, two) = (manager("T_SHARE_", &[("A", "inherited")]), isolated("T_SHARE_"));
    let reference = store(&one, "a", "written").unwrap();
    assert_eq!(get(&two, &reference).as_deref(), Some("written"));
    assert!(delete(&two, &reference));
    assert_eq!(get(&one, &reference), None, "the isolated manager's deletion hides the variable, too");
}

#[test]
fn references_of_other_schemes_prefixes_and_shapes_are_refused() {
    let manager = manager("T_REF_", &[]);
    for reference in [
        "",
        "env:",
        "env://",
        "env://T_REF_",
        "env://OTHER_A",
        "env://T_REFA",
        "vault://a",
        "ENV://T_REF_A",
        "T_REF_A",
        "env://T_REF_a",
        "env://t_ref_A",
        "env://T_REF_A?version=1",
        "env://T_REF_A#f",
        "env://T_REF_A%",
        "env://T_REF_%ff",
        "env://T_REF_A%00",
        "env://T_REF_A=",
        "env://T_REF_Ü",
        "env:///T_REF_A",
        "invalid://format",
    ] {
        for error in [
            manager.get(reference, &Call::default()).err(),
            manager.update(reference, "v", None, &Call::default()).err(),
            manager.delete(reference, &Call::default()).err(),
            manager.canonical(reference).err(),
        ] {
            assert_eq!(error.expect(reference).status(), Status::InvalidReference, "{reference:?}");
        }
    }
}

#[test]
fn a_reference_is_decoded_once_and_its_canonical_form_is_not_encoded() {
    let manager = manager("T_CANON_", &[("A", "v")]);
    assert_eq!(manager.canonical("env://T%5FCANON_%41").unwrap(), "env://T_CANON_A");
    assert_eq!(get(&manager, "env://T_CANON%5FA").as_deref(), Some("v"));
    assert!(manager.canonical("env://T_CANON_%2541").is_err());
}

#[test]
fn error_messages_do_not_repeat_the_reference() {
    let manager = manager("T_ECHO_", &[]);
    for reference in ["CANARY", "env://CANARY", "env://T_ECHO_CANARY!", "env://T_ECHO_CANARY%"] {
        let error = manager.get(reference, &Call::default()).err().unwrap();
        assert!(!error.message().contains("CANARY"), "{error}");
    }
}

#[test]
fn list_returns_the_sorted_references_under_its_prefix() {
    let manager =
        manager("T_LIST_", &[("GITHUB_TOKEN", "1"), ("SLACK", "2"), ("lower", "3"), ("GITHUB_TOKENS", "4"), ("", "5")]);
    store(&manager, "github_token_user", "5").unwrap();
    store(&manager, "slack", "6").unwrap();
    let all =
        ["GITHUB_TOKEN", "GITHUB_TOKENS", "GITHUB_TOKEN_USER", "SLACK"].map(|name| format!("env://T_LIST_{name}"));
    assert_eq!(list(&manager, None), all);
    assert_eq!(list(&manager, Some("")), all);
    assert_eq!(list(&manager, Some("github.tok")), all[..3]);
    assert_eq!(list(&manager, Some("env://T_LIST_GITHUB_TOKEN%5F")), all[2..3]);
    assert_eq!(list(&manager, Some("env://")), all);
    assert!(list(&manager, Some("nothing")).is_empty());
    assert!(all.iter().all(|reference| get(&manager, reference).is_some()));
    assert!(delete(&manager, &all[0]));
    assert_eq!(list(&manager, None), all[1..]);
}

#[test]
fn a_prefix_that_no_key_can_have_is_refused() {
    let manager = manager("T_PRE_", &[]);
    for prefix in ["ü", "a b", "vault://a", "env://%"] {
        let error = manager.list(Some(prefix), &Call::default()).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument, "{prefix}");
    }
}

#[test]
fn a_cancelled_call_changes_nothing() {
    let manager = manager("T_CALL_", &[]);
    let (call, canceller) = Call::cancellable();
    canceller.cancel();
    assert_eq!(manager.store("a", "v", None, &call).unwrap_err().status(), Status::Cancelled);
    assert_eq!(manager.list(None, &call).unwrap_err().status(), Status::Cancelled);
    assert_eq!(get(&manager, "env://T_CALL_A"), None);
}

#[test]
fn concurrent_writes_are_all_kept() {
    let managers: Vec<_> = (0..4).map(|_| isolated("T_PAR_")).collect();
    std::thread::scope(|scope| {
        for (thread, manager) in managers.iter().enumerate() {
            scope.spawn(move || {
                for number in 0..50 {
                    store(manager, &format!("{thread}_{number}"), "v").unwrap();
                }
            });
        }
    });
    assert_eq!(list(&managers[0], None).len(), 200);
}

#[test]
fn exactly_one_of_several_concurrent_deletions_finds_the_secret() {
    let managers: Vec<_> = (0..4).map(|_| manager("T_ONCE_", &[])).collect();
    for round in 0..25 {
        let reference = store(&managers[0], &format!("k{round}"), "v").unwrap();
        let deletions: Vec<bool> = std::thread::scope(|scope| {
            let threads: Vec<_> = managers.iter().map(|manager| scope.spawn(|| delete(manager, &reference))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(deletions.iter().filter(|&&found| found).count(), 1);
    }
}

#[test]
fn an_invalid_reference_is_logged_as_a_warning() {
    #[derive(Default)]
    struct Lines(Mutex<Vec<(Level, String)>>);
    impl LogSink for Lines {
        fn log(&self, level: Level, message: &CStr) {
            self.0.lock().unwrap().push((level, message.to_string_lossy().into_owned()));
        }
    }
    let lines = Arc::new(Lines::default());
    let logger = Logger::new(Some((lines.clone(), LevelFilter::Trace)), LevelFilter::Off);
    let manager = EnvSecretManager::new(EnvConfig { prefix: "T_WARN_".to_owned(), isolated: true }, logger);
    assert!(manager.get("invalid://format", &Call::default()).is_err());
    assert_eq!(get(&manager, "env://T_WARN_A"), None);
    let lines = lines.0.lock().unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].0, Level::Warn);
    assert!(lines[0].1.contains("reference"), "{lines:?}");
}
