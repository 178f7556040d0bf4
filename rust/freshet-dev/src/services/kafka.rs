//! The broker: Kafka 4 that coordinates itself, or Kafka 3.9 with `ZooKeeper`.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::java::java;
use super::nodes::{self, Node};
use super::{HOST, STORE_GRACE, tier};
use crate::parts::{Context, Part, Plan, PlanError, Work};
use crate::probe::Readiness;
use crate::state::Topology;
use crate::supervise::{CommandLine, DiskUse};

pub(super) const PART: Part = Part {
    name: "kafka",
    needs: &["classpaths", "zookeeper"],
    work: Work::Service { tier: tier::STORES, grace: STORE_GRACE, disk: DiskUse::Keeps, plan },
};

/// Those of a stack that may lose one.
pub(super) const PARTS_OF_CLUSTER: [Part; 3] = [
    of_cluster("kafka-1", |context| plan_of(context, Node { number: 1 })),
    of_cluster("kafka-2", |context| plan_of(context, Node { number: 2 })),
    of_cluster("kafka-3", |context| plan_of(context, Node { number: 3 })),
];

const fn of_cluster(name: &'static str, plan: fn(&Context) -> Result<Plan, PlanError>) -> Part {
    let work = Work::Service { tier: tier::STORES, grace: STORE_GRACE, disk: DiskUse::Keeps, plan };
    Part { name, needs: &["classpaths"], work }
}

const MAIN_CLASS: &str = "kafka.Kafka";
const CLUSTER_ID_FILE: &str = "cluster-id";
/// Three of them share a laptop.
const HEAP_IN_CLUSTER: &str = "256m";
/// What all topologies say: a small broker, for one user.
const COMMON: &str = "\
num.network.threads=2
num.io.threads=2
background.threads=2
log.cleaner.dedupe.buffer.size=16777216
log.segment.bytes=67108864
log.retention.bytes=1073741824
log.retention.hours=48
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=2
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
";

/// A broker alone.
const ONE_COPY: &str = "\
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
";

/// What two brokers of three have is not lost with one of them.
const THREE_COPIES: &str = "\
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
";

/// A broker that was killed may register again when its former session has ended, and serves nobody before that;
/// Kafka's own 9 s are most of an outage here.
const KRAFT_SESSION: &str = "\
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
";

fn plan(context: &Context) -> Result<Plan, PlanError> {
    plan_of(context, Node::FIRST)
}

fn plan_of(context: &Context, node: Node) -> Result<Plan, PlanError> {
    let store = context.home.data_of("kafka", context.topology);
    let folder = node.folder(context, store.clone());
    fs::create_dir_all(&folder).map_err(PlanError::at("create", &folder))?;
    let properties = folder.join("server.properties");
    fs::write(&properties, server_properties(context, node, &folder.join("log")))
        .map_err(PlanError::at("write", &properties))?;
    let command = broker(context, MAIN_CLASS)?.arg(&properties);
    Ok(Plan {
        before: format(context, &store, &folder, &properties)?,
        command,
        readiness: Readiness::Kafka(node.at(context.config.dev.kafka_port)),
        address: Some(node.at(context.config.dev.kafka_port).to_string()),
        refusal: None,
        done: None,
        notices: Vec::new(),
    })
}

fn broker(context: &Context, main_class: &str) -> Result<CommandLine, PlanError> {
    let jars = match context.topology {
        Topology::Kraft | Topology::Cluster => "kafka",
        Topology::Zookeeper => "kafka-zookeeper",
    };
    let options = [
        // The broker copies bytes; what the optimising compiler adds is not worth its memory and start-up time.
        "-XX:TieredStopAtLevel=1".to_owned(),
        "-Dorg.slf4j.simpleLogger.showDateTime=true".to_owned(),
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS".to_owned(),
        "-Dorg.slf4j.simpleLogger.showThreadName=false".to_owned(),
    ];
    java(context, jars, heap(context), options, main_class)
}

/// The heap of each broker.
pub(crate) fn heap(context: &Context) -> &str {
    match context.topology {
        Topology::Kraft | Topology::Zookeeper => &context.config.dev.kafka_heap,
        Topology::Cluster => HEAP_IN_CLUSTER,
    }
}

