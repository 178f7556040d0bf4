//! A plan as people read it: each step of the sum with its arithmetic.

use freshet_core::config::StateStore;

use super::figures as figure;
use super::settings;
use super::sum::{Lengths, Plan, job_cpu_per_record, pane_bytes, panes};
use crate::display::{Table, grouped};

/// A step of the sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The part that it is about.
    pub part: &'static str,
    /// What is counted.
    pub what: &'static str,
    /// How much it is, with its unit.
    pub value: String,
    /// The arithmetic.
    pub how: String,
}

/// All steps, in their order.
pub fn steps(plan: &Plan) -> Vec<Step> {
    [load(plan), producer(plan), kafka(plan), spark(plan), writer(plan), cassandra(plan)].concat()
}

fn step(part: &'static str, what: &'static str, value: String, how: String) -> Step {
    Step { part, what, value, how }
}

fn load(plan: &Plan) -> Vec<Step> {
    const PART: &str = "load";
    let (demand, load) = (&plan.demand, &plan.load);
    let (rate, series) = (amount(demand.rate), amount(demand.series));
    let metrics = demand.metrics;
    let batch = demand.batch_seconds();
    let versions = demand.windows.iter().map(|window| {
        let kind = Lengths::of(*window);
        let (overlapping, slide) = (number(kind.overlapping()), number(kind.slide));
        format!(
            "{window}: the least of {rate} × {overlapping} and {series} × ({overlapping} / {} s + 1 / {slide} s)",
            number(batch)
        )
    });
    let begun = demand.windows.iter().map(|window| {
        let kind = Lengths::of(*window);
        let (overlapping, slide) = (number(kind.overlapping()), number(kind.slide));
        format!("{window}: the least of {rate} × {overlapping} and {series} / {slide} s")
    });
    let all = |kinds: String| match metrics {
        1 => kinds,
        _ => format!("{metrics} metrics × ({kinds})"),
    };
    vec![
        step(
            PART,
            "readings",
            per_second(load.readings),
            format!("{rate} records/s × {metrics} metrics"),
        ),
        step(
            PART,
            "bytes of records",
            bytes_per_second(load.bytes),
            format!("{rate} records/s × {} B", number(demand.record_bytes)),
        ),
        step(
            PART,
            "versions of windows",
            per_second(load.versions),
            all(versions.collect::<Vec<_>>().join("; ")),
        ),
        step(PART, "windows", per_second(load.windows), all(begun.collect::<Vec<_>>().join("; "))),
    ]
}

fn producer(plan: &Plan) -> Vec<Step> {
    const PART: &str = "producer";
    let peak = peak(plan, plan.demand.rate, "records/s");
    let (of_one, cpu) = (grouped(figure::PRODUCER_RATE), micro(figure::PRODUCER_CPU_PER_RECORD));
    vec![
        step(
            PART,
            "instances",
            grouped(plan.producer.instances),
            format!("{peak} / {of_one} records/s"),
        ),
        step(PART, "cores", grouped(plan.producer.cores), format!("{peak} × {cpu}")),
    ]
}

