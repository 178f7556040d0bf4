//! Native methods of `io.freshet.spark.nativelib.NativeWindowStats`: the statistics behind `freshet_stats` in SQL.
//!
//! Their state is bytes on the Java heap ([`WindowStats::encode`]): Spark keeps any number of them, and tells nobody
//! when it lets go of one.

use freshet_core::aggregate::{InvalidState, Window, WindowStats};
use freshet_core::record::is_countable;
use freshet_core::window_version::{Columns, WindowVersion, push_row, spark_schema};
use jni::objects::{JByteArray, JClass, JDoubleArray, JLongArray};
use jni::sys::{jboolean, jint};
use jni::{Env, EnvUnowned};

use crate::gate::{self, NativeError};

/// `static native byte[] columns(boolean withTimes)`: the columns of a result, as Spark's `StructType` in JSON.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowStats_columns<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    with_times: jboolean,
) -> JByteArray<'local> {
    gate::enter(env, |env| {
        Ok(env.byte_array_from_slice(spark_schema(columns(with_times)).as_bytes())?)
    })
}

/// `static native byte[] add(byte[] state, double[] values, long[] times, int length)`: the state with the first
/// `length` readings more. `state` is empty in the beginning, `times` (epoch microseconds) is empty when they are not
/// known. What windows do not count is left out.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowStats_add<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    state: JByteArray<'local>,
    values: JDoubleArray<'local>,
    times: JLongArray<'local>,
    length: jint,
) -> JByteArray<'local> {
    gate::enter(env, |env| {
        let all = read(env, &state, &values, &times, length)?;
        Ok(env.byte_array_from_slice(&all.encode())?)
    })
}

/// `static native byte[] merge(byte[] state, byte[] other)`: the state of the readings of both.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowStats_merge<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    state: JByteArray<'local>,
    other: JByteArray<'local>,
) -> JByteArray<'local> {
    gate::enter(env, |env| {
        let mut all = decode(env, &state)?;
        all.merge(&decode(env, &other)?);
        Ok(env.byte_array_from_slice(&all.encode())?)
    })
}

/// `static native byte[] result(byte[] state, double[] values, long[] times, int length, boolean withTimes)`: the
/// statistics with these readings more, as a row of the columns; see `freshet_core::window_version::push_row`.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowStats_result<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    state: JByteArray<'local>,
    values: JDoubleArray<'local>,
    times: JLongArray<'local>,
    length: jint,
    with_times: jboolean,
) -> JByteArray<'local> {
    gate::enter(env, |env| {
        let all = read(env, &state, &values, &times, length)?;
        let window = Window { start_us: 0, end_us: 0, stats: &all, is_partial: false };
        let mut row = Vec::with_capacity(128);
        push_row(columns(with_times), &WindowVersion::new([""; 4], 0, 0, window), &mut row);
        Ok(env.byte_array_from_slice(&row)?)
    })
}

const fn columns(with_times: jboolean) -> Columns {
    if with_times { Columns::StatsWithTimes } else { Columns::Stats }
}

/// What Java has kept as the state of `freshet_stats`.
fn decode(env: &Env<'_>, state: &JByteArray<'_>) -> Result<WindowStats, NativeError> {
    WindowStats::decode(&env.convert_byte_array(state)?).map_err(|error| {
        NativeError::Contract(match error {
            InvalidState::Version => {
                "the state of freshet_stats was written by another version of Freshet; run that \
                                      version, or start from a new checkpoint location"
                    .to_owned()
            }
            InvalidState::Damaged => {
                "the state of freshet_stats is damaged; start a stream from a new checkpoint \
                                      location, and run a batch query again"
                    .to_owned()
            }
        })
    })
}

fn read(
    env: &Env<'_>,
    state: &JByteArray<'_>,
    values: &JDoubleArray<'_>,
    times: &JLongArray<'_>,
    length: jint,
) -> Result<WindowStats, NativeError> {
    let mut all = decode(env, state)?;
    let (places, instants_given) = (values.len(env)?, times.len(env)?);
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= places)
        .filter(|length| instants_given == 0 || *length <= instants_given)
        .ok_or_else(|| {
            NativeError::Contract(format!(
                "{length} readings are said to be in {places} values and {instants_given} times"
            ))
        })?;
    let mut buffer = vec![0.0; length];
    values.get_region(env, 0, &mut buffer)?;
    let mut instants = vec![0; length];
    if instants_given > 0 {
        times.get_region(env, 0, &mut instants)?;
    }
    for (value, instant) in buffer.into_iter().zip(instants) {
        if is_countable(value, instant) {
            all.add(instant, value);
        }
    }
    Ok(all)
}
