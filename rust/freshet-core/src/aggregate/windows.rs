//! Pre-aggregation: the records of a batch become one partial aggregate per series, metric and kind of window.
//!
//! Readings are first summed up per pane, a pane being the part of time that all kinds of windows of the stream share;
//! at the end these are joined into the panes of each kind, which are as long as its sizes and slides allow. However
//! many windows overlap, a reading is added once.

use std::collections::BTreeMap;
use std::mem;

use foldhash::fast::RandomState;
use indexmap::IndexSet;

use super::encoding;
use super::panes::{self, Pane, PaneGrid};
use super::stats::WindowStats;

use crate::record::{
    BadRow, LeftOut, Parsed, Point, RawRecord, Readings, RecordParser, RecordSchema, Rejection,
    Stream,
};
use crate::window::SharedPanes;

/// Sums up the records of one stream.
pub struct WindowAggregator {
    parser: RecordParser,
    readings: Readings,
    /// One for every kind of window.
    grids: Vec<PaneGrid>,
    shared: SharedPanes,
    metrics: usize,
    /// A series' position is its number. The hash is seeded anew in every process: ids come from outside.
    series: IndexSet<Box<str>, RandomState>,
    /// One for every metric of every series: `series * metrics + metric`.
    panes: Vec<Panes>,
    cells: Vec<Cell>,
    /// What `series`, `panes` and `cells` point to; see [`Self::memory_bytes`].
    pointed_to_bytes: usize,
    /// The time to which the records so far move the watermark, epoch microseconds.
    watermark_us: i64,
    furthest_ahead: Option<AheadOfClock>,
    left_out: LeftOutCounts,
    drain: Option<Drain>,
}

/// How much was left out because the stream says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOutCounts {
    /// Records that are none of the stream's (`where`): they are counted nowhere else.
    pub records: u64,
    /// Bad rows (`on_bad_row`) of records that are counted: each is a dead letter.
    pub rows: u64,
    /// Values that are no numbers (`on_bad_value`), of each metric by its index.
    pub values: Vec<u64>,
}

impl LeftOutCounts {
    fn add(&mut self, parsed: Parsed, left_out: &LeftOut) {
        self.records += u64::from(parsed == Parsed::Skipped);
        self.rows += left_out.rows.len() as u64;
        for metric in &left_out.values {
            self.values[*metric] += 1;
        }
    }
}

/// A series whose events are ahead of the clock: the clock of who sends them is, or that of who puts them into Kafka is
/// behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AheadOfClock {
    /// The series id.
    pub series: String,
    /// How far an event was ahead of Kafka's timestamp, or of this machine's clock, in microseconds.
    pub ahead_us: i64,
}

/// Clocks are rarely in step to the millisecond: less is not worth a word.
const IN_STEP_US: i64 = 1_000_000;

/// How far the panes have been handed on.
struct Drain {
    /// The position in the aggregator's `panes` that is being handed on, and what was taken from there.
    position: usize,
    taken: Vec<Pane>,
    /// Index of the kind of window, its panes if they are longer than the taken ones, and how many were handed on.
    window: usize,
    joined: Option<Vec<Pane>>,
    done: usize,
}

impl Drain {
    fn new(position: usize, taken: Vec<Pane>) -> Self {
        Self { position, taken, window: 0, joined: None, done: 0 }
    }

    /// The next panes for one partial aggregate; `None` after the last one.
    fn next(&mut self, grids: &[PaneGrid], pane_us: i64) -> Option<(usize, &[Pane])> {
        while let Some(grid) = grids.get(self.window) {
            if grid.pane > pane_us && self.joined.is_none() {
                self.joined = Some(panes::join(&self.taken, grid));
            }
            let number = self.joined.as_ref().unwrap_or(&self.taken).len();
            if self.done < number {
                let begin = self.done;
                self.done = number.min(begin + MOST_PANES);
                let panes = self.joined.as_ref().unwrap_or(&self.taken);
                return Some((self.window, &panes[begin..self.done]));
            }
            self.window += 1;
            self.joined = None;
            self.done = 0;
        }
        None
    }
}

/// The panes of one metric of one series, as positions in the aggregator's `cells`.
#[derive(Default)]
struct Panes {
    by_number: BTreeMap<i64, usize>,
    /// The pane that was added to last: mostly the next one, too.
    last: Option<(i64, usize)>,
}

impl Panes {
    /// The position of a pane's cell; `free` for a pane that is new.
    fn position(&mut self, pane: i64, free: usize) -> usize {
        match self.last {
            Some((last, position)) if last == pane => position,
            _ => {
                let position = *self.by_number.entry(pane).or_insert(free);
                self.last = Some((pane, position));
                position
            }
        }
    }
}

