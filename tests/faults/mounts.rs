//! Small disks in memory, for as long as a test wants them. Only root may mount.

use nix::sys::statvfs::statvfs;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Something that is mounted until it is dropped.
pub struct Mount {
    at: PathBuf,
}

impl Mount {
    /// A new disk of `mib` MiB at a folder; nothing when this user may not.
    pub fn disk(at: &Path, mib: usize) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"], at)
    }

    /// A file that is on another disk, in the place of one that is not there.
    pub fn file(from: &Path, at: &Path) -> Option<Self> {
        for path in [from, at] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        mount(&["--bind", from.to_str().unwrap()], at)
    }

    /// Lets nobody write to the disk any more, or lets them again.
    pub fn writable(&self, writable: bool) {
        let how = if writable { "remount,rw" } else { "remount,ro" };
        assert!(mount(&["-o", how], &self.at).map(std::mem::forget).is_some());
    }

    /// Fills the disk until `kib` KiB are free.
    pub fn leave(&self, kib: usize) {
        let ballast = (free(&self.at) / 1024).saturating_sub(kib) * 1024;
        fs::write(self.at.join("ballast"), vec![1; ballast]).unwrap();
    }

    /// Makes room again.
    pub fn relieve(&self) {
        fs::remove_file(self.at.join("ballast")).unwrap();
    }

    /// KiB that are taken.
    pub fn taken(&self) -> usize {
        let about = statvfs(&self.at).unwrap();
        ((about.blocks() - about.blocks_free()) * about.fragment_size()) as usize / 1024
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

fn free(at: &Path) -> usize {
    let about = statvfs(at).unwrap();
    (about.blocks_available() * about.fragment_size()) as usize
}

fn mount(how: &[&str], at: &Path) -> Option<Mount> {
    let done = Command::new("mount").args(how).arg(at).output().is_ok_and(|output| output.status.success());
    done.then(|| Mount { at: at.to_owned() })
}
