//! The state of one metric of one series for one kind of window: its panes, of which the windows are made anew each
//! time that they change.
//!
//! A reading is in one pane, however many windows overlap, so that it is stored once; and a window costs a few merges
//! and no state of its own.

use std::borrow::Cow;

use serde::Deserialize;

use super::encoding::{self, EncodedPane};
use super::panes::{MergeQueue, Pane, PaneGrid};
use super::stats::WindowStats;
use super::stats_encoding::{InvalidState, MOST_READINGS};
use crate::window::WindowSpec;

/// Between which instants windows end that are concerned; epoch microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The watermark of the micro-batch before: a window that ended by then is final, and what comes for it is late.
    pub late_us: i64,
    /// The watermark of this micro-batch: after it, windows that ended by then are final.
    pub final_us: i64,
}

impl Watermarks {
    /// No window is ever final: for a batch query.
    pub const NONE: Self = Self { late_us: i64::MIN / 2, final_us: i64::MIN / 2 };
}

/// Which windows a micro-batch hands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emit {
    /// Those that it changed: Spark's output mode `update`.
    Changed,
    /// Those that it made final: Spark's output mode `append`.
    Final,
}

/// Which windows of a kind are given, and given whole, after the stream's list of windows was changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct WindowLimits {
    /// Windows that start then may lack readings, which came while the kind was not in the list.
    #[serde(default)]
    pub partial: Vec<PartialStarts>,
    /// The last start of a window that is given, epoch microseconds: the kind is not in the list any more, and what was
    /// open is brought to its end.
    pub last_start_us: Option<i64>,
}

/// The starts of windows that may lack readings, epoch microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct PartialStarts {
    /// They are later than this, if there is one.
    pub after_us: Option<i64>,
    /// The last one.
    pub until_us: i64,
}

impl WindowLimits {
    /// First instant, epoch microseconds, at which no window that is given and contains the pane is open any more.
    fn closes(&self, grid: &PaneGrid, pane_start: i64) -> i64 {
        let closes = grid.closes(pane_start);
        let Some(last_us) = self.last_start_us else { return closes };
        let last_start = grid.last_start(grid.place(last_us));
        let is_in_any = grid.first_start(pane_start) <= last_start;
        if is_in_any { closes.min(grid.instant(last_start + grid.size)) } else { i64::MIN }
    }

    fn is_partial(&self, start_us: i64) -> bool {
        self.partial.iter().any(|starts| {
            start_us <= starts.until_us && starts.after_us.is_none_or(|after| start_us > after)
        })
    }
}

/// A window as a micro-batch hands it on.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    /// First instant, epoch microseconds.
    pub start_us: i64,
    /// First instant after it.
    pub end_us: i64,
    /// What is known of its readings.
    pub stats: &'a WindowStats,
    /// Whether some of its readings may be missing: see [`WindowLimits`].
    pub is_partial: bool,
}

/// The panes of one metric of one series for one kind of window, from the state and of a micro-batch.
pub struct WindowState<'a> {
    grid: PaneGrid,
    limits: WindowLimits,
    /// Their starts ascend.
    panes: Vec<StatePane<'a>>,
}

struct StatePane<'a> {
    /// The place of its start in the grid.
    start: i64,
    content: Content<'a>,
}

enum Content<'a> {
    /// As it was found in the state.
    Unchanged(EncodedPane<'a>),
    Changed(Pane),
}

impl StatePane<'_> {
    fn is_changed(&self) -> bool {
        matches!(self.content, Content::Changed(_))
    }

    fn stats(&self) -> Result<Cow<'_, WindowStats>, InvalidState> {
        Ok(match &self.content {
            Content::Unchanged(encoded) => Cow::Owned(encoded.decode()?.stats),
            Content::Changed(pane) => Cow::Borrowed(&pane.stats),
        })
    }
}

