//! What the job needs, step by step.

use freshet_core::config::StateStore;

use super::units::{amount, bytes, memory, micro, number, per_second, percent, time};
use super::{Step, step};
use crate::display::grouped;
use crate::plan::figures as figure;
use crate::plan::job::{
    changed_rows, job_cpu_per_record, open_seconds, pane_bytes, panes, panes_of_a_batch, row_bytes,
};
use crate::plan::sum::{Lengths, Plan};

const PART: &str = "Spark job";

pub(super) fn spark(plan: &Plan) -> Vec<Step> {
    [state(plan), executors(plan), memory_of_executors(plan), disks(plan), driver(plan)].concat()
}

/// A sum over the kinds of windows, of all metrics.
fn of_kinds(plan: &Plan, of_kind: impl Fn(&Lengths) -> String) -> String {
    let kinds = plan.demand.windows.iter().map(|window| {
        let sum = of_kind(&Lengths::of(window));
        format!("{window}: {sum}")
    });
    format!("{} metrics × ({})", plan.demand.metrics, kinds.collect::<Vec<_>>().join("; "))
}

/// Rows of a kind of window, as they are reckoned.
fn rows(plan: &Plan, kind: &Lengths) -> String {
    let demand = &plan.demand;
    format!(
        "the least of {} series and {} × {} s",
        amount(demand.series),
        per_second(demand.rate),
        number(open_seconds(demand, kind))
    )
}

fn state(plan: &Plan) -> Vec<Step> {
    let demand = &plan.demand;
    let bytes_of_kind = |kind: &Lengths| {
        format!(
            "({}) × ({} B + {} panes × {} B)",
            rows(plan, kind),
            number(figure::STATE_ROW_BYTES),
            number(panes(demand, kind)),
            number(pane_bytes(demand, kind))
        )
    };
    let how = of_kinds(plan, |kind| rows(plan, kind));
    vec![
        step(PART, "rows of state", grouped(plan.spark.state_rows), how),
        step(PART, "state", bytes(plan.spark.state), of_kinds(plan, bytes_of_kind)),
    ]
}

fn disks(plan: &Plan) -> Vec<Step> {
    let (demand, spark) = (&plan.demand, &plan.spark);
    let changed = amount(changed_rows(demand));
    let batch = number(demand.batch_seconds());
    let partials = of_kinds(plan, |kind| {
        format!(
            "{} B + {} panes × {} B",
            number(figure::STATE_ROW_BYTES),
            number(panes_of_a_batch(demand, kind)),
            number(figure::PANE_BYTES + figure::SKETCH_BYTES)
        )
    });
    let row_sizes = of_kinds(plan, |kind| format!("{} B", number(row_bytes(demand, kind))));
    let shuffles = step(
        PART,
        "disk of shuffles",
        bytes(spark.shuffle_disk),
        format!("{changed} series / {batch} s × {} × {partials}", time(figure::SHUFFLE_SECONDS)),
    );
    let store = step(
        PART,
        "disk of RocksDB",
        bytes(spark.state_disk),
        format!("{} × {}", number(figure::ROCKSDB_COPIES), bytes(spark.state)),
    );
    let (stored, all) = match demand.state_store {
        StateStore::Memory => (Vec::new(), bytes(spark.shuffle_disk)),
        StateStore::Rocksdb => {
            let both = format!("({} + {})", bytes(spark.shuffle_disk), bytes(spark.state_disk));
            (vec![store], both)
        }
    };
    let executors = grouped(spark.executors);
    let full = percent(figure::DISK_FILL);
    let sums = vec![
        step(
            PART,
            "disk of an executor",
            bytes(spark.disk_of_executor),
            format!("{all} / {executors} executors / {full} full"),
        ),
        step(
            PART,
            "checkpoint",
            bytes(spark.checkpoint_disk),
            format!(
                "{} snapshots × {} + {} versions × {changed} series × {row_sizes}",
                number(figure::STATE_SNAPSHOTS),
                bytes(spark.state),
                number(figure::STATE_VERSIONS)
            ),
        ),
    ];
    [vec![shuffles], stored, sums].concat()
}

fn driver(plan: &Plan) -> Vec<Step> {
    let spark = &plan.spark;
    let heap = memory(spark.driver_heap);
    let beside = memory(figure::DRIVER_OVERHEAD);
    vec![
        step(
            PART,
            "heap of the driver",
            heap.clone(),
            format!("{heap}: it does not grow with the load"),
        ),
        step(
            PART,
            "memory of the driver",
            memory(spark.driver_memory),
            format!("{heap} + {beside} beside the heap"),
        ),
        step(PART, "cores of the driver", grouped(spark.driver_cores), "1: it plans".to_owned()),
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
