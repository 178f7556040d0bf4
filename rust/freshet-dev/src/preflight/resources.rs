//! Free memory and disk.

use std::path::Path;

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::{Check, memory};
use crate::parts::Context;
use crate::state::disk::{MIB, available, plenty};

const GIB: u64 = 1 << 30;
/// Data of a few days, and room for Cassandra to compact it.
const DISK_TO_RUN: u64 = 2 * GIB;
/// Cargo's target folder, the jars and `node_modules`.
const DISK_TO_BUILD: u64 = 6 * GIB;

pub(super) fn all(context: &Context, running: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    if !running {
        checks.push(memory_check(memory::to_run(context), &memory::repair(context)));
    }
    let built = context.spark_jar().exists();
    checks.push(disk(
        "disk for data",
        context.home.folder(),
        disk_to_run(context),
        "set FRESHET_HOME to a folder on another disk",
    ));
    if !built {
        checks.push(disk(
            "disk for the build",
            &context.target,
            DISK_TO_BUILD,
            "set CARGO_TARGET_DIR to a folder on another disk",
        ));
    }
    checks
}

/// With less than the reserve free, a stack would start and wait.
fn disk_to_run(context: &Context) -> u64 {
    DISK_TO_RUN.max(plenty(context.config.dev.disk_reserve * MIB))
}

/// The benchmark has a heap of 2 GiB, a broker, and the native library's own memory.
pub(super) fn of_benchmark(context: &Context) -> [Check; 2] {
    const MEMORY: u64 = 3 * GIB;
    const DISK: u64 = 3 * GIB;
    let repair = "set FRESHET_HOME to a folder on another disk";
    [
        memory_check(MEMORY, "close other programs"),
        disk("disk for data", context.home.folder(), DISK, repair),
    ]
}

fn memory_check(need: u64, repair: &str) -> Check {
    let only_memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = System::new_with_specifics(only_memory) else {
        return Check::new("free memory", Ok(unknown()));
    };
    Check::new("free memory", enough(system.available_memory(), need, repair))
}

fn disk(subject: &str, folder: &Path, need: u64, repair: &str) -> Check {
    let verdict = match available(folder) {
        Ok(available) => enough(available, need, &format!("free some space, or {repair}")),
        Err(_) => Ok(unknown()),
    };
    Check::new(subject, verdict)
}

/// What cannot be found out must not keep anybody from starting.
fn unknown() -> String {
    "not to be found out on this system".to_owned()
}

fn enough(have: u64, need: u64, repair: &str) -> Result<String, String> {
    if have >= need {
        return Ok(format!("{} (need {})", gibibytes(have), gibibytes(need)));
    }
    Err(format!("have {}, need {}; {repair}", gibibytes(have), gibibytes(need)))
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / GIB as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::tests::context;

    #[test]
    fn too_little_says_have_need_and_what_to_do() {
        assert_eq!(
            enough(GIB + GIB / 2, 4 * GIB, "close other programs"),
            Err("have 1.5 GiB, need 4.0 GiB; close other programs".to_owned())
        );
        assert!(enough(4 * GIB, 4 * GIB, "").is_ok());
    }

    #[test]
    fn a_start_needs_more_than_what_is_to_stay_free() {
        let mut context = context();
        assert_eq!(disk_to_run(&context), DISK_TO_RUN);
        context.config.dev.disk_reserve = 8 * 1024;
        assert_eq!(disk_to_run(&context), 9 * GIB);
    }
}