fn server_properties(context: &Context, node: Node, log: &Path) -> String {
    let dev = &context.config.dev;
    let listener = format!("PLAINTEXT://{}", node.at(dev.kafka_port));
    let coordination = match context.topology {
        Topology::Kraft | Topology::Cluster => format!(
            "process.roles=broker,controller\n\
             node.id={number}\n\
             controller.quorum.voters={voters}\n\
             controller.listener.names=CONTROLLER\n\
             listeners={listener},CONTROLLER://{controller}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             {KRAFT_SESSION}",
            number = node.number,
            voters = voters(context),
            controller = node.at(dev.kafka_controller_port),
        ),
        Topology::Zookeeper => format!(
            "broker.id=1\n\
             zookeeper.connect={HOST}:{}\n\
             zookeeper.session.timeout.ms=6000\n\
             listeners={listener}\n",
            dev.zookeeper_port
        ),
    };
    let copies = match context.topology {
        Topology::Kraft | Topology::Zookeeper => ONE_COPY,
        Topology::Cluster => THREE_COPIES,
    };
    format!(
        "{coordination}advertised.listeners={listener}\nlog.dirs={}\n{copies}{COMMON}",
        log.display()
    )
}

/// The controllers with their ids.
fn voters(context: &Context) -> String {
    let port = context.config.dev.kafka_controller_port;
    let hosts = nodes::hosts(context.topology).iter().zip(1..);
    hosts.map(|(host, number)| format!("{number}@{host}:{port}")).collect::<Vec<_>>().join(",")
}

/// `KRaft` wants its storage formatted once, under an id that stays with the data.
fn format(
    context: &Context,
    store: &Path,
    folder: &Path,
    properties: &Path,
) -> Result<Vec<CommandLine>, PlanError> {
    if context.topology == Topology::Zookeeper || folder.join("log/meta.properties").exists() {
        return Ok(Vec::new());
    }
    let id = cluster_id(&store.join(CLUSTER_ID_FILE))?;
    let command = broker(context, "kafka.tools.StorageTool")?
        .args(["format", "--cluster-id", &id, "--config"])
        .arg(properties);
    Ok(vec![command])
}

fn cluster_id(file: &Path) -> Result<String, PlanError> {
    // The brokers of a cluster are planned side by side, and have one id.
    static FILE: Mutex<()> = Mutex::new(());
    let _only_one = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let found = match fs::read_to_string(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(PlanError::at("read", file)(error));
        }
        found => found.unwrap_or_default().trim().to_owned(),
    };
    // A full disk leaves an empty file.
    if !found.is_empty() {
        return Ok(found);
    }
    let id = new_cluster_id();
    fs::write(file, &id).map_err(PlanError::at("write", file))?;
    Ok(id)
}

/// Kafka's ids are 16 bytes in unpadded base64: 22 characters, of which the last carries four bits. An id must not
/// begin with a dash, which a command line would take for an option.
fn new_cluster_id() -> String {
    const LAST: [char; 4] = ['A', 'Q', 'g', 'w'];
    let body = (0..21).map(|_| fastrand::alphanumeric());
    body.chain(fastrand::choice(LAST)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::tests::context;

    #[test]
    fn kraft_and_zookeeper_differ_in_coordination_only() {
        let mut context = context();
        let kraft = server_properties(&context, Node::FIRST, Path::new("/data/log"));
        assert!(kraft.contains("process.roles=broker,controller"));
        assert!(kraft.contains(KRAFT_SESSION));
        assert!(kraft.contains("listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"));
        context.topology = Topology::Zookeeper;
        let classic = server_properties(&context, Node::FIRST, Path::new("/data/log"));
        assert!(classic.contains("zookeeper.connect=127.0.0.1:2181"));
        assert!(!classic.contains("process.roles") && !classic.contains(KRAFT_SESSION));
        for properties in [kraft, classic] {
            assert!(properties.ends_with(COMMON));
            assert!(properties.contains("log.dirs=/data/log\n"));
        }
    }

    #[test]
    fn each_of_three_brokers_knows_the_others_and_keeps_a_copy() {
        let mut context = context();
        context.topology = Topology::Cluster;
        let second = server_properties(&context, Node { number: 2 }, Path::new("/data/2/log"));
        for line in [
            "node.id=2",
            "controller.quorum.voters=1@127.0.0.1:9093,2@127.0.0.2:9093,3@127.0.0.3:9093",
            "listeners=PLAINTEXT://127.0.0.2:9092,CONTROLLER://127.0.0.2:9093",
            "advertised.listeners=PLAINTEXT://127.0.0.2:9092",
            "min.insync.replicas=2",
        ] {
            assert!(second.lines().any(|found| found == line), "{line}");
        }
        assert!(second.contains(THREE_COPIES) && !second.contains(ONE_COPY));
    }

    #[test]
    fn the_cluster_id_stays_with_the_data() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(CLUSTER_ID_FILE);
        let first = cluster_id(&file).unwrap();
        assert_eq!(first.len(), 22);
        assert_eq!(cluster_id(&file).unwrap(), first);
        // As a disk that was full has left it.
        fs::write(&file, "").unwrap();
        assert_eq!(cluster_id(&file).unwrap().len(), 22);
    }
}
