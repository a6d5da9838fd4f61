use std::ffi::{CStr, CString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ::log::{Level, LevelFilter};
use handsfree_secrets_test_support::Tls;
use tempfile::TempDir;

use super::*;
use crate::call::Call;
use crate::config::{Named, Roots};
use crate::observe::log::LogSink;

#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl LogSink for Warnings {
    fn log(&self, level: Level, message: &CStr) {
        if level == Level::Warn {
            self.0.lock().unwrap().push(message.to_str().unwrap().to_owned());
        }
    }
}

/// A folder with the files `ca`, `cert` and `key`, and who reads them.
struct Case {
    folder: TempDir,
    warnings: Arc<Warnings>,
    reloader: Reloader,
}

impl Case {
    fn new(tls: &Tls, roots: impl Fn(&Path) -> Roots) -> Case {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(tls.ca_file(), folder.path().join("ca")).unwrap();
        let client = tls.client("web");
        fs::copy(client.certificate, folder.path().join("cert")).unwrap();
        fs::copy(client.key, folder.path().join("key")).unwrap();
        let named = |name: &str, variable| Named { value: folder.path().join(name), variable };
        let identity =
            ClientIdentity { certificate: named("cert", "VAULT_CLIENT_CERT"), key: named("key", "VAULT_CLIENT_KEY") };
        let settings =
            TlsConfig { roots: roots(folder.path()), identity: Some(identity), server_name: None, skip_verify: false };
        let warnings = Arc::new(Warnings::default());
        let logger = Logger::new(Some((warnings.clone(), LevelFilter::Warn)), LevelFilter::Off);
        let reloader = Reloader::new(&settings, logger, &deadline()).unwrap();
        Case { folder, warnings, reloader }
    }

