//! How the parts of a running stack really are: what the status file says was true when it was written, and the
//! supervisor may be unable to write or to look.

use freshet_core::config::Config;
use freshet_core::wire::Component;
use tokio::task::JoinSet;

use crate::display::{clock, duration};
use crate::probe::{self, Readiness, Reports};
use crate::services::nodes::is_node_of;
use crate::state::{Home, PartState, PartStatus, Process, Snapshot, now_ms};

/// Reports come once a second: after so many milliseconds without one, something is wrong.
const SILENCE: i64 = 10_000;
/// A program that has just started has not got to its first report yet.
const FIRST_REPORT: i64 = 30_000;

/// What was found wrong with a part that the status file calls ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What it is instead.
    pub(super) state: PartState,
    /// What people should know.
    pub(super) text: String,
    /// Since when it does not answer, in milliseconds since the epoch, where that is known.
    pub(super) since: Option<i64>,
}

/// Looks at every part side by side, in the order of the snapshot; `None` where nothing is wrong.
pub(super) async fn at_parts(home: &Home, snapshot: &Snapshot) -> Vec<Option<Finding>> {
    let mut looks = JoinSet::new();
    for (index, part) in snapshot.parts.iter().cloned().enumerate() {
        looks.spawn(async move { (index, at_part(&part).await) });
    }
    let reports = reports(home, snapshot).await;
    let mut findings = vec![None; snapshot.parts.len()];
    while let Some(look) = looks.join_next().await {
        if let Ok((index, finding)) = look {
            findings[index] = finding;
        }
    }
    add_silent_programs(snapshot, reports.as_ref(), &mut findings);
    findings
}

/// Whether the supervisor itself is able to watch anything.
pub(super) fn supervisor_is_suspended(snapshot: &Snapshot) -> bool {
    Process::of(snapshot.supervisor).is_some_and(|process| process.is_suspended())
}

async fn reports(home: &Home, snapshot: &Snapshot) -> Option<Reports> {
    let config = Config::load(&home.started_configuration()).ok()?;
    probe::reports(&config, snapshot.part("dashboard")?.address.clone()?).await
}

async fn at_part(part: &PartStatus) -> Option<Finding> {
    if part.state != PartState::Ready {
        return None;
    }
    let pid = part.pid?;
    let Some(process) = Process::of(pid) else {
        let text =
            "its process is gone, though the supervisor has not written that down yet".to_owned();
        return Some(Finding { state: PartState::Gone, text, since: None });
    };
    if process.is_suspended() {
        let text = format!(
            "its process is stopped (by SIGSTOP, Ctrl-Z or a debugger){}; `kill -CONT {pid}` lets it go on",
            since(part.unanswered_since)
        );
        let state = PartState::Suspended;
        return Some(Finding { state, text, since: part.unanswered_since });
    }
    if probe::answers(part.readiness.as_ref().unwrap_or(&Readiness::Started)).await {
        return None;
    }
    Some(silent(part.unanswered_since, part.unanswered_since))
}

/// Programs that say of themselves how they are, and have stopped saying it.
fn add_silent_programs(
    snapshot: &Snapshot,
    reports: Option<&Reports>,
    findings: &mut [Option<Finding>],
) {
    // Reports come through Kafka and the dashboard: while one of them is silent, that of the others means nothing.
    let carriers = ["kafka", "dashboard"];
    let ailing: Vec<&str> = snapshot
        .parts
        .iter()
        .zip(&*findings)
        .filter_map(|(part, finding)| finding.as_ref().map(|_| part.name.as_str()))
        .collect();
    // One broker of three may be lost.
    let brokers = ailing.iter().filter(|name| is_node_of(name, "kafka")).count();
    let carried = brokers < 2 && !ailing.iter().any(|name| carriers.contains(name));
    let Some(reports) = reports.filter(|_| carried) else { return };
    for (part, finding) in snapshot.parts.iter().zip(findings) {
        let Some(component) = component(&part.name) else { continue };
        if finding.is_none() && part.state == PartState::Ready {
            *finding = silence(part, reports, component);
        }
    }
}

/// The name under which a part's program reports.
fn component(part: &str) -> Option<Component> {
    match part {
        "producer" => Some(Component::Producer),
        "writer" => Some(Component::CassandraWriter),
        "spark-job" => Some(Component::SparkJob),
        "stack-health" => Some(Component::Stack),
        _ => None,
    }
}

fn silence(part: &PartStatus, reports: &Reports, component: Component) -> Option<Finding> {
    let now = now_ms();
    let up = now - part.started?;
    // What came before this start is another process's.
    let own = reports.components.iter().filter(|report| report.component == component.name());
    match own.map(|report| report.age).filter(|age| *age <= up).min() {
        Some(age) if age <= SILENCE => None,
        Some(age) => Some(silent(Some(now - age), None)),
        None if up < FIRST_REPORT => None,
        None => Some(silent(part.started, None)),
    }
}

