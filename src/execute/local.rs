//! Workers as child processes of this one.

use super::{Executor, Exit, Gone, Order, Stop, memory};
use crate::run_folder::Environment;
use crate::run_folder::RunFolder;
use crate::run_folder::write_atomically;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Serialize;
use signal_hook::consts::SIGCHLD;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Runs each worker as a child process: `<program> worker RUN_DIR ..`, in a process group of its own, so that the terminal's
/// Ctrl-C reaches this process alone and it decides.
pub struct Local {
    program: PathBuf,
    children: BTreeMap<RunId, Running>,
    /// Readable as soon as a child has gone.
    bell: UnixStream,
}

struct Running {
    child: Child,
    folder: RunFolder,
    attempt: u32,
    began: Instant,
    peak_memory_bytes: Option<u64>,
    /// Processes that the kernel had ended for want of memory when this one began.
    memory_kills: u64,
}

/// How the process of an attempt ended: `attempts/<n>/exit.json`.
#[derive(Serialize)]
struct ExitFile {
    code: Option<i32>,
    signal: Option<i32>,
    seconds: f64,
    /// As far as it was seen before the end.
    peak_memory_bytes: Option<u64>,
}

impl Local {
    /// An executor that starts the running program again as a worker: this very program, even when a newer one has been
    /// built in its place since.
    ///
    /// # Errors
    /// When the system does not tell of children that have gone.
    pub fn this_program() -> Result<Self> {
        Self::of("/proc/self/exe".into())
    }

    /// An executor that starts `program` as a worker.
    ///
    /// # Errors
    /// When the system does not tell of children that have gone.
    pub fn of(program: PathBuf) -> Result<Self> {
        let (bell, ringer) = UnixStream::pair().context("cannot make a pair of sockets")?;
        bell.set_nonblocking(true).context("cannot make a socket non-blocking")?;
        signal_hook::low_level::pipe::register(SIGCHLD, ringer).context("cannot listen for children that have gone")?;
        Ok(Local { program, children: BTreeMap::new(), bell })
    }
}

impl Executor for Local {
    fn outlives(&self) -> bool {
        false
    }

    fn adopt(&mut self, _run: &RunId) -> Result<bool> {
        Ok(false)
    }

    // The kernel ties a worker to the thread that started it, so this must be called by a thread that lives as long as the
    // program does: the main one.
    fn start(&mut self, order: &Order) -> Result<()> {
        let attempt = order.folder.attempt(order.attempt);
        fs::create_dir_all(&attempt).with_context(|| format!("cannot create {}", attempt.display()))?;
        let log = |name: &str| {
            let path = attempt.join(name);
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))
        };
        let child = Command::new(&self.program)
            .arg0("vicmae")
            .arg("worker")
            .arg(order.folder.path())
            .args(["--attempt", &order.attempt.to_string()])
            .args(["--device", &order.device])
            .args(["--workers", &order.workers.to_string()])
            .args(["--parent", &std::process::id().to_string()])
            .env("RAYON_NUM_THREADS", order.workers.max(1).to_string())
            .envs(Environment::for_workers())
            .env("RUN_ID", order.run.to_string())
            .env("RUN_DIR", order.folder.path())
            .env("ATTEMPT", order.attempt.to_string())
            .stdin(Stdio::null())
            .stdout(log("stdout")?)
            .stderr(log("stderr")?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let running = Running {
            child,
            folder: order.folder.clone(),
            attempt: order.attempt,
            began: Instant::now(),
            peak_memory_bytes: None,
            memory_kills: memory::kills(),
        };
        self.children.insert(order.run, running);
        Ok(())
    }

    fn poll(&mut self) -> Result<Vec<Gone>> {
        let mut gone = Vec::new();
        for (run, running) in &mut self.children {
            running.peak_memory_bytes = memory::peak_bytes(running.child.id()).or(running.peak_memory_bytes);
            if let Some(status) = running.child.try_wait().context("cannot watch a worker")? {
                running.write_exit(status)?;
                let (how, peak_memory_bytes) = (running.exit(status), running.peak_memory_bytes);
                gone.push(Gone {
                    run: *run,
                    how,
                    begun: true,
                    peak_memory_bytes,
                    seconds: Some(running.began.elapsed().as_secs_f64()),
                });
            }
        }
        gone.iter().for_each(|gone| drop(self.children.remove(&gone.run)));
        Ok(gone)
    }

    fn stop(&mut self, run: &RunId, how: Stop) -> Result<()> {
        let Some(running) = self.children.get(run) else { return Ok(()) };
        let signal = match how {
            Stop::Ask => Signal::SIGTERM,
            Stop::Kill => Signal::SIGKILL,
        };
        match killpg(Pid::from_raw(running.child.id() as i32), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot stop the worker of {}", run.short())),
        }
    }

    fn wait(&mut self, at_most: Duration) {
        let timeout = PollTimeout::try_from(at_most).unwrap_or(PollTimeout::MAX);
        // A signal ends the wait, as it should; any other failure only makes the next look come sooner.
        let _ = poll(&mut [PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)], timeout);
        while self.bell.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
    }
}

