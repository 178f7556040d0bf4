//! From window updates in the order of their arrival to requests that suit Cassandra.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use freshet_core::window_version::{FIELDS, Field, Kind, Value, WindowMessage};

use crate::offsets::Receipt;

/// More rows in one batch bring nothing.
pub(crate) const MAX_ROWS: usize = 32;

/// `batch_size_warn_threshold` of a server as it comes.
const MAX_BYTES: usize = 5 * 1024;

/// What the write timestamp and the TTL of a row take in a request.
const TIMESTAMP_AND_TTL_BYTES: usize = 8 + 4;

/// Where the texts of a row stand among [`FIELDS`].
static TEXTS: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let is_text = |field: &Field| field.in_table && field.kind == Kind::Text;
    (0..FIELDS.len()).filter(|index| is_text(&FIELDS[*index])).collect()
});

/// What the columns of a row take beside the texts, at the most: the bucket, and a value for each field of a window.
static FIXED_BYTES: LazyLock<usize> = LazyLock::new(|| {
    let is_number = |field: &&Field| field.in_table && field.kind != Kind::Text;
    8 * (1 + FIELDS.iter().filter(is_number).count()) + TIMESTAMP_AND_TTL_BYTES
});

/// Where a window update came from, and how it was written: what a dead letter needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) payload: Vec<u8>,
}

/// A window update and its place in the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) message: WindowMessage,
    pub(crate) bucket: i64,
    pub(crate) origin: Origin,
}

/// Rows of one partition of the table, for one request, with the receipts of all the messages
/// that are done once it succeeds: those of the rows and those of older versions of the same rows.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Row>,
    pub(crate) receipts: Vec<Receipt>,
    /// Whether the table `series` is to hear of these rows' series as well.
    pub(crate) announces_series: bool,
}

/// What is waiting for the next flush: the newest version of each window, by partition.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    partitions: HashMap<PartitionKey, BTreeMap<i64, Pending>>,
    rows: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PartitionKey {
    stream: String,
    series: String,
    metric: String,
    window: String,
    bucket: i64,
}

#[derive(Debug)]
struct Pending {
    row: Row,
    receipts: Vec<Receipt>,
}

impl Origin {
    /// What it takes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.payload.len()
    }
}

impl Row {
    /// About what the row takes in a request. The server counts otherwise, but not less for long
    /// texts, which are what makes a batch large.
    fn bytes(&self) -> usize {
        let length = |index: &usize| match self.message.value(*index) {
            Some(Value::Text(text)) => text.len(),
            _ => 0,
        };
        *FIXED_BYTES + TEXTS.iter().map(length).sum::<usize>()
    }

    fn partition_key(&self) -> PartitionKey {
        PartitionKey {
            stream: self.message.stream().to_owned(),
            series: self.message.series().to_owned(),
            metric: self.message.metric().to_owned(),
            window: self.message.window().to_owned(),
            bucket: self.bucket,
        }
    }

    /// The order of two versions of one window: Cassandra's own.
    fn version(&self) -> i64 {
        self.message.write_timestamp_micros()
    }
}

impl Batch {
    const fn new() -> Self {
        Self { rows: Vec::new(), receipts: Vec::new(), announces_series: false }
    }

    fn push(&mut self, pending: Pending) {
        self.rows.push(pending.row);
        self.receipts.extend(pending.receipts);
    }
}

impl Plan {
    /// Adds a row, unless a newer version of it is waiting already. Either way its message is done
    /// when the version that waits is.
    pub(crate) fn add(&mut self, row: Row, receipt: Receipt) {
        let partition = self.partitions.entry(row.partition_key()).or_default();
        if let Some(pending) = partition.get_mut(&row.message.start()) {
            pending.receipts.push(receipt);
            if row.version() >= pending.row.version() {
                pending.row = row;
            }
        } else {
            self.rows += 1;
            let start = row.message.start();
            partition.insert(start, Pending { row, receipts: vec![receipt] });
        }
    }

    /// The number of rows that wait.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// Empties the plan into batches: each of one partition, with at most [`MAX_ROWS`] rows and,
    /// as long as it has more than one, less than 5 KiB.
    pub(crate) fn drain(&mut self) -> Vec<Batch> {
        self.rows = 0;
        std::mem::take(&mut self.partitions)
            .into_values()
            .flat_map(|partition| split(partition.into_values()))
            .collect()
    }
}

