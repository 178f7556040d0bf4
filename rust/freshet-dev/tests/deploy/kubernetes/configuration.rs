//! Whether the programs take the configuration that they are given, and whether what it says is what the resources
//! make: topics, users' rights, the keyspace's place, one producer for each source, writers with names that stay.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use freshet_core::config::Config;
use freshet_core::topics;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::pods::{Pod, pods};
use super::tools::run;
use super::{OVERLAYS, holds, items, name, named, of_kind, remove, resources, set, text};
use crate::versions::versions;

const SECRETS: &str = "/var/run/secrets/freshet/";

/// The variables of a pod's program.
pub(super) fn variables(all: &[Value], pod: &Pod) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for container in pod.containers() {
        for from in items(container, "/envFrom") {
            let wanted = text(from, "/configMapRef/name");
            let map = of_kind(all, "ConfigMap").find(|map| text(map, "/metadata/name") == wanted);
            let data = map.and_then(|map| map["data"].as_object()).into_iter().flatten();
            variables
                .extend(data.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())));
        }
        for variable in items(container, "/env") {
            let value = match text(variable, "/valueFrom/fieldRef/fieldPath") {
                "metadata.name" => format!("{}-0", pod.owner.rsplit('/').next().unwrap()),
                _ => text(variable, "/value").to_owned(),
            };
            variables.insert(text(variable, "/name").to_owned(), value);
        }
    }
    variables
}

/// The configuration of a pod's program, with the files that it names, in a folder of this machine.
struct Given {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

impl Given {
    /// Fails with what the pod would not find.
    fn new(all: &[Value], pod: &Pod) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut variables = variables(all, pod);
        for (variable, value) in variables.iter_mut().filter(|(_, value)| value.starts_with('/')) {
            if !is_mounted(pod, value) {
                return Err(format!(
                    "{}: {variable} names {value}, which no volume has",
                    pod.owner
                ));
            }
            let file = folder.path().join(value.trim_start_matches(SECRETS));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, contents(&file)).unwrap();
            *value = file.display().to_string();
        }
        let text = mounted_configuration(all, pod)
            .ok_or_else(|| format!("{}: no volume has freshet.toml", pod.owner))?;
        fs::write(folder.path().join("freshet.toml"), text).unwrap();
        Ok(Self { folder, variables })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("freshet.toml")
    }

    fn config(&self) -> Result<Config, String> {
        let ours =
            self.variables.clone().into_iter().filter(|(name, _)| name.starts_with("FRESHET_"));
        let ours = ours.filter(|(name, _)| !name.starts_with("FRESHET_LOG"));
        Config::load_with(&self.file(), ours).map_err(|error| error.to_string())
    }
}

/// What could be in such a file: the certificate of an authority, or some secret.
fn contents(file: &Path) -> String {
    if file.extension().is_some_and(|end| end == "crt") {
        return rcgen::generate_simple_self_signed(Vec::new()).unwrap().cert.pem();
    }
    "long-enough-for-every-rule".to_owned()
}

/// Whether a file of a Secret is at this place in the pod.
fn is_mounted(pod: &Pod, path: &str) -> bool {
    let mounts = pod.containers().flat_map(|container| items(container, "/volumeMounts"));
    let mut mounts =
        mounts.filter(|mount| path.starts_with(&format!("{}/", text(mount, "/mountPath"))));
    let Some(mount) = mounts.next() else { return false };
    let volumes = items(pod.spec(), "/volumes");
    let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]);
    let Some(secret) = volume.and_then(|volume| volume.get("secret")) else { return false };
    let file = Path::new(path).file_name().unwrap().to_str().unwrap();
    let keys = items(secret, "/items");
    keys.is_empty() || keys.iter().any(|key| key["path"] == file)
}

/// What the pod finds under the path that its program is started with.
fn mounted_configuration(all: &[Value], pod: &Pod) -> Option<String> {
    let volume =
        items(pod.spec(), "/volumes").iter().find(|volume| !volume["configMap"].is_null())?;
    let mounts = pod.containers().flat_map(|container| items(container, "/volumeMounts"));
    let mount = mounts.into_iter().find(|mount| mount["name"] == volume["name"])?;
    let map = named_map(all, text(volume, "/configMap/name"))?;
    let is_place = mount["mountPath"] == "/etc/freshet";
    is_place.then(|| text(map, "/data/freshet.toml").to_owned()).filter(|text| !text.is_empty())
}

fn named_map<'a>(all: &'a [Value], wanted: &str) -> Option<&'a Value> {
    of_kind(all, "ConfigMap").find(|map| text(map, "/metadata/name") == wanted)
}

/// The pods whose programs read the configuration: of Spark the driver alone does.
fn programs(all: &[Value]) -> Vec<Pod> {
    let mut pods = pods(all);
    pods.retain(|pod| pod.labels()["app.kubernetes.io/component"] != "executor");
    pods
}

