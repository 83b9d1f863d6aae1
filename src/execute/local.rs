//! Workers as child processes of this one.

use super::{Executor, Exit, Gone, Order, Stop};
use crate::run_folder::RunFolder;
use crate::run_folder::write_atomically;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

/// Runs each worker as a child process: `<program> worker RUN_DIR ..`, in a process group of its own, so that the terminal's
/// Ctrl-C reaches this process alone and it decides.
pub struct Local {
    program: PathBuf,
    children: BTreeMap<RunId, Running>,
}

struct Running {
    child: Child,
    folder: RunFolder,
    attempt: u32,
    began: Instant,
    peak_memory_bytes: Option<u64>,
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
    pub fn this_program() -> Self {
        Self::of("/proc/self/exe".into())
    }

    /// An executor that starts `program` as a worker.
    pub fn of(program: PathBuf) -> Self {
        Local { program, children: BTreeMap::new() }
    }
}

impl Executor for Local {
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
        };
        self.children.insert(order.run, running);
        Ok(())
    }

    fn poll(&mut self) -> Result<Vec<Gone>> {
        let mut gone = Vec::new();
        for (run, running) in &mut self.children {
            running.peak_memory_bytes = peak_memory_bytes(running.child.id()).or(running.peak_memory_bytes);
            if let Some(status) = running.child.try_wait().context("cannot watch a worker")? {
                running.write_exit(status)?;
                gone.push(Gone { run: *run, how: exit(status) });
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
}

fn exit(status: ExitStatus) -> Exit {
    match status.signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.code().unwrap_or_default()),
    }
}

/// The most memory that a living process has held, where the system tells.
fn peak_memory_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib: u64 = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Mutex;
    use std::time::Duration;

    /// A program that is open for writing cannot be started, and a fork in another test's thread holds it open for a moment.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    /// Runs `script` as the worker and returns how it went, and the folder.
    fn run(script: &str, stop: Option<Stop>) -> (tempfile::TempDir, RunFolder, Exit) {
        let one_at_a_time = ONE_AT_A_TIME.lock();
        let results = tempfile::tempdir().unwrap();
        let program = results.path().join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let run = RunId::of(b"run");
        let folder = RunFolder::new(results.path(), run);
        let mut local = Local::of(program);
        let order = Order { run, folder: folder.clone(), attempt: 2, device: "cpu".into(), workers: 3 };
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
            std::thread::sleep(Duration::from_millis(2));
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
    fn a_program_that_is_not_there_cannot_be_started() {
        let results = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(results.path().join("run"));
        let order = Order { run: RunId::of(b"run"), folder, attempt: 1, device: "cpu".into(), workers: 1 };
        let _one_at_a_time = ONE_AT_A_TIME.lock();
        let error = Local::of("not/there".into()).start(&order).unwrap_err();
        assert_eq!(error.to_string(), "cannot start not/there");
    }
}
