//! Routes log lines to the manager's callback, else to the process-wide callback, else to standard error at the level
//! of `VAULT_LOG_LEVEL`. For Rust programs all lines except those of level trace also go to the `log` crate, which is
//! built without that level because dependencies would log the bytes of requests there.
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

/// The target of records in the `log` crate, and the prefix of lines on standard error.
const TARGET: &str = "handsfree_secrets";

/// Receives log lines, on any thread and concurrently. No line holds a secret.
pub trait LogSink: Send + Sync {
    /// One line, without a newline at its end.
    fn log(&self, level: Level, message: &CStr);
}

/// A sink and its maximum level.
type LimitedSink = (Arc<dyn LogSink>, LevelFilter);

/// The process-wide sink, for managers without their own.
static GLOBAL_SINK: ArcSwapOption<LimitedSink> = ArcSwapOption::const_empty();

/// The highest level of all process-wide sinks so far, which lets most lines be dropped after one load. It never
/// decreases, so that two threads that set sinks at the same time cannot leave it below the level of the current sink.
static GLOBAL_MAX_LEVEL: AtomicUsize = AtomicUsize::new(LevelFilter::Off as usize);

/// Sets or removes (`None`) the process-wide sink. The old one is dropped when the last call into it has returned,
/// possibly later and on another thread.
pub fn set_global_sink(sink: Option<(Arc<dyn LogSink>, LevelFilter)>) {
    let level = sink.as_ref().map_or(LevelFilter::Off, |&(_, level)| level);
    GLOBAL_MAX_LEVEL.fetch_max(level as usize, Ordering::Relaxed);
    GLOBAL_SINK.store(sink.map(Arc::new));
}

/// Writes the log lines of one manager. Cheap to clone.
#[derive(Clone)]
pub struct Logger {
    sink: Option<LimitedSink>,
    stderr: LevelFilter,
}

/// The receiver of a line, besides the `log` crate.
enum Receiver {
    Sink(Arc<dyn LogSink>),
    Stderr,
    None,
}

impl Logger {
    /// A logger for a manager whose own sink is `sink`, and whose `VAULT_LOG_LEVEL` is `stderr`.
    pub fn new(sink: Option<(Arc<dyn LogSink>, LevelFilter)>, stderr: LevelFilter) -> Self {
        Logger { sink, stderr }
    }

    /// A failure that is also returned to the caller.
    pub fn error(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Error, message);
    }

    /// Something that needs attention.
    pub fn warn(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Warn, message);
    }

    /// A change of state: a login, another node.
    pub fn info(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Info, message);
    }

    /// The outcome of a request.
    pub fn debug(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Debug, message);
    }

    /// Every step.
    pub fn trace(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Trace, message);
    }

    /// Whether a line of this level has a receiver: for lines that are expensive to build.
    pub fn enabled(&self, level: Level) -> bool {
        self.may_have_receiver(level)
            && (log::log_enabled!(target: TARGET, level) || !matches!(self.receiver(level), Receiver::None))
    }

    /// Formats the message only if the line has a receiver.
    fn write(&self, level: Level, message: fmt::Arguments<'_>) {
        if self.may_have_receiver(level) {
            self.format_and_deliver(level, message);
        }
    }

    /// A fast check that excludes most lines; the receiver of the others has to be looked up.
    fn may_have_receiver(&self, level: Level) -> bool {
        let own = self.sink.as_ref().map_or(self.stderr, |&(_, limit)| limit);
        let global = GLOBAL_MAX_LEVEL.load(Ordering::Relaxed);
        level <= own || level as usize <= global || level <= log::max_level()
    }

    fn format_and_deliver(&self, level: Level, message: fmt::Arguments<'_>) {
        let receiver = self.receiver(level);
        if matches!(receiver, Receiver::None) && !log::log_enabled!(target: TARGET, level) {
            return;
        }
        let line = Line { receiver, level, text: one_line(message) };
        if let Some(line) = line.hold_or_return() {
            line.deliver();
        }
    }

    /// The first sink that is set decides, even if its level excludes the line.
    fn receiver(&self, level: Level) -> Receiver {
        let of_sink = |(sink, limit): &LimitedSink| {
            if level <= *limit { Receiver::Sink(Arc::clone(sink)) } else { Receiver::None }
        };
        if let Some(own) = &self.sink {
            return of_sink(own);
        }
        if let Some(global) = GLOBAL_SINK.load_full() {
            return of_sink(&global);
        }
        if level <= self.stderr { Receiver::Stderr } else { Receiver::None }
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").field("has_sink", &self.sink.is_some()).field("stderr", &self.stderr).finish()
    }
}

/// A formatted line and its receiver.
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
            // The text has no NUL: `one_line` has escaped it.
            Receiver::Sink(sink) => sink.log(level, &CString::new(text).unwrap_or_default()),
            Receiver::Stderr => stderr::write_line(TARGET, format_args!("{level} {text}")),
            Receiver::None => {}
        }
    }

    /// Queues the line if this thread holds its lines back, else returns it.
    fn hold_or_return(self) -> Option<Line> {
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

// Without a destructor: a library that can be unloaded must not register thread-local destructors.
thread_local! {
    static HELD_BACK: Cell<Option<ManuallyDrop<Vec<Line>>>> = const { Cell::new(None) };
}

/// Holds back the lines of this thread until the guard is dropped. It is taken before a lock of the library, so that
/// the lock is released before a callback, which may call the library, receives a line.
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

/// Holds back log lines, and delivers them when the outermost guard of the thread is dropped.
pub struct HeldBack {
    outermost: bool,
    /// The lines belong to the thread that created it.
    _not_send: PhantomData<*const ()>,
}

impl HeldBack {
    /// Drops the lines instead, unless an outer guard holds them back, too.
    pub fn discard(self) {
        if self.outermost {
            drop(HELD_BACK.take().map(ManuallyDrop::into_inner));
        }
    }
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

/// Formats a message and escapes control characters and line separators, so that a path or a server's text cannot forge
/// another line, control a terminal, or truncate the line for C.
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
    // Fails only if a Display implementation fails; the text before it is still logged.
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
            panic!("formatted without a receiver")
        }
    }

    #[test]
    fn the_sink_of_a_manager_takes_precedence_over_the_process_wide_one() {
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
        assert_eq!((Arc::strong_count(&global), Arc::strong_count(&own)), (1, 2), "a replaced sink is dropped");
        assert!(with_own.enabled(Level::Warn) && !with_own.enabled(Level::Info) && !without.enabled(Level::Error));
    }

    #[test]
    fn lines_held_back_are_delivered_in_order_when_the_outermost_guard_is_dropped() {
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
    fn control_characters_are_escaped() {
        let own = Arc::new(Lines::default());
        let logger = Logger::new(Some((own.clone(), LevelFilter::Trace)), LevelFilter::Off);
        logger.warn(format_args!("path {}", "a\nhandsfree_secrets: ERROR b\0c\u{1b}[2J\u{85}\u{2028}ü\"\\"));
        let expected = r#"WARN path a\nhandsfree_secrets: ERROR b\u{0}c\u{1b}[2J\u{85}\u{2028}ü"\"#;
        assert_eq!(own.taken(), [expected]);
    }
}
