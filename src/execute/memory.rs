//! What the kernel tells of memory.

use std::fs;

/// The most memory that a living process has held, where the system tells.
pub fn peak_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib: u64 = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// How many processes of this machine the kernel has ended for want of memory since it started; 0 where it does not tell.
pub(super) fn kills() -> u64 {
    let counters = fs::read_to_string("/proc/vmstat").unwrap_or_default();
    counters.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_held_some_memory_and_no_process_has_held_none() {
        // Not every kernel tells.
        let is_told = fs::read_to_string("/proc/self/status").unwrap().contains("VmHWM:");
        assert_eq!(peak_bytes(std::process::id()).is_some_and(|bytes| bytes > 1_000_000), is_told);
        assert_eq!(peak_bytes(u32::MAX), None);
    }
}
