//! What the writers and the store need, step by step.

use super::units::{
    amount, bytes, memory, memory_of, micro, number, peak, per_second, percent, time,
};
use super::{Step, step};
use crate::display::grouped;
use crate::plan::figures as figure;
use crate::plan::sum::Plan;

pub(super) fn writer(plan: &Plan) -> Vec<Step> {
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
        memory_of(PART, &plan.writer, figure::WRITER_MEMORY),
    ]
}

pub(super) fn cassandra(plan: &Plan) -> Vec<Step> {
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
        step(
            PART,
            "memory of a node",
            memory(store.node_memory),
            format!(
                "{} of heap + {} beside it",
                memory(figure::CASSANDRA_HEAP),
                memory(figure::CASSANDRA_BESIDE_HEAP)
            ),
        ),
        step(
            PART,
            "memory",
            memory(store.memory),
            format!("{} × {}", grouped(store.nodes), memory(store.node_memory)),
        ),
    ]
}
