//! Numbers with their units, as a plan prints them.

use super::{Step, step};
use crate::display::grouped;
use crate::plan::figures as figure;
use crate::plan::sum::{Instances, Plan};

/// A number with at most three decimals.
pub fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Three digits at least, so that what is printed can be reckoned with.
pub(super) fn amount(value: f64) -> String {
    if value >= 100.0 || value == 0.0 {
        return grouped(value);
    }
    let mut decimals = 1;
    let mut scale = 10.0;
    while value * scale < 100.0 && decimals < 9 {
        scale *= 10.0;
        decimals += 1;
    }
    format!("{value:.decimals$}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

pub(super) fn per_second(value: f64) -> String {
    format!("{}/s", amount(value))
}

pub(super) fn micro(seconds: f64) -> String {
    format!("{} µs", number(seconds * 1e6))
}

/// In powers of a thousand, as disks and networks are sold.
pub(super) fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut unit = 0;
    let mut rest = value;
    while rest >= 999.5 && unit + 1 < UNITS.len() {
        rest /= 1_000.0;
        unit += 1;
    }
    format!("{} {}", amount(rest), UNITS[unit])
}

pub(super) fn bytes_per_second(value: f64) -> String {
    format!("{}/s", bytes(value))
}

/// In powers of 1024, as memory is.
pub(super) fn memory(value: f64) -> String {
    if value < figure::GIB {
        return format!("{} MiB", grouped((value / figure::MIB).ceil()));
    }
    format!("{} GiB", amount(value / figure::GIB))
}

/// The step from instances to their memory.
pub(super) fn memory_of(part: &'static str, all: &Instances, of_one: f64) -> Step {
    let how = format!("{} × {}", grouped(all.instances), memory(of_one));
    step(part, "memory", memory(all.memory), how)
}

pub(super) fn time(seconds: f64) -> String {
    const UNITS: [(&str, f64); 3] = [("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)];
    let unit = UNITS.iter().find(|(_, length)| seconds >= *length);
    unit.map_or_else(
        || format!("{} s", number(seconds)),
        |(name, length)| format!("{} {name}", number(seconds / length)),
    )
}

pub(super) fn peak(plan: &Plan, rate: f64, unit: &str) -> String {
    format!("{} × {} {unit}", number(plan.demand.safety_factor), amount(rate))
}

pub(super) fn peak_bytes(plan: &Plan, rate: f64) -> String {
    format!("{} × {}", number(plan.demand.safety_factor), bytes_per_second(rate))
}
