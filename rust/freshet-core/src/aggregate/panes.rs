//! Panes: the parts of time that windows are made of.

use std::borrow::Cow;

use super::stats::WindowStats;
use crate::window::{WindowSpec, pane_ms};

/// What one metric of one series has in one pane.
#[derive(Clone)]
pub(super) struct Pane {
    /// First instant of the pane, epoch microseconds.
    pub(super) start_us: i64,
    /// Number of records that are counted here; see [`super::PartialAggregate::records`].
    pub(super) records: u64,
    pub(super) stats: WindowStats,
}

/// How the panes and windows of one kind of window lie in time; all numbers are microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct PaneGrid {
    /// Length of a pane: the greatest length of which both size and slide are multiples.
    pub(super) pane: i64,
    pub(super) size: i64,
    pub(super) slide: i64,
}

impl PaneGrid {
    pub(super) fn of(spec: WindowSpec) -> Self {
        Self {
            pane: pane_ms(&[spec]).unwrap_or(1) * 1_000,
            size: spec.size_ms() * 1_000,
            slide: spec.slide_ms() * 1_000,
        }
    }

    /// Start of the first window that contains the pane.
    pub(super) fn first_start(&self, pane_start_us: i64) -> i64 {
        // The first start after the instant that is a whole size before.
        (pane_start_us - self.size).div_euclid(self.slide) * self.slide + self.slide
    }

    /// Start of the last window that contains the pane.
    pub(super) fn last_start(&self, pane_start_us: i64) -> i64 {
        pane_start_us.div_euclid(self.slide) * self.slide
    }

    /// Start of the first window that ends after the watermark.
    pub(super) fn first_open(&self, watermark_us: i64) -> i64 {
        self.first_start(watermark_us)
    }

    /// First instant at which no window that contains the pane is open any more.
    pub(super) fn closes(&self, pane_start_us: i64) -> i64 {
        self.last_start(pane_start_us) + self.size
    }
}

/// Joins panes, which ascend, into longer ones, which ascend, too.
pub(super) fn join(panes: &[Pane], pane_us: i64) -> Vec<Pane> {
    let mut joined: Vec<Pane> = Vec::new();
    for pane in panes {
        let start_us = pane.start_us.div_euclid(pane_us) * pane_us;
        match joined.last_mut().filter(|last| last.start_us == start_us) {
            Some(last) => {
                last.records += pane.records;
                last.stats.merge(&pane.stats);
            }
            None => joined.push(Pane { start_us, ..pane.clone() }),
        }
    }
    joined
}

/// A queue of panes that knows the merge of all that are in it, with two merges for a pane and one for an answer: two
/// stacks, after Tangwongsan, Hirzel and Schneider, "In-Order Sliding-Window Aggregation in Worst-Case Constant Time"
/// (2021), section 2. Merges cannot be undone, so that a running total would not do.
pub(super) struct MergeQueue<'a> {
    /// Starts of panes and what they have, ascending. The queue holds `panes[first..last]`.
    panes: &'a [(i64, Cow<'a, WindowStats>)],
    first: usize,
    last: usize,
    /// For each pane of the front part, the newest first: the merge of the part's panes from that one on.
    front: Vec<WindowStats>,
    /// The merge of the back part.
    back: WindowStats,
}

impl<'a> MergeQueue<'a> {
    /// An empty queue, through which these panes will go.
    pub(super) fn new(panes: &'a [(i64, Cow<'a, WindowStats>)]) -> Self {
        Self { panes, first: 0, last: 0, front: Vec::new(), back: WindowStats::default() }
    }

    /// The merge of the panes from that instant on and before the other. Neither goes back from call to call.
    pub(super) fn merge(&mut self, start_us: i64, end_us: i64) -> Cow<'_, WindowStats> {
        self.pop_before(start_us);
        self.push_before(end_us);
        if self.last - self.first == 1 {
            return Cow::Borrowed(&self.panes[self.first].1);
        }
        let back_is_empty = self.front.len() == self.last - self.first;
        match self.front.last() {
            Some(front) if back_is_empty => Cow::Borrowed(front),
            Some(front) => {
                let mut merged = front.clone();
                merged.merge(&self.back);
                Cow::Owned(merged)
            }
            None => Cow::Borrowed(&self.back),
        }
    }

    fn push_before(&mut self, end_us: i64) {
        while let Some((_, stats)) = self.panes.get(self.last).filter(|pane| pane.0 < end_us) {
            self.back.merge(stats);
            self.last += 1;
        }
    }

    fn pop_before(&mut self, start_us: i64) {
        while self.first < self.last && self.panes[self.first].0 < start_us {
            if self.front.is_empty() {
                self.turn_over();
            }
            self.front.pop();
            self.first += 1;
        }
        if self.first == self.last {
            // Panes before the start that were never in it: a gap in what is asked for.
            let skipped = self.panes[self.last..].iter().take_while(|pane| pane.0 < start_us);
            self.last += skipped.count();
            self.first = self.last;
        }
    }

    /// Makes the back part the front.
    fn turn_over(&mut self) {
        for (_, stats) in self.panes[self.first..self.last].iter().rev() {
            let mut merged = stats.clone().into_owned();
            if let Some(newer) = self.front.last() {
                merged.merge(newer);
            }
            self.front.push(merged);
        }
        self.back = WindowStats::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pane_lies_in_the_windows_from_its_first_start_to_its_last(
            size in 1_i64..50, slide in 1_i64..50, number in -200_i64..200,
        ) {
            prop_assume!(slide <= size);
            let spec: WindowSpec = format!("{size}s/{slide}s").parse().unwrap();
            let grid = PaneGrid::of(spec);
            let pane = number * grid.pane;
            let starts: Vec<_> = spec.starts_containing(pane).collect();
            prop_assert_eq!(starts[0], grid.first_start(pane));
            prop_assert_eq!(starts[starts.len() - 1], grid.last_start(pane));
        }
    }
}
