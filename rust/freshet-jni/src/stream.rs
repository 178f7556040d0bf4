//! Streams as Java hands them over.

use freshet_core::config::Stream;
use jni::Env;
use jni::objects::JByteArray;

use crate::gate::NativeError;

/// The stream of its JSON, as `NativeConfiguration.load` or `NativeRecordParser.readSpecification` gave it.
pub(crate) fn read(env: &Env<'_>, json: &JByteArray<'_>) -> Result<Stream, NativeError> {
    serde_json::from_slice(&env.convert_byte_array(json)?)
        .map_err(|error| NativeError::Contract(format!("not a stream: {error}")))
}
