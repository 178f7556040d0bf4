//! Tables of known sums, and properties of all sums.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use freshet_core::config::{Config, StateStore};
use proptest::prelude::*;

use super::*;

fn demand() -> Demand {
    Demand {
        rate: 10_000.0,
        record_bytes: 125.0,
        series: 1_000.0,
        metrics: 1,
        windows: vec!["10s".parse().unwrap()],
        lateness: Duration::from_secs(10),
        trigger: Duration::from_secs(1),
        raw_retention: Duration::from_hours(24 * 7),
        retention: Duration::from_hours(24 * 30),
        kafka_replication: 1,
        cassandra_replication: 1,
        cassandra_replication_map: replication::in_one("datacenter1", 1),
        datacenter: "datacenter1".to_owned(),
        safety_factor: 2.0,
        state_store: StateStore::Memory,
        executor_cores: 4,
        node_cores: 8,
        node_disk: 2e12,
    }
}

/// Many series on few processors, with all that is kept for a short time: the heaps of the executors are most of it.
pub(super) fn of_large_state() -> Demand {
    Demand {
        series: 5e7,
        windows: vec!["1h".parse().unwrap()],
        retention: Duration::from_hours(2),
        raw_retention: Duration::from_hours(1),
        ..demand()
    }
}

pub(super) fn plan(change: impl FnOnce(&mut Demand)) -> Plan {
    let mut demand = demand();
    change(&mut demand);
    Plan::of(&demand).unwrap()
}

pub(super) fn near(found: f64, right: f64) {
    assert!((found - right).abs() <= right.abs() * 1e-9, "{found} is not {right}");
}

#[test]
fn a_busy_series_changes_its_open_windows_in_each_micro_batch() {
    // 1,000 series: each micro-batch of a second changes one window, and each tenth one more.
    near(plan(|_| {}).load.versions, 1_100.0);
    near(plan(|_| {}).load.windows, 100.0);
    // Five windows of five minutes overlap.
    let sliding = plan(|demand| demand.windows = vec!["5m/1m".parse().unwrap()]);
    near(sliding.load.versions, 1_000.0 * (5.0 + 1.0 / 60.0));
    near(sliding.load.windows, 1_000.0 / 60.0);
    // Three metrics are three windows; two kinds are added.
    near(plan(|demand| demand.metrics = 3).load.versions, 3_300.0);
    let both = plan(|demand| demand.windows.push("5m/1m".parse().unwrap()));
    near(both.load.versions, 1_100.0 + 1_000.0 * (5.0 + 1.0 / 60.0));
    // In a micro-batch of ten seconds each series changes the window that ends and the one that begins.
    near(plan(|demand| demand.trigger = Duration::from_secs(10)).load.versions, 200.0);
}

#[test]
fn a_quiet_series_changes_only_the_windows_of_its_records() {
    let quiet = plan(|demand| demand.series = 1e6);
    near(quiet.load.versions, 10_000.0);
    near(quiet.load.windows, 10_000.0);
}

#[test]
fn units_are_right() {
    let plan = plan(|_| {});
    near(plan.load.bytes, 1_250_000.0);
    near(plan.kafka.raw_disk, 1_250_000.0 * figures::KAFKA_BYTES_PER_BYTE * 604_800.0);
    near(plan.kafka.windows_disk, 2.0 * 100.0 * figures::MESSAGE_BYTES * 172_800.0);
    near(plan.kafka.disk, (plan.kafka.raw_disk + plan.kafka.windows_disk) / figures::DISK_FILL);
    near(plan.cassandra.rows, 100.0 * 2_592_000.0);
    near(
        plan.cassandra.disk,
        (2.592e8 + 1_000.0 * 86_400.0) * figures::ROW_BYTES / figures::DISK_FILL,
    );
    near(plan.cassandra.writes, 1_100.0);
    near(plan.spark.state_rows, 1_000.0);
    // 10 s of window, 10 s of lateness, 1 s of a micro-batch, in panes of 10 s, and the one that was begun.
    let pane = figures::PANE_BYTES + (100.0 * figures::READING_BYTES).min(figures::SKETCH_BYTES);
    near(plan.spark.state, 1_000.0 * (figures::STATE_ROW_BYTES + 3.1 * pane));
    let busy = 10_000.0 * figures::JOB_CPU_PER_RECORD
        + 1_100.0 * figures::JOB_CPU_PER_VERSION
        + figures::JOB_CPU_PER_BATCH;
    assert!(2.0 * busy < 4.0);
    assert_eq!((plan.spark.executors, plan.spark.cores), (1.0, 4.0));
    assert_eq!((plan.kafka.nodes, plan.kafka.partitions), (1.0, 4.0));
}

