use proptest::prelude::*;

use super::*;
use crate::error::Status;

fn path_of(reference: &str) -> String {
    parse_vault(reference).unwrap().path.as_str().to_owned()
}

fn refused(reference: &str) -> String {
    let error = parse_vault(reference).expect_err(reference);
    assert_eq!(error.status(), Status::InvalidReference, "{reference:?}");
    error.message().to_owned()
}

#[test]
fn dots_and_underscores_of_a_key_become_slashes() {
    for key in ["github_token_user_123", "github.token.user.123", "github/token/user/123", "github.token_user/123"] {
        assert_eq!(key_to_path(key).unwrap().as_str(), "github/token/user/123");
    }
}

#[test]
fn a_key_is_not_decoded_and_its_reference_has_the_same_path() {
    let cases = [
        ("github_token_user_123", "vault://github_token_user_123", "github/token/user/123"),
        ("a b", "vault://a b", "a%20b"),
        ("ü/ö", "vault://ü/ö", "%C3%BC/%C3%B6"),
        ("100%", "vault://100%25", "100%25"),
        ("a%2Fb", "vault://a%252Fb", "a%252Fb"),
        ("a?b#c", "vault://a%3Fb%23c", "a%3Fb%23c"),
        ("😀", "vault://😀", "%F0%9F%98%80"),
        ("a~b-c", "vault://a~b-c", "a~b-c"),
        ("a+b&c=d", "vault://a+b&c=d", "a%2Bb%26c%3Dd"),
    ];
    for (key, reference, url) in cases {
        assert_eq!(key_reference(key), reference);
        let path = key_to_path(key).unwrap();
        assert_eq!(path.encoded(), url);
        assert_eq!(parse_vault(reference).unwrap().path, path);
    }
}

#[test]
fn keys_that_the_server_would_refuse_or_normalize_are_refused() {
    let long = "k".repeat(MAX_PATH_BYTES + 1);
    let keys = [
        "",
        "a__b",
        "_a",
        "a_",
        "a.",
        ".a",
        "/a",
        "a/",
        "a//b",
        "..",
        ".",
        "/",
        "a\nb",
        "a\u{200b}b",
        "a\u{a0}b",
        "\u{feff}a",
        "a\u{e000}",
        "a\u{7f}",
        "\u{378}",
        "a\u{2028}b",
        "a\0b",
        &long,
    ];
    for key in keys {
        let error = key_to_path(key).expect_err(key);
        assert_eq!(error.status(), Status::InvalidArgument, "{key:?}");
        assert!(error.message().starts_with("key: "), "{error}");
    }
}

#[test]
fn the_longest_key_has_512_bytes() {
    assert!(key_to_path(&"k".repeat(MAX_PATH_BYTES)).is_ok());
    assert!(key_to_path(&"ü".repeat(MAX_PATH_BYTES / 2)).is_ok());
    assert!(key_to_path(&"ü".repeat(MAX_PATH_BYTES / 2 + 1)).is_err());
    assert!(parse_vault(&format!("vault://{}", "%61".repeat(MAX_PATH_BYTES))).is_ok(), "decoded bytes count");
}

#[test]
fn a_literal_reference_keeps_dots_and_underscores() {
    assert_eq!(path_of("vault:///app.v1/db_password"), "app.v1/db_password");
    assert_eq!(path_of("vault:///a/...b"), "a/...b");
}

#[test]
fn checks_and_mapping_apply_to_decoded_text() {
    assert_eq!(path_of("vault://a%5Fb"), "a/b");
    assert_eq!(path_of("vault://a%2Eb"), "a/b");
    assert_eq!(path_of("vault://a%2Fb"), "a/b");
    assert_eq!(path_of("vault:///a%5Fb"), "a_b");
    assert_eq!(path_of("vault://a%255Fb"), "a%5Fb", "decoded once only");
    for reference in ["vault:///a/%2E%2E/b", "vault:///%2e/b", "vault://a%0Ab", "vault://%2Fa", "vault:///a%2F%2Fb"] {
        refused(reference);
    }
}

