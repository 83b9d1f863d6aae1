//! A process of the program that the tests watch, stop and kill.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, pipe};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// Time after which a process counts as stuck; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(600);

/// A process that was started, and a listener to what it says.
pub struct Process {
    child: Child,
    listener: Option<JoinHandle<String>>,
    what: String,
}

/// What a process said, and its exit code: 128 and the number of the signal when it was killed, as in a shell.
#[derive(Debug)]
pub struct Said {
    pub text: String,
    pub code: i32,
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        let what = format!("{command:?}");
        let (ear, mouth) = pipe().unwrap();
        command.stdin(Stdio::null()).stdout(mouth.try_clone().unwrap()).stderr(mouth);
        let child = command.spawn().unwrap();
        // The command holds the mouth open, and the listener hears until it is shut.
        drop(command);
        let listener = spawn(move || hear(ear));
        Process { child, listener: Some(listener), what }
    }

    pub fn id(&self) -> i32 {
        self.child.id() as i32
    }

    /// Whether it has come to an end.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end, `at_most` so long; whether it came.
    pub fn ends_within(&mut self, at_most: Duration) -> bool {
        let (began, at_most) = (Instant::now(), at_most.min(PATIENCE));
        while !self.ended() && began.elapsed() < at_most {
            sleep(Duration::from_millis(2).min(at_most));
        }
        self.ended()
    }

    /// Kills the process itself and nothing else, and waits until it is gone; false when it had come to its end before.
    pub fn kill(&mut self) -> bool {
        self.child.kill().unwrap();
        self.child.wait().unwrap().signal().is_some()
    }

    /// Waits for the end. Whatever was done to it: the program does not panic, and it does not hang.
    pub fn end(mut self) -> Said {
        assert!(self.ends_within(PATIENCE), "stuck: {}", self.what);
        let text = self.listener.take().unwrap().join().unwrap();
        let said = Said { text, code: code(self.child.wait().unwrap()) };
        assert!(!said.text.contains("panicked") && said.code != 101, "{}: {said:?}", self.what);
        said
    }
}

/// A test that fails leaves no process behind.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hear(mut ear: impl Read) -> String {
    let mut bytes = Vec::new();
    ear.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
}

/// The children of a process that have not come to their end. Not every kernel has a list of them.
pub fn children(parent: i32) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // After the program's name come the state, where Z is a process that nobody has asked for yet, and the parent.
        let mut fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
        fields.next() != Some("Z") && fields.next() == Some(&parent.to_string())
    };
    pids.filter(is_child).collect()
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "this did not come about: {what}");
        sleep(Duration::from_millis(2));
    }
}

/// Sends a signal; false when there is no such process any more.
pub fn send(process: i32, signal: Signal) -> bool {
    kill(Pid::from_raw(process), signal).is_ok()
}
