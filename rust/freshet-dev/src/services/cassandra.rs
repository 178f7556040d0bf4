//! The store: Cassandra 5, one node with a configuration of its own.

use std::fs;
use std::path::{Path, PathBuf};

use super::java::{add_opens, java};
use super::{HOST, STORE_GRACE, commit_log, tier};
use crate::parts::{Context, Part, Plan, PlanError, Work};
use crate::probe::Readiness;
use crate::supervise::DiskUse;

pub(super) const PART: Part = Part {
    name: "cassandra",
    needs: &["classpaths"],
    work: Work::Service { tier: tier::STORES, grace: STORE_GRACE, disk: DiskUse::Keeps, plan },
};

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
    let folder = context.home.data("cassandra");
    fs::create_dir_all(&folder).map_err(PlanError::at("create", &folder))?;
    let dev = &context.config.dev;
    let settings = folder.join("cassandra.yaml");
    let yaml = cassandra_yaml(&folder, dev.cassandra_port, dev.cassandra_storage_port);
    fs::write(&settings, yaml).map_err(PlanError::at("write", &settings))?;
    let logback = folder.join("logback.xml");
    fs::write(&logback, LOGBACK).map_err(PlanError::at("write", &logback))?;

    let notices = tidy_commit_log(&folder)?;
    let agent = jamm(&context.classpath_file("cassandra"))?;
    let options = options(&folder, &settings, &logback, &agent);
    Ok(Plan {
        before: Vec::new(),
        command: java(context, "cassandra", &dev.cassandra_heap, options, MAIN_CLASS)?,
        readiness: Readiness::Cassandra(dev.cassandra_port),
        address: Some(format!("{HOST}:{}", dev.cassandra_port)),
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
            // There is no other node whose gossip could settle.
            "-Dcassandra.skip_wait_for_gossip_to_settle=0".to_owned(),
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

fn cassandra_yaml(folder: &Path, port: u16, storage_port: u16) -> String {
    let folder = folder.display();
    format!(
        "\
cluster_name: freshet
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
num_tokens: 1
initial_token: 0
auto_bootstrap: false
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: \"{HOST}:{storage_port}\"
listen_address: {HOST}
rpc_address: {HOST}
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

    #[test]
    fn it_listens_on_this_machine_only_and_keeps_all_data_in_its_folder() {
        let yaml = cassandra_yaml(Path::new("/home/data/cassandra"), 19_042, 17_000);
        for line in [
            "listen_address: 127.0.0.1",
            "rpc_address: 127.0.0.1",
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
    fn the_agent_is_found_among_the_jars() {
        let folder = tempfile::tempdir().unwrap();
        let classpath = folder.path().join("cassandra.txt");
        fs::write(&classpath, "/jars/guava-32.jar\n/jars/jamm-0.4.0.jar\n").unwrap();
        assert_eq!(jamm(&classpath).unwrap(), Path::new("/jars/jamm-0.4.0.jar"));
        fs::write(&classpath, "/jars/guava-32.jar\n").unwrap();
        assert!(jamm(&classpath).unwrap_err().to_string().contains("build.gradle"));
    }
}
