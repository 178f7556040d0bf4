//! `[dev]`: ports and memory of the embedded services that `./freshet up` starts. Elsewhere it has no effect.

use serde::Serialize;

use super::error::ConfigError;
use super::section::Section;

/// In MiB; nobody means to keep more than a tebibyte free.
const DISK_RESERVE: (i64, i64) = (0, 1_048_576);

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
        let port = |key, default| -> Result<u16, ConfigError> {
            Ok(section.integer_within(key, (1, 65_535))?.unwrap_or(default))
        };
        let dev = Self {
            kafka_port: port("kafka_port", 9092)?,
            kafka_controller_port: port("kafka_controller_port", 9093)?,
            zookeeper_port: port("zookeeper_port", 2181)?,
            cassandra_port: port("cassandra_port", 9042)?,
            cassandra_storage_port: port("cassandra_storage_port", 7000)?,
            spark_ui_port: port("spark_ui_port", 4040)?,
            kafka_heap: read_heap(section, "kafka_heap", "384m")?,
            cassandra_heap: read_heap(section, "cassandra_heap", "1g")?,
            spark_heap: read_heap(section, "spark_heap", "1g")?,
            disk_reserve: section.integer_within("disk_reserve", DISK_RESERVE)?.unwrap_or(512),
        };
        section.finish()?;
        Ok(dev)
    }
}

fn read_heap(
    section: &Section<'_>,
    key: &'static str,
    default: &str,
) -> Result<String, ConfigError> {
    let Some(found) = section.text(key)? else {
        return Ok(default.to_owned());
    };
    let digits = found.value.trim_end_matches(['k', 'm', 'g']);
    if digits.len() + 1 == found.value.len() && digits.parse::<u32>().is_ok_and(|size| size > 0) {
        Ok(found.value)
    } else {
        Err(found.error("a heap size is a whole number and one of k, m, g, such as '512m'"))
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
