//! The first lines of the page: whose runs these are, how many are where, and the time.

use super::super::estimate::time_left;
use super::Dashboard;
use super::fit::packed;
use super::run::{Run, State};
use indicatif::HumanDuration;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use std::time::Duration;

/// The distance of two parts.
const GAP: usize = 2;

impl Dashboard {
    /// The first lines: one where there is room for all, with the time at its end.
    pub(super) fn head(&self, width: usize) -> Vec<Line<'_>> {
        let mut parts = vec![Span::styled(self.title.as_str(), Style::new().add_modifier(Modifier::BOLD))];
        for state in [State::Done, State::Running, State::Failed, State::Pruned] {
            let count = self.count(|other| other == state);
            if count > 0 || state != State::Pruned {
                parts.push(Span::styled(format!("{count} {}", state.name()), self.colour_of(state, count > 0)));
            }
        }
        parts.push(Span::raw(format!("{} left", self.count(State::is_left))));
        let time = Span::raw(self.time());
        let needed: usize = parts.iter().map(|part| part.width() + GAP).sum();
        if let Some(apart) = width.checked_sub(needed + time.width()) {
            parts.push(Span::raw(" ".repeat(apart) + &time.content));
        } else {
            parts.push(time);
        }
        packed(parts, GAP, width)
    }

    /// The time since the beginning, and the time that is left where it can be told.
    fn time(&self) -> String {
        let elapsed = Duration::try_from(self.now.duration_since(self.since)).unwrap_or_default();
        let elapsed = HumanDuration(Duration::from_secs(elapsed.as_secs()));
        if self.is_over {
            return format!("ended after {elapsed:#}");
        }
        let left = time_left(self.runs.values().map(Run::standing));
        format!("{elapsed:#}{}", left.map_or_else(String::new, |left| format!(", about {:#} left", HumanDuration(left))))
    }
}
