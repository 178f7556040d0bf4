//! What the records say: readings, grouped by the rows they came in.

use std::ops::Range;

use super::{KEPT_BYTES, Rejection};

/// One value of one metric of one series at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading<'a> {
    /// The series id: its parts, percent-encoded and joined with `/`.
    pub series: &'a str,
    /// Index of the metric in [`Stream::values`](super::Stream::values).
    pub metric: usize,
    /// Event time, epoch microseconds.
    pub time_us: i64,
    /// The value; finite.
    pub value: f64,
}

/// What one row of a record says: a JSON record is one row, a CSV or line protocol record has as many as lines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<'a> {
    /// The series id: its parts, percent-encoded and joined with `/`.
    pub series: &'a str,
    /// Event time, epoch microseconds.
    pub time_us: i64,
    /// The time by which it moves the watermark, epoch microseconds: the event time, but not ahead of Kafka's timestamp
    /// nor of the parsing machine's clock, unless the stream says so.
    pub watermark_us: i64,
    /// Index of the metric in [`Stream::values`](super::Stream::values) and its finite value; at least one.
    pub values: &'a [(usize, f64)],
}

/// When something happened, and by which time that moves the watermark; epoch microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventTime {
    pub(super) us: i64,
    pub(super) watermark_us: i64,
}

/// The readings of one record. It is reused from record to record, so that parsing needs no allocation of its own.
#[derive(Debug, Default)]
pub struct Readings {
    /// The series ids of the points, one after the other; neighbours of one series share theirs.
    series: String,
    /// The values of all points, one after the other.
    values: Vec<(usize, f64)>,
    points: Vec<Place>,
    /// What was left out of the record.
    left_out: LeftOut,
    /// Whether that may be something.
    leaves_out: bool,
}

/// What was left out of a record that is counted, or skipped, because its stream says so.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// The metrics of values that are no numbers, by their index: one entry for each value (`on_bad_value`).
    pub values: Vec<usize>,
    /// The rows that are bad (`on_bad_row`).
    pub rows: Vec<BadRow>,
    /// How many rows are none of the stream's (`where`).
    pub foreign_rows: usize,
}

/// A row that could not be trusted, of a record whose other rows are counted.
#[derive(Debug)]
pub struct BadRow {
    /// Where it stands in the record's value as it was before it was compressed.
    pub place: Range<usize>,
    /// Why it is left out.
    pub rejection: Rejection,
}

/// A point's time, and where its parts of the shared buffers stand.
#[derive(Debug)]
struct Place {
    time: EventTime,
    series: Range<usize>,
    /// Where its values end; they begin where those of the point before end.
    values_end: usize,
}

impl Readings {
    /// The points, in the order of the record's rows; at least one after a record was accepted.
    pub fn points(&self) -> impl Iterator<Item = Point<'_>> {
        let mut values = 0;
        self.points.iter().map(move |place| {
            let values = std::mem::replace(&mut values, place.values_end)..place.values_end;
            Point {
                series: &self.series[place.series.clone()],
                time_us: place.time.us,
                watermark_us: place.time.watermark_us,
                values: &self.values[values],
            }
        })
    }

    /// The readings of all points; those of one point in the order of the stream's metrics.
    pub fn iter(&self) -> impl Iterator<Item = Reading<'_>> {
        self.points().flat_map(|Point { series, time_us, values, .. }| {
            values.iter().map(move |&(metric, value)| Reading { series, metric, time_us, value })
        })
    }

    /// What was left out of the record.
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    pub(super) fn left_out_mut(&mut self) -> &mut LeftOut {
        self.leaves_out = true;
        &mut self.left_out
    }

    /// Forgets what was begun of a point and not ended.
    #[cold]
    pub(super) fn forget_begun(&mut self) {
        // A point that shares its series does so with the one before, so that nothing stands behind that of the last.
        let (series, values) =
            self.points.last().map_or((0, 0), |place| (place.series.end, place.values_end));
        self.series.truncate(series);
        self.values.truncate(values);
    }

    pub(super) fn clear(&mut self) {
        if self.leaves_out {
            self.forget_left_out();
        }
        self.series.clear();
        self.values.clear();
        self.points.clear();
        self.series.shrink_to(KEPT_BYTES);
        self.values.shrink_to(KEPT_BYTES / size_of::<(usize, f64)>());
        self.points.shrink_to(KEPT_BYTES / size_of::<Place>());
    }

    #[cold]
    fn forget_left_out(&mut self) {
        let LeftOut { values, rows, foreign_rows } = &mut self.left_out;
        values.clear();
        rows.clear();
        *foreign_rows = 0;
        self.leaves_out = false;
    }

    /// Moves the places of bad rows behind that many bytes that stand before the content of the value.
    #[cold]
    pub(super) fn move_bad_rows(&mut self, bytes: usize) {
        for BadRow { place, .. } in &mut self.left_out.rows {
            *place = place.start + bytes..place.end + bytes;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Where the next point's series id is written, at the end of what is there.
    pub(super) fn series_mut(&mut self) -> &mut String {
        &mut self.series
    }

    /// Adds a value to the next point.
    pub(super) fn push_value(&mut self, metric: usize, value: f64) {
        self.values.push((metric, value));
    }

    /// Ends the next point, whose series id stands from `series` on and whose values are pushed.
    pub(super) fn end_point(&mut self, series: usize, time: EventTime) {
        let before = self.points.last().map(|place| place.series.clone());
        let same = before.filter(|before| self.series[before.clone()] == self.series[series..]);
        // A record of many rows has mostly few series, and with the Kafka key as its series only one.
        let series = match same {
            Some(before) => {
                self.series.truncate(series);
                before
            }
            None => series..self.series.len(),
        };
        self.points.push(Place { time, series, values_end: self.values.len() });
    }
}
