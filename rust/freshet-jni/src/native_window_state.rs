//! Native methods of `io.freshet.spark.nativelib.NativeWindowState`.

use std::time::{SystemTime, UNIX_EPOCH};

use freshet_core::aggregate::{Emit, InvalidState, Watermarks, WindowLimits, WindowState};
use freshet_core::config::Stream;
use freshet_core::window::{InvalidWindow, WindowSpec};
use freshet_core::window_version::{
    Columns, WindowVersion, push_row, spark_schema, write_key, write_message,
};
use jni::objects::{JByteArray, JByteBuffer, JClass};
use jni::sys::{jboolean, jint, jlong};
use jni::{Env, EnvUnowned};

use crate::direct;
use crate::gate::{self, NativeError};
use crate::handle::{self, Handled};
use crate::packed;
use crate::stream;
use crate::text;

/// What a handle stands for: the kinds of windows of a stream, and the result of the last update.
struct States {
    stream: String,
    generation: u32,
    windows: Vec<Kind>,
    form: Form,
    /// Reused: see [`States::update`].
    result: Vec<u8>,
}

/// A kind of window.
struct Kind {
    spec: WindowSpec,
    name: String,
    limits: WindowLimits,
}

/// What windows are handed on as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Key and value of a message, each preceded by its length (i32).
    Messages,
    /// A row, as [`push_row`] has it.
    Rows,
}

impl Handled for States {
    const NAME: &'static str = "window state";
}

/// In place of the instant at which a state has to be looked at again, when there is no state left.
const NO_DEADLINE: i64 = i64::MIN;

impl States {
    /// `limits` are those of the first kinds of windows; the others have none.
    fn new(stream: Stream, limits: Vec<WindowLimits>, form: Form) -> Self {
        let mut limits = limits.into_iter();
        let kind = |spec: WindowSpec| Kind {
            name: spec.to_string(),
            spec,
            limits: limits.next().unwrap_or_default(),
        };
        Self {
            windows: stream.windows.into_iter().map(kind).collect(),
            stream: stream.name,
            generation: stream.generation,
            form,
            result: Vec::new(),
        }
    }

    /// Updates the state of one metric of one series, and hands its windows on as of the instant `emitted_us`.
    ///
    /// `input` is the series, the metric, the state, without bytes for a new one, and the partial aggregates of the
    /// micro-batch, each preceded by its length (i32). The result, little-endian: the number of records counted (i64),
    /// the deadline in epoch microseconds or [`NO_DEADLINE`] (i64), the new state, preceded by its length (i32), and
    /// the windows in their [`Form`].
    fn update(
        &mut self,
        window: usize,
        input: &[u8],
        which: Emit,
        watermarks: Watermarks,
        emitted_us: i64,
    ) -> Result<(), NativeError> {
        let Self { stream, generation, windows, form, result } = self;
        let kind = windows
            .get(window)
            .ok_or_else(|| NativeError::Contract(format!("no kind of window {window}")))?;
        let mut rest = input;
        let series = split_text(&mut rest)?;
        let metric = split_text(&mut rest)?;
        let before = packed::split_bytes(&mut rest).ok_or_else(cut_off)?;
        let mut state = WindowState::decode(&kind.spec, before)?.with_limits(kind.limits.clone());
        let mut counted = 0;
        while !rest.is_empty() {
            let partial = packed::split_bytes(&mut rest).ok_or_else(cut_off)?;
            counted += state.add(partial, watermarks)?;
        }
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
        let names = [stream.as_str(), series, metric, kind.name.as_str()];
        state.windows(which, watermarks, |window| {
            form.push(&WindowVersion::new(names, *generation, emitted_us, window), result);
        })?;
        Ok(())
    }
}

impl Form {
    fn of(number: jint) -> Result<Self, NativeError> {
        match number {
            0 => Ok(Self::Messages),
            1 => Ok(Self::Rows),
            _ => Err(NativeError::Contract(format!("no form of windows {number}"))),
        }
    }

