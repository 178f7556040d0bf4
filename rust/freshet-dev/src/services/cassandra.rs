//! The store: Cassandra 5, one node or three, with a configuration of their own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::java::{add_opens, java};
use super::nodes::{self, Node};
use super::{STORE_GRACE, commit_log, tier};
use crate::parts::{Context, Part, Plan, PlanError, Work};
use crate::probe::Readiness;
use crate::state::{Home, Topology};
use crate::supervise::DiskUse;

pub(super) const PART: Part = Part {
    name: "cassandra",
    needs: &["classpaths"],
    work: Work::Service { tier: tier::STORES, grace: STORE_GRACE, disk: DiskUse::Keeps, plan },
};

/// Those of a stack that may lose one.
pub(super) const PARTS_OF_CLUSTER: [Part; 3] = [
    of_cluster("cassandra-1", |context| plan_of(context, Node { number: 1 })),
    of_cluster("cassandra-2", |context| plan_of(context, Node { number: 2 })),
    of_cluster("cassandra-3", |context| plan_of(context, Node { number: 3 })),
];

const fn of_cluster(name: &'static str, plan: fn(&Context) -> Result<Plan, PlanError>) -> Part {
    let work = Work::Service { tier: tier::STORES, grace: STORE_GRACE, disk: DiskUse::Keeps, plan };
    Part { name, needs: &["classpaths"], work }
}

/// Three of them share a laptop.
const HEAP_IN_CLUSTER: &str = "512m";

const MAIN_CLASS: &str = "org.apache.cassandra.service.CassandraDaemon";
/// Packages of the JDK that Cassandra reaches into, as its own jvm17-server.options lists them.
const OPENED: &[&str] = &[
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.math",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.nio.charset",
    "java.base/java.nio.file.spi",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/java.util.concurrent.locks",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
];
const EXPORTED: &[&str] = &[
    "java.base/java.lang.ref",
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
];
/// Everything goes to standard output, which the guard writes to the log.
const LOGBACK: &str = r#"<configuration scan="false">
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{yyyy-MM-dd HH:mm:ss.SSS} %-5level %logger{0}: %msg%n</pattern></encoder>
  </appender>
  <logger name="org.apache.cassandra.config" level="WARN"/>
  <logger name="com.datastax" level="WARN"/>
  <root level="INFO"><appender-ref ref="out"/></root>
</configuration>
"#;

fn plan(context: &Context) -> Result<Plan, PlanError> {
    plan_of(context, Node::FIRST)
}

fn plan_of(context: &Context, node: Node) -> Result<Plan, PlanError> {
    let store = match context.topology {
        // Their windows are the same, whoever carries the topics.
        Topology::Kraft | Topology::Zookeeper => context.home.data("cassandra"),
        Topology::Cluster => context.home.data_of("cassandra", context.topology),
    };
    let folder = node.folder(context, store);
    fs::create_dir_all(&folder).map_err(PlanError::at("create", &folder))?;
    let dev = &context.config.dev;
    let settings = folder.join("cassandra.yaml");
    let yaml = cassandra_yaml(context, node, &folder) + &additions(&context.home)?;
    fs::write(&settings, yaml).map_err(PlanError::at("write", &settings))?;
    let logback = folder.join("logback.xml");
    fs::write(&logback, LOGBACK).map_err(PlanError::at("write", &logback))?;

    let notices = tidy_commit_log(&folder)?;
    let agent = jamm(&context.classpath_file("cassandra"))?;
    let options =
        options(&folder, &settings, &logback, &agent).into_iter().chain(gossip(context.topology));
    Ok(Plan {
        before: Vec::new(),
        command: java(context, "cassandra", heap(context), options, MAIN_CLASS)?,
        readiness: Readiness::Cassandra(node.at(dev.cassandra_port)),
        address: Some(node.at(dev.cassandra_port).to_string()),
        refusal: None,
        done: None,
        notices,
    })
}

