//! Native methods of `io.freshet.spark.nativelib.NativeWindowAggregator`.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arrow::array::StructArray;
use freshet_core::aggregate::{AheadOfClock, LeftOutCounts, WindowAggregator};
use freshet_core::config::Stream;
use freshet_core::record::{Parsed, RawRecord, Rejection};
use freshet_core::record_batch::BatchReader;
use jni::EnvUnowned;
use jni::objects::{JByteArray, JByteBuffer, JClass, JLongArray};
use jni::sys::{jboolean, jint, jlong};
use log::{debug, error, info, warn};

use crate::columns::{self, Names, PartialColumns, RejectedColumns};
use crate::direct;
use crate::gate::{self, NativeError};
use crate::handle::{self, Handled};
use crate::packed::{PackedRecord, Place, Volume, each_record};
use crate::stream;
use crate::text;

/// What a handle stands for: the aggregation of one task.
struct Aggregation {
    stream: Stream,
    /// For messages about records whose topic nobody says.
    topic: Arc<str>,
    names: Names,
    aggregator: WindowAggregator,
    batches: BatchReader,
    rejected: RejectedColumns,
    /// What was added since it was opened.
    read: Volume,
    /// Partial aggregates are being taken: no records before that has ended.
    draining: bool,
    hand_over: HandOver,
    /// A call has panicked half-way: what was summed up since cannot be trusted.
    broken: bool,
}

/// Whether what was summed up is handed on before the records have ended, which is worth a line in the log.
#[derive(PartialEq, Eq)]
enum HandOver {
    /// No partial aggregates were taken.
    NotYet,
    /// Some were taken: records that still come make it an early one.
    Begun,
    /// It was an early one, and the log says so.
    Noted,
}

/// The streams of this process, with their topics: the first aggregation of each is worth a line in the log.
static STREAMS: LazyLock<Mutex<HashSet<(String, String)>>> = LazyLock::new(Mutex::default);

impl Aggregation {
    fn new(stream: Stream, topic: String) -> Self {
        log_opening(&stream, &topic);
        Self {
            aggregator: WindowAggregator::new(&stream),
            names: Names::of(&stream),
            stream,
            topic: topic.into(),
            batches: BatchReader::default(),
            rejected: RejectedColumns::default(),
            read: Volume::default(),
            draining: false,
            hand_over: HandOver::NotYet,
            broken: false,
        }
    }

