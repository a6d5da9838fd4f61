//! The result of `cmake --install`: it is relocatable, every way of linking works, and its versions agree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use handsfree_secrets_test_support::repository_root;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The output of every consumer: the versions of the library and of the header, and that their numbers are equal.
pub const CONSUMER_OUTPUT: &str =
    concat!(env!("CARGO_PKG_VERSION"), " ", env!("CARGO_PKG_VERSION"), " ", env!("CARGO_PKG_VERSION"), " 1\n");

/// An installation that was moved to another prefix.
struct Installed {
    prefix: PathBuf,
    /// The prefix before the move.
    first_prefix: PathBuf,
    build_output: String,
}

impl Installed {
    fn library(&self, name: &str) -> PathBuf {
        self.prefix.join("lib").join(name)
    }
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("install")
}

/// An empty folder for the consumers of one test.
pub fn fresh_folder(name: &str) -> PathBuf {
    let fresh = folder().join(name);
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).unwrap();
    fresh
}

/// A command as in a user's shell: without the environment variables of this cargo run.
pub fn tool(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours = text.starts_with("CARGO")
            && text != "CARGO_HOME"
            && text != "CARGO_INCREMENTAL"
            && !text.starts_with("CARGO_NET_");
        let misleading = ["LD_LIBRARY_PATH", "DESTDIR", "MAKEFLAGS", "CMAKE_PREFIX_PATH", "PKG_CONFIG_PATH"];
        if ours || misleading.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command and returns its output, including standard error.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; scripts/bootstrap installs it"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
    text
}

pub fn sources(name: &str) -> PathBuf {
    repository_root().join("tests/packaging/consumers").join(name)
}

/// The options of every CMake run that builds the library. They share a cargo target folder, so that each profile is
/// built once.
fn library_options(build_type: &str) -> Vec<String> {
    let mut options = vec![
        format!("-DCMAKE_BUILD_TYPE={build_type}"),
        format!("-DHANDSFREE_SECRETS_CARGO_TARGET_DIR={}", folder().join("cargo").display()),
    ];
    if build_type == "Debug" {
        // Makes rustc print the system libraries, which a test compares.
        options.push("-DHANDSFREE_SECRETS_CARGO_FLAGS=--;--print=native-static-libs".to_string());
    }
    options
}

fn install(build_type: &str, generator: &str) -> Installed {
    let base = fresh_folder(build_type);
    let (build, first_prefix, prefix) = (base.join("build"), base.join("first"), base.join("moved/prefix"));
    let configure = ["-G", generator, "-S"];
    let mut command = tool("cmake");
    run(command.args(configure).arg(repository_root()).arg("-B").arg(&build).args(library_options(build_type)));
    let build_output = run(tool("cmake").arg("--build").arg(&build));
    run(tool("cmake").arg("--install").arg(&build).arg("--prefix").arg(&first_prefix));
    fs::create_dir_all(prefix.parent().unwrap()).unwrap();
    fs::rename(&first_prefix, &prefix).unwrap();
    fs::remove_dir_all(&build).unwrap();
    Installed { prefix, first_prefix, build_output }
}

fn release() -> &'static Installed {
    static INSTALLED: OnceLock<Installed> = OnceLock::new();
    INSTALLED.get_or_init(|| install("Release", "Ninja"))
}

fn debug() -> &'static Installed {
    static INSTALLED: OnceLock<Installed> = OnceLock::new();
    INSTALLED.get_or_init(|| install("Debug", "Unix Makefiles"))
}

/// Runs a consumer, and checks whether it loads the shared library.
fn check_consumer(program: &Path, linked_statically: bool) {
    let printed = run(&mut tool(program));
    assert_eq!(printed, CONSUMER_OUTPUT, "{}", program.display());
    let dynamic = run(tool("readelf").arg("--dynamic").arg(program));
    assert_eq!(!dynamic.contains("libhandsfree_secrets.so.0]"), linked_statically, "{dynamic}");
}

/// Builds the consumers in one of the folders of `tests/packaging/consumers` with CMake, in a new folder.
fn build_with_cmake(project: &str, name: &str, generator: &str, options: &[String]) -> (PathBuf, String) {
    let base = fresh_folder(name);
    for (from, to) in [
        (format!("{project}/CMakeLists.txt"), "CMakeLists.txt"),
        ("consumer.c".to_string(), "consumer.c"),
        ("consumer.cpp".to_string(), "consumer.cpp"),
    ] {
        fs::copy(sources(&from), base.join(to)).unwrap();
    }
    let build = base.join("build");
    let configured = run(tool("cmake").args(["-G", generator, "-S"]).arg(&base).arg("-B").arg(&build).args(options));
    run(tool("cmake").arg("--build").arg(&build));
    (build, configured)
}

