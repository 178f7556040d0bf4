//! Native methods of `io.freshet.spark.nativelib.NativeWindowAggregator`.

use std::cell::Cell;
use std::collections::HashSet;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arrow::array::StructArray;
use freshet_core::aggregate::{AheadOfClock, WindowAggregator};
use freshet_core::config::Stream;
use freshet_core::record::RawRecord;
use freshet_core::record_batch::BatchReader;
use jni::EnvUnowned;
use jni::objects::{JByteArray, JByteBuffer, JClass};
use jni::sys::{jboolean, jint, jlong};
use log::{debug, error, info, warn};

use crate::columns::{self, Names, PartialColumns, RejectedColumns};
use crate::direct;
use crate::gate::{self, NativeError};
use crate::handle::{self, Handled};
use crate::packed::{Entries, Entry, PackedBatch, PackedRecord, base_offset};
use crate::stream;
use crate::text;

/// What a handle stands for: the aggregation of one task.
struct Aggregation {
    stream: Stream,
    topic: String,
    names: Names,
    aggregator: WindowAggregator,
    batches: BatchReader,
    rejected: RejectedColumns,
    read: Read,
    /// Partial aggregates are being taken: no records before that has ended.
    draining: bool,
    hand_over: HandOver,
    /// A call has panicked half-way: what was summed up since cannot be trusted.
    broken: bool,
}

