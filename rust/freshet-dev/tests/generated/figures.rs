//! The figures that a plan counts with are those that the documentation prints.

use std::fs;

use freshet_core::aggregate::WindowStats;
use freshet_core::topics::Topic;
use freshet_dev::plan::figures::{self, Figure};
use freshet_dev::plan::report::number;

use crate::files::{check_section, project};

const PAGE: &str = "docs/performance.md";

/// The figures that no other table has.
#[test]
fn the_table_has_the_figures() {
    let row = |figure: &Figure| {
        format!(
            "| {} | {} {} | {} |\n",
            figure.what,
            number(figure.value),
            figure.unit,
            figure.source
        )
    };
    let head = "| Figure | Value | Where it is from |\n|---|---:|---|\n";
    let measured: String = figures::MEASURED.iter().map(row).collect();
    check_section(PAGE, "figures of the plan", &format!("{head}{measured}"));
    let assumed: String = figures::ASSUMED.iter().map(row).collect();
    check_section(PAGE, "assumptions of the plan", &format!("{head}{assumed}"));
}

/// Those that the results of the benchmarks have.
#[test]
fn the_results_of_the_benchmarks_are_the_same() {
    let page = Page::read();
    let job = page.row("| `tumbling_10s` ", "| | native ");
    near(job[3] * 1e-6, figures::JOB_CPU_PER_RECORD);
    let producer = page.row("| Records/s | CPU-seconds per million records | Peak", "| 6");
    near(producer[0], figures::PRODUCER_RATE);
    near(producer[1] * 1e-6, figures::PRODUCER_CPU_PER_RECORD);
    near(page.row("| Milliseconds ", "| micro-batch ")[1] / 1_000.0, figures::MICRO_BATCH_SECONDS);
    let share = |stage: &str| page.row("| Stage | Share |", stage)[1] / 100.0;
    let (client, fields) = (share("| Kafka's client"), share("| Rust: find the fields"));
    let (numbers, sums) = (share("| Rust: numbers"), share("| Rust: sum up"));
    near(client + fields, figures::SHARE_OF_BYTES);
    near(fields + numbers + sums, figures::SHARE_OF_A_METRIC);
    near(sums, figures::SHARE_OF_A_KIND);
    assert!(page.0.contains(&format!("JSON records of about {} bytes", figures::RECORD_BYTES)));
}

/// Those that the programs themselves have.
#[test]
fn the_settings_of_the_programs_are_the_same() {
    let windows = Topic::Windows.retention_ms().unwrap() as f64 / 1_000.0;
    near(windows, figures::WINDOWS_RETENTION_SECONDS);
    let read = |path: &str| fs::read_to_string(project().join(path)).unwrap();
    let memory =
        format!("| `spark.freshet.task.memory` | `{}m` |", figures::TASK_MEMORY / figures::MIB);
    assert!(read("docs/spark.md").contains(&memory));
    let batch = format!("to {} ms of a core", figures::JOB_CPU_PER_BATCH * 1_000.0);
    assert!(read("README.md").contains(&batch));
    let parts = format!("COMPACTION_WINDOWS: u64 = {};", figures::COMPACTION_WINDOWS);
    assert!(read("rust/freshet-cassandra-writer/src/schema.rs").contains(&parts));
}

/// A plan gives producers and writers what the manifests give them.
#[test]
fn memory_of_the_programs_is_that_of_the_manifests() {
    let cases = [
        ("producer-sensors.yaml", figures::PRODUCER_MEMORY),
        ("producer-wikimedia.yaml", figures::PRODUCER_MEMORY),
        ("writer.yaml", figures::WRITER_MEMORY),
    ];
    for (name, memory) in cases {
        let file = project().join("docker/kubernetes/base").join(name);
        let limit = format!("memory: {}Mi }}", memory / figures::MIB);
        let text = fs::read_to_string(file).unwrap();
        let limits = text.lines().find(|line| line.trim_start().starts_with("limits:")).unwrap();
        assert!(limits.ends_with(&limit), "{name}: {limits} is not {limit}");
    }
}

/// Those of the state's layout.
#[test]
fn a_pane_has_so_many_bytes() {
    let of_readings = |number: u32| {
        let mut stats = WindowStats::default();
        for index in 0..number {
            // Between 10 and 100, and as many of the small as of the large.
            stats.add(i64::from(index), 10_f64.powf(1.0 + f64::from(index) / f64::from(number)));
        }
        // A pane has its start and its number of records, and no number of the layout.
        stats.encode().len() as f64 + 16.0 - 1.0
    };
    near(of_readings(1), figures::PANE_BYTES + figures::READING_BYTES);
    near(of_readings(32), figures::PANE_BYTES + 32.0 * figures::READING_BYTES);
    let sketch = of_readings(10_000) - figures::PANE_BYTES;
    println!("a sketch has {sketch} bytes");
    assert!((0.7..=1.0).contains(&(sketch / figures::SKETCH_BYTES)), "a sketch has {sketch} bytes");
}

#[track_caller]
fn near(printed: f64, counted_with: f64) {
    let difference = (printed - counted_with).abs();
    assert!(difference <= counted_with * 1e-9, "{printed} is printed, {counted_with} counted with");
}

/// docs/performance.md
struct Page(String);

impl Page {
    fn read() -> Self {
        Self(fs::read_to_string(project().join(PAGE)).unwrap())
    }

    /// The cells of the first row that begins so, after one that begins otherwise: numbers without their units, and
    /// texts as NaN.
    #[track_caller]
    fn row(&self, after: &str, begin: &str) -> Vec<f64> {
        let rest = self.0.lines().skip_while(|line| !line.starts_with(after));
        let row = rest.skip(1).find(|line| line.starts_with(begin));
        let row = row.unwrap_or_else(|| panic!("{PAGE} has no row '{begin}' after '{after}'"));
        let number = |cell: &str| {
            let digits = cell.trim().trim_end_matches(['%', ' ']).replace(',', "");
            digits.parse().unwrap_or(f64::NAN)
        };
        row.trim_matches('|').split('|').map(number).collect()
    }
}
