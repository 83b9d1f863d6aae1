//! What went wrong, told to a person: the message, the place, and what to do about it.

use nix::errno::Errno;
use std::any::Any;
use std::fmt;
use std::io::ErrorKind;

/// Whose fault a failure is; it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Some run of the experiment failed; the others went on.
    Runs,
    /// The input (experiment, template, option, data) is wrong.
    Input,
    /// Nothing is wrong: there is something to do, and the person wanted to know.
    Changes,
    /// A disk is full.
    Full,
    /// Another process holds the results folder, or the run.
    Locked,
    /// The person stopped the program.
    Interrupted,
}

impl Fault {
    /// Returns the process exit code that stands for this fault.
    pub fn exit_code(self) -> u8 {
        match self {
            Fault::Runs => 1,
            Fault::Input => 2,
            Fault::Changes => 3,
            Fault::Full => 74,
            Fault::Locked => 75,
            Fault::Interrupted => 130,
        }
    }
}

/// A failure that a person can do something about.
///
/// Travels inside [`anyhow::Error`]; everything else in there is a defect or the machine's fault (exit code 1).
#[derive(Debug)]
pub struct Failure {
    /// Whose fault it is.
    pub fault: Fault,
    /// One line: lower case, no full stop.
    pub message: String,
    /// The place in a file, drawn with line, column and caret; empty where there is none.
    pub excerpt: String,
    /// What the person can do, one line each.
    pub hints: Vec<String>,
}

impl Failure {
    /// The input is wrong.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Fault::Input, message)
    }

    /// A failure with the given fault.
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Failure { fault, message: message.into(), excerpt: String::new(), hints: Vec::new() }
    }

    /// Adds a line that says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the nearest of `known` names to `name` as a hint, when one is near.
    #[must_use]
    pub fn nearest<'a>(self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(name, known) {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// Adds a drawn place in a file.
    #[must_use]
    pub fn at(mut self, excerpt: impl Into<String>) -> Self {
        self.excerpt = excerpt.into();
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.excerpt.is_empty() {
            write!(f, "\n{}", self.excerpt.trim_end())?;
        }
        self.hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for Failure {}

/// Returns the known name that is most like `name`, when one is like it at all.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// What a panic said.
pub fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words")
}

/// Whether an error comes from a full disk, or from a limit on what a person may write.
pub fn is_no_space(error: &anyhow::Error) -> bool {
    let full = |kind| matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge);
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|error| full(error.kind())))
}

/// Whether it may go better in a moment: a network file system has lost its server, or a file its place there.
pub fn is_passing(error: &anyhow::Error) -> bool {
    let passing = |code| [Errno::EIO, Errno::ESTALE, Errno::ETIMEDOUT, Errno::EREMOTEIO].contains(&Errno::from_raw(code));
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error).is_some_and(passing))
}

/// Returns the exit code that an error stands for.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<Failure>().map_or(1, |failure| failure.fault.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_a_typo_and_refuses_a_stranger() {
        assert_eq!(nearest("mask_ration", ["mask_ratio", "weight"]), Some("mask_ratio"));
        assert_eq!(nearest("zebra", ["mask_ratio", "weight"]), None);
    }

    #[test]
    fn the_words_of_a_panic_are_kept() {
        use std::panic::{catch_unwind, panic_any};
        assert_eq!(words_of(catch_unwind(|| panic!("step {}", 3)).unwrap_err().as_ref()), "step 3");
        assert_eq!(words_of(catch_unwind(|| panic!("plain")).unwrap_err().as_ref()), "plain");
        assert_eq!(words_of(catch_unwind(|| panic_any(7)).unwrap_err().as_ref()), "no words");
    }

    #[test]
    fn a_full_disk_is_known_through_contexts() {
        let full = anyhow::Error::new(std::io::Error::from(ErrorKind::StorageFull)).context("cannot write a.json");
        assert!(is_no_space(&full) && !is_no_space(&anyhow::anyhow!("disk on fire")));
    }

    #[test]
    fn a_file_system_that_has_lost_its_server_is_waited_for() {
        let io = |code: Errno| anyhow::Error::new(std::io::Error::from_raw_os_error(code as i32)).context("cannot read events");
        assert!(is_passing(&io(Errno::ESTALE)) && is_passing(&io(Errno::EIO)));
        assert!(!is_passing(&io(Errno::EACCES)) && !is_passing(&anyhow::anyhow!("disk on fire")));
    }

    #[test]
    fn exit_code_follows_the_fault_through_contexts() {
        let error = anyhow::Error::new(Failure::input("no such axis")).context("while planning");
        assert_eq!(exit_code(&error), 2);
        assert_eq!(exit_code(&anyhow::anyhow!("disk on fire")), 1);
    }
}
