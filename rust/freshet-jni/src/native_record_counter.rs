//! Native methods of `io.freshet.spark.nativelib.NativeRecordCounter`.

use std::cell::Cell;

use freshet_core::record_batch::BatchReader;
use jni::EnvUnowned;
use jni::objects::{JByteBuffer, JClass};
use jni::sys::{jint, jlong};

use crate::direct;
use crate::gate::{self, NativeError};
use crate::handle::{self, Handled};
use crate::packed::{Place, Volume, each_record};

/// Brings records to where they would be parsed, and no further.
#[derive(Default)]
struct Counter {
    batches: BatchReader,
    read: Volume,
}

impl Counter {
    fn add(&mut self, packed: &[u8]) -> Result<(), NativeError> {
        let Self { batches, read } = self;
        each_record(packed, batches, &Cell::new(Place::NOWHERE), |record| {
            read.add(&record.raw);
            Ok(())
        })
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
        Ok(jlong::try_from(counter.read.records).unwrap_or(jlong::MAX))
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
        Ok(jlong::try_from(counter.read.bytes).unwrap_or(jlong::MAX))
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
