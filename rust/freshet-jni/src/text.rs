//! Texts as Java hands them over: always in UTF-8, whose bytes Java and Rust agree on.

use jni::Env;
use jni::objects::JByteArray;

use crate::gate::NativeError;

/// The text in a Java array; `what` names it, should it be none.
pub(crate) fn read(
    env: &Env<'_>,
    bytes: &JByteArray<'_>,
    what: &str,
) -> Result<String, NativeError> {
    of(&env.convert_byte_array(bytes)?, what).map(str::to_owned)
}

/// The text of these bytes. A replaced character would name another series, file or topic: it is refused.
pub(crate) fn of<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str, NativeError> {
    std::str::from_utf8(bytes).map_err(|error| {
        NativeError::Contract(format!("{what} is not UTF-8: see byte {}", error.valid_up_to() + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_none_is_named_with_its_first_wrong_byte() {
        assert_eq!(of("größe".as_bytes(), "the path").unwrap(), "größe");
        let error = of(b"gr\xf6\xdfe", "the path").unwrap_err().to_string();
        assert_eq!(error, "the path is not UTF-8: see byte 3");
    }
}
