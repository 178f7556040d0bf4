//! What stands before the content of a value: Confluent's wire format.
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html>, "Wire
//! format".

use serde::{Deserialize, Serialize};

use super::Rejection;
use crate::wire::ReasonCode;

/// What stands before the content of each value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// Nothing.
    None,
    /// A zero, and the id of the schema in four bytes, the highest first.
    Confluent,
}

/// A value as it comes, or decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Framed<'a> {
    /// The id of its schema, where it has one.
    pub(super) schema: Option<u32>,
    /// What the format reads.
    pub(super) content: &'a [u8],
}

impl Framing {
    /// Splits a value.
    ///
    /// # Errors
    ///
    /// `invalid_framing` for one that does not begin as the framing says.
    #[inline]
    pub(super) fn split(self, value: &[u8]) -> Result<Framed<'_>, Rejection> {
        match (self, value) {
            (Self::None, content) => Ok(Framed { schema: None, content }),
            (Self::Confluent, [0, a, b, c, d, content @ ..]) => {
                let schema = Some(u32::from_be_bytes([*a, *b, *c, *d]));
                Ok(Framed { schema, content })
            }
            (Self::Confluent, _) => Err(Self::unframed(value)),
        }
    }

    /// The content of a value; all of it where the value does not begin as the framing says.
    pub(super) fn content(self, value: &[u8]) -> &[u8] {
        self.split(value).map_or(value, |framed| framed.content)
    }

    #[cold]
    fn unframed(value: &[u8]) -> Rejection {
        let begins = match value {
            [] => "it is empty".to_owned(),
            [0, ..] => format!("it has {} bytes", value.len()),
            [first, ..] => format!("it begins with {first:#04x}"),
        };
        let detail = format!(
            "a value begins with a zero and the id of its schema in four bytes, and {begins}; framing = \"none\" reads \
             values without them"
        );
        Rejection::new(ReasonCode::InvalidFraming, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_split_behind_the_id_of_its_schema() {
        for (value, expected) in [
            (&b"\0\0\0\0\x07ab"[..], Some((7, &b"ab"[..]))),
            (b"\0\xff\xfe\0\x01\0", Some((0xfffe_0001, b"\0"))),
            (b"\0\0\0\0\0", Some((0, b""))),
            (b"\0\0\0\0", None),
            (b"\0", None),
            (b"", None),
            (b"\x01\0\0\0\x07ab", None),
            (b"{\"v\":1}", None),
        ] {
            let framed = Framing::Confluent.split(value);
            let found = framed.as_ref().ok().map(|framed| (framed.schema.unwrap(), framed.content));
            assert_eq!(found, expected, "{value:?}");
            let rest = expected.map_or(value, |(_, content)| content);
            assert_eq!(Framing::Confluent.content(value), rest);
            let none = Framed { schema: None, content: value };
            assert_eq!(Framing::None.split(value), Ok(none));
            if let Err(rejection) = framed {
                assert_eq!(rejection.reason, ReasonCode::InvalidFraming);
            }
        }
    }
}