/// What was added since the aggregation was opened.
#[derive(Default)]
struct Read {
    records: u64,
    /// Bytes of their keys and values.
    bytes: u64,
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
            topic,
            batches: BatchReader::default(),
            rejected: RejectedColumns::default(),
            read: Read::default(),
            draining: false,
            hand_over: HandOver::NotYet,
            broken: false,
        }
    }

    /// Adds what is packed, and says how many of its records were rejected.
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
        let current = Cell::new((-1, -1));
        let place = || format!(", partition {}, offset {}", current.get().0, current.get().1);
        self.guard(place, |aggregation| {
            let mut rejected = 0;
            for entry in Entries::new(packed) {
                rejected += match entry? {
                    Entry::Record(record) => usize::from(aggregation.add_record(&record, &current)),
                    Entry::Batch(batch) => aggregation.add_batch(&batch, &current)?,
                };
            }
            Ok(rejected)
        })
    }

    /// Whether the record was rejected.
    #[inline]
    fn add_record(&mut self, record: &PackedRecord<'_>, current: &Cell<(i32, i64)>) -> bool {
        current.set((record.partition, record.offset));
        let RawRecord { key, value, .. } = record.raw;
        let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        self.read.records += 1;
        self.read.bytes += bytes as u64;
        match self.aggregator.add(&record.raw) {
            Ok(()) => false,
            Err(rejection) => {
                self.rejected.push(record, &rejection);
                true
            }
        }
    }

    /// How many records of the batch were rejected.
    fn add_batch(
        &mut self,
        batch: &PackedBatch<'_>,
        current: &Cell<(i32, i64)>,
    ) -> Result<usize, NativeError> {
        let partition = batch.partition;
        current.set((partition, base_offset(batch.bytes)));
        // Its buffer is borrowed as long as its records are read.
        let mut batches = mem::take(&mut self.batches);
        let mut rejected = 0;
        let outcome = batches.read(batch.bytes).and_then(|records| {
            for record in records {
                let record = record?;
                let (key, value) = (record.key, record.value);
                let raw = RawRecord { key, value, timestamp_ms: Some(record.timestamp_ms) };
                let record = PackedRecord { partition, offset: record.offset, raw };
                rejected += usize::from(self.add_record(&record, current));
            }
            Ok(())
        });
        self.batches = batches;
        outcome.map_err(|damage| {
            let (stream, topic) = (&self.stream.name, &self.topic);
            let offset = base_offset(batch.bytes);
            NativeError::Damaged(format!(
                "stream '{stream}', topic '{topic}', partition {partition}, record batch at offset {offset}: {damage}"
            ))
        })?;
        Ok(rejected)
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
            let (stream, topic) = (&self.stream.name, &self.topic);
            let context = format!("stream '{stream}', topic '{topic}'{}", place());
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
        let place = || ", while its partial aggregates were taken".to_owned();
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
/// `NativeConfiguration.load` gave it); the topic is for messages.
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
/// bytes of the direct buffer; returns how many were rejected.
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
mod tests {
    use std::path::Path;

    use arrow::array::{Array, Int64Array};
    use freshet_core::config::Config;
    use log::{LevelFilter, Log, Metadata, Record};

    use super::*;

    /// The log of all tests.
    struct Lines(Mutex<Vec<String>>);

    static LINES: Lines = Lines(Mutex::new(Vec::new()));

    impl Lines {
        /// How many lines so far begin like that.
        fn count(&self, start: &str) -> usize {
            self.0.lock().unwrap().iter().filter(|line| line.starts_with(start)).count()
        }
    }

    impl Log for Lines {
        fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &Record<'_>) {
            self.0.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
        }

        fn flush(&self) {}
    }

    /// An aggregation for a topic of its own, whose lines are kept.
    fn logged_aggregation(topic: &str) -> Aggregation {
        // All tests that come here set the same logger, and all but the first fail to.
        if log::set_logger(&LINES).is_ok() {
            log::set_max_level(LevelFilter::Debug);
        }
        Aggregation::new(aggregation().stream, topic.to_owned())
    }

    fn aggregation() -> Aggregation {
        let text = "[[stream]]\nname = \"s\"\nvalues = { v = \"v\" }\nwindows = [\"10s\"]\n";
        let config = Config::parse(text, Path::new("test.toml"), [].into()).unwrap();
        Aggregation::new(config.streams[0].clone(), "raw.s".to_owned())
    }

    fn pack(key: &str, value: &str) -> Vec<u8> {
        let mut bytes = vec![0; 21];
        bytes.extend(i32::try_from(key.len()).unwrap().to_le_bytes());
        bytes.extend(i32::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend(key.bytes().chain(value.bytes()));
        bytes
    }

    #[test]
    fn accepted_records_become_partials_and_the_others_rejects() {
        let mut aggregation = aggregation();
        let records_again = pack("a", "broken");
        let records =
            [pack("a", "{\"v\":1}"), pack("b", "{\"v\":2}"), pack("a", "broken")].concat();
        assert_eq!(aggregation.add(&records).unwrap(), 1);
        assert_eq!(aggregation.rejected.take().len(), 1);

        let partials = aggregation.take_partials().unwrap().unwrap();
        let records = partials.column_by_name("records").unwrap();
        let records = records.as_any().downcast_ref::<Int64Array>().unwrap();
        assert_eq!(records.values(), &[1, 1]);
        assert!(aggregation.take_partials().unwrap().is_none(), "partials came twice");
        assert_eq!(aggregation.add(&records_again).unwrap(), 1);
    }

    #[test]
    fn rejected_records_are_in_the_account_until_they_are_taken() {
        let mut aggregation = aggregation();
        let empty = aggregation.memory_bytes();
        let records = pack("a", &"broken ".repeat(100)).repeat(5_000);
        assert_eq!(aggregation.add(&records).unwrap(), 5_000);
        let held = aggregation.memory_bytes() - empty;
        let taken = aggregation.rejected.take().get_array_memory_size();
        assert!((taken / 2..=taken * 2).contains(&held), "{held} bytes for {taken}");
        assert!(aggregation.memory_bytes() <= empty);
    }

    #[test]
    fn no_records_come_while_partials_are_taken() {
        let mut aggregation = aggregation();
        let records: Vec<u8> = (0..5_000).flat_map(|n| pack(&n.to_string(), "{\"v\":1}")).collect();
        aggregation.add(&records).unwrap();
        assert_eq!(aggregation.take_partials().unwrap().unwrap().len(), 4_096);
        assert!(aggregation.add(&records).is_err());
        assert_eq!(aggregation.take_partials().unwrap().unwrap().len(), 904);
        assert_eq!(aggregation.add(&records).unwrap(), 0);
    }

    #[test]
    fn the_first_aggregation_of_a_stream_is_told_once_and_the_others_to_who_debugs() {
        for _ in 0..3 {
            logged_aggregation("opened");
        }
        let place = "stream 's', topic 'opened'";
        assert_eq!(LINES.count(&format!("INFO {place}: the first aggregation")), 1);
        assert_eq!(LINES.count(&format!("DEBUG {place}: an aggregation is opened")), 3);
    }

    #[test]
    fn a_task_that_hands_on_early_says_so_once() {
        let mut aggregation = logged_aggregation("early");
        let line = "WARN stream 's', topic 'early': a task hands on its partial aggregates early";
        let record = pack("a", "{\"v\":1}");
        assert!(aggregation.take_partials().unwrap().is_none());
        for warnings in [0, 1, 1] {
            aggregation.add(&record).unwrap();
            aggregation.add(&record).unwrap();
            assert_eq!(LINES.count(line), warnings);
            while aggregation.take_partials().unwrap().is_some() {}
        }
    }

    #[test]
    fn a_cut_off_batch_is_refused() {
        let mut aggregation = aggregation();
        let record = pack("a", "{\"v\":1}");
        let error = aggregation.add(&record[..record.len() - 1]).unwrap_err();
        assert_eq!(error.to_string(), "the packed records are cut off, or of no known kind");
        assert!(aggregation.take_partials().unwrap().is_none());
    }

    /// A batch of version 2 that is not compressed.
    fn pack_batch(values: &[&str]) -> Vec<u8> {
        let mut content = Vec::new();
        for (offset, value) in (0_u8..).zip(values) {
            let length = u8::try_from(value.len()).unwrap();
            // Attributes, time, offset, key, value, no headers; numbers are doubled, which zigzag encoding does.
            let before = [0, 0, 2 * offset, 2, b'k', 2 * length];
            let body = [&before, value.as_bytes(), &[0]].concat();
            content.push(2 * u8::try_from(body.len()).unwrap());
            content.extend(body);
        }
        let mut checked = vec![0; 40];
        checked[36..].copy_from_slice(&u32::try_from(values.len()).unwrap().to_be_bytes());
        checked.extend(content);
        let mut batch = 100_i64.to_be_bytes().to_vec();
        batch.extend(i32::try_from(checked.len() + 9).unwrap().to_be_bytes());
        batch.extend([0, 0, 0, 0, 2]);
        batch.extend(checksum(&checked).to_be_bytes());
        batch.extend(checked);
        let length = i32::try_from(batch.len()).unwrap();
        [&[1][..], &3_i32.to_le_bytes(), &length.to_le_bytes(), &batch].concat()
    }

    /// CRC-32C, bit by bit.
    fn checksum(bytes: &[u8]) -> u32 {
        let step = |crc: u32, _| if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0x82f6_3b78 };
        !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
    }

    #[test]
    fn records_of_a_batch_are_counted_as_records_are() {
        let mut aggregation = aggregation();
        let values = [r#"{"v":1}"#, "{", r#"{"v":2}"#];
        let packed = [pack("k", values[0]), pack_batch(&values)].concat();
        assert_eq!(aggregation.add(&packed).unwrap(), 1);
        assert_eq!(aggregation.read.records, 4);
        // And a key of one byte each.
        assert_eq!(aggregation.read.bytes, 7 + 7 + 1 + 7 + 4);
        let rejected = aggregation.rejected.take();
        let offsets = rejected.column_by_name("offset").unwrap();
        let offsets = offsets.as_any().downcast_ref::<Int64Array>().unwrap();
        assert_eq!(offsets.values(), &[101]);
    }

    #[test]
    fn a_damaged_batch_names_its_place_and_leaves_the_aggregation_whole() {
        let mut aggregation = logged_aggregation("raw.s");
        let mut packed = pack_batch(&[r#"{"v":1}"#]);
        *packed.last_mut().unwrap() ^= 1;
        let error = aggregation.add(&packed).unwrap_err().to_string();
        for part in ["stream 's'", "topic 'raw.s'", "partition 3", "offset 100", "checksum"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!aggregation.broken);
    }

    #[test]
    fn a_panic_names_its_place_and_ends_the_aggregation() {
        let mut aggregation = logged_aggregation("raw.s");
        let error = aggregation
            .guard(|| ", offset 7".to_owned(), |_| -> Result<(), _> { panic!("out of luck") })
            .unwrap_err()
            .to_string();
        for part in ["stream 's'", "topic 'raw.s'", "offset 7", "out of luck"] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(LINES.count(&format!("ERROR {error}")), 1);
        assert!(aggregation.add(&[]).is_err());
        assert!(aggregation.take_partials().is_err());
    }
}
