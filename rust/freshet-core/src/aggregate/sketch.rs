//! The sketch behind the percentiles: its one configuration, and the check of bytes that are said to be a sketch.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sketches_ddsketch::{Config, DDSketch};

/// Relative error of the percentiles.
const RELATIVE_ERROR: f64 = 0.01;

/// Buckets of the sketch for the readings of one sign: with 1 % error they span 71 orders of magnitude before the
/// lowest ones are joined. It has as many as its readings span.
const MAX_BUCKETS: u32 = 8192;

/// A sketch grows by so many buckets at a time.
const BUCKETS_IN_A_CHUNK: usize = 128;

/// Smaller magnitudes count as zero in the percentiles. The limit on buckets does not depend on it.
const LEAST_VALUE: f64 = 1e-300;

/// The numbers of the buckets of all magnitudes from the least value to the greatest that is accepted, and some more.
const KEYS: RangeInclusive<i32> = -40_000..=40_000;

/// Sketches merge only when they are configured equally.
static CONFIG: LazyLock<Config> =
    LazyLock::new(|| Config::new(RELATIVE_ERROR, MAX_BUCKETS, LEAST_VALUE));

/// A sketch of no readings.
pub(super) fn empty() -> DDSketch {
    DDSketch::new(*CONFIG)
}

/// Reads what `postcard` has written; `None` when it is no sketch of ours, or one of which later calls would panic.
pub(super) fn decode(bytes: &[u8]) -> Option<DDSketch> {
    // The sketch hides its parts. They are looked at as they pass by, which allocates nothing.
    let (found, rest) = postcard::take_from_bytes::<Encoded>(bytes).ok()?;
    if !rest.is_empty() || !found.is_sound() {
        return None;
    }
    postcard::from_bytes(bytes).ok()
}

/// The parts of a [`DDSketch`], in its order.
#[derive(Deserialize)]
struct Encoded {
    config: Config,
    positive: Buckets,
    negative: Buckets,
    min: f64,
    max: f64,
    sum: f64,
    zeros: u64,
}

impl Encoded {
    fn is_sound(&self) -> bool {
        let counts = [self.positive.count, self.negative.count, self.zeros];
        self.config == *CONFIG
            && self.positive.is_sound()
            && self.negative.is_sound()
            && counts.iter().try_fold(0, |sum: u64, count| sum.checked_add(*count)).is_some()
            && [self.min, self.max, self.sum].into_iter().all(f64::is_finite)
    }
}

/// The buckets of one sign, as the sketch keeps them: a vector with room on both sides of those that are used.
#[derive(Deserialize)]
struct Buckets {
    vector: Counts,
    count: u64,
    /// Numbers of the first and the last bucket that are used, and of the first place of the vector.
    min_key: i32,
    max_key: i32,
    offset: i32,
    limit: u32,
    /// Whether the first bucket has the readings of all that would lie before it.
    is_collapsed: bool,
}

impl Buckets {
    fn is_sound(&self) -> bool {
        if self.limit != MAX_BUCKETS || self.vector.sum != self.count {
            return false;
        }
        match self.vector.used {
            None => self.is_unused(),
            Some(used) => self.is_sound_with(used),
        }
    }

    fn is_unused(&self) -> bool {
        let keys = (self.min_key, self.max_key, self.offset);
        self.vector.length == 0 && keys == (i32::MAX, i32::MIN, 0) && !self.is_collapsed
    }

    fn is_sound_with(&self, (first, last): (usize, usize)) -> bool {
        let length = self.vector.length;
        if !length.is_multiple_of(BUCKETS_IN_A_CHUNK) || length > MAX_BUCKETS as usize {
            return false;
        }
        // The place of a bucket in the vector.
        let place = |key: i32| {
            let key = KEYS.contains(&key).then_some(key)?;
            usize::try_from(i64::from(key) - i64::from(self.offset)).ok()
        };
        let (Some(begin), Some(end)) = (place(self.min_key), place(self.max_key)) else {
            return false;
        };
        let is_full = begin == 0 && length == MAX_BUCKETS as usize;
        begin <= first && last <= end && end < length && (is_full || !self.is_collapsed)
    }
}

