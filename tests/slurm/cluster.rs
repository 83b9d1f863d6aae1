//! A Slurm of one node, brought up for a test and taken down after it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// One cluster at a time: they would share the two cores.
static ONE: Mutex<()> = Mutex::new(());

pub struct Cluster {
    folder: tempfile::TempDir,
    port: u16,
    _one: MutexGuard<'static, ()>,
}

impl Cluster {
    /// A cluster, where Slurm is installed and this user may run it; otherwise says why there is none.
    pub fn up(test: &str) -> Option<Cluster> {
        Self::up_with(test, 1001)
    }

    /// The same with `max_array` as its `MaxArraySize`.
    pub fn up_with(test: &str, max_array: usize) -> Option<Cluster> {
        let missing = ["slurmctld", "slurmd", "sbatch"].into_iter().find(|tool| !is_there(tool));
        if let Some(tool) = missing {
            println!("skipped: {test} needs Slurm, and there is no {tool} on this machine");
            return None;
        }
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = Cluster { folder: tempfile::tempdir().unwrap(), port: free_port(), _one: one };
        let up = cluster.script("up.sh").env("MAX_ARRAY_SIZE", max_array.to_string()).status();
        assert!(up.unwrap().success(), "Slurm did not come up: {}", cluster.log("slurmctld.log"));
        Some(cluster)
    }

    fn script(&self, name: &str) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm").join(name);
        let mut command = Command::new("bash");
        command
            .arg(script)
            .arg(self.folder.path())
            .env("PORT", self.port.to_string())
            .env("SLURMD_TIMEOUT", "5")
            .stdin(Stdio::null());
        command
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("log").join(name)).unwrap_or_default()
    }

    pub fn conf(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    /// Runs a tool of Slurm and returns what it said.
    pub fn ask(&self, words: &[&str]) -> String {
        let output = Command::new(words[0]).args(&words[1..]).env("SLURM_CONF", self.conf()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    /// Puts the node back into service.
    pub fn resume(&self) {
        let node = self.ask(&["sinfo", "-h", "-p", "main", "-t", "drain,down", "-o", "%n"]);
        if !node.trim().is_empty() {
            self.ask(&["scontrol", "update", &format!("nodename={}", node.trim()), "state=resume"]);
        }
    }

    /// The process of a daemon.
    pub fn pid(&self, daemon: &str) -> i32 {
        let path = self.folder.path().join("run").join(format!("{daemon}.pid"));
        std::fs::read_to_string(path).unwrap().trim().parse().unwrap()
    }

    /// Whether a process belongs to this cluster.
    pub fn has(&self, pid: i32) -> bool {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&format!("SLURM_CONF={}", self.conf().display()))
    }

    /// Starts a daemon that was killed.
    pub fn start(&self, daemon: &str) {
        let mut command = Command::new(daemon);
        let status = command.arg("-f").arg(self.conf()).env("SLURM_CONF", self.conf()).stdin(Stdio::null()).status();
        assert!(status.unwrap().success(), "{daemon} did not start");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.ask(&["scancel", "--signal=KILL", "--full", "-u", "root"]);
        let _ = self.script("down.sh").status();
    }
}

fn is_there(tool: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(tool).exists())
}

/// The first of three ports that nobody listens on.
fn free_port() -> u16 {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (27000..32000).step_by(10).find(|port| (0..3).all(|more| is_free(port + more))).expect("some ports are free")
}

/// Waits until something holds.
pub fn until(what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(seconds), "in {seconds} s this did not come about: {what}");
        sleep(Duration::from_millis(50));
    }
}