/// What is summed up of one metric of one series in one pane.
#[derive(Default)]
struct Cell {
    stats: WindowStats,
    records: u64,
}

/// What a batch has of one metric of one series for one kind of window; with very many panes, a part of it.
pub struct PartialAggregate<'a> {
    /// The series id.
    pub series: &'a str,
    /// Index of the metric in the stream's values.
    pub metric: usize,
    /// Index of the kind of window in the stream's windows.
    pub window: usize,
    grid: &'a PaneGrid,
    panes: &'a [Pane],
}

impl PartialAggregate<'_> {
    /// Number of records that are counted here. A record may have readings in many panes: other metrics and series. It
    /// is counted once per kind of window, where its newest reading is, so that the partials of a kind together say how
    /// many records went into it.
    pub fn records(&self) -> u64 {
        self.panes.iter().map(|pane| pane.records).sum()
    }

    /// First instant, epoch microseconds, at which no window of these panes is open any more.
    pub fn closes_us(&self) -> i64 {
        let closes = |pane: &Pane| self.grid.closes(self.grid.pane_start(pane.start_us));
        self.panes.last().map_or(i64::MIN, closes)
    }

    /// Appends the panes, for [`super::WindowState::add`].
    pub fn encode_panes(&self, output: &mut Vec<u8>) {
        encoding::begin(output);
        for pane in self.panes {
            encoding::push(pane.start_us, pane.records, &pane.stats, output);
        }
    }
}

/// So many panes are handed on together at the most, which are some megabytes even with the largest sketches.
const MOST_PANES: usize = 1_024;

/// Roughly what the tree of a metric's panes costs from the first one on: a leaf.
const TREE_BYTES: usize = 192;

/// Roughly what each further pane costs there.
const PANE_IN_TREE_BYTES: usize = 24;

/// What a place in the table of series costs: the id's pointer and length, its hash, and its number.
const SERIES_BYTES: usize = size_of::<(Box<str>, usize, usize)>();

impl WindowAggregator {
    /// An aggregator for the records of that stream.
    pub fn new(stream: &Stream) -> Self {
        Self::with_parser(stream, RecordParser::new(stream))
    }

    fn with_parser(stream: &Stream, parser: RecordParser) -> Self {
        Self {
            parser,
            readings: Readings::default(),
            grids: stream.windows.iter().map(PaneGrid::of).collect(),
            shared: SharedPanes::of(&stream.windows)
                .unwrap_or(SharedPanes { length_us: 1_000, offset_us: 0 }),
            metrics: stream.values.len(),
            series: IndexSet::default(),
            panes: Vec::new(),
            cells: Vec::new(),
            pointed_to_bytes: 0,
            watermark_us: i64::MIN,
            furthest_ahead: None,
            left_out: LeftOutCounts {
                values: vec![0; stream.values.len()],
                ..LeftOutCounts::default()
            },
            drain: None,
        }
    }

    /// See [`RecordParser::set_now`].
    pub fn set_now(&mut self, now_ms: i64) {
        self.parser.set_now(now_ms);
    }

