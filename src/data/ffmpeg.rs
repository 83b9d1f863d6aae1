//! Videos, read by the `ffmpeg` program: every container and codec that it knows, without linking to any of it.

mod decode;
mod length;
mod said;

pub use decode::{Film, Frame, Wish};

pub(super) use length::{Length, length};

use crate::failure::Failure;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the program where it is not on PATH (a module of a cluster, say).
const VARIABLE: &str = "VICMAE_FFMPEG";

/// The oldest release whose output is understood.
const OLDEST: (u32, u32) = (4, 4);

/// The `ffmpeg` program of this machine.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    program: PathBuf,
    version: String,
    /// A build from a development branch has no number and counts as new.
    release: Option<(u32, u32)>,
}

/// A video that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Rejected {
    /// Why, on one line.
    pub reason: String,
    /// Frames that were decoded before it was given up.
    pub frames: usize,
}

impl Ffmpeg {
    /// Finds the program and asks for its version.
    ///
    /// # Errors
    /// A [`Failure`] that says how to install it when it is missing, does not start, or is too old.
    pub fn find() -> Result<Self, Failure> {
        let named = std::env::var_os(VARIABLE).filter(|name| !name.is_empty());
        let program = match &named {
            Some(path) => PathBuf::from(path),
            None => on_path("ffmpeg")
                .ok_or_else(|| installing(Failure::input("reading videos needs the program `ffmpeg`, which is not on PATH")))?,
        };
        let output = Command::new(&program).arg("-version").output();
        let text = output
            .ok()
            .filter(|output| output.status.success())
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let Some(version) =
            text.as_deref().and_then(|text| text.lines().next()?.strip_prefix("ffmpeg version ")?.split(' ').next())
        else {
            let message = format!("{} does not answer `-version` as ffmpeg does", program.display());
            return Err(match named {
                Some(_) => Failure::input(message).hint(format!("{VARIABLE} must name an ffmpeg program")),
                None => installing(Failure::input(message)),
            });
        };
        let found = Ffmpeg { release: release(version), version: version.to_owned(), program };
        if found.release.is_some_and(|release| release < OLDEST) {
            let message = format!("ffmpeg {version} is too old: {}.{} or newer is needed", OLDEST.0, OLDEST.1);
            return Err(installing(Failure::input(message)));
        }
        Ok(found)
    }

    /// Where the program is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its version, as it says.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The option that hands every frame on once, with its own time, under the name that this release knows.
    fn passthrough(&self) -> [&'static str; 2] {
        let old = self.release.is_some_and(|release| release < (5, 1));
        [if old { "-vsync" } else { "-fps_mode" }, "passthrough"]
    }
}

fn installing(failure: Failure) -> Failure {
    failure
        .hint("install it: `apt install ffmpeg` (Debian, Ubuntu), `dnf install ffmpeg` (Fedora), `brew install ffmpeg` (macOS)")
        .hint("without root: `conda install -c conda-forge ffmpeg`")
        .hint(format!("or set {VARIABLE} to the path of the program"))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// The first two numbers of `5.1.9-0+deb12u1`, `n6.0` or `7.1`.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim_start_matches('n').split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_and_development_builds_have_none() {
        assert_eq!(release("5.1.9-0+deb12u1"), Some((5, 1)));
        assert_eq!(release("n6.0"), Some((6, 0)));
        assert_eq!(release("4.4.2-0ubuntu0.22.04.1"), Some((4, 4)));
        assert_eq!(release("N-109542-ga5dc2ab"), None);
        assert_eq!(release("git-2020-01-01"), None);
    }

    #[test]
    fn old_releases_have_the_old_option() {
        let of = |version: &str| Ffmpeg { program: "ffmpeg".into(), version: version.into(), release: release(version) };
        assert_eq!(of("4.4.2").passthrough(), ["-vsync", "passthrough"]);
        assert_eq!(of("5.1").passthrough(), ["-fps_mode", "passthrough"]);
        assert_eq!(of("N-109542-ga5dc2ab").passthrough(), ["-fps_mode", "passthrough"]);
    }
}
