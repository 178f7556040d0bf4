//! docker/compose.yaml, as the Compose specification's own reader reads it, which checks it against the schema.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use freshet_core::stopping;
use serde_json::{Map, Value};

use crate::dockerfile::Dockerfile;
use crate::go::go;
use crate::kubernetes::run;
use crate::versions::{read, root};

/// What people start.
const PROFILES: [&[&str]; 4] =
    [&["default"], &["zookeeper"], &["default", "observability"], &["zookeeper", "observability"]];
/// The services that are built here, each with the image that they run in.
const OURS: [&str; 6] = ["dashboard", "producer", "schema", "spark-job", "topics", "writer"];
const ONE_SHOT: [&str; 2] = ["schema", "topics"];
/// What is left of an 8 GB laptop, with 2 GB for all else.
const MEMORY: u64 = 6 << 30;

/// Reads the file with these profiles, or says why not.
fn try_project(file: &Path, profiles: &[&str]) -> Result<Value, String> {
    let output = Command::new(reader()).arg(file).args(profiles).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

fn project(profiles: &[&str]) -> Value {
    try_project(&root().join("docker/compose.yaml"), profiles).unwrap()
}

fn services(profiles: &[&str]) -> Map<String, Value> {
    project(profiles)["services"].as_object().unwrap().clone()
}

/// The program that reads compose files, built once.
fn reader() -> &'static Path {
    static READER: OnceLock<PathBuf> = OnceLock::new();
    READER.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compose-reader");
        run(Command::new(go())
            .args(["build", "-mod=readonly", "-o"])
            .arg(&program)
            .arg(".")
            .env("GOTOOLCHAIN", "local")
            .current_dir(root().join("rust/freshet-dev/tests/deploy/compose")));
        program
    })
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn words(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Checks every service of every profile.
fn each(mut check: impl FnMut(&str, &Value)) {
    for profiles in PROFILES {
        for (name, service) in services(profiles) {
            check(&name, &service);
        }
    }
}

#[test]
fn what_the_specification_does_not_know_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yaml");
    let right = "name: a\nservices:\n  b:\n    image: c:1\n    mem_limit: 1g\n";
    std::fs::write(&file, right).unwrap();
    assert!(try_project(&file, &[]).is_ok());
    std::fs::write(&file, right.replace("mem_limit", "memory_limit")).unwrap();
    let refused = try_project(&file, &[]).unwrap_err();
    assert!(refused.contains("memory_limit"), "{refused}");
}

#[test]
fn each_profile_has_one_kafka() {
    for profiles in PROFILES {
        let services = services(profiles);
        let kafka = ["kafka", "kafka-zookeeper"];
        let found: Vec<_> = kafka.iter().filter(|name| services.contains_key(**name)).collect();
        let classic = profiles.contains(&"zookeeper");
        assert_eq!(found, [&kafka[usize::from(classic)]], "{profiles:?}");
        assert_eq!(services.contains_key("zookeeper"), classic, "{profiles:?}");
        let watched = profiles.contains(&"observability");
        assert!(
            ["prometheus", "grafana"].iter().all(|name| services.contains_key(*name) == watched)
        );
    }
    // COMPOSE_PROFILES of docker/.env.
    let names = |services: Map<String, Value>| services.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(services(&[])), names(services(&["default"])));
}

#[test]
fn images_are_official_ones_of_exact_versions() {
    let official = [
        ("apache/kafka", "KAFKA_VERSION"),
        ("apache/kafka", "KAFKA_ZOOKEEPER_VERSION"),
        ("zookeeper", "ZOOKEEPER_VERSION"),
        ("cassandra", "CASSANDRA_VERSION"),
        ("prom/prometheus", "PROMETHEUS_VERSION"),
        ("grafana/grafana", "GRAFANA_VERSION"),
    ];
    let versions = crate::versions::versions();
    let own = env!("CARGO_PKG_VERSION");
    each(|name, service| {
        let (image, tag) = text(service, "/image").split_once(':').unwrap();
        if OURS.contains(&name) {
            assert!(image.starts_with("freshet-") && tag == own, "{name}: {image}:{tag}");
        } else {
            let is_official = official.iter().any(|(wanted, version)| {
                *wanted == image && versions[*version] == tag.trim_start_matches('v')
            });
            assert!(is_official, "{name}: {image}:{tag}");
        }
    });
}

