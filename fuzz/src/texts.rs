//! The pure parsers: references, keys, prefixes, option values.

use handsfree_secrets::config::{EmptyEnvironment, Options, resolve};
use handsfree_secrets::error::Status;
use handsfree_secrets::reference::{self, Prefix};

/// A valid reference has a canonical form, which names the same secret and is its own canonical form. The reference of
/// a valid key has the path of the key.
pub fn reference(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match reference::parse_vault(text) {
        Ok(read) => {
            let canonical = read.canonical();
            let again = reference::parse_vault(&canonical).expect("a canonical form is a reference");
            assert_eq!(again.path, read.path);
            assert_eq!(again.version, read.version);
            assert_eq!(again.field_name(), read.field_name());
            assert_eq!(again.canonical(), canonical);
        }
        Err(error) => assert_eq!(error.status(), Status::InvalidReference),
    }
    match reference::key_to_path(text) {
        Ok(path) => {
            let read = reference::parse_vault(&reference::key_reference(text)).expect("a key's reference is one");
            assert_eq!((read.path.as_str(), read.version, read.field), (path.as_str(), None, None));
            let literal = reference::canonical(&path, None, None);
            assert_eq!(reference::parse_vault(&literal).expect("so is a path's").path, path);
            assert!(path.encoded().is_ascii(), "what goes into a URL is encoded");
            assert!(!path.encoded().contains(['?', '#', ' ', '\r', '\n']));
            let whole = Prefix::parse(Some(text)).expect("a path is a prefix of itself");
            assert!(whole.matches(path.as_str()));
        }
        Err(error) => assert_eq!(error.status(), Status::InvalidArgument),
    }
    if let Ok(prefix) = Prefix::parse(Some(text)) {
        assert!(prefix.as_str().starts_with(prefix.folder()));
    }
}

/// Lines of `NAME=value`. Any of them may be invalid; then there is an error whose message does not contain the values
/// of `VAULT_TOKEN` and `VAULT_SECRET_ID`.
pub fn options(input: &[u8]) {
    const CANARY: &str = "CANARY-6f1e2d";
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut options = Options::new_isolated();
    for line in text.lines() {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        if let Err(error) = options.set(name, value) {
            assert_eq!(error.status(), Status::InvalidArgument);
        }
    }
    for name in ["VAULT_TOKEN", "VAULT_SECRET_ID"] {
        let spoiled = text.contains(&format!("{name}=spoiled"));
        if spoiled {
            options.set(name, &format!("{CANARY}\n{CANARY}")).expect("a known name");
        }
    }
    let outcome = resolve(&options, &EmptyEnvironment);
    let said = match &outcome {
        Ok(config) => format!("{:?}", config.warnings),
        Err(error) => {
            let expected = [Status::Config, Status::InvalidArgument, Status::Unsupported];
            assert!(expected.contains(&error.status()), "{error}");
            error.to_string()
        }
    };
    assert!(!said.contains(CANARY));
    assert!(!format!("{options:?}").contains(CANARY));
}
