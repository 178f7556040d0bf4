//! Native methods of `io.freshet.spark.nativelib.NativeConfiguration`.

use std::path::Path;

use freshet_core::config::Config;
use freshet_core::topics;
use jni::EnvUnowned;
use jni::objects::{JByteArray, JClass};
use serde_json::json;

use crate::gate;
use crate::text;

/// `static native byte[] load(byte[] path)`: reads and validates the configuration with this process's environment. The
/// path and the answer, a JSON object with `config`, `topics` and `topic_names`, are UTF-8.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeConfiguration_load<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    path: JByteArray<'local>,
) -> JByteArray<'local> {
    gate::enter(env, |env| {
        let path = text::read(env, &path, "the path of the configuration")?;
        let config = Config::load(Path::new(&path))?;
        let answer = json!({
            "config": config,
            "topics": topics::all(&config),
            "topic_names": topics::names(&config),
        });
        Ok(env.byte_array_from_slice(answer.to_string().as_bytes())?)
    })
}
