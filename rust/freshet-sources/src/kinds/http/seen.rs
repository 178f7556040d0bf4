//! The keys of items that were sent, so that a feed that repeats its items does not count them again.
//!
//! Of a key its hash is kept (XXH3 with 64 bits: one new item in 10^14 is taken for a known one when the memory is
//! full), and all of them are a part of the cursor.

use std::collections::HashSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use indexmap::IndexSet;
use twox_hash::XxHash3_64;

/// How many keys are known: with 8 bytes each, in base64, a cursor stays below 900 KiB.
pub(super) const MOST: usize = 80_000;

/// The hash of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct KeyHash(u64);

impl KeyHash {
    pub(super) fn of(key: &[u8]) -> Self {
        Self(XxHash3_64::oneshot(key))
    }
}

/// Hashes of keys, oldest first.
#[derive(Debug, Default)]
pub(super) struct Seen(IndexSet<KeyHash>);

impl Seen {
    pub(super) fn contains(&self, key: KeyHash) -> bool {
        self.0.contains(&key)
    }

    /// Adds one that was sent.
    pub(super) fn insert(&mut self, key: KeyHash) {
        self.0.insert(key);
    }

    /// Makes these the newest, and forgets the oldest of what is too much. What a feed still has is not forgotten.
    pub(super) fn refresh(&mut self, keys: &HashSet<KeyHash>) {
        let older = self.0.iter().filter(|key| !keys.contains(*key)).copied();
        let current = self.0.iter().filter(|key| keys.contains(*key)).copied();
        let all: Vec<KeyHash> = older.chain(current).collect();
        let newest = all.len().saturating_sub(MOST);
        self.0 = all[newest..].iter().copied().collect();
    }

    /// As a text, for the cursor.
    pub(super) fn encode(&self) -> String {
        let newest = self.0.len().saturating_sub(MOST);
        let bytes: Vec<u8> =
            self.0.iter().skip(newest).flat_map(|KeyHash(hash)| hash.to_le_bytes()).collect();
        BASE64_STANDARD_NO_PAD.encode(bytes)
    }

    /// What [`Seen::encode`] has written; `None` of anything else.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD_NO_PAD.decode(text).ok()?;
        let (hashes, []) = bytes.as_chunks::<8>() else { return None };
        Some(Self(hashes.iter().map(|hash| KeyHash(u64::from_le_bytes(*hash))).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(numbers: impl IntoIterator<Item = usize>) -> Vec<KeyHash> {
        numbers.into_iter().map(|number| KeyHash::of(&number.to_le_bytes())).collect()
    }

    #[test]
    fn what_a_feed_still_has_is_not_forgotten() {
        let mut seen = Seen::default();
        for key in keys(0..MOST + 10) {
            seen.insert(key);
        }
        seen.refresh(&keys(0..5).into_iter().collect());
        assert!(keys(0..5).into_iter().all(|key| seen.contains(key)));
        assert!(!keys(5..15).into_iter().any(|key| seen.contains(key)));
        assert!(keys(15..MOST + 10).into_iter().all(|key| seen.contains(key)));
    }

    #[test]
    fn the_cursor_is_bounded_and_says_the_same_after_a_restart() {
        let mut seen = Seen::default();
        for key in keys(0..2 * MOST) {
            seen.insert(key);
        }
        let text = seen.encode();
        assert!(text.len() < 900 * 1024, "{}", text.len());
        let again = Seen::decode(&text).unwrap();
        assert!(keys(MOST..2 * MOST).into_iter().all(|key| again.contains(key)));
        assert_eq!(again.encode(), text);
    }

    #[test]
    fn what_is_no_memory_is_refused() {
        assert!(Seen::decode("AAA").is_none());
        assert!(Seen::decode("!").is_none());
        assert!(Seen::decode("").is_some());
    }

    /// A cursor of today is to be understood by the next version.
    #[test]
    fn a_hash_is_what_it_always_was() {
        assert_eq!(KeyHash::of(b"").0, 0x2d06_8005_38d3_94c2);
    }
}
