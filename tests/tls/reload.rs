//! Certificates that change on disk while a manager is open are read again.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Result, Status};
use handsfree_secrets::open;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Identity, Nginx, Relay, Server, Tls, TlsFront, eventually};
use log::LevelFilter;
use serde_json::json;

use crate::managers::{Warnings, get, mount_with_secret, open_at, options};
use crate::{server, text};

const LIMIT: Duration = Duration::from_secs(30);

/// Replaces `to` by a copy of `from`, atomically.
fn replace(from: &Path, to: &Path) {
    let new = to.with_extension("new");
    fs::copy(from, &new).unwrap();
    fs::rename(new, to).unwrap();
}

/// Ways to install a CA at the path that the settings name, and to replace it.
struct Delivery {
    setting: (&'static str, PathBuf),
    deliver: fn(&Path, &Tls),
}

fn by_rename(folder: &Path, tls: &Tls) {
    replace(&tls.ca_file(), &folder.join("ca.pem"));
}

/// As Kubernetes does: a link to a link to a folder, the second of which is replaced.
fn by_swapped_link(folder: &Path, tls: &Tls) {
    let stamped = folder.join(format!("..{}", fs::read_dir(folder).unwrap().count()));
    fs::create_dir(&stamped).unwrap();
    fs::copy(tls.ca_file(), stamped.join("ca.pem")).unwrap();
    symlink(stamped.file_name().unwrap(), folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    if !folder.join("ca.pem").is_symlink() {
        symlink("..data/ca.pem", folder.join("ca.pem")).unwrap();
    }
}

fn as_another_file(folder: &Path, tls: &Tls) {
    let name = format!("{}.pem", fs::read_dir(folder).unwrap().count());
    replace(&tls.ca_file(), &folder.join(name));
}

#[test]
fn a_ca_that_is_renewed_is_noticed_by_the_call_that_needs_it() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let (renamed, swapped, directory) = (folders[0].path(), folders[1].path(), folders[2].path());
    let deliveries = [
        Delivery { setting: ("VAULT_CACERT", renamed.join("ca.pem")), deliver: by_rename },
        Delivery { setting: ("VAULT_CACERT", swapped.join("ca.pem")), deliver: by_swapped_link },
        Delivery { setting: ("VAULT_CAPATH", directory.to_owned()), deliver: as_another_file },
    ];
    for (folder, Delivery { setting, deliver }) in folders.iter().zip(deliveries) {
        let (old, new) = (Tls::new(), Tls::new());
        // Two processes: the second has no TLS sessions of the first.
        let before = Nginx::start("before", Some(&old.server()));
        let after = Nginx::start("after", Some(&new.server()));
        let relay = Relay::to(before.port());
        deliver(folder.path(), &old);
        let address = format!("https://localhost:{}", relay.port());
        let settings = [(setting.0, text(&setting.1)), ("VAULT_TOKEN", "t"), ("VAULT_MAX_CONNECTION_AGE", "0")];
        let manager = open_at(Server::shared(), &address, "secret", &settings).unwrap();
        assert_eq!(get(&*manager).unwrap(), "before");
        relay.lead_to(after.port());
        let error = get(&*manager).unwrap_err();
        assert_eq!(error.status(), Status::Tls, "{error}");
        deliver(folder.path(), &new);
        assert_eq!(get(&*manager).unwrap(), "after", "{setting:?}");
    }
}

#[test]
fn connections_that_a_removed_ca_has_proved_are_not_used_again() {
    let (tls, stranger) = (Tls::new(), Tls::new());
    let server = server(&tls.server(), None, "");
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    replace(&tls.ca_file(), &ca);
    let manager = open_at(&server, &server.https_addr(0), "secret", &[("VAULT_CACERT", text(&ca))]).unwrap();
    assert_eq!(get(&*manager).unwrap(), "v");
    replace(&stranger.ca_file(), &ca);
    // Open connections are used further.
    assert_eq!(get(&*manager).unwrap(), "v");
    // New connections fail after the next check of the file.
    let due = SystemTime::now() + Duration::from_millis(1100);
    eventually("the next look", LIMIT, || (SystemTime::now() > due).then_some(()));
    let outcomes = manager.get_many(&["vault://a"; 64], &Call::default());
    assert_eq!(outcomes.into_iter().find_map(Result::err).unwrap().status(), Status::Tls);
    for _ in 0..3 {
        assert_eq!(get(&*manager).unwrap_err().status(), Status::Tls);
    }
    replace(&tls.ca_file(), &ca);
    assert_eq!(get(&*manager).unwrap(), "v");
}

#[test]
fn a_login_shows_the_client_certificate_that_was_renewed() {
    let (tls, next) = (Tls::new(), Tls::new());
    let identity = tls.server();
    let hcl = "tls_disable_client_certs = false";
    let server = Server::builder().audit().tls_with(&identity.certificate, &identity.key, None, hcl).start();
    server.write_raw("secret", "a", json!({"value": "v"}));
    let (auth, _) = server.auth_mount("cert");
    let policy = json!({"policy": Server::printed_policy("secret")});
    server.api().post("sys/policies/acl/reader", policy);
    let trust = |tls: &Tls| {
        let role = json!({"certificate": tls.ca_pem(), "token_policies": "reader"});
        server.api().post(&format!("auth/{auth}/certs/web"), role);
    };
    trust(&tls);
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert"), folder.path().join("key"));
    let show = |client: &Identity| {
        replace(&client.certificate, &certificate);
        replace(&client.key, &key);
    };
    show(&tls.client("web"));
    let ca = tls.ca_file();
    let settings = [
        ("VAULT_AUTH_METHOD", "cert"),
        ("VAULT_AUTH_MOUNT", auth.as_str()),
        ("VAULT_CACERT", text(&ca)),
        ("VAULT_CLIENT_CERT", text(&certificate)),
        ("VAULT_CLIENT_KEY", text(&key)),
    ];
    let address = server.https_addr(0);
    let manager = {
        let mut all = vec![("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", address.as_str())];
        all.extend_from_slice(&settings);
        open::open(Some(&options(&all).unwrap()), &Call::default()).unwrap().secrets().clone()
    };
    assert_eq!(get(&*manager).unwrap(), "v");

    // The idle connection was made with the old certificate, which the server does not accept any more.
    let revoke = || server.api().post(&format!("sys/leases/revoke-prefix/auth/{auth}"), json!({}));
    trust(&next);
    show(&next.client("web"));
    revoke();
    assert_eq!(get(&*manager).unwrap(), "v");

    // A failed login is remembered for a while, unless the certificate changes.
    trust(&tls);
    revoke();
    let error = get(&*manager).unwrap_err();
    assert_eq!(error.status(), Status::Auth, "{error}");
    show(&tls.client("web"));
    assert_eq!(get(&*manager).unwrap(), "v");
}

/// With TLS 1.3 a server refuses a client certificate instead of its first response, with TLS 1.2 in the handshake.
#[test]
fn a_client_certificate_that_has_ended_is_replaced_by_the_call_that_is_refused() {
    for version in ["tls12", "tls13"] {
        let tls = Tls::new();
        let hcl = format!("tls_min_version = \"{version}\"\n  tls_max_version = \"{version}\"");
        let ca = tls.ca_file();
        let server = server(&tls.server(), Some(&ca), &hcl);
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert"), folder.path().join("key"));
        let show = |client: &Identity| {
            replace(&client.certificate, &certificate);
            replace(&client.key, &key);
        };
        let settings = [
            ("VAULT_CACERT", text(&ca)),
            ("VAULT_CLIENT_CERT", text(&certificate)),
            ("VAULT_CLIENT_KEY", text(&key)),
            ("VAULT_MAX_CONNECTION_AGE", "0"),
        ];
        let (manager, end) = eventually("a manager with a certificate that is valid still", LIMIT, || {
            let end = SystemTime::now() + Duration::from_secs(3);
            show(&tls.client_until("web", end));
            Some((open_at(&server, &server.https_addr(0), "secret", &settings).ok()?, end))
        });
        eventually("the certificate's end", LIMIT, || (SystemTime::now() > end).then_some(()));
        let error = eventually("a refusal", LIMIT, || get(&*manager).err());
        assert_eq!(error.status(), Status::Tls, "{error}");
        show(&tls.client("web"));
        manager.store("b", "w", None, &Call::default()).unwrap_or_else(|e| panic!("{version}: {e}"));
        assert_eq!(get(&*manager).unwrap(), "v");
    }
}

#[test]
fn a_renewal_that_is_half_done_is_warned_about_once_and_fails_no_call() {
    let tls = Tls::new();
    let ca = tls.ca_file();
    let server = server(&tls.server(), Some(&ca), "");
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert"), folder.path().join("key"));
    let (client, next) = (tls.client("web"), tls.client("next"));
    replace(&client.certificate, &certificate);
    replace(&client.key, &key);
    let (address, warnings) = (server.https_addr(0), Arc::new(Warnings::default()));
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_TOKEN", server.root_token()),
        ("VAULT_CACERT", text(&ca)),
        ("VAULT_CLIENT_CERT", text(&certificate)),
        ("VAULT_CLIENT_KEY", text(&key)),
        ("VAULT_MAX_CONNECTION_AGE", "0"),
    ];
    let mut options = options(&settings).unwrap();
    options.set_log_sink(Some((warnings.clone(), LevelFilter::Trace)));
    let manager = open::open(Some(&options), &Call::default()).unwrap().secrets().clone();
    replace(&next.certificate, &certificate);
    let warned = || {
        assert_eq!(get(&*manager).unwrap(), "v");
        let all = warnings.so_far();
        (!all.is_empty()).then_some(all)
    };
    let all = eventually("a warning", LIMIT, warned);
    assert!(all[0].contains("VAULT_CLIENT_CERT and VAULT_CLIENT_KEY do not fit together"), "{all:?}");
    // The files are checked several times.
    let enough = SystemTime::now() + Duration::from_millis(2500);
    eventually("two more looks", LIMIT, || {
        assert_eq!(get(&*manager).unwrap(), "v");
        (SystemTime::now() > enough).then_some(())
    });
    assert_eq!(warnings.so_far().len(), 1, "{:?}", warnings.so_far());
}