#[test]
fn replicas_are_counted_where_they_are_made() {
    let one = plan(|_| {});
    let three = plan(|demand| {
        demand.kafka_replication = 3;
        demand.cassandra_replication = 3;
    });
    near(three.kafka.disk, one.kafka.disk * 3.0);
    near(three.kafka.network_in, one.kafka.network_in * 3.0);
    near(three.kafka.network_out - one.kafka.network_out, one.kafka.network_in * 2.0);
    near(three.cassandra.disk, one.cassandra.disk * 3.0);
    near(three.cassandra.writes, one.cassandra.writes * 3.0);
    assert_eq!((three.kafka.nodes, three.cassandra.nodes), (3.0, 3.0));
    near(three.spark.memory, one.spark.memory);
}

#[test]
fn state_that_no_heap_holds_gets_more_executors() {
    let wide = |demand: &mut Demand| {
        demand.series = 1e8;
        demand.rate = 1e5;
        demand.windows = vec!["1h".parse().unwrap()];
    };
    let on_heap = plan(wide);
    assert!(on_heap.spark.executors > 1.0 && on_heap.spark.heap <= figures::LARGEST_HEAP);
    assert!(on_heap.spark.heap * on_heap.spark.executors > 2.0 * on_heap.spark.state);
    assert!(settings::notes(&on_heap).iter().any(|note| note.contains("--state-store rocksdb")));
    let on_disk = plan(|demand| {
        wide(demand);
        demand.state_store = StateStore::Rocksdb;
    });
    assert_eq!(on_disk.spark.heap, figures::EXECUTOR_HEAP);
    near(on_disk.spark.state, on_heap.spark.state);
    assert!(settings::notes(&on_disk).is_empty());
}

#[test]
fn the_bottleneck_is_what_takes_most_machines() {
    let named = |plan: &Plan| (plan.bottleneck.part, plan.bottleneck.resource);
    let long = plan(|demand| demand.raw_retention = Duration::from_hours(24 * 365));
    assert_eq!(named(&long), ("Kafka", "disk"));
    near(long.bottleneck.machines, long.kafka.disk / 2e12);
    let history = plan(|demand| {
        demand.raw_retention = Duration::from_hours(1);
        demand.retention = Duration::from_hours(24 * 3_650);
    });
    assert_eq!(named(&history), ("Cassandra", "disk"));
    let wide = plan(|demand| {
        demand.rate = 1e6;
        demand.series = 1e6;
        demand.raw_retention = Duration::from_mins(1);
        demand.retention = Duration::from_mins(1);
        demand.cassandra_replication = 3;
    });
    assert_eq!(named(&wide), ("Cassandra", "processors"));
}

#[test]
fn nonsense_is_refused_with_its_flag() {
    type Change = fn(&mut Demand);
    let cases: [(&str, Change); 18] = [
        ("--rate", |demand| demand.rate = 0.0),
        ("--rate", |demand| demand.rate = f64::NAN),
        ("--rate", |demand| demand.rate = f64::INFINITY),
        ("--record-bytes", |demand| demand.record_bytes = 0.0),
        ("--record-bytes", |demand| demand.record_bytes = 2e6),
        ("--series", |demand| demand.series = 0.5),
        ("--series", |demand| demand.series = 10.5),
        ("--series", |demand| demand.series = 1e11),
        ("--metrics", |demand| demand.metrics = 0),
        ("--windows", |demand| demand.windows.clear()),
        ("--windows", |demand| demand.windows = vec![demand.windows[0].clone(); 2]),
        ("--trigger", |demand| demand.trigger = Duration::from_hours(25)),
        ("--raw-retention", |demand| demand.raw_retention = Duration::from_millis(1)),
        ("--raw-retention", |demand| demand.raw_retention = Duration::ZERO),
        ("--retention", |demand| demand.retention = Duration::ZERO),
        ("--replication", |demand| demand.cassandra_replication = 0),
        ("--safety-factor", |demand| demand.safety_factor = 0.9),
        ("--node-disk", |demand| demand.node_disk = 0.0),
    ];
    for (flag, change) in cases {
        let mut demand = demand();
        change(&mut demand);
        let error = Plan::of(&demand).unwrap_err();
        assert_eq!(error.flag, flag, "{error}");
        assert!(
            error.to_string().starts_with(flag) && !error.to_string().ends_with('.'),
            "{error}"
        );
    }
}