    /// See [`RecordParser::learn_schema`].
    pub fn learn_schema<'s>(&mut self, id: u32, schema: Result<&'s RecordSchema, &'s str>) {
        self.parser.learn_schema(id, schema);
    }

    /// Parses a record and adds its readings. Once [`Self::drain`] has begun, it has to end first.
    ///
    /// # Errors
    ///
    /// [`Rejection`] when the record cannot be trusted; none of it is counted then.
    pub fn add(&mut self, record: &RawRecord<'_>) -> Result<Parsed, Rejection> {
        debug_assert!(self.drain.is_none(), "records are added while windows are drained");
        let mut readings = mem::take(&mut self.readings);
        let parsed = self.parser.parse(record, &mut readings);
        if parsed == Ok(Parsed::Accepted) {
            let mut newest = (i64::MIN, 0);
            for point in readings.points() {
                self.note_time(&point);
                newest = newest.max((point.time_us, self.add_point(&point)));
            }
            if let Some(cell) = self.cells.get_mut(newest.1) {
                cell.records += 1;
            }
        }
        if let Ok(parsed) = parsed {
            self.left_out.add(parsed, readings.left_out());
        }
        self.readings = readings;
        parsed
    }

    /// The rows of the record added last that were left out, while the others are counted; each with its bytes, as the
    /// sender wrote them.
    #[inline]
    pub fn bad_rows<'a>(
        &'a self,
        record: &RawRecord<'a>,
    ) -> impl Iterator<Item = (&'a BadRow, &'a [u8])> {
        let rows = &self.readings.left_out().rows;
        rows.iter().map(move |row| (row, self.parser.bad_row(record, row)))
    }

    fn note_time(&mut self, point: &Point<'_>) {
        self.watermark_us = self.watermark_us.max(point.watermark_us);
        let ahead_us = point.time_us - point.watermark_us;
        let furthest_us =
            self.furthest_ahead.as_ref().map_or(IN_STEP_US, |furthest| furthest.ahead_us);
        if ahead_us > furthest_us {
            self.furthest_ahead = Some(AheadOfClock { series: point.series.to_owned(), ahead_us });
        }
    }

    /// The time to which the records so far move the watermark, epoch microseconds; `i64::MIN` without records.
    pub fn watermark_us(&self) -> i64 {
        self.watermark_us
    }

    /// The series whose events were furthest ahead of the clock since this was last asked, and did not move the
    /// watermark. `None` when all are in step, or the stream's future moves the watermark.
    pub fn take_furthest_ahead(&mut self) -> Option<AheadOfClock> {
        self.furthest_ahead.take()
    }

    /// How much was left out since this was last asked.
    pub fn take_left_out(&mut self) -> LeftOutCounts {
        let none = LeftOutCounts { values: vec![0; self.metrics], ..LeftOutCounts::default() };
        mem::replace(&mut self.left_out, none)
    }

    /// Adds the readings and says where the first of them is.
    fn add_point(&mut self, point: &Point<'_>) -> usize {
        let series = self.series_number(point.series);
        let pane = self.shared.number(point.time_us);
        let mut first = None;
        for (metric, value) in point.values {
            let panes = &mut self.panes[series * self.metrics + metric];
            let position = panes.position(pane, self.cells.len());
            if position == self.cells.len() {
                self.cells.push(Cell::default());
                let is_first = panes.by_number.len() == 1;
                self.pointed_to_bytes += if is_first { TREE_BYTES } else { PANE_IN_TREE_BYTES };
            }
            let stats = &mut self.cells[position].stats;
            // A sketch may be smaller than the readings that it takes the place of.
            self.pointed_to_bytes -= stats.heap_bytes();
            stats.add(point.time_us, *value);
            self.pointed_to_bytes += stats.heap_bytes();
            first = first.or(Some(position));
        }
        first.unwrap_or_default()
    }

    fn series_number(&mut self, series: &str) -> usize {
        if let Some(number) = self.series.get_index_of(series) {
            return number;
        }
        let (number, _) = self.series.insert_full(series.into());
        self.panes.resize_with((number + 1) * self.metrics, Panes::default);
        self.pointed_to_bytes += series.len();
        number
    }

    /// Roughly the memory that it holds for what was summed up, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.pointed_to_bytes
            + self.series.capacity() * SERIES_BYTES
            + self.panes.capacity() * size_of::<Panes>()
            + self.cells.capacity() * size_of::<Cell>()
    }

    /// Hands the next partial aggregate to `emit`, series by series, whose memory is freed on the way. False when none
    /// was left: the aggregator is empty then, and can go on.
    pub fn drain(&mut self, emit: impl FnOnce(&PartialAggregate<'_>)) -> bool {
        let emitted = self.drain_one(emit);
        if !emitted {
            self.clear();
        }
        emitted
    }

    fn drain_one(&mut self, emit: impl FnOnce(&PartialAggregate<'_>)) -> bool {
        let mut next = 0;
        loop {
            if let Some(drain) = &mut self.drain {
                let position = drain.position;
                if let Some((window, panes)) = drain.next(&self.grids, self.shared.length_us) {
                    emit(&PartialAggregate {
                        series: &self.series[position / self.metrics],
                        metric: position % self.metrics,
                        window,
                        grid: &self.grids[window],
                        panes,
                    });
                    return true;
                }
                next = position + 1;
            }
            if next >= self.panes.len() {
                return false;
            }
            let taken = self.take_panes(next);
            self.drain = Some(Drain::new(next, taken));
        }
    }

    /// Moves out the panes of one metric of one series, in the order of time.
    fn take_panes(&mut self, position: usize) -> Vec<Pane> {
        let panes = mem::take(&mut self.panes[position]);
        let mut taken = Vec::with_capacity(panes.by_number.len());
        for (number, position) in panes.by_number {
            let Cell { stats, records } = mem::take(&mut self.cells[position]);
            self.pointed_to_bytes -= stats.heap_bytes();
            taken.push(Pane { start_us: self.shared.start_us(number), stats, records });
        }
        taken
    }

    fn clear(&mut self) {
        self.series = IndexSet::default();
        self.panes = Vec::new();
        self.cells = Vec::new();
        self.pointed_to_bytes = 0;
        self.drain = None;
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
