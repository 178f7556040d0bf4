//! Percentiles of a set of readings: exact values while they are few, a `DDSketch` from then on.
//!
//! The percentile of a share `q` of `n` readings is the reading of rank `ceil(q * n)`, counted from 1 in ascending
//! order: the least reading that at least that share of the readings do not exceed. That is what SQL's
//! `percentile_disc` gives, in Spark too.

use sketches_ddsketch::DDSketch;

use super::sketch;

/// Percentiles of no more readings than this are exact: so many take less memory than the smallest sketch does, and no
/// logarithms.
pub const EXACT_PERCENTILES: usize = 32;

/// What the percentile of a share `q` is, in words for people.
pub const PERCENTILE_MEANING: &str =
    "the reading of rank ceil(q*count), exact of at most 32 readings, else within 1 % of it";

/// What tells the percentiles of a set of readings.
#[derive(Clone)]
pub(super) enum Percentiles {
    /// The readings, while they are no more than [`EXACT_PERCENTILES`].
    Few(Vec<f64>),
    /// A sketch of all readings.
    Many(Box<DDSketch>),
}

impl Default for Percentiles {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Percentiles {
    pub(super) fn add(&mut self, value: f64) {
        match self {
            Self::Few(values) if values.len() < EXACT_PERCENTILES => values.push(value),
            Self::Few(_) => self.make_sketch().add(value),
            Self::Many(sketch) => sketch.add(value),
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Few(ours), Self::Few(theirs))
                if ours.len() + theirs.len() <= EXACT_PERCENTILES =>
            {
                ours.extend(theirs);
            }
            (this, Self::Few(theirs)) => add_all(this.make_sketch(), theirs),
            (this, Self::Many(theirs)) => {
                this.make_sketch().merge(theirs).unwrap_or_else(|error| {
                    unreachable!("sketches are made and decoded with one configuration: {error}")
                });
            }
        }
    }

    /// The percentiles of these shares, each between 0 and 1, in their order: one of the readings while they are few, a
    /// value within 1 % of the right reading over that. Not a number without readings.
    pub(super) fn of_shares<const N: usize>(&self, shares: [f64; N]) -> [f64; N] {
        match self {
            Self::Few(values) => of_few(values, shares),
            Self::Many(sketch) => shares.map(|share| of_sketch(sketch, share)),
        }
    }

    /// Roughly the memory it holds beside itself, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Few(values) => values.capacity() * size_of::<f64>(),
            Self::Many(sketch) => size_of::<DDSketch>() + sketch.length() * size_of::<u64>(),
        }
    }

    /// The sketch, made of the few readings when there is none yet.
    fn make_sketch(&mut self) -> &mut DDSketch {
        if let Self::Few(values) = self {
            *self = Self::Many(Box::new(sketch_of(values)));
        }
        match self {
            Self::Many(sketch) => sketch,
            Self::Few(_) => unreachable!("it has just become a sketch"),
        }
    }
}

/// The rank, from 0, of the percentile of a share of so many readings, of which there are some.
fn rank(share: f64, count: u64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and the count"
    )]
    let rank = (share * count as f64).ceil() as u64;
    rank.clamp(1, count) - 1
}

fn of_few<const N: usize>(values: &[f64], shares: [f64; N]) -> [f64; N] {
    let mut sorted = [f64::NAN; EXACT_PERCENTILES];
    let sorted = &mut sorted[..values.len()];
    sorted.copy_from_slice(values);
    sorted.sort_unstable_by(f64::total_cmp);
    let count = sorted.len().max(1) as u64;
    let reading =
        |share| usize::try_from(rank(share, count)).ok().and_then(|rank| sorted.get(rank));
    shares.map(|share| reading(share).copied().unwrap_or(f64::NAN))
}

/// The sketch counts ranks from 0 to `count - 1` and rounds down: the middle of a rank is safe from its rounding.
fn of_sketch(sketch: &DDSketch, share: f64) -> f64 {
    let count = sketch.count() as u64;
    let rank = rank(share, count.max(1));
    let last = count.saturating_sub(1);
    // The extremes are known exactly.
    let place = if rank == 0 {
        0.0
    } else if rank >= last {
        1.0
    } else {
        (rank as f64 + 0.5) / last as f64
    };
    sketch.quantile(place).ok().flatten().unwrap_or(f64::NAN)
}

fn sketch_of(values: &[f64]) -> DDSketch {
    let mut sketch = sketch::empty();
    add_all(&mut sketch, values);
    sketch
}

fn add_all(sketch: &mut DDSketch, values: &[f64]) {
    for value in values {
        sketch.add(*value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meaning_names_the_number_of_readings_up_to_which_percentiles_are_exact() {
        assert!(PERCENTILE_MEANING.contains(&format!("at most {EXACT_PERCENTILES} readings")));
    }
}
