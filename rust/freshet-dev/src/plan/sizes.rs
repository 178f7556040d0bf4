//! Rows of the state, disks and memory: known sums, and how they are told.

use freshet_core::config::StateStore;

use super::figures as figure;
use super::tests::{near, plan};

/// Ten million series that report once a day each: most have no row.
#[test]
fn rows_of_the_state_go_with_their_windows() {
    let quiet = plan(|demand| {
        demand.series = 1e7;
        demand.rate = 100.0;
        demand.metrics = 2;
        demand.windows = vec!["10s".parse().unwrap(), "1m".parse().unwrap()];
    });
    // 10 s of lateness and 1 s of a micro-batch after each window.
    near(quiet.spark.state_rows, 2.0 * 100.0 * (21.0 + 71.0));
    let row = figure::STATE_ROW_BYTES + 2.0 * (figure::PANE_BYTES + figure::READING_BYTES);
    near(quiet.spark.state, quiet.spark.state_rows * row);
    let more = plan(|demand| {
        demand.series = 1e8;
        demand.rate = 100.0;
    });
    near(more.spark.state_rows, 2_100.0);
}

#[test]
fn disks_and_memory_are_planned_for_every_part() {
    let on_heap = plan(|_| {});
    // A partial aggregate of each series each second, with a pane and a tenth.
    let partial = figure::STATE_ROW_BYTES + 1.1 * (figure::PANE_BYTES + figure::SKETCH_BYTES);
    near(on_heap.spark.shuffle_disk, 1_000.0 * partial * 1_800.0);
    near(on_heap.spark.disk_of_executor, on_heap.spark.shuffle_disk / figure::DISK_FILL);
    // Each micro-batch changes all rows.
    near(on_heap.spark.checkpoint_disk, 111.0 * on_heap.spark.state);
    let on_disk = plan(|demand| demand.state_store = StateStore::Rocksdb);
    near(on_disk.spark.state_disk, 2.0 * on_disk.spark.state);
    let both = on_disk.spark.shuffle_disk + on_disk.spark.state_disk;
    near(on_disk.spark.disk_of_executor, both / figure::DISK_FILL);
    near(on_heap.producer.memory, figure::PRODUCER_MEMORY);
    near(on_heap.writer.memory, figure::WRITER_MEMORY);
    near(on_heap.kafka.memory, figure::BROKER_HEAP + 60.0 * on_heap.kafka.network_in);
    near(on_heap.cassandra.memory, 16.0 * figure::GIB);
    near(on_heap.spark.driver_memory, 2.375 * figure::GIB);
}

/// What is counted is whole; what is a rate, a time or an average need not be.
#[test]
fn counts_are_whole_numbers_in_json() {
    const RATES: [&str; 15] = [
        "rate",
        "record_bytes",
        "safety_factor",
        "lateness",
        "trigger",
        "raw_retention",
        "retention",
        "readings",
        "versions",
        "windows",
        "bytes",
        "network_in",
        "network_out",
        "writes",
        "machines",
    ];
    let plan = plan(|demand| demand.series = 333.0);
    let parts = serde_json::to_value(&plan).unwrap();
    let mut counted = 0;
    for (part, fields) in parts.as_object().unwrap() {
        for (name, value) in fields.as_object().unwrap() {
            if value.is_number() && !RATES.contains(&name.as_str()) {
                assert!(value.is_u64(), "{part}.{name}: {value}");
                counted += 1;
            }
        }
    }
    assert!(counted > 35, "{counted}");
}
