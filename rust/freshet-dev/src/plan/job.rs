//! What the Spark job needs: processors, state, memory and disks.

use freshet_core::config::StateStore;
use serde::Serialize;

use super::demand::Demand;
use super::figures as figure;
use super::sum::{Lengths, Load};
use super::whole::whole;

/// What the job needs.
#[derive(Clone, Debug, Serialize)]
pub struct Spark {
    /// Executors that the processors ask for.
    #[serde(serialize_with = "whole")]
    pub by_cores: f64,
    /// Executors that the state on their heaps asks for; zero where it is on disk.
    #[serde(serialize_with = "whole")]
    pub by_heap: f64,
    /// Executors.
    #[serde(serialize_with = "whole")]
    pub executors: f64,
    /// Cores of all executors.
    #[serde(serialize_with = "whole")]
    pub cores: f64,
    /// Rows of the state: series, metrics and kinds of windows with a window that has not ended.
    #[serde(serialize_with = "whole")]
    pub state_rows: f64,
    /// Bytes of the state.
    #[serde(serialize_with = "whole")]
    pub state: f64,
    /// Bytes of the heap of one executor.
    #[serde(serialize_with = "whole")]
    pub heap: f64,
    /// Bytes beside the heap of one executor.
    #[serde(serialize_with = "whole")]
    pub native: f64,
    /// Bytes of all executors.
    #[serde(serialize_with = "whole")]
    pub memory: f64,
    /// Bytes of the shuffles that Spark has not removed yet, of all executors.
    #[serde(serialize_with = "whole")]
    pub shuffle_disk: f64,
    /// Bytes of `RocksDB`'s files, of all executors; zero where the state is on the heap.
    #[serde(serialize_with = "whole")]
    pub state_disk: f64,
    /// Bytes of disk of one executor, with the room that has to stay free.
    #[serde(serialize_with = "whole")]
    pub disk_of_executor: f64,
    /// Bytes of the checkpoint, before whatever keeps it makes replicas.
    #[serde(serialize_with = "whole")]
    pub checkpoint_disk: f64,
    /// Bytes of the heap of the driver.
    #[serde(serialize_with = "whole")]
    pub driver_heap: f64,
    /// Bytes of the driver, with what lies beside its heap.
    #[serde(serialize_with = "whole")]
    pub driver_memory: f64,
    /// Cores of the driver.
    #[serde(serialize_with = "whole")]
    pub driver_cores: f64,
}

/// CPU-seconds of the job for one record of this demand.
pub(super) fn job_cpu_per_record(demand: &Demand) -> f64 {
    let metrics = f64::from(demand.metrics);
    let further_kinds = demand.windows.len() as f64 - 1.0;
    let times = 1.0
        + figure::SHARE_OF_BYTES * (demand.record_bytes / figure::RECORD_BYTES - 1.0)
        + figure::SHARE_OF_A_METRIC * (metrics - 1.0)
        + figure::SHARE_OF_A_KIND * metrics * further_kinds;
    figure::JOB_CPU_PER_RECORD * times
}

