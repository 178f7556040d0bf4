//! Panes: whatever bytes there are in the place of a state and of partial aggregates, they are refused or can be worked
//! with, and the panes that are written of them are found again.
//!
//! An input is the kind of window, the output mode, the watermarks, and then the state and partial aggregates, each
//! preceded by its length (u16, little-endian); without a length, the rest.

#![no_main]

use std::sync::LazyLock;

use freshet_core::aggregate::{Emit, InvalidState, Watermarks, Window, WindowState};
use freshet_core::window::WindowSpec;
use libfuzzer_sys::fuzz_target;

static SPECS: LazyLock<Vec<WindowSpec>> = LazyLock::new(|| {
    let texts = [
        "10s",
        "30s/10s",
        "10s/4s",
        "1s/1ms",
        "366d",
        "366d/9h",
        "1ms",
        "10s@3s",
        "7d@Mon",
        "1d@Europe/Berlin",
        "3d/1d@6h@Pacific/Apia",
    ];
    texts.iter().map(|text| text.parse().expect("the windows of this target are valid")).collect()
});

/// Instants of watermarks, epoch microseconds: none, the ends of the years 1 to 9999, and times like those of the
/// seeds.
const MARKS_US: [i64; 8] = [
    i64::MIN / 2,
    -62_135_596_800_000_000,
    0,
    5_000_000,
    20_000_000,
    1_769_860_800_000_000,
    253_402_300_799_999_000,
    i64::MAX / 2,
];

fuzz_target!(|input: &[u8]| {
    let Some((&[kind, mode, marks], parts)) = input.split_first_chunk() else { return };
    let spec = &SPECS[usize::from(kind) % SPECS.len()];
    let which = if mode & 1 == 0 { Emit::Changed } else { Emit::Final };
    let mark = |number: u8| MARKS_US[usize::from(number) % MARKS_US.len()];
    let (late_us, final_us) = (mark(marks), mark(marks >> 4));
    let watermarks = Watermarks { late_us: late_us.min(final_us), final_us: late_us.max(final_us) };
    // Damage that is found is what is wanted.
    let _ = update(spec, which, watermarks, &split(parts));
});

fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        parts.push(part);
        bytes = rest;
    }
    parts
}

/// What a micro-batch does with a series, and once more with the state that it leaves.
fn update(
    spec: &WindowSpec,
    which: Emit,
    watermarks: Watermarks,
    parts: &[&[u8]],
) -> Result<(), InvalidState> {
    let Some((before, partials)) = parts.split_first() else { return Ok(()) };
    let mut state = WindowState::decode(spec, before)?;
    for partial in partials {
        state.add(partial, watermarks)?;
    }
    let mut encoded = Vec::new();
    let deadline = state.encode(which, watermarks, &mut encoded);
    assert_eq!(deadline.is_none(), encoded.is_empty());
    assert!(deadline.is_none_or(|at| at > watermarks.final_us));
    state.windows(which, watermarks, |window| check(spec, window))?;

    let again = WindowState::decode(spec, &encoded).expect("what was written is found");
    let mut copied = Vec::new();
    assert_eq!(again.encode(which, watermarks, &mut copied), deadline);
    assert_eq!(copied, encoded);
    again.windows(Emit::Final, watermarks, |window| check(spec, window))
}

fn check(spec: &WindowSpec, Window { start_us: start, end_us: end, stats, .. }: Window<'_>) {
    assert!(start < end && end - start <= spec.longest_ms() * 1_000, "{start} to {end}");
    assert_eq!(spec.end_ms(start.div_euclid(1_000)), Some(end.div_euclid(1_000)));
    assert!(stats.count() > 0, "a window without readings");
    // Another database of zones may have had the pane begin at another time.
    let beside = (spec.longest_ms() - spec.size_ms()) * 1_500;
    let may_have = start - beside..end + beside;
    assert!(may_have.contains(&stats.last_event_us()), "{} µs", stats.last_event_us());
    for percentile in stats.percentiles([0.0, 0.5, 0.99, 1.0]) {
        assert!((stats.min()..=stats.max()).contains(&percentile), "{percentile}");
    }
    assert!(stats.sum().is_finite() && stats.average().is_finite());
    assert!(!stats.stddev().is_nan());
}
