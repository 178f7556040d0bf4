//! From measurements to figures.

use std::collections::BTreeMap;
use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use super::{Codec, Compiler, Engine, Latency, Measurement, READ_CASE, WINDOW_CASES, queries};
use crate::display::{Table, grouped};

/// The result of a benchmark; serialised it is what `--json` prints.
#[derive(Debug, PartialEq, Serialize)]
pub struct Report {
    /// Records of a micro-batch, whoever reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch_records: Option<u64>,
    /// Per case, codec and engine, with the compiler with which it takes fewer CPU-seconds.
    pub results: Vec<Figures>,
    /// The same with the other compilers that were tried.
    pub other_compilers: Vec<Figures>,
    /// Per case, how many times the records per CPU-second of plain Spark the native job reads, each with the better
    /// compiler. With several codecs, the case's name is followed by that of the codec: `tumbling_10s/zstd`.
    pub ratios: BTreeMap<String, f64>,
    /// How many times the records per CPU-second of Kafka's own consumer the reader of batches reads: under `raw` all
    /// in all, under `batches` what of it is Java. With several codecs as above.
    pub read_ratios: BTreeMap<String, f64>,
    /// Per case with sliding windows, the native job's records per second as a share of those with tumbling windows.
    pub sliding_to_tumbling: BTreeMap<String, f64>,
    /// From event to window, if it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
}

/// The figures of a query: medians of the rounds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The case's name.
    pub case: String,
    /// Who answered.
    pub engine: Engine,
    /// What the topic is compressed with.
    pub codec: Codec,
    /// Which compilers the Java machine had.
    pub compiler: Compiler,
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
    pub fn new(
        measurements: &[Measurement],
        micro_batch_records: Option<u64>,
        latency: Option<Latency>,
    ) -> Self {
        let rounds = Rounds(measurements.iter().filter(|one| one.round > 0).collect());
        let (mut results, mut other_compilers) = (Vec::new(), Vec::new());
        for codec in rounds.codecs() {
            for (case, engine) in queries(&[]) {
                let mut figures = rounds.figures(case, engine, codec).into_iter();
                results.extend(figures.next());
                other_compilers.extend(figures);
            }
        }
        let [(tumbling, _), sliding @ ..] = WINDOW_CASES;
        let windows = WINDOW_CASES.map(|(case, _)| case);
        let cpu = Measurement::cpu_seconds_per_million;
        Self {
            micro_batch_records,
            ratios: rounds
                .compare(&windows, |case| ((case, Engine::Plain), (case, Engine::Native), cpu)),
            read_ratios: rounds.compare(&["raw", "batches"], |name| {
                let engine = if name == "raw" { Engine::Raw } else { Engine::Batches };
                ((READ_CASE, Engine::Consumer), (READ_CASE, engine), cpu)
            }),
            sliding_to_tumbling: rounds.compare(&sliding.map(|(case, _)| case), |case| {
                let tumbling = (tumbling, Engine::Native);
                ((case, Engine::Native), tumbling, Measurement::records_per_second)
            }),
            results,
            other_compilers,
            latency,
        }
    }
}

/// Who answers what.
type Query<'a> = (&'a str, Engine);

/// What is compared: the first query is divided by the second.
type Quotient<'a> = (Query<'a>, Query<'a>, fn(&Measurement) -> f64);

/// The measurements that count.
struct Rounds<'a>(Vec<&'a Measurement>);

