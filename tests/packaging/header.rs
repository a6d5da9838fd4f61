//! The C header: up to date, complete, and compiling without warnings under every supported standard.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use handsfree_secrets_test_support::{cc, repository_root};

const GENERATED: &str = env!("HANDSFREE_SECRETS_GENERATED_HEADER");

/// The committed header.
fn committed() -> String {
    fs::read_to_string(repository_root().join("include/handsfree_secrets.h")).unwrap()
}

/// An empty folder below cargo's target folder.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Compiles a source file that includes the header, without linking it, with all warnings as errors.
fn compile_object(compiler: &str, standard: &str, source: &Path) -> Output {
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}")).args(cc::STRICT).arg("-I").arg(repository_root().join("include"));
    let output = command.arg("-c").arg(source).arg("-o").arg(source.with_extension("o")).output();
    output.unwrap_or_else(|e| panic!("{compiler}: {e}; scripts/bootstrap installs it"))
}

fn compiles(folder: &Path, compiler: &str, standard: &str, text: &str) {
    let source =
        folder.join(format!("{compiler}-{standard}.{}", if standard.starts_with("c++") { "cpp" } else { "c" }));
    fs::write(&source, text).unwrap();
    let output = compile_object(compiler, standard, &source);
    assert!(output.status.success(), "{compiler} {standard}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_committed_header_is_the_generated_one() {
    let generated = fs::read_to_string(GENERATED).unwrap();
    assert!(committed() == generated, "include/handsfree_secrets.h is out of date; run: make header");
}

#[test]
fn the_header_compiles_alone_and_twice_under_every_standard() {
    const TWICE: &str = "#include <handsfree_secrets.h>\n#include <handsfree_secrets.h>\n";
    let folder = scratch("header");
    for (c, cxx) in [("gcc", "g++"), ("clang", "clang++")] {
        for standard in ["c99", "c11"] {
            compiles(&folder, c, standard, TWICE);
        }
        for standard in ["c++98", "c++11", "c++17"] {
            compiles(&folder, cxx, standard, TWICE);
        }
    }
}

#[test]
fn a_program_that_ignores_a_status_does_not_compile() {
    let folder = scratch("ignored-status");
    let header = committed();
    let functions: Vec<&str> = header
        .split(';')
        .filter_map(|declaration| declaration.rsplit_once("hf_status hf_")?.1.split_once('('))
        .map(|(name, _)| name)
        .filter(|name| name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'))
        .collect();
    assert!(functions.len() >= 14, "found only {functions:?}");
    for name in functions {
        let (returned, declared) = header.split_once(&format!("hf_status hf_{name}(")).unwrap();
        assert!(returned.trim_end().ends_with("HF_MUST_USE"), "hf_{name}");
        assert!(declared.split_once(';').unwrap().0.ends_with("HF_NOEXCEPT"), "hf_{name}");
    }
    let source = folder.join("ignores.c");
    fs::write(&source, "#include <handsfree_secrets.h>\nvoid f(hf_options *o) { hf_options_set(o, \"\", \"\", 0); }\n")
        .unwrap();
    for compiler in ["gcc", "clang"] {
        let output = compile_object(compiler, "c99", &source);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains("unused-result"), "{compiler}: {text}");
    }
}

#[test]
fn version_macros_match_the_package_and_work_in_the_preprocessor() {
    let folder = scratch("macros");
    let (major, minor, patch) =
        (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH"));
    let source = format!(
        "#include <handsfree_secrets.h>\n\
         #if HF_VERSION_MAJOR != {major} || HF_VERSION_MINOR != {minor} || HF_VERSION_PATCH != {patch}\n\
         #error version\n\
         #endif\n\
         #if HF_VERSION_NUMBER != {major} * 1000000 + {minor} * 1000 + {patch}\n\
         #error number\n\
         #endif\n\
         #if 0 -HF_ERR_INTERNAL != 16 || -HF_ERR_IO != 17 || HF_LOG_TRACE != 5\n\
         #error statuses\n\
         #endif\n\
         typedef char same_length[sizeof(HF_VERSION_STRING) == sizeof(\"{}\") ? 1 : -1];\n",
        env!("CARGO_PKG_VERSION")
    );
    compiles(&folder, "gcc", "c99", &source);
}

#[test]
fn the_header_documents_threads_blocking_and_parameters_of_each_function() {
    let header = committed();
    for name in include_str!("symbols.txt").lines() {
        let (before, after) = header.rsplit_once(&format!("{name}(")).unwrap();
        let comment = before.rsplit_once("/**").unwrap().1;
        let between = comment.rsplit_once("*/").unwrap().1;
        assert!(!between.contains(['#', ';']), "{name} has no comment of its own");
        assert!(
            comment.contains("thread") && comment.to_lowercase().contains("block"),
            "{name} does not say who may call it"
        );
        let parameters = after.split_once(')').unwrap().0;
        for parameter in parameters.split(',').filter(|parameter| *parameter != "void") {
            let parameter = parameter.rsplit([' ', '*']).next().unwrap();
            assert!(comment.contains(&format!("@param {parameter} ")), "{name} does not explain {parameter}");
        }
        let returns = before.rsplit('\n').next().unwrap();
        assert!(returns.contains("void ") || comment.contains("@ret"), "{name} does not say what it returns");
    }
}
