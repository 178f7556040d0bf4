//! Panes: the parts of time that windows are made of.

use std::borrow::Cow;
use std::collections::VecDeque;

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
#[derive(Default)]
pub(super) struct MergeQueue<'a> {
    /// Starts of the panes in the queue, ascending, and what they have.
    panes: VecDeque<(i64, Cow<'a, WindowStats>)>,
    /// For each pane of the front part, the newest first: the merge of the part's panes from that one on.
    front: Vec<WindowStats>,
    /// The merge of the back part.
    back: WindowStats,
}

impl<'a> MergeQueue<'a> {
    /// Appends a pane; its start is after those of the others.
    pub(super) fn push(&mut self, start_us: i64, stats: Cow<'a, WindowStats>) {
        self.back.merge(&stats);
        self.panes.push_back((start_us, stats));
    }

    /// Removes the panes before that instant.
    pub(super) fn pop_before(&mut self, start_us: i64) {
        if self.panes.back().is_some_and(|pane| pane.0 < start_us) {
            *self = Self::default();
        }
        while self.panes.front().is_some_and(|pane| pane.0 < start_us) {
            if self.front.is_empty() {
                self.turn_over();
            }
            self.front.pop();
            self.panes.pop_front();
        }
    }

    /// The merge of the panes in the queue.
    pub(super) fn merged(&self) -> Cow<'_, WindowStats> {
        if let (1, Some((_, only))) = (self.panes.len(), self.panes.front()) {
            return Cow::Borrowed(only);
        }
        let back_is_empty = self.front.len() == self.panes.len();
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

    /// Makes the back part the front.
    fn turn_over(&mut self) {
        for (_, stats) in self.panes.iter().rev() {
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
