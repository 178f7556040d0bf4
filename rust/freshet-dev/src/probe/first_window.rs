//! Whether what the sources send comes out as windows: what a start waits for last.

use freshet_core::config::Config;
use freshet_core::wire::{Component, SourceHealth};
use serde::Deserialize;

use super::{DashboardApi, Report, Reports};

/// How far the records of a stack have come since it was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Windows are computed and stored, and the dashboard shows a series. Windows of an earlier run do not count, and
    /// neither does it matter how old the events are: a replay is as good as a live source.
    Through,
    /// No source has given a record yet, and there may be nothing wrong with that. A line for each source.
    NoRecords(Vec<String>),
    /// Records are on their way, or too little is known.
    Underway(Lost),
}

/// Records that become no window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// They cannot be read, and are in the topic of dead letters.
    pub rejected: u64,
    /// They came after their windows had ended.
    pub late: u64,
}

impl Lost {
    /// What people should look at, if this is why no window comes.
    pub fn words(self) -> Option<String> {
        match self {
            Self { rejected: 0, late: 0 } => None,
            Self { rejected, late } => Some(format!(
                "; the Spark job has rejected {rejected} records and found {late} too late: the topic dead-letters has \
                 the reasons, and `./freshet parse` tries the mapping"
            )),
        }
    }
}

#[derive(Deserialize)]
struct SeriesAnswer {
    series: Vec<serde::de::IgnoredAny>,
}

/// How far the records have come of a stack that was started at `since` (milliseconds since the epoch).
pub async fn flow(config: &Config, since: i64) -> Flow {
    let dashboard = DashboardApi::of(config);
    let Some(reports) = dashboard.ask::<Reports>("/api/health", &[]).await else {
        return Flow::Underway(Lost::default());
    };
    match judge(&reports.components, since) {
        Flow::Through if !shows_series(config, &dashboard).await => Flow::Underway(Lost::default()),
        flow => flow,
    }
}

fn judge(reports: &[Report], since: i64) -> Flow {
    let of = |component: Component| {
        let own = move |report: &&Report| report.component == component.name();
        // Reports of programs that ran before stay in the topic.
        reports.iter().filter(own).filter(move |report| report.since >= since)
    };
    let has_handed_on = |component| of(component).any(|report| report.records_out > 0);
    if has_handed_on(Component::SparkJob) && has_handed_on(Component::CassandraWriter) {
        return Flow::Through;
    }
    let lost = of(Component::SparkJob).fold(Lost::default(), |lost, report| Lost {
        rejected: lost.rejected + report.rejected,
        late: lost.late + report.late,
    });
    match of(Component::Producer).next() {
        Some(Report { records_out: 0, sources: Some(sources), .. }) => {
            Flow::NoRecords(sources.iter().map(|(name, source)| words(name, source)).collect())
        }
        _ => Flow::Underway(lost),
    }
}

/// What a source is doing that has given no record.
fn words(name: &str, source: &SourceHealth) -> String {
    let SourceHealth { connection, messages_in, rejected, dropped, .. } = source;
    let counts = format!("{messages_in} messages, {rejected} rejected, {dropped} dropped");
    let error = source.last_error.as_ref().map_or_else(String::new, |error| format!("; {error}"));
    format!("source {name} is {connection}, no record yet ({counts}){error}")
}

async fn shows_series(config: &Config, dashboard: &DashboardApi) -> bool {
    for source in &config.sources {
        let query = [("stream", source.stream.as_str())];
        let answer: Option<SeriesAnswer> = dashboard.ask("/api/series", &query).await;
        if answer.is_some_and(|answer| !answer.series.is_empty()) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_000;

    fn report(component: Component, since: i64, records_out: u64) -> Report {
        Report { component: component.name().to_owned(), since, records_out, ..Report::default() }
    }

    fn producer(connection: &str) -> Report {
        let sources = serde_json::json!({"usgs": {
            "connection": connection, "connection_since": 0, "messages_in": 3, "bytes_in": 0, "records_out": 0,
            "rejected": 2, "dropped": 1, "gaps": 0, "reconnections": 0, "last_error": "no answer"
        }});
        let sources = serde_json::from_value(sources).unwrap();
        Report { sources, ..report(Component::Producer, START, 0) }
    }

    #[test]
    fn what_an_earlier_run_has_computed_or_stored_says_nothing_of_this_one() {
        let of = |job, writer| {
            let reports = [
                report(Component::SparkJob, job, 1),
                report(Component::CassandraWriter, writer, 1),
            ];
            judge(&reports, START)
        };
        assert_eq!(of(START, START), Flow::Through);
        assert_eq!(of(START - 1, START), Flow::Underway(Lost::default()));
        assert_eq!(of(START, START - 1), Flow::Underway(Lost::default()));
    }

    #[test]
    fn windows_have_to_be_stored_as_well() {
        let reports =
            [report(Component::SparkJob, START, 1), report(Component::CassandraWriter, START, 0)];
        assert_eq!(judge(&reports, START), Flow::Underway(Lost::default()));
    }

    #[test]
    fn what_becomes_no_window_is_said() {
        let refusing = Report { rejected: 7, late: 2, ..report(Component::SparkJob, START, 0) };
        let Flow::Underway(lost) = judge(&[refusing], START) else { panic!() };
        let words = lost.words().unwrap();
        assert!(words.contains("rejected 7 records and found 2 too late"), "{words}");
        assert_eq!(Lost::default().words(), None);
    }

    #[test]
    fn a_source_that_has_given_nothing_says_what_it_does() {
        let Flow::NoRecords(said) = judge(&[producer("reconnecting")], START) else { panic!() };
        let expected = "source usgs is reconnecting, no record yet (3 messages, 2 rejected, 1 dropped); no answer";
        assert_eq!(said, [expected]);
        let sending = Report { records_out: 1, ..producer("connected") };
        assert_eq!(judge(&[sending], START), Flow::Underway(Lost::default()));
        assert_eq!(judge(&[], START), Flow::Underway(Lost::default()), "not known");
    }
}
