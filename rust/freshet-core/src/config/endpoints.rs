//! `[producer]` and `[writer]`: where the two programs tell how they are doing, and who a writer is.

use serde::Serialize;

use super::error::ConfigError;
use super::key::{Key, Kind, Presence, Table};
use super::section::Section;

/// What `metrics_address` means, in both tables.
const MEANING: &str = "where it answers over HTTP to `/live`, `/ready` and `/metrics`: an IPv4 address, `localhost`, \
                       `[::1]` or `[::]`, and a port; port 0 takes a free one, which the log names; empty: \
                       nowhere. See [docs/observation.md](docs/observation.md)";

/// `[producer]`.
pub(super) const PRODUCER: Table = Table {
    path: "producer",
    is_repeated: false,
    is_list: false,
    meaning: "the producer itself",
    keys: &[Key {
        name: NAME,
        kind: ADDRESS,
        form: FORM,
        presence: Presence::Default("127.0.0.1:9464"),
        meaning: MEANING,
        example: r#""0.0.0.0:9464""#,
        ..Key::NEW
    }],
};

/// `[writer]`.
pub(super) const WRITER: Table = Table {
    path: "writer",
    is_repeated: false,
    is_list: false,
    meaning: "the Cassandra writer itself",
    keys: &[
        Key {
            name: NAME,
            kind: ADDRESS,
            form: FORM,
            presence: Presence::Default("127.0.0.1:9465"),
            meaning: MEANING,
            example: r#""0.0.0.0:9465""#,
            ..Key::NEW
        },
        Key {
            name: INSTANCE_ID,
            kind: Kind::Text(Some("^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,248}$")),
            form: "letters, digits, '.', '_' and '-', up to 249 of them, and no '.' at the beginning",
            presence: Presence::Optional(
                "none: a writer that stops hands its partitions on at once",
            ),
            meaning: "the name of this writer among the others, which stays when it is started again (Kafka's \
                      `group.instance.id`), such as that of a pod: its partitions wait up to 30 s for it, and no \
                      other writer is disturbed; no two that run may have the same",
            example: r#""freshet-writer-0""#,
            ..Key::NEW
        },
    ],
};

const NAME: &str = "metrics_address";

const INSTANCE_ID: &str = "instance_id";

const FORM: &str = "an address with a port, such as 127.0.0.1:9464, or nothing for none";

/// Nothing, or an address of this machine and a port. Other names would have to be looked up, at each start anew.
const ADDRESS: Kind = Kind::Text(Some(concat!(
    r"^$|^(localhost|\[::1?\]|",
    r"((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])):",
    r"(0|[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$",
)));

/// The producer itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Producer {
    /// Where it answers over HTTP: address and port; port 0 stands for a free one. `None`: nowhere.
    pub metrics_address: Option<String>,
}

impl Producer {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let metrics_address = metrics_address(section)?;
        section.finish()?;
        Ok(Self { metrics_address })
    }
}

/// The Cassandra writer itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Writer {
    /// Where it answers over HTTP: address and port; port 0 stands for a free one. `None`: nowhere.
    pub metrics_address: Option<String>,
    /// Its name among the writers, which outlives the process. `None`: each process is another one.
    pub instance_id: Option<String>,
}

impl Writer {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let metrics_address = metrics_address(section)?;
        let instance_id = section.optional_text(INSTANCE_ID)?.map(|found| found.value);
        section.finish()?;
        Ok(Self { metrics_address, instance_id })
    }
}

fn metrics_address(section: &Section<'_>) -> Result<Option<String>, ConfigError> {
    let found = section.text(NAME)?;
    Ok((!found.value.is_empty()).then_some(found.value))
}

/// The address by which a program of this machine asks one with that `metrics_address`: "every address" is none to
/// connect to. `None` where it answers nowhere, or on a port that nobody knows before.
pub fn reachable(metrics_address: Option<&str>) -> Option<String> {
    let (host, port) = metrics_address?.rsplit_once(':')?;
    let host = match host {
        "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        host => host,
    };
    (port != "0").then(|| format!("{host}:{port}"))
}

/// The port of [`reachable`].
pub fn reachable_port(metrics_address: Option<&str>) -> Option<u16> {
    reachable(metrics_address)?.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex_lite::Regex;

    #[test]
    fn it_is_asked_where_it_can_be_reached() {
        let at = |address| reachable(Some(address));
        assert_eq!(at("0.0.0.0:9464").as_deref(), Some("127.0.0.1:9464"));
        assert_eq!(at("[::]:9464").as_deref(), Some("[::1]:9464"));
        assert_eq!(reachable_port(Some("localhost:80")), Some(80));
        assert_eq!(at("127.0.0.1:0"), None);
        assert_eq!(reachable_port(None), None);
    }

    #[test]
    fn an_address_has_a_port_and_no_scheme() {
        let Kind::Text(Some(pattern)) = ADDRESS else { unreachable!() };
        let form = Regex::new(pattern).unwrap();
        for text in ["", "127.0.0.1:9464", "[::1]:0", "localhost:80", "0.0.0.0:65535"] {
            assert!(form.is_match(text), "{text}");
        }
        for text in [
            "9464",
            "127.0.0.1",
            "http://127.0.0.1:9464",
            "metrics:80",
            "localhost:65536",
            ":9",
            "127.0.0.1:09",
        ] {
            assert!(!form.is_match(text), "{text}");
        }
    }
}
