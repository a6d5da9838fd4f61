use super::*;

fn response(data: &str) -> Vec<u8> {
    format!(r#"{{"request_id":"r","data":{{"data":{data},"metadata":{{"version":7}}}},"auth":null}}"#).into_bytes()
}

/// The text of a field; `None` if the response has none.
fn field_of(response: &[u8], name: &str) -> Option<Result<Option<String>>> {
    read_field(response, name).map(|found| {
        Ok(match found? {
            Found::Live(Field::Text(text)) => Some(text.as_str().to_owned()),
            _ => None,
        })
    })
}

fn text_in(data: &str, name: &str) -> Result<Option<String>> {
    field_of(&response(data), name).unwrap()
}

fn document(response: &[u8]) -> Option<Found<Document>> {
    Document::read(response.to_vec().into())
}

fn changed(data: &str, change: &Change<'_>) -> String {
    let Some(Found::Live(document)) = document(&response(data)) else { panic!("no document") };
    String::from_utf8(document.changed(change).unwrap().to_vec()).unwrap()
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
        Some(Ok(Found::Live(Field::Absent { names }))) => assert_eq!(names, ["password", "user"]),
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
        (Some(Ok(Found::Deleted { version: one })), Some(Found::Deleted { version: other })) => {
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
        let version = read_version(text.as_bytes());
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
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let data = format!(r#"{{"deep":{deep},"value":"v"}}"#);
    assert_eq!(text_in(&data, "value").unwrap().as_deref(), Some("v"));
    let change = Change { field: "value", value: "w", metadata: None };
    assert!(changed(&data, &change).contains(&deep));
}

#[test]
fn a_body_is_complete_after_its_buffer_has_grown() {
    let value = "\n\"ü".repeat(100_000);
    let metadata = Metadata::from([("a".to_owned(), value.clone())]);
    let body = Content::New { value: &value, metadata: Some(&metadata), cas: None }.body().unwrap();
    let expected = serde_json::json!({"data": {"value": value, "metadata": metadata}});
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), expected);
}

#[test]
fn a_change_keeps_every_other_field_byte_for_byte() {
    let change = Change { field: "value", value: "new", metadata: None };
    let body = changed(r#"{"value":"old","n":1.50e2,"metadata":{"a":"b"}}"#, &change);
    assert_eq!(body, r#"{"options":{"cas":7},"data":{"metadata":{"a":"b"},"n":1.50e2,"value":"new"}}"#);
}

#[test]
fn empty_metadata_removes_it_and_other_metadata_replaces_it() {
    let old = r#"{"value":"old","metadata":{"a":"b"}}"#;
    let none = Metadata::new();
    let change = Change { field: "value", value: "new", metadata: Some(&none) };
    assert_eq!(changed(old, &change), r#"{"options":{"cas":7},"data":{"value":"new"}}"#);
    let some = Metadata::from([("c".to_owned(), "d".to_owned())]);
    let change = Change { field: "value", value: "new", metadata: Some(&some) };
    assert_eq!(changed(old, &change), r#"{"options":{"cas":7},"data":{"metadata":{"c":"d"},"value":"new"}}"#);
}
