use super::*;

fn response(data: &str) -> Vec<u8> {
    format!(r#"{{"request_id":"r","data":{{"data":{data},"metadata":{{"version":7}}}},"auth":null}}"#).into_bytes()
}

/// The text of a field; `None` if the response has none.
fn field_of(response: &[u8], name: &str) -> Option<Result<Option<String>>> {
    read_field(response, name).map(|found| {
        Ok(match found? {
            Found::Live(OneField::Text(text)) => Some(text.as_str().to_owned()),
            _ => None,
        })
    })
}

fn text_in(data: &str, name: &str) -> Result<Option<String>> {
    field_of(&response(data), name).unwrap()
}

fn document(response: &[u8]) -> Option<Found<Document>> {
    read_document(response).map(Result::unwrap)
}

/// The body of a write that gives the field `value` another value.
fn changed(data: &str, value: &str, metadata: Option<&Metadata>) -> String {
    let change = Change { fields: NewFields::One { name: "value", value }, metadata };
    let Some(Found::Live(document)) = document(&response(data)) else { panic!("no document") };
    assert!(change.missing_field(&document).is_none() && !change.is_done_in(&document));
    let body = Content::Changed(&document, change).body(Some(document.version)).unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn strings_come_back_as_they_are_and_scalars_as_their_json_text() {
    let data = r#"{"a":"x\"\u00e9\ud83d\ude00","n":1e3,"b":true,"v\u0061lue":"1"}"#;
    for (name, text) in
        [("a", Some("x\"é😀")), ("n", Some("1e3")), ("b", Some("true")), ("value", Some("1")), ("c", None)]
    {
        assert_eq!(text_in(data, name).unwrap().as_deref(), text, "{name}");
    }
}

#[test]
fn an_absent_field_is_reported_with_the_names_of_the_others() {
    match read_field(&response(r#"{"user":"a","password":{"deep":[1]}}"#), "value") {
        Some(Ok(Found::Live(OneField::Absent { names }))) => assert_eq!(names, ["password", "user"]),
        _ => panic!("there is no such field"),
    }
}

#[test]
fn a_value_that_is_no_text_is_unsupported_and_never_truncated() {
    for json in [r#"{}"#, "[1]", "null", r#""a\u0000b""#] {
        let error = text_in(&format!(r#"{{"value":{json}}}"#), "value").unwrap_err();
        assert_eq!(error.status(), Status::Unsupported, "{json}");
    }
}

#[test]
fn an_unpaired_surrogate_is_a_protocol_error() {
    for json in [r#""\ud83d""#, r#""\u0000\ud83d""#] {
        let error = text_in(&format!(r#"{{"value":{json}}}"#), "value").unwrap_err();
        assert_eq!(error.status(), Status::Protocol, "{json}");
    }
}

#[test]
fn a_deleted_version_is_distinguished_from_a_document() {
    let both = |response: &[u8]| match (read_field(response, "value"), document(response)) {
        (Some(Ok(Found::Deleted { version: one, .. })), Some(Found::Deleted { version: other, .. })) => {
            assert_eq!(one, other);
            Some(one)
        }
        (None, None) => None,
        _ => panic!("no deleted version: {}", String::from_utf8_lossy(response)),
    };
    assert_eq!(both(&response("null")), Some(7));
    assert_eq!(both(br#"{"data":{"metadata":{"version":1}}}"#), Some(1));
    for response in [&br#"{"errors":[]}"#[..], b"<html>", br#"{"data":{"metadata":{"version":9223372036854775808}}}"#] {
        assert_eq!(both(response), None, "{}", String::from_utf8_lossy(response));
    }
    for data in ["[1]", "\"x\"", "1", "true"] {
        assert_eq!(both(&response(data)), None, "{data}");
    }
}

#[test]
fn an_envelope_is_read_in_any_order_and_layout_and_without_duplicates() {
    let field = |text: &str| {
        let version = read_version_metadata(text.as_bytes()).map(|metadata| metadata.version);
        field_of(text.as_bytes(), "value").and_then(|text| Some((version?, text.unwrap()?)))
    };
    let found = |version, text: &str| Some((version, text.to_owned()));
    let spaced = " {\n \"data\" : { \"metadata\" : { \"version\" : 3 } ,\t\"data\" : { \"value\" : \"v\" } } } \n";
    assert_eq!(field(spaced), found(3, "v"));
    assert_eq!(field(r#"{"d\u0061ta":{"data":{"v":1,"value":"a","value":"b"},"metadata":{}}}"#), found(0, "b"));
    assert_eq!(field(r#"{"data":{"data":{"x":{"value":"inner"}},"metadata":{"version":1}}}"#), None);
    for broken in [
        r#"{"data":{"data":{"value":"v"}}}"#,
        r#"{"data":{"data":{"value":"v"},"metadata":null}}"#,
        r#"{"data":{"data":{"value":"v"},"metadata":{"version":"1"}}}"#,
        r#"{"data":{"data":{"value":"v"},"metadata":{"version":1,"version":1}}}"#,
        r#"{"data":{"data":{"value":"v"},"metadata":{}},"data":{"data":{"value":"w"},"metadata":{}}}"#,
        r#"{"data":{"data":{"value":"v"},"data":{"value":"w"},"metadata":{}}}"#,
        r#"{"data":{"data":{"value":"v"},"metadata":{},"metadata":{}}}"#,
        r#"{"data":{"data":{"value":"v"},"metadata":{}}} x"#,
        r#"{"data":{"data":{"value":"v"},"metadata":{}}"#,
        r#"[{"data":{"data":{"value":"v"},"metadata":{}}}]"#,
    ] {
        assert_eq!(field(broken), None, "{broken}");
    }
    let not_utf8 = b"{\"data\":{\"data\":{},\"metadata\":{}},\"x\":\"\xFF\"}";
    assert!(read_field(not_utf8, "value").is_none());
}

#[test]
fn deep_nesting_does_not_make_a_secret_unreadable() {
    let depth = if cfg!(miri) { 1_000 } else { 200_000 };
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let data = format!(r#"{{"deep":{deep},"value":"v"}}"#);
    assert_eq!(text_in(&data, "value").unwrap().as_deref(), Some("v"));
    assert!(changed(&data, "w", None).contains(&deep));
}

#[test]
fn a_body_is_complete_after_its_buffer_has_grown() {
    let value = "\n\"ü".repeat(if cfg!(miri) { 1_000 } else { 100_000 });
    let metadata = Metadata::from([("a".to_owned(), value.clone())]);
    let fields = NewFields::One { name: "value", value: &value };
    let body = Content::New { fields, metadata: Some(&metadata) }.body(None).unwrap();
    let expected = serde_json::json!({"data": {"value": value, "metadata": metadata}});
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), expected);
}

#[test]
fn a_change_keeps_every_other_field_byte_for_byte() {
    let body = changed(r#"{"value":"old","n":1.50e2,"metadata":{"a":"b"}}"#, "new", None);
    assert_eq!(body, r#"{"options":{"cas":7},"data":{"metadata":{"a":"b"},"n":1.50e2,"value":"new"}}"#);
}

#[test]
fn empty_metadata_removes_it_and_other_metadata_replaces_it() {
    let old = r#"{"value":"old","metadata":{"a":"b"}}"#;
    let none = Metadata::new();
    assert_eq!(changed(old, "new", Some(&none)), r#"{"options":{"cas":7},"data":{"value":"new"}}"#);
    let some = Metadata::from([("c".to_owned(), "d".to_owned())]);
    assert_eq!(
        changed(old, "new", Some(&some)),
        r#"{"options":{"cas":7},"data":{"metadata":{"c":"d"},"value":"new"}}"#
    );
}

#[test]
fn several_fields_change_at_once_and_the_others_stay() {
    let Some(Found::Live(document)) = document(&response(r#"{"a":"1","b":2.50,"c":null,"metadata":{"x":"y"}}"#)) else {
        panic!("no document")
    };
    let mut fields = Fields::default();
    fields.set("a".into(), Secret::copy_of("new"));
    fields.set_json("d".into(), "[1, 2]").unwrap();
    fields.remove("c".into());
    let change = Change { fields: NewFields::Many(&fields), metadata: None };
    let body = Content::Changed(&document, change).body(None).unwrap();
    let expected = r#"{"data":{"b":2.50,"metadata":{"x":"y"},"a":"new","d":[1, 2]}}"#;
    assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
    let result = |data: &str| match super::tests::document(&response(data)) {
        Some(Found::Live(document)) => change.is_done_in(&document),
        _ => panic!("no document"),
    };
    assert!(result(r#"{"a":"new","b":0,"d":[1,2.0]}"#), "the server writes JSON in its own way");
    for other in [r#"{"a":"new","d":[2,1]}"#, r#"{"a":"old","d":[1,2]}"#, r#"{"a":"new","c":null,"d":[1,2]}"#] {
        assert!(!result(other), "{other}");
    }
}

#[test]
fn a_document_is_copied_to_the_letter() {
    let Some(Found::Live(document)) = document(&response(r#"{"b":1e2,"a":"\u00e9"}"#)) else { panic!("no document") };
    let body = Content::Copy(&document).body(Some(9)).unwrap();
    assert_eq!(std::str::from_utf8(&body).unwrap(), r#"{"options":{"cas":9},"data":{"a":"\u00e9","b":1e2}}"#);
}

#[test]
fn version_1_has_no_envelope() {
    let answer = |data: &str| format!(r#"{{"lease_duration":2764800,"data":{data},"warnings":null}}"#).into_bytes();
    match read_document_v1(&answer(r#"{"n":12345678901234567890,"v":"x"}"#)) {
        Some(Ok(Found::Live(document))) => {
            assert_eq!(document.text("n"), Some("12345678901234567890"));
            assert_eq!((document.version, document.created.as_str()), (0, ""));
        }
        _ => panic!("no document"),
    }
    assert!(matches!(read_field_v1(&answer(r#"{"v":"x"}"#), "v"), Some(Ok(Found::Live(OneField::Text(_))))));
    match read_field_v1(&answer(r#"{"w":"x"}"#), "v") {
        Some(Ok(Found::Live(OneField::Absent { names }))) => assert_eq!(names, ["w"]),
        _ => panic!("there is no such field"),
    }
    for data in ["null", "[1]", "\"x\""] {
        assert!(read_document_v1(&answer(data)).is_none() && read_field_v1(&answer(data), "v").is_none(), "{data}");
    }
    assert!(read_document_v1(br#"{"errors":[]}"#).is_none());
}