fn silent(since_when: Option<i64>, asked: Option<i64>) -> Finding {
    let text = match (since_when, asked) {
        (Some(_), None) => format!("has not reported how it is{}", since(since_when)),
        (Some(_), Some(_)) => format!("not answering{}", since(since_when)),
        (None, _) => format!("no answer within {} s", probe::ANSWER_LIMIT.as_secs()),
    };
    Finding { state: PartState::Unresponsive, text, since: since_when }
}

fn since(time: Option<i64>) -> String {
    time.map_or_else(String::new, |time| {
        format!(" since {} ({} ago)", clock(time), duration(now_ms() - time))
    })
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use nix::sys::signal::Signal;

    use super::*;

    const WRITER: Component = Component::CassandraWriter;

    /// So long that what a busy machine takes does not show in the text: 3 h 4 m.
    const LONG_AGO: i64 = 11_070_000;

    fn ready(name: &str, pid: u32) -> PartStatus {
        let mut part = PartStatus::waiting(name, true);
        part.state = PartState::Ready;
        part.pid = Some(pid);
        part.started = Some(now_ms() - 4 * LONG_AGO);
        part
    }

    fn sleeper() -> Child {
        Command::new("sleep").arg("1000").spawn().unwrap()
    }

    fn reports(component: &str, age: i64) -> Reports {
        let answer = format!(
            r#"{{"components":[{{"component":"{component}","age":{age}}}],"kafka":{{"connected":true}}}}"#
        );
        serde_json::from_str(&answer).unwrap()
    }

    #[tokio::test]
    async fn a_stopped_process_is_suspended_and_not_ready() {
        let mut child = sleeper();
        let mut part = ready("spark-job", child.id());
        assert_eq!(at_part(&part).await, None);
        let process = Process::of(child.id()).unwrap();
        process.signal(Signal::SIGSTOP).unwrap();
        while !process.is_suspended() {
            tokio::task::yield_now().await;
        }
        part.unanswered_since = Some(now_ms() - LONG_AGO);
        let finding = at_part(&part).await.unwrap();
        assert_eq!(finding.state, PartState::Suspended);
        assert!(finding.text.contains("(by SIGSTOP") && finding.text.contains("(3 h 4 m ago)"));
        assert!(finding.text.contains(&format!("kill -CONT {}", child.id())), "{}", finding.text);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(at_part(&part).await.unwrap().state, PartState::Gone);
    }

    #[tokio::test]
    async fn a_part_whose_port_answers_nothing_is_not_answering() {
        let mut part = ready("kafka", std::process::id());
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        part.readiness = Some(Readiness::Kafka(silent.local_addr().unwrap()));
        let finding = at_part(&part).await.unwrap();
        assert_eq!(
            (finding.state, finding.text.as_str()),
            (PartState::Unresponsive, "no answer within 3 s")
        );
        part.unanswered_since = Some(now_ms() - LONG_AGO);
        let text = at_part(&part).await.unwrap().text;
        assert!(
            text.starts_with("not answering since ") && text.ends_with(" UTC (3 h 4 m ago)"),
            "{text}"
        );
    }

    #[test]
    fn a_program_that_no_longer_reports_is_not_answering() {
        let part = ready("writer", 1);
        let of = |age| silence(&part, &reports("freshet-cassandra-writer", age), WRITER);
        assert_eq!(of(SILENCE), None);
        assert!(of(LONG_AGO).unwrap().text.contains("(3 h 4 m ago)"));
        // The last report is from before this start.
        assert_eq!(of(5 * LONG_AGO).unwrap().since, part.started);
        assert!(silence(&part, &reports("spark-job", 0), WRITER).is_some());
    }

    #[test]
    fn a_program_that_has_just_started_has_time_for_its_first_report() {
        let mut part = ready("writer", 1);
        part.started = Some(now_ms() - 5_000);
        let before = reports("freshet-cassandra-writer", 60_000);
        assert_eq!(silence(&part, &before, WRITER), None);
        assert_eq!(silence(&part, &reports("other", 0), WRITER), None);
    }

    #[test]
    fn without_kafka_reports_mean_nothing() {
        let board = crate::supervise::Board::new(
            std::path::Path::new("c"),
            crate::state::Topology::Kraft,
            &[],
        );
        let mut snapshot = board.snapshot();
        snapshot.parts = vec![ready("kafka", 1), ready("writer", 1)];
        let old = reports("freshet-cassandra-writer", 60_000);
        let mut findings = vec![Some(silent(None, None)), None];
        add_silent_programs(&snapshot, Some(&old), &mut findings);
        assert_eq!(findings[1], None);
        let mut findings = vec![None, None];
        add_silent_programs(&snapshot, Some(&old), &mut findings);
        assert_eq!(
            findings[1].as_ref().map(|finding| finding.state),
            Some(PartState::Unresponsive)
        );
    }
}
