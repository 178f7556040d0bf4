//! From panes to windows: every window is the merge of the panes that lie in it.

use std::borrow::Cow;

use super::stats::WindowStats;
use crate::window::WindowSpec;

/// What a series' metric has in one pane.
pub(super) struct Pane {
    /// First instant of the pane, epoch microseconds.
    pub(super) start_us: i64,
    pub(super) stats: WindowStats,
    /// Number of records that are counted here; see [`super::WindowPartial::records`].
    pub(super) records: u64,
}

/// Hands each window of one kind that has a pane to `emit`: its start (ascending), the records that are counted in it,
/// and the merge of its panes. `panes` ascend.
///
/// However many windows overlap, a pane's records are counted in one: the last of them to close. They are late when even
/// that one has closed.
pub(super) fn merge_into_windows(
    panes: &[Pane],
    spec: WindowSpec,
    emit: impl FnMut(i64, u64, &WindowStats),
) {
    if spec.slide_ms() == spec.size_ms() {
        merge_into_tumbling(panes, spec, emit);
    } else {
        merge_into_sliding(panes, spec, emit);
    }
}

fn merge_into_tumbling(
    panes: &[Pane],
    spec: WindowSpec,
    mut emit: impl FnMut(i64, u64, &WindowStats),
) {
    let size_us = spec.size_ms() * 1_000;
    let start_of = |pane: &Pane| pane.start_us.div_euclid(size_us) * size_us;
    for window in panes.chunk_by(|left, right| start_of(left) == start_of(right)) {
        let [first, others @ ..] = window else { continue };
        let records = window.iter().map(|pane| pane.records).sum();
        if others.is_empty() {
            emit(start_of(first), records, &first.stats);
            continue;
        }
        let mut merged = first.stats.clone();
        for pane in others {
            merged.merge(&pane.stats);
        }
        emit(start_of(first), records, &merged);
    }
}

fn merge_into_sliding(
    panes: &[Pane],
    spec: WindowSpec,
    mut emit: impl FnMut(i64, u64, &WindowStats),
) {
    let (size_us, slide_us) = (spec.size_ms() * 1_000, spec.slide_ms() * 1_000);
    let mut queue = MergeQueue::new(panes);
    let mut counted = 0;
    let mut start_us = i64::MIN;
    while let Some(first) = queue.first() {
        if first.start_us >= start_us.saturating_add(size_us) || start_us == i64::MIN {
            let earliest = spec.starts_containing(first.start_us).next();
            start_us = earliest.unwrap_or(first.start_us);
        }
        queue.push_before(start_us + size_us);
        let closing_last =
            panes[counted..].iter().take_while(|pane| pane.start_us < start_us + slide_us);
        let (mut number, mut records) = (0, 0);
        for pane in closing_last {
            number += 1;
            records += pane.records;
        }
        counted += number;
        emit(start_us, records, &queue.merged());
        start_us += slide_us;
        queue.pop_before(start_us);
    }
}

/// A queue of panes that knows the merge of all that are in it, with two merges for a pane and one for an answer: two
/// stacks, after Tangwongsan, Hirzel and Schneider, "In-Order Sliding-Window Aggregation in Worst-Case Constant Time"
/// (2021), section 2. Merges cannot be undone, so that a running total would not do.
struct MergeQueue<'a> {
    panes: &'a [Pane],
    /// The queue holds `panes[first..last]`.
    first: usize,
    last: usize,
    /// For each pane of the front part, the newest first: the merge of the part's panes from that one on.
    front: Vec<WindowStats>,
    /// The merge of the back part.
    back: WindowStats,
}

impl<'a> MergeQueue<'a> {
    fn new(panes: &'a [Pane]) -> Self {
        Self { panes, first: 0, last: 0, front: Vec::new(), back: WindowStats::default() }
    }

    /// The oldest pane in the queue, or the next one to come when it is empty.
    fn first(&self) -> Option<&'a Pane> {
        self.panes.get(self.first)
    }

    /// Appends the panes before that instant.
    fn push_before(&mut self, end_us: i64) {
        while let Some(pane) = self.panes.get(self.last).filter(|pane| pane.start_us < end_us) {
            self.back.merge(&pane.stats);
            self.last += 1;
        }
    }

    /// Removes the panes before that instant.
    fn pop_before(&mut self, start_us: i64) {
        while self.first < self.last && self.panes[self.first].start_us < start_us {
            if self.front.is_empty() {
                self.turn_over();
            }
            self.front.pop();
            self.first += 1;
        }
    }

    /// Makes the back part the front.
    fn turn_over(&mut self) {
        for pane in self.panes[self.first..self.last].iter().rev() {
            let mut merged = pane.stats.clone();
            if let Some(newer) = self.front.last() {
                merged.merge(newer);
            }
            self.front.push(merged);
        }
        self.back = WindowStats::default();
    }

    /// The merge of the panes in the queue.
    fn merged(&self) -> Cow<'_, WindowStats> {
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
}
