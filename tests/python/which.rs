//! The Python that tests ask for a second opinion.

use std::process::Command;

/// A Python that has these modules; none, said aloud, where there is none. `VICMAE_PYTHON` names one that must have them.
pub fn python(modules: &str) -> Option<String> {
    let named = std::env::var("VICMAE_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".into());
    let has = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    if named.is_none() && !has.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} has not all of {modules}; VICMAE_PYTHON names one that has");
        return None;
    }
    Some(python)
}
