//! A stack of three brokers and three Cassandra nodes, of which one each is lost under load and comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use freshet_dev::state::now_ms;
use libtest_mimic::Failed;
use nix::sys::signal::Signal;

use super::listener::Listener;
use crate::Outcome;
use crate::cassandra::Store;
use crate::dashboard;
use crate::expectation::Key;
use crate::feed::Feed;
use crate::kafka::{Sender, copies_of, leader_of};
use crate::known_records::every_record_is_accounted_for;
use crate::process::{none_left, signal};
use crate::queries::newest_report;
use crate::security_broker::Authority;
use crate::stack::TestStack;
use crate::waiting::{LIMIT, ensure, until};
use crate::writer_lab::message;

/// How long after a loss writer and dashboard may take until new versions of windows are stored and shown; and how much
/// longer than before it may take until those are of new readings, which the job has counted.
const GOES_ON: Duration = Duration::from_secs(10);
/// So many series have windows that the test sends itself, in all partitions of the topic.
const DIRECT: usize = 8;
const PARTITIONS: i32 = 2;
/// Seconds of event time that are sent at once, again and again.
const AT_ONCE: i64 = 4;
const PASSWORD: &str = "correct horse";

const STREAMS: &str = r#"
[[stream]]
name = "fleet"
series = ["sensor"]
time = { field = "time", unit = "ms" }
values = { temperature = "temperature" }
windows = ["10s"]
lateness = "1m"

[[source]]
kind = "synthetic"
stream = "fleet"
every = "200ms"
series = 5
seed = 11

[[stream]]
name = "known"
series = ["room", "sensor"]
time = { field = "at", unit = "ms" }
values = { temperature = "temperature", humidity = "air.humidity" }
windows = ["10s", "1m", "30s/10s"]
# While a partition has no leader, the other one is read far ahead of it in event time.
lateness = "2h"
"#;

/// The leader of a raw partition and a Cassandra node are killed: no row is wrong, and no counter.
pub(super) fn change_no_row() -> Outcome {
    let folder = tempfile::tempdir()?;
    let authority = Authority::new("authority", folder.path())?;
    let stack = TestStack::of_three_nodes(STREAMS, login(&authority))?;
    let outcome = start(&stack, &authority, folder.path()).and_then(|store| {
        let listener = Listener::start(stack.dashboard().trim_start_matches("http://"), "fleet");
        Load::new(&stack, &store, &listener)?.lose_one_of_each()?;
        programs_are_encrypted(&store)
    });
    let down = stack.run(&["down"])?;
    let ended = ensure(down.status.success(), || "down failed".to_owned())
        .and_then(|()| none_left(&stack.home(), Duration::from_secs(2)));
    let outcome = outcome.and(ended);
    outcome.inspect_err(|_| println!("the stack's logs are in {}", stack.keep().display()))
}

/// How the programs get in.
fn login(authority: &Authority) -> Vec<(String, String)> {
    let authority = authority.file.display().to_string();
    let settings = [("USERNAME", "freshet"), ("PASSWORD", PASSWORD), ("CA_FILE", &authority)];
    let variable =
        |(key, value): (&str, &str)| (format!("FRESHET_CASSANDRA__{key}"), value.to_owned());
    settings.into_iter().map(variable).collect()
}

/// Nodes that want a password, and speak TLS to whoever does. That they speak without as well is for the supervisor's
/// question whether they answer.
fn settings(certificate: &Path) -> String {
    format!(
        "authenticator:\n  class_name: PasswordAuthenticator\n\
         client_encryption_options:\n  enabled: true\n  optional: true\n\
         \x20 ssl_context_factory:\n    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory\n\
         \x20 keystore: {}\n",
        certificate.display()
    )
}

/// Starts the stack, and makes its user as soon as Cassandra lets in the one that can: the programs wait for that.
fn start(stack: &TestStack, authority: &Authority, folder: &Path) -> Result<Store, Failed> {
    let certificate = folder.join("node.pem");
    authority.certify(&["127.0.0.1", "127.0.0.2", "127.0.0.3"], &certificate)?;
    fs::create_dir_all(stack.home())?;
    fs::write(stack.home().join("cassandra.yaml"), settings(&certificate))?;
    let mut up = stack.start_detached()?;
    let store = make_user(stack);
    let status = up.wait()?;
    let store = store?;
    ensure(status.success(), || format!("up failed: {status}"))?;
    Ok(store)
}

