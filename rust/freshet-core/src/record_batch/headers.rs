//! What senders write beside a record: names with values, in their order.

use super::records::{CUT_OFF, bytes, length};

/// The headers of a record, as they stand in a record batch: their number, and of each the length of its name, the
/// name, the length of its value, -1 for none, and the value. Numbers are of variable length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    /// Those that [`encode_headers`] or a sender has written; no bytes mean no headers. What is not written like that
    /// has no more headers from there on.
    pub fn new(encoded: &'a [u8]) -> Self {
        Self(encoded)
    }

    /// The value of the last header of that name, which counts by Kafka's convention
    /// (`org.apache.kafka.common.header.Headers.lastHeader`): `None` without one, and for one without a value.
    pub fn last(self, name: &str) -> Option<&'a [u8]> {
        let named = self.iter().filter(|(found, _)| *found == name.as_bytes());
        named.last().and_then(|(_, value)| value)
    }

    /// Names and values, in the order in which they were written.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        let mut rest = self.0;
        let number = length(&mut rest).ok().flatten().unwrap_or_default();
        (0..number).map_while(move |_| header(&mut rest).ok())
    }

    /// Takes the headers off the end of a record.
    pub(super) fn split(body: &mut &'a [u8]) -> Result<Self, &'static str> {
        let whole = *body;
        let number = length(body)?.ok_or("its number of headers is negative")?;
        // Each header takes two bytes or more, so that a number that is too large soon finds no more of them.
        for _ in 0..number {
            header(body)?;
        }
        whole.get(..whole.len() - body.len()).map(Self).ok_or(CUT_OFF)
    }
}

fn header<'a>(body: &mut &'a [u8]) -> Result<(&'a [u8], Option<&'a [u8]>), &'static str> {
    let name = bytes(body)?.ok_or("a header of it has no name")?;
    Ok((name, bytes(body)?))
}

/// Writes headers as [`Headers`] reads them.
pub fn encode_headers<'a>(
    headers: impl ExactSizeIterator<Item = (&'a str, Option<&'a [u8]>)>,
) -> Vec<u8> {
    let mut encoded = Vec::new();
    encode_length(Some(headers.len()), &mut encoded);
    for (name, value) in headers {
        encode_length(Some(name.len()), &mut encoded);
        encoded.extend(name.as_bytes());
        encode_length(value.map(<[u8]>::len), &mut encoded);
        encoded.extend(value.unwrap_or_default());
    }
    encoded
}

/// In zigzag encoding a length is its double, and -1 is 1.
fn encode_length(length: Option<usize>, encoded: &mut Vec<u8>) {
    let mut number = length.map_or(1, |length| 2 * length as u64);
    loop {
        let [group, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return encoded.push(group & 0x7f);
        }
        encoded.push(group | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_header_of_a_name_counts() {
        let long = [b'x'; 300];
        let headers = [
            ("site", Some(&b"a"[..])),
            ("", Some(b"empty name")),
            ("site", Some(b"b")),
            ("none", None),
            ("empty", Some(b"")),
            ("long", Some(&long)),
        ];
        let encoded = encode_headers(headers.into_iter());
        let headers = Headers::new(&encoded);
        for (name, expected) in [
            ("site", Some(&b"b"[..])),
            ("", Some(b"empty name")),
            ("none", None),
            ("empty", Some(b"")),
            ("long", Some(&long)),
            ("other", None),
        ] {
            assert_eq!(headers.last(name), expected, "{name}");
        }
        assert_eq!(Headers::default().last("site"), None);
        assert_eq!(Headers::new(&encode_headers([].into_iter())).last("site"), None);
    }

    proptest! {
        #[test]
        fn headers_are_split_off_as_they_were_written(
            headers in proptest::collection::vec(("[a-c]{0,2}", proptest::option::of(any::<Vec<u8>>())), 0..200),
            behind in any::<Vec<u8>>(),
        ) {
            let pairs = || headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
            let encoded = encode_headers(pairs());
            let whole = [&encoded[..], &behind].concat();
            let mut body = &whole[..];
            prop_assert_eq!(Headers::split(&mut body), Ok(Headers::new(&encoded)));
            prop_assert_eq!(body, &behind[..]);
            for name in ["", "a", "bc"] {
                let expected = pairs().rev().find(|(found, _)| *found == name).and_then(|(_, value)| value);
                prop_assert_eq!(Headers::new(&encoded).last(name), expected);
            }
            for length in 0..encoded.len() {
                prop_assert!(Headers::split(&mut &encoded[..length]).is_err());
            }
        }

        #[test]
        fn what_is_no_header_is_passed_over(bytes in any::<Vec<u8>>()) {
            Headers::new(&bytes).last("a");
        }
    }
}
