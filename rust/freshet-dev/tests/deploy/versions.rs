//! docker/versions.env is what everything else says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::dockerfile::Dockerfile;

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// A file of the project.
pub(crate) fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of docker/versions.env.
pub(crate) fn versions() -> BTreeMap<String, String> {
    let text = read("docker/versions.env");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.map(|line| line.split_once('=').unwrap_or_else(|| panic!("{line}")));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The version of that name.
pub(crate) fn version(name: &str) -> String {
    versions().remove(name).unwrap_or_else(|| panic!("docker/versions.env has no {name}"))
}

#[test]
fn every_version_is_an_exact_one() {
    for (name, version) in versions().iter().filter(|(name, _)| name.ends_with("_VERSION")) {
        let parts: Vec<&str> = version.split('.').collect();
        let are_numbers = parts.iter().all(|part| part.parse::<u32>().is_ok());
        // Lines of which each release fits: Scala's binary version, Java's, and the interface of Kubernetes.
        let is_a_line = ["SCALA_VERSION", "JAVA_VERSION", "DEBIAN_VERSION", "KUBERNETES_VERSION"]
            .contains(&name.as_str());
        assert!(are_numbers && (is_a_line || parts.len() >= 3), "{name}={version}");
    }
}

#[test]
fn rust_is_that_of_the_toolchain_file() {
    let channel = format!("channel = \"{}\"", version("RUST_VERSION"));
    assert!(read("rust-toolchain.toml").contains(&channel), "{channel}");
}

#[test]
fn the_jars_are_of_these_versions() {
    let lock = read("gradle/jars.lock");
    let scala = version("SCALA_VERSION");
    for jar in [
        format!("org.apache.spark:spark-sql_{scala}:{}", version("SPARK_VERSION")),
        format!("org.apache.kafka:kafka_{scala}:{}", version("KAFKA_VERSION")),
        format!("org.apache.kafka:kafka_{scala}:{}", version("KAFKA_ZOOKEEPER_VERSION")),
        format!("org.apache.zookeeper:zookeeper:{}", version("ZOOKEEPER_VERSION")),
        format!("org.apache.cassandra:cassandra-all:{}", version("CASSANDRA_VERSION")),
    ] {
        assert!(lock.lines().any(|line| line.split(' ').next() == Some(&jar)), "{jar}");
    }
}

#[test]
fn the_dashboard_runs_on_this_node() {
    let package: serde_json::Value =
        serde_json::from_str(&read("node-dashboard/package.json")).unwrap();
    let oldest = package["engines"]["node"].as_str().unwrap().trim_start_matches(">=").to_owned();
    let numbers = |version: &str| -> Vec<u32> {
        version.split('.').map(|part| part.parse().unwrap()).collect()
    };
    assert!(numbers(&version("NODE_VERSION")) >= numbers(&oldest), "older than {oldest}");
}

#[test]
fn the_dockerfiles_repeat_them() {
    let versions = versions();
    for file in Dockerfile::all() {
        let arguments = file.arguments();
        assert!(!arguments.is_empty(), "{}", file.name);
        for (name, value) in arguments {
            if name == "PREBUILT" {
                continue;
            }
            assert_eq!(versions.get(&name), Some(&value), "ARG {name} of {}", file.name);
        }
    }
}

/// The versions that a text names after one of these words.
fn named<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let after = text.split(word).skip(1).map(|rest| rest.strip_prefix("is ").unwrap_or(rest));
    after
        .filter_map(|rest| {
            let end = rest.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(rest.len());
            let version = rest[..end].trim_end_matches('.');
            version.contains('.').then_some(version)
        })
        .collect()
}

/// A line, such as 4.2, may stand for each of its versions.
#[test]
fn the_documentation_names_these_versions() {
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> =
        pages.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    let others = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docker/README.md",
        "docker/kubernetes/README.md",
    ];
    pages.extend(others.map(|page| root().join(page)));
    // Figures of measurements have the name of what they were measured of before them.
    pages.retain(|path| !path.ends_with("docs/performance.md"));
    let words: [(&str, &[&str]); 9] = [
        ("Spark ", &["SPARK_VERSION"]),
        (":spark-hadoop-cloud_2.13:", &["SPARK_VERSION"]),
        (":spark-sql-kafka-0-10_2.13:", &["SPARK_VERSION"]),
        ("Scala ", &["SCALA_VERSION"]),
        ("Kafka ", &["KAFKA_VERSION", "KAFKA_ZOOKEEPER_VERSION"]),
        ("Cassandra ", &["CASSANDRA_VERSION"]),
        ("ZooKeeper ", &["ZOOKEEPER_VERSION"]),
        ("Kubernetes ", &["KUBERNETES_VERSION"]),
        ("Grafana ", &["GRAFANA_VERSION"]),
    ];
    let mut seen = BTreeSet::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for (word, names) in words {
            for found in named(&text, word) {
                seen.insert(word);
                let fits = names.iter().any(|name| {
                    let version = version(name);
                    version == found || version.starts_with(&format!("{found}."))
                });
                assert!(fits, "{}: {word}{found}", page.display());
            }
        }
    }
    for word in ["Spark ", "Scala ", "Kafka ", "Kubernetes ", ":spark-hadoop-cloud_2.13:"] {
        assert!(seen.contains(word), "no page names a version of {word}");
    }
}

#[test]
fn the_plugin_of_grafana_has_an_exact_version() {
    let pinned = "yesoreyeram-infinity-datasource@${GRAFANA_INFINITY_VERSION:?}";
    assert!(read("docker/compose.yaml").contains(&format!("GF_PLUGINS_PREINSTALL: {pinned}\n")));
}

#[test]
fn compose_finds_them_by_itself() {
    let link = fs::read_link(root().join("docker/.env")).unwrap();
    assert_eq!(link, Path::new("versions.env"));
}

/// The newest version of the C library whose symbols a built file asks for, such as 2.34.
fn newest_glibc(file: &Path) -> (u32, u32) {
    const NAME: &[u8] = b"GLIBC_";
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let named = bytes.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    let versions = named.filter_map(|(at, _)| {
        let rest = bytes[at + NAME.len()..].split(|byte| *byte == 0).next()?;
        two_numbers(std::str::from_utf8(rest).ok()?)
    });
    versions.max().unwrap_or_else(|| panic!("{} asks for no C library", file.display()))
}

/// A version's first two numbers.
fn two_numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[test]
fn what_is_built_asks_for_no_newer_c_library_than_its_image_has() {
    // Beside the programs that the tests themselves were built with.
    let built = Path::new(env!("CARGO_BIN_EXE_freshet-dev")).parent().unwrap();
    let limit = |name: &str| two_numbers(&version(name)).unwrap();
    for (file, image) in [
        ("libfreshet_jni.so", "SPARK_IMAGE_GLIBC"),
        ("freshet-producer", "DEBIAN_GLIBC"),
        ("freshet-cassandra-writer", "DEBIAN_GLIBC"),
    ] {
        let found = newest_glibc(&built.join(file));
        assert!(
            found <= limit(image),
            "{file} needs glibc {found:?}, {image} is {:?}",
            limit(image)
        );
    }
}
