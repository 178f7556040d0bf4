//! The account by which a task's native memory is bounded, against what is really allocated. It is the core's account;
//! the test is here because an allocator needs `unsafe`.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use freshet_core::aggregate::WindowAggregator;
use freshet_core::config::Stream;
use freshet_core::record::RawRecord;

/// The system's allocator, which knows how many bytes the current thread has allocated and not freed.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    ALLOCATED.with(|allocated| allocated.set(allocated.get() + change));
}

// SAFETY: every call is handed on as it came; the counter is a plain number and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller keeps the promises of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const STREAM: &str = "name = \"s\", series = [\"id\"], time = { field = \"at\", unit = \"s\" }, \
                      values = { v = \"v\", w = \"w\" }, windows = [\"10s\"]";

/// What is estimated and what is allocated after so many series got one reading in each pane and repetition.
fn measure(series: usize, panes: usize, repetitions: usize, metrics: &str) -> (usize, isize) {
    let stream = Stream::parse(STREAM).unwrap();
    let before = ALLOCATED.get();
    let mut aggregator = WindowAggregator::new(&stream);
    for pane in 0..panes {
        for repetition in 0..repetitions {
            for id in 0..series {
                let (at, value) = (pane * 10, repetition + id);
                let metrics = metrics.replace('#', &value.to_string());
                let value = format!("{{\"id\":\"sensor-{id}\",\"at\":{at},{metrics}}}");
                let value = Some(value.as_bytes());
                aggregator
                    .add(&RawRecord {
                        key: None,
                        value,
                        timestamp_ms: None,
                        ..RawRecord::default()
                    })
                    .unwrap();
            }
        }
    }
    (aggregator.memory_bytes(), ALLOCATED.get() - before)
}

#[test]
fn the_account_is_within_a_factor_of_two_of_what_is_allocated() {
    let both = "\"v\":#,\"w\":#";
    for (series, panes, repetitions, metrics) in [
        (20_000, 1, 1, both),
        (33_000, 1, 1, both),
        (20_000, 1, 1, "\"v\":#"),
        (60_000, 1, 2, "\"w\":#"),
        (3_000, 20, 1, both),
        (3_000, 12, 5, both),
        (10, 5_000, 1, both),
        (1_000, 2, 100, both),
    ] {
        let (estimated, allocated) = measure(series, panes, repetitions, metrics);
        let ratio = estimated as f64 / allocated as f64;
        assert!((0.5..=2.0).contains(&ratio), "{series} series: {estimated} bytes for {allocated}");
    }
}