/// What is looked at of a vector of counts.
struct Counts {
    length: usize,
    sum: u64,
    /// The first and the last place with a count other than zero.
    used: Option<(usize, usize)>,
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(CountsVisitor)
    }
}

struct CountsVisitor;

impl<'de> Visitor<'de> for CountsVisitor {
    type Value = Counts;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the counts of buckets")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Counts, A::Error> {
        let mut counts = Counts { length: 0, sum: 0, used: None };
        while let Some(count) = sequence.next_element::<u64>()? {
            if count > 0 {
                let sum = counts.sum.checked_add(count);
                counts.sum = sum.ok_or_else(|| Error::custom("too many readings"))?;
                let first = counts.used.map_or(counts.length, |(first, _)| first);
                counts.used = Some((first, counts.length));
            }
            counts.length += 1;
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> DDSketch {
        let mut sketch = empty();
        for value in values {
            sketch.add(*value);
        }
        sketch
    }

    fn encode(sketch: &DDSketch) -> Vec<u8> {
        postcard::to_allocvec(sketch).unwrap()
    }

    /// Magnitudes close together, which need few buckets, and far apart, so that some have to be joined.
    fn values() -> impl Strategy<Value = Vec<f64>> {
        let value = |exponents: std::ops::Range<f64>| {
            (exponents, any::<bool>()).prop_map(|(exponent, is_negative)| {
                let magnitude = 10_f64.powf(exponent);
                if is_negative { -magnitude } else { magnitude }
            })
        };
        prop_oneof![
            prop::collection::vec(prop_oneof![value(-2.0..3.0), Just(0.0)], 1..100),
            prop::collection::vec(prop_oneof![value(-310.0..150.0), Just(0.0)], 1..100),
            prop::collection::vec(value(-9.0..12.0), 1..100),
        ]
    }

    proptest! {
        #[test]
        fn what_a_sketch_becomes_is_sound(parts in prop::collection::vec(values(), 1..6)) {
            let mut merged = empty();
            for values in &parts {
                let mut part = of(values);
                merged.merge(&decode(&encode(&part)).unwrap()).unwrap();
                part.merge(&merged).unwrap();
                prop_assert!(decode(&encode(&part)).is_some());
                let found = decode(&encode(&merged)).unwrap();
                prop_assert_eq!(encode(&found), encode(&merged));
            }
        }

        /// Whatever is changed in the bytes: what is still taken for a sketch can be used like one.
        #[test]
        fn damaged_bytes_are_refused_or_harmless(
            values in values(), others in values(), place in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = encode(&of(&values));
            let place = place.index(bytes.len());
            bytes[place] = byte;
            if let Some(mut sketch) = decode(&bytes) {
                sketch.merge(&of(&others)).unwrap();
                let mut other = of(&others);
                other.merge(&sketch).unwrap();
                for value in others {
                    sketch.add(value);
                }
                prop_assert!(sketch.quantile(0.5).unwrap().is_some());
            }
        }
    }

    #[test]
    fn sketches_of_another_configuration_are_refused() {
        for config in [
            Config::new(0.02, MAX_BUCKETS, LEAST_VALUE),
            Config::new(RELATIVE_ERROR, 1024, LEAST_VALUE),
            Config::new(RELATIVE_ERROR, MAX_BUCKETS, 1e-9),
        ] {
            let mut sketch = DDSketch::new(config);
            sketch.add(1.0);
            assert!(empty().merge(&sketch).is_err());
            assert!(decode(&encode(&sketch)).is_none());
        }
    }

    #[test]
    fn what_follows_a_sketch_or_is_not_finite_is_refused() {
        let bytes = encode(&of(&[1.0, -2.0, 0.0]));
        assert!(decode(&bytes).is_some());
        assert!(decode(&[&bytes[..], &[0]].concat()).is_none());
        // Minimum, maximum and sum stand before the number of zeros, which is the last byte.
        for end in [1, 9, 17] {
            let mut damaged = bytes.clone();
            let place = bytes.len() - end - 8;
            damaged[place..place + 8].copy_from_slice(&f64::NAN.to_le_bytes());
            assert!(decode(&damaged).is_none());
        }
    }
}
