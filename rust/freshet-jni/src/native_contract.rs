//! Native methods of `io.freshet.spark.nativelib.NativeContract`: the names that the job shares with the other parts.

use freshet_core::record::{MAX_RECORD_BYTES, SeriesPart};
use freshet_core::stopping::SPARK_BATCH;
use freshet_core::topics::StreamTopics;
use freshet_core::wire::{Component, Header, MAX_DETAIL_BYTES, MAX_LETTER_BYTES, Stage, health};
use jni::EnvUnowned;
use jni::objects::{JByteArray, JClass};
use serde_json::{Map, Value, json};

use crate::gate;
use crate::text;

/// What the texts are that Java asks with.
const NAME: &str = "the name of the stream";
/// Who sends what this library checks.
const COMPONENT: Component = Component::SparkJob;

/// `static native byte[] describe()`: names and limits, as a JSON object in UTF-8.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeContract_describe<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> JByteArray<'local> {
    gate::enter(env, |env| {
        let answer = json!({
            "records": { "max_bytes": MAX_RECORD_BYTES },
            "series_parts": {
                "key": SeriesPart::KEY,
                "topic": SeriesPart::TOPIC,
                "header": SeriesPart::HEADER,
            },
            "dead_letters": {
                "headers": headers(),
                "stage": Stage::Parse.name(),
                "max_bytes": MAX_LETTER_BYTES,
                "max_detail_bytes": MAX_DETAIL_BYTES,
            },
            "health": {
                "interval_millis": millis(health::INTERVAL),
                "max_notices": health::MAX_NOTICES,
            },
            "stop_timeout_millis": millis(SPARK_BATCH),
        });
        Ok(env.byte_array_from_slice(answer.to_string().as_bytes())?)
    })
}

/// `static native byte[] streamTopics(byte[] stream)`: the topics of a stream where topics have no prefix, as a JSON
/// object with `raw` and `windows`. Name and answer are UTF-8.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeContract_streamTopics<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    stream: JByteArray<'local>,
) -> JByteArray<'local> {
    gate::enter(env, |env| {
        let topics = json!(StreamTopics::new("", &text::read(env, &stream, NAME)?));
        Ok(env.byte_array_from_slice(topics.to_string().as_bytes())?)
    })
}

/// `static native byte[] healthKey(byte[] stream)`: the key of the health reports of a stream. Both are UTF-8.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeContract_healthKey<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    stream: JByteArray<'local>,
) -> JByteArray<'local> {
    gate::enter(env, |env| {
        let key = health::key(COMPONENT, Some(&text::read(env, &stream, NAME)?));
        Ok(env.byte_array_from_slice(key.as_bytes())?)
    })
}

/// `static native byte[] healthReport(byte[] fields)`: the report that has these fields, or a `NativeException` when
/// one of them is not declared or not what it is declared to be. Both are JSON objects in UTF-8.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeContract_healthReport<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    fields: JByteArray<'local>,
) -> JByteArray<'local> {
    gate::enter(env, |env| {
        let report = health::check(COMPONENT, &env.convert_byte_array(fields)?)?;
        Ok(env.byte_array_from_slice(&report)?)
    })
}

/// The name of each header, by what Java calls it: `key_truncated` for `freshet-key-truncated`.
fn headers() -> Map<String, Value> {
    Header::ALL
        .iter()
        .map(|header| {
            let name = header.name();
            let own = name.strip_prefix("freshet-").unwrap_or(name);
            (own.replace('-', "_"), name.into())
        })
        .collect()
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
