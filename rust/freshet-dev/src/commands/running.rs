//! What is known about a stack that runs, or has left something behind.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::display::Table;
use crate::services::longest_grace;
use crate::state::{Home, Snapshot, Topology};

const INTERVAL: Duration = Duration::from_millis(50);

/// The condition of a running stack; `None` when there is none.
pub(super) fn snapshot(home: &Home) -> anyhow::Result<Option<Snapshot>> {
    let Some(supervisor) = home.supervisor()? else { return Ok(None) };
    let snapshot = Snapshot::read(&home.status_file())?;
    // A supervisor that has just begun has not written its own yet.
    Ok(snapshot.filter(|snapshot| snapshot.supervisor == supervisor))
}

/// Waits until no process of a stack is left; says whether that came true in time.
pub(super) fn wait_until_gone(home: &Home, limit: Duration) -> anyhow::Result<bool> {
    let begun = Instant::now();
    while home.supervisor()?.is_some() || home.has_parts()? {
        if begun.elapsed() > limit {
            return Ok(false);
        }
        thread::sleep(INTERVAL);
    }
    Ok(true)
}

/// How long guards whose supervisor is gone may take to end their parts, which they do side by side.
pub(super) fn guards_limit() -> Duration {
    const MARGIN: Duration = Duration::from_secs(5);
    // Both topologies' parts: which one ran does not matter for a limit.
    longest_grace(Topology::Zookeeper) + MARGIN
}

/// Parts that have outlived their supervisor are on their way down: nothing may start beside them.
pub(super) fn wait_for_leftovers(home: &Home) -> anyhow::Result<()> {
    if !wait_until_gone(home, guards_limit())? {
        bail!("parts of an earlier run are still ending; see `./freshet status`, then try again");
    }
    Ok(())
}

/// Addresses, where data and logs are, and how to stop.
pub(super) fn overview(home: &Home, snapshot: &Snapshot, stop: &str) -> Table {
    let mut table = Table::default();
    let with_address =
        snapshot.parts.iter().filter_map(|part| Some((part, part.address.as_ref()?)));
    for (part, address) in with_address {
        table.row([part.name.as_str(), address]);
    }
    table.row(["data", &home.folder().join("data").display().to_string()]);
    table.row(["logs", &format!("{}  (./freshet logs -f)", home.logs().display())]);
    table.row(["status", "./freshet status"]);
    table.row(["stop", stop]);
    table
}

#[cfg(test)]
mod tests {
    use freshet_core::stopping;

    use super::*;

    #[test]
    fn what_an_earlier_run_has_left_is_given_the_time_that_it_has() {
        for program in
            [stopping::PRODUCER, stopping::WRITER, stopping::SPARK_JOB, stopping::DASHBOARD]
        {
            assert!(guards_limit() > program);
        }
    }
}
