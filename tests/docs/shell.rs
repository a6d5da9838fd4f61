//! The scripts of the page on the shell work as printed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use handsfree_secrets_test_support::{Server, cc, repository_root};
use serde_json::json;

use crate::documents::{document, texts_in};
use crate::pkg_config;
use crate::programs::{folder, quiet, run};

/// The page, and where its scripts run: `hfsecret` is in the folder, which is on their PATH.
struct Page {
    scripts: Vec<String>,
    server: &'static Server,
    mount: String,
    folder: PathBuf,
}

impl Page {
    fn new() -> Page {
        let server = Server::shared();
        let scripts = texts_in(&document("docs/shell.md"), "sh");
        Page { scripts, server, mount: server.fresh_mount(), folder: folder("shell") }
    }

    /// A command for the only script that contains these words.
    fn script(&self, words: &str) -> Command {
        self.script_between("set -eu", words, "")
    }

    /// As [`Page::script`], between lines of this test.
    fn script_between(&self, before: &str, words: &str, after: &str) -> Command {
        let mut found = self.scripts.iter().filter(|script| script.contains(words));
        let (Some(script), None) = (found.next(), found.next()) else { panic!("not one script with {words:?}") };
        let path = format!("{}:{}", self.folder.display(), std::env::var("PATH").unwrap());
        let mut command = quiet(Path::new("sh"));
        command.current_dir(&self.folder).arg("-c").arg(format!("{before}\n{script}\n{after}")).env("PATH", path);
        command.env("SECRET_MANAGER_TYPE", "vault").env("VAULT_ADDR", self.server.addr());
        command.env("VAULT_TOKEN", self.server.root_token()).env("VAULT_MOUNT", &self.mount);
        command
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.join(name), content).unwrap();
    }

    /// The command of the page runs in the root of the repository; this folder links to the sources, and receives the
    /// program.
    fn compile(&self) {
        symlink(repository_root().join("tools"), self.folder.join("tools")).unwrap();
        let rpath = format!("-L{0} -lhandsfree_secrets -Wl,-rpath,{0}", cc::library_folder().display());
        let pkg_config = pkg_config::folder_with("shell-page", "handsfree_secrets", &rpath);
        run(self.script("cc tools/hfsecret").env("PKG_CONFIG_PATH", pkg_config));
    }

    fn first_program(&self) {
        let listed = run(self.script("store batch_job_password").env("new_password", "first password"));
        assert_eq!(listed, "vault://batch/job/password\n");
        assert_eq!(self.server.read_raw(&self.mount, "batch/job/password"), None, "the script deletes it at its end");
    }

    fn all_fields(&self) {
        let path = format!("{}/data/db", self.mount);
        self.server.api().post(&path, json!({"data": {"username": "app", "password": "a=b"}}));
        let show = "echo \"$username $password\"";
        let shown = run(&mut self.script_between("set -eu", "get --all vault://db", show));
        assert_eq!(shown, "app a=b\n");
    }

    /// The secret is that of [`Page::all_fields`].
    fn programs_that_cannot_be_changed(&self) {
        self.server.api().post(&format!("{}/data/web", self.mount), json!({"data": {"key": "a key"}}));
        self.write(
            "legacy-server",
            "#!/bin/sh\necho \"$2 $DB_USER $DB_PASSWORD $EXTRA\"\n[ -z \"$TLS_KEY\" ] || cat \"$TLS_KEY\"\n",
        );
        fs::set_permissions(self.folder.join("legacy-server"), fs::Permissions::from_mode(0o755)).unwrap();
        self.write("server.env", "EXTRA=vault://web#key\n");
        self.write("server.conf.in", "password = {{ vault://db#password }}\n");
        let printed = run(&mut self.script("hfsecret run ./legacy-server"));
        assert_eq!(printed, "8080 app a=b \n8443 app a=b a key\na key");
        assert_eq!(self.read("server.conf"), "password = a=b\n");
        let written = fs::metadata(self.folder.join("server.conf")).unwrap().permissions().mode();
        assert_eq!(written & 0o777, 0o400);
    }

    /// The secret of [`Page::all_fields`] gets two versions more, which are deleted.
    fn versions_and_rotation(&self) {
        let api = self.server.api();
        for password in ["second", "third"] {
            api.post(&format!("{}/data/db", self.mount), json!({"data": {"password": password}}));
        }
        api.post(&format!("{}/delete/db", self.mount), json!({"versions": [2, 3]}));
        let set_password = "set -eu; set_password() { cat > new-password; }";
        let printed = run(&mut self.script_between(set_password, "rotate vault://db#password", ""));
        let states: Vec<&str> = printed.lines().map(|line| line.split('\t').nth(1).unwrap()).collect();
        assert_eq!(states.iter().filter(|state| **state == "deleted").count(), 2, "{printed}");
        let rotated = self.read("new-password");
        assert_eq!(rotated.trim_end().len(), 32);
        let stored = self.server.read_raw(&self.mount, "db").unwrap();
        assert_eq!(stored["data"]["password"], rotated.trim_end());
    }

    fn requests(&self) {
        let api = self.server.api();
        api.post("sys/mounts/transit", json!({"type": "transit"}));
        api.post("sys/mounts/pki", json!({"type": "pki"}));
        api.post("pki/root/generate/internal", json!({"common_name": "root"}));
        api.post("pki/roles/web", json!({"allowed_domains": "example.com", "allow_subdomains": true, "ttl": "1h"}));
        api.post("transit/keys/app", json!({}));
        api.post("secret/data/any", json!({"data": {"value": "1"}}));
        let printed = run(&mut self.script("request POST pki/issue/web"));
        assert!(printed.contains("BEGIN CERTIFICATE") && printed.contains("any"), "{printed}");
        assert_eq!(api.get("transit/keys/app")["data"]["latest_version"], 2);
    }

    /// The engine is that of [`Page::requests`].
    fn certificates(&self) {
        run(&mut self.script("lease pki/issue/web"));
        let printed = self.read("web.json");
        assert!(printed.contains("\"lease_id\"") && printed.contains("BEGIN CERTIFICATE"), "{printed}");
    }

    /// The engine is that of [`Page::requests`].
    fn transit(&self) {
        let api = self.server.api();
        api.post("transit/keys/releases", json!({"type": "ed25519"}));
        api.post("transit/keys/customers", json!({}));
        let ciphertext = api.post("transit/encrypt/customers", json!({"plaintext": "QUxJQ0U="}));
        self.write("column.txt", &format!("{}\n", ciphertext["data"]["ciphertext"].as_str().unwrap()));
        api.post("transit/keys/customers/rotate", json!({}));
        self.write("release.tar", "a release");
        let script = &mut self.script_between("set -eu", "encrypt customers", "echo \"$ciphertext $card\"");
        let printed = run(script.env("card", "4111 1111"));
        assert!(printed.contains("\nvault:v2:") && printed.ends_with(" 4111 1111\n"), "{printed}");
        assert!(self.read("column.txt").starts_with("vault:v2:"));
    }

    fn files(&self) {
        let api = self.server.api();
        api.post("transit/keys/backups", json!({}));
        fs::create_dir(self.folder.join("data")).unwrap();
        self.write("data/file", &"some data ".repeat(100_000));
        run(&mut self.script("encrypt backups"));
        let sealed = fs::read(self.folder.join("data.tar.sealed")).unwrap();
        assert!(sealed.starts_with(b"HFE\x01"));
        assert!(self.read("data.tar").contains("some data some data"));
    }

    fn missing_secret(&self) {
        let mut script = self.script("no password stored yet");
        let output = script.env("reference", "vault://no_such").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "no password stored yet\n");
    }

    fn migration(&self) {
        run(self.script("migrate --dry-run").env("HANDSFREE_SECRET_A_KEY", "value"));
        assert_eq!(self.read("references.tsv"), "env://HANDSFREE_SECRET_A_KEY\tvault://a_key\tstored\n");
    }
}

#[test]
fn the_scripts_of_the_shell_page_work() {
    let page = Page::new();
    page.compile();
    let parts = [
        Page::first_program,
        Page::all_fields,
        Page::programs_that_cannot_be_changed,
        Page::versions_and_rotation,
        Page::requests,
        Page::certificates,
        Page::transit,
        Page::files,
        Page::missing_secret,
        Page::migration,
    ];
    assert_eq!(page.scripts.len(), 1 + parts.len(), "one part for each script, and the compilation");
    parts.iter().for_each(|part| part(&page));
}
