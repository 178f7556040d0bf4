//! Native methods of `io.freshet.spark.nativelib.NativeRecordParser`.

use freshet_core::config::{SchemaRegistry, Stream};
use freshet_core::record::{Parsed, RawRecord, Readings, RecordParser, Rejection};
use freshet_core::record_batch::Headers;
use jni::EnvUnowned;
use jni::objects::{JByteArray, JByteBuffer, JClass};
use jni::sys::{jboolean, jint, jlong};

use crate::direct;
use crate::gate::{self, NativeError};
use crate::handle::{self, Handled};
use crate::packed::{take_length, take_optional};
use crate::stream;
use crate::text;

/// What a handle stands for: a parser, and the result of its last record.
struct Parsing {
    parser: RecordParser,
    readings: Readings,
    registry: Option<SchemaRegistry>,
    /// Names of the metrics, by their index.
    metrics: Vec<String>,
    /// The packed result, reused: see [`Parsing::parse`].
    result: Vec<u8>,
}

/// In place of the number of readings, when the record is rejected.
const REJECTED: i32 = -1;

impl Parsing {
    fn new(stream: &Stream) -> Self {
        Self {
            parser: RecordParser::new(stream),
            readings: Readings::default(),
            registry: stream.registry.clone(),
            metrics: stream.values.iter().map(|(name, _)| name.clone()).collect(),
            result: Vec::new(),
        }
    }

    /// Parses one record, see [`unpack`], with its timestamp in epoch microseconds, and packs what it holds,
    /// little-endian: the number
    /// of readings (i32), and of each the metric's index (i32), the event time in epoch microseconds (i64), the value
    /// (f64), and the series, a text. Of a rejected record: -1 (i32), the reason and the detail, texts. A text is its
    /// length in bytes (i32), and the bytes.
    ///
    /// It is packed and no Arrow, since an expression of SQL gets one value at a time: columns and the C structs that
    /// carry them would cost dozens of allocations for each record, and the packed result costs none.
    ///
    /// # Errors
    ///
    /// [`NativeError::Unanswered`] when the registry does not say what the record is written with.
    fn parse(&mut self, record: &[u8], timestamp: Option<i64>) -> Result<(), NativeError> {
        self.result.clear();
        let timestamp_ms = timestamp.map(|time| time.div_euclid(1_000));
        let record = RawRecord { timestamp_ms, ..unpack(record)? };
        match self.parse_with_schema(&record)? {
            Ok(_) => self.pack_readings(),
            Err(rejection) => {
                self.result.extend(REJECTED.to_le_bytes());
                push_text(&mut self.result, rejection.reason.code());
                push_text(&mut self.result, &rejection.detail);
            }
        }
        Ok(())
    }

    /// Parses a record, after its schema was asked for where the parser has not met it yet.
    fn parse_with_schema(
        &mut self,
        record: &RawRecord<'_>,
    ) -> Result<Result<Parsed, Rejection>, NativeError> {
        let parsed = self.parser.parse(record, &mut self.readings);
        let Ok(Parsed::NeedsSchema(id)) = parsed else { return Ok(parsed) };
        let found = freshet_registry::find(self.registry.as_ref(), id)?;
        self.parser.learn_schema(id, found.as_deref().map_err(String::as_str));
        Ok(self.parser.parse(record, &mut self.readings))
    }

    fn pack_readings(&mut self) {
        self.result.extend([0; 4]);
        let mut count = 0_i32;
        for reading in self.readings.iter() {
            self.result.extend(i32::try_from(reading.metric).unwrap_or(i32::MAX).to_le_bytes());
            self.result.extend(reading.time_us.to_le_bytes());
            self.result.extend(reading.value.to_le_bytes());
            push_text(&mut self.result, reading.series);
            count += 1;
        }
        self.result[..4].copy_from_slice(&count.to_le_bytes());
    }
}

/// A record without its timestamp, as Java packs it: the lengths of key, topic and headers (i32, little-endian, -1 for
/// none), their bytes, and those of the value.
fn unpack(mut bytes: &[u8]) -> Result<RawRecord<'_>, NativeError> {
    let bytes = &mut bytes;
    let record = (|| {
        let lengths = [take_length(bytes)?, take_length(bytes)?, take_length(bytes)?];
        let [key, topic, headers] = lengths;
        Some(RawRecord {
            key: take_optional(bytes, key)?,
            topic: take_optional(bytes, topic)?,
            headers: Headers::new(take_optional(bytes, headers)?.unwrap_or_default()),
            value: Some(bytes),
            timestamp_ms: None,
        })
    })();
    record.ok_or_else(|| NativeError::Contract("a packed record is cut off".to_owned()))
}