    /// Adds what is packed, and says how many of its records were rejected, with the bad rows of others.
    fn add(&mut self, packed: &[u8]) -> Result<usize, NativeError> {
        if self.draining {
            return Err(NativeError::Contract(
                "the partial aggregates so far have to be taken before more records come"
                    .to_owned(),
            ));
        }
        self.note_continuation();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.aggregator.set_now(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        let current = Cell::new(Place::NOWHERE);
        let usual = Arc::clone(&self.topic);
        let topic = || match current.get().topic {
            Some(topic) => String::from_utf8_lossy(topic),
            None => Cow::Borrowed(&*usual),
        };
        let place = || {
            let Place { partition, offset, .. } = current.get();
            format!("topic '{}', partition {partition}, offset {offset}", topic())
        };
        self.guard(place, |aggregation| {
            // Their buffer is borrowed as long as records are read.
            let mut batches = mem::take(&mut aggregation.batches);
            let mut rejected = 0;
            let outcome = each_record(packed, &mut batches, &current, |record| {
                rejected += aggregation.add_record(record)?;
                Ok(())
            });
            aggregation.batches = batches;
            outcome.map_err(|error| aggregation.in_stream(error, &topic(), place))?;
            Ok(rejected)
        })
    }

    /// Adds a record and says how many dead letters it makes: one if it was rejected, or else one for each of its bad
    /// rows.
    #[inline]
    fn add_record(&mut self, record: &PackedRecord<'_>) -> Result<usize, NativeError> {
        self.read.add(&record.raw);
        let added = match self.aggregator.add(&record.raw) {
            Ok(Parsed::NeedsSchema(id)) => self.add_with_schema(&record.raw, id)?,
            added => added,
        };
        if let Err(rejection) = added {
            self.rejected.push(record, &rejection);
            return Ok(1);
        }
        let mut rows = 0;
        for (row, bytes) in self.aggregator.bad_rows(&record.raw) {
            self.rejected.push_row(record, row, bytes);
            rows += 1;
        }
        Ok(rows)
    }

    /// Adds a record whose schema the parser has not met yet.
    ///
    /// # Errors
    ///
    /// [`NativeError::Unanswered`] when the registry does not say what schema that is. The records before were added,
    /// so that they must not be added once more here.
    #[cold]
    fn add_with_schema(
        &mut self,
        record: &RawRecord<'_>,
        id: u32,
    ) -> Result<Result<Parsed, Rejection>, NativeError> {
        let found = freshet_registry::find(self.stream.registry.as_ref(), id);
        let found = found.inspect_err(|_| self.broken = true)?;
        self.aggregator.learn_schema(id, found.as_deref().map_err(String::as_str));
        Ok(self.aggregator.add(record))
    }

    /// Says of a damaged batch which stream's and topic's it is, and of a schema that is not known which record's;
    /// `place` is that of the record.
    #[cold]
    fn in_stream(
        &self,
        error: NativeError,
        topic: &str,
        place: impl FnOnce() -> String,
    ) -> NativeError {
        let stream = &self.stream.name;
        match error {
            NativeError::Damaged(what) => {
                NativeError::Damaged(format!("stream '{stream}', topic '{topic}', {what}"))
            }
            NativeError::Unanswered(what) => {
                NativeError::Unanswered(format!("stream '{stream}', {}: {what}", place()))
            }
            other => other,
        }
    }

    /// Says in the log, once, that what this task has summed up is handed on before its records have ended.
    fn note_continuation(&mut self) {
        if self.hand_over == HandOver::Begun {
            self.hand_over = HandOver::Noted;
            warn!(
                "stream '{}', topic '{}': a task hands on its partial aggregates early, in several parts, because they \
                 take all the memory that it may use; spark.freshet.task.memory is the limit",
                self.stream.name, self.topic
            );
        }
    }

    /// Runs `body`. After a panic in it, what was summed up cannot be trusted; `place` says where it happened.
    fn guard<T>(
        &mut self,
        place: impl FnOnce() -> String,
        body: impl FnOnce(&mut Self) -> Result<T, NativeError>,
    ) -> Result<T, NativeError> {
        if self.broken {
            return Err(NativeError::Contract(
                "the aggregator has failed before; close it".to_owned(),
            ));
        }
        catch_unwind(AssertUnwindSafe(|| body(self))).unwrap_or_else(|payload| {
            self.broken = true;
            let context = format!("stream '{}', {}", self.stream.name, place());
            let error = NativeError::from_panic(&context, payload.as_ref());
            error!("{error}");
            Err(error)
        })
    }

    /// Roughly the memory that it holds, in bytes: what is summed up, what was rejected, and the last batch that was
    /// decompressed.
    fn memory_bytes(&self) -> usize {
        let read = self.batches.memory_bytes() + self.rejected.memory_bytes();
        self.aggregator.memory_bytes() + read
    }

    /// The next partial aggregates of what was summed up; `None` when there are none left, and records can be added
    /// again.
    fn take_partials(&mut self) -> Result<Option<StructArray>, NativeError> {
        let topic = Arc::clone(&self.topic);
        let place = || format!("topic '{topic}', while its partial aggregates were taken");
        self.guard(place, |aggregation| {
            let mut columns = PartialColumns::default();
            let (aggregator, names) = (&mut aggregation.aggregator, &aggregation.names);
            let watermark_us = aggregator.watermark_us();
            aggregation.draining = true;
            while aggregation.draining && !columns.is_full() {
                aggregation.draining =
                    aggregator.drain(|partial| columns.push(partial, watermark_us, names));
            }
            let columns = columns.take();
            if columns.is_some() && aggregation.hand_over == HandOver::NotYet {
                aggregation.hand_over = HandOver::Begun;
            }
            Ok(columns)
        })
    }
}

/// Every task opens an aggregation: only the first one of a stream is told to everybody.
fn log_opening(stream: &Stream, topic: &str) {
    let name = &stream.name;
    let is_first = STREAMS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert((name.clone(), topic.to_owned()));
    if is_first {
        let windows: Vec<_> = stream.windows.iter().map(ToString::to_string).collect();
        let (metrics, windows) = (stream.values.len(), windows.join(", "));
        info!(
            "stream '{name}', topic '{topic}': the first aggregation in this process; metrics: {metrics}, windows: \
             {windows}"
        );
    }
    debug!("stream '{name}', topic '{topic}': an aggregation is opened");
}

impl Handled for Aggregation {
    const NAME: &'static str = "aggregator";
}

/// `static native long open(byte[] stream, byte[] topic)`: an aggregation for the stream (its JSON, as
/// `NativeConfiguration.load` gave it); the topic is for messages about records that do not say theirs.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowAggregator_open<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    stream: JByteArray<'local>,
    topic: JByteArray<'local>,
) -> jlong {
    gate::enter(env, |env| {
        let stream = stream::read(env, &stream)?;
        let topic = text::read(env, &topic, "the name of the topic")?;
        handle::put(Aggregation::new(stream, topic))
    })
}

