//! `./freshet status`

use std::process::ExitCode;

use serde::Serialize;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::project::Project;
use super::{exit, running};
use crate::cli::StatusArgs;
use crate::display::{Table, duration, memory, say};
use crate::state::{Home, PartState, PartStatus, Phase, Snapshot, Topology, now_ms};

/// What `status --json` prints.
#[derive(Debug, Serialize)]
struct Status {
    running: bool,
    phase: Phase,
    topology: Topology,
    config: String,
    home: String,
    supervisor: u32,
    uptime_ms: i64,
    memory_bytes: u64,
    parts: Vec<PartLine>,
}

/// A service in `status --json`.
#[derive(Debug, Serialize)]
struct PartLine {
    name: String,
    state: PartState,
    pid: Option<u32>,
    uptime_ms: Option<i64>,
    restarts: u32,
    memory_bytes: Option<u64>,
    address: Option<String>,
    note: Option<String>,
}

pub(super) fn run(arguments: &StatusArgs) -> anyhow::Result<ExitCode> {
    let home = Project::find()?.home;
    let Some(snapshot) = running::snapshot(&home)? else {
        say(match (arguments.json, home.has_parts()?) {
            (true, _) => r#"{"running":false}"#,
            (false, true) => "the supervisor is gone; its parts are ending",
            (false, false) => "freshet is not running",
        })?;
        return Ok(ExitCode::from(exit::NOT_RUNNING));
    };
    let status = status(&home, &snapshot);
    if arguments.json {
        say(serde_json::to_string_pretty(&status)?)?;
    } else {
        say(table(&status))?;
        say(format_args!("\n{}", summary(&status)))?;
    }
    Ok(if is_ready(&status) { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILED) })
}

fn is_ready(status: &Status) -> bool {
    status.phase == Phase::Ready && status.parts.iter().all(|part| part.state.is_settled())
}

fn status(home: &Home, snapshot: &Snapshot) -> Status {
    let memory = Memory::look(snapshot);
    let parts = snapshot.parts.iter().filter(|part| shows(snapshot, part));
    Status {
        running: true,
        phase: snapshot.phase,
        topology: snapshot.topology,
        config: snapshot.config.display().to_string(),
        home: home.folder().display().to_string(),
        supervisor: snapshot.supervisor,
        uptime_ms: now_ms() - snapshot.started,
        memory_bytes: memory.total,
        parts: parts.map(|part| line(part, &memory)).collect(),
    }
}

/// Builds matter only while the stack starts.
fn shows(snapshot: &Snapshot, part: &PartStatus) -> bool {
    part.service || snapshot.phase != Phase::Ready
}

fn line(part: &PartStatus, memory: &Memory) -> PartLine {
    PartLine {
        name: part.name.clone(),
        state: part.state,
        pid: part.pid,
        uptime_ms: part.pid.and(part.started).map(|started| now_ms() - started),
        restarts: part.restarts,
        memory_bytes: part.pid.and_then(|pid| memory.of(pid)),
        address: part.address.clone(),
        note: part.note.clone(),
    }
}

/// Resident memory of the stack's processes; empty where the system does not tell.
struct Memory {
    system: Option<System>,
    total: u64,
}

impl Memory {
    fn look(snapshot: &Snapshot) -> Self {
        let system = System::new().ok().map(|mut system| {
            let only_memory = ProcessRefreshKind::nothing().with_memory();
            system.refresh_processes_specifics(ProcessesToUpdate::All, true, only_memory);
            system
        });
        let supervisor = Pid::from_u32(snapshot.supervisor);
        let total = system.as_ref().map_or(0, |system| memory_below(system, supervisor));
        Self { system, total }
    }

    fn of(&self, pid: u32) -> Option<u64> {
        self.system.as_ref()?.process(Pid::from_u32(pid)).map(sysinfo::Process::memory)
    }
}

fn memory_below(system: &System, ancestor: Pid) -> u64 {
    // Threads are listed beside processes, each with the memory of the whole.
    let processes = system.processes().iter().filter(|(_, of)| of.thread_kind().is_none());
    processes
        .filter(|(pid, _)| descends(system, **pid, ancestor))
        .map(|(_, process)| process.memory())
        .sum()
}

/// Whether a process is the ancestor or comes from it: guards, parts and what parts have started.
fn descends(system: &System, pid: Pid, ancestor: Pid) -> bool {
    let mut current = Some(pid);
    while let Some(pid) = current {
        if pid == ancestor {
            return true;
        }
        current = system.process(pid).and_then(sysinfo::Process::parent);
    }
    false
}

fn table(status: &Status) -> Table {
    let mut table = Table::default();
    table.row(["part", "state", "pid", "uptime", "restarts", "memory", "address"]);
    for part in &status.parts {
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        table.row([
            part.name.clone(),
            part.state.word().to_owned(),
            text(part.pid.map(|pid| pid.to_string())),
            text(part.uptime_ms.map(duration)),
            part.restarts.to_string(),
            text(part.memory_bytes.map(memory)),
            text(part.address.clone()),
        ]);
    }
    table
}

fn summary(status: &Status) -> String {
    let notes = status
        .parts
        .iter()
        .filter_map(|part| Some(format!("\n{}: {}", part.name, part.note.as_ref()?)))
        .collect::<Vec<_>>()
        .concat();
    let overall = if is_ready(status) { "ready" } else { "not ready" };
    format!(
        "{overall}, up for {}, {} in all, supervisor {}, state in {}{notes}",
        duration(status.uptime_ms),
        memory(status.memory_bytes),
        status.supervisor,
        status.home
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(state: PartState) -> Status {
        let mut part = PartStatus::waiting("writer", true);
        part.state = state;
        part.restarts = 1;
        part.note = Some("was killed by signal 9".to_owned());
        let snapshot = Snapshot {
            phase: Phase::Ready,
            supervisor: std::process::id(),
            started: now_ms() - 65_000,
            topology: Topology::Kraft,
            config: "freshet.toml".into(),
            parts: vec![part, PartStatus::waiting("rust", false)],
            failure: None,
        };
        status(&Home::new("/h"), &snapshot)
    }

    #[test]
    fn a_part_that_restarts_makes_the_whole_not_ready_and_says_why() {
        let status = running(PartState::Restarting);
        assert!(!is_ready(&status));
        let text = format!("{}\n{}", table(&status), summary(&status));
        assert!(text.contains("writer  restarting  -    -       1         -       -"), "{text}");
        assert!(text.contains("not ready, up for 1 m 5 s"), "{text}");
        assert!(text.contains("writer: was killed by signal 9"), "{text}");
    }

    #[test]
    fn builds_are_not_shown_once_everything_is_ready() {
        let status = running(PartState::Ready);
        assert!(is_ready(&status));
        assert_eq!(status.parts.len(), 1);
        assert!(status.memory_bytes > 0);
    }
}
