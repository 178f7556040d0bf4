//! From measurements to figures.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Engine, Latency, Measurement, WINDOW_CASES, queries};
use crate::display::{Table, grouped};

/// The result of a benchmark; serialised it is what `--json` prints.
#[derive(Debug, PartialEq, Serialize)]
pub struct Report {
    /// Per case and engine.
    pub results: Vec<Figures>,
    /// Per case, how many times the records per CPU-second of plain Spark the native job reads.
    pub ratios: BTreeMap<String, f64>,
    /// Per case with sliding windows, the native job's records per second as a share of those with tumbling windows.
    pub sliding_to_tumbling: BTreeMap<String, f64>,
    /// From event to window, if it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
}

/// The figures of a query: medians of the rounds.
#[derive(Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The case's name.
    pub case: String,
    /// Who answered.
    pub engine: Engine,
    /// Records of the topic per second.
    pub records_per_second: f64,
    /// CPU-seconds of the whole process per million records.
    pub cpu_seconds_per_million: f64,
}

impl Measurement {
    /// Records of the topic per second.
    pub fn records_per_second(&self) -> f64 {
        self.records as f64 / self.seconds
    }

    /// CPU-seconds of the whole process per million records.
    pub fn cpu_seconds_per_million(&self) -> f64 {
        self.cpu_seconds / self.records as f64 * 1e6
    }
}

impl Report {
    /// Sums up what was measured; round 0 does not count.
    pub fn new(measurements: &[Measurement], latency: Option<Latency>) -> Self {
        let rounds = Rounds(measurements.iter().filter(|one| one.round > 0).collect());
        let results =
            queries(&[]).into_iter().filter_map(|(case, engine)| rounds.figures(case, engine));
        let ratios = WINDOW_CASES.iter().filter_map(|(case, _)| {
            let ratio = rounds.compare((case, Engine::Plain), (case, Engine::Native), |one| {
                one.cpu_seconds_per_million()
            });
            Some(((*case).to_owned(), ratio?))
        });
        let [(tumbling, _), sliding @ ..] = WINDOW_CASES;
        let sliding_to_tumbling = sliding.iter().filter_map(|(case, _)| {
            let share = rounds.compare((case, Engine::Native), (tumbling, Engine::Native), |one| {
                one.records_per_second()
            });
            Some(((*case).to_owned(), share?))
        });
        Self {
            results: results.collect(),
            ratios: ratios.collect(),
            sliding_to_tumbling: sliding_to_tumbling.collect(),
            latency,
        }
    }
}

/// The measurements that count.
struct Rounds<'a>(Vec<&'a Measurement>);

impl Rounds<'_> {
    fn of(&self, case: &str, engine: Engine) -> impl Iterator<Item = &Measurement> {
        self.0.iter().copied().filter(move |one| one.case == case && one.engine == engine)
    }

    fn figures(&self, case: &str, engine: Engine) -> Option<Figures> {
        Some(Figures {
            case: case.to_owned(),
            engine,
            records_per_second: median(
                self.of(case, engine).map(Measurement::records_per_second).collect(),
            )?,
            cpu_seconds_per_million: median(
                self.of(case, engine).map(Measurement::cpu_seconds_per_million).collect(),
            )?,
        })
    }

    /// The median of the quotients of each round: what else happened on the machine in a round had its effect on both.
    fn compare(
        &self,
        above: (&str, Engine),
        below: (&str, Engine),
        figure: impl Fn(&Measurement) -> f64,
    ) -> Option<f64> {
        let quotient = |above: &Measurement| {
            let below = self.of(below.0, below.1).find(|below| below.round == above.round)?;
            Some(figure(above) / figure(below))
        };
        median(self.of(above.0, above.1).filter_map(quotient).collect())
    }
}

/// The middle one, or the mean of the two in the middle.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) })
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(latency) = &self.latency {
            write_latency(latency, formatter)?;
        }
        if self.results.is_empty() {
            return Ok(());
        }
        let mut table = Table::default();
        table.row(["case", "engine", "records/s", "CPU-s per million records"]);
        for figures in &self.results {
            table.row([
                figures.case.clone(),
                figures.engine.to_string(),
                format!("{:>9}", grouped(figures.records_per_second)),
                format!("{:>25.3}", figures.cpu_seconds_per_million),
            ]);
        }
        write!(formatter, "{table}")?;
        if !self.ratios.is_empty() {
            let of = |(case, ratio): (&String, &f64)| format!("{case} {ratio:.2}x");
            let line = "native to plain, in records per CPU-second:";
            write!(formatter, "\n\n{line} {}", join(self.ratios.iter().map(of)))?;
        }
        if !self.sliding_to_tumbling.is_empty() {
            let of = |(case, share): (&String, &f64)| format!("{case} {:.0} %", share * 100.0);
            let line = "native sliding to native tumbling windows, in records/s:";
            write!(formatter, "\n{line} {}", join(self.sliding_to_tumbling.iter().map(of)))?;
        }
        let note = "CPU-seconds are those of the whole process; plain windows have no percentiles, native ones do.";
        write!(formatter, "\n\n{note}")
    }
}

