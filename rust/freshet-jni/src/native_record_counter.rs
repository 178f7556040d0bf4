//! Native methods of `io.freshet.spark.nativelib.NativeRecordCounter`.

use freshet_core::record_batch::BatchReader;
use jni::EnvUnowned;
use jni::objects::{JByteBuffer, JClass};
use jni::sys::{jint, jlong};

use crate::direct;
use crate::gate::{self, NativeError};
use crate::handle::{self, Handled};
use crate::packed::{Entries, Entry, base_offset};

/// Brings records to where they would be parsed, and no further.
#[derive(Default)]
struct Counter {
    batches: BatchReader,
    records: u64,
    /// Bytes of their keys and values.
    bytes: u64,
}

impl Counter {
    fn add(&mut self, packed: &[u8]) -> Result<(), NativeError> {
        let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len) as u64;
        for entry in Entries::new(packed) {
            match entry? {
                Entry::Record(record) => {
                    self.records += 1;
                    self.bytes += length(record.raw.key) + length(record.raw.value);
                }
                Entry::Batch(batch) => {
                    let (partition, offset) = (batch.partition, base_offset(batch.bytes));
                    let damaged = |damage| {
                        let place =
                            format!("partition {partition}, record batch at offset {offset}");
                        NativeError::Damaged(format!("{place}: {damage}"))
                    };
                    for record in self.batches.read(batch.bytes).map_err(damaged)? {
                        let record = record.map_err(damaged)?;
                        self.records += 1;
                        self.bytes += length(record.key) + length(record.value);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Handled for Counter {
    const NAME: &'static str = "record counter";
}

/// `static native long open()`: a counter that has counted nothing.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeRecordCounter_open<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> jlong {
    gate::enter(env, |_env| handle::put(Counter::default()))
}

/// `static native void add(long handle, ByteBuffer records, int length)`: counts the packed records, and those of the
/// packed batches, in the first `length` bytes of the direct buffer.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeRecordCounter_add<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    records: JByteBuffer<'local>,
    length: jint,
) {
    handle::enter_with(env, handle, |env, counter: &mut Counter| {
        // SAFETY: the Java caller holds the buffer and does not write to it during the call.
        counter.add(unsafe { direct::bytes(env, &records, length) }?)
    });
}

/// `static native long records(long handle)`: how many there were.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeRecordCounter_records<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> jlong {
    handle::enter_with(env, handle, |_env, counter: &mut Counter| {
        Ok(jlong::try_from(counter.records).unwrap_or(jlong::MAX))
    })
}

/// `static native long bytes(long handle)`: how many bytes their keys and values have.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeRecordCounter_bytes<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> jlong {
    handle::enter_with(env, handle, |_env, counter: &mut Counter| {
        Ok(jlong::try_from(counter.bytes).unwrap_or(jlong::MAX))
    })
}

/// `static native void close(long handle)`: frees the counter.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeRecordCounter_close<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    handle::close::<Counter>(env, handle);
}
