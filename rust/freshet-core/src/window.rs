//! Event-time windows: half-open intervals `[start, end)`, aligned to the epoch in UTC, and the panes that they share.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::duration;

/// A record may lie in this many windows of one kind at the most: each of them is a row of output.
pub const MOST_OVERLAPPING: i64 = 1_000;

/// A window may have this many panes at the most: each of them is kept in the state of every series.
pub const MOST_PANES: i64 = 10_000;

/// The longest window, in milliseconds: its readings are kept until it closes.
pub const LONGEST_MS: i64 = 366 * 86_400_000;

#[cfg(test)]
const MICROSECONDS: i64 = 1_000;

/// A kind of window: tumbling (`10s`, slide = size) or sliding (`5m/1m`, size/slide).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WindowSpec {
    size_ms: i64,
    slide_ms: i64,
}

/// The text does not name a kind of window.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidWindow {
    /// Size or slide is no duration.
    #[error(transparent)]
    Duration(#[from] duration::InvalidDuration),
    /// Size or slide is zero, the slide is longer than the size, or one is out of range.
    #[error(
        "'{0}' is not a window: write a size such as '10s', or a size and a shorter slide such as '5m/1m', \
         of at most 366d and with at most {MOST_OVERLAPPING} slides in a size"
    )]
    Shape(String),
    /// Size and slide share no longer divisor.
    #[error(
        "'{0}' is not a window to work with: size and slide are multiples of {1} ms only, which is less than a \
         {MOST_PANES}th of the size; choose a slide of which the size is a multiple"
    )]
    Divisor(String, i64),
}

impl WindowSpec {
    /// Length of the window in milliseconds.
    pub fn size_ms(self) -> i64 {
        self.size_ms
    }

    /// Distance between the starts of two successive windows in milliseconds; the size for tumbling windows.
    pub fn slide_ms(self) -> i64 {
        self.slide_ms
    }

    /// The starts (epoch microseconds, ascending) of all windows of this kind that contain the instant.
    #[cfg(test)]
    pub(crate) fn starts_containing(self, instant_us: i64) -> impl Iterator<Item = i64> {
        let (size, slide) = (self.size_ms * MICROSECONDS, self.slide_ms * MICROSECONDS);
        let last = instant_us.div_euclid(slide) * slide;
        let overlapping = size.div_euclid(slide) + i64::from(size % slide != 0);
        (0..overlapping)
            .rev()
            .map(move |back| last - back * slide)
            .filter(move |start| instant_us < start + size)
    }
}

impl FromStr for WindowSpec {
    type Err = InvalidWindow;

    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        let (size, slide) = text.split_once('/').unwrap_or((text, text));
        let milliseconds = |part| -> Result<i64, InvalidWindow> {
            let length = duration::parse(part)?.as_millis();
            i64::try_from(length).map_err(|_| InvalidWindow::Shape(text.to_owned()))
        };
        let (size_ms, slide_ms) = (milliseconds(size)?, milliseconds(slide)?);
        let fits = slide_ms > 0
            && slide_ms <= size_ms
            && size_ms / slide_ms <= MOST_OVERLAPPING
            && size_ms <= LONGEST_MS;
        if !fits {
            return Err(InvalidWindow::Shape(text.to_owned()));
        }
        let pane_ms = greatest_common_divisor(size_ms, slide_ms);
        if size_ms / pane_ms > MOST_PANES {
            return Err(InvalidWindow::Divisor(text.to_owned(), pane_ms));
        }
        Ok(Self { size_ms, slide_ms })
    }
}

impl fmt::Display for WindowSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |ms: i64| duration::format(Duration::from_millis(ms.unsigned_abs()));
        f.write_str(&text(self.size_ms))?;
        if self.slide_ms != self.size_ms {
            write!(f, "/{}", text(self.slide_ms))?;
        }
        Ok(())
    }
}

crate::text::serde_as_text!(WindowSpec);