fn check_find_package(installed: &Installed, name: &str, generator: &str) {
    let options = [format!("-DCMAKE_PREFIX_PATH={}", installed.prefix.display())];
    let (build, configured) = build_with_cmake("find_package", name, generator, &options);
    assert!(configured.contains(&format!("found handsfree_secrets {VERSION}")), "{configured}");
    for language in ["c", "cxx"] {
        check_consumer(&build.join(format!("{language}_shared")), false);
        check_consumer(&build.join(format!("{language}_static")), true);
    }
}

#[test]
fn find_package_works_with_a_moved_release() {
    check_find_package(release(), "find-package-release", "Ninja");
}

#[test]
fn find_package_works_with_a_moved_debug_build() {
    check_find_package(debug(), "find-package-debug", "Unix Makefiles");
}

#[test]
fn add_subdirectory_builds_the_library_with_the_program() {
    let mut options = library_options("Debug");
    options.push(format!("-DLIBRARY_SOURCE={}", repository_root().display()));
    let (build, _) = build_with_cmake("add_subdirectory", "add-subdirectory", "Unix Makefiles", &options);
    check_consumer(&build.join("c_shared"), false);
    check_consumer(&build.join("cxx_static"), true);
}

#[test]
fn hfsecret_is_installed_with_its_manual_page_and_completion() {
    let prefix = &release().prefix;
    let program = prefix.join("bin/hfsecret");
    assert_eq!(run(tool(&program).arg("--version")), format!("hfsecret {VERSION}\n"), "it finds the moved library");
    let manual = fs::read_to_string(prefix.join("share/man/man1/hfsecret.1")).unwrap();
    assert!(manual.starts_with(".TH HFSECRET 1"));
    let completion = prefix.join("share/bash-completion/completions/hfsecret");
    let script = "source \"$1\"; complete -p hfsecret";
    assert!(run(tool("bash").args(["-c", script, "bash"]).arg(completion)).contains("-F _hfsecret hfsecret"));
}

#[test]
fn each_part_can_be_installed_alone() {
    let base = fresh_folder("components");
    let build = base.join("build");
    run(tool("cmake").arg("-S").arg(repository_root()).arg("-B").arg(&build).args(library_options("Debug")));
    run(tool("cmake").arg("--build").arg(&build));
    for (component, wanted) in
        [("Runtime", vec!["lib"]), ("Development", vec!["include", "lib"]), ("Tools", vec!["bin", "share"])]
    {
        let prefix = base.join(component);
        let name = format!("handsfree_secrets_{component}");
        let mut install = tool("cmake");
        run(install.arg("--install").arg(&build).args(["--component", &name, "--prefix"]).arg(&prefix));
        let entries = fs::read_dir(&prefix).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut found: Vec<String> = entries.collect();
        found.sort();
        assert_eq!(found, wanted, "{component}");
    }
    fs::remove_dir_all(&base).unwrap();
}

#[test]
fn fetch_content_builds_the_library_with_the_program() {
    let mut options = library_options("Debug");
    options.push(format!("-DLIBRARY_SOURCE={}", repository_root().display()));
    let (build, _) = build_with_cmake("fetch_content", "fetch-content", "Ninja", &options);
    check_consumer(&build.join("c_shared"), false);
    check_consumer(&build.join("cxx_static"), true);
}

fn pkg_config(installed: &Installed, arguments: &[&str]) -> Vec<String> {
    let path = installed.prefix.join("lib/pkgconfig");
    let printed = run(tool("pkg-config").args(arguments).env("PKG_CONFIG_PATH", path));
    printed.split_whitespace().map(str::to_string).collect()
}

#[test]
fn pkg_config_links_shared_and_static() {
    let base = fresh_folder("pkg-config");
    for (profile, installed) in [("release", release()), ("debug", debug())] {
        for (compiler, source) in [("cc", "consumer.c"), ("c++", "consumer.cpp")] {
            for package in ["handsfree_secrets", "handsfree_secrets-static"] {
                let program = base.join(format!("{profile}-{compiler}-{package}"));
                let flags = pkg_config(installed, &["--cflags", "--libs", package]);
                let rpath = format!("-Wl,-rpath,{}", installed.prefix.join("lib").display());
                run(tool(compiler).arg(sources(source)).args(flags).arg(rpath).arg("-o").arg(&program));
                check_consumer(&program, package.ends_with("-static"));
            }
        }
    }
}