fn push_text(result: &mut Vec<u8>, text: &str) {
    // Records have at most a mebibyte, and their texts less.
    result.extend(i32::try_from(text.len()).unwrap_or(i32::MAX).to_le_bytes());
    result.extend(text.as_bytes());
}

impl Handled for Parsing {
    const NAME: &'static str = "parser";
}

/// `static native byte[] readSpecification(byte[] text, boolean windows)`: the stream that the text of a `[[stream]]`
/// table describes, validated, as JSON; `windows` says whether it has to name windows.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeRecordParser_readSpecification<
    'local,
>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    text: JByteArray<'local>,
    windows: jboolean,
) -> JByteArray<'local> {
    gate::enter(env, |env| {
        let text = text::read(env, &text, "the stream specification")?;
        let read = if windows { Stream::parse } else { Stream::parse_without_windows };
        let json = serde_json::to_value(read(&text)?)
            .map_err(|error| NativeError::Contract(format!("no JSON of a stream: {error}")))?;
        Ok(env.byte_array_from_slice(json.to_string().as_bytes())?)
    })
}

/// `static native long open(byte[] stream)`: a parser for the records of a stream, which is its JSON.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeRecordParser_open<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    stream: JByteArray<'local>,
) -> jlong {
    gate::enter(env, |env| {
        let stream = stream::read(env, &stream)?;
        handle::put(Parsing::new(&stream))
    })
}

/// `static native byte[] metrics(long handle)`: the names of the metrics in the order of their indexes, joined with
/// `|`, which no name contains.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeRecordParser_metrics<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JByteArray<'local> {
    handle::enter_with(env, handle, |env, parsing: &mut Parsing| {
        Ok(env.byte_array_from_slice(parsing.metrics.join("|").as_bytes())?)
    })
}

/// `static native int parse(long handle, ByteBuffer record, int length, boolean timed, long timestamp, ByteBuffer
/// result)`: parses the record in the first `length` bytes of `record`, see [`unpack`], whose timestamp is that, in
/// epoch microseconds, if `timed`. Puts the result, see [`Parsing::parse`], into `result` and returns its length; when
/// it is longer than `result`, `takeResult` has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeRecordParser_parse<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    record: JByteBuffer<'local>,
    length: jint,
    timed: jboolean,
    timestamp: jlong,
    result: JByteBuffer<'local>,
) -> jint {
    handle::enter_with(env, handle, |env, parsing: &mut Parsing| {
        // SAFETY: the Java caller holds the buffer and does not write to it during the call.
        let record = unsafe { direct::bytes(env, &record, length) }?;
        parsing.parse(record, timed.then_some(timestamp))?;
        // SAFETY: the result buffer is another one than the record's, and the Java caller waits for it.
        unsafe { direct::fill(env, &result, &parsing.result) }?;
        Ok(jint::try_from(parsing.result.len()).unwrap_or(jint::MAX))
    })
}

/// `static native void takeResult(long handle, ByteBuffer result)`: the last result once more, into a buffer that is
/// long enough.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeRecordParser_takeResult<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    result: JByteBuffer<'local>,
) {
    handle::enter_with(env, handle, |env, parsing: &mut Parsing| {
        // SAFETY: the Java caller waits for the buffer.
        unsafe { direct::fill_whole(env, &result, &parsing.result) }
    });
}

/// `static native void close(long handle)`: frees the parser.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeRecordParser_close<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    handle::close::<Parsing>(env, handle);
}

#[cfg(test)]
mod tests {
    use freshet_core::record_batch::encode_headers;

    use super::*;

    fn parsing(specification: &str) -> Parsing {
        Parsing::new(&Stream::parse_without_windows(specification).unwrap())
    }

    /// A record with a key.
    fn pack(key: Option<&[u8]>, value: &[u8]) -> Vec<u8> {
        pack_all([key, None, None], value)
    }

