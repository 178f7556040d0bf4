//! Native methods of `io.freshet.spark.nativelib.NativeWindowState`.

use freshet_core::aggregate::{Emit, InvalidState, Watermarks, Window, WindowLimits, WindowState};
use freshet_core::window::{InvalidWindow, WindowSpec};
use jni::objects::{JByteArray, JByteBuffer, JClass};
use jni::sys::{jboolean, jint, jlong};
use jni::{Env, EnvUnowned};

use crate::direct;
use crate::gate::{self, NativeError};
use crate::handle::{self, Handled};
use crate::packed;
use crate::stream;

/// What a handle stands for: the kinds of windows of a stream, and the result of the last update.
struct States {
    windows: Vec<WindowSpec>,
    /// For the first kinds; those of the others are none.
    limits: Vec<WindowLimits>,
    /// Reused: see [`States::update`].
    result: Vec<u8>,
}

impl Handled for States {
    const NAME: &'static str = "window state";
}

/// In place of the instant at which a state has to be looked at again, when there is no state left.
const NO_DEADLINE: i64 = i64::MIN;

impl States {
    /// Updates the state of one metric of one series.
    ///
    /// `input` is the state, without bytes for a new one, and the partial aggregates of the micro-batch, each preceded by
    /// its length (i32). The result, little-endian: the number of records counted (i64), the deadline in epoch microseconds
    /// or [`NO_DEADLINE`] (i64), the new state, preceded by its length (i32), and the windows, see [`push_window`].
    fn update(
        &mut self,
        window: usize,
        input: &[u8],
        which: Emit,
        watermarks: Watermarks,
    ) -> Result<(), NativeError> {
        let spec = *self
            .windows
            .get(window)
            .ok_or_else(|| NativeError::Contract(format!("no kind of window {window}")))?;
        let cut_off = || NativeError::Contract("the packed panes are cut off".to_owned());
        let mut rest = input;
        let before = packed::split_bytes(&mut rest).ok_or_else(cut_off)?;
        let limits = self.limits.get(window).cloned().unwrap_or_default();
        let mut state = WindowState::decode(spec, before)?.with_limits(limits);
        let mut counted = 0;
        while !rest.is_empty() {
            let partial = packed::split_bytes(&mut rest).ok_or_else(cut_off)?;
            counted += state.add(partial, watermarks)?;
        }
        let result = &mut self.result;
        result.clear();
        result.extend(counted.to_le_bytes());
        result.extend([0; 12]);
        let deadline = state.encode(which, watermarks, result).unwrap_or(NO_DEADLINE);
        let state_bytes = i32::try_from(result.len() - 20).map_err(|_| {
            NativeError::Contract(
                "a series has two gibibytes of state; shorten its lateness".to_owned(),
            )
        })?;
        result[8..16].copy_from_slice(&deadline.to_le_bytes());
        result[16..20].copy_from_slice(&state_bytes.to_le_bytes());
        state.windows(which, watermarks, |window| push_window(result, &window))?;
        Ok(())
    }
}

/// A window in the result: start and end (i64, epoch microseconds), count (i64), sum, average, minimum, maximum, standard deviation
/// and the percentiles 50, 95 and 99 (f64), the newest event time (i64, epoch microseconds), and whether readings may be missing
/// (u8, 1 for yes).
fn push_window(result: &mut Vec<u8>, window: &Window<'_>) {
    let stats = window.stats;
    result.extend(window.start_us.to_le_bytes());
    result.extend(window.end_us.to_le_bytes());
    result.extend(stats.count().to_le_bytes());
    let numbers = [stats.sum(), stats.average(), stats.min(), stats.max(), stats.stddev()];
    for number in numbers.into_iter().chain(stats.percentiles([0.50, 0.95, 0.99])) {
        result.extend(number.to_le_bytes());
    }
    result.extend(stats.last_event_us().to_le_bytes());
    result.push(u8::from(window.is_partial));
}

impl From<InvalidState> for NativeError {
    fn from(error: InvalidState) -> Self {
        Self::Contract(error.to_string())
    }
}

