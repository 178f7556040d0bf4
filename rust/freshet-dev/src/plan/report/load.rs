//! What passes, and the producers that it takes, step by step.

use super::units::{amount, bytes_per_second, memory_of, micro, number, peak, per_second};
use super::{Step, step};
use crate::display::grouped;
use crate::plan::figures as figure;
use crate::plan::sum::{Lengths, Plan};

pub(super) fn load(plan: &Plan) -> Vec<Step> {
    const PART: &str = "load";
    let (demand, load) = (&plan.demand, &plan.load);
    let (rate, series) = (amount(demand.rate), amount(demand.series));
    let metrics = demand.metrics;
    let batch = demand.batch_seconds();
    let versions = demand.windows.iter().map(|window| {
        let kind = Lengths::of(window);
        let (overlapping, slide) = (number(kind.overlapping()), number(kind.slide));
        format!(
            "{window}: the least of {rate} × {overlapping} and {series} × ({overlapping} / {} s + 1 / {slide} s)",
            number(batch)
        )
    });
    let begun = demand.windows.iter().map(|window| {
        let kind = Lengths::of(window);
        let (overlapping, slide) = (number(kind.overlapping()), number(kind.slide));
        format!("{window}: the least of {rate} × {overlapping} and {series} / {slide} s")
    });
    let all = |kinds: String| match metrics {
        1 => kinds,
        _ => format!("{metrics} metrics × ({kinds})"),
    };
    vec![
        step(
            PART,
            "readings",
            per_second(load.readings),
            format!("{rate} records/s × {metrics} metrics"),
        ),
        step(
            PART,
            "bytes of records",
            bytes_per_second(load.bytes),
            format!("{rate} records/s × {} B", number(demand.record_bytes)),
        ),
        step(
            PART,
            "versions of windows",
            per_second(load.versions),
            all(versions.collect::<Vec<_>>().join("; ")),
        ),
        step(PART, "windows", per_second(load.windows), all(begun.collect::<Vec<_>>().join("; "))),
    ]
}

pub(super) fn producer(plan: &Plan) -> Vec<Step> {
    const PART: &str = "producer";
    let peak = peak(plan, plan.demand.rate, "records/s");
    let (of_one, cpu) = (grouped(figure::PRODUCER_RATE), micro(figure::PRODUCER_CPU_PER_RECORD));
    vec![
        step(
            PART,
            "instances",
            grouped(plan.producer.instances),
            format!("{peak} / {of_one} records/s"),
        ),
        step(PART, "cores", grouped(plan.producer.cores), format!("{peak} × {cpu}")),
        memory_of(PART, &plan.producer, figure::PRODUCER_MEMORY),
    ]
}