/// Compares what a writer is told with the resources, by the complaints of `compare`.
pub(super) fn of_writer(all: &[Value], compare: impl Fn(&Config) -> Vec<String>) -> Vec<String> {
    let pods = pods(all);
    let writer = pods.iter().find(|pod| pod.owner == WRITER).unwrap();
    match Given::new(all, writer).and_then(|given| given.config()) {
        Ok(config) => compare(&config),
        Err(complaint) => vec![complaint],
    }
}

pub(super) const WRITER: &str = "StatefulSet/freshet-writer";

#[test]
fn each_program_takes_what_it_is_given() {
    let complaints = |all: &[Value]| {
        let complaint =
            |pod: Pod| Given::new(all, &pod).and_then(|given| given.config().map(drop)).err();
        programs(all).into_iter().filter_map(complaint).collect()
    };
    holds(
        complaints,
        &[
            ("a key that there is not", |all| {
                let map = all
                    .iter_mut()
                    .find(|own| name(own).starts_with("ConfigMap/freshet-environment"));
                map.unwrap()["data"]["FRESHET_KAFKA__REPLICAS"] = json!("3");
            }),
            ("a value that is none", |all| {
                let map =
                    all.iter_mut().find(|own| !own["data"]["freshet.toml"].is_null()).unwrap();
                let text = text(map, "/data/freshet.toml").replace("local_quorum", "most");
                map["data"]["freshet.toml"] = text.into();
            }),
            ("a file that no volume has", |all| {
                let place = "/spec/template/spec/containers/0/volumeMounts";
                set(
                    all,
                    WRITER,
                    place,
                    json!([{ "name": "configuration", "mountPath": "/etc/freshet" }]),
                );
            }),
            ("a configuration that is elsewhere", |all| {
                let place =
                    "/spec/driverSpec/podTemplateSpec/spec/containers/0/volumeMounts/0/mountPath";
                set(all, "SparkApplication/freshet", place, "/etc/other".into());
            }),
        ],
    );
}

/// The programs themselves, with what the pods would give them: `config` reads everything, and the producer's check
/// finds nothing to complain about but that Kafka is not there.
#[test]
fn the_programs_themselves_start_with_it() {
    // Each waits for what is not there.
    thread::scope(|scope| {
        for overlay in OVERLAYS {
            let all = resources(overlay);
            for pod in programs(all) {
                scope.spawn(move || starts(&pod, &Given::new(all, &pod).unwrap()));
            }
        }
    });
}

fn starts(pod: &Pod, given: &Given) {
    let mut config = Command::new(env!("CARGO_BIN_EXE_freshet-dev"));
    run(config.args(["config", "--json", "-c"]).arg(given.file()).envs(&given.variables));
    if pod.labels()["app.kubernetes.io/name"] == "freshet-producer" {
        refuses_kafka_alone(pod, given);
    }
}

fn refuses_kafka_alone(pod: &Pod, given: &Given) {
    let program = Path::new(env!("CARGO_BIN_EXE_freshet-dev")).with_file_name("freshet-producer");
    let container = pod.containers().next().unwrap();
    let arguments = items(container, "/args").iter().map(|argument| argument.as_str().unwrap());
    let file = given.file();
    let arguments = arguments.map(|argument| match argument {
        "/etc/freshet/freshet.toml" => file.to_str().unwrap(),
        other => other,
    });
    let output =
        Command::new(&program).args(arguments).arg("--check").envs(&given.variables).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{}: {said}", pod.owner);
    assert!(said.contains("freshet-kafka-bootstrap"), "{}: {said}", pod.owner);
}

#[test]
fn the_topics_are_those_that_the_programs_would_create() {
    let complaints = |all: &[Value]| {
        of_writer(all, |config| {
            let wanted: BTreeSet<String> = topics::all(config).iter().map(described).collect();
            let found: BTreeSet<String> = of_kind(all, "KafkaTopic").map(declared).collect();
            wanted.symmetric_difference(&found).cloned().collect()
        })
    };
    holds(
        complaints,
        &[
            ("one that is missing", |all| all.retain(|own| name(own) != "KafkaTopic/cursors")),
            ("one with fewer partitions", |all| {
                set(all, "KafkaTopic/raw.sensors", "/spec/partitions", 1.into());
            }),
            ("one with fewer copies", |all| {
                set(all, "KafkaTopic/health", "/spec/replicas", 1.into());
            }),
            ("one that is not compacted", |all| {
                remove(all, "KafkaTopic/windows.edits", "/spec/config", "cleanup.policy");
            }),
            ("one of no stream", |all| {
                set(all, "KafkaTopic/raw.edits", "/spec/topicName", "raw.other".into());
            }),
        ],
    );
}