#[test]
fn a_program_needs_no_shared_library_with_either_pc_file() {
    let base = fresh_folder("fully-static");
    let package = ["--cflags", "--libs", "handsfree_secrets-static"];
    let private = ["--static", "--cflags", "--libs", "handsfree_secrets"];
    for (name, mode, asked) in [
        ("package", "-static", &package as &[&str]),
        ("private", "-static", &private),
        ("position-independent", "-static-pie", &package),
    ] {
        for (compiler, source) in [("gcc", "consumer.c"), ("clang", "consumer.c"), ("g++", "consumer.cpp")] {
            let program = base.join(format!("{name}-{compiler}"));
            let flags = pkg_config(release(), asked);
            run(tool(compiler).arg(mode).arg(sources(source)).args(flags).arg("-o").arg(&program));
            assert_eq!(run(&mut tool(&program)), CONSUMER_OUTPUT, "{}", program.display());
            let dynamic = run(tool("readelf").arg("--dynamic").arg(&program));
            assert!(!dynamic.contains("(NEEDED)"), "{dynamic}");
        }
    }
}

#[test]
fn a_compiler_alone_links_shared_and_static() {
    let (base, prefix) = (fresh_folder("by-hand"), &release().prefix);
    let (include, library) = (prefix.join("include"), prefix.join("lib"));

    let shared = base.join("shared");
    let rpath = format!("-Wl,-rpath,{}", library.display());
    let mut command = tool("cc");
    command.arg(sources("consumer.c")).arg("-I").arg(&include).arg("-L").arg(&library);
    run(command.arg("-lhandsfree_secrets").arg(rpath).arg("-o").arg(&shared));
    check_consumer(&shared, false);

    let guide = fs::read_to_string(repository_root().join("docs/install.md")).unwrap();
    let libraries = pkg_config(release(), &["--libs-only-l", "handsfree_secrets-static"]).split_off(1);
    assert!(guide.contains(&format!("libhandsfree_secrets.a {}", libraries.join(" "))), "{libraries:?}");
    let linked = base.join("static");
    let mut command = tool("cc");
    command.arg(sources("consumer.c")).arg("-I").arg(&include).arg(release().library("libhandsfree_secrets.a"));
    run(command.args(libraries).arg("-Wl,--gc-sections").arg("-o").arg(&linked));
    check_consumer(&linked, true);
}

#[test]
fn all_versions_match_the_manifest() {
    for installed in [release(), debug()] {
        for package in ["handsfree_secrets", "handsfree_secrets-static"] {
            assert_eq!(pkg_config(installed, &["--modversion", package]), [VERSION]);
        }
        let real = installed.library(&format!("libhandsfree_secrets.so.{VERSION}"));
        assert!(fs::symlink_metadata(&real).unwrap().is_file());
        for (link, target) in [
            ("libhandsfree_secrets.so", "libhandsfree_secrets.so.0".to_string()),
            ("libhandsfree_secrets.so.0", format!("libhandsfree_secrets.so.{VERSION}")),
        ] {
            assert_eq!(fs::read_link(installed.library(link)).unwrap(), Path::new(&target));
        }
        let dynamic = run(tool("readelf").arg("--dynamic").arg(&real));
        assert!(dynamic.contains("Library soname: [libhandsfree_secrets.so.0]"), "{dynamic}");
    }
}

/// The library folder of a build tree configured with these options, on a distribution whose GNUInstallDirs uses
/// `lib64`.
fn library_folder_on_a_lib64_distribution(name: &str, options: &[&str]) -> String {
    let (base, build) = (fresh_folder(name), folder().join(name).join("build"));
    let module = "if(NOT DEFINED CMAKE_INSTALL_LIBDIR)\n\
                  set(CMAKE_INSTALL_LIBDIR lib64 CACHE PATH \"\")\n\
                  endif()\n\
                  include(${CMAKE_ROOT}/Modules/GNUInstallDirs.cmake)\n";
    fs::write(base.join("GNUInstallDirs.cmake"), module).unwrap();
    let mut command = tool("cmake");
    command.arg("-S").arg(repository_root()).arg("-B").arg(&build).args(options);
    run(command.arg(format!("-DCMAKE_MODULE_PATH={}", base.display())));
    let text = fs::read_to_string(build.join("handsfree_secrets.pc")).unwrap();
    text.lines().find_map(|line| line.strip_prefix("libdir=${prefix}/")).expect("a folder").to_string()
}

