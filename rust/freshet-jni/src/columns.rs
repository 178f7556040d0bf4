//! Results as Arrow columns, and their way to Java over the Arrow C Data Interface.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayBuilder, ArrayRef, BinaryBuilder, GenericByteBuilder, Int32Builder, Int64Builder,
    StringBuilder, StructArray,
};
use arrow::datatypes::{ByteArrayType, DataType, Field, Fields};
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, to_ffi};
use freshet_core::aggregate::PartialAggregate;
use freshet_core::config::Stream;
use freshet_core::record::{BadRow, Rejection};

use crate::gate::NativeError;
use crate::packed::PackedRecord;

/// Rows per exported batch: enough to hide the cost of the call.
const BATCH_ROWS: usize = 4_096;

/// Bytes of panes after which an exported batch is full: few enough to be held twice, and for 32-bit offsets.
const BATCH_BYTES: usize = 16 << 20;

/// Collects partial aggregates. Columns: `series`, `metric`, `window` (utf8), `closes`, `watermark_time` (i64, epoch
/// microseconds; the latter that to which the task's records so far move the watermark), `records` (i64), `panes`
/// (binary): see `freshet_core::aggregate::PartialAggregate`.
#[derive(Default)]
pub(crate) struct PartialColumns {
    series: StringBuilder,
    metric: StringBuilder,
    window: StringBuilder,
    closes: Int64Builder,
    watermark_time: Int64Builder,
    records: Int64Builder,
    panes: BinaryBuilder,
    scratch: Vec<u8>,
}

impl PartialColumns {
    pub(crate) fn push(
        &mut self,
        partial: &PartialAggregate<'_>,
        watermark_us: i64,
        names: &Names,
    ) {
        self.series.append_value(partial.series);
        self.metric.append_value(&names.metrics[partial.metric]);
        self.window.append_value(&names.windows[partial.window]);
        self.closes.append_value(partial.closes_us());
        self.watermark_time.append_value(watermark_us);
        self.records.append_value(i64::try_from(partial.records()).unwrap_or(i64::MAX));
        self.scratch.clear();
        partial.encode_panes(&mut self.scratch);
        self.panes.append_value(&self.scratch);
    }

    /// Whether no more should be pushed before these were taken.
    pub(crate) fn is_full(&self) -> bool {
        self.series.len() >= BATCH_ROWS || self.panes.values_slice().len() >= BATCH_BYTES
    }

    /// The rows; `None` without rows.
    pub(crate) fn take(mut self) -> Option<StructArray> {
        (!self.series.is_empty()).then(|| {
            record([
                ("series", Arc::new(self.series.finish())),
                ("metric", Arc::new(self.metric.finish())),
                ("window", Arc::new(self.window.finish())),
                ("closes", Arc::new(self.closes.finish())),
                ("watermark_time", Arc::new(self.watermark_time.finish())),
                ("records", Arc::new(self.records.finish())),
                ("panes", Arc::new(self.panes.finish())),
            ])
        })
    }
}

/// Names of a stream's metrics and kinds of windows, by their index.
pub(crate) struct Names {
    metrics: Vec<String>,
    windows: Vec<String>,
}