#[test]
fn what_is_built_has_the_versions_of_the_file() {
    let files: BTreeMap<String, Vec<String>> = Dockerfile::all()
        .into_iter()
        .map(|file| {
            (file.name.clone(), file.arguments().into_iter().map(|(name, _)| name).collect())
        })
        .collect();
    let versions = crate::versions::versions();
    let mut images = 0;
    each(|name, service| {
        let Some(build) = service.get("build") else { return };
        images += 1;
        let file = text(build, "/dockerfile").trim_start_matches("docker/").to_owned();
        let given = build["args"].as_object().unwrap();
        for argument in files[&file].iter().filter(|argument| *argument != "PREBUILT") {
            assert_eq!(
                given[argument],
                Value::from(versions[argument].as_str()),
                "{name}: {argument}"
            );
        }
        assert_eq!(given.len(), files[&file].iter().filter(|name| *name != "PREBUILT").count());
    });
    assert_eq!(images, 4 * PROFILES.len());
}

#[test]
fn only_this_machine_reaches_the_ports() {
    let mut published = 0;
    for profiles in PROFILES {
        let mut ports = Vec::new();
        for (name, service) in services(profiles) {
            for port in service["ports"].as_array().into_iter().flatten() {
                assert_eq!(port["host_ip"], "127.0.0.1", "{name}: {port}");
                ports.push(port["published"].clone());
            }
        }
        let all = ports.len();
        ports.sort_by_key(ToString::to_string);
        ports.dedup();
        assert_eq!(ports.len(), all, "{profiles:?}: a port is taken twice");
        published += all;
    }
    assert!(published >= 4 * PROFILES.len());
}

#[test]
fn all_limits_of_memory_fit_a_laptop() {
    for profiles in PROFILES {
        let limit = |name: &str, service: &Value| -> u64 {
            let limit = text(service, "/mem_limit").parse();
            limit.unwrap_or_else(|error| panic!("{name}: mem_limit: {error}"))
        };
        let all: u64 = services(profiles).iter().map(|(name, service)| limit(name, service)).sum();
        assert!(all <= MEMORY, "{profiles:?}: {} MiB", all >> 20);
    }
}

/// A heap is a part of what a virtual machine takes: threads, code and buffers have half as much again, at least.
#[test]
fn heaps_leave_room_below_the_limits_of_memory() {
    let mut heaps = BTreeMap::new();
    each(|name, service| {
        let Some(heap) = heap(service) else { return };
        let limit: u64 = text(service, "/mem_limit").parse().unwrap();
        assert!(heap * 3 / 2 <= limit >> 20, "{name}: a heap of {heap} MiB of {} MiB", limit >> 20);
        heaps.insert(name.to_owned(), heap);
    });
    let with_a_heap: Vec<&str> = heaps.keys().map(String::as_str).collect();
    assert_eq!(with_a_heap, ["cassandra", "kafka", "kafka-zookeeper", "spark-job", "zookeeper"]);
}

/// The largest heap that a service's environment or its command allows, in MiB.
fn heap(service: &Value) -> Option<u64> {
    let environment = service["environment"].as_object();
    let variables = environment.into_iter().flatten().filter(|(name, _)| *name != "HEAP_NEWSIZE");
    let values = variables.filter_map(|(_, value)| value.as_str()).flat_map(str::split_whitespace);
    let words: Vec<&str> = values.chain(words(&service["command"])).collect();
    let sizes = words.iter().filter_map(|word| {
        word.strip_prefix("-Xmx").unwrap_or(word).strip_suffix('m')?.parse().ok()
    });
    sizes.max()
}