fn make_user(stack: &TestStack) -> Result<Store, Failed> {
    let store = Store::connect_as_first_user(stack)?;
    until(LIMIT, || {
        store.execute(&format!(
            "CREATE ROLE IF NOT EXISTS freshet WITH PASSWORD = '{PASSWORD}' AND LOGIN = true"
        ))
    })?;
    Ok(store)
}

/// Nobody but the test itself, as another user, is connected without encryption. Each time another node answers, and
/// each names its own clients only; to the node that was lost the programs connect again in their own time.
fn programs_are_encrypted(store: &Store) -> Outcome {
    let mut programs = Vec::new();
    until(LIMIT, || {
        programs.extend(store.clients()?.into_iter().filter(|client| client.username == "freshet"));
        let drivers: BTreeSet<_> =
            programs.iter().filter_map(|client| client.driver_name.as_deref()).collect();
        ensure(drivers.len() >= 2, || {
            format!("writer and dashboard are not both there: {drivers:?}")
        })
    })?;
    let plain = programs.iter().find(|client| !client.ssl_enabled);
    ensure(plain.is_none(), || format!("not encrypted: {plain:?}"))
}

/// The series of the stack's own source, as soon as each has a window.
fn all_of_the_source(store: &Store) -> Result<Vec<String>, Failed> {
    let series: Vec<String> = store.newest("fleet")?.into_keys().collect();
    ensure(series.len() == 5, || format!("{} series are stored", series.len()))?;
    Ok(series)
}

/// Records that are sent all the while, and windows that go past the job.
struct Load<'a> {
    stack: &'a TestStack,
    store: &'a Store,
    listener: &'a Listener,
    sender: Sender,
    feed: Feed,
    windows: Sender,
    /// The series that the stack's own source has.
    series: Vec<String>,
    /// The key of each of those windows, all of one time.
    direct: Vec<Key>,
    /// The version of them that was sent last, which is their number of readings as well.
    version: i64,
}

impl<'a> Load<'a> {
    fn new(stack: &'a TestStack, store: &'a Store, listener: &'a Listener) -> Result<Self, Failed> {
        let start = now_ms().div_euclid(10_000) * 10_000;
        let key = |number| Key {
            series: format!("direct-{number}"),
            metric: "temperature".to_owned(),
            window: "10s".to_owned(),
            start,
        };
        Ok(Self {
            stack,
            store,
            listener,
            sender: Sender::new(stack, "known")?,
            feed: Feed::new(now_ms()),
            windows: Sender::to_topic(stack, "windows.fleet")?,
            series: until(LIMIT, || all_of_the_source(store))?,
            direct: (0..DIRECT).map(key).collect(),
            version: 0,
        })
    }

    fn lose_one_of_each(&mut self) -> Outcome {
        for topic in ["raw.known", "windows.known", "health", "__consumer_offsets"] {
            let copies = copies_of(self.stack, topic)?;
            ensure(copies == 3, || format!("{copies} copies of {topic} are in sync"))?;
        }
        let usual = self.usual()?;
        println!("windows are shown within {usual:?}");
        let leader = self.leader_of_records_and_windows()?;
        self.lose(&format!("kafka-{leader}"), usual)?;
        self.lose("cassandra-1", usual)?;
        for part in ["producer", "spark-job", "writer", "dashboard"] {
            let restarts = self.stack.part(part)?.restarts;
            ensure(restarts == 0, || format!("{part} was started again {restarts} times"))?;
        }
        self.everything_is_right()
    }

    /// A broker that leads a partition of raw records, and one of windows that the test sends.
    fn leader_of_records_and_windows(&self) -> Result<i32, Failed> {
        let leaders = |topic| -> Result<Vec<i32>, Failed> {
            (0..PARTITIONS).map(|partition| leader_of(self.stack, topic, partition)).collect()
        };
        let (records, windows) = (leaders("raw.known")?, leaders("windows.fleet")?);
        let both = records.iter().find(|leader| windows.contains(leader));
        Ok(*both.ok_or_else(|| format!("no broker leads both: {records:?}, {windows:?}"))?)
    }

    /// How long it takes as long as nothing is lost, on this machine with what else it has to do: the longest of some.
    fn usual(&mut self) -> Result<Duration, Failed> {
        self.until(LIMIT, |load| load.is_fresh(now_ms() - 60_000))?;
        let mut longest = Duration::ZERO;
        for _ in 0..3 {
            let (begun, now) = (Instant::now(), now_ms());
            self.until(LIMIT, |load| load.is_fresh(now))?;
            longest = longest.max(begun.elapsed());
        }
        Ok(longest)
    }