fn kafka(plan: &Plan) -> Vec<Step> {
    const PART: &str = "Kafka";
    let (demand, kafka) = (&plan.demand, &plan.kafka);
    let replicas = demand.kafka_replication;
    let raw = plan.load.bytes * figure::KAFKA_BYTES_PER_BYTE;
    let windows = plan.load.versions * figure::MESSAGE_BYTES;
    let (written, read) = (bytes_per_second(raw), bytes_per_second(windows));
    let messages = peak(plan, demand.rate + plan.load.versions, "messages/s");
    vec![
        step(
            PART,
            "partitions of each topic",
            grouped(kafka.partitions),
            format!(
                "the most of {} cores of executors, {} writers and {} brokers: each needs one of its own",
                grouped(plan.spark.cores),
                grouped(plan.writer.instances),
                grouped(kafka.nodes)
            ),
        ),
        step(
            PART,
            "disk of raw records",
            bytes(kafka.raw_disk),
            format!(
                "{} × {} × {} × {replicas} replicas",
                bytes_per_second(plan.load.bytes),
                number(figure::KAFKA_BYTES_PER_BYTE),
                time(demand.raw_retention.as_secs_f64())
            ),
        ),
        step(
            PART,
            "disk of windows",
            bytes(kafka.windows_disk),
            format!(
                "the least of {} and {} × {}, × {} B × {} × {replicas} replicas",
                per_second(plan.load.versions),
                number(figure::UNCOMPACTED),
                per_second(plan.load.windows),
                number(figure::MESSAGE_BYTES),
                time(figure::WINDOWS_RETENTION_SECONDS)
            ),
        ),
        step(
            PART,
            "disk",
            bytes(kafka.disk),
            format!(
                "({} + {}) / {} full",
                bytes(kafka.raw_disk),
                bytes(kafka.windows_disk),
                percent(figure::DISK_FILL)
            ),
        ),
        step(
            PART,
            "network in",
            bytes_per_second(kafka.network_in),
            format!("({written} + {read}) × {replicas}"),
        ),
        step(
            PART,
            "network out",
            bytes_per_second(kafka.network_out),
            format!("({written} + {read}) × {} + {written} + 2 × {read}", replicas - 1),
        ),
        step(
            PART,
            "cores",
            grouped(kafka.cores),
            format!("{messages} × {} × {replicas}", micro(figure::BROKER_CPU_PER_RECORD)),
        ),
        step(
            PART,
            "brokers",
            grouped(kafka.nodes),
            format!(
                "the most of {replicas} replicas, {} / {} cores, {} / {}, and {} / {}",
                grouped(kafka.cores),
                demand.node_cores,
                bytes(kafka.disk),
                bytes(demand.node_disk),
                peak_bytes(plan, kafka.network_in.max(kafka.network_out)),
                bytes_per_second(figure::NODE_BYTES_PER_SECOND)
            ),
        ),
    ]
}

fn spark(plan: &Plan) -> Vec<Step> {
    [state(plan), executors(plan), memory_of_executors(plan)].concat()
}

const SPARK: &str = "Spark job";

fn state(plan: &Plan) -> Vec<Step> {
    let demand = &plan.demand;
    let kinds = demand.windows.iter().map(|window| {
        let kind = Lengths::of(*window);
        format!(
            "{window}: {} B + {} panes × {} B",
            number(figure::STATE_ROW_BYTES),
            number(panes(demand, &kind)),
            number(pane_bytes(demand, &kind))
        )
    });
    let rows = format!("{} series × {} metrics", amount(demand.series), demand.metrics);
    vec![
        step(
            SPARK,
            "rows of state",
            grouped(plan.spark.state_rows),
            format!("{rows} × {} kinds of windows", demand.windows.len()),
        ),
        step(
            SPARK,
            "state",
            bytes(plan.spark.state),
            format!("{rows} × ({})", kinds.collect::<Vec<_>>().join("; ")),
        ),
    ]
}

fn executors(plan: &Plan) -> Vec<Step> {
    let (demand, spark) = (&plan.demand, &plan.spark);
    let (by_cores, by_heap) = (grouped(spark.by_cores), grouped(spark.by_heap));
    let for_processors = step(
        SPARK,
        "executors for its processors",
        by_cores.clone(),
        format!(
            "{} × ({} × {} + {} × {} + {} s / {} s) / {} cores",
            number(demand.safety_factor),
            per_second(demand.rate),
            micro(job_cpu_per_record(demand)),
            per_second(plan.load.versions),
            micro(figure::JOB_CPU_PER_VERSION),
            number(figure::JOB_CPU_PER_BATCH),
            number(demand.batch_seconds()),
            demand.executor_cores
        ),
    );
    let for_heap = step(
        SPARK,
        "executors for its heap",
        by_heap.clone(),
        format!(
            "{} × {} / ({} − {})",
            number(demand.safety_factor),
            bytes(spark.state),
            memory(figure::LARGEST_HEAP),
            memory(figure::EXECUTOR_HEAP)
        ),
    );
    let (asked, most) = match demand.state_store {
        StateStore::Memory => (
            vec![for_processors, for_heap],
            format!("the most of {by_cores} for the processors and {by_heap} for the heap"),
        ),
        StateStore::Rocksdb => (vec![for_processors], format!("{by_cores} for the processors")),
    };
    let all = grouped(spark.executors);
    let cores = format!("{all} executors × {}", demand.executor_cores);
    let sum = vec![
        step(SPARK, "executors", all, most),
        step(SPARK, "cores", grouped(spark.cores), cores),
    ];
    [asked, sum].concat()
}