#[test]
fn raw_records_are_kept_as_freshet_creates_their_topic_unless_asked_otherwise() {
    assert_eq!(settings::raw_topic(&plan(|_| {})), None);
    let day = plan(|demand| demand.raw_retention = Duration::from_hours(24));
    assert_eq!(settings::raw_topic(&day).as_deref(), Some("retention.ms=86400000"));
}

/// The project's own reader takes the settings, and finds in them what was asked for.
fn settings_are_valid(plan: &Plan) {
    let stream = "\n[[stream]]\nname = \"s\"\nseries = [\"id\"]\nvalues = { v = \"v\" }\nwindows = [\"10s\"]\n";
    let text = settings::freshet_toml(plan) + stream;
    let config = Config::parse(&text, Path::new("freshet.toml"), BTreeMap::new()).unwrap();
    assert_eq!(f64::from(config.kafka.partitions), plan.kafka.partitions.min(10_000.0));
    assert_eq!(f64::from(config.spark.shuffle_partitions), plan.spark.cores.min(100_000.0));
    assert_eq!(
        u32::try_from(config.kafka.replication_factor).unwrap(),
        plan.demand.kafka_replication
    );
    assert_eq!(config.spark.trigger, plan.demand.trigger);
    assert_eq!(config.cassandra.ttl, plan.demand.retention);
    assert_eq!(config.spark.state_store, plan.demand.state_store);
    let replicas = format!("'datacenter1': {}", plan.demand.cassandra_replication);
    assert!(config.cassandra.replication.contains(&replicas));
    for (key, value) in settings::spark_submit(plan) {
        assert!(key.starts_with("spark."), "{key}");
        let number = value.trim_end_matches(['g', 'm']);
        assert!(
            number.parse::<u64>().is_ok_and(|number| number > 0) || value == "true",
            "{key}={value}"
        );
    }
}

pub(super) fn demands() -> impl Strategy<Value = Demand> {
    let windows =
        proptest::sample::subsequence(vec!["10s", "1m", "5m/1m", "1m/1s", "90s/1m", "1h"], 1..=4);
    let load = (1.0..1e8_f64, 1.0..1e4_f64, 1.0..1e7_f64, 1..20_u32, windows);
    let times =
        (0..100_000_u64, 0..60_000_u64, 60_000..10_000_000_000_u64, 1_000_000..100_000_000_000_u64);
    let places = (1..5_u32, 1..5_u32, 1.0..5.0_f64, any::<bool>());
    (load, times, places).prop_map(|(load, times, places)| Demand {
        rate: load.0,
        record_bytes: load.1,
        // Each sends something now and then.
        series: load.2.min(load.0 * 1_000.0).max(1.0).floor(),
        metrics: load.3,
        windows: load.4.iter().map(|window| window.parse().unwrap()).collect(),
        lateness: Duration::from_millis(times.0),
        trigger: Duration::from_millis(times.1),
        raw_retention: Duration::from_millis(times.2),
        // Whole seconds, as Cassandra has them.
        retention: Duration::from_secs(times.3 / 1_000),
        kafka_replication: places.0,
        cassandra_replication: places.1,
        cassandra_replication_map: replication::in_one("datacenter1", places.1),
        safety_factor: places.2,
        state_store: if places.3 { StateStore::Memory } else { StateStore::Rocksdb },
        ..demand()
    })
}

