//! The last line of the page: the keys that matter most, and which rows are seen.

use super::Dashboard;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

impl Dashboard {
    /// The keys that have room before `mark`; those of the details only where these are seen.
    pub(super) fn foot(&self, width: usize, with_details: bool, mark: &str) -> Line<'_> {
        let filter = format!("f {}", self.filter.name());
        let on = |is_on: bool| if is_on { " on" } else { "" };
        let (log, smooth) = (format!("l log{}", on(self.log)), format!("s smooth{}", on(self.smooth)));
        let all = ["↑↓ select", "tab metric", &log, &smooth, &filter, "? help", "q leave"];
        let few = ["↑↓ select", &filter, "? help", "q leave"];
        let mut tries = vec![few.join("   "), few.join("  "), few[2..].join("  ")];
        if with_details {
            tries.splice(0..0, [all.join("   "), all.join("  ")]);
        }
        let length = |text: &str| text.chars().count();
        let needed = if mark.is_empty() { 0 } else { length(mark) + 2 };
        let keys = tries.iter().find(|keys| length(keys) + needed <= width).unwrap_or(&tries[tries.len() - 1]);
        let apart = width.saturating_sub(length(keys) + length(mark));
        Line::styled(format!("{keys}{}{mark}", " ".repeat(apart)), Style::new().add_modifier(Modifier::DIM))
    }
}
