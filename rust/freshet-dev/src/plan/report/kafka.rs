//! What the brokers need, step by step.

use super::units::{
    bytes, bytes_per_second, memory, micro, number, peak, peak_bytes, per_second, percent, time,
};
use super::{Step, step};
use crate::display::grouped;
use crate::plan::figures as figure;
use crate::plan::sum::Plan;

const PART: &str = "Kafka";

pub(super) fn kafka(plan: &Plan) -> Vec<Step> {
    [vec![partitions(plan)], disk(plan), network(plan), machines(plan), memories(plan)].concat()
}

fn partitions(plan: &Plan) -> Step {
    let kafka = &plan.kafka;
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
    )
}

fn disk(plan: &Plan) -> Vec<Step> {
    let (demand, kafka) = (&plan.demand, &plan.kafka);
    let replicas = demand.kafka_replication;
    vec![
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
    ]
}

fn network(plan: &Plan) -> Vec<Step> {
    let (kafka, replicas) = (&plan.kafka, plan.demand.kafka_replication);
    let (raw, windows) = written(plan);
    vec![
        step(
            PART,
            "network in",
            bytes_per_second(kafka.network_in),
            format!("({raw} + {windows}) × {replicas}"),
        ),
        step(
            PART,
            "network out",
            bytes_per_second(kafka.network_out),
            format!("({raw} + {windows}) × {} + {raw} + 2 × {windows}", replicas - 1),
        ),
    ]
}

/// Bytes per second of records and of windows, before they are replicated.
fn written(plan: &Plan) -> (String, String) {
    let raw = plan.load.bytes * figure::KAFKA_BYTES_PER_BYTE;
    let windows = plan.load.versions * figure::MESSAGE_BYTES;
    (bytes_per_second(raw), bytes_per_second(windows))
}

fn memories(plan: &Plan) -> Vec<Step> {
    let kafka = &plan.kafka;
    let (nodes, of_one) = (grouped(kafka.nodes), memory(kafka.node_memory));
    vec![
        step(
            PART,
            "memory of a broker",
            of_one.clone(),
            format!(
                "{} of heap + {} × {} / {nodes}",
                memory(figure::BROKER_HEAP),
                peak_bytes(plan, kafka.network_in),
                time(figure::CACHED_SECONDS)
            ),
        ),
        step(PART, "memory", memory(kafka.memory), format!("{nodes} × {of_one}")),
    ]
}

fn machines(plan: &Plan) -> Vec<Step> {
    let (demand, kafka) = (&plan.demand, &plan.kafka);
    let replicas = demand.kafka_replication;
    let messages = peak(plan, demand.rate + plan.load.versions, "messages/s");
    vec![
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