fn memory_of_executors(plan: &Plan) -> Vec<Step> {
    let spark = &plan.spark;
    let (heap, native) = (memory(spark.heap), memory(spark.native));
    let rocksdb = match plan.demand.state_store {
        StateStore::Memory => String::new(),
        StateStore::Rocksdb => format!(" + {} for RocksDB", memory(figure::ROCKSDB_MEMORY)),
    };
    vec![
        step(SPARK, "heap of an executor", heap.clone(), heap_of_an_executor(plan)),
        step(
            SPARK,
            "native memory of an executor",
            native.clone(),
            format!(
                "{} cores × {}{rocksdb} + {} × {heap} of heap",
                plan.demand.executor_cores,
                memory(figure::TASK_MEMORY),
                percent(figure::OVERHEAD_SHARE)
            ),
        ),
        step(
            SPARK,
            "memory of the executors",
            memory(spark.memory),
            format!("{} × ({heap} + {native})", grouped(spark.executors)),
        ),
        step(
            SPARK,
            "memory of the driver",
            memory(figure::DRIVER_HEAP),
            format!("{}: it does not grow with the load", memory(figure::DRIVER_HEAP)),
        ),
    ]
}

fn heap_of_an_executor(plan: &Plan) -> String {
    let base = memory(figure::EXECUTOR_HEAP);
    match plan.demand.state_store {
        StateStore::Memory => format!(
            "{base} + {} × {} / {} executors",
            number(plan.demand.safety_factor),
            bytes(plan.spark.state),
            grouped(plan.spark.executors)
        ),
        StateStore::Rocksdb => format!("{base}: the state is in RocksDB, on the executors' disks"),
    }
}

fn writer(plan: &Plan) -> Vec<Step> {
    const PART: &str = "writer";
    let peak = peak(plan, plan.load.versions, "rows/s");
    vec![
        step(
            PART,
            "instances",
            grouped(plan.writer.instances),
            format!("{peak} / {} rows/s", grouped(figure::WRITER_RATE)),
        ),
        step(
            PART,
            "cores",
            grouped(plan.writer.cores),
            format!("{peak} × {}", micro(figure::WRITER_CPU_PER_ROW)),
        ),
    ]
}

fn cassandra(plan: &Plan) -> Vec<Step> {
    const PART: &str = "Cassandra";
    let (demand, store) = (&plan.demand, &plan.cassandra);
    let replicas = demand.cassandra_replication;
    let retention = time(demand.retention.as_secs_f64());
    let superseded = time(demand.retention.as_secs_f64() / figure::COMPACTION_WINDOWS);
    vec![
        step(
            PART,
            "rows written",
            per_second(store.writes),
            format!("{} × {replicas} replicas", per_second(plan.load.versions)),
        ),
        step(
            PART,
            "rows kept",
            amount(store.rows),
            format!("{} × {retention}", per_second(plan.load.windows)),
        ),
        step(
            PART,
            "disk",
            bytes(store.disk),
            format!(
                "({} rows + {} × {superseded}) × {} B × {replicas} replicas / {} full",
                amount(store.rows),
                per_second(plan.load.versions - plan.load.windows),
                number(figure::ROW_BYTES),
                percent(figure::DISK_FILL)
            ),
        ),
        step(
            PART,
            "cores",
            grouped(store.cores),
            format!(
                "{} × {}",
                peak(plan, store.writes, "rows/s"),
                micro(figure::CASSANDRA_CPU_PER_ROW)
            ),
        ),
        step(
            PART,
            "nodes",
            grouped(store.nodes),
            format!(
                "the most of {replicas} replicas, {} / {} cores, and {} / {}",
                grouped(store.cores),
                demand.node_cores,
                bytes(store.disk),
                bytes(demand.node_disk)
            ),
        ),
    ]
}