impl Names {
    pub(crate) fn of(stream: &Stream) -> Self {
        Self {
            metrics: stream.values.iter().map(|(name, _)| name.clone()).collect(),
            windows: stream.windows.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Collects rejected records, and bad rows of records that are counted. Columns: `topic` (utf8, null where nobody says
/// it), `partition` (i32), `offset` (i64), `row` (i32, the byte at which a bad row begins, null for a whole record),
/// `reason`, `detail` (utf8), `key` and `value` (binary, null where the record has none).
#[derive(Default)]
pub(crate) struct RejectedColumns {
    topic: StringBuilder,
    partition: Int32Builder,
    offset: Int64Builder,
    row: Int32Builder,
    reason: StringBuilder,
    detail: StringBuilder,
    key: BinaryBuilder,
    value: BinaryBuilder,
}

impl RejectedColumns {
    /// Adds a record.
    pub(crate) fn push(&mut self, record: &PackedRecord<'_>, rejection: &Rejection) {
        self.append(record, rejection, None, record.raw.value);
    }

    /// Adds a row of a record that is counted, with its bytes.
    pub(crate) fn push_row(&mut self, record: &PackedRecord<'_>, row: &BadRow, bytes: &[u8]) {
        let start = i32::try_from(row.place.start).unwrap_or(i32::MAX);
        self.append(record, &row.rejection, Some(start), Some(bytes));
    }

    fn append(
        &mut self,
        record: &PackedRecord<'_>,
        rejection: &Rejection,
        row: Option<i32>,
        value: Option<&[u8]>,
    ) {
        self.topic.append_option(record.raw.topic.map(String::from_utf8_lossy));
        self.partition.append_value(record.partition);
        self.offset.append_value(record.offset);
        self.row.append_option(row);
        self.reason.append_value(rejection.reason.code());
        self.detail.append_value(&rejection.detail);
        self.key.append_option(record.raw.key);
        self.value.append_option(value);
    }

    /// Memory that is held for them, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let numbers = (self.partition.capacity() + self.row.capacity()) * size_of::<i32>()
            + self.offset.capacity() * size_of::<i64>();
        numbers
            + bytes_of(&self.topic)
            + bytes_of(&self.reason)
            + bytes_of(&self.detail)
            + bytes_of(&self.key)
            + bytes_of(&self.value)
    }

    pub(crate) fn take(&mut self) -> StructArray {
        record([
            ("topic", Arc::new(self.topic.finish())),
            ("partition", Arc::new(self.partition.finish())),
            ("offset", Arc::new(self.offset.finish())),
            ("row", Arc::new(self.row.finish())),
            ("reason", Arc::new(self.reason.finish())),
            ("detail", Arc::new(self.detail.finish())),
            ("key", Arc::new(self.key.finish())),
            ("value", Arc::new(self.value.finish())),
        ])
    }
}

fn bytes_of<T: ByteArrayType>(column: &GenericByteBuilder<T>) -> usize {
    column.values_capacity() + column.offsets_capacity() * size_of::<T::Offset>()
}

fn record<const N: usize>(columns: [(&str, ArrayRef); N]) -> StructArray {
    let field = |(name, array): &(&str, ArrayRef)| -> Field {
        let nullable = ["topic", "row", "key", "value"].contains(name);
        Field::new(*name, DataType::clone(array.data_type()), nullable)
    };
    let fields: Fields = columns.iter().map(field).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    StructArray::new(fields, arrays, None)
}

/// Moves the columns to the C structs that Java allocated at these addresses; Java releases them.
///
/// # Safety
///
/// The addresses are those of an `ArrowArray` and an `ArrowSchema` of the C Data Interface that hold nothing.
pub(crate) unsafe fn export(
    columns: &StructArray,
    array_address: i64,
    schema_address: i64,
) -> Result<(), NativeError> {
    let (array, schema) = to_ffi(&columns.to_data())?;
    let array_target = address::<FFI_ArrowArray>(array_address)?;
    let schema_target = address::<FFI_ArrowSchema>(schema_address)?;
    // SAFETY: the caller promises a struct of this type there, which holds nothing that would have to be dropped.
    unsafe { array_target.write(array) };
    // SAFETY: as above.
    unsafe { schema_target.write(schema) };
    Ok(())
}

fn address<T>(address: i64) -> Result<*mut T, NativeError> {
    let address = usize::try_from(address).unwrap_or_default();
    if address == 0 || !address.is_multiple_of(align_of::<T>()) {
        return Err(NativeError::Contract(format!("{address:#x} is no address of a C struct")));
    }
    Ok(std::ptr::with_exposed_provenance_mut(address))
}
