//! Pre-aggregation: the records of a batch become one partial aggregate per series, metric and window.
//!
//! Readings are first summed up per pane, a pane being the part of time that all kinds of windows of the stream share;
//! at the end the panes of a series are merged into its windows. However many windows overlap, a reading is added once.

use std::collections::{BTreeMap, HashMap};

use super::stats::WindowStats;
use crate::config::Stream;
use crate::record::{RawRecord, Reading, Readings, RecordParser, Rejection};
use crate::window::{WindowSpec, pane_ms};

/// Sums up the records of one stream.
pub struct WindowAggregator {
    parser: RecordParser,
    readings: Readings,
    windows: Vec<WindowSpec>,
    pane_us: i64,
    metrics: usize,
    series_ids: HashMap<Box<str>, usize>,
    /// One for every metric of every series: `series * metrics + metric`.
    panes: Vec<Panes>,
    stats: Vec<WindowStats>,
    memory_bytes: usize,
}

/// The panes of one metric of one series, as positions in the aggregator's `stats`.
#[derive(Default)]
struct Panes {
    by_number: BTreeMap<i64, usize>,
    /// The pane that was added to last: mostly the next one, too.
    last: Option<(i64, usize)>,
}

impl Panes {
    /// The position of a pane's statistics; `free` for a pane that is new.
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
    /// What the batch adds to the window.
    pub stats: &'a WindowStats,
}

/// Roughly what a pane costs beside its statistics: its place in the tree and a share of the table of series.
const PANE_OVERHEAD_BYTES: usize = 64;

impl WindowAggregator {
    /// An aggregator for the records of that stream.
    pub fn new(stream: &Stream) -> Self {
        Self {
            parser: RecordParser::new(stream),
            readings: Readings::default(),
            windows: stream.windows.clone(),
            pane_us: pane_ms(&stream.windows).unwrap_or(1) * 1_000,
            metrics: stream.values.len(),
            series_ids: HashMap::new(),
            panes: Vec::new(),
            stats: Vec::new(),
            memory_bytes: 0,
        }
    }

    /// See [`RecordParser::set_now`].
    pub fn set_now(&mut self, now_ms: i64) {
        self.parser.set_now(now_ms);
    }

    /// Parses a record and adds its readings.
    ///
    /// # Errors
    ///
    /// [`Rejection`] when the record cannot be trusted; none of it is counted then.
    pub fn add(&mut self, record: &RawRecord<'_>) -> Result<(), Rejection> {
        let mut readings = std::mem::take(&mut self.readings);
        let parsed = self.parser.parse(record, &mut readings);
        if parsed.is_ok() {
            for (position, reading) in readings.iter().enumerate() {
                let stats = self.add_reading(&reading);
                if position == 0 {
                    stats.count_record();
                }
            }
        }
        self.readings = readings;
        parsed
    }

    fn add_reading(&mut self, reading: &Reading<'_>) -> &mut WindowStats {
        let series = self.series_id(reading.series);
        let pane = reading.time_us.div_euclid(self.pane_us);
        let panes = &mut self.panes[series * self.metrics + reading.metric];
        let position = panes.position(pane, self.stats.len());
        if position == self.stats.len() {
            self.stats.push(WindowStats::default());
            self.memory_bytes += PANE_OVERHEAD_BYTES + size_of::<WindowStats>();
        }
        let stats = &mut self.stats[position];
        let before = stats.memory_bytes();
        stats.add(reading.time_us, reading.value);
        self.memory_bytes += stats.memory_bytes() - before;
        stats
    }

    fn series_id(&mut self, series: &str) -> usize {
        if let Some(id) = self.series_ids.get(series) {
            return *id;
        }
        let id = self.series_ids.len();
        self.series_ids.insert(series.into(), id);
        self.panes.resize_with((id + 1) * self.metrics, Panes::default);
        self.memory_bytes += series.len() + self.metrics * size_of::<Panes>();
        id
    }

    /// Roughly the memory it holds, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Hands every partial aggregate to `emit`, series by series.
    pub fn finish(&self, mut emit: impl FnMut(&WindowPartial<'_>)) {
        for (series, id) in &self.series_ids {
            for metric in 0..self.metrics {
                let panes = &self.panes[id * self.metrics + metric];
                for (window, spec) in self.windows.iter().enumerate() {
                    for (start_us, stats) in self.merge_panes(panes, *spec) {
                        let end_us = start_us + spec.size_ms() * 1_000;
                        let stats = &stats;
                        emit(&WindowPartial { series, metric, window, start_us, end_us, stats });
                    }
                }
            }
        }
    }

    fn merge_panes(&self, panes: &Panes, spec: WindowSpec) -> BTreeMap<i64, WindowStats> {
        let mut windows: BTreeMap<i64, WindowStats> = BTreeMap::new();
        for (pane, position) in &panes.by_number {
            let mut newest = None;
            for start_us in spec.starts_containing(pane * self.pane_us) {
                windows.entry(start_us).or_default().merge(&self.stats[*position]);
                newest = Some(start_us);
            }
            // However many windows overlap, a record is counted in one: the last of them to close. It is late when even
            // that one has closed.
            if let Some(stats) = newest.and_then(|start_us| windows.get_mut(&start_us)) {
                stats.count_records_of(&self.stats[*position]);
            }
        }
        windows
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
