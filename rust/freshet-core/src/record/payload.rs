//! What a payload seems to be that is not in the stream's format: by its first bytes, for the detail of a rejection.

/// What the bytes look like, and what to do about it; `None` for what has no mark of its own.
pub(super) fn looks_like(value: &[u8]) -> Option<&'static str> {
    match value {
        [0x1f, 0x8b, ..] => {
            Some("gzip; send it uncompressed and let Kafka's producer compress (compression.type)")
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Some("zstd; send it uncompressed and let Kafka's producer compress (compression.type)")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16; let the sender write UTF-8"),
        [b'O', b'b', b'j', 1, ..] => Some("an Avro file, which is not among the formats"),
        [0, 0, 0 | 1, _, _, ..] => Some(
            "a message of Confluent's schema registry (a zero and the number of a schema, then Avro, Protobuf or JSON), which is \
             not among the formats",
        ),
        _ if is_half_zeros(value) => {
            Some("UTF-16 without a byte order mark; let the sender write UTF-8")
        }
        _ if is_latin_1(value) => {
            Some("text in Latin-1 or Windows-1252; let the sender write UTF-8")
        }
        _ => None,
    }
}

/// Whether every other byte is a zero, as in UTF-16 of ASCII characters.
fn is_half_zeros(value: &[u8]) -> bool {
    let (pairs, _) = value.as_chunks();
    let pairs = &pairs[..pairs.len().min(16)];
    let all =
        |zero: usize| pairs.iter().all(|pair: &[u8; 2]| pair[zero] == 0 && pair[1 - zero] != 0);
    pairs.len() > 1 && (all(0) || all(1))
}

/// Whether it is text but for some bytes beyond ASCII that are not UTF-8. (In Windows-1252 a few from 0x80 on are letters, too.)
fn is_latin_1(value: &[u8]) -> bool {
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..);
    let beyond = value.iter().filter(|byte| **byte >= 0x80).count();
    beyond > 0
        && beyond * 4 <= value.len()
        && value.iter().all(is_text)
        && std::str::from_utf8(value).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_of_other_kinds_are_known_by_their_first_bytes() {
        let utf_16: Vec<u8> = "{\"a\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf_16_big: Vec<u8> = "{\"a\":1}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (bytes, expected) in [
            (&[0x1f, 0x8b, 8, 0][..], "gzip"),
            (&[0x28, 0xb5, 0x2f, 0xfd, 4], "zstd"),
            (b"\xff\xfe{\0", "UTF-16;"),
            (&utf_16, "UTF-16 without"),
            (&utf_16_big, "UTF-16 without"),
            (b"Obj\x01\x04", "an Avro file"),
            (b"\0\0\0\0\x07{\"v\":1}", "a message of Confluent's schema registry"),
            (b"{\"city\":\"K\xf6ln\"}", "text in Latin-1"),
        ] {
            assert!(
                looks_like(bytes).is_some_and(|found| found.starts_with(expected)),
                "{bytes:?}"
            );
        }
        for bytes in
            [&b""[..], b"{", b"{\"v\":1}", "{\"city\":\"Köln\"}".as_bytes(), b"\xff\xff\xff\xff"]
        {
            let found = looks_like(bytes);
            assert_eq!(found, None, "{bytes:?}");
        }
    }
}