    /// Kills a node and waits until writer and dashboard go on, until windows of readings after that are stored and
    /// shown, and until it is back.
    fn lose(&mut self, node: &str, usual: Duration) -> Outcome {
        let before = self.stack.part(node)?;
        let (begun, killed, version) = (Instant::now(), now_ms(), self.version);
        signal(before.pid.ok_or("the node has no process")?, Signal::SIGKILL)?;
        let mut after = BTreeMap::new();
        self.until(GOES_ON, |load| {
            for (what, is_so) in load.has_newer_than(version)? {
                if is_so {
                    after.entry(what).or_insert_with(|| begun.elapsed());
                }
            }
            ensure(after.len() == 2, || format!("after the loss of {node}: only {after:?}"))
        })?;
        // A look may have taken long itself.
        ensure(after.values().all(|took| *took <= GOES_ON), || format!("{node}: {after:?}"))?;
        println!("{node}: windows that came after its loss: {after:?}");
        let left = (usual + GOES_ON).saturating_sub(begun.elapsed());
        self.until(left, |load| load.is_fresh(killed))?;
        println!("{node}: windows after its loss are shown within {:?}", begun.elapsed());
        self.until(LIMIT, |load| {
            let now = load.stack.part(node)?;
            let back = now.restarts == before.restarts + 1 && now.state == "ready";
            ensure(back, || format!("{node} is not back: {now:?}"))
        })?;
        self.until(LIMIT, |load| {
            ensure(copies_of(load.stack, "raw.known")? == 3, || "a copy is missing".to_owned())
        })
    }

    /// Sends and asks in turn until the answer is yes.
    fn until(&mut self, limit: Duration, mut holds: impl FnMut(&Self) -> Outcome) -> Outcome {
        until(limit, || {
            let records = self.feed.next(AT_ONCE);
            self.sender.send(&records)?;
            self.send_windows()?;
            holds(self)
        })
    }

    fn send_windows(&mut self) -> Outcome {
        self.version += 1;
        for (number, key) in (0..).zip(&self.direct) {
            let of = ("fleet", &*key.series, &*key.metric);
            let (name, value) = message(of, key.start, key.start, self.version.try_into()?);
            self.windows.send_to_partition(number % PARTITIONS, &name, &value)?;
        }
        Ok(())
    }

    /// Whether the dashboard shows a newer version of each window that the test sends, which it reads from Cassandra,
    /// and tells of it on the live stream.
    fn has_newer_than(&self, version: i64) -> Result<[(&'static str, bool); 2], Failed> {
        let span = (self.direct[0].start, now_ms());
        let shown = dashboard::rows(self.stack, "fleet", &self.direct, span)?;
        let all = |newest: &dyn Fn(&Key) -> Option<i64>| {
            self.direct.iter().all(|key| newest(key) > Some(version))
        };
        let heard = self.listener.look(|heard| all(&|key| heard.counts.get(key).copied()));
        Ok([("shown", all(&|key| shown.get(key).map(|row| row.count))), ("told of", heard)])
    }

    /// Whether of every series a window with a reading after that time is shown. The table as a whole cannot be asked:
    /// that waits for a lost node until the others have given it up.
    fn is_fresh(&self, since: i64) -> Outcome {
        for series in &self.series {
            let (from, to) = ((since - 20_000).to_string(), (now_ms() + 20_000).to_string());
            let query = [
                ("stream", "fleet"),
                ("series", series),
                ("metric", "temperature"),
                ("window", "10s"),
                ("from", &from),
                ("to", &to),
            ];
            let shown = dashboard::get(self.stack, "/api/windows", &query)?;
            let windows = shown["windows"].as_array().ok_or("no list of windows")?;
            let mut events = windows.iter().filter_map(|window| window["last_event"].as_i64());
            ensure(events.any(|event| event > since), || format!("nothing of {series} is shown"))?;
        }
        Ok(())
    }

    fn everything_is_right(&self) -> Outcome {
        self.sender.flush()?;
        until(LIMIT, || self.feed.expected.matches(&self.store.rows("known")?))?;
        until(LIMIT, || {
            every_record_is_accounted_for(&self.feed, &newest_report(self.stack, "known")?)
        })?;
        let stored = self.store.rows("known")?;
        let first = stored.keys().map(|key| key.start).min().ok_or("there are no rows")?;
        let shown = dashboard::rows(self.stack, "known", stored.keys(), (first, now_ms()))?;
        ensure(shown == stored, || "the dashboard's answers differ from the rows".to_owned())
    }
}
