//! A real PostgreSQL server, and the database engine of a Vault server in front of it.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::api::Api;
use crate::ports::free_ports;
use crate::process::BoundChild;
use crate::wait::eventually;

const ADMIN: &str = "postgres";
const PASSWORD: &str = "admin-of-the-test";

/// A running PostgreSQL server. It ends when this is dropped.
pub struct Postgres {
    port: u16,
    _folder: TempDir,
    process: BoundChild,
}

impl Postgres {
    /// Starts a server on a free port of the loopback interface.
    pub fn start() -> Postgres {
        let folder = TempDir::new().expect("a folder");
        let (data, password) = (folder.path().join("data"), folder.path().join("password"));
        std::fs::write(&password, PASSWORD).expect("the file of the password");
        let user = unprivileged_user();
        if let Some((uid, gid)) = user {
            for path in [folder.path(), &password] {
                std::os::unix::fs::chown(path, Some(uid), Some(gid)).expect("the owner of the folder");
            }
        }
        let command = |name: &str| {
            let mut command = Command::new(programs().join(name));
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir(folder.path());
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command
        };
        let made = command("initdb")
            .args(["-A", "scram-sha-256", "-U", ADMIN, "--no-sync", "--pwfile"])
            .arg(&password)
            .arg("-D")
            .arg(&data)
            .status();
        assert!(made.expect("initdb; install postgresql").success(), "initdb failed");
        let [port] = free_ports();
        let mut server = command("postgres");
        server.arg("-D").arg(&data).args([
            "-p",
            &port.to_string(),
            "-h",
            "127.0.0.1",
            "-F",
            "-c",
            "max_connections=200",
        ]);
        server.arg("-k").arg(folder.path());
        let process = BoundChild::spawn_ended_by(server, libc::SIGINT).expect("the database server");
        let postgres = Postgres { port, _folder: folder, process };
        eventually("PostgreSQL", Duration::from_secs(30), || postgres.query("SELECT 1").ok());
        postgres
    }

    /// Where it is, as libpq takes it, without a user.
    pub fn connection(&self) -> String {
        format!("host=127.0.0.1 port={} dbname=postgres sslmode=disable", self.port)
    }

    /// The first column of the first row, asked by the administrator.
    pub fn query(&self, text: &str) -> Result<String, String> {
        self.query_as(ADMIN, PASSWORD, text)
    }

    /// Logs in as this user, and asks. The error is that of the server.
    pub fn query_as(&self, user: &str, password: &str, text: &str) -> Result<String, String> {
        let where_to = format!("{} user={user}", self.connection());
        let output = Command::new("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &where_to, "-c", text])
            .env("PGPASSWORD", password)
            .output()
            .expect("psql; install postgresql-client");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// How many users there are whose name says that the role `role` made them.
    pub fn users_of(&self, role: &str) -> usize {
        let query = format!("SELECT count(*) FROM pg_roles WHERE rolname LIKE '%-{role}-%'");
        self.query(&query).expect("the count of users").parse().expect("a number")
    }

    /// Mounts a database engine at `mount`, with this server as `pg`.
    pub fn mount(&self, api: &Api, mount: &str) {
        api.post(&format!("sys/mounts/{mount}"), json!({"type": "database"}));
        let url =
            format!("postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}/postgres?sslmode=disable", self.port);
        let config = json!({
            "plugin_name": "postgresql-database-plugin", "connection_url": url, "allowed_roles": "*",
            "username": ADMIN, "password": PASSWORD, "password_authentication": "scram-sha-256",
        });
        api.post(&format!("{mount}/config/pg"), config);
    }

    /// Makes a role of dynamic users at `mount`, which live for `default_ttl` and `max_ttl` at the most.
    pub fn role(&self, api: &Api, mount: &str, role: &str, default_ttl: &str, max_ttl: &str) {
        let make = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';";
        // The server's own statements change rows that all users share, at which two revocations at once may fail.
        let end = "DROP ROLE IF EXISTS \"{{name}}\";";
        let body = json!({
            "db_name": "pg", "creation_statements": [make], "revocation_statements": [end],
            "default_ttl": default_ttl, "max_ttl": max_ttl,
        });
        api.post(&format!("{mount}/roles/{role}"), body);
    }

    /// Makes a static role, whose password is rotated after each `period`.
    pub fn static_role(&self, api: &Api, mount: &str, role: &str, period: &str) {
        self.query(&format!("CREATE ROLE \"{role}\" WITH LOGIN PASSWORD 'first'")).expect("a user");
        let body = json!({
            "db_name": "pg", "username": role, "rotation_period": period,
            "rotation_statements": ["ALTER USER \"{{name}}\" WITH PASSWORD '{{password}}';"],
        });
        api.post(&format!("{mount}/static-roles/{role}"), body);
    }
}

/// A server that is killed leaves its shared memory behind.
impl Drop for Postgres {
    fn drop(&mut self) {
        if self.process.is_ours() {
            self.process.end_by(libc::SIGINT);
        }
    }
}

/// The folder of the newest version's programs, which Debian keeps out of the path.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL; install postgresql");
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.flatten().map(|entry| entry.path()).max_by_key(number);
    newest.expect("a version of PostgreSQL").join("bin")
}

/// PostgreSQL refuses to run as root: then the ids of its own user, which the package makes.
fn unprivileged_user() -> Option<(u32, u32)> {
    // SAFETY: the call has no preconditions.
    let is_root = unsafe { libc::geteuid() } == 0;
    let id = |option: &str| {
        let output = Command::new("id").args([option, "postgres"]).output().expect("id");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("the user postgres; install postgresql")
    };
    is_root.then(|| (id("-u"), id("-g")))
}
