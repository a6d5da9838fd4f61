//! Where log lines go: a manager's callback, else the process-wide callback, else standard error if
//! `VAULT_LOG_LEVEL` asks; and always to the `log` crate, for programs written in Rust, but for those of level trace:
//! that crate is built without it, since others would show it the bytes of requests there.
//!
//! No lock is held while a callback runs, so a callback may call back into the library, and may replace itself.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::fmt::{self, Write as _};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use log::{Level, LevelFilter};

use super::stderr;

/// The target of our records in the `log` crate, and the first word of a line on standard error.
const TARGET: &str = "handsfree_secrets";

/// Receives log lines, on any thread, several at once. No line holds a secret.
pub trait LogSink: Send + Sync {
    /// One line, without a newline at its end.
    fn log(&self, level: Level, message: &CStr);
}

/// A sink, and the most talkative level that it wants.
type LimitedSink = (Arc<dyn LogSink>, LevelFilter);

/// The process-wide sink, behind every manager that has none of its own.
static GLOBAL_SINK: ArcSwapOption<LimitedSink> = ArcSwapOption::const_empty();

/// The most talkative level that a process-wide sink has ever wanted: for most lines a look at it is all they cost. It
/// never goes back, so that two threads that set sinks at the same time cannot leave that of the one with the other.
static GLOBAL_LOUDEST: AtomicUsize = AtomicUsize::new(LevelFilter::Off as usize);

/// Sets or removes (`None`) the process-wide sink. The old one is dropped once the last call into it has returned,
/// which may be on another thread and later than this.
pub fn set_global_sink(sink: Option<(Arc<dyn LogSink>, LevelFilter)>) {
    let level = sink.as_ref().map_or(LevelFilter::Off, |&(_, level)| level);
    GLOBAL_LOUDEST.fetch_max(level as usize, Ordering::Relaxed);
    GLOBAL_SINK.store(sink.map(Arc::new));
}

/// Writes the log lines of one manager. Cheap to clone; usable from any thread.
#[derive(Clone)]
pub struct Logger {
    sink: Option<LimitedSink>,
    stderr: LevelFilter,
}

/// Who hears a line.
enum Receiver {
    Sink(Arc<dyn LogSink>),
    Stderr,
    Nobody,
}

impl Logger {
    /// A logger for a manager whose own sink is `sink`, and whose `VAULT_LOG_LEVEL` is `stderr`.
    pub fn new(sink: Option<(Arc<dyn LogSink>, LevelFilter)>, stderr: LevelFilter) -> Self {
        Logger { sink, stderr }
    }

    /// Something failed that the caller is told of, too.
    pub fn error(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Error, message);
    }

    /// Something that somebody should look at.
    pub fn warn(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Warn, message);
    }

    /// A change of state: a login, another node.
    pub fn info(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Info, message);
    }

    /// What a request did.
    pub fn debug(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Debug, message);
    }

    /// Every step.
    pub fn trace(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Trace, message);
    }

    /// Whether anybody would hear a line of this level: for lines that cost something to make.
    pub fn enabled(&self, level: Level) -> bool {
        self.may_be_heard(level)
            && (log::log_enabled!(target: TARGET, level) || !matches!(self.receiver(level), Receiver::Nobody))
    }

    /// Nothing is formatted unless somebody wants the line.
    fn write(&self, level: Level, message: fmt::Arguments<'_>) {
        if self.may_be_heard(level) {
            self.write_to_whom_it_concerns(level, message);
        }
    }

    /// Whether a look at who listens is worth its while.
    fn may_be_heard(&self, level: Level) -> bool {
        let own = self.sink.as_ref().map_or(self.stderr, |&(_, limit)| limit);
        let global = GLOBAL_LOUDEST.load(Ordering::Relaxed);
        level <= own || level as usize <= global || level <= log::max_level()
    }

    fn write_to_whom_it_concerns(&self, level: Level, message: fmt::Arguments<'_>) {
        let receiver = self.receiver(level);
        let nobody = matches!(receiver, Receiver::Nobody);
        if nobody && !log::log_enabled!(target: TARGET, level) {
            return;
        }
        let line = Line { receiver, level, text: one_line(message) };
        if let Some(line) = line.unless_held_back() {
            line.deliver();
        }
    }

    /// The first that is set decides, also when it does not want this level.
    fn receiver(&self, level: Level) -> Receiver {
        let of_sink = |(sink, limit): &LimitedSink| {
            if level <= *limit { Receiver::Sink(Arc::clone(sink)) } else { Receiver::Nobody }
        };
        if let Some(own) = &self.sink {
            return of_sink(own);
        }
        if let Some(global) = GLOBAL_SINK.load_full() {
            return of_sink(&global);
        }
        if level <= self.stderr { Receiver::Stderr } else { Receiver::Nobody }
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").field("has_sink", &self.sink.is_some()).field("stderr", &self.stderr).finish()
    }
}

/// A line on its way.
struct Line {
    receiver: Receiver,
    level: Level,
    text: String,
}