fn described(topic: &topics::TopicSpec) -> String {
    let settings: BTreeMap<_, _> = topic.settings.iter().cloned().collect();
    format!(
        "{}: {} partitions, {} copies, {settings:?}",
        topic.name, topic.partitions, topic.replication_factor
    )
}

fn declared(topic: &Value) -> String {
    let settings = topic["spec"]["config"].as_object().unwrap().iter();
    let settings: BTreeMap<String, String> = settings
        // How many copies have to have a record is the cluster's own affair.
        .filter(|(key, _)| *key != "min.insync.replicas")
        .map(|(key, value)| {
            (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
        .collect();
    let spec = &topic["spec"];
    let (name, partitions, replicas) =
        (text(topic, "/spec/topicName"), &spec["partitions"], &spec["replicas"]);
    format!("{name}: {partitions} partitions, {replicas} copies, {settings:?}")
}

#[test]
fn the_addresses_are_those_of_the_services_that_the_operators_make() {
    let complaints = |all: &[Value]| {
        of_writer(all, |config| {
            let kafka = of_kind(all, "Kafka").next().unwrap();
            let port = &kafka["spec"]["kafka"]["listeners"][0]["port"];
            let bootstrap = format!("{}-kafka-bootstrap:{port}", text(kafka, "/metadata/name"));
            let cassandra = of_kind(all, "K8ssandraCluster").next().unwrap();
            let datacenter = &cassandra["spec"]["cassandra"]["datacenters"][0];
            let center = text(datacenter, "/metadata/name");
            let contact = format!("{}-{center}-service:9042", text(cassandra, "/metadata/name"));
            let size = datacenter["size"].as_u64().unwrap_or_default();
            let replication = format!("{{'class': 'NetworkTopologyStrategy', '{center}': {size}}}");
            let compared = [
                (bootstrap, config.kafka.bootstrap_servers.clone()),
                (contact, config.cassandra.contact_points.join(",")),
                (center.to_owned(), config.cassandra.local_datacenter.clone()),
                (replication, config.cassandra.replication.clone()),
            ];
            let other = compared.into_iter().filter(|(made, told)| made != told);
            other.map(|(made, told)| format!("{made} is made, and {told} is told")).collect()
        })
    };
    holds(
        complaints,
        &[
            ("another cluster", |all| set(all, "Kafka/freshet", "/metadata/name", "other".into())),
            ("another port", |all| {
                set(all, "Kafka/freshet", "/spec/kafka/listeners/0/port", 9095.into());
            }),
            ("another datacenter", |all| {
                let place = "/spec/cassandra/datacenters/0/metadata/name";
                set(all, "K8ssandraCluster/freshet", place, "dc2".into());
            }),
            ("fewer nodes than copies", |all| {
                set(
                    all,
                    "K8ssandraCluster/freshet",
                    "/spec/cassandra/datacenters/0/size",
                    1.into(),
                );
            }),
        ],
    );
}

#[test]
fn the_versions_are_those_of_the_project() {
    let complaints = |all: &[Value]| {
        let versions = versions();
        let cassandra = "/spec/cassandra/serverVersion";
        let declared = [
            ("Kafka/freshet", "/spec/kafka/version", versions["KAFKA_VERSION"].as_str()),
            ("K8ssandraCluster/freshet", cassandra, versions["CASSANDRA_VERSION"].as_str()),
            (
                "SparkApplication/freshet",
                "/spec/runtimeVersions/sparkVersion",
                versions["SPARK_VERSION"].as_str(),
            ),
        ];
        let other = declared
            .into_iter()
            .filter(|(resource, place, wanted)| text(named(all, resource), place) != *wanted);
        let other =
            other.map(|(resource, _, wanted)| format!("{resource} is not of version {wanted}"));
        let images = pods(all).into_iter().flat_map(|pod| {
            pod.each_container(|container| {
                let image = text(container, "/image");
                let is_ours = image.ends_with(concat!(":", env!("CARGO_PKG_VERSION")));
                (!is_ours).then(|| format!("image {image} is of another version"))
            })
        });
        other.chain(images).collect()
    };
    holds(
        complaints,
        &[
            ("another Kafka", |all| {
                set(all, "Kafka/freshet", "/spec/kafka/version", "3.9.0".into());
            }),
            ("another Spark", |all| {
                set(
                    all,
                    "SparkApplication/freshet",
                    "/spec/runtimeVersions/sparkVersion",
                    "3.5.0".into(),
                );
            }),
            ("an image of another version", |all| {
                set(
                    all,
                    WRITER,
                    "/spec/template/spec/containers/0/image",
                    "freshet-writer:0.0.9".into(),
                );
            }),
        ],
    );
}