#[test]
fn version_and_field_are_split_at_the_first_mark() {
    let reference = parse_vault("vault://a_b?version=7#user name").unwrap();
    assert_eq!(reference.path.as_str(), "a/b");
    assert_eq!(reference.version, Some(7));
    assert_eq!(reference.field_name(), "user name");
    assert_eq!(parse_vault("vault://a#b?c#d%23").unwrap().field_name(), "b?c#d#");
    assert_eq!(parse_vault("vault://a").unwrap().field_name(), "value");
    assert_eq!(parse_vault("vault://a?version=9223372036854775807").unwrap().version, Some(i64::MAX as u64));
    assert_eq!(parse_vault("vault://a?%76ersion=%31").unwrap().version, Some(1));
}

#[test]
fn malformed_references_are_refused() {
    let references = [
        "",
        "vault:",
        "vault:/a",
        "vault://",
        "vault:///",
        "vault:////a",
        "Vault://a",
        "VAULT://a",
        "env://A",
        "a",
        "invalid://format",
        " vault://a",
        "vault://a%",
        "vault://a%4",
        "vault://a%zz",
        "vault://a%+1",
        "vault://%ff",
        "vault://%ED%A0%80",
        "vault://a#",
        "vault://a?version=0",
        "vault://a?version=",
        "vault://a?version=-1",
        "vault://a?version=+1",
        "vault://a?version=01",
        "vault://a?version=1.0",
        "vault://a?version=1 ",
        "vault://a?version=9223372036854775808",
        "vault://a?version=99999999999999999999999",
        "vault://a?version=١",
        "vault://a?",
        "vault://a?version",
        "vault://a?Version=1",
        "vault://a?x=1",
        "vault://a?version=1&version=1",
        "vault://a?version=1&x=2",
        "vault://a?version=1&",
        "vault://a#%",
        "vault://a#%ff",
        "vault://a?version=%",
        "vault:///a/../b",
        "vault:///./a",
        "vault:///a/",
        "vault:///a//b",
        "vault://a\u{200b}",
    ];
    for reference in references {
        refused(reference);
    }
}

#[test]
fn messages_name_the_flaw_and_do_not_repeat_the_text() {
    assert!(refused("hvs.CANARY").contains("vault://"));
    assert!(refused("vault://CANARY%zz").contains("'%' at byte 6"));
    assert!(refused("vault://CANARY\u{200b}").contains("U+200B at byte 6"));
    assert!(refused("vault://a__b").contains("segment 2 is empty"));
    for reference in
        ["hvs.CANARY", "vault://CANARY%zz", "vault://CANARY__", "vault://a?CANARY=1", "vault://a?version=CANARY"]
    {
        assert!(!refused(reference).contains("CANARY"), "{reference}");
    }
}

#[test]
fn the_canonical_form_is_short_if_possible() {
    let cases = [
        ("vault://github_token.user/123", "vault://github/token/user/123"),
        ("vault:///github/token", "vault://github/token"),
        ("vault:///app.v1/x", "vault:///app.v1/x"),
        ("vault:///a_b", "vault:///a_b"),
        ("vault://100%25?version=3#user", "vault://100%25?version=3#user"),
        ("vault://a%3Fb%23c#x%25?y%0A", "vault://a%3Fb%23c#x%25%3Fy%0A"),
        ("vault://a#value", "vault://a"),
        ("vault://%61%20b", "vault://a b"),
    ];
    for (reference, expected) in cases {
        assert_eq!(parse_vault(reference).unwrap().canonical(), expected);
    }
}

#[test]
fn a_literal_path_is_not_mapped_or_decoded() {
    assert_eq!(KvPath::literal("a_b/100%25").unwrap().as_str(), "a_b/100%25");
    assert_eq!(canonical(&KvPath::literal("a_b/100%25").unwrap(), None, None), "vault:///a_b/100%2525");
    assert_eq!(KvPath::literal("a//b").unwrap_err().status(), Status::InvalidReference);
}

#[test]
fn a_prefix_is_the_start_of_the_mapped_path() {
    let prefix = Prefix::parse(Some("github_tok")).unwrap();
    assert_eq!((prefix.as_str(), prefix.folder()), ("github/tok", "github/"));
    assert!(prefix.matches("github/token/user/123"));
    assert!(prefix.matches("github/tokens"));
    assert!(!prefix.matches("github/other"));
    assert!(prefix.may_be_under("github/token/"));
    assert!(prefix.may_be_under("github/"));
    assert!(!prefix.may_be_under("github/other/"));
}

