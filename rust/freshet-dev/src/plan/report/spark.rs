//! What the job needs, step by step.

use freshet_core::config::StateStore;

use super::units::{amount, bytes, memory, micro, number, per_second, percent};
use super::{Step, step};
use crate::display::grouped;
use crate::plan::figures as figure;
use crate::plan::sum::{Lengths, Plan, job_cpu_per_record, pane_bytes, panes};

const PART: &str = "Spark job";

pub(super) fn spark(plan: &Plan) -> Vec<Step> {
    [state(plan), executors(plan), memory_of_executors(plan)].concat()
}

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
            PART,
            "rows of state",
            grouped(plan.spark.state_rows),
            format!("{rows} × {} kinds of windows", demand.windows.len()),
        ),
        step(
            PART,
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
        PART,
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
        PART,
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
    let sum =
        vec![step(PART, "executors", all, most), step(PART, "cores", grouped(spark.cores), cores)];
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
        step(PART, "heap of an executor", heap.clone(), heap_of_an_executor(plan)),
        step(
            PART,
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
            PART,
            "memory of the executors",
            memory(spark.memory),
            format!("{} × ({heap} + {native})", grouped(spark.executors)),
        ),
        step(
            PART,
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