/// `static native int add(long handle, ByteBuffer records, int length)`: adds the packed records in the first `length`
/// bytes of the direct buffer; returns how many records, and rows of others, were rejected.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowAggregator_add<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    records: JByteBuffer<'local>,
    length: jint,
) -> jint {
    handle::enter_with(env, handle, |env, aggregation: &mut Aggregation| {
        // SAFETY: the Java caller holds the buffer and does not write to it during the call.
        let records = unsafe { direct::bytes(env, &records, length) }?;
        Ok(jint::try_from(aggregation.add(records)?).unwrap_or(jint::MAX))
    })
}

/// `static native void takeRejected(long handle, long array, long schema)`: moves the records rejected since the last
/// call to the C structs at these addresses.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowAggregator_takeRejected<
    'local,
>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    array: jlong,
    schema: jlong,
) {
    handle::enter_with(env, handle, |_env, aggregation: &mut Aggregation| {
        // SAFETY: the Java class passes the addresses of two structs that it has just allocated.
        unsafe { columns::export(&aggregation.rejected.take(), array, schema) }
    });
}

/// `static native boolean takePartials(long handle, long array, long schema)`: moves the next partial aggregates of
/// what was summed up to the C structs at these addresses; false when there are none left, and the aggregation can go
/// on.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowAggregator_takePartials<
    'local,
>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    array: jlong,
    schema: jlong,
) -> jboolean {
    handle::enter_with(env, handle, |_env, aggregation: &mut Aggregation| {
        let Some(columns) = aggregation.take_partials()? else { return Ok(false) };
        // SAFETY: the Java class passes the addresses of two structs that it has just allocated.
        unsafe { columns::export(&columns, array, schema) }?;
        Ok(true)
    })
}

/// `static native byte[] takeFurthestAhead(long handle)`: the series whose events were furthest ahead of the clock
/// since the last call, and did not move the watermark: by how many microseconds (i64, little-endian), and its id; no
/// bytes without one.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowAggregator_takeFurthestAhead<
    'local,
>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JByteArray<'local> {
    handle::enter_with(env, handle, |env, aggregation: &mut Aggregation| {
        let furthest = aggregation.aggregator.take_furthest_ahead();
        let bytes = furthest.map_or_else(Vec::new, |AheadOfClock { series, ahead_us }| {
            [&ahead_us.to_le_bytes()[..], series.as_bytes()].concat()
        });
        Ok(env.byte_array_from_slice(&bytes)?)
    })
}

/// `static native long[] takeLeftOut(long handle)`: what was left out since the last call, because the stream says so:
/// how many records, rows of others, and then values of each metric.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowAggregator_takeLeftOut<
    'local,
>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JLongArray<'local> {
    handle::enter_with(env, handle, |env, aggregation: &mut Aggregation| {
        let counts = left_out(aggregation.aggregator.take_left_out());
        let array = JLongArray::new(env, counts.len())?;
        array.set_region(env, 0, &counts)?;
        Ok(array)
    })
}

fn left_out(LeftOutCounts { records, rows, values }: LeftOutCounts) -> Vec<i64> {
    let counts = [records, rows].into_iter().chain(values);
    counts.map(|count| i64::try_from(count).unwrap_or(i64::MAX)).collect()
}

/// `static native long recordsRead(long handle)`: how many records were added, rejected ones included.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowAggregator_recordsRead<
    'local,
>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> jlong {
    handle::enter_with(env, handle, |_env, aggregation: &mut Aggregation| {
        Ok(jlong::try_from(aggregation.read.records).unwrap_or(jlong::MAX))
    })
}

/// `static native long bytesRead(long handle)`: how many bytes their keys and values have.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowAggregator_bytesRead<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> jlong {
    handle::enter_with(env, handle, |_env, aggregation: &mut Aggregation| {
        Ok(jlong::try_from(aggregation.read.bytes).unwrap_or(jlong::MAX))
    })
}

/// `static native long memoryBytes(long handle)`: roughly what the aggregation holds.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowAggregator_memoryBytes<
    'local,
>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> jlong {
    handle::enter_with(env, handle, |_env, aggregation: &mut Aggregation| {
        Ok(jlong::try_from(aggregation.memory_bytes()).unwrap_or(jlong::MAX))
    })
}

/// `static native void close(long handle)`: frees the aggregation.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowAggregator_close<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    handle::close::<Aggregation>(env, handle);
}

#[cfg(test)]
mod tests;