#[test]
fn libraries_go_to_lib_on_every_distribution_unless_the_prefix_is_usr() {
    for (name, options, folder) in [
        ("lib64-default", &[] as &[&str], "lib"),
        ("lib64-prefix", &["-DCMAKE_INSTALL_PREFIX=/opt/usr"], "lib"),
        ("lib64-usr", &["-DCMAKE_INSTALL_PREFIX=/usr"], "lib64"),
        ("lib64-chosen", &["-DCMAKE_INSTALL_LIBDIR=lib32"], "lib32"),
    ] {
        assert_eq!(library_folder_on_a_lib64_distribution(name, options), folder, "{options:?}");
    }
}

#[test]
fn no_installed_text_file_names_the_prefix() {
    let first = release().first_prefix.to_str().unwrap();
    let library = release().prefix.join("lib");
    for folder in ["pkgconfig", "cmake/handsfree_secrets"] {
        for entry in fs::read_dir(library.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains(first), "{}", path.display());
            assert!(!text.contains(repository_root().to_str().unwrap()), "{}", path.display());
        }
    }
}

#[test]
fn the_static_library_is_one_object_that_defines_the_api_and_nothing_else() {
    let api: BTreeSet<&str> = include_str!("symbols.txt").lines().collect();
    for installed in [release(), debug()] {
        let library = installed.library("libhandsfree_secrets.a");
        let members = run(tool("ar").arg("t").arg(&library));
        assert_eq!(members.lines().count(), 1, "{members}");
        let table = run(tool("nm").args(["--defined-only", "--extern-only", "--format=posix"]).arg(&library));
        let defined: BTreeSet<&str> =
            table.lines().filter(|line| !line.ends_with(':')).filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(defined, api);
        let groups = run(tool("readelf").args(["--section-groups", "--wide"]).arg(&library));
        assert!(!groups.contains("COMDAT"), "another library's group could replace ours:\n{groups}");
    }
}

/// See `.cargo/config.toml`.
#[test]
fn random_numbers_come_from_the_operating_system_and_not_from_jitter() {
    for installed in [release(), debug()] {
        for library in ["libhandsfree_secrets.so", "libhandsfree_secrets.a"] {
            let table = run(tool("nm").arg("--defined-only").arg(installed.library(library)));
            assert!(table.contains("RAND_bytes"), "{library} has no symbols");
            assert!(!table.contains("jent_"), "{library} was built without .cargo/config.toml");
        }
    }
}

#[test]
fn a_second_static_library_in_rust_links_beside_the_static_one() {
    let base = fresh_folder("beside-rust");
    for (profile, installed, optimisation) in [("release", release(), "3"), ("debug", debug(), "0")] {
        let second = base.join(format!("libsecond_{profile}.a"));
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let mut command = tool(rustc);
        command.args(["--edition=2024", "--crate-type=staticlib", "--crate-name=second"]);
        run(command.arg(format!("-Copt-level={optimisation}")).arg(sources("second.rs")).arg("-o").arg(&second));

        let libraries = pkg_config(installed, &["--cflags", "--libs", "handsfree_secrets-static"]);
        for (order, first) in [("before", true), ("after", false)] {
            let program = base.join(format!("{profile}-{order}"));
            let mut command = tool("cc");
            command.arg(sources("beside_rust.c"));
            if first {
                command.arg(&second).args(&libraries);
            } else {
                command.args(&libraries).arg(&second).args(&libraries);
            }
            run(command.arg("-o").arg(&program));
            run(&mut tool(&program));
        }
    }
}

/// All except the unwinder: compilers add it, and `gcc_s`, which rustc names, cannot be linked statically.
#[test]
fn pkg_config_names_the_system_libraries_that_rustc_needs() {
    let note = "native-static-libs: ";
    let line = debug().build_output.lines().find_map(|line| line.split_once(note)).expect("rustc's note").1;
    let asked: Vec<&str> = line.split_whitespace().filter(|library| *library != "-lgcc_s").collect();
    let text = fs::read_to_string(debug().prefix.join("lib/pkgconfig/handsfree_secrets.pc")).unwrap();
    let private = text.lines().find_map(|line| line.strip_prefix("Libs.private: ")).unwrap();
    assert_eq!(private.split(' ').collect::<Vec<_>>(), asked);
}