    fn push(self, version: &WindowVersion<'_>, output: &mut Vec<u8>) {
        match self {
            Self::Messages => {
                push_with_length(output, |output| write_key(version, output));
                push_with_length(output, |output| write_message(version, output));
            }
            Self::Rows => push_row(Columns::Windows, version, output),
        }
    }
}

/// Appends what `push` appends, preceded by its length: names are at most a record long, so that it fits.
fn push_with_length(output: &mut Vec<u8>, push: impl FnOnce(&mut Vec<u8>)) {
    let begin = output.len();
    output.extend([0; 4]);
    push(output);
    let length = i32::try_from(output.len() - begin - 4).unwrap_or(i32::MAX);
    output[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
}

fn cut_off() -> NativeError {
    NativeError::Contract("the packed panes are cut off".to_owned())
}

fn split_text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, NativeError> {
    text::of(packed::split_bytes(bytes).ok_or_else(cut_off)?, "a series or metric")
}

/// This machine's clock, epoch microseconds.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

impl From<InvalidState> for NativeError {
    fn from(error: InvalidState) -> Self {
        Self::Contract(error.to_string())
    }
}

/// `static native long open(byte[] stream, byte[] limits, int form)`: for the windows of a stream, which is its JSON,
/// with a JSON list of the [`WindowLimits`] of its kinds of windows, in their order; an empty one without limits.
/// `form` is 0 for messages and 1 for rows.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowState_open<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    stream: JByteArray<'local>,
    limits: JByteArray<'local>,
    form: jint,
) -> jlong {
    gate::enter(env, |env| {
        let stream = stream::read(env, &stream)?;
        let limits = serde_json::from_slice(&env.convert_byte_array(limits)?)
            .map_err(|error| NativeError::Contract(format!("the limits are no JSON: {error}")))?;
        handle::put(States::new(stream, limits, Form::of(form)?))
    })
}

/// `static native byte[] columns()`: the columns of the rows, as Spark's `StructType` in JSON.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowState_columns<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> JByteArray<'local> {
    gate::enter(
        env,
        |env| Ok(env.byte_array_from_slice(spark_schema(Columns::Windows).as_bytes())?),
    )
}

/// `static native long newestEvent(byte[] window, byte[] state)`: event time of the newest reading in the state of one
/// metric of one series for that kind of window, epoch microseconds; [`NO_DEADLINE`] without readings.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowState_newestEvent<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    window: JByteArray<'local>,
    state: JByteArray<'local>,
) -> jlong {
    gate::enter(env, |env| {
        let spec = read_window(env, &window)?;
        let state = env.convert_byte_array(state)?;
        Ok(WindowState::newest_event_us(&spec, &state)?.unwrap_or(NO_DEADLINE))
    })
}

/// `static native long windowLength(byte[] window)`: how long a window of that kind may be, in microseconds.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeWindowState_windowLength<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    window: JByteArray<'local>,
) -> jlong {
    gate::enter(env, |env| Ok(read_window(env, &window)?.longest_ms() * 1_000))
}