impl Running {
    fn write_exit(&self, status: ExitStatus) -> Result<()> {
        let exit = ExitFile {
            code: status.code(),
            signal: status.signal(),
            seconds: self.began.elapsed().as_secs_f64(),
            peak_memory_bytes: self.peak_memory_bytes,
        };
        let path = self.folder.attempt(self.attempt).join("exit.json");
        write_atomically(&path, &serde_json::to_vec_pretty(&exit).context("cannot write an exit as JSON")?)
    }

    fn exit(&self, status: ExitStatus) -> Exit {
        match status.signal() {
            Some(signal) if signal == Signal::SIGKILL as i32 && memory::kills() > self.memory_kills => Exit::OutOfMemory,
            Some(signal) if signal == Signal::SIGABRT as i32 && self.could_not_allocate() => Exit::OutOfMemory,
            Some(signal) => Exit::Signal(signal),
            None => Exit::Code(status.code().unwrap_or_default()),
        }
    }

    /// Whether the program ended itself because it got no memory: it says so before.
    fn could_not_allocate(&self) -> bool {
        let stderr = fs::read(self.folder.attempt(self.attempt).join("stderr")).unwrap_or_default();
        String::from_utf8_lossy(&stderr).contains("memory allocation of")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Mutex;
    use std::time::Duration;

    /// A program that is open for writing cannot be started, and a fork in another test's thread holds it open for a moment.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    fn order(folder: RunFolder, attempt: u32, workers: usize) -> Order {
        Order { run: RunId::of(b"run"), folder, attempt, device: "cpu".into(), workers, after: Vec::new(), short: false }
    }

    /// Runs `script` as the worker and returns how it went, and the folder.
    fn run(script: &str, stop: Option<Stop>) -> (tempfile::TempDir, RunFolder, Exit) {
        let one_at_a_time = ONE_AT_A_TIME.lock();
        let results = tempfile::tempdir().unwrap();
        let program = results.path().join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let run = RunId::of(b"run");
        let folder = RunFolder::new(results.path(), run);
        let mut local = Local::of(program).unwrap();
        let order = order(folder.clone(), 2, 3);
        local.start(&order).unwrap();
        drop(one_at_a_time);
        if let Some(stop) = stop {
            // The script says when its trap stands.
            while !folder.attempt(2).join("stdout").metadata().is_ok_and(|stdout| stdout.len() > 0) {
                std::thread::sleep(Duration::from_millis(2));
            }
            local.stop(&run, stop).unwrap();
        }
        loop {
            if let Some(gone) = local.poll().unwrap().pop() {
                return (results, folder, gone.how);
            }
            local.wait(Duration::from_secs(60));
        }
    }

    #[test]
    fn a_worker_is_told_what_it_is_and_its_words_are_kept() {
        let (_results, folder, exit) =
            run("echo \"$1 $3 $4 $5 $6 $7 $8 $9\"; echo $ATTEMPT $RAYON_NUM_THREADS; echo oops >&2; exit 3", None);
        assert_eq!(exit, Exit::Code(3));
        let read = |name: &str| fs::read_to_string(folder.attempt(2).join(name)).unwrap();
        assert_eq!(read("stdout"), "worker --attempt 2 --device cpu --workers 3 --parent\n2 3\n");
        assert_eq!(read("stderr"), "oops\n");
        let exit: serde_json::Value = serde_json::from_str(&read("exit.json")).unwrap();
        assert_eq!((&exit["code"], &exit["signal"]), (&serde_json::json!(3), &serde_json::Value::Null));
    }

    #[test]
    fn a_worker_that_is_asked_to_leave_may_save_first_and_one_that_is_killed_may_not() {
        let script = "trap 'exit 130' TERM; echo ready; while :; do sleep 0.01; done";
        assert_eq!(run(script, Some(Stop::Ask)).2, Exit::Code(130));
        let (_results, folder, exit) = run(script, Some(Stop::Kill));
        assert_eq!(exit.to_string(), "killed by signal 9");
        assert!(fs::read_to_string(folder.attempt(2).join("exit.json")).unwrap().contains("\"signal\": 9"));
    }

    #[test]
    fn a_worker_that_gets_no_memory_is_told_from_one_that_aborts() {
        let script = "echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$";
        assert_eq!(run(script, None).2, Exit::OutOfMemory);
        assert_eq!(run("kill -ABRT $$", None).2, Exit::Signal(6));
    }

    #[test]
    fn a_program_that_is_not_there_cannot_be_started() {
        let results = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(results.path().join("run"));
        let order = order(folder, 1, 1);
        let _one_at_a_time = ONE_AT_A_TIME.lock();
        let error = Local::of("not/there".into()).unwrap().start(&order).unwrap_err();
        assert_eq!(error.to_string(), "cannot start not/there");
    }
}