#[test]
fn what_is_ours_writes_nothing_and_is_allowed_nothing() {
    each(|name, service| {
        assert_eq!(words(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert_ne!(service["privileged"], true, "{name}");
        assert_ne!(text(service, "/user"), "root", "{name}");
        if OURS.contains(&name) {
            assert_eq!(service["read_only"], true, "{name}");
            assert_eq!(words(&service["cap_drop"]), ["ALL"], "{name}");
            assert!(service.get("cap_add").is_none(), "{name}");
        }
    });
}

/// Nothing starts before what it needs can be used.
#[test]
fn the_order_of_the_start_is_gated_by_health() {
    for profiles in PROFILES {
        let services = services(profiles);
        for (name, service) in &services {
            let runs_once = ONE_SHOT.contains(&name.as_str());
            assert_eq!(service.get("healthcheck").is_none(), runs_once, "{name}");
            let restart = if runs_once { "no" } else { "unless-stopped" };
            assert_eq!(text(service, "/restart"), restart, "{name}");
            for (needed, how) in service["depends_on"].as_object().into_iter().flatten() {
                let wanted = if ONE_SHOT.contains(&needed.as_str()) {
                    "service_completed_successfully"
                } else {
                    "service_healthy"
                };
                assert_eq!(text(how, "/condition"), wanted, "{name} needs {needed}");
                assert!(
                    how["required"] == false || services.contains_key(needed),
                    "{name}: {needed}"
                );
            }
        }
        let all = |name: &str| waits_for(&services, name);
        let kafka = if profiles.contains(&"zookeeper") { "kafka-zookeeper" } else { "kafka" };
        for name in ["producer", "spark-job", "writer", "dashboard"] {
            assert!(all(name).contains(&kafka.to_owned()), "{name}");
        }
        for name in ["writer", "dashboard"] {
            assert!(all(name).contains(&"cassandra".to_owned()), "{name}");
        }
    }
}

/// All that a service waits for, through others as well.
fn waits_for(services: &Map<String, Value>, name: &str) -> Vec<String> {
    let needed = services[name]["depends_on"].as_object().into_iter().flatten();
    let there = needed.filter(|(needed, _)| services.contains_key(*needed));
    there
        .flat_map(|(needed, _)| [vec![needed.clone()], waits_for(services, needed)].concat())
        .collect()
}

/// The same command in compose.yaml, which shows it to people, and in the image, which others run.
#[test]
fn health_checks_are_those_of_the_images() {
    let commands: Vec<Vec<String>> = Dockerfile::all()
        .iter()
        .flat_map(|file| file.each("HEALTHCHECK").map(str::to_owned).collect::<Vec<_>>())
        .map(|check| serde_json::from_str(check.split_once("CMD ").unwrap().1).unwrap())
        .collect();
    for (name, service) in services(&["default"]) {
        if OURS.contains(&name.as_str()) && !ONE_SHOT.contains(&name.as_str()) {
            let test = words(&service["healthcheck"]["test"]);
            assert_eq!(test[0], "CMD", "{name}");
            assert!(commands.iter().any(|command| command == &test[1..]), "{name}: {test:?}");
        }
    }
}

/// Who is killed before it has ended by itself loses what it was about to send.
#[test]
fn everybody_has_the_time_to_end() {
    let services = services(&["default"]);
    for (name, needed) in [
        ("producer", stopping::PRODUCER),
        ("writer", stopping::WRITER),
        ("spark-job", stopping::SPARK_JOB),
        ("dashboard", stopping::DASHBOARD),
    ] {
        let text = text(&services[name], "/stop_grace_period");
        let seconds: u64 = text.trim_end_matches('s').parse().unwrap();
        assert!(Duration::from_secs(seconds) >= needed, "{name}: {text}, and it takes {needed:?}");
    }
}

/// Compose writes a text of its own into a service, which must not be read-only then.
#[test]
fn texts_are_written_where_that_is_possible() {
    each(|name, service| {
        let has_texts = service["configs"].as_array().is_some_and(|texts| !texts.is_empty());
        assert!(!has_texts || service["read_only"] != true, "{name}");
    });
}

/// The files that are mounted are there, and so are the addresses that they name.
#[test]
fn what_is_mounted_is_there() {
    each(|name, service| {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            if volume["type"] == "bind" {
                assert_eq!(volume["read_only"], true, "{name}: {volume}");
                assert!(Path::new(text(volume, "/source")).exists(), "{name}: {volume}");
            }
        }
    });
    let properties = read("docker/kafka-zookeeper.properties");
    assert!(properties.contains("zookeeper.connect=zookeeper:2181"));
}

/// The programs take what compose gives them: each variable names a key of the configuration.
#[test]
fn variables_are_keys_of_the_configuration() {
    let schema = read("README.md");
    let mut seen = 0;
    each(|name, service| {
        if !OURS.contains(&name) {
            return;
        }
        for variable in service["environment"].as_object().unwrap().keys() {
            let key = variable.strip_prefix("FRESHET_").unwrap_or_else(|| panic!("{variable}"));
            let key = key.to_lowercase().replace("__", ".");
            assert!(schema.contains(&format!("| `{key}` |")), "{name}: {variable}");
            seen += 1;
        }
    });
    assert!(seen > 0);
}
