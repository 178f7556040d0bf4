//! Aggregates: what a window knows of its readings, in a form that merges.

mod encoding;
mod panes;
mod percentiles;
mod sketch;
mod state;
mod stats;
mod stats_encoding;
mod windows;

pub use percentiles::{EXACT_PERCENTILES, PERCENTILE_MEANING};
pub use state::{Emit, PartialStarts, Watermarks, Window, WindowLimits, WindowState};
pub use stats::WindowStats;
pub use stats_encoding::InvalidState;
pub use windows::{AheadOfClock, LeftOutCounts, PartialAggregate, WindowAggregator};
