//! Pre-aggregation: the records of a batch become one partial aggregate per series, metric and window.
//!
//! Readings are first summed up per pane, a pane being the part of time that all kinds of windows of the stream share;
//! at the end the panes of a series are merged into its windows. However many windows overlap, a reading is added once.

use std::collections::BTreeMap;
use std::mem;

use foldhash::fast::RandomState;
use indexmap::IndexSet;

use super::panes::{Pane, WindowMerger};
use super::stats::WindowStats;
use crate::config::Stream;
use crate::record::{Point, RawRecord, Readings, RecordParser, Rejection};
use crate::window::{WindowSpec, pane_ms};

/// Sums up the records of one stream.
pub struct WindowAggregator {
    parser: RecordParser,
    readings: Readings,
    windows: Vec<WindowSpec>,
    pane_us: i64,
    metrics: usize,
    /// A series' position is its number. The hash is seeded anew in every process: ids come from outside.
    series: IndexSet<Box<str>, RandomState>,
    /// One for every metric of every series: `series * metrics + metric`.
    panes: Vec<Panes>,
    cells: Vec<Cell>,
    memory_bytes: usize,
    drain: Option<Drain>,
}

/// How far the windows have been handed on.
struct Drain {
    /// The position in the aggregator's `panes` that is being handed on, and what was taken from there.
    position: usize,
    taken: Vec<Pane>,
    /// Index of the kind of window, and its windows.
    window: usize,
    merger: WindowMerger,
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

/// The partial aggregate of one window.
pub struct WindowPartial<'a> {
    /// The series id.
    pub series: &'a str,
    /// Index of the metric in the stream's values.
    pub metric: usize,
    /// Index of the kind of window in the stream's windows.
    pub window: usize,
    /// First instant of the window, epoch microseconds.
    pub start_us: i64,
    /// First instant after the window, epoch microseconds.
    pub end_us: i64,
    /// Number of records that are counted here. A record may have readings in many windows: other metrics and series, and
    /// windows that overlap. It is counted once per kind of window, where its newest reading is in the last window to
    /// close, so that the partials of a kind together say how many records went into it.
    pub records: u64,
    /// What the batch adds to the window.
    pub stats: &'a WindowStats,
}

/// Roughly what a pane costs beside its statistics: its place in the tree.
const PANE_OVERHEAD_BYTES: usize = 32;

/// Roughly what a metric of a series costs: the tree of its panes with its first leaf, and a place in the table of series.
const METRIC_OVERHEAD_BYTES: usize = size_of::<Panes>() + 256;

impl WindowAggregator {
    /// An aggregator for the records of that stream.
    pub fn new(stream: &Stream) -> Self {
        Self {
            parser: RecordParser::new(stream),
            readings: Readings::default(),
            windows: stream.windows.clone(),
            pane_us: pane_ms(&stream.windows).unwrap_or(1) * 1_000,
            metrics: stream.values.len(),
            series: IndexSet::default(),
            panes: Vec::new(),
            cells: Vec::new(),
            memory_bytes: 0,
            drain: None,
        }
    }

    /// See [`RecordParser::set_now`].
    pub fn set_now(&mut self, now_ms: i64) {
        self.parser.set_now(now_ms);
    }

    /// Parses a record and adds its readings. Once [`Self::drain`] has begun, it has to end first.
    ///
    /// # Errors
    ///
    /// [`Rejection`] when the record cannot be trusted; none of it is counted then.
    pub fn add(&mut self, record: &RawRecord<'_>) -> Result<(), Rejection> {
        debug_assert!(self.drain.is_none(), "records are added while windows are drained");
        let mut readings = mem::take(&mut self.readings);
        let parsed = self.parser.parse(record, &mut readings);
        if parsed.is_ok() {
            let mut newest = (i64::MIN, 0);
            for point in readings.points() {
                newest = newest.max((point.time_us, self.add_point(&point)));
            }
            if let Some(cell) = self.cells.get_mut(newest.1) {
                cell.records += 1;
            }
        }
        self.readings = readings;
        parsed
    }

    /// Adds the readings and says where the first of them is.
    fn add_point(&mut self, point: &Point<'_>) -> usize {
        let series = self.series_number(point.series);
        let pane = point.time_us.div_euclid(self.pane_us);
        let mut first = None;
        for (metric, value) in point.values {
            let panes = &mut self.panes[series * self.metrics + metric];
            let position = panes.position(pane, self.cells.len());
            if position == self.cells.len() {
                self.cells.push(Cell::default());
                self.memory_bytes += PANE_OVERHEAD_BYTES + size_of::<Cell>();
            }
            let stats = &mut self.cells[position].stats;
            let before = stats.heap_bytes();
            stats.add(point.time_us, *value);
            self.memory_bytes += stats.heap_bytes() - before;
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
        self.memory_bytes += series.len() + self.metrics * METRIC_OVERHEAD_BYTES;
        number
    }

    /// Roughly the memory it holds, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Hands the next `rows` partial aggregates to `emit`, series by series, whose memory is freed on the way. False when
    /// none was left: the aggregator is empty then, and can go on.
    pub fn drain(&mut self, rows: usize, mut emit: impl FnMut(&WindowPartial<'_>)) -> bool {
        let emitted = (0..rows).take_while(|_| self.drain_one(&mut emit)).count();
        if emitted == 0 {
            self.clear();
        }
        emitted > 0
    }

    fn drain_one(&mut self, emit: &mut impl FnMut(&WindowPartial<'_>)) -> bool {
        let mut next = 0;
        loop {
            if let Some(drain) = &mut self.drain {
                if let Some(merged) = drain.merger.next(&drain.taken) {
                    let size_us = self.windows[drain.window].size_ms() * 1_000;
                    emit(&WindowPartial {
                        series: &self.series[drain.position / self.metrics],
                        metric: drain.position % self.metrics,
                        window: drain.window,
                        start_us: merged.start_us,
                        end_us: merged.start_us + size_us,
                        records: merged.records,
                        stats: &merged.stats,
                    });
                    return true;
                }
                if let Some(spec) = self.windows.get(drain.window + 1) {
                    drain.window += 1;
                    drain.merger = WindowMerger::new(*spec);
                    continue;
                }
                next = drain.position + 1;
            }
            let (true, Some(spec)) = (next < self.panes.len(), self.windows.first()) else {
                return false;
            };
            let merger = WindowMerger::new(*spec);
            let taken = self.take_panes(next);
            self.drain = Some(Drain { position: next, taken, window: 0, merger });
        }
    }

    /// Moves out the panes of one metric of one series, in the order of time.
    fn take_panes(&mut self, position: usize) -> Vec<Pane> {
        let panes = mem::take(&mut self.panes[position]);
        let mut taken = Vec::with_capacity(panes.by_number.len());
        for (number, position) in panes.by_number {
            let Cell { stats, records } = mem::take(&mut self.cells[position]);
            self.memory_bytes -= stats.heap_bytes();
            taken.push(Pane { start_us: number * self.pane_us, stats, records });
        }
        taken
    }

    fn clear(&mut self) {
        self.series = IndexSet::default();
        self.panes = Vec::new();
        self.cells = Vec::new();
        self.memory_bytes = 0;
        self.drain = None;
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