fn write_latency(latency: &Latency, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut table = Table::default();
    table.row(["milliseconds", "p50", "p95", "p99"]);
    table.row(["micro-batch", &latency.batch_ms_p50.to_string()]);
    let [p50, p95, p99] = [
        latency.event_to_window_ms_p50,
        latency.event_to_window_ms_p95,
        latency.event_to_window_ms_p99,
    ];
    for (phase, milliseconds) in &latency.phase_ms_p50 {
        table.row([format!("  {phase}"), milliseconds.to_string()]);
    }
    table.row(["event to window".to_owned(), p50.to_string(), p95.to_string(), p99.to_string()]);
    let (batches, windows) = (latency.batches, latency.windows);
    write!(formatter, "{table}\n\n{batches} micro-batches and {windows} windows after the warm-up")
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(case: &str, engine: Engine, round: u32, seconds: f64, cpu: f64) -> Measurement {
        let case = case.to_owned();
        Measurement { case, engine, round, records: 2_000_000, seconds, cpu_seconds: cpu }
    }

    /// Three rounds after one that must not count.
    fn rounds(case: &str, engine: Engine, seconds: [f64; 3], cpu: [f64; 3]) -> Vec<Measurement> {
        let counted = (1..).zip(seconds.into_iter().zip(cpu));
        let counted = counted.map(|(round, (s, c))| measured(case, engine, round, s, c));
        std::iter::once(measured(case, engine, 0, 1000.0, 1000.0)).chain(counted).collect()
    }

    #[test]
    fn figures_and_ratios_are_medians_without_the_round_that_warms_up() {
        let plain = rounds("tumbling_10s", Engine::Plain, [4.0, 5.0, 80.0], [8.0, 9.0, 90.0]);
        let native = rounds("tumbling_10s", Engine::Native, [1.0, 2.0, 20.0], [2.0, 3.0, 45.0]);
        let report = Report::new(&[plain, native].concat(), None);
        let figures = |engine, records_per_second, cpu_seconds_per_million| Figures {
            case: "tumbling_10s".to_owned(),
            engine,
            records_per_second,
            cpu_seconds_per_million,
        };
        let expected =
            [figures(Engine::Plain, 400_000.0, 4.5), figures(Engine::Native, 1_000_000.0, 1.5)];
        assert_eq!(report.results, expected);
        // Of the quotients 4, 3 and 2.
        assert_eq!(report.ratios, BTreeMap::from([("tumbling_10s".to_owned(), 3.0)]));
        assert!(report.sliding_to_tumbling.is_empty());
    }

    #[test]
    fn sliding_windows_are_compared_with_tumbling_ones_of_the_same_engine() {
        let tumbling = rounds("tumbling_10s", Engine::Native, [2.0; 3], [1.0; 3]);
        let sliding = rounds("sliding_60s_1s", Engine::Native, [2.5; 3], [1.0; 3]);
        let report = Report::new(&[tumbling, sliding].concat(), None);
        let expected = BTreeMap::from([("sliding_60s_1s".to_owned(), 0.8)]);
        assert_eq!(report.sliding_to_tumbling, expected);
        assert!(report.ratios.is_empty(), "there is nothing to compare with");
    }

    #[test]
    fn people_see_a_table_and_programs_one_object() {
        let plain = rounds("tumbling_10s", Engine::Plain, [4.0; 3], [8.0; 3]);
        let native = rounds("tumbling_10s", Engine::Native, [1.0; 3], [2.0; 3]);
        let report = Report::new(&[plain, native].concat(), None);
        let text = report.to_string();
        assert!(
            text.contains("tumbling_10s  native  2,000,000                      1.000"),
            "{text}"
        );
        assert!(text.contains("records per CPU-second: tumbling_10s 4.00x"), "{text}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["results"][1]["engine"], "native");
        assert_eq!(json["results"][1]["records_per_second"], 2_000_000.0);
        assert_eq!(json["ratios"]["tumbling_10s"], 4.0);
        assert!(json.get("latency").is_none());
    }

    #[test]
    fn of_an_even_number_the_median_lies_in_between() {
        assert_eq!(median(vec![3.0, 1.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
