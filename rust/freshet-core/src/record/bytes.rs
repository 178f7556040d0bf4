//! Finding the bytes that mean something, eight at a time.

const WORD: usize = size_of::<u64>();

/// The position, from `at` on, of the next byte that is `one`, `other` or a control character (below 0x20); the end
/// where there is none.
#[inline]
pub(super) fn find_special(bytes: &[u8], mut at: usize, one: u8, other: u8) -> usize {
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let special = special_bytes(u64::from_le_bytes(*word), one, other);
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += WORD;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let is_special = |byte: &u8| *byte == one || *byte == other || *byte < 0x20;
    at + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// How many bytes the line end has that `bytes` begin with: a line feed, alone or after a carriage return; 0 without
/// one.
#[inline]
pub(super) fn line_end_length(bytes: &[u8]) -> usize {
    match bytes {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => 0,
    }
}

/// The highest bit of the first such byte and of none before it; zero where there is none. (S. E. Anderson, "Bit
/// Twiddling Hacks": a byte in a word that is zero, or less than n. Only bytes after the first hit may be wrong.)
#[inline]
const fn special_bytes(word: u64, one: u8, other: u8) -> u64 {
    let one = word ^ in_every_byte(one);
    let other = word ^ in_every_byte(other);
    let is_one = one.wrapping_sub(in_every_byte(1)) & !one;
    let is_other = other.wrapping_sub(in_every_byte(1)) & !other;
    let is_control = word.wrapping_sub(in_every_byte(0x20)) & !word;
    (is_one | is_other | is_control) & in_every_byte(0x80)
}

const fn in_every_byte(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; WORD])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_special_byte_is_found(bytes: Vec<u8>, at in 0..20_usize, one: u8, other: u8) {
            let is_special = |byte: &u8| *byte == one || *byte == other || *byte < 0x20;
            let rest = bytes.get(at..).unwrap_or_default();
            let expected = at + rest.iter().position(is_special).unwrap_or(rest.len());
            prop_assert_eq!(find_special(&bytes, at, one, other), expected);
        }
    }
}
