//! Results as Arrow columns, and their way to Java over the Arrow C Data Interface.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryBuilder, Int32Builder, Int64Builder, StringBuilder, StructArray,
};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, to_ffi};
use freshet_core::aggregate::WindowPartial;
use freshet_core::config::Stream;
use freshet_core::record::Rejection;

use crate::gate::NativeError;
use crate::packed::PackedRecord;

/// Rows per exported batch: enough to hide the cost of the call, and so few that they take some megabytes. Even when every
/// row has the largest sketch, 32-bit offsets do not overflow.
pub(crate) const BATCH_ROWS: usize = 4_096;

/// Collects window partials. Columns: `series`, `metric`, `window` (utf8), `start`, `end`, `last_event` (i64, epoch
/// microseconds), `records` (i64, see `WindowPartial::records`), `stats` (binary, the encoding of `freshet_core::aggregate`).
#[derive(Default)]
pub(crate) struct WindowColumns {
    series: StringBuilder,
    metric: StringBuilder,
    window: StringBuilder,
    start: Int64Builder,
    end: Int64Builder,
    last_event: Int64Builder,
    records: Int64Builder,
    stats: BinaryBuilder,
    scratch: Vec<u8>,
    rows: usize,
}

impl WindowColumns {
    pub(crate) fn push(&mut self, partial: &WindowPartial<'_>, names: &Names, batch: i64) {
        self.series.append_value(partial.series);
        self.metric.append_value(&names.metrics[partial.metric]);
        self.window.append_value(&names.windows[partial.window]);
        self.start.append_value(partial.start_us);
        self.end.append_value(partial.end_us);
        self.last_event.append_value(partial.stats.last_event_us());
        self.records.append_value(i64::try_from(partial.records).unwrap_or(i64::MAX));
        self.scratch.clear();
        partial.stats.encode(batch, partial.records, &mut self.scratch);
        self.stats.append_value(&self.scratch);
        self.rows += 1;
    }

    /// The rows so far; `None` without rows. The collector is empty afterwards.
    pub(crate) fn take(&mut self) -> Option<StructArray> {
        if self.rows == 0 {
            return None;
        }
        self.rows = 0;
        Some(record([
            ("series", Arc::new(self.series.finish())),
            ("metric", Arc::new(self.metric.finish())),
            ("window", Arc::new(self.window.finish())),
            ("start", Arc::new(self.start.finish())),
            ("end", Arc::new(self.end.finish())),
            ("last_event", Arc::new(self.last_event.finish())),
            ("records", Arc::new(self.records.finish())),
            ("stats", Arc::new(self.stats.finish())),
        ]))
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

/// Collects rejected records. Columns: `partition` (i32), `offset` (i64), `reason`, `detail` (utf8), `key` and `value`
/// (binary, null where the record has none).
#[derive(Default)]
pub(crate) struct RejectedColumns {
    partition: Int32Builder,
    offset: Int64Builder,
    reason: StringBuilder,
    detail: StringBuilder,
    key: BinaryBuilder,
    value: BinaryBuilder,
}

impl RejectedColumns {
    pub(crate) fn push(&mut self, record: &PackedRecord<'_>, rejection: &Rejection) {
        self.partition.append_value(record.partition);
        self.offset.append_value(record.offset);
        self.reason.append_value(rejection.reason.code());
        self.detail.append_value(&rejection.detail);
        self.key.append_option(record.key);
        self.value.append_option(record.value);
    }

    pub(crate) fn take(&mut self) -> StructArray {
        record([
            ("partition", Arc::new(self.partition.finish())),
            ("offset", Arc::new(self.offset.finish())),
            ("reason", Arc::new(self.reason.finish())),
            ("detail", Arc::new(self.detail.finish())),
            ("key", Arc::new(self.key.finish())),
            ("value", Arc::new(self.value.finish())),
        ])
    }
}

fn record<const N: usize>(columns: [(&str, ArrayRef); N]) -> StructArray {
    let field = |(name, array): &(&str, ArrayRef)| -> Field {
        let nullable = ["key", "value"].contains(name);
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
