//! Tells whether the process is exiting.
//!
//! AWS-LC wipes the states of its random generator in a destructor, and ends the process with `SIGABRT` if a thread uses
//! the generator for the first time after that. Therefore other threads stop to use it when the exit handlers of the
//! process run, and the exiting thread stops after the destructors of this library.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::fork;

const RUNNING: u8 = 0;
/// The exit handlers run: those that were registered after the first use of the generator have run.
const EXITING: u8 = 1;
/// The destructors of this library have run.
const OVER: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(RUNNING);

/// Not a `Once`, see `fork.rs`. Handlers that two threads have registered do no harm.
static REGISTERED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread runs the exit handlers.
    static EXITS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread has to leave the generator alone. Ask in a section of `fork.rs`, and use the generator in the same.
pub fn is_near() -> bool {
    if !REGISTERED.load(Ordering::Acquire) {
        // SAFETY: the handler stays mapped (`-z nodelete`), and uses nothing that another handler may have destroyed.
        // It is registered at the first use and not when the library is loaded: handlers that constructors of libraries
        // register run after the destructors. Registration fails only if there is no memory; then the library goes on
        // without the handler.
        let _ = unsafe { libc::atexit(at_exit) };
        REGISTERED.store(true, Ordering::Release);
    }
    match STATE.load(Ordering::Acquire) {
        RUNNING => false,
        EXITING => !EXITS.get(),
        _ => true,
    }
}

extern "C" fn at_exit() {
    EXITS.set(true);
    fork::outside_sections(|| {
        STATE.fetch_max(EXITING, Ordering::Release);
    });
}

extern "C" fn after_exit() {
    STATE.store(OVER, Ordering::Release);
}

// SAFETY: the loader calls the functions of this section, in the exiting thread, with no arguments or with some that they
// do not read.
#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_term_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".fini_array"))]
static DESTRUCTOR: extern "C" fn() = after_exit;
