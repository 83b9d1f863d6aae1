//! What has become of the runs when the process that ran them is there no more.

use super::Dashboard;
use super::run::State;

impl Dashboard {
    /// How it ended, and what goes on with what is left. `file` is the experiment that asks for the runs.
    pub fn ending(&self, file: &str) -> String {
        let (all, count) = (self.runs.len(), |state| self.count(|other| other == state));
        let [running, failed, pruned] = [State::Running, State::Failed, State::Pruned].map(count);
        let left = self.count(State::is_left) + running;
        let again = format!("`vicmae run {file}`");
        if running > 0 {
            // A process that ends by itself tells what has become of each run.
            return format!(
                "it has ended without a word: nobody is at work any more, and {left} of {all} runs are left; {again} goes on"
            );
        }
        let also = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        match (left, failed, pruned) {
            (0, 0, 0) => format!("it has ended: all {all} runs are done"),
            (0, 0, _) => format!("it has ended: {} of {all} runs are done, {pruned} pruned", all - pruned),
            (0, _, _) => format!("it has ended: {failed} of {all} runs failed; the same {again} tries them again"),
            _ => format!("it has ended: {left} of {all} runs are left{also}; the same {again} goes on"),
        }
    }
}