/// `static native long open(byte[] stream, byte[] limits)`: for the windows of a stream, which is its JSON, with a JSON list of the
/// [`WindowLimits`] of its kinds of windows, in their order; an empty one without limits.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowState_open<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    stream: JByteArray<'local>,
    limits: JByteArray<'local>,
) -> jlong {
    gate::enter(env, |env| {
        let stream = stream::read(env, &stream)?;
        let limits = serde_json::from_slice(&env.convert_byte_array(limits)?)
            .map_err(|error| NativeError::Contract(format!("the limits are no JSON: {error}")))?;
        handle::put(States { windows: stream.windows, limits, result: Vec::new() })
    })
}

/// `static native long newestEvent(byte[] window, byte[] state)`: event time of the newest reading in the state of one metric of
/// one series for that kind of window, epoch microseconds; [`NO_DEADLINE`] without readings.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowState_newestEvent<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    window: JByteArray<'local>,
    state: JByteArray<'local>,
) -> jlong {
    gate::enter(env, |env| {
        let spec = read_window(env, window)?;
        let state = env.convert_byte_array(state)?;
        Ok(WindowState::newest_event_us(spec, &state)?.unwrap_or(NO_DEADLINE))
    })
}

/// `static native long windowLength(byte[] window)`: how long a kind of window is, in microseconds.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowState_windowLength<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    window: JByteArray<'local>,
) -> jlong {
    gate::enter(env, |env| Ok(read_window(env, window)?.size_ms() * 1_000))
}

fn read_window<'local>(
    env: &Env<'local>,
    window: JByteArray<'local>,
) -> Result<WindowSpec, NativeError> {
    let window = String::from_utf8_lossy(&env.convert_byte_array(window)?).into_owned();
    window.parse().map_err(|error: InvalidWindow| NativeError::Contract(error.to_string()))
}

/// `static native int update(long handle, int window, ByteBuffer input, int length, boolean appending, long lateMicros,
/// long finalMicros, ByteBuffer result)`: see [`States::update`]; the input is the first `length` bytes of the direct
/// buffer. Puts the result into `result` and returns its length; when it is longer than `result`, `takeResult` has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowState_update<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    window: jint,
    input: JByteBuffer<'local>,
    length: jint,
    appending: jboolean,
    late_micros: jlong,
    final_micros: jlong,
    result: JByteBuffer<'local>,
) -> jint {
    handle::enter_with(env, handle, |env, states: &mut States| {
        // SAFETY: the Java caller holds the buffer and does not write to it during the call.
        let input = unsafe { direct::bytes(env, &input, length) }?;
        let window = usize::try_from(window).unwrap_or(usize::MAX);
        let which = if appending { Emit::Final } else { Emit::Changed };
        let watermarks = Watermarks { late_us: late_micros, final_us: final_micros };
        states.update(window, input, which, watermarks)?;
        // SAFETY: the result buffer is another one than the input's, and the Java caller waits for it.
        unsafe { direct::fill(env, &result, &states.result) }?;
        Ok(jint::try_from(states.result.len()).unwrap_or(jint::MAX))
    })
}

/// `static native void takeResult(long handle, ByteBuffer result)`: the last result once more, into a buffer that is
/// long enough.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowState_takeResult<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    result: JByteBuffer<'local>,
) {
    handle::enter_with(env, handle, |env, states: &mut States| {
        // SAFETY: the Java caller waits for the buffer.
        unsafe { direct::fill_whole(env, &result, &states.result) }
    });
}

