//! The recipe for Conan and the subproject for Meson build the library, and a program with it. scripts/bootstrap installs
//! both tools; where it cannot, these tests are skipped.

use std::fs;
use std::path::{Path, PathBuf};

use handsfree_secrets_test_support::repository_root;

use crate::install::{folder, fresh_folder, run, tool};

/// What the program in `packaging/conan/test_package` prints.
const OUTPUT: &str = concat!("handsfree_secrets ", env!("CARGO_PKG_VERSION"), " env\n");

fn installed(name: &str) -> Option<PathBuf> {
    let program = repository_root().join("target/recipes/bin").join(name);
    let is_there = program.exists();
    if !is_there {
        eprintln!("skipped: {} is missing, and scripts/bootstrap check could not install it", program.display());
    }
    is_there.then_some(program)
}

/// Crates are compiled in the folder that other tests use, too.
fn cargo_folder() -> String {
    folder().join("cargo").display().to_string()
}

#[test]
fn conan_creates_a_shared_and_a_static_package_and_runs_a_program_with_each() {
    let Some(conan) = installed("conan") else { return };
    let base = fresh_folder("conan");
    let conan = |arguments: &[&str]| {
        let mut command = tool(&conan);
        run(command.args(arguments).env("CONAN_HOME", base.join("home")).env("PYTHONDONTWRITEBYTECODE", "1"))
    };
    conan(&["profile", "detect"]);
    let recipe = repository_root().join("packaging/conan");
    let variables = format!(
        "tools.cmake.cmaketoolchain:extra_variables={{'HANDSFREE_SECRETS_CARGO_TARGET_DIR': '{}'}}",
        cargo_folder()
    );
    let programs = format!("tools.cmake.cmake_layout:test_folder={}", base.join("test").display());
    let create = ["create", recipe.to_str().unwrap(), "--no-remote", "-s", "build_type=Debug", "-c", &variables];
    for shared in ["True", "False"] {
        let option = format!("&:shared={shared}");
        let presets = "tools.cmake.cmaketoolchain:user_presets=";
        let printed = conan(&[&create as &[&str], &["-c", &programs, "-c", presets, "-o", &option]].concat());
        assert!(printed.contains(OUTPUT), "{printed}");
    }
    let packages = base.join("home/p/b");
    let mut found: Vec<String> =
        fs::read_dir(packages).unwrap().map(|entry| libraries(&entry.unwrap().path())).collect();
    found.sort();
    let version = env!("CARGO_PKG_VERSION");
    let shared = format!("libhandsfree_secrets.so libhandsfree_secrets.so.0 libhandsfree_secrets.so.{version}");
    assert_eq!(found, ["libhandsfree_secrets.a".to_string(), shared]);
    fs::remove_dir_all(base).unwrap();
}

/// The files in the library folder of a package in Conan's cache, sorted.
fn libraries(build: &Path) -> String {
    let entries = fs::read_dir(build.join("p/lib")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.join(" ")
}

/// A repository with one commit of the sources as they are now.
fn repository(base: &Path) -> PathBuf {
    let repository = base.join("sources.git");
    let identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
    for arguments in [["init", "-q", "-b", "main"].as_slice(), &["add", "-A"], &["commit", "-q", "-m", "sources"]] {
        let mut git = tool("git");
        git.env("GIT_DIR", &repository).env("GIT_WORK_TREE", repository_root()).env("GIT_CONFIG_GLOBAL", "/dev/null");
        run(git.args(identity).args(arguments));
    }
    repository
}

/// The block of this language in the section on Meson of docs/install.md.
fn guide(language: &str) -> String {
    let page = fs::read_to_string(repository_root().join("docs/install.md")).unwrap();
    let section = page.split_once("\n**Meson:**").expect("a paragraph on Meson").1;
    let block = section.split_once(&format!("\n```{language}\n")).expect("a block").1;
    block.split_once("```").expect("its end").0.to_string()
}

#[test]
fn meson_builds_the_library_as_a_subproject_and_links_it_shared_and_static() {
    let Some(meson) = installed("meson") else { return };
    let base = fresh_folder("meson");
    let program = base.join("program");
    let subprojects = program.join("subprojects");
    fs::create_dir_all(&subprojects).unwrap();
    let wrap = fs::read_to_string(repository_root().join("packaging/meson/handsfree_secrets.wrap")).unwrap();
    let here = format!("url = file://{}", repository(&base).display());
    let wrap = wrap.replace("url = https://github.com/handsfree/libhandsfree_secrets.git", &here);
    assert!(wrap.contains(&here));
    fs::write(subprojects.join("handsfree_secrets.wrap"), wrap).unwrap();
    fs::write(program.join("meson.build"), guide("meson")).unwrap();
    fs::copy(repository_root().join("packaging/conan/test_package/program.c"), program.join("program.c")).unwrap();
    let option = format!("-Dhandsfree_secrets:cmake_arguments=-DHANDSFREE_SECRETS_CARGO_TARGET_DIR={}", cargo_folder());
    for kind in ["shared", "static"] {
        let build = base.join(kind);
        let mut setup = tool(&meson);
        setup.arg("setup").arg(&build).arg(&program).args(["--wrap-mode=forcefallback", &option]);
        run(setup.arg(format!("-Ddefault_library={kind}")));
        run(tool(&meson).arg("compile").arg("-C").arg(&build));
        assert_eq!(run(&mut tool(build.join("program"))), OUTPUT, "{kind}");
        let prefix = base.join(format!("{kind}-prefix"));
        run(tool(&meson).args(["install", "-C"]).arg(&build).env("DESTDIR", &prefix));
        let needed = run(tool("readelf").arg("--dynamic").arg(build.join("program")));
        assert_eq!(needed.contains("libhandsfree_secrets.so.0]"), kind == "shared", "{needed}");
    }
    fs::remove_dir_all(base).unwrap();
}
