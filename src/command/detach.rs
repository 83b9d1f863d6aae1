//! Going on without a terminal: `run --detach`.

use super::print;
use crate::engine;
use crate::failure::Failure;
use crate::failure::Fault;
use anyhow::{Context, Result};
use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Starts this very command again, in a session of its own and with its words in `orchestrator.log`, and returns when that
/// one is at work, so that `watch` and `status` know of it.
///
/// # Errors
/// A [`Failure`] with the other's last words when it ended before it began.
pub(super) fn detach(results: &Path) -> Result<()> {
    fs::create_dir_all(results).with_context(|| format!("cannot create {}", results.display()))?;
    let path = results.join("orchestrator.log");
    let open = || OpenOptions::new().create(true).append(true).open(&path);
    let log = open().with_context(|| format!("cannot write {}", path.display()))?;
    let begins_at = log.metadata()?.len() as usize;
    let arguments =
        std::env::args_os().skip(1).map(|argument| if argument == "--detach" { "--detached".into() } else { argument });
    let mut child = Command::new("/proc/self/exe")
        .arg0("vicmae")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start this program again")?;
    loop {
        let said =
            || String::from_utf8_lossy(fs::read(&path).unwrap_or_default().get(begins_at..).unwrap_or_default()).into_owned();
        if let Some(status) = child.try_wait().context("cannot watch the other process")? {
            return match status.code() {
                Some(0) => print::line(said().trim_end()),
                code => Err(ended(code, said().trim_end())),
            };
        }
        if engine::holder(results).is_some_and(|holder| holder.pid == child.id() as i32 && holder.is_at_work) {
            return print::line(&format!(
                "process {} goes on by itself; its words are in {}\n`vicmae watch` looks on, `vicmae stop` ends it",
                child.id(),
                path.display()
            ));
        }
        sleep(Duration::from_millis(20));
    }
}

fn ended(code: Option<i32>, said: &str) -> anyhow::Error {
    let fault = [Fault::Runs, Fault::Input, Fault::Locked].into_iter().find(|fault| Some(i32::from(fault.exit_code())) == code);
    let words = said.strip_prefix("error: ").unwrap_or(said);
    Failure::new(fault.unwrap_or(Fault::Runs), words).into()
}
