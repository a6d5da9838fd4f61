//! The programs in the documents work as printed: all Go programs, and the first program of each language's page.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use handsfree_secrets_test_support::{cc, java, repository_root};

use crate::documents::{blocks_of, document, documents, first_in};
use crate::pkg_config;

/// The first block in this language on its page.
fn first_program(page: &str, language: &str) -> String {
    first_in(&document(&format!("docs/{page}")), language).unwrap_or_else(|| panic!("no {language} in {page}"))
}

/// An empty folder for the output of compilers.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("docs").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs a command, which has to succeed without warnings, and returns its output.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success() && err.is_empty(), "{command:?}\n{out}{err}");
    out
}

/// A command that finds the library, without the settings of this process.
pub fn quiet(program: &Path) -> Command {
    let mut command = cc::clean_command(program);
    command.env("LD_LIBRARY_PATH", cc::library_folder());
    command
}

#[test]
fn every_go_program_of_the_documents_compiles_and_is_formatted() {
    let blocks = documents().into_iter().flat_map(|document| blocks_of(&document));
    let programs: Vec<String> = blocks.filter(|block| block.language == "go").map(|block| block.text).collect();
    assert!(!programs.is_empty(), "docs/go.md has some");

    let module = folder("go");
    let binding = repository_root().join("bindings/go");
    let name = "github.com/handsfree/libhandsfree_secrets/bindings/go";
    let text = format!("module docs\n\ngo 1.21\n\nrequire {name} v0.0.0\n\nreplace {name} => {}\n", binding.display());
    fs::write(module.join("go.mod"), text).unwrap();
    for (number, program) in programs.iter().enumerate() {
        let folder = module.join(format!("program{number}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("main.go"), program).unwrap();
    }
    assert_eq!(run(Command::new("gofmt").args(["-l", "."]).current_dir(&module)), "");

    let pkg_config = pkg_config::folder_for("go-documents");
    for command in [["vet", "./..."], ["build", "./..."]] {
        run(pkg_config::for_go(quiet(Path::new("go")).current_dir(&module).args(command), &pkg_config));
    }
}

#[test]
fn the_first_cobol_program_finds_one_secret_and_not_another() {
    let folder = folder("cobol");
    fs::write(folder.join("first.cob"), first_program("cobol.md", "cobol")).unwrap();
    let mut compiler = Command::new("cobc");
    compiler.current_dir(&folder).args(["-x", "-fstatic-call", "first.cob", "-I"]);
    compiler.arg(repository_root().join("examples/cobol")).arg("-L").arg(cc::library_folder());
    run(compiler.arg("-lhandsfree_secrets"));
    let first = folder.join("first");
    let found = run(quiet(&first).env("HANDSFREE_SECRET_DB_PASSWORD", "12345"));
    assert_eq!(found, "a secret of 00000000000000000005 bytes\n");
    assert_eq!(run(&mut quiet(&first)), "there is no such secret\n");
}

#[test]
fn the_first_fortran_program_finds_one_secret_and_not_another() {
    let folder = folder("fortran");
    fs::write(folder.join("first.f90"), first_program("fortran.md", "fortran")).unwrap();
    let mut compiler = Command::new("gfortran");
    compiler.current_dir(&folder).args(["-Wall", "-Werror"]);
    compiler.arg(repository_root().join("examples/fortran/handsfree_secrets.f90")).args(["first.f90", "-o", "first"]);
    run(compiler.arg("-L").arg(cc::library_folder()).arg("-lhandsfree_secrets"));
    let first = folder.join("first");
    assert_eq!(run(quiet(&first).env("HANDSFREE_SECRET_DB_PASSWORD", "12345")), "a secret of 5 bytes\n");
    assert_eq!(run(&mut quiet(&first)), "there is no such secret\n");
}

#[test]
fn the_first_java_program_finds_one_secret_and_not_another() {
    let folder = folder("java");
    let source = folder.join("First.java");
    fs::write(&source, first_program("java.md", "java")).unwrap();
    fs::copy(repository_root().join("examples/java/HandsfreeSecrets.java"), folder.join("HandsfreeSecrets.java"))
        .unwrap();
    let (Some(mut finds), Some(mut misses)) = (java(&source), java(&source)) else { return };
    assert_eq!(run(finds.env("HANDSFREE_SECRET_DB_PASSWORD", "12345")), "a secret of 5 bytes\n");
    assert_eq!(run(&mut misses), "there is no such secret\n");
}

#[test]
fn the_first_python_program_stores_and_lists() {
    let mut python = quiet(Path::new("python3"));
    python.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", repository_root().join("bindings/python"));
    let reference = "env://HANDSFREE_SECRET_GITHUB_TOKEN_USER_123";
    assert_eq!(
        run(python.arg("-c").arg(first_program("python.md", "python"))),
        format!("{reference}\n['{reference}']\n")
    );
}