/// A TLS front of a server, and a manager that makes a handshake for each call.
fn behind_front(identity: &Identity, tls13: bool, ca: &Path) -> Result<(TlsFront, Arc<dyn SecretManager>)> {
    let server = Server::shared();
    let front = TlsFront::to(server.port(), identity, tls13, None);
    let settings = [("VAULT_CACERT", text(ca)), ("VAULT_MAX_CONNECTION_AGE", "0")];
    let manager = open_at(server, &front.addr(), &mount_with_secret(server), &settings)?;
    Ok((front, manager))
}

/// Reads the secret, and returns whether that resumed a TLS session.
fn resumes(front: &TlsFront, manager: &dyn SecretManager) -> Result<bool> {
    assert_eq!(get(manager)?, "v");
    Ok(front.handshakes().last().unwrap().resumed)
}

#[test]
fn sessions_of_the_old_trust_are_not_resumed() {
    for tls13 in [true, false] {
        let tls = Tls::new();
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        replace(&tls.ca_file(), &ca);
        let (front, manager) = behind_front(&tls.server(), tls13, &ca).unwrap();
        let resumed = || resumes(&front, &*manager).unwrap();
        assert!(resumed() && resumed());
        let both = folder.path().join("both.pem");
        fs::write(&both, format!("{}{}", tls.ca_pem(), Tls::new().ca_pem())).unwrap();
        fs::rename(both, &ca).unwrap();
        eventually("a handshake in full", LIMIT, || (!resumed()).then_some(()));
        assert!(resumed() && resumed());
    }
}

#[test]
fn sessions_are_not_resumed_once_a_certificate_of_the_path_has_ended() {
    for (tls13, of_ca) in [(true, false), (false, false), (true, true)] {
        let (manager, end, _front) = eventually("a session before the end", LIMIT, || {
            let end = SystemTime::now() + Duration::from_secs(4);
            let tls = if of_ca { Tls::until(end) } else { Tls::new() };
            let identity = if of_ca { tls.server() } else { tls.server_until(end) };
            let (front, manager) = behind_front(&identity, tls13, &tls.ca_file()).ok()?;
            let resumed = resumes(&front, &*manager).ok()?;
            // The file of the CA is removed with its folder, which changes nothing.
            resumed.then_some((manager, end, front))
        });
        // Expiry times are whole seconds.
        let over = end + Duration::from_secs(1);
        eventually("the end", LIMIT, || (SystemTime::now() > over).then_some(()));
        let error = get(&*manager).unwrap_err();
        assert_eq!(error.status(), Status::Tls, "{error}");
        assert!(error.message().contains("has expired"), "{error}");
    }
}