/// Length in milliseconds of the pane that all `windows` share: the greatest common divisor of their sizes and slides,
/// so that a pane lies either wholly inside or wholly outside each window. `None` without windows.
pub fn pane_ms(windows: &[WindowSpec]) -> Option<i64> {
    windows.iter().flat_map(|w| [w.size_ms, w.slide_ms]).reduce(greatest_common_divisor)
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec(text: &str) -> WindowSpec {
        text.parse().unwrap()
    }

    #[test]
    fn one_kind_of_window_has_one_name() {
        for (text, name) in
            [("60s", "1m"), ("10s", "10s"), ("300s/60s", "5m/1m"), ("10s/10s", "10s"), ("1d", "1d")]
        {
            assert_eq!(spec(text).to_string(), name);
        }
    }

    #[test]
    fn refuses_shapes_that_are_no_window() {
        for text in ["", "0s", "10s/0s", "10s/20s", "10s/1s/1s", "1d/1s", "10", "367d"] {
            assert!(text.parse::<WindowSpec>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_window_of_too_many_panes_says_which_slide_would_do() {
        let error = "10s/9999ms".parse::<WindowSpec>();
        assert!(error.is_ok(), "10,000 panes are not too many");
        let error = "20s/19999ms".parse::<WindowSpec>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "'20s/19999ms' is not a window to work with: size and slide are multiples of 1 ms only, which is less than \
             a 10000th of the size; choose a slide of which the size is a multiple"
        );
    }

    #[test]
    fn windows_are_half_open_and_aligned_to_the_epoch() {
        let starts = |text, us| spec(text).starts_containing(us).collect::<Vec<_>>();
        assert_eq!(starts("10s", 9_999_999), [0]);
        assert_eq!(starts("10s", 10_000_000), [10_000_000]);
        assert_eq!(starts("10s", -1), [-10_000_000]);
        assert_eq!(starts("10s/5s", 12_000_000), [5_000_000, 10_000_000]);
        // A slide that does not divide the size: 10 s every 4 s.
        assert_eq!(starts("10s/4s", 9_000_000), [0, 4_000_000, 8_000_000]);
        assert_eq!(starts("10s/4s", 11_000_000), [4_000_000, 8_000_000]);
    }

    #[test]
    fn the_pane_is_the_greatest_common_divisor() {
        assert_eq!(pane_ms(&[spec("10s"), spec("1m"), spec("5m/1m")]), Some(10_000));
        assert_eq!(pane_ms(&[spec("10s/4s")]), Some(2_000));
        assert_eq!(pane_ms(&[]), None);
    }

    proptest! {
        #[test]
        fn every_instant_of_a_pane_lies_in_the_same_windows(
            size in 1_i64..50, slide in 1_i64..50, pane in -1_000_i64..1_000, within in 0_i64..1_000_000,
        ) {
            prop_assume!(slide <= size);
            let spec = spec(&format!("{size}s/{slide}s"));
            let pane_us = pane_ms(&[spec]).unwrap() * MICROSECONDS;
            let first = spec.starts_containing(pane * pane_us).collect::<Vec<_>>();
            let inside = pane * pane_us + within % pane_us;
            prop_assert_eq!(first, spec.starts_containing(inside).collect::<Vec<_>>());
        }

        #[test]
        fn exactly_the_windows_that_contain_the_instant_are_named(
            size in 1_i64..50, slide in 1_i64..50, instant in -200_000_i64..200_000,
        ) {
            prop_assume!(slide <= size);
            let spec = spec(&format!("{size}ms/{slide}ms"));
            let all = (-300_i64..300).map(|i| i * slide * MICROSECONDS);
            let containing = all.filter(|s| *s <= instant && instant < s + size * MICROSECONDS);
            prop_assert_eq!(
                spec.starts_containing(instant).collect::<Vec<_>>(),
                containing.collect::<Vec<_>>()
            );
        }
    }
}