pub(super) fn spark(demand: &Demand, load: &Load) -> Spark {
    let busy = demand.rate * job_cpu_per_record(demand)
        + load.versions * figure::JOB_CPU_PER_VERSION
        + figure::JOB_CPU_PER_BATCH / demand.batch_seconds();
    let of_executor = f64::from(demand.executor_cores);
    let state = of_kinds(demand, |kind| rows(demand, kind) * row_bytes(demand, kind));
    let (state_on_heap, state_beside, state_disk) = match demand.state_store {
        StateStore::Memory => (state * demand.safety_factor, 0.0, 0.0),
        StateStore::Rocksdb => (0.0, figure::ROCKSDB_MEMORY, state * figure::ROCKSDB_COPIES),
    };
    let by_cores = (busy * demand.safety_factor / of_executor).ceil().max(1.0);
    let by_heap = (state_on_heap / (figure::LARGEST_HEAP - figure::EXECUTOR_HEAP)).ceil();
    let executors = by_cores.max(by_heap);
    let heap = figure::EXECUTOR_HEAP + state_on_heap / executors;
    let native = of_executor * figure::TASK_MEMORY + state_beside + heap * figure::OVERHEAD_SHARE;
    let shuffled = of_kinds(demand, |kind| partials(demand) * partial_bytes(demand, kind));
    let shuffle_disk = shuffled * figure::SHUFFLE_SECONDS;
    let changed = of_kinds(demand, |kind| changed_rows(demand) * row_bytes(demand, kind));
    Spark {
        by_cores,
        by_heap,
        executors,
        cores: executors * of_executor,
        state_rows: of_kinds(demand, |kind| rows(demand, kind)).ceil(),
        state,
        heap,
        native,
        memory: executors * (heap + native),
        shuffle_disk,
        state_disk,
        disk_of_executor: (shuffle_disk + state_disk) / executors / figure::DISK_FILL,
        checkpoint_disk: figure::STATE_SNAPSHOTS * state + figure::STATE_VERSIONS * changed,
        driver_heap: figure::DRIVER_HEAP,
        driver_memory: figure::DRIVER_HEAP + figure::DRIVER_OVERHEAD,
        driver_cores: figure::DRIVER_CORES,
    }
}

/// The sum over all kinds of windows, of all metrics.
fn of_kinds(demand: &Demand, of_kind: impl Fn(&Lengths) -> f64) -> f64 {
    let kinds = demand.windows.iter().map(|window| of_kind(&Lengths::of(window)));
    f64::from(demand.metrics) * kinds.sum::<f64>()
}

/// Seconds from a reading to the end of what holds it: its last window, lateness, and the micro-batch that ends it.
pub(super) fn open_seconds(demand: &Demand, kind: &Lengths) -> f64 {
    kind.size + demand.lateness.as_secs_f64() + demand.batch_seconds()
}

/// Rows of the state, of one metric and kind of window. A row goes when its windows have ended, so that there are never
/// more than there are readings in that time.
fn rows(demand: &Demand, kind: &Lengths) -> f64 {
    demand.series.min(demand.rate * open_seconds(demand, kind))
}

/// Panes of one row that hold a reading: those of the windows that are open, unless there are fewer readings.
pub(super) fn panes(demand: &Demand, kind: &Lengths) -> f64 {
    let open = open_seconds(demand, kind);
    let readings = demand.rate * open / rows(demand, kind);
    (open / kind.pane).min(readings) + 1.0
}

/// Bytes of a pane with its readings.
pub(super) fn pane_bytes(demand: &Demand, kind: &Lengths) -> f64 {
    let readings = (demand.rate / demand.series * kind.pane).max(1.0);
    figure::PANE_BYTES + (readings * figure::READING_BYTES).min(figure::SKETCH_BYTES)
}

/// Bytes of a row with its panes.
pub(super) fn row_bytes(demand: &Demand, kind: &Lengths) -> f64 {
    figure::STATE_ROW_BYTES + panes(demand, kind) * pane_bytes(demand, kind)
}

/// Partial aggregates that are shuffled per second, of one metric and kind: one of each series in a micro-batch.
fn partials(demand: &Demand) -> f64 {
    changed_rows(demand) / demand.batch_seconds()
}

/// Rows of the state that a micro-batch changes, of one metric and kind.
pub(super) fn changed_rows(demand: &Demand) -> f64 {
    demand.series.min(demand.rate * demand.batch_seconds())
}

/// Panes of a partial aggregate: those of a micro-batch.
pub(super) fn panes_of_a_batch(demand: &Demand, kind: &Lengths) -> f64 {
    let readings = demand.rate * demand.batch_seconds() / changed_rows(demand);
    (demand.batch_seconds() / kind.pane).min(readings) + 1.0
}

/// Bytes of a partial aggregate, at most: with a sketch in each pane.
fn partial_bytes(demand: &Demand, kind: &Lengths) -> f64 {
    figure::STATE_ROW_BYTES
        + panes_of_a_batch(demand, kind) * (figure::PANE_BYTES + figure::SKETCH_BYTES)
}
