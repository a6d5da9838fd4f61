//! The page on linking works as printed: its commands, and no others, in an empty folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use handsfree_secrets_test_support::{cc, repository_root};

use crate::documents::{document, first_in};

/// One way to link: its name on the page, its `CMakeLists.txt` if there is one, and its commands.
struct Way {
    name: String,
    lists: Option<String>,
    commands: String,
}

fn ways(section: &str) -> Vec<Way> {
    let parts = section.split("\n**").skip(1);
    let way = |part: &str| Way {
        name: part.split("**").next().unwrap().to_string(),
        lists: first_in(part, "cmake"),
        commands: first_in(part, "sh").expect("commands"),
    };
    parts.map(way).collect()
}

/// A home folder with the sources, as links to the files and folders of the repository, so that builds there do not
/// write into the repository. Cargo uses the same target folder as other tests that build a release, which saves time.
fn home() -> PathBuf {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let home = base.join("readme-home");
    let _ = fs::remove_dir_all(&home);
    let sources = home.join("src/libhandsfree_secrets");
    fs::create_dir_all(&sources).unwrap();
    for entry in fs::read_dir(repository_root()).unwrap() {
        let entry = entry.unwrap();
        if !["build", "target", "dist"].contains(&entry.file_name().to_string_lossy().as_ref()) {
            symlink(entry.path(), sources.join(entry.file_name())).unwrap();
        }
    }
    let cargo = home.join(".cargo/bin/cargo");
    fs::create_dir_all(cargo.parent().unwrap()).unwrap();
    let script = format!(
        "#!/bin/sh\n\
         for argument in \"$@\"; do\n\
         shift\n\
         case \"$previous\" in\n\
         --manifest-path) argument='{}' ;;\n\
         --target-dir) built=$argument argument='{cache}' ;;\n\
         esac\n\
         previous=$argument\n\
         set -- \"$@\" \"$argument\"\n\
         done\n\
         HOME='{}' '{}' \"$@\" && mkdir -p \"$built/release\" && cp -p '{cache}'/release/libhandsfree_secrets.* \"$built/release\"\n",
        repository_root().join("Cargo.toml").display(),
        std::env::var("HOME").unwrap(),
        env!("CARGO"),
        cache = base.join("install/cargo").display(),
    );
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    home
}

/// Runs commands in a shell in this folder, and returns their output.
fn shell(home: &Path, folder: &Path, commands: &str) -> String {
    let mut command = cc::clean_command(Path::new("sh"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours = text.starts_with("CARGO") || text == "PKG_CONFIG_PATH" || text == "LD_LIBRARY_PATH";
        if ours && !text.starts_with("CARGO_NET_") {
            command.env_remove(&name);
        }
    }
    command.current_dir(folder).args(["-e", "-c", commands]).env("HOME", home);
    run(&mut command)
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{command:?}\n{out}{err}");
    out
}

#[test]
fn the_five_ways_of_linking_need_only_the_commands_of_the_page() {
    let readme = document("README.md");
    let program = first_in(&readme, "c").unwrap();
    let page = document("docs/linking.md");
    let section = page.split_once("\n## Install\n").expect("a section").1;
    let ways = ways(section);
    assert_eq!(ways.len(), 5);

    let home = home();
    shell(&home, &home, &first_in(section, "sh").unwrap());
    for way in ways {
        let folder = home.join(way.name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("program.c"), &program).unwrap();
        if let Some(lists) = way.lists {
            fs::write(folder.join("CMakeLists.txt"), lists).unwrap();
        }
        let printed = shell(&home, &folder, &way.commands);
        let expected = "env://HANDSFREE_SECRET_GITHUB_TOKEN_USER_123 holds ghp_example\n";
        assert!(printed.ends_with(expected), "{}: {printed}", way.name);
    }
}