/// A start after a full disk must not fail for segments that were never written.
fn tidy_commit_log(folder: &Path) -> Result<Vec<String>, PlanError> {
    let log = folder.join("commitlog");
    let moved = commit_log::set_aside_unwritten(&log, &folder.join("commitlog-set-aside"))
        .map_err(PlanError::at("tidy up", &log))?;
    Ok(moved.iter().map(commit_log::SetAside::describe).collect())
}

fn options(folder: &Path, settings: &Path, logback: &Path, agent: &Path) -> Vec<String> {
    let exports = EXPORTED.iter().map(|package| format!("--add-exports={package}=ALL-UNNAMED"));
    add_opens(OPENED)
        .chain(exports)
        .chain([
            format!("-javaagent:{}", agent.display()),
            format!("-Dcassandra.config=file://{}", settings.display()),
            format!("-Dlogback.configurationFile={}", logback.display()),
            format!("-Dcassandra.storagedir={}", folder.display()),
            format!("-Dcassandra.logdir={}", folder.display()),
            // Its security manager needs this from JDK 18 on.
            "-Djava.security.manager=allow".to_owned(),
            "-Djdk.attach.allowAttachSelf=true".to_owned(),
            "-Dio.netty.tryReflectionSetAccessible=true".to_owned(),
            "-XX:MaxDirectMemorySize=256m".to_owned(),
            // One user's windows need no optimising compiler, and start-up and memory are better without.
            "-XX:TieredStopAtLevel=1".to_owned(),
        ])
        .collect()
}

/// How long a node listens to what others say of themselves before it answers clients: it would else take it for some
/// seconds that they are down, and refuse what needs them.
fn gossip(topology: Topology) -> Vec<String> {
    let options: &[&str] = match topology {
        // There is no other node whose gossip could settle.
        Topology::Kraft | Topology::Zookeeper => &["skip_wait_for_gossip_to_settle=0"],
        Topology::Cluster => &[
            "gossip_settle_min_wait_ms=2000",
            "gossip_settle_interval_ms=500",
            // The nodes have their tokens from the start: nothing moves that they could wait for.
            "ring_delay_ms=2000",
        ],
    };
    options.iter().map(|option| format!("-Dcassandra.{option}")).collect()
}

/// What the user adds to the settings of the nodes, such as who may log in: the file `cassandra.yaml` of the home.
fn additions(home: &Home) -> Result<String, PlanError> {
    let file = home.cassandra_settings();
    match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        found => found.map_err(PlanError::at("read", &file)),
    }
}

/// The heap of each node.
pub(crate) fn heap(context: &Context) -> &str {
    match context.topology {
        Topology::Kraft | Topology::Zookeeper => &context.config.dev.cassandra_heap,
        Topology::Cluster => HEAP_IN_CLUSTER,
    }
}

/// The agent that measures objects on the heap: without it Cassandra guesses and warns.
fn jamm(classpath: &Path) -> Result<PathBuf, PlanError> {
    let jars = fs::read_to_string(classpath).map_err(PlanError::at("read", classpath))?;
    jars.lines()
        .map(PathBuf::from)
        .find(|jar| jar.file_name().is_some_and(|name| name.to_string_lossy().starts_with("jamm-")))
        .ok_or_else(|| {
            PlanError::because("start cassandra", "jamm is not among its jars; see build.gradle")
        })
}

/// The token of a node: each has the same share of the ring.
fn token(topology: Topology, node: Node) -> i64 {
    let nodes = i128::try_from(nodes::hosts(topology).len()).unwrap_or(1);
    let ring = i128::from(u64::MAX) + 1;
    let token = ring / nodes * i128::from(node.number - 1) - ring / 2;
    // That of a node alone is the one that it was given when there was no other.
    if nodes == 1 { 0 } else { i64::try_from(token).unwrap_or(i64::MIN) }
}