impl Line {
    fn deliver(self) {
        let Line { receiver, level, text } = self;
        log::log!(target: TARGET, level, "{text}");
        match receiver {
            // A line has no NUL: it was escaped.
            Receiver::Sink(sink) => sink.log(level, &CString::new(text).unwrap_or_default()),
            Receiver::Stderr => stderr::write_line(TARGET, format_args!("{level} {text}")),
            Receiver::Nobody => {}
        }
    }

    /// The line, unless this thread keeps its lines for later.
    fn unless_held_back(self) -> Option<Line> {
        match HELD_BACK.take() {
            None => Some(self),
            Some(mut lines) => {
                lines.push(self);
                HELD_BACK.set(Some(lines));
                None
            }
        }
    }
}

// Without a destructor: a library that may be unloaded must not register any with the thread.
thread_local! {
    static HELD_BACK: Cell<Option<ManuallyDrop<Vec<Line>>>> = const { Cell::new(None) };
}

/// Keeps the lines of this thread until the guard is dropped. Whoever takes a lock of the library takes this first, so
/// that the lock is given back before a callback hears of it: a callback may call the library.
pub fn hold_back() -> HeldBack {
    let outermost = match HELD_BACK.take() {
        None => {
            HELD_BACK.set(Some(ManuallyDrop::new(Vec::new())));
            true
        }
        held => {
            HELD_BACK.set(held);
            false
        }
    };
    HeldBack { outermost, _not_send: PhantomData }
}

/// Delivers what was kept, when the outermost of them is dropped.
pub struct HeldBack {
    outermost: bool,
    /// The lines are those of the thread that made it.
    _not_send: PhantomData<*const ()>,
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        if !self.outermost {
            return;
        }
        let lines = HELD_BACK.take().map(ManuallyDrop::into_inner);
        lines.into_iter().flatten().for_each(Line::deliver);
    }
}

/// The message with its control characters and line separators escaped: a path or a server's text cannot end the line
/// and forge another, move a terminal's cursor, or cut the line short for C.
fn one_line(message: fmt::Arguments<'_>) -> String {
    struct Escaped(String);

    impl fmt::Write for Escaped {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for character in text.chars() {
                if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
                    self.0.extend(character.escape_default());
                } else {
                    self.0.push(character);
                }
            }
            Ok(())
        }
    }

    let mut line = Escaped(String::new());
    // Fails only where a Display implementation does; what came before it is worth logging all the same.
    let _ = line.write_fmt(message);
    line.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl LogSink for Lines {
        fn log(&self, level: Level, message: &CStr) {
            self.0.lock().unwrap().push(format!("{level} {}", message.to_str().unwrap()));
        }
    }

    impl Lines {
        fn taken(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    /// Panics when it is formatted.
    struct Costly;

    impl fmt::Display for Costly {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("formatted, though nobody listens")
        }
    }

    #[test]
    fn a_managers_sink_comes_before_the_process_wide_one() {
        let own = Arc::new(Lines::default());
        let global = Arc::new(Lines::default());
        let with_own = Logger::new(Some((own.clone(), LevelFilter::Warn)), LevelFilter::Trace);
        let without = Logger::new(None, LevelFilter::Off);

        set_global_sink(Some((global.clone(), LevelFilter::Info)));
        with_own.warn(format_args!("one"));
        with_own.info(format_args!("{Costly}"));
        without.info(format_args!("two"));
        without.debug(format_args!("{Costly}"));
        set_global_sink(None);
        without.error(format_args!("{Costly}"));

        assert_eq!(own.taken(), ["WARN one"]);
        assert_eq!(global.taken(), ["INFO two"]);
        assert_eq!((Arc::strong_count(&global), Arc::strong_count(&own)), (1, 2), "a replaced sink is let go");
        assert!(with_own.enabled(Level::Warn) && !with_own.enabled(Level::Info) && !without.enabled(Level::Error));
    }

    #[test]
    fn lines_that_are_held_back_come_in_order_once_the_last_lock_is_given_back() {
        let own = Arc::new(Lines::default());
        let logger = Logger::new(Some((own.clone(), LevelFilter::Info)), LevelFilter::Off);
        let outer = hold_back();
        logger.warn(format_args!("one"));
        drop(hold_back());
        logger.info(format_args!("two"));
        assert_eq!(own.taken(), [""; 0]);
        drop(outer);
        assert_eq!(own.taken(), ["WARN one", "INFO two"]);
        logger.info(format_args!("three"));
        assert_eq!(own.taken(), ["INFO three"]);
    }

    #[test]
    fn a_line_cannot_be_forged_or_cut_short() {
        let own = Arc::new(Lines::default());
        let logger = Logger::new(Some((own.clone(), LevelFilter::Trace)), LevelFilter::Off);
        logger.warn(format_args!("path {}", "a\nhandsfree_secrets: ERROR b\0c\u{1b}[2J\u{85}\u{2028}ü\"\\"));
        let expected = r#"WARN path a\nhandsfree_secrets: ERROR b\u{0}c\u{1b}[2J\u{85}\u{2028}ü"\"#;
        assert_eq!(own.taken(), [expected]);
    }
}