impl<'a> WindowState<'a> {
    /// Reads what [`Self::encode`] has written; no bytes for a series that is new.
    ///
    /// # Errors
    ///
    /// [`InvalidState`] when the bytes were written by another version, or are damaged.
    pub fn decode(spec: &WindowSpec, state: &'a [u8]) -> Result<Self, InvalidState> {
        let grid = PaneGrid::of(spec);
        let unchanged = |pane: EncodedPane<'a>| StatePane {
            start: pane.start,
            content: Content::Unchanged(pane),
        };
        let panes = encoding::panes(state, &grid)?.map(|pane| pane.map(unchanged));
        let panes = panes.collect::<Result<_, _>>()?;
        Ok(Self { grid, limits: WindowLimits::default(), panes })
    }

    /// The same, of a kind that has such limits.
    #[must_use]
    pub fn with_limits(self, limits: WindowLimits) -> Self {
        Self { limits, ..self }
    }

    /// Adds panes of the micro-batch, as [`super::PartialAggregate::encode_panes`] gives them, and says how many
    /// records are counted with them. A pane of which every window is final is left out: its records are late.
    ///
    /// # Errors
    ///
    /// [`InvalidState`] when the bytes were written by another version, or are damaged.
    pub fn add(&mut self, partial: &[u8], watermarks: Watermarks) -> Result<u64, InvalidState> {
        let mut counted = 0;
        let Self { grid, limits, panes } = self;
        for pane in encoding::panes(partial, grid)? {
            let pane = pane?;
            let start = pane.start;
            if limits.closes(grid, start) > watermarks.late_us {
                let pane = pane.decode()?;
                counted += pane.records;
                add_pane(panes, start, pane)?;
            }
        }
        Ok(counted)
    }

    /// Hands the windows that this micro-batch changed or made final to `emit`. A window that was final before is never
    /// among them.
    ///
    /// # Errors
    ///
    /// [`InvalidState`] when a pane of the state is damaged.
    pub fn windows(
        &self,
        which: Emit,
        watermarks: Watermarks,
        mut emit: impl FnMut(Window<'_>),
    ) -> Result<(), InvalidState> {
        for (first, last) in self.runs(which, watermarks) {
            self.merge_run(first, last, &mut emit)?;
        }
        Ok(())
    }

    /// The windows that are to be handed on, as the starts in the grid of the first and the last one of each
    /// uninterrupted run: every window of a run has a pane that is concerned.
    fn runs(&self, which: Emit, watermarks: Watermarks) -> Vec<(i64, i64)> {
        let grid = &self.grid;
        let earliest = grid.first_open(watermarks.late_us);
        let latest = match which {
            Emit::Changed => i64::MAX,
            Emit::Final => grid.first_open(watermarks.final_us) - grid.slide,
        };
        let limit = self.limits.last_start_us.map(|last_us| grid.place(last_us));
        let latest = limit.map_or(latest, |last| latest.min(last));
        let mut runs: Vec<(i64, i64)> = Vec::new();
        for pane in &self.panes {
            let concerned = which == Emit::Final || pane.is_changed();
            let first = grid.first_start(pane.start).max(earliest);
            let last = grid.last_start(pane.start).min(latest);
            if !concerned || first > last {
                continue;
            }
            match runs.last_mut().filter(|run| first <= run.1 + grid.slide) {
                Some(run) => run.1 = last,
                None => runs.push((first, last)),
            }
        }
        runs
    }

    fn merge_run(
        &self,
        first: i64,
        last: i64,
        emit: &mut impl FnMut(Window<'_>),
    ) -> Result<(), InvalidState> {
        let grid = &self.grid;
        let begin = self.panes.partition_point(|pane| pane.start < first);
        // Panes are read as they come into a window, so that no more of them are in memory than a window has.
        let mut coming = self.panes[begin..].iter().peekable();
        let mut queue = MergeQueue::default();
        let mut start = first;
        let mut start_us = grid.instant(start);
        while start <= last {
            queue.pop_before(start);
            while let Some(pane) = coming.next_if(|pane| pane.start < start + grid.size) {
                queue.push(pane.start, pane.stats()?);
            }
            let next_us = grid.instant(start + grid.slide);
            // Else the days between them are left out, and the next window is the one that starts then.
            if start_us < next_us {
                emit(Window {
                    start_us,
                    end_us: grid.instant(start + grid.size),
                    stats: &queue.merged(),
                    is_partial: self.limits.is_partial(start_us),
                });
            }
            start += grid.slide;
            start_us = next_us;
        }
        Ok(())
    }

    /// Event time of the newest reading in encoded panes of that kind of window, epoch microseconds; `None` without
    /// panes.
    ///
    /// # Errors
    ///
    /// As for [`Self::decode`].
    pub fn newest_event_us(spec: &WindowSpec, state: &[u8]) -> Result<Option<i64>, InvalidState> {
        let mut last = None;
        for pane in encoding::panes(state, &PaneGrid::of(spec))? {
            last = Some(pane?);
        }
        last.map(|pane| Ok(pane.decode()?.stats.last_event_us())).transpose()
    }

    /// Appends the state for the next micro-batch: the panes that a window still needs. Says when it has to be looked
    /// at even if nothing comes for it: at the first instant, epoch microseconds, at which a window is to be handed on
    /// or the last pane to be dropped; `None` when no pane is left, and nothing was appended.
    pub fn encode(&self, which: Emit, watermarks: Watermarks, output: &mut Vec<u8>) -> Option<i64> {
        let grid = &self.grid;
        let open =
            |pane: &&StatePane<'_>| self.limits.closes(grid, pane.start) > watermarks.final_us;
        let mut kept = self.panes.iter().filter(open).peekable();
        let first = kept.peek()?.start;
        encoding::begin(output);
        let mut last = first;
        for pane in kept {
            match &pane.content {
                Content::Unchanged(encoded) => encoded.copy(output),
                Content::Changed(Pane { start_us, records, stats }) => {
                    encoding::push(*start_us, *records, stats, output);
                }
            }
            last = pane.start;
        }
        Some(match which {
            Emit::Changed => self.limits.closes(grid, last),
            Emit::Final => {
                let start = grid.first_start(first).max(grid.first_open(watermarks.final_us));
                grid.instant(start + grid.size)
            }
        })
    }
}

/// Adds a pane to those of the state, whose starts ascend.
fn add_pane(panes: &mut Vec<StatePane<'_>>, start: i64, pane: Pane) -> Result<(), InvalidState> {
    match panes.binary_search_by_key(&start, |pane| pane.start) {
        Ok(position) => {
            let content = &mut panes[position].content;
            if let Content::Unchanged(encoded) = content {
                *content = Content::Changed(encoded.decode()?);
            }
            if let Content::Changed(changed) = content {
                if changed.stats.count() + pane.stats.count() > MOST_READINGS {
                    return Err(InvalidState::Damaged);
                }
                changed.records += pane.records;
                changed.stats.merge(&pane.stats);
            }
        }
        Err(position) => {
            let content = Content::Changed(pane);
            panes.insert(position, StatePane { start, content });
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
