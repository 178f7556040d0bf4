//! What the supervisor does with parts that refuse, die, freeze, or have no room: with real processes under real
//! guards.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use freshet_core::config::Config;
use freshet_dev::parts::{Context, Part, Plan, Work};
use freshet_dev::probe::Readiness;
use freshet_dev::state::{Home, PartState, Process, Snapshot, Topology};
use freshet_dev::supervise::{Board, CommandLine, DiskUse, Guards, Stack};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);
const CONFIG: &str = r#"
    [[stream]]
    name = "host"
    series = ["host"]
    values = { usage = "usage" }
    windows = ["10s"]
"#;
/// More than any disk has free, in MiB.
const TOO_MUCH: u64 = 1 << 40;

/// A part that runs a shell script, and refuses by exit code 2 as our programs do.
const fn part(
    name: &'static str,
    disk: DiskUse,
    plan: fn(&Context) -> Result<Plan, freshet_dev::parts::PlanError>,
) -> Part {
    Part {
        name,
        needs: &[],
        work: Work::Service { tier: 0, grace: Duration::from_secs(2), disk, plan },
    }
}

fn script(context: &Context, script: &str) -> Plan {
    Plan {
        before: Vec::new(),
        command: CommandLine::new("sh", &context.root).arg("-c").arg(script),
        readiness: Readiness::Started,
        address: None,
        refusal: Some(2),
        done: None,
        notices: Vec::new(),
    }
}

struct Place {
    folder: TempDir,
    board: Arc<Board>,
    stack: Stack,
}

