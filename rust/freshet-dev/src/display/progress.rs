//! Progress of a start: a live display on a terminal, one plain line per change elsewhere.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{News, duration, note};
use crate::state::{PartState, PartStatus, Snapshot, now_ms};

const TICK: Duration = Duration::from_millis(100);
const RUNNING: &str = "{spinner} {prefix:16} {msg} {elapsed}";
const STILL: &str = "{prefix:18} {msg}";

/// Shows snapshots as they come.
#[derive(Debug)]
pub struct Progress {
    display: Display,
    news: News,
}

#[derive(Debug)]
enum Display {
    /// A line per part that moves.
    Live(MultiProgress, HashMap<String, ProgressBar>),
    /// A line per change; remembers the last state of each part.
    Plain(HashMap<String, PartState>),
}

impl Progress {
    /// The display that fits standard error.
    pub fn new() -> Self {
        let display = if io::stderr().is_terminal() {
            Display::Live(MultiProgress::new(), HashMap::new())
        } else {
            Display::Plain(HashMap::new())
        };
        Self { display, news: News::default() }
    }

    /// Shows what has changed.
    pub fn show(&mut self, snapshot: &Snapshot) {
        for line in self.news.of(snapshot) {
            self.tell(&line);
        }
        for part in &snapshot.parts {
            match &mut self.display {
                Display::Live(display, bars) => show_live(display, bars, part),
                Display::Plain(states) => {
                    if let Some(line) = changed(states, part) {
                        note(line);
                    }
                }
            }
        }
    }

    fn tell(&self, line: &str) {
        match &self.display {
            // Above the lines that move. With standard error closed there is nobody left to tell.
            Display::Live(display, _) => drop(display.println(line)),
            Display::Plain(_) => note(line),
        }
    }

    /// Leaves the last state standing and draws no more.
    pub fn finish(&mut self) {
        if let Display::Live(_, bars) = &self.display {
            bars.values().for_each(ProgressBar::abandon);
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn show_live(display: &MultiProgress, bars: &mut HashMap<String, ProgressBar>, part: &PartStatus) {
    if part.state == PartState::Waiting {
        return;
    }
    let bar = bars.entry(part.name.clone()).or_insert_with(|| {
        let elapsed = part.started.map_or(0, |started| now_ms() - started);
        let bar = ProgressBar::new_spinner()
            .with_elapsed(Duration::from_millis(u64::try_from(elapsed).unwrap_or(0)))
            .with_style(style(RUNNING))
            .with_prefix(part.name.clone());
        bar.enable_steady_tick(TICK);
        display.add(bar)
    });
    let moving =
        matches!(part.state, PartState::Working | PartState::Starting | PartState::Stopping);
    if moving {
        bar.set_style(style(RUNNING));
        bar.set_message(part.state.word());
    } else {
        bar.set_style(style(STILL));
        bar.abandon_with_message(outcome(part));
    }
}

fn changed(states: &mut HashMap<String, PartState>, part: &PartStatus) -> Option<String> {
    let before = states.insert(part.name.clone(), part.state);
    let news = before.unwrap_or(PartState::Waiting) != part.state;
    news.then(|| format!("{:16} {}", part.name, outcome(part)))
}

/// A part's state with how long it took and what there is to say.
fn outcome(part: &PartStatus) -> String {
    let mut text = part.state.word().to_owned();
    if let (true, Some(took)) = (part.state.is_settled(), part.took) {
        text = format!("{text} ({})", duration(took));
    }
    if let Some(note) = &part.note {
        text = format!("{text}: {note}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_tell_each_change_once() {
        let mut states = HashMap::new();
        let mut part = PartStatus::waiting("kafka", true);
        assert_eq!(changed(&mut states, &part), None);
        part.state = PartState::Starting;
        assert_eq!(changed(&mut states, &part).as_deref(), Some("kafka            starting"));
        assert_eq!(changed(&mut states, &part), None);
        part.state = PartState::Ready;
        part.took = Some(7_100);
        assert_eq!(changed(&mut states, &part).as_deref(), Some("kafka            ready (7.1 s)"));
    }

    #[test]
    fn what_died_says_why() {
        let mut part = PartStatus::waiting("writer", true);
        part.state = PartState::Restarting;
        part.note = Some("was killed by signal 9".to_owned());
        assert_eq!(outcome(&part), "restarting: was killed by signal 9");
    }
}
