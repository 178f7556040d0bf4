//! How far sources are that have an end: a bar on a terminal, a line in the log from time to time elsewhere.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::{Duration, Instant};

use freshet_core::wire::Connection;
use freshet_runtime::Shutdown;
use freshet_sources::SourceStatus;
use freshet_sources::status::Progress;
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

const BAR_INTERVAL: Duration = Duration::from_millis(200);
const LINE_INTERVAL: Duration = Duration::from_secs(10);
const BAR: &str = "{prefix} {bar:30} {bytes} of {total_bytes}, {msg}";

/// Shows the progress of these sources until the shutdown.
pub(crate) fn spawn(statuses: Vec<Arc<SourceStatus>>, shutdown: &Shutdown) -> JoinHandle<()> {
    let shutdown = shutdown.clone();
    let display = io::stderr().is_terminal().then(MultiProgress::new);
    let interval = if display.is_some() { BAR_INTERVAL } else { LINE_INTERVAL };
    let mut watched: Vec<Watched> =
        statuses.into_iter().map(|status| Watched::new(status, display.clone())).collect();
    tokio::spawn(async move {
        while !shutdown.is_requested() {
            shutdown.sleep(interval).await;
            watched.iter_mut().for_each(Watched::show);
        }
        watched.iter().for_each(Watched::leave);
    })
}

/// A source that is looked at.
struct Watched {
    status: Arc<SourceStatus>,
    display: Option<MultiProgress>,
    bar: Option<ProgressBar>,
    /// The first look at it.
    start: Option<Sample>,
    has_ended: bool,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    messages: u64,
    progress: Progress,
}

/// How fast it goes, on the average.
#[derive(Debug, PartialEq)]
struct Speed {
    records_per_second: f64,
    /// `None` where nothing was read since.
    left: Option<Duration>,
}

impl Sample {
    fn speed_since(&self, start: &Self) -> Speed {
        let seconds = (self.at - start.at).as_secs_f64().max(1e-3);
        let messages = self.messages - start.messages;
        let read = self.progress.read.saturating_sub(start.progress.read);
        let unread = self.progress.size.saturating_sub(self.progress.read);
        let left = unread as f64 * seconds / read as f64;
        Speed {
            records_per_second: messages as f64 / seconds,
            left: Duration::try_from_secs_f64(left.round()).ok(),
        }
    }
}

impl Speed {
    fn in_words(&self) -> String {
        let left = match self.left {
            Some(left) => HumanDuration(left).to_string(),
            None => "an unknown time".to_owned(),
        };
        format!("{:.0} records/s, {left} left", self.records_per_second)
    }
}

impl Watched {
    fn new(status: Arc<SourceStatus>, display: Option<MultiProgress>) -> Self {
        Self { status, display, bar: None, start: None, has_ended: false }
    }

    fn show(&mut self) {
        let Some(progress) = self.status.progress().filter(|_| !self.has_ended) else { return };
        let report = self.status.report();
        let now = Sample { at: Instant::now(), messages: report.messages_in, progress };
        let Some(start) = self.start else {
            // Of a source that was opened in its middle: speed and remaining time are those of what was read since.
            self.start = Some(now);
            return;
        };
        self.has_ended = matches!(report.connection, Connection::Ended | Connection::Failed);
        let speed = now.speed_since(&start);
        if let Some(display) = &self.display {
            let source = self.status.source();
            let bar = self.bar.get_or_insert_with(|| display.add(new_bar(source)));
            bar.set_length(progress.size);
            bar.set_position(progress.read);
            bar.set_message(speed.in_words());
        } else {
            tracing::info!(
                source = self.status.source(),
                read_bytes = progress.read,
                of_bytes = progress.size,
                "reading: {}",
                speed.in_words()
            );
        }
        if self.has_ended {
            self.leave();
        }
    }

    /// Leaves the bar as it is.
    fn leave(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

fn new_bar(source: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_prefix(source.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_and_remaining_time_are_those_of_what_was_read_since() {
        let at = Instant::now();
        let start = Sample { at, messages: 100, progress: Progress { read: 5_000, size: 10_000 } };
        let later = Sample {
            at: at + Duration::from_secs(4),
            messages: 2_100,
            progress: Progress { read: 6_000, size: 10_000 },
        };
        let speed = later.speed_since(&start);
        let left = Some(Duration::from_secs(16));
        assert_eq!(speed, Speed { records_per_second: 500.0, left });
        assert_eq!(speed.in_words(), "500 records/s, 16 seconds left");
        let still = Sample { at: later.at, ..start };
        assert_eq!(still.speed_since(&start), Speed { records_per_second: 0.0, left: None });
        let end = Progress { read: 10_000, size: 10_000 };
        let ended = Sample { progress: end, ..later };
        assert_eq!(ended.speed_since(&start).left, Some(Duration::ZERO));
    }

    #[test]
    fn a_source_has_a_bar_as_soon_as_it_says_how_far_it_is() {
        let status = Arc::new(SourceStatus::new("replay"));
        let hidden = MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::hidden());
        let mut watched = Watched::new(Arc::clone(&status), Some(hidden));
        watched.show();
        assert!(watched.start.is_none(), "one without an end is not shown");
        for read in [10, 60, 100] {
            status.message_in(10);
            status.progressed(Progress { read, size: 100 });
            watched.show();
        }
        let bar = watched.bar.as_ref().unwrap();
        assert_eq!((bar.position(), bar.length(), bar.is_finished()), (100, Some(100), false));
        status.ended();
        watched.show();
        assert!(watched.has_ended && watched.bar.unwrap().is_finished());
    }
}
