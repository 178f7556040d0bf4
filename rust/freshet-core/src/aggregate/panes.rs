//! Panes: the parts of time that windows are made of.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::stats::WindowStats;
use crate::window::{Alignment, WindowSpec};

/// What one metric of one series has in one pane.
#[derive(Clone)]
pub(super) struct Pane {
    /// First instant of the pane, epoch microseconds.
    pub(super) start_us: i64,
    /// Number of records that are counted here; see [`super::PartialAggregate::records`].
    pub(super) records: u64,
    pub(super) stats: WindowStats,
}

/// How the panes and windows of one kind of window lie on a line; all numbers are microseconds. Starts are places on
/// it: see [`Alignment`].
#[derive(Debug, Clone)]
pub(super) struct PaneGrid {
    /// Length of a pane: the greatest length of which both size and slide are multiples.
    pub(super) pane: i64,
    pub(super) size: i64,
    pub(super) slide: i64,
    pub(super) alignment: Alignment,
}

impl PaneGrid {
    pub(super) fn of(spec: &WindowSpec) -> Self {
        Self {
            pane: spec.pane_ms() * 1_000,
            size: spec.size_ms() * 1_000,
            slide: spec.slide_ms() * 1_000,
            alignment: spec.alignment().clone(),
        }
    }

    /// The place of an instant, epoch microseconds.
    pub(super) fn place(&self, instant_us: i64) -> i64 {
        self.alignment.place(instant_us)
    }

    /// The instant, epoch microseconds, that is at a place.
    pub(super) fn instant(&self, place: i64) -> i64 {
        self.alignment.instant(place)
    }

    /// Start of the pane that contains the instant, epoch microseconds.
    pub(super) fn pane_start(&self, instant_us: i64) -> i64 {
        self.place(instant_us).div_euclid(self.pane) * self.pane
    }

    /// The instants between which that pane lies, epoch microseconds.
    pub(super) fn pane_around(&self, instant_us: i64) -> (i64, i64) {
        let start = self.pane_start(instant_us);
        (self.instant(start), self.instant(start + self.pane))
    }

    /// Start of the pane that begins at an instant, epoch microseconds; `None` where none does. In a zone whoever wrote
    /// the instant may have had another database of zones: it is the pane that begins nearest, within a day.
    pub(super) fn pane_beginning(&self, instant_us: i64) -> Option<i64> {
        let before = self.pane_start(instant_us);
        let apart = |start: &i64| self.instant(*start).abs_diff(instant_us);
        let nearest = [before, before + self.pane].into_iter().min_by_key(apart)?;
        (apart(&nearest) <= self.tolerance().unsigned_abs()).then_some(nearest)
    }

    /// How far readings of a pane may lie beside its length, counted from its start.
    pub(super) fn tolerance(&self) -> i64 {
        self.alignment.tolerance_us()
    }

    /// Start of the first window that contains the pane.
    pub(super) fn first_start(&self, pane_start: i64) -> i64 {
        // The first start after the place that is a whole size before.
        (pane_start - self.size).div_euclid(self.slide) * self.slide + self.slide
    }

    /// Start of the last window that contains the pane.
    pub(super) fn last_start(&self, pane_start: i64) -> i64 {
        pane_start.div_euclid(self.slide) * self.slide
    }

    /// Start of the first window that ends after the watermark, which is an instant.
    pub(super) fn first_open(&self, watermark_us: i64) -> i64 {
        self.first_start(self.place(watermark_us))
    }

    /// First instant, epoch microseconds, at which no window that contains the pane is open any more.
    pub(super) fn closes(&self, pane_start: i64) -> i64 {
        self.instant(self.last_start(pane_start) + self.size)
    }
}

/// Joins panes, which ascend, into those of a grid, which are longer and ascend, too.
pub(super) fn join(panes: &[Pane], grid: &PaneGrid) -> Vec<Pane> {
    let mut joined: Vec<Pane> = Vec::new();
    let mut last_end_us = i64::MIN;
    for pane in panes {
        if let Some(last) = joined.last_mut().filter(|_| pane.start_us < last_end_us) {
            last.records += pane.records;
            last.stats.merge(&pane.stats);
        } else {
            let (start_us, end_us) = grid.pane_around(pane.start_us);
            joined.push(Pane { start_us, ..pane.clone() });
            last_end_us = end_us;
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
            let grid = PaneGrid::of(&spec);
            let pane = number * grid.pane;
            let starts = spec.starts_containing(pane);
            prop_assert_eq!(starts[0], grid.first_start(pane));
            prop_assert_eq!(starts[starts.len() - 1], grid.last_start(pane));
        }
    }
}
