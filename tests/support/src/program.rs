//! Runs programs to their end.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The output of a program, as from `Command::output`. A program that does not end within `limit` is killed together
/// with its children, and the test fails with its output so far.
pub fn output_within(limit: Duration, command: &mut Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // In its own process group, so that its children can be killed with it.
    let mut child = command.process_group(0).spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let stdout = Reader::start(child.stdout.take().expect("a pipe"));
    let stderr = Reader::start(child.stderr.take().expect("a pipe"));
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        // The child is waited for last: until then its pid, and the id of its group, are not reused.
        let printed_all = stdout.is_done() && stderr.is_done();
        if let Some(status) = printed_all.then(|| child.try_wait().expect("the state of a child")).flatten() {
            return Output { status, stdout: stdout.so_far(), stderr: stderr.so_far() };
        }
        if start.elapsed() > limit {
            let group = i32::try_from(child.id()).expect("a process id");
            // SAFETY: kill only sends a signal; the child has not been waited for, so the id of its group has not been
            // reused.
            unsafe { libc::kill(-group, libc::SIGKILL) };
            let _ = child.wait();
            let text = [stdout.so_far(), stderr.so_far()].concat();
            panic!("{command:?} did not end within {limit:?}\n{}", String::from_utf8_lossy(&text));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Reads a pipe to its end in a thread.
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn start(mut pipe: impl Read + Send + 'static) -> Reader {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = bytes.clone();
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                shared.lock().expect("the bytes").extend_from_slice(&buffer[..length]);
            }
        });
        Reader { bytes, thread }
    }

    fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    fn so_far(&self) -> Vec<u8> {
        self.bytes.lock().expect("the bytes").clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_exit_status_are_returned() {
        let mut command = Command::new("sh");
        let output = output_within(Duration::from_secs(60), command.args(["-c", "echo out; echo err >&2; exit 3"]));
        assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_its_children() {
        let outcome = std::panic::catch_unwind(|| {
            let mut command = Command::new("sh");
            output_within(Duration::from_millis(300), command.args(["-c", "sleep 1000 & echo $!; wait"]))
        });
        let message = *outcome.unwrap_err().downcast::<String>().expect("a message");
        let (first, pid) = message.split_once('\n').expect("what was printed");
        assert!(first.ends_with("did not end within 300ms"), "{message}");
        crate::eventually("the end of the child", Duration::from_secs(10), || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z')).then_some(())
        });
    }
}