impl Rounds<'_> {
    fn codecs(&self) -> Vec<Codec> {
        let used = |codec: &Codec| self.0.iter().any(|one| one.codec == *codec);
        Codec::value_variants().iter().copied().filter(used).collect()
    }

    fn of(
        &self,
        (case, engine): Query<'_>,
        codec: Codec,
        compiler: Compiler,
    ) -> impl Iterator<Item = &Measurement> {
        self.0.iter().copied().filter(move |one| {
            (one.case == case && one.engine == engine)
                && (one.codec == codec && one.compiler == compiler)
        })
    }

    /// Those of every compiler, the best first.
    fn figures(&self, case: &str, engine: Engine, codec: Codec) -> Vec<Figures> {
        let of_compiler = |compiler: &Compiler| {
            let all = |figure: fn(&Measurement) -> f64| {
                median(self.of((case, engine), codec, *compiler).map(figure).collect())
            };
            Some(Figures {
                case: case.to_owned(),
                engine,
                codec,
                compiler: *compiler,
                records_per_second: all(Measurement::records_per_second)?,
                cpu_seconds_per_million: all(Measurement::cpu_seconds_per_million)?,
            })
        };
        let mut figures: Vec<_> =
            Compiler::value_variants().iter().filter_map(of_compiler).collect();
        figures.sort_by(|one, other| {
            one.cpu_seconds_per_million.total_cmp(&other.cpu_seconds_per_million)
        });
        figures
    }

    /// The better compiler's rounds.
    fn best(&self, query: Query<'_>, codec: Codec) -> Vec<&Measurement> {
        let best = self.figures(query.0, query.1, codec).into_iter().next();
        best.map_or_else(Vec::new, |best| self.of(query, codec, best.compiler).collect())
    }

    /// Quotients under their names, and that of the codec where there are several.
    fn compare<'a>(
        &self,
        names: &[&'a str],
        quotient: impl Fn(&'a str) -> Quotient<'a>,
    ) -> BTreeMap<String, f64> {
        let codecs = self.codecs();
        let mut quotients = BTreeMap::new();
        for name in names {
            for codec in &codecs {
                let (above, below, figure) = quotient(name);
                let key =
                    if codecs.len() > 1 { format!("{name}/{codec}") } else { (*name).to_owned() };
                quotients.extend(self.quotient(above, below, *codec, figure).map(|one| (key, one)));
            }
        }
        quotients
    }

    /// The median of the quotients of each round: what else happened on the machine in a round had its effect on both.
    fn quotient(
        &self,
        above: Query<'_>,
        below: Query<'_>,
        codec: Codec,
        figure: fn(&Measurement) -> f64,
    ) -> Option<f64> {
        let below = self.best(below, codec);
        let of_round = |above: &Measurement| {
            let below = below.iter().find(|below| below.round == above.round)?;
            Some(figure(above) / figure(below))
        };
        median(self.best(above, codec).into_iter().filter_map(of_round).collect())
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
        write!(formatter, "{}", table(&self.results))?;
        if !self.other_compilers.is_empty() {
            let line = "with the compiler that takes more CPU-seconds, which does not count:";
            write!(formatter, "\n\n{line}\n{}", table(&self.other_compilers))?;
        }
        let comparisons = [
            ("native to plain, in records per CPU-second:", &self.ratios),
            ("Kafka's consumer and other readers, in records per CPU-second:", &self.read_ratios),
        ];
        for (line, ratios) in comparisons.into_iter().filter(|(_, ratios)| !ratios.is_empty()) {
            let of = |(case, ratio): (&String, &f64)| format!("{case} {ratio:.2}x");
            write!(formatter, "\n\n{line} {}", join(ratios.iter().map(of)))?;
        }
        if !self.sliding_to_tumbling.is_empty() {
            let of = |(case, share): (&String, &f64)| format!("{case} {:.0} %", share * 100.0);
            let line = "native sliding to native tumbling windows, in records/s:";
            write!(formatter, "\n{line} {}", join(self.sliding_to_tumbling.iter().map(of)))?;
        }
        if let Some(records) = self.micro_batch_records {
            write!(formatter, "\n\nmicro-batches of {} records", grouped(records as f64))?;
        }
        let note = "CPU-seconds are those of the whole process; plain windows have no percentiles, native ones do.";
        write!(formatter, "\n\n{note}")
    }
}

