//! Envelopes from one descriptor to another: constant memory, and time. tests/c/envelope.c has pipes and signals.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::fields::Fields;
use serde_json::json;

use crate::envelope::sample;
use crate::managers::fails;
use crate::transit::{call, engine};

/// The memory that the process has in use at its peak, in kilobytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_transfer_begins_at_the_offsets_of_the_descriptors() {
    let engine = engine();
    let key = Arc::new(engine.create("k", json!({})));
    let [mut plain, mut sealed, mut opened] = [(); 3].map(|()| tempfile::tempfile().unwrap());
    plain.write_all(b"skipped").unwrap();
    plain.write_all(&sample(500_000)).unwrap();
    plain.seek(SeekFrom::Start(7)).unwrap();
    sealed.write_all(b"before").unwrap();
    let none = Fields::default();
    key.clone().encrypt_descriptor(plain.as_raw_fd(), sealed.as_raw_fd(), &none, &call()).unwrap();
    sealed.seek(SeekFrom::Start(6)).unwrap();
    key.clone().decrypt_descriptor(sealed.as_raw_fd(), opened.as_raw_fd(), &none, &call()).unwrap();
    let mut data = Vec::new();
    opened.seek(SeekFrom::Start(0)).unwrap();
    opened.read_to_end(&mut data).unwrap();
    assert!(data == sample(500_000));

    // An envelope without its end: what was written is authentic.
    let length = sealed.metadata().unwrap().len();
    sealed.set_len(length - 1).unwrap();
    sealed.seek(SeekFrom::Start(6)).unwrap();
    let mut part = tempfile::tempfile().unwrap();
    fails(key.decrypt_descriptor(sealed.as_raw_fd(), part.as_raw_fd(), &none, &call()), Status::InvalidArgument);
    data.clear();
    part.seek(SeekFrom::Start(0)).unwrap();
    part.read_to_end(&mut data).unwrap();
    assert!(data.len() > 400_000 && sample(500_000).starts_with(&data));
}

#[test]
fn a_long_transfer_takes_constant_memory_and_obeys_the_time_of_its_call() {
    let engine = engine();
    let key = Arc::new(engine.create("k", json!({})));
    let (endless, nowhere) = (File::open("/dev/zero").unwrap(), File::create("/dev/null").unwrap());
    let mut limited = Call::default();
    limited.set_timeout(Duration::from_millis(500));
    let transfer = |call: &Call| {
        key.clone().encrypt_descriptor(endless.as_raw_fd(), nowhere.as_raw_fd(), &Fields::default(), call)
    };
    fails(transfer(&limited), Status::Timeout);
    let before = peak_memory();
    let error = fails(transfer(&limited), Status::Timeout);
    assert!(error.message().starts_with("Failed to encrypt"), "{error}");
    // Tests that run beside this one take memory, too; half a second of buffered data would be hundreds of megabytes. The
    // kernel's peak is not exact, and may be lower later.
    let grown = peak_memory().saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} kB");
    let (call, canceller) = Call::cancellable();
    canceller.cancel();
    fails(transfer(&call), Status::Cancelled);
}
