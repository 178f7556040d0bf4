//! Free memory and disk.

use std::path::{Path, PathBuf};

use sysinfo::{Disks, MemoryRefreshKind, RefreshKind, System};

use super::Check;
use crate::parts::Context;

const GIB: u64 = 1 << 30;
/// What the whole stack holds once it runs, with the default heaps.
const MEMORY: u64 = 4 * GIB;
/// Data of a few days, and room for Cassandra to compact it.
const DISK_TO_RUN: u64 = 2 * GIB;
/// Cargo's target folder, the jars and `node_modules`.
const DISK_TO_BUILD: u64 = 6 * GIB;

pub(super) fn all(context: &Context, running: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    if !running {
        checks.push(memory(
            MEMORY,
            "close other programs, or lower kafka_heap, cassandra_heap and spark_heap in [dev]",
        ));
    }
    let built = context.spark_jar().exists();
    checks.push(disk(
        "disk for data",
        context.home.folder(),
        DISK_TO_RUN,
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

/// The benchmark has a heap of 2 GiB, a broker, and the native library's own memory.
pub(super) fn of_benchmark(context: &Context) -> [Check; 2] {
    const MEMORY: u64 = 3 * GIB;
    const DISK: u64 = 3 * GIB;
    let mend = "set FRESHET_HOME to a folder on another disk";
    [
        memory(MEMORY, "close other programs"),
        disk("disk for data", context.home.folder(), DISK, mend),
    ]
}

fn memory(need: u64, mend: &str) -> Check {
    let only_memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = System::new_with_specifics(only_memory) else {
        return Check::new("free memory", Ok(unknown()));
    };
    Check::new("free memory", enough(system.available_memory(), need, mend))
}

fn disk(subject: &str, folder: &Path, need: u64, mend: &str) -> Check {
    let Ok(disks) = Disks::new_with_refreshed_list() else {
        return Check::new(subject, Ok(unknown()));
    };
    let mounts: Vec<(PathBuf, u64)> =
        disks.iter().map(|disk| (disk.mount_point().to_owned(), disk.available_space())).collect();
    let verdict = match available_at(&mounts, folder) {
        Some(available) => enough(available, need, &format!("free some space, or {mend}")),
        None => Ok(unknown()),
    };
    Check::new(subject, verdict)
}

/// What cannot be found out must not keep anybody from starting.
fn unknown() -> String {
    "not to be found out on this system".to_owned()
}

/// Free space on the file system that holds a folder: the one with the longest mount point above it.
fn available_at(mounts: &[(PathBuf, u64)], folder: &Path) -> Option<u64> {
    mounts
        .iter()
        .filter(|(mount, _)| folder.starts_with(mount))
        .max_by_key(|(mount, _)| mount.components().count())
        .map(|(_, available)| *available)
}

fn enough(have: u64, need: u64, mend: &str) -> Result<String, String> {
    if have >= need {
        return Ok(format!("{} (need {})", gibibytes(have), gibibytes(need)));
    }
    Err(format!("have {}, need {}; {mend}", gibibytes(have), gibibytes(need)))
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / GIB as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_says_have_need_and_what_to_do() {
        assert_eq!(
            enough(GIB + GIB / 2, 4 * GIB, "close other programs"),
            Err("have 1.5 GiB, need 4.0 GiB; close other programs".to_owned())
        );
        assert!(enough(4 * GIB, 4 * GIB, "").is_ok());
    }

    #[test]
    fn the_nearest_mount_point_counts() {
        let mounts = [("/".into(), 1), ("/data".into(), 2), ("/data2".into(), 3)];
        assert_eq!(available_at(&mounts, Path::new("/data/freshet")), Some(2));
        assert_eq!(available_at(&mounts, Path::new("/dat")), Some(1));
        assert_eq!(available_at(&[], Path::new("/")), None);
    }
}
