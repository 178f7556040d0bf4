//! What the rows must be, computed here and now from the records that were sent, in the plainest possible way.

use std::collections::BTreeMap;

use libtest_mimic::Failed;

use crate::waiting::ensure;

const TOLERANCE: f64 = 1e-9;
/// The sketch promises one percent; the hair more is for rounding.
const SKETCH: f64 = 0.010_001;

/// A kind of window; lengths are in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    size: i64,
    slide: i64,
    /// How much later than at multiples of the slide they begin, in UTC.
    begin: i64,
}

impl Kind {
    pub(crate) const fn tumbling(name: &'static str, size: i64) -> Self {
        Self::sliding(name, size, size)
    }

    pub(crate) const fn sliding(name: &'static str, size: i64, slide: i64) -> Self {
        Self { name, size, slide, begin: 0 }
    }

    pub(crate) const fn beginning(self, begin: i64) -> Self {
        Self { begin, ..self }
    }
}

/// Kinds of windows of the stream `known`.
pub(crate) const WINDOWS: [Kind; 3] = [
    Kind::tumbling("10s", 10_000),
    Kind::tumbling("1m", 60_000),
    Kind::sliding("30s/10s", 30_000, 10_000),
];

/// Which window of which series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) series: String,
    pub(crate) metric: String,
    pub(crate) window: String,
    pub(crate) start: i64,
}

/// A stored window, as Cassandra or the dashboard gives it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) end: i64,
    pub(crate) count: i64,
    pub(crate) sum: f64,
    pub(crate) avg: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) stddev: f64,
    pub(crate) percentiles: [f64; 3],
    pub(crate) last_event: i64,
    /// The values of the earliest and the latest time.
    pub(crate) ends: [f64; 2],
}

/// Rows by key.
pub(crate) type Rows = BTreeMap<Key, Row>;

/// All values of all windows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expectation {
    windows: BTreeMap<Key, Vec<(i64, f64)>>,
    sizes: BTreeMap<String, i64>,
}

impl Expectation {
    /// Takes in a value, in every window of these kinds that contains its time.
    pub(crate) fn add(&mut self, kinds: &[Kind], series: &str, metric: &str, at: i64, value: f64) {
        for Kind { name, size, slide, begin } in kinds {
            self.sizes.insert((*name).to_owned(), *size);
            let newest = at - (at - begin).rem_euclid(*slide);
            for start in
                (0..).map(|back| newest - back * slide).take_while(|start| start + size > at)
            {
                let key = Key {
                    series: series.to_owned(),
                    metric: metric.to_owned(),
                    window: (*name).to_owned(),
                    start,
                };
                self.windows.entry(key).or_default().push((at, value));
            }
        }
    }

    /// Keeps only windows that satisfy a condition on their start and end.
    pub(crate) fn retain(&mut self, keep: impl Fn(i64, i64) -> bool) {
        let sizes = &self.sizes;
        self.windows.retain(|key, _| keep(key.start, key.start + sizes[&key.window]));
    }

    pub(crate) fn len(&self) -> usize {
        self.windows.len()
    }

    /// Whether these rows are exactly the expected ones: none missing, none too many, none wrong.
    pub(crate) fn matches(&self, rows: &Rows) -> Result<(), Failed> {
        let surplus: Vec<&Key> =
            rows.keys().filter(|key| !self.windows.contains_key(key)).collect();
        ensure(surplus.is_empty(), || {
            format!("{} rows too many: {:?}", surplus.len(), &surplus[..1])
        })?;
        let wrong: Vec<String> = self
            .windows
            .iter()
            .filter_map(|(key, values)| {
                let complaint = match rows.get(key) {
                    None => Some("missing".to_owned()),
                    Some(row) => complaint(row, key.start + self.sizes[&key.window], values),
                };
                complaint.map(|complaint| format!("{key:?}: {complaint}"))
            })
            .collect();
        ensure(wrong.is_empty(), || {
            format!("{} of {} rows are wrong, such as {}", wrong.len(), self.len(), wrong[0])
        })
    }
}

/// What is wrong with a row, if anything is.
fn complaint(row: &Row, end: i64, values: &[(i64, f64)]) -> Option<String> {
    let mut sorted: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let sum: f64 = sorted.iter().sum();
    let avg = sum / count as f64;
    let variance = sorted.iter().map(|value| (value - avg).powi(2)).sum::<f64>() / count as f64;
    let stddev = variance.sqrt();
    // Relative to the values, not to the result: near zero a result of large values has lost the same digits anywhere.
    let scale = sorted.iter().map(|value| value.abs()).sum::<f64>();
    let near = |found: f64, right: f64, scale: f64| (found - right).abs() <= TOLERANCE * scale;
    let checks = [
        ("end", row.end == end),
        ("count", usize::try_from(row.count) == Ok(count)),
        ("min", row.min.to_bits() == sorted[0].to_bits()),
        ("max", row.max.to_bits() == sorted[count - 1].to_bits()),
        ("last_event", Some(row.last_event) == values.iter().map(|(at, _)| *at).max()),
        ("first and last", row.ends.map(f64::to_bits) == ends(values).map(f64::to_bits)),
        ("sum", near(row.sum, sum, scale)),
        ("avg", near(row.avg, avg, scale / count as f64)),
        ("stddev", near(row.stddev, stddev, scale / count as f64 + stddev)),
        ("p50", percentile_is_right(&sorted, 50, row.percentiles[0])),
        ("p95", percentile_is_right(&sorted, 95, row.percentiles[1])),
        ("p99", percentile_is_right(&sorted, 99, row.percentiles[2])),
    ];
    let wrong = checks.iter().find(|(_, right)| !right)?.0;
    Some(format!(
        "{wrong} of {row:?}; expected count {count}, sum {sum}, stddev {stddev} of {sorted:?}"
    ))
}

/// The values of the earliest and the latest time: of several at once the least and the greatest.
fn ends(values: &[(i64, f64)]) -> [f64; 2] {
    let mut ordered = values.to_vec();
    ordered.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
    [ordered[0].1, ordered[ordered.len() - 1].1]
}

/// So many readings are kept as they are.
const FEW: usize = 32;

/// The value of rank `ceil(n * percent / 100)`, from 1: that very one while they are few, within the sketch's relative
/// error over that.
fn percentile_is_right(sorted: &[f64], percent: usize, found: f64) -> bool {
    let value = sorted[(percent * sorted.len()).div_ceil(100).max(1) - 1];
    let error = if sorted.len() <= FEW { 0.0 } else { SKETCH * value.abs() };
    (found - value).abs() <= error
}