impl Place {
    fn launch(disk_reserve: u64, parts: Vec<Part>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("home"));
        home.create().unwrap();
        let file = folder.path().join("freshet.toml");
        let mut config = Config::parse(CONFIG, &file, BTreeMap::new()).unwrap();
        config.dev.disk_reserve = disk_reserve;
        let names: Vec<_> = parts.iter().map(|part| (part.name, true)).collect();
        let board = Arc::new(Board::new(&file, Topology::Kraft, &names));
        let guards = Guards::new(env!("CARGO_BIN_EXE_freshet-dev"), home.parts_lock());
        let context = Context {
            root: folder.path().to_owned(),
            target: folder.path().to_owned(),
            java: "java".into(),
            config_file: file,
            topology: Topology::Kraft,
            observability: false,
            home,
            config,
        };
        let stack = Stack::launch(Arc::new(context), Arc::clone(&board), &guards, parts);
        Self { folder, board, stack }
    }

    async fn until(&self, holds: impl FnMut(&Snapshot) -> bool) -> Snapshot {
        let mut changes = self.board.watch();
        let found = timeout(LIMIT, changes.wait_for(holds)).await;
        let last = || format!("it did not come true in time: {:#?}", *self.board.watch().borrow());
        found.unwrap_or_else(|_| panic!("{}", last())).unwrap().clone()
    }

    async fn until_part(&self, name: &str, state: PartState) -> Snapshot {
        self.until(|snapshot| snapshot.part(name).unwrap().state == state).await
    }

    /// Ends a part so often, each time once it is ready: one that dies earlier fails the start.
    async fn kill(&self, name: &str, times: u32) -> Snapshot {
        for restarts in 0..times {
            let is_running = |snapshot: &Snapshot| {
                let part = snapshot.part(name).unwrap();
                part.state == PartState::Ready && part.restarts == restarts
            };
            let snapshot = self.until(is_running).await;
            let process = Process::of(snapshot.part(name).unwrap().pid.unwrap()).unwrap();
            assert_eq!(process.signal(Signal::SIGKILL), Ok(true));
        }
        self.until(|snapshot| snapshot.part(name).unwrap().restarts == times).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_configuration_is_said_at_once_and_not_tried_again() {
    const REFUSING: Part = part("producer", DiskUse::Spares, |context| {
        Ok(script(
            context,
            "echo 'error: freshet.toml:7: dashboard.host: needs a token' >&2; exit 2",
        ))
    });
    const STEADY: Part =
        part("writer", DiskUse::Spares, |context| Ok(script(context, "exec sleep 1000")));
    let mut place = Place::launch(0, vec![REFUSING, STEADY]);
    let snapshot = place.until_part("producer", PartState::Failed).await;
    let producer = snapshot.part("producer").unwrap();
    let said = "refuses its configuration: freshet.toml:7: dashboard.host: needs a token";
    assert_eq!((producer.note.as_deref(), producer.restarts), (Some(said), 0));
    let failure = timeout(LIMIT, place.stack.ready()).await.unwrap().unwrap_err();
    assert!(failure.is_refusal() && failure.to_string().starts_with(&format!("producer {said}")));
    place.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_has_done_its_work_is_not_started_again_and_fails_no_start() {
    const DONE: Part = part("producer", DiskUse::Spares, |context| {
        Ok(Plan { done: Some(3), ..script(context, "echo once >> runs; exit 3") })
    });
    const STEADY: Part =
        part("writer", DiskUse::Spares, |context| Ok(script(context, "exec sleep 1000")));
    let mut place = Place::launch(0, vec![DONE, STEADY]);
    timeout(LIMIT, place.stack.ready()).await.unwrap().unwrap();
    // By its third start the other one would long have had its second.
    let snapshot = place.kill("writer", 2).await;
    let producer = snapshot.part("producer").unwrap();
    assert_eq!((producer.state, producer.pid, producer.restarts), (PartState::Done, None, 0));
    assert!(producer.note.as_deref().unwrap().starts_with("has ended: "));
    let runs = std::fs::read_to_string(place.folder.path().join("runs")).unwrap();
    assert_eq!(runs, "once\n");
    place.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_dies_otherwise_is_started_again() {
    const DYING: Part =
        part("writer", DiskUse::Spares, |context| Ok(script(context, "exec sleep 1000")));
    let place = Place::launch(0, vec![DYING]);
    let snapshot = place.kill("writer", 2).await;
    let writer = snapshot.part("writer").unwrap();
    assert_eq!(writer.note.as_deref(), Some("was killed by signal 9"));
    assert!(writer.note_time >= Some(snapshot.started));
    place.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_on_the_disk_only_what_writes_next_to_nothing_is_started() {
    const FILLS: Part =
        part("producer", DiskUse::Fills, |context| Ok(script(context, "exec sleep 1000")));
    const KEEPS: Part =
        part("cassandra", DiskUse::Keeps, |context| Ok(script(context, "exec sleep 1000")));
    // By its third start the others would long have had their first.
    const SPARES: Part =
        part("dashboard", DiskUse::Spares, |context| Ok(script(context, "exec sleep 1000")));
    let place = Place::launch(TOO_MUCH, vec![FILLS, KEEPS, SPARES]);
    let snapshot = place.kill("dashboard", 2).await;
    for name in ["producer", "cassandra"] {
        let part = snapshot.part(name).unwrap();
        assert_eq!(
            (part.state, part.pid, part.started),
            (PartState::Waiting, None, None),
            "{name}"
        );
    }
    let waiting_for = snapshot.waiting_for.unwrap();
    assert!(waiting_for.starts_with("disk space: disk full, "), "{waiting_for}");
    place.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_part_is_known_with_the_time_since_when() {
    const STEADY: Part =
        part("writer", DiskUse::Spares, |context| Ok(script(context, "exec sleep 1000")));
    let place = Place::launch(0, vec![STEADY]);
    let snapshot = place.until_part("writer", PartState::Ready).await;
    let process = Process::of(snapshot.part("writer").unwrap().pid.unwrap()).unwrap();
    assert_eq!(process.signal(Signal::SIGSTOP), Ok(true));
    let silent = |snapshot: &Snapshot| snapshot.part("writer").unwrap().unanswered_since.is_some();
    let snapshot = place.until(silent).await;
    assert!(snapshot.part("writer").unwrap().unanswered_since > Some(snapshot.started));
    assert_eq!(process.signal(Signal::SIGCONT), Ok(true));
    place.until(|snapshot| !silent(snapshot)).await;
    place.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plan_has_found_is_told() {
    const TIDYING: Part = part("cassandra", DiskUse::Keeps, |context| {
        let plan = script(context, "exec sleep 1000");
        Ok(Plan { notices: vec!["moved a segment".to_owned()], ..plan })
    });
    let place = Place::launch(0, vec![TIDYING]);
    let snapshot = place.until(|snapshot| !snapshot.notices.is_empty()).await;
    assert_eq!(snapshot.notices, ["moved a segment"]);
    place.stack.stop().await;
}