fn table(results: &[Figures]) -> Table {
    let mut table = Table::default();
    table.row(["case", "engine", "codec", "compiler", "records/s", "CPU-s per million records"]);
    for figures in results {
        table.row([
            figures.case.clone(),
            figures.engine.to_string(),
            figures.codec.to_string(),
            figures.compiler.to_string(),
            format!("{:>9}", grouped(figures.records_per_second)),
            format!("{:>25.3}", figures.cpu_seconds_per_million),
        ]);
    }
    table
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
        let (codec, compiler) = (Codec::Lz4, Compiler::Tiered);
        let (case, records, cpu_seconds) = (case.to_owned(), 2_000_000, cpu);
        Measurement { case, engine, codec, compiler, round, records, seconds, cpu_seconds }
    }

    /// Three rounds after one that must not count.
    fn rounds(case: &str, engine: Engine, seconds: [f64; 3], cpu: [f64; 3]) -> Vec<Measurement> {
        let counted = (1..).zip(seconds.into_iter().zip(cpu));
        let counted = counted.map(|(round, (s, c))| measured(case, engine, round, s, c));
        std::iter::once(measured(case, engine, 0, 1000.0, 1000.0)).chain(counted).collect()
    }

    fn report(measurements: &[Vec<Measurement>]) -> Report {
        Report::new(&measurements.concat(), Some(500_000), None)
    }

    #[test]
    fn figures_and_ratios_are_medians_without_the_round_that_warms_up() {
        let plain = rounds("tumbling_10s", Engine::Plain, [4.0, 5.0, 80.0], [8.0, 9.0, 90.0]);
        let native = rounds("tumbling_10s", Engine::Native, [1.0, 2.0, 20.0], [2.0, 3.0, 45.0]);
        let report = report(&[plain, native]);
        let figures = |engine, records_per_second, cpu_seconds_per_million| Figures {
            case: "tumbling_10s".to_owned(),
            engine,
            codec: Codec::Lz4,
            compiler: Compiler::Tiered,
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
    fn of_the_compilers_the_better_one_counts_for_each_engine() {
        let with = |compiler, mut rounds: Vec<Measurement>| {
            for one in &mut rounds {
                one.compiler = compiler;
            }
            rounds
        };
        let plain = |cpu| rounds("tumbling_10s", Engine::Plain, [4.0; 3], [cpu; 3]);
        let native = |cpu| rounds("tumbling_10s", Engine::Native, [1.0; 3], [cpu; 3]);
        let report = report(&[
            with(Compiler::Tiered, plain(12.0)),
            with(Compiler::Tiered, native(4.0)),
            with(Compiler::C1, plain(16.0)),
            with(Compiler::C1, native(3.0)),
        ]);
        assert_eq!(report.ratios["tumbling_10s"], 4.0);
        let compilers = |figures: &[Figures]| -> Vec<(Engine, Compiler)> {
            figures.iter().map(|one| (one.engine, one.compiler)).collect()
        };
        let [best, other] = [&report.results, &report.other_compilers].map(|all| compilers(all));
        assert_eq!(best, [(Engine::Plain, Compiler::Tiered), (Engine::Native, Compiler::C1)]);
        assert_eq!(other, [(Engine::Plain, Compiler::C1), (Engine::Native, Compiler::Tiered)]);
        assert!(report.to_string().contains("which does not count:\ncase"), "{report}");
    }

    #[test]
    fn several_codecs_have_ratios_of_their_own() {
        let of = |codec, engine, cpu| {
            let mut rounds = rounds("read", engine, [1.0; 3], [cpu; 3]);
            for one in &mut rounds {
                one.codec = codec;
            }
            rounds
        };
        let report = report(&[
            of(Codec::Zstd, Engine::Consumer, 8.0),
            of(Codec::Zstd, Engine::Raw, 4.0),
            of(Codec::Lz4, Engine::Consumer, 6.0),
            of(Codec::Lz4, Engine::Raw, 2.0),
            of(Codec::Lz4, Engine::Batches, 1.0),
        ]);
        let expected = [("batches/lz4", 6.0), ("raw/lz4", 3.0), ("raw/zstd", 2.0)];
        let expected = expected.map(|(name, ratio)| (name.to_owned(), ratio));
        assert_eq!(report.read_ratios, BTreeMap::from(expected));
        assert!(report.to_string().contains("raw/lz4 3.00x, raw/zstd 2.00x"), "{report}");
    }

    #[test]
    fn sliding_windows_are_compared_with_tumbling_ones_of_the_same_engine() {
        let tumbling = rounds("tumbling_10s", Engine::Native, [2.0; 3], [1.0; 3]);
        let sliding = rounds("sliding_60s_1s", Engine::Native, [2.5; 3], [1.0; 3]);
        let report = report(&[tumbling, sliding]);
        let expected = BTreeMap::from([("sliding_60s_1s".to_owned(), 0.8)]);
        assert_eq!(report.sliding_to_tumbling, expected);
        assert!(report.ratios.is_empty(), "there is nothing to compare with");
    }

    #[test]
    fn people_see_a_table_and_programs_one_object() {
        let plain = rounds("tumbling_10s", Engine::Plain, [4.0; 3], [8.0; 3]);
        let native = rounds("tumbling_10s", Engine::Native, [1.0; 3], [2.0; 3]);
        let report = report(&[plain, native]);
        let text = report.to_string();
        assert!(
            text.contains(
                "tumbling_10s  native  lz4    tiered    2,000,000                      1.000"
            ),
            "{text}"
        );
        assert!(text.contains("records per CPU-second: tumbling_10s 4.00x"), "{text}");
        assert!(text.contains("micro-batches of 500,000 records"), "{text}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["micro_batch_records"], 500_000);
        assert_eq!(json["results"][1]["engine"], "native");
        assert_eq!(json["results"][1]["codec"], "lz4");
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