fn peak(plan: &Plan, rate: f64, unit: &str) -> String {
    format!("{} × {} {unit}", number(plan.demand.safety_factor), amount(rate))
}

fn peak_bytes(plan: &Plan, rate: f64) -> String {
    format!("{} × {}", number(plan.demand.safety_factor), bytes_per_second(rate))
}

/// The bottleneck in one sentence.
pub fn bottleneck(plan: &Plan) -> String {
    let found = &plan.bottleneck;
    format!(
        "the bottleneck is the {} of {}: {} machines' worth; what helps: {}",
        found.resource,
        found.part,
        number((found.machines * 100.0).ceil() / 100.0),
        found.relief
    )
}

/// All of it as text for a terminal.
pub fn text(plan: &Plan) -> String {
    let mut table = Table::default();
    let mut part = "";
    for step in steps(plan) {
        let name = if step.part == part { "" } else { step.part };
        part = step.part;
        table.row([name, step.what, &step.value, &step.how]);
    }
    let notes = settings::notes(plan).into_iter().map(|note| format!("note: {note}\n"));
    let topic = settings::raw_topic(plan).map(|setting| {
        format!("\n# kafka-configs.sh --alter --entity-type topics, of the raw topic\n--add-config {setting}\n")
    });
    [
        format!("{table}\n\n{}\n", bottleneck(plan)),
        notes.collect(),
        format!("\n# freshet.toml\n{}", settings::freshet_toml(plan)),
        format!("\n# spark-submit\n{}\n", spark_submit(plan)),
        topic.unwrap_or_default(),
    ]
    .concat()
}

/// All of it as docs/scaling.md has it.
pub fn markdown(plan: &Plan) -> String {
    let mut part = "";
    let rows = steps(plan).into_iter().map(|step| {
        let name = if step.part == part { "" } else { step.part };
        part = step.part;
        format!("| {name} | {} | {} | {} |\n", step.what, step.value, step.how)
    });
    [
        "| Part | What | How much | Because |\n|---|---|---:|---|\n".to_owned(),
        rows.collect(),
        format!("\n```toml\n{}```\n", settings::freshet_toml(plan)),
        format!("\n```text\n{}\n```\n", spark_submit(plan)),
    ]
    .concat()
}

fn spark_submit(plan: &Plan) -> String {
    let options = settings::spark_submit(plan);
    let lines = options.iter().map(|(key, value)| format!("--conf {key}={value}"));
    lines.collect::<Vec<_>>().join(" \\\n")
}

/// A number with at most three decimals.
pub fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Three digits at least, so that what is printed can be reckoned with.
fn amount(value: f64) -> String {
    if value >= 100.0 || value == 0.0 {
        return grouped(value);
    }
    let mut decimals = 1;
    let mut scale = 10.0;
    while value * scale < 100.0 && decimals < 9 {
        scale *= 10.0;
        decimals += 1;
    }
    format!("{value:.decimals$}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

fn per_second(value: f64) -> String {
    format!("{}/s", amount(value))
}

fn micro(seconds: f64) -> String {
    format!("{} µs", number(seconds * 1e6))
}

/// In powers of a thousand, as disks and networks are sold.
fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut unit = 0;
    let mut rest = value;
    while rest >= 999.5 && unit + 1 < UNITS.len() {
        rest /= 1_000.0;
        unit += 1;
    }
    format!("{} {}", amount(rest), UNITS[unit])
}

fn bytes_per_second(value: f64) -> String {
    format!("{}/s", bytes(value))
}

/// In powers of 1024, as memory is.
fn memory(value: f64) -> String {
    if value < figure::GIB {
        return format!("{} MiB", grouped((value / figure::MIB).ceil()));
    }
    format!("{} GiB", amount(value / figure::GIB))
}

fn time(seconds: f64) -> String {
    const UNITS: [(&str, f64); 3] = [("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)];
    let unit = UNITS.iter().find(|(_, length)| seconds >= *length);
    unit.map_or_else(
        || format!("{} s", number(seconds)),
        |(name, length)| format!("{} {name}", number(seconds / length)),
    )
}