fn cassandra_yaml(context: &Context, node: Node, folder: &Path) -> String {
    let (dev, topology) = (&context.config.dev, context.topology);
    let (host, folder) = (node.host(), folder.display());
    let (port, storage_port) = (dev.cassandra_port, dev.cassandra_storage_port);
    let copies = nodes::hosts(topology).len();
    // Each may be the one that starts while another is down.
    let seeds = nodes::addresses(topology, storage_port, ",");
    let token = token(topology, node);
    format!(
        "\
cluster_name: freshet
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
num_tokens: 1
initial_token: {token}
auto_bootstrap: false
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: \"{seeds}\"
listen_address: {host}
rpc_address: {host}
# Of who may log in, for one.
default_keyspace_rf: {copies}
native_transport_port: {port}
storage_port: {storage_port}
data_file_directories: [\"{folder}/data\"]
commitlog_directory: \"{folder}/commitlog\"
hints_directory: \"{folder}/hints\"
saved_caches_directory: \"{folder}/saved_caches\"
cdc_raw_directory: \"{folder}/cdc_raw\"
# A node that cannot write must end rather than stay half alive, so that it is started again.
disk_failure_policy: die
commit_failure_policy: die
# A killed process loses nothing: what it has written is the operating system's. Only a power cut could lose a second.
commitlog_sync: periodic
commitlog_sync_period: 1000ms
commitlog_segment_size: 16MiB
commitlog_total_space: 256MiB
disk_access_mode: mmap_index_only
memtable_heap_space: 128MiB
memtable_offheap_space: 64MiB
file_cache_size: 32MiB
networking_cache_size: 16MiB
key_cache_size: 8MiB
concurrent_reads: 8
concurrent_writes: 16
concurrent_counter_writes: 4
concurrent_compactors: 1
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::tests::context;

    #[test]
    fn it_listens_on_this_machine_only_and_keeps_all_data_in_its_folder() {
        let mut context = context();
        context.config.dev.cassandra_port = 19_042;
        context.config.dev.cassandra_storage_port = 17_000;
        let yaml = cassandra_yaml(&context, Node::FIRST, Path::new("/home/data/cassandra"));
        for line in [
            "listen_address: 127.0.0.1",
            "rpc_address: 127.0.0.1",
            "initial_token: 0",
            "native_transport_port: 19042",
            "storage_port: 17000",
            "      - seeds: \"127.0.0.1:17000\"",
        ] {
            assert!(yaml.lines().any(|found| found == line), "{line}");
        }
        let folders = yaml.lines().filter(|line| line.contains("_director"));
        assert!(folders.clone().all(|line| line.contains("/home/data/cassandra/")));
        assert_eq!(folders.count(), 5);
    }

    #[test]
    fn three_nodes_share_the_ring_evenly_and_know_each_other() {
        let mut context = context();
        context.topology = Topology::Cluster;
        let tokens = [1, 2, 3].map(|number| token(Topology::Cluster, Node { number }));
        assert_eq!(tokens[0], i64::MIN);
        assert_eq!(tokens[1] - tokens[0], tokens[2] - tokens[1]);
        let yaml = cassandra_yaml(&context, Node { number: 3 }, Path::new("/data/3"));
        for line in [
            "listen_address: 127.0.0.3",
            "rpc_address: 127.0.0.3",
            "default_keyspace_rf: 3",
            "      - seeds: \"127.0.0.1:7000,127.0.0.2:7000,127.0.0.3:7000\"",
        ] {
            assert!(yaml.lines().any(|found| found == line), "{line}");
        }
    }

    #[test]
    fn what_the_user_adds_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        assert_eq!(additions(&home).unwrap(), "");
        fs::write(home.cassandra_settings(), "authenticator: PasswordAuthenticator\n").unwrap();
        assert_eq!(additions(&home).unwrap(), "authenticator: PasswordAuthenticator\n");
    }

    #[test]
    fn the_agent_is_found_among_the_jars() {
        let folder = tempfile::tempdir().unwrap();
        let classpath = folder.path().join("cassandra.txt");
        fs::write(&classpath, "/jars/guava-32.jar\n/jars/jamm-0.4.0.jar\n").unwrap();
        assert_eq!(jamm(&classpath).unwrap(), Path::new("/jars/jamm-0.4.0.jar"));
        fs::write(&classpath, "/jars/guava-32.jar\n").unwrap();
        assert!(jamm(&classpath).unwrap_err().to_string().contains("build.gradle"));
    }
}
