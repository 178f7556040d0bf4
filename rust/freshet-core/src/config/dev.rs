//! `[dev]`: ports and memory of the embedded services that `./freshet up` starts. Elsewhere it has no effect.

use serde::Serialize;

use super::error::ConfigError;
use super::key::{Key, Kind, PORT, Presence, Table};
use super::section::Section;

/// A size of a heap.
const HEAP: Key = Key {
    kind: Kind::Text(Some("^[1-9][0-9]{0,8}[kmg]$")),
    example: r#""2g""#,
    form: "a heap size is a whole number and one of k, m, g, such as '512m'",
    ..Key::NEW
};

/// `[dev]`.
pub(super) const TABLE: Table = Table {
    path: "dev",
    is_repeated: false,
    is_list: false,
    meaning: "the embedded services that `./freshet up` starts; elsewhere it has no effect",
    keys: &[
        Key {
            name: "kafka_port",
            kind: PORT,
            presence: Presence::Default("9092"),
            meaning: "port of the embedded broker",
            example: "19092",
            ..Key::NEW
        },
        Key {
            name: "kafka_controller_port",
            kind: PORT,
            presence: Presence::Default("9093"),
            meaning: "its controller's port (KRaft only)",
            example: "19093",
            ..Key::NEW
        },
        Key {
            name: "zookeeper_port",
            kind: PORT,
            presence: Presence::Default("2181"),
            meaning: "port of the embedded ZooKeeper (`--zookeeper` only)",
            example: "12181",
            ..Key::NEW
        },
        Key {
            name: "cassandra_port",
            kind: PORT,
            presence: Presence::Default("9042"),
            meaning: "port of the embedded Cassandra",
            example: "19042",
            ..Key::NEW
        },
        Key {
            name: "cassandra_storage_port",
            kind: PORT,
            presence: Presence::Default("7000"),
            meaning: "Cassandra's port for other nodes",
            example: "17000",
            ..Key::NEW
        },
        Key {
            name: "spark_ui_port",
            kind: PORT,
            presence: Presence::Default("4040"),
            meaning: "port of Spark's own web page",
            example: "14040",
            ..Key::NEW
        },
        Key {
            name: "prometheus_port",
            kind: PORT,
            presence: Presence::Default("9090"),
            meaning: "port of Prometheus (`--observability` only)",
            example: "19090",
            ..Key::NEW
        },
        Key {
            name: "kafka_heap",
            presence: Presence::Default("384m"),
            meaning: "Java heap of the embedded broker; of three nodes each has 256m",
            ..HEAP
        },
        Key {
            name: "cassandra_heap",
            presence: Presence::Default("1g"),
            meaning: "Java heap of the embedded Cassandra; of three nodes each has 512m",
            ..HEAP
        },
        Key {
            name: "spark_heap",
            presence: Presence::Default("1g"),
            meaning: "Java heap of the Spark job",
            ..HEAP
        },
        Key {
            name: "disk_reserve",
            // Nobody means to keep more than a tebibyte free.
            kind: Kind::Integer(0, 1_048_576),
            presence: Presence::Default("512"),
            meaning: "MiB of the disk that are to stay free: with less, producer and Spark job are stopped until there \
                      is an eighth more than that, and below a quarter of it no store is started; 0 stops nothing",
            example: "2048",
            ..Key::NEW
        },
    ],
};

/// The embedded stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dev {
    /// The broker's listener for clients.
    pub kafka_port: u16,
    /// The broker's controller listener (`KRaft` only).
    pub kafka_controller_port: u16,
    /// `ZooKeeper` (`--zookeeper` only).
    pub zookeeper_port: u16,
    /// Cassandra's listener for clients.
    pub cassandra_port: u16,
    /// Cassandra's listener for other nodes.
    pub cassandra_storage_port: u16,
    /// Spark's own web page.
    pub spark_ui_port: u16,
    /// Prometheus (`--observability` only).
    pub prometheus_port: u16,
    /// Java heap of the broker, as the JVM's `-Xmx` takes it.
    pub kafka_heap: String,
    /// Java heap of Cassandra.
    pub cassandra_heap: String,
    /// Java heap of the Spark job.
    pub spark_heap: String,
    /// Free space in MiB below which producer and Spark job are stopped before the disk is full; 0 stops nothing.
    pub disk_reserve: u64,
}

impl Dev {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let dev = Self {
            kafka_port: section.integer("kafka_port")?,
            kafka_controller_port: section.integer("kafka_controller_port")?,
            zookeeper_port: section.integer("zookeeper_port")?,
            cassandra_port: section.integer("cassandra_port")?,
            cassandra_storage_port: section.integer("cassandra_storage_port")?,
            spark_ui_port: section.integer("spark_ui_port")?,
            prometheus_port: section.integer("prometheus_port")?,
            kafka_heap: section.text("kafka_heap")?.value,
            cassandra_heap: section.text("cassandra_heap")?.value,
            spark_heap: section.text("spark_heap")?.value,
            disk_reserve: section.integer("disk_reserve")?,
        };
        section.finish()?;
        Ok(dev)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use crate::config::Config;

    fn disk_reserve(line: &str) -> Result<u64, String> {
        let text = format!(
            "[dev]\n{line}\n[[stream]]\nname = \"host\"\nvalues = {{ usage = \"usage\" }}\nwindows = [\"10s\"]\n"
        );
        Config::parse(&text, Path::new("freshet.toml"), BTreeMap::new())
            .map(|config| config.dev.disk_reserve)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_disk_reserve_is_a_whole_number_of_mebibytes() {
        assert_eq!(disk_reserve(""), Ok(512));
        assert_eq!(disk_reserve("disk_reserve = 0"), Ok(0));
        assert_eq!(disk_reserve("disk_reserve = 2048"), Ok(2_048));
        let negative = disk_reserve("disk_reserve = -1").unwrap_err();
        assert_eq!(negative, "freshet.toml:2: dev.disk_reserve: -1 is not between 0 and 1048576");
        let text = disk_reserve("disk_reserve = \"512m\"").unwrap_err();
        assert!(
            text.starts_with("freshet.toml:2: dev.disk_reserve: expected a whole number"),
            "{text}"
        );
    }
}
