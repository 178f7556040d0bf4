//! The bytes of a partial aggregate on its way through Spark: `WindowStats.java` reads, merges and writes the same.
//!
//! All numbers are little-endian:
//!
//! | offset | type | content |
//! |---|---|---|
//! | 0 | u8 | version of this layout |
//! | 1 | i64 | micro-batch that added the newest readings |
//! | 9 | i64 | records added by that micro-batch: see [`super::WindowPartial::records`] |
//! | 17 | i64 | readings in all |
//! | 25 | f64 | sum |
//! | 33 | f64 | mean |
//! | 41 | f64 | sum of the squared distances from the mean |
//! | 49 | f64 | minimum |
//! | 57 | f64 | maximum |
//! | 65 | i64 | event time of the newest reading, epoch microseconds |
//! | 73 | … | the sketch, in the binary encoding of Datadog's DDSketch libraries |

use super::stats::WindowStats;

/// Version of the layout; the first byte.
pub const ENCODING_VERSION: u8 = 1;

/// Bytes before the sketch.
pub const HEADER_BYTES: usize = 73;

impl WindowStats {
    /// Appends the encoding; `batch` is the micro-batch in which the readings came, with so many records.
    pub fn encode(&self, batch: i64, records: u64, output: &mut Vec<u8>) {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        output.push(ENCODING_VERSION);
        for number in [batch, whole(records), whole(self.count)] {
            output.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.sum, self.mean, self.squared_distances, self.min, self.max] {
            output.extend_from_slice(&number.to_le_bytes());
        }
        output.extend_from_slice(&self.last_event_us.to_le_bytes());
        self.percentiles.encode(output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_the_documented_layout() {
        let mut stats = WindowStats::default();
        stats.add(5, 2.0);
        stats.add(4, 4.0);
        let mut bytes = Vec::new();
        stats.encode(7, 1, &mut bytes);

        let i64_at = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let f64_at = |at: usize| f64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!(bytes[0], ENCODING_VERSION);
        assert_eq!([1, 9, 17, 65].map(i64_at), [7, 1, 2, 5]);
        assert_eq!([25, 33, 41, 49, 57].map(f64_at), [6.0, 3.0, 2.0, 2.0, 4.0]);
        let sketch = sketches_ddsketch::DDSketch::from_java_bytes(&bytes[HEADER_BYTES..]).unwrap();
        assert_eq!(sketch.count(), 2);
    }
}
