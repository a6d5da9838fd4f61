//! Child processes that end with the test.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};

type Order = (Command, Sender<io::Result<Child>>);

/// Starts `command` so that the kernel kills it when this process ends, in whatever way.
///
/// The death signal is sent when the *thread* that started the child ends, and the thread of a test ends long before a
/// server that several tests share. So one thread, which lives as long as the process, starts all children.
pub(crate) fn spawn_bound(command: Command) -> io::Result<Child> {
    spawn_ended_by(command, libc::SIGKILL)
}

/// As [`spawn_bound`], with the signal that the kernel sends.
fn spawn_ended_by(mut command: Command, signal: i32) -> io::Result<Child> {
    static SPAWNER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    // SAFETY: the closure runs between fork and exec, and calls nothing but prctl, which is async-signal-safe.
    unsafe {
        command.pre_exec(move || match libc::prctl(libc::PR_SET_PDEATHSIG, signal) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        })
    };
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (reply, answer) = channel();
    spawner.lock().expect("the spawner's lock").send((command, reply)).expect("the spawner's thread");
    answer.recv().expect("the spawner's answer")
}

/// Has a command start with the usual actions of the signals that end a program, whatever this process ignores.
pub(crate) fn with_usual_signals(command: &mut Command) {
    let reset = || {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2] {
            // SAFETY: no handler is installed.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec, and calls nothing but signal, which is async-signal-safe.
    unsafe { command.pre_exec(reset) };
}

/// A child process that is killed when this is dropped.
pub(crate) struct BoundChild {
    child: Child,
    owner: u32,
}

impl BoundChild {
    pub(crate) fn spawn(command: Command) -> io::Result<Self> {
        Ok(BoundChild { child: spawn_bound(command)?, owner: std::process::id() })
    }

    /// As [`BoundChild::spawn`], for a program that has to clean up: it gets this signal when this process ends.
    pub(crate) fn spawn_ended_by(command: Command, signal: i32) -> io::Result<Self> {
        Ok(BoundChild { child: spawn_ended_by(command, signal)?, owner: std::process::id() })
    }

    /// Sends this signal and waits for the end.
    pub(crate) fn end_by(&mut self, signal: i32) {
        self.signal(signal);
        let _ = self.child.wait();
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    /// Whether the process is still running.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("the state of a child").is_none()
    }

    /// Kills the process and waits for its end.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal such as SIGSTOP.
    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: kill only sends a signal; the child has not been waited for, so its pid has not been reused.
        let result = unsafe { libc::kill(self.pid(), signal) };
        assert_eq!(result, 0, "signal {signal} to {}: {}", self.pid(), io::Error::last_os_error());
    }

    /// False in a forked child of this process, which must not kill processes of its parent.
    pub(crate) fn is_ours(&self) -> bool {
        self.owner == std::process::id()
    }
}

impl Drop for BoundChild {
    fn drop(&mut self) {
        if self.is_ours() {
            self.kill();
        }
    }
}
