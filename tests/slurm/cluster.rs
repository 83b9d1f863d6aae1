//! A Slurm of one node, brought up for a test and taken down after it.

use std::io::{Write, stderr};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// One cluster at a time: they would share the two cores.
static ONE: Mutex<()> = Mutex::new(());

/// What has not come about by then never will; a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(300);

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
        if let Some(obstacle) = obstacle() {
            // Past the harness, which shows nothing of a test that passes.
            let _ = writeln!(stderr(), "skipped: {test} needs Slurm, and {obstacle}");
            return None;
        }
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cluster = Cluster { folder: folder(), port: free_port(), _one: one };
        if !cluster.comes_up(max_array) {
            // Another program may have taken a port in between; whatever else it is will happen again.
            let _ = cluster.script("down.sh").status();
            cluster.port = free_port();
            let logs = || ["slurmctld.log", "slurmd.log"].map(|name| cluster.log(name)).concat();
            assert!(cluster.comes_up(max_array), "Slurm did not come up: {}", logs());
        }
        Some(cluster)
    }

    fn comes_up(&self, max_array: usize) -> bool {
        self.script("up.sh").env("MAX_ARRAY_SIZE", max_array.to_string()).status().unwrap().success()
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
        let node = self.ask(&["sinfo", "-h", "-p", "main", "-t", "drain,down", "-o", "%N"]);
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

/// Why Slurm cannot run here.
fn obstacle() -> Option<String> {
    if let Some(tool) = ["slurmctld", "slurmd", "sbatch"].into_iter().find(|tool| !is_there(tool)) {
        return Some(format!("there is no {tool} on this machine"));
    }
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    // Where the system does not tell how its processors hang together, as in some sandboxes, slurmd gives up.
    let is_told = Path::new("/sys/devices/system/cpu/cpu0/topology").exists();
    match (is_root, is_told) {
        (false, _) => Some("only root may start its daemons".to_owned()),
        (_, false) => Some("/sys does not tell of the processors".to_owned()),
        _ => None,
    }
}

fn is_there(tool: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(tool).exists())
}

/// A folder whose path leaves room for the names of sockets in it, of which the kernel takes 108 bytes at most.
fn folder() -> tempfile::TempDir {
    let usual = std::env::temp_dir();
    let at = if usual.as_os_str().len() > 40 { Path::new("/tmp") } else { &usual };
    tempfile::tempdir_in(at).unwrap()
}

/// The first of three ports that nobody listens on. Who looks for some at the same time, in another process, begins elsewhere.
fn free_port() -> u16 {
    let is_free = |port: u16| TcpListener::bind(("0.0.0.0", port)).is_ok();
    let begin = std::process::id() % 500;
    let mut ports = (0..500).map(|at| 27000 + ((begin + at) % 500) as u16 * 10);
    ports.find(|port| (0..3).all(|more| is_free(port + more))).expect("some ports are free")
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "in {PATIENCE:?} this did not come about: {what}");
        sleep(Duration::from_millis(50));
    }
}