    fn pack_all(beside: [Option<&[u8]>; 3], value: &[u8]) -> Vec<u8> {
        let length =
            |part: Option<&[u8]>| part.map_or(-1, |part| i32::try_from(part.len()).unwrap());
        let mut packed: Vec<u8> =
            beside.iter().flat_map(|part| length(*part).to_le_bytes()).collect();
        packed.extend(beside.iter().flat_map(|part| part.unwrap_or_default()));
        packed.extend(value);
        packed
    }

    fn text(bytes: &mut &[u8]) -> String {
        let (length, rest) = bytes.split_first_chunk().unwrap();
        let (text, rest) = rest.split_at(usize::try_from(i32::from_le_bytes(*length)).unwrap());
        *bytes = rest;
        String::from_utf8(text.to_vec()).unwrap()
    }

    #[test]
    fn readings_are_packed_one_after_the_other() {
        let mut parsing = parsing("values = { a = \"a\", b = \"b\" }");
        parsing.parse(&pack(Some(b"key"), br#"{"a":1.5,"b":-2}"#), Some(3_000_999)).unwrap();
        let mut rest = &parsing.result[4..];
        assert_eq!(parsing.result[..4], 2_i32.to_le_bytes());
        for (metric, value) in [(0_i32, 1.5_f64), (1, -2.0)] {
            assert_eq!(rest[..4], metric.to_le_bytes());
            assert_eq!(rest[4..12], 3_000_000_i64.to_le_bytes());
            assert_eq!(rest[12..20], value.to_le_bytes());
            rest = &rest[20..];
            assert_eq!(text(&mut rest), "key");
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn a_rejected_record_says_why() {
        let mut parsing =
            parsing("values = { a = \"a\" }, time = { field = \"at\" }, max_future = \"1s\"");
        let cases = [
            (Some("k"), "{", Some(0), "invalid_json"),
            (None, r#"{"a":1,"at":1}"#, Some(0), "missing_series"),
            (Some("k"), r#"{"a":1,"at":1001}"#, Some(0), "in_future"),
            (Some("k"), r#"{"a":1}"#, None, "missing_time"),
        ];
        for (key, value, timestamp, reason) in cases {
            parsing.parse(&pack(key.map(str::as_bytes), value.as_bytes()), timestamp).unwrap();
            let mut rest = &parsing.result[4..];
            assert_eq!(parsing.result[..4], REJECTED.to_le_bytes());
            assert_eq!(text(&mut rest), reason);
            assert!(!text(&mut rest).is_empty());
        }
        parsing.parse(&pack(Some(b"k"), br#"{"a":1,"at":1001}"#), None).unwrap();
        assert_eq!(parsing.result[..4], 1_i32.to_le_bytes());
    }

    #[test]
    fn without_a_time_of_its_own_the_record_needs_a_timestamp() {
        let influx = "format = \"influx\", values = { a = \"field.a\" }";
        for (specification, value) in
            [("values = { a = \"a\" }", &br#"{"a":1}"#[..]), (influx, b"m a=1")]
        {
            let mut parsing = parsing(specification);
            parsing.parse(&pack(Some(b"k"), value), None).unwrap();
            assert_eq!(text(&mut &parsing.result[4..]), "missing_time");
            parsing.parse(&pack(Some(b"k"), value), Some(0)).unwrap();
            assert_eq!(parsing.result[..4], 1_i32.to_le_bytes());
        }
    }

    #[test]
    fn what_stands_beside_the_value_is_unpacked_and_every_cut_is_noticed() {
        let mut parsing =
            parsing("series = [\"$key\", \"$topic\", \"$header.site\"], values = { a = \"a\" }");
        let headers = encode_headers([("site", Some(&b"berlin"[..]))].into_iter());
        let beside = [Some(&b"k"[..]), Some(b"eu"), Some(&headers)];
        let whole = pack_all(beside, br#"{"a":1}"#);
        parsing.parse(&whole, Some(0)).unwrap();
        assert_eq!(text(&mut &parsing.result[24..]), "k/eu/berlin");
        for length in 0..whole.len() - br#"{"a":1}"#.len() {
            assert!(parsing.parse(&whole[..length], Some(0)).is_err(), "{length}");
        }
        parsing
            .parse(&pack_all([Some(b"k"), Some(b"\xff"), None], br#"{"a":1}"#), Some(0))
            .unwrap();
        assert_eq!(text(&mut &parsing.result[4..]), "invalid_utf8");
    }
}
