//! `./freshet status`

use std::process::ExitCode;

use freshet_core::config::Config;
use serde::Serialize;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::look::{self, Finding};
use super::project::Project;
use super::supervise::runtime;
use super::{changes, exit, running};
use crate::cli::StatusArgs;
use crate::display::{Table, duration, memory, say};
use crate::state::disk::{self, MIB};
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
    /// What the stack waits for, outside of itself.
    waiting_for: Option<String>,
    /// Whether the supervisor is stopped by a signal, and so watches nothing.
    supervisor_suspended: bool,
    /// What has changed in the configuration file since the start, for people.
    configuration_changes: Option<String>,
    /// What people should know, the newest last.
    notices: Vec<String>,
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
    /// When that was said, in milliseconds since the epoch.
    note_time: Option<i64>,
    /// What was found wrong with it just now.
    finding: Option<String>,
    /// Since when it does not answer, in milliseconds since the epoch, where that is known.
    unanswered_since: Option<i64>,
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
    let findings = runtime()?.block_on(look::at_parts(&home, &snapshot));
    let status = status(&home, &snapshot, &findings);
    if arguments.json {
        say(serde_json::to_string_pretty(&status)?)?;
    } else {
        say(table(&status))?;
        say(format_args!("\n{}", summary(&status)))?;
    }
    Ok(if is_ready(&status) { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILED) })
}

fn is_ready(status: &Status) -> bool {
    status.phase == Phase::Ready
        && status.waiting_for.is_none()
        && !status.supervisor_suspended
        && status.parts.iter().all(|part| part.state.is_settled())
}

fn status(home: &Home, snapshot: &Snapshot, findings: &[Option<Finding>]) -> Status {
    let memory = Memory::look(snapshot);
    let parts = snapshot.parts.iter().zip(findings).filter(|(part, _)| shows(snapshot, part));
    let config = &snapshot.config;
    Status {
        running: true,
        phase: snapshot.phase,
        topology: snapshot.topology,
        config: config.display().to_string(),
        home: home.folder().display().to_string(),
        supervisor: snapshot.supervisor,
        uptime_ms: now_ms() - snapshot.started,
        memory_bytes: memory.total,
        waiting_for: waiting_for(home, snapshot),
        supervisor_suspended: look::supervisor_is_suspended(snapshot),
        configuration_changes: changes::since_start(home, config).describe(config),
        notices: snapshot.notices.clone(),
        parts: parts.map(|(part, finding)| line(part, finding.as_ref(), &memory)).collect(),
    }
}

/// What the stack waits for: the disk is looked at, since a supervisor cannot write down that it is full.
fn waiting_for(home: &Home, snapshot: &Snapshot) -> Option<String> {
    let reserve = Config::load(&home.started_configuration()).ok()?.dev.disk_reserve;
    disk::shortage(home.folder(), reserve * MIB).or_else(|| snapshot.waiting_for.clone())
}

/// Builds matter only while the stack starts.
fn shows(snapshot: &Snapshot, part: &PartStatus) -> bool {
    part.service || snapshot.phase != Phase::Ready
}

fn line(part: &PartStatus, finding: Option<&Finding>, memory: &Memory) -> PartLine {
    PartLine {
        name: part.name.clone(),
        state: finding.map_or(part.state, |finding| finding.state),
        pid: part.pid,
        uptime_ms: part.pid.and(part.started).map(|started| now_ms() - started),
        restarts: part.restarts,
        memory_bytes: part.pid.and_then(|pid| memory.of(pid)),
        address: part.address.clone(),
        note: part.note.clone(),
        note_time: part.note_time,
        finding: finding.map(|finding| finding.text.clone()),
        unanswered_since: finding.and_then(|finding| finding.since),
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
    let notes: String = notes(status).iter().flat_map(|note| ["\n", note]).collect();
    let overall = if is_ready(status) { "ready" } else { "not ready" };
    format!(
        "{overall}, up for {}, {} in all, supervisor {}, state in {}{notes}",
        duration(status.uptime_ms),
        memory(status.memory_bytes),
        status.supervisor,
        status.home
    )
}

/// What there is to say of the whole and of each part, a line each.
fn notes(status: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(status.waiting_for.as_ref().map(|what| format!("waiting for {what}")));
    if status.supervisor_suspended {
        let pid = status.supervisor;
        lines.push(format!(
            "the supervisor is stopped by a signal and watches nothing; `kill -CONT {pid}` lets it go on"
        ));
    }
    lines.extend(status.configuration_changes.clone());
    lines.extend(status.notices.iter().cloned());
    for part in &status.parts {
        lines.extend(part.finding.as_ref().map(|finding| format!("{}: {finding}", part.name)));
        let said = part.note_time.map(|time| format!(" ({} ago)", duration(now_ms() - time)));
        let said = said.unwrap_or_default();
        lines.extend(part.note.as_ref().map(|note| format!("{}: {note}{said}", part.name)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(state: PartState, finding: Option<Finding>) -> Status {
        let mut part = PartStatus::waiting("writer", true);
        part.state = state;
        part.restarts = 1;
        part.note = Some("was killed by signal 9".to_owned());
        part.note_time = Some(now_ms() - 11_070_000);
        let snapshot = Snapshot {
            phase: Phase::Ready,
            supervisor: std::process::id(),
            started: now_ms() - 65_000,
            topology: Topology::Kraft,
            config: "freshet.toml".into(),
            parts: vec![part, PartStatus::waiting("rust", false)],
            failure: None,
            refused: false,
            waiting_for: None,
            notices: Vec::new(),
            stopped_by: None,
        };
        status(&Home::new("/h"), &snapshot, &[finding, None])
    }

    #[test]
    fn a_part_that_restarts_makes_the_whole_not_ready_and_says_why() {
        let status = running(PartState::Restarting, None);
        assert!(!is_ready(&status));
        let text = format!("{}\n{}", table(&status), summary(&status));
        assert!(text.contains("writer  restarting  -    -       1         -       -"), "{text}");
        assert!(text.contains("not ready, up for 1 m 5 s"), "{text}");
        assert!(text.contains("writer: was killed by signal 9 (3 h 4 m ago)"), "{text}");
    }

    #[test]
    fn what_was_found_counts_for_more_than_what_was_written() {
        let text = "not answering since 19:03:04 UTC (5.0 s ago)".to_owned();
        let since = Some(1_795_633_384_999);
        let finding = Finding { state: PartState::Unresponsive, text: text.clone(), since };
        let status = running(PartState::Ready, Some(finding));
        assert!(!is_ready(&status));
        let said = format!("{}\n{}", table(&status), summary(&status));
        assert!(said.contains("writer  not answering  ") && said.contains(&text), "{said}");
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["parts"][0]["state"], "unresponsive");
        assert_eq!(json["parts"][0]["unanswered_since"], 1_795_633_384_999_i64);
    }

    #[test]
    fn a_stack_that_waits_or_is_not_watched_is_not_ready() {
        let mut status = running(PartState::Ready, None);
        status.waiting_for = Some("disk space: disk full".to_owned());
        assert!(
            !is_ready(&status) && summary(&status).contains("\nwaiting for disk space: disk full")
        );
        let mut status = running(PartState::Ready, None);
        status.supervisor_suspended = true;
        assert!(!is_ready(&status) && summary(&status).contains("kill -CONT"));
    }

    #[test]
    fn builds_are_not_shown_once_everything_is_ready() {
        let status = running(PartState::Ready, None);
        assert!(is_ready(&status));
        assert_eq!(status.parts.len(), 1);
        assert!(status.memory_bytes > 0);
    }
}