    fn with_ca_file(tls: &Tls) -> Case {
        Case::new(tls, |folder| Roots::File(Named { value: folder.join("ca"), variable: "VAULT_CACERT" }))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces the file `name`, atomically.
    fn replace(&self, name: &str, text: impl AsRef<[u8]>) {
        let new = self.path("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    /// What a connection is made with so many milliseconds after the beginning.
    fn after(&self, milliseconds: u64) -> Arc<Loaded> {
        self.reloader.current(self.reloader.opened + Duration::from_millis(milliseconds), &deadline())
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.0.lock().unwrap().clone()
    }
}

fn deadline() -> Deadline {
    Call::default().start(Duration::from_secs(60))
}

#[test]
fn files_are_looked_at_once_a_second() {
    let case = Case::with_ca_file(&Tls::new());
    case.replace("ca", Tls::new().ca_pem());
    assert_eq!(case.after(999).number, 0);
    assert_eq!(case.after(1000).number, 1);
    assert_eq!(case.reloader.number(), 1);
    case.replace("ca", Tls::new().ca_pem());
    assert_eq!(case.after(1999).number, 1);
    assert_eq!(case.after(2000).number, 2);
}

#[test]
fn after_a_failure_files_are_looked_at_at_once_and_by_one_of_those_who_failed() {
    let case = Case::with_ca_file(&Tls::new());
    assert!(case.reloader.successor(0, &deadline()).is_none());
    case.replace("ca", Tls::new().ca_pem());
    assert_eq!(case.reloader.successor(0, &deadline()).unwrap().number, 1);
    // Another one who failed with the old ones, too.
    case.replace("ca", Tls::new().ca_pem());
    assert_eq!(case.reloader.successor(0, &deadline()).unwrap().number, 1);
    assert_eq!(case.reloader.successor(1, &deadline()).unwrap().number, 2);
    assert!(case.reloader.successor(2, &deadline()).is_none());
}

#[test]
fn other_trust_and_another_identity_have_tickets_of_their_own() {
    let (tls, case) = (Tls::new(), Case::with_ca_file(&Tls::new()));
    let first = case.after(0);
    case.replace("ca", tls.ca_pem());
    let second = case.after(1000);
    assert!(!Arc::ptr_eq(&first.sessions, &second.sessions) && !Arc::ptr_eq(&first.config, &second.config));
    let renewed = tls.client("web");
    case.replace("cert", fs::read(renewed.certificate).unwrap());
    case.replace("key", fs::read(renewed.key).unwrap());
    let third = case.after(2000);
    assert_eq!(third.number, 2);
    assert!(!Arc::ptr_eq(&second.sessions, &third.sessions));
}

#[test]
fn files_that_say_the_same_as_before_change_nothing() {
    let tls = Tls::new();
    let case = Case::with_ca_file(&tls);
    let first = case.after(0);
    case.replace("ca", format!("# Here it is:\n{}", tls.ca_pem()));
    case.replace("key", fs::read(case.path("key")).unwrap());
    assert!(Arc::ptr_eq(&first, &case.after(1000)));
    assert!(case.reloader.successor(0, &deadline()).is_none());
    assert!(case.warnings().is_empty());
}

#[test]
fn the_same_fault_is_reported_again_after_the_files_were_valid() {
    let tls = Tls::new();
    let case = Case::with_ca_file(&tls);
    for round in 0..2 {
        fs::remove_file(case.path("ca")).unwrap();
        for second in 1..3 {
            case.after(round * 4000 + second * 1000);
        }
        assert_eq!(case.warnings().len() as u64, round + 1, "{:?}", case.warnings());
        case.replace("ca", tls.ca_pem());
        case.after(round * 4000 + 3000);
    }
}

#[test]
fn a_pair_that_is_half_written_keeps_the_old_one_and_is_warned_about_once() {
    let tls = Tls::new();
    let case = Case::with_ca_file(&tls);
    let renewed = tls.client("other");
    let key = fs::read(&renewed.key).unwrap();
    case.replace("cert", fs::read(&renewed.certificate).unwrap());
    for second in 1..4 {
        assert_eq!(case.after(second * 1000).number, 0);
    }
    let warnings = case.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("VAULT_CLIENT_CERT and VAULT_CLIENT_KEY do not fit together"), "{warnings:?}");
    assert!(warnings[0].ends_with("; the previous contents stay in use"), "{warnings:?}");

    case.replace("key", &key[..key.len() / 2]);
    for second in 4..7 {
        assert_eq!(case.after(second * 1000).number, 0);
    }
    fs::remove_file(case.path("key")).unwrap();
    assert_eq!(case.after(7000).number, 0);
    assert_eq!(case.warnings().len(), 3, "{:?}", case.warnings());
    // A fault in one file does not prevent the other from being used.
    case.replace("ca", Tls::new().ca_pem());
    assert_eq!(case.after(8000).number, 1);

    case.replace("key", key);
    assert_eq!(case.after(9000).number, 2);
    assert_eq!(case.warnings().len(), 3, "{:?}", case.warnings());
}

#[test]
fn a_ca_file_that_is_cut_off_empty_or_gone_keeps_the_old_trust() {
    let case = Case::with_ca_file(&Tls::new());
    let pem = Tls::new().ca_pem();
    case.replace("ca", &pem[..pem.len() / 2]);
    assert_eq!(case.after(1000).number, 0);
    case.replace("ca", "");
    assert_eq!(case.after(2000).number, 0);
    fs::remove_file(case.path("ca")).unwrap();
    assert_eq!(case.after(3000).number, 0);
    let warnings = case.warnings();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings.iter().all(|warning| warning.starts_with("VAULT_CACERT: ")), "{warnings:?}");
    case.replace("ca", pem);
    assert_eq!(case.after(4000).number, 1);
}

#[test]
fn every_kind_of_place_is_followed() {
    let named = |value: &Path, variable| Named { value: value.to_owned(), variable };
    let kinds: [&dyn Fn(&Path) -> Roots; 4] = [
        &|folder| Roots::File(named(&folder.join("ca"), "VAULT_CACERT")),
        &|folder| Roots::Directory(named(folder, "VAULT_CAPATH")),
        &|folder| Roots::System { file: Some(folder.join("ca")), directory: None },
        &|folder| Roots::System { file: None, directory: Some(folder.to_owned()) },
    ];
    for kind in kinds {
        let case = Case::new(&Tls::new(), kind);
        case.replace("ca", Tls::new().ca_pem());
        assert_eq!(case.after(1000).number, 1, "{:?}", kind(Path::new("/")));
    }
    let case = Case::new(&Tls::new(), |folder| Roots::Directory(named(folder, "VAULT_CAPATH")));
    case.replace("another", Tls::new().ca_pem());
    assert_eq!(case.after(1000).number, 1);
    fs::remove_file(case.path("another")).unwrap();
    assert_eq!(case.after(2000).number, 2);
}

#[test]
fn a_link_that_leads_to_another_folder_is_a_change() {
    let (old, new) = (Tls::new(), Tls::new());
    let case = Case::new(&old, |folder| {
        std::os::unix::fs::symlink(old.folder(), folder.join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/ca.pem", folder.join("ca.pem")).unwrap();
        Roots::File(Named { value: folder.join("ca.pem"), variable: "VAULT_CACERT" })
    });
    std::os::unix::fs::symlink(new.folder(), case.path("..data_tmp")).unwrap();
    fs::rename(case.path("..data_tmp"), case.path("..data")).unwrap();
    assert_eq!(case.after(1000).number, 1);
}

#[test]
fn what_is_no_regular_file_is_read_once() {
    let tls = Tls::new();
    let fifo = |folder: &Path| {
        let path = folder.join("fifo");
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: a string that ends in NUL.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        path
    };
    let case = Case::new(&tls, |folder| {
        let path = fifo(folder);
        let (pem, writer) = (tls.ca_pem(), path.clone());
        std::thread::spawn(move || fs::write(writer, pem).unwrap());
        Roots::File(Named { value: path, variable: "VAULT_CACERT" })
    });
    assert_eq!(case.after(1000).number, 0);
    assert!(case.warnings().is_empty(), "{:?}", case.warnings());

    // One that comes in place of a file holds nothing up.
    let case = Case::with_ca_file(&tls);
    fs::rename(fifo(case.folder.path()), case.path("ca")).unwrap();
    assert_eq!(case.after(1000).number, 0);
    assert!(case.warnings()[0].contains("it is not a regular file"), "{:?}", case.warnings());
}

#[test]
fn sessions_end_with_the_first_certificate_that_proved_a_server() {
    let case = Case::with_ca_file(&Tls::new());
    let first = case.after(0);
    first.sessions.note_proof(UnixTime::now().as_secs() + 1000);
    assert!(Arc::ptr_eq(&first, &case.after(1)));
    first.sessions.note_proof(UnixTime::now().as_secs() - 1);
    first.sessions.note_proof(UnixTime::now().as_secs() + 1000);
    let second = case.after(2);
    assert!(!Arc::ptr_eq(&first.config, &second.config));
    // The connections are as good as before.
    assert_eq!(second.number, 0);
    assert!(Arc::ptr_eq(&second, &case.after(3)));
}

#[test]
fn while_another_thread_looks_nobody_waits() {
    let case = Case::with_ca_file(&Tls::new());
    case.replace("ca", Tls::new().ca_pem());
    let looking = case.reloader.lock.try_lock().unwrap();
    assert_eq!(case.after(1000).number, 0);
    drop(looking);
    assert_eq!(case.after(1000).number, 1);
}
