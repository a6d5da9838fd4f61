//! The files of `src/` depend on each other in one direction.

use std::fs;
use std::path::Path;

use crate::cycles::cycles;
use crate::graph::Crate;

#[test]
fn the_files_of_the_library_have_no_cycle() {
    let found = cycles(&Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).edges());
    assert!(
        found.is_empty(),
        "{} cycle(s) among the files of src/; move what ties one into a file that both may use:\n\n{}",
        found.len(),
        found.join("\n")
    );
}

/// The cycles of a crate of these files.
fn cycles_of(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    cycles(&Crate::read(folder.path()).edges())
}

#[test]
fn a_cycle_is_reported_with_the_names_that_cause_it() {
    let found = cycles_of(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::Second; pub struct First(Second);"),
        ("b.rs", "pub struct Second; fn make() -> Box<super::a::First> { todo!() }"),
    ]);
    assert_eq!(found, ["  a.rs uses b.rs: Second\n  b.rs uses a.rs: First\n"]);
}

#[test]
fn paths_in_expressions_macros_and_through_imported_modules_count() {
    for user in [
        "fn f() { crate::b::g() }",
        "fn f() { println!(\"{}\", super::b::g()) }",
        "use super::b; fn f() { b::g() }",
        "use super::b as other; fn f() { other::g() }",
        "fn f() { use crate::b::g; g() }",
        "use super::b::*; fn f() { g() }",
        "mod inner { fn f() { super::super::b::g() } }",
    ] {
        let found = cycles_of(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", &format!("pub struct First; {user}")),
            ("b.rs", "use crate::a::First; pub fn g() {}"),
        ]);
        assert_eq!(found, ["  a.rs uses b.rs: g\n  b.rs uses a.rs: First\n"], "{user}");
    }
}

#[test]
fn a_name_defined_by_a_macro_belongs_to_the_file_of_the_macro() {
    let found = cycles_of(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub use super::b::Made; pub struct First(Made);"),
        ("b.rs", "use crate::a::First; make_structures! { Made }"),
    ]);
    assert_eq!(found, ["  a.rs uses b.rs: Made\n  b.rs uses a.rs: First\n"]);
}

#[test]
fn a_use_of_a_re_export_is_a_use_of_the_defining_file() {
    let files = [("lib.rs", "mod m; mod user;"), ("user.rs", "use crate::m::{X, self}; fn f(x: X) -> m::X { x }")];
    let module = [("m/mod.rs", "mod x; mod y; pub use self::x::X; pub use y::*; pub struct Own;")];
    let children = [("m/x.rs", "use super::Own; pub struct X(super::Y, Own);"), ("m/y.rs", "pub struct Y;")];
    assert_eq!(cycles_of(&[&files[..], &module, &children].concat()), [""; 0]);

    let module = [("m/mod.rs", "mod x; mod y; pub use self::x::X; pub use y::*; pub struct Own(Option<Box<X>>);")];
    let found = cycles_of(&[&files[..], &module, &children].concat());
    assert_eq!(found, ["  m/mod.rs uses m/x.rs: X\n  m/x.rs uses m/mod.rs: Own\n"]);
}

#[test]
fn uses_in_tests_do_not_count() {
    let found = cycles_of(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub struct First; #[cfg(test)] mod tests { use crate::b::Second; }"),
        ("b.rs", "use crate::a::First; pub struct Second; impl Second { #[cfg(test)] fn f(_: First) {} }"),
    ]);
    assert_eq!(found, [""; 0]);
}