/// `static native void close(long handle)`: frees what the handle stands for.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowState_close<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    handle::close::<States>(env, handle);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use freshet_core::aggregate::{PartialStarts, WindowAggregator};
    use freshet_core::config::{Config, Stream};
    use freshet_core::record::RawRecord;

    use super::*;

    fn stream() -> Stream {
        let text =
            "[[stream]]\nname = \"s\"\nvalues = { v = \"v\" }\nwindows = [\"10s\", \"20s/10s\"]\n";
        Config::parse(text, Path::new("test.toml"), [].into()).unwrap().streams.remove(0)
    }

    /// The panes of the second kind of window of readings at these seconds, each of the value 2.
    fn partial(seconds: &[i64]) -> Vec<u8> {
        let mut aggregator = WindowAggregator::new(&stream());
        for second in seconds {
            let (key, value) = (Some(&b"k"[..]), Some(&br#"{"v":2}"#[..]));
            let timestamp_ms = Some(second * 1_000);
            aggregator.add(&RawRecord { key, value, timestamp_ms }).unwrap();
        }
        let mut panes = Vec::new();
        while aggregator.drain(|partial| {
            if partial.window == 1 {
                partial.encode_panes(&mut panes);
            }
        }) {}
        panes
    }

    fn pack(parts: &[&[u8]]) -> Vec<u8> {
        let packed = parts.iter().flat_map(|part| {
            [&i32::try_from(part.len()).unwrap().to_le_bytes()[..], part].concat()
        });
        packed.collect()
    }

    fn i64_at(bytes: &[u8], at: usize) -> i64 {
        i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    #[test]
    fn an_update_gives_count_deadline_state_and_windows() {
        let mut states =
            States { windows: stream().windows, limits: Vec::new(), result: Vec::new() };
        let input = pack(&[&[], &partial(&[5, 6]), &partial(&[15])]);
        states.update(1, &input, Emit::Changed, Watermarks::NONE).unwrap();
        let result = states.result.clone();
        assert_eq!((i64_at(&result, 0), i64_at(&result, 8)), (3, 30_000_000));
        let mut rest = &result[16..];
        let state = packed::split_bytes(&mut rest).unwrap().to_vec();
        let windows: Vec<_> = rest.chunks(97).map(|w| [0, 8, 16].map(|at| i64_at(w, at))).collect();
        assert_eq!(
            windows,
            [[-10_000_000, 10_000_000, 2], [0, 20_000_000, 3], [10_000_000, 30_000_000, 1]]
        );
        let numbers: Vec<_> = (24..88).step_by(8).map(|at| rest[at..at + 8].to_vec()).collect();
        let numbers: Vec<_> = numbers
            .into_iter()
            .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        assert_eq!(numbers, [4.0, 2.0, 2.0, 2.0, 0.0, 2.0, 2.0, 2.0]);
        assert!(rest.chunks(97).all(|window| window[96] == 0));

        // Nothing comes, and the watermark passes the last window.
        let ended = Watermarks { late_us: 10_000_000, final_us: 30_000_000 };
        states.update(1, &pack(&[&state]), Emit::Changed, ended).unwrap();
        assert_eq!((i64_at(&states.result, 8), states.result.len()), (NO_DEADLINE, 20));
    }

    #[test]
    fn windows_that_may_lack_readings_are_marked() {
        let starts = PartialStarts { after_us: None, until_us: 0 };
        let until = WindowLimits { partial: vec![starts], last_start_us: None };
        let limits = vec![WindowLimits::default(), until];
        let mut states = States { windows: stream().windows, limits, result: Vec::new() };
        let input = pack(&[&[], &partial(&[5])]);
        states.update(1, &input, Emit::Changed, Watermarks::NONE).unwrap();
        let mut rest = &states.result[16..];
        packed::split_bytes(&mut rest).unwrap();
        let marks: Vec<_> = rest.chunks(97).map(|w| (i64_at(w, 0), w[96])).collect();
        assert_eq!(marks, [(-10_000_000, 1), (0, 1)]);
    }

    #[test]
    fn what_is_cut_off_or_of_another_version_is_refused() {
        let mut states =
            States { windows: stream().windows, limits: Vec::new(), result: Vec::new() };
        let input = pack(&[&[], &partial(&[5])]);
        let mut update = |window, input: &[u8]| {
            states.update(window, input, Emit::Changed, Watermarks::NONE).map_err(|e| e.to_string())
        };
        update(1, &input).unwrap();
        assert_eq!(
            update(1, &input[..input.len() - 1]).unwrap_err(),
            "the packed panes are cut off"
        );
        assert_eq!(update(1, &[]).unwrap_err(), "the packed panes are cut off");
        assert_eq!(update(2, &input).unwrap_err(), "no kind of window 2");
        assert!(update(1, &pack(&[&[1]])).unwrap_err().contains("start from a new checkpoint"));
    }
}