fn split(pending: impl Iterator<Item = Pending>) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut batch = Batch::new();
    let mut bytes = 0;
    for pending in pending {
        let more = pending.row.bytes();
        let is_full = batch.rows.len() == MAX_ROWS || bytes + more >= MAX_BYTES;
        if is_full && !batch.rows.is_empty() {
            batches.push(std::mem::replace(&mut batch, Batch::new()));
            bytes = 0;
        }
        bytes += more;
        batch.push(pending);
    }
    batches.push(batch);
    batches
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::offsets::{Offsets, Outstanding};
    use crate::schema;
    use proptest::prelude::*;

    /// A window update of one metric, as small as can be.
    pub(crate) fn row(series: &str, start: i64, revision: u64) -> Row {
        let message = serde_json::json!({
            "stream": "host", "series": series, "metric": "usage", "window": "10s",
            "start": start, "end": start + 10_000, "count": revision, "sum": 1.0, "avg": 1.0,
            "min": 1.0, "max": 1.0, "stddev": 0.0, "p50": 1.0, "p95": 1.0, "p99": 1.0,
            "last_event": start, "generation": 0, "revision": revision, "emitted": start,
        });
        Row {
            message: serde_json::from_value(message).unwrap(),
            bucket: 0,
            origin: Origin {
                topic: "windows.host".to_owned(),
                partition: 0,
                offset: 0,
                key: None,
                payload: Vec::new(),
            },
        }
    }

    fn plan(rows: Vec<Row>) -> (Offsets, Vec<Batch>) {
        let mut offsets = Offsets::default();
        let mut plan = Plan::default();
        for (offset, row) in (0_i64..).zip(rows) {
            let receipt = offsets.receive("windows.host", 0, offset, 1);
            plan.add(row, receipt);
        }
        let batches = plan.drain();
        assert_eq!(plan.rows(), 0);
        (offsets, batches)
    }

    /// Whichever texts a window may get: each counts, as `plan` and the statement have it.
    #[test]
    fn the_size_of_a_row_counts_every_text_that_is_written() {
        let names: Vec<&str> = TEXTS.iter().map(|index| FIELDS[*index].name).collect();
        let written = schema::WINDOWS.columns.iter().filter(|column| column.cql_type == "text");
        assert_eq!(names, written.map(|column| column.name).collect::<Vec<_>>());
        let texts = ["host", "laptop", "usage", "10s"].concat().len();
        assert_eq!(row("laptop", 0, 1).bytes(), *FIXED_BYTES + texts);
    }

    #[test]
    fn only_the_newest_version_of_a_window_is_written_and_all_its_messages_are_done_by_it() {
        let rows = [3, 9, 5].map(|revision| row("laptop/cpu", 0, revision));
        let (_, batches) = plan(rows.into());
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].rows.len(), 1);
        assert_eq!(batches[0].rows[0].message.revision(), 9);
        assert_eq!(batches[0].receipts.len(), 3);
    }

    #[test]
    fn a_batch_has_at_most_32_rows() {
        let rows = (0..70).map(|number| row("laptop/cpu", number * 10_000, 1)).collect();
        let (_, batches) = plan(rows);
        let sizes: Vec<usize> = batches.iter().map(|batch| batch.rows.len()).collect();
        assert!(sizes.iter().all(|size| *size <= MAX_ROWS), "{sizes:?}");
        assert_eq!(sizes.iter().sum::<usize>(), 70);
    }

    #[test]
    fn a_long_series_id_makes_batches_with_fewer_rows() {
        let series = "s".repeat(1500);
        let rows = (0..9).map(|number| row(&series, number * 10_000, 1)).collect();
        let (_, batches) = plan(rows);
        let sizes: Vec<usize> = batches.iter().map(|batch| batch.rows.len()).collect();
        assert_eq!(sizes, [3, 3, 3]);
    }

    #[test]
    fn a_row_that_is_too_large_by_itself_goes_alone() {
        let series = "s".repeat(9000);
        let rows = (0..3).map(|number| row(&series, number * 10_000, 1)).collect();
        let (_, batches) = plan(rows);
        assert_eq!(batches.len(), 3);
    }

    proptest! {
        #[test]
        fn every_message_is_settled_once_and_every_batch_has_one_partition(
            updates in proptest::collection::vec((0_usize..5, 0_i64..40, 1_u64..100), 1..400),
        ) {
            let mut newest = HashMap::new();
            for (series, start, revision) in &updates {
                let version = newest.entry((*series, *start)).or_insert(0);
                *version = (*version).max(*revision);
            }
            let messages = i64::try_from(updates.len()).unwrap();
            let rows = updates
                .iter()
                .map(|(series, start, revision)| {
                    row(&format!("laptop/{series}"), start * 10_000, *revision)
                })
                .collect();
            let (mut offsets, batches) = plan(rows);
            let mut written = HashMap::new();
            let mut stored = 0;
            for batch in batches {
                prop_assert!(batch.rows.len() <= MAX_ROWS);
                prop_assert!(batch.rows.iter().map(Row::bytes).sum::<usize>() < MAX_BYTES);
                let key = batch.rows[0].partition_key();
                prop_assert!(batch.rows.iter().all(|row| row.partition_key() == key));
                for row in &batch.rows {
                    let series = key.series.rsplit('/').next().unwrap().parse::<usize>().unwrap();
                    let window = (series, row.message.start() / 10_000);
                    prop_assert!(written.insert(window, row.message.revision()).is_none());
                }
                for storable in offsets.settle(batch.receipts) {
                    stored = storable.next_offset;
                }
            }
            prop_assert_eq!(written, newest);
            prop_assert_eq!(stored, messages);
            prop_assert_eq!(offsets.outstanding(), Outstanding::default());
        }
    }
}
