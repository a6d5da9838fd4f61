//! A panic hook that keeps panics inside the library from being printed.
//!
//! Rust prints the message of a panic in a process-wide hook. The shared library has its own Rust runtime and so its
//! own hook. A Rust program that links this crate shares the runtime and the hook with it. So the hook, which only a
//! call through the C interface installs, forwards all panics outside the library to the previous hook.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};

// Neither has a destructor: a library that can be unloaded must not register thread-local destructors.
thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static PLACE: Cell<Option<Place>> = const { Cell::new(None) };
}

/// Not a `Once`: a child forked while another thread is inside `call_once` would wait forever.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// While it exists, a panic of this thread counts as one inside the library. Every thread that the library starts needs
/// its own.
pub(crate) struct InsideLibrary {
    /// It belongs to the thread that created it.
    _not_send: PhantomData<*const ()>,
}

impl InsideLibrary {
    pub(crate) fn enter() -> InsideLibrary {
        DEPTH.set(DEPTH.get().saturating_add(1));
        InsideLibrary { _not_send: PhantomData }
    }
}

impl Drop for InsideLibrary {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

/// Installs the hook on the first call.
pub(crate) fn install() {
    if INSTALLED.load(Ordering::Relaxed) || INSTALLED.swap(true, Ordering::Relaxed) {
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if DEPTH.get() > 0 {
            PLACE.set(Place::of(info));
        } else {
            previous(info);
        }
    }));
}

/// The place of the last panic of this thread inside the library, such as ` at kv.rs:120`; empty if it is not known.
pub(crate) fn last_place() -> String {
    let Some(place) = PLACE.take() else { return String::new() };
    let file = place.file.get(..place.length).unwrap_or_default();
    format!(" at {}:{}", String::from_utf8_lossy(file), place.line)
}

/// The file name and line of a panic, stored without allocation.
#[derive(Clone, Copy)]
struct Place {
    file: [u8; Place::ROOM],
    length: usize,
    line: u32,
}

impl Place {
    const ROOM: usize = 40;

    fn of(info: &PanicHookInfo<'_>) -> Option<Place> {
        let location = info.location()?;
        let name = location.file().rsplit(['/', '\\']).next()?;
        let mut file = [0; Place::ROOM];
        file.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        Some(Place { file, length: name.len().min(Place::ROOM), line: location.line() })
    }
}