#[test]
fn a_prefix_has_four_forms() {
    let folder_and_text = |text| {
        let prefix = Prefix::parse(text).unwrap();
        (prefix.folder().to_owned(), prefix.as_str().to_owned())
    };
    let cases = [
        (None, "", ""),
        (Some(""), "", ""),
        (Some("vault://"), "", ""),
        (Some("vault:///"), "", ""),
        (Some("a"), "", "a"),
        (Some("a_"), "a/", "a/"),
        (Some("a.b%5F"), "a/", "a/b%5F"),
        (Some("vault://a_b%5Fc"), "a/b/", "a/b/c"),
        (Some("vault:///a_b/c.d%2Fe"), "a_b/c.d/", "a_b/c.d/e"),
        (Some("vault:///a/."), "a/", "a/."),
    ];
    for (text, folder, mapped) in cases {
        assert_eq!(folder_and_text(text), (folder.to_owned(), mapped.to_owned()), "{text:?}");
    }
}

#[test]
fn prefixes_that_match_no_path_are_refused() {
    let long = "k".repeat(MAX_PATH_BYTES + 1);
    for text in [
        "/",
        "_a",
        "a__b",
        "a\n",
        "vault://%",
        "vault://%ff",
        "vault://a?version=1",
        "vault://a#b",
        "vault:///../a",
        "vault:///./",
        "vault:////",
        &long,
    ] {
        assert_eq!(Prefix::parse(Some(text)).expect_err(text).status(), Status::InvalidArgument, "{text:?}");
    }
}

/// Texts of characters that matter to the grammar, and arbitrary ones.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab._/%?#25F ü😀]{0,12}",
        "(vault:///?)?[ab._/%?#25F=&version]{0,20}",
        "vault:///?[ab_./]{1,6}(\\?version=[0-9]{1,3})?(#[ab%25value]{1,8})?",
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn the_reference_of_a_key_has_the_path_of_the_key(key in texts()) {
        if let Ok(path) = key_to_path(&key) {
            let reference = parse_vault(&key_reference(&key)).unwrap();
            prop_assert_eq!(reference, VaultReference { path, version: None, field: None });
        }
    }

    #[test]
    fn canonicalization_keeps_the_meaning_and_is_idempotent(text in texts()) {
        if let Ok(reference) = parse_vault(&text) {
            let canonical = reference.canonical();
            let again = parse_vault(&canonical).unwrap();
            prop_assert_eq!(&again.path, &reference.path);
            prop_assert_eq!(again.version, reference.version);
            prop_assert_eq!(again.field_name(), reference.field_name());
            prop_assert_eq!(again.canonical(), canonical);
        }
    }

    #[test]
    fn references_name_the_same_secret_if_and_only_if_their_canonical_forms_are_equal(
        one in "vault:///?[ab][_./][ab](\\?version=[12])?(#value|#a|#%61)?",
        two in "vault:///?[ab][_./][ab](\\?version=[12])?(#value|#a|#%61)?",
    ) {
        let (one, two) = (parse_vault(&one).unwrap(), parse_vault(&two).unwrap());
        let same = one.path == two.path && one.version == two.version && one.field_name() == two.field_name();
        prop_assert_eq!(one.canonical() == two.canonical(), same);
    }

    #[test]
    fn the_parsers_accept_any_text_and_yield_only_valid_paths(text in any::<String>()) {
        let _ = Prefix::parse(Some(&text));
        let literal = parse_vault(&format!("vault:///{text}")).map(|found| found.path);
        for path in [key_to_path(&text), literal].into_iter().flatten() {
            prop_assert!(path.as_str().split('/').all(|segment| !matches!(segment, "" | "." | "..")));
            prop_assert!(path.encoded().bytes().all(|byte| byte.is_ascii_graphic()));
            let encoded = path.encoded();
            prop_assert_eq!(decode(&encoded).unwrap(), path.as_str());
        }
    }

    #[test]
    fn the_start_of_a_key_is_a_prefix_that_matches_it(key in "[ab._/ü]{1,8}", length in 0usize..8) {
        if let Ok(path) = key_to_path(&key) {
            let start: String = key.chars().take(length).collect();
            let prefix = Prefix::parse(Some(&start)).unwrap();
            prop_assert!(prefix.matches(path.as_str()));
            prop_assert!(path.as_str().starts_with(prefix.folder()));
        }
    }
}
