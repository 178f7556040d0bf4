//! What a payload seems to be that is not in the stream's format: by its first bytes, for the detail of a rejection.

/// What the bytes look like, and what to do about it; `None` for what has no mark of its own. A wrong guess is worse
/// than none.
pub(crate) fn looks_like(value: &[u8]) -> Option<&'static str> {
    match value {
        [0x1f, 0x8b, 8, ..] => Some("gzip; compression = \"auto\" reads it"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd; compression = \"auto\" reads it"),
        [b'O', b'b', b'j', 1, ..] => Some(
            "an Avro file, which has many records and their schema; send each datum alone (format = \"avro\")",
        ),
        _ if is_utf_16(value) => Some("UTF-16; let the sender write UTF-8"),
        _ if has_schema_id(value) => Some(
            "a message of Confluent's schema registry (a zero and the id of a schema, then Avro, Protobuf or JSON); \
             framing = \"confluent\" reads it",
        ),
        _ if is_latin_1(value) => {
            Some("Latin-1 or another encoding of one byte per letter; let the sender write UTF-8")
        }
        _ => None,
    }
}

/// Whether it is ASCII with a zero before or after each character, perhaps after a byte order mark.
fn is_utf_16(value: &[u8]) -> bool {
    let (marked, value) = match value {
        [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (pairs, _) = value.as_chunks();
    let pairs = &pairs[..pairs.len().min(16)];
    let is_character = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e);
    let all = |zero: usize| {
        pairs.iter().all(|pair: &[u8; 2]| pair[zero] == 0 && is_character(pair[1 - zero]))
    };
    pairs.len() >= if marked { 1 } else { 3 } && (all(0) || all(1))
}

/// A zero, the id of a schema in four bytes, and content. Lengths before a message look alike, but add up.
fn has_schema_id(value: &[u8]) -> bool {
    let [0, a, b, c, d, first, ..] = *value else { return false };
    let is_length = |length: u32, before: usize| length as usize + before == value.len();
    let id = u32::from_be_bytes([a, b, c, d]);
    let is_counted = is_length(id, 5) || is_length(u32::from_be_bytes([0, a, b, c]), 4);
    (1..1 << 24).contains(&id) && first != 0 && !is_counted
}

/// Whether it is ASCII text but for some single letters from 0xa0 on.
fn is_latin_1(value: &[u8]) -> bool {
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0xa0..);
    let is_letter = |byte: &u8| *byte >= 0xa0;
    let letters = value.iter().filter(|byte| is_letter(byte)).count();
    let starts_with_text = value.first().is_some_and(u8::is_ascii);
    let stand_together = value.windows(3).any(|three| three.iter().all(is_letter));
    let error = std::str::from_utf8(value).err();
    // A text that is cut off, or damaged in one place, was UTF-8.
    let was_utf_8 = error.is_none_or(|error| error.error_len().is_none())
        || value.utf8_chunks().any(|chunk| !chunk.valid().is_ascii());
    starts_with_text
        && letters > 0
        && letters * 4 <= value.len()
        && !stand_together
        && value.iter().all(is_text)
        && !was_utf_8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_of_other_kinds_are_known_by_their_first_bytes() {
        let utf_16: Vec<u8> = "{\"a\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf_16_big: Vec<u8> = "{\"a\":1}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked = [b"\xff\xfe", &*utf_16].concat();
        for (bytes, expected) in [
            (&[0x1f, 0x8b, 8, 0][..], "gzip"),
            (&[0x28, 0xb5, 0x2f, 0xfd, 4], "zstd"),
            (b"\xff\xfe{\0", "UTF-16"),
            (&marked, "UTF-16"),
            (&utf_16, "UTF-16"),
            (&utf_16_big, "UTF-16"),
            (b"Obj\x01\x04", "an Avro file"),
            (b"\0\0\0\0\x09{\"v\":1}", "a message of Confluent's schema registry"),
            (b"\0\0\x02\x00\x01\x02ab", "a message of Confluent's schema registry"),
            (b"{\"city\":\"K\xf6ln\"}", "Latin-1"),
        ] {
            let found = looks_like(bytes);
            assert!(found.is_some_and(|found| found.starts_with(expected)), "{bytes:?}: {found:?}");
        }
    }

    #[test]
    fn what_only_resembles_them_is_not_named() {
        for bytes in [
            &b""[..],
            b"{",
            b"{\"v\":1}",
            "{\"city\":\"Köln\"}".as_bytes(),
            b"\xff\xff\xff\xff",
            b"a\0\0b\0c",
            &[0; 10],
            // Numbers, lengths before a message, and UTF-32.
            &42_i64.to_be_bytes(),
            &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
            b"\0\0\0\x07{\"v\":1}",
            b"\0\0\0\0\x07{\"v\":1}",
            b"\0\0\0\0\x03abc",
            &[0, 0, 0, b'{', 0, 0, 0, b'"', 0, 0, 0, b'v'],
            &[0xff, 0xfe, 0, 0, b'{', 0, 0, 0],
            &[1, 0, 2, 0, 3, 0, 4, 0],
            &[0xfe, 0xff, 0x12, 0x99, 1, 7],
            // UTF-8 that is cut off, damaged, or Java's.
            b"{\"id\":\"a\",\"text\":\"hello world, K\xc3",
            "{\"id\":\"Köln\",\"text\":\"hello world, \u{f6}".as_bytes().split_last().unwrap().1,
            b"{\"id\":\"a\xc0\x80b\",\"text\":\"hello\"}",
            b"{\"id\":\"a\xed\xa0\x80b\",\"text\":\"hello\"}",
            // MessagePack and CBOR.
            b"\x82\xa2id\xa8abcdefgh\xa1v\x2a",
            b"\xa2\x62id\x68abcdefgh\x61v\x64\x32\x31.5",
        ] {
            let found = looks_like(bytes);
            assert_eq!(found, None, "{bytes:?}");
        }
    }
}
