//! A panic inside the library prints nothing.
//!
//! Rust prints a panic's message through a hook of the process. The shared library has a Rust runtime of its own, so
//! its hook is nobody else's. A Rust program that links this crate shares the runtime with it: there the hook, which
//! only a call through the C surface installs, passes every panic on that does not happen inside of the library.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};

// Neither has a destructor: a library that may be unloaded must not register any with the thread.
thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static PLACE: Cell<Option<Place>> = const { Cell::new(None) };
}

/// Not a `Once`: a process forked while another thread is inside of one waits for it for ever.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// While it lives, a panic of this thread is one inside the library. Every thread that the library starts needs one of
/// its own.
pub(crate) struct InsideLibrary {
    /// It counts for the thread that made it.
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

/// Installs the hook, the first time that it is called.
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

/// ` at kv.rs:120` for the last panic of this thread inside the library, empty if that is not known.
pub(crate) fn last_place() -> String {
    let Some(place) = PLACE.take() else { return String::new() };
    let file = place.file.get(..place.length).unwrap_or_default();
    format!(" at {}:{}", String::from_utf8_lossy(file), place.line)
}

/// Where a panic happened: the file's name and the line, in a form that needs no memory.
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