fn read_window<'local>(
    env: &Env<'local>,
    window: &JByteArray<'local>,
) -> Result<WindowSpec, NativeError> {
    let window = text::read(env, window, "the kind of window")?;
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
        states.update(window, input, which, watermarks, now_us())?;
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
            aggregator
                .add(&RawRecord { key, value, timestamp_ms, ..RawRecord::default() })
                .unwrap();
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

    fn states(limits: Vec<WindowLimits>, form: Form) -> States {
        States::new(stream(), limits, form)
    }

    /// The windows of a result, after count, deadline and state, as messages.
    fn messages(result: &[u8]) -> Vec<(String, serde_json::Value)> {
        let mut rest = &result[16..];
        packed::split_bytes(&mut rest).unwrap();
        let mut messages = Vec::new();
        while !rest.is_empty() {
            let key = packed::split_bytes(&mut rest).unwrap();
            let value = packed::split_bytes(&mut rest).unwrap();
            let key = String::from_utf8(key.to_vec()).unwrap();
            messages.push((key, serde_json::from_slice(value).unwrap()));
        }
        messages
    }

    #[test]
    fn an_update_gives_count_deadline_state_and_windows() {
        let mut states = states(Vec::new(), Form::Messages);
        let input = pack(&[b"k", b"v", &[], &partial(&[5, 6]), &partial(&[15])]);
        states.update(1, &input, Emit::Changed, Watermarks::NONE, 99_000).unwrap();
        let result = states.result.clone();
        assert_eq!((i64_at(&result, 0), i64_at(&result, 8)), (3, 30_000_000));
        let mut rest = &result[16..];
        let state = packed::split_bytes(&mut rest).unwrap().to_vec();
        let found = messages(&result);
        let keys: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["k|v|20s/10s|-10000", "k|v|20s/10s|0", "k|v|20s/10s|10000"]);
        let counts: Vec<_> = found.iter().map(|(_, message)| message["count"].clone()).collect();
        assert_eq!(counts, [2, 3, 1]);
        assert_eq!((&found[1].1["sum"], &found[1].1["emitted"]), (&6.0.into(), &99.into()));

        // Nothing comes, and the watermark passes the last window.
        let ended = Watermarks { late_us: 10_000_000, final_us: 30_000_000 };
        states.update(1, &pack(&[b"k", b"v", &state]), Emit::Changed, ended, 0).unwrap();
        assert_eq!((i64_at(&states.result, 8), states.result.len()), (NO_DEADLINE, 20));
    }

    #[test]
    fn rows_have_the_columns_of_the_schema() {
        let mut states = states(Vec::new(), Form::Rows);
        let input = pack(&[b"k", b"v", &[], &partial(&[5])]);
        states.update(0, &input, Emit::Changed, Watermarks::NONE, 0).unwrap();
        let mut rest = &states.result[16..];
        packed::split_bytes(&mut rest).unwrap();
        // No column is null, and the first ones are texts.
        let begin = [&[0; 8][..], &pack(&[b"k", b"v", b"10s"]), &0_i64.to_le_bytes()].concat();
        assert!(rest.starts_with(&begin), "{rest:?}");
    }

    #[test]
    fn windows_that_may_lack_readings_are_marked() {
        let starts = PartialStarts { after_us: None, until_us: 0 };
        let until = WindowLimits { partial: vec![starts], last_start_us: None };
        let mut states = states(vec![WindowLimits::default(), until], Form::Messages);
        let input = pack(&[b"k", b"v", &[], &partial(&[5, 15])]);
        states.update(1, &input, Emit::Changed, Watermarks::NONE, 0).unwrap();
        let marks: Vec<_> = messages(&states.result)
            .into_iter()
            .map(|(_, message)| message.get("partial").cloned())
            .collect();
        assert_eq!(marks, [Some(true.into()), Some(true.into()), None]);
    }

    #[test]
    fn what_is_cut_off_or_of_another_version_is_refused() {
        let mut states = states(Vec::new(), Form::Messages);
        let input = pack(&[b"k", b"v", &[], &partial(&[5])]);
        let mut update = |window, input: &[u8]| {
            let updated = states.update(window, input, Emit::Changed, Watermarks::NONE, 0);
            updated.map_err(|error| error.to_string())
        };
        update(1, &input).unwrap();
        for cut in [&input[..input.len() - 1], &input[..7], &[]] {
            assert_eq!(update(1, cut).unwrap_err(), "the packed panes are cut off");
        }
        assert_eq!(update(2, &input).unwrap_err(), "no kind of window 2");
        let not_utf8 = update(1, &pack(&[b"\xff", b"v", &[]])).unwrap_err();
        assert_eq!(not_utf8, "a series or metric is not UTF-8: see byte 1");
        assert!(
            update(1, &pack(&[b"k", b"v", &[1]]))
                .unwrap_err()
                .contains("start from a new checkpoint")
        );
    }
}
