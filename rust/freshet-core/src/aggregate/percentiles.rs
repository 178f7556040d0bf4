//! Percentiles of a set of readings: exact values while they are few, a `DDSketch` from then on.

use std::borrow::Cow;

use sketches_ddsketch::DDSketch;

use super::sketch;

/// So many readings take less memory than the smallest sketch does, and no logarithms.
const FEW: usize = 32;

/// What tells the percentiles of a set of readings.
#[derive(Clone)]
pub(super) enum Percentiles {
    /// The readings, while they are few.
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
            Self::Few(values) if values.len() < FEW => values.push(value),
            Self::Few(_) => self.make_sketch().add(value),
            Self::Many(sketch) => sketch.add(value),
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Few(ours), Self::Few(theirs)) if ours.len() + theirs.len() <= FEW => {
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

    /// A value within 1 % of the reading of that rank; `None` without readings or for a rank outside `0..=1`.
    pub(super) fn quantile(&self, rank: f64) -> Option<f64> {
        self.sketch().quantile(rank).ok().flatten()
    }

    /// Roughly the memory it holds beside itself, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Few(values) => values.capacity() * size_of::<f64>(),
            Self::Many(sketch) => size_of::<DDSketch>() + sketch.length() * size_of::<u64>(),
        }
    }

    fn sketch(&self) -> Cow<'_, DDSketch> {
        match self {
            Self::Few(values) => Cow::Owned(sketch_of(values)),
            Self::Many(sketch) => Cow::Borrowed(sketch),
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
