//! Aggregates: what a window knows of its readings, in a form that merges.

mod encoding;
mod panes;
mod percentiles;
mod stats;
mod windows;

pub use encoding::{ENCODING_VERSION, HEADER_BYTES};
pub use stats::WindowStats;
pub use windows::{WindowAggregator, WindowPartial};