/// What grows, or stays, when a demand grows.
fn amounts(plan: &Plan) -> Vec<(&'static str, f64)> {
    vec![
        ("readings", plan.load.readings),
        ("versions", plan.load.versions),
        ("windows", plan.load.windows),
        ("producers", plan.producer.instances),
        ("producers' cores", plan.producer.cores),
        ("partitions", plan.kafka.partitions),
        ("brokers' cores", plan.kafka.cores),
        ("brokers' disk", plan.kafka.disk),
        ("network in", plan.kafka.network_in),
        ("network out", plan.kafka.network_out),
        ("brokers", plan.kafka.nodes),
        ("executors", plan.spark.executors),
        ("job's cores", plan.spark.cores),
        ("state", plan.spark.state),
        ("job's memory", plan.spark.memory),
        ("shuffles", plan.spark.shuffle_disk),
        ("RocksDB's files", plan.spark.state_disk.max(1.0)),
        ("checkpoint", plan.spark.checkpoint_disk),
        ("driver", plan.spark.driver_memory),
        ("producers' memory", plan.producer.memory),
        ("brokers' memory", plan.kafka.memory),
        ("writers' memory", plan.writer.memory),
        ("nodes' memory", plan.cassandra.memory),
        ("writers", plan.writer.instances),
        ("writers' cores", plan.writer.cores),
        ("rows", plan.cassandra.rows),
        ("writes", plan.cassandra.writes),
        ("store's disk", plan.cassandra.disk),
        ("store's cores", plan.cassandra.cores),
        ("nodes", plan.cassandra.nodes),
        ("bottleneck", plan.bottleneck.machines),
    ]
}

type Growth = (&'static str, fn(&mut Demand));

/// Each input, made more demanding.
const GROWTHS: [Growth; 12] = [
    ("rate", |demand| demand.rate *= 1.7),
    ("record bytes", |demand| demand.record_bytes *= 1.7),
    ("series", |demand| demand.series = (demand.series * 1.7).ceil()),
    ("metrics", |demand| demand.metrics += 1),
    ("windows", |demand| demand.windows.push("2m".parse().unwrap())),
    ("lateness", |demand| demand.lateness += Duration::from_secs(30)),
    ("a shorter trigger", |demand| demand.trigger /= 2),
    ("raw retention", |demand| demand.raw_retention *= 2),
    ("retention", |demand| demand.retention *= 2),
    ("replicas in Kafka", |demand| demand.kafka_replication += 1),
    ("replicas in Cassandra", |demand| demand.cassandra_replication += 1),
    ("safety factor", |demand| demand.safety_factor *= 1.5),
];

/// What the size of the state decides, or may.
const OF_THE_STATE: [&str; 8] = [
    "state",
    "job's memory",
    "executors",
    "job's cores",
    "partitions",
    "bottleneck",
    "RocksDB's files",
    "checkpoint",
];

proptest! {
    #[test]
    fn nothing_shrinks_when_a_demand_grows(demand in demands()) {
        let before = amounts(&Plan::of(&demand).unwrap());
        for (input, grow) in GROWTHS {
            let mut larger = demand.clone();
            grow(&mut larger);
            let after = Plan::of(&larger).unwrap();
            // Of a shorter micro-batch the panes stay open for a shorter time.
            // Of more series at the same rate each changed row has fewer panes.
            let shrinks = |name: &str| match input {
                "a shorter trigger" => OF_THE_STATE.contains(&name),
                "series" => name == "checkpoint",
                _ => false,
            };
            for ((name, less), (_, more)) in before.iter().zip(amounts(&after)) {
                prop_assert!(
                    more >= less * (1.0 - 1e-9) || shrinks(name),
                    "{} of more {}: {} after {}", name, input, more, less
                );
            }
        }
    }

    #[test]
    fn every_plan_is_finite_and_its_settings_are_valid(demand in demands()) {
        let plan = Plan::of(&demand).unwrap();
        for (name, amount) in amounts(&plan) {
            prop_assert!(amount.is_finite() && amount > 0.0, "{}: {}", name, amount);
        }
        settings_are_valid(&plan);
        prop_assert!(report::text(&plan).contains(&report::bottleneck(&plan)));
    }
}
