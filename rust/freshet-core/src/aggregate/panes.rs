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

/// A window and the merge of its panes.
pub(super) struct MergedWindow<'a> {
    /// First instant of the window, epoch microseconds.
    pub(super) start_us: i64,
    /// Number of records that are counted in it. However many windows overlap, a pane's records are counted in one: the
    /// last of them to close. They are late when even that one has closed.
    pub(super) records: u64,
    pub(super) stats: Cow<'a, WindowStats>,
}

/// Merges panes into the windows of one kind, one after the other: those that have a pane, by their start.
pub(super) struct WindowMerger {
    size_us: i64,
    slide_us: i64,
    spec: WindowSpec,
    queue: MergeQueue,
    /// The records of the panes before it are counted.
    counted: usize,
    /// Start of the next window, unless no pane lies in it.
    next_start_us: i64,
}

impl WindowMerger {
    pub(super) fn new(spec: WindowSpec) -> Self {
        Self {
            size_us: spec.size_ms() * 1_000,
            slide_us: spec.slide_ms() * 1_000,
            spec,
            queue: MergeQueue::default(),
            counted: 0,
            next_start_us: i64::MIN,
        }
    }

    /// The next window; `None` after the last one. `panes` ascend, and are the same in every call.
    pub(super) fn next<'a>(&'a mut self, panes: &'a [Pane]) -> Option<MergedWindow<'a>> {
        if self.slide_us == self.size_us {
            self.next_tumbling(panes)
        } else {
            self.next_sliding(panes)
        }
    }

    fn next_tumbling<'a>(&mut self, panes: &'a [Pane]) -> Option<MergedWindow<'a>> {
        let (first, others) = panes[self.counted..].split_first()?;
        let start_us = first.start_us.div_euclid(self.size_us) * self.size_us;
        let end_us = start_us + self.size_us;
        let number = others.iter().take_while(|pane| pane.start_us < end_us).count();
        self.counted += 1 + number;
        let mut window =
            MergedWindow { start_us, records: first.records, stats: Cow::Borrowed(&first.stats) };
        for pane in &others[..number] {
            window.records += pane.records;
            window.stats.to_mut().merge(&pane.stats);
        }
        Some(window)
    }

    fn next_sliding<'a>(&'a mut self, panes: &'a [Pane]) -> Option<MergedWindow<'a>> {
        self.queue.pop_before(self.next_start_us, panes);
        let oldest_us = self.queue.first(panes)?.start_us;
        if oldest_us >= self.next_start_us.saturating_add(self.size_us) {
            let earliest = self.spec.starts_containing(oldest_us).next();
            self.next_start_us = earliest.unwrap_or(oldest_us);
        }
        let start_us = self.next_start_us;
        self.queue.push_before(start_us + self.size_us, panes);
        self.next_start_us += self.slide_us;
        let closing_last =
            panes[self.counted..].iter().take_while(|pane| pane.start_us < self.next_start_us);
        let (number, records) =
            closing_last.fold((0, 0), |(number, sum), pane| (number + 1, sum + pane.records));
        self.counted += number;
        Some(MergedWindow { start_us, records, stats: self.queue.merged() })
    }
}

/// A queue of panes that knows the merge of all that are in it, with two merges for a pane and one for an answer: two
/// stacks, after Tangwongsan, Hirzel and Schneider, "In-Order Sliding-Window Aggregation in Worst-Case Constant Time"
/// (2021), section 2. Merges cannot be undone, so that a running total would not do.
#[derive(Default)]
struct MergeQueue {
    /// The queue holds `panes[first..last]`.
    first: usize,
    last: usize,
    /// For each pane of the front part, the newest first: the merge of the part's panes from that one on.
    front: Vec<WindowStats>,
    /// The merge of the back part.
    back: WindowStats,
}

impl MergeQueue {
    /// The oldest pane in the queue, or the next one to come when it is empty.
    fn first<'a>(&self, panes: &'a [Pane]) -> Option<&'a Pane> {
        panes.get(self.first)
    }

    /// Appends the panes before that instant.
    fn push_before(&mut self, end_us: i64, panes: &[Pane]) {
        while let Some(pane) = panes.get(self.last).filter(|pane| pane.start_us < end_us) {
            self.back.merge(&pane.stats);
            self.last += 1;
        }
    }

    /// Removes the panes before that instant.
    fn pop_before(&mut self, start_us: i64, panes: &[Pane]) {
        while self.first < self.last && panes[self.first].start_us < start_us {
            if self.front.is_empty() {
                self.turn_over(panes);
            }
            self.front.pop();
            self.first += 1;
        }
    }

    /// Makes the back part the front.
    fn turn_over(&mut self, panes: &[Pane]) {
        for pane in panes[self.first..self.last].iter().rev() {
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
