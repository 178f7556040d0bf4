//! `[schema_registry]`: who knows the schemas of records by their ids.

use std::time::Duration;

use regex_lite::Regex;

use super::error::ConfigError;
use super::key::{Key, Kind, Presence, Table};
use super::section::Section;
use crate::record::SchemaRegistry;
use crate::secret::Secret;

/// `[schema_registry]`.
pub(super) const TABLE: Table = Table {
    path: "schema_registry",
    is_repeated: false,
    is_list: false,
    meaning: "who knows the schemas of records by their ids, by the interface of Confluent's Schema Registry",
    keys: &[
        Key {
            name: "url",
            kind: Kind::Texts,
            presence: Presence::Optional("none"),
            meaning: "where it answers; of several, the first that does",
            example: r#""https://schemas.example.org:8081""#,
            ..Key::NEW
        },
        Key {
            name: "username",
            presence: Presence::Optional("none"),
            meaning: "the user, where it asks for one (HTTP basic authentication)",
            example: r#""freshet""#,
            ..Key::NEW
        },
        Key {
            name: "password",
            presence: Presence::Optional("none"),
            meaning: "the user's password; better in the environment, or in a file",
            example: r#""secret""#,
            is_secret: true,
            ..Key::NEW
        },
        Key {
            name: "ca_file",
            kind: Kind::Path,
            presence: Presence::Optional("the system's"),
            meaning: "PEM file of the authority that signed its certificate; it lies beside every executor",
            example: r#""/etc/freshet/schemas-ca.pem""#,
            ..Key::NEW
        },
        Key {
            name: "timeout",
            kind: Kind::Duration(Duration::from_mins(10)),
            presence: Presence::Default("10s"),
            meaning: "how long each address has for an answer",
            example: r#""30s""#,
            refuses_zero: true,
            ..Key::NEW
        },
    ],
};

/// An address that requests can be sent to: paths are appended to it.
const ADDRESS: &str = "^https?://[^\\s/?#@,]+(/[^\\s?#,]*)?$";

/// The registry; `None` where no address is given.
pub(super) fn read(section: &Section<'_>) -> Result<Option<SchemaRegistry>, ConfigError> {
    let Some(found) = section.optional_texts("url")? else {
        for key in ["username", "password", "ca_file", "timeout"] {
            section.refuse(key, "has no effect without url")?;
        }
        section.finish()?;
        return Ok(None);
    };
    let is_address = |text: &String| Regex::new(ADDRESS).is_ok_and(|form| form.is_match(text));
    if found.value.is_empty() || !found.value.iter().all(is_address) {
        return Err(found.error(
            "name at least one address such as 'https://schemas.example.org:8081', without user and password",
        ));
    }
    let registry = SchemaRegistry {
        urls: found.value,
        username: section.optional_text("username")?.map(|found| found.value),
        password: section.optional_text("password")?.map(|found| Secret::new(found.value)),
        ca_file: section.optional_file_path("ca_file")?.map(|found| found.value),
        timeout: section.duration("timeout")?.value,
    };
    if registry.username.is_some() != registry.password.is_some() {
        return Err(section.error("username", "username and password go together"));
    }
    section.finish()?;
    Ok(Some(registry))
}
