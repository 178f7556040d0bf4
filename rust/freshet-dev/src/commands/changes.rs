//! What has changed in the configuration file since the stack that runs was started from it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use freshet_core::config::{Config, ConfigError};
use serde_json::Value;

use crate::state::Home;

/// The file as it is now, compared with the one that runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changes {
    /// It says the same.
    None,
    /// These keys say something else.
    Keys(Vec<String>),
    /// It is no valid configuration any more.
    Invalid(ConfigError),
}

impl Changes {
    /// What people should know, with what to do; `None` when there is nothing.
    pub(super) fn describe(&self, file: &Path) -> Option<String> {
        let file = file.display();
        match self {
            Self::None => None,
            Self::Keys(keys) => Some(format!(
                "{file} has changed since the start ({}); `./freshet down`, then `./freshet up` runs it; a part that \
                 restarts by itself reads it before",
                keys.join(", ")
            )),
            Self::Invalid(error) => Some(format!(
                "the configuration has changed since the start, and is not valid any more: {error}; correct it, or a \
                 part that restarts will refuse it"
            )),
        }
    }
}

/// Keeps a copy of the configuration that a stack is started from. It may hold passwords, so that only its owner may
/// read it.
///
/// # Errors
/// When the file cannot be read or the copy not be written.
pub(super) fn keep(home: &Home, file: &Path) -> io::Result<()> {
    let text = fs::read(file)?;
    let copy = home.started_configuration();
    match fs::remove_file(&copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy)?.write_all(&text)
}

/// Compares the file with the copy that was kept. Overrides from the environment are the same for both.
pub(super) fn since_start(home: &Home, file: &Path) -> Changes {
    // A stack that was started by an older program has left no copy: there is nothing to compare with.
    let Ok(before) = Config::load(&home.started_configuration()) else { return Changes::None };
    match freshet_sources::load(file) {
        Ok(now) => compare(&before, &now.config),
        Err(error) => Changes::Invalid(error),
    }
}

fn compare(before: &Config, now: &Config) -> Changes {
    let (before, now) = (leaves(before), leaves(now));
    let differs = |key: &&String| before.get(*key) != now.get(*key);
    let mut keys: Vec<String> = before.keys().chain(now.keys()).filter(differs).cloned().collect();
    keys.sort();
    keys.dedup();
    if keys.is_empty() { Changes::None } else { Changes::Keys(keys) }
}

/// Every value by its key, such as `dashboard.port` or `stream 'host' windows`. Values are compared and never shown:
/// some are secret.
fn leaves(config: &Config) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    for source in &config.sources {
        let name = format!("source '{}'", source.name);
        let keys = source.written.iter();
        leaves.extend(keys.map(|(key, value)| (format!("{name} {key}"), value.clone())));
    }
    let Ok(Value::Object(sections)) = serde_json::to_value(config) else { return leaves };
    for (section, value) in sections {
        match value {
            Value::Object(keys) => {
                leaves.extend(
                    keys.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)),
                );
            }
            Value::Array(entries) => {
                for (index, entry) in entries.into_iter().enumerate() {
                    add_entry(&mut leaves, section.trim_end_matches('s'), index, entry);
                }
            }
            value => drop(leaves.insert(section, value)),
        }
    }
    leaves
}

/// An entry of `[[stream]]` or `[[source]]`: by its name, or by its number where it has none.
fn add_entry(leaves: &mut BTreeMap<String, Value>, section: &str, index: usize, entry: Value) {
    let Value::Object(keys) = entry else { return };
    let name = match keys.get("name").and_then(Value::as_str) {
        Some(name) => format!("{section} '{name}'"),
        None => format!("{section} {}", index + 1),
    };
    leaves.extend(keys.into_iter().map(|(key, value)| (format!("{name} {key}"), value)));
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const TEXT: &str = r#"
[dashboard]
port = 3000
token = "first-secret"

[[stream]]
name = "host"
series = ["host"]
values = { usage = "usage" }
windows = ["10s"]

[[source]]
kind = "host"
stream = "host"
"#;

    struct Started {
        _folder: tempfile::TempDir,
        home: Home,
        file: std::path::PathBuf,
    }

    impl Started {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let home = Home::new(folder.path().join("home"));
            home.create().unwrap();
            let file = folder.path().join("freshet.toml");
            fs::write(&file, TEXT).unwrap();
            keep(&home, &file).unwrap();
            Self { _folder: folder, home, file }
        }

        fn after(&self, from: &str, to: &str) -> Changes {
            assert!(TEXT.contains(from), "{from}");
            fs::write(&self.file, TEXT.replace(from, to)).unwrap();
            since_start(&self.home, &self.file)
        }
    }

    fn keys(changes: &Changes) -> Vec<&str> {
        match changes {
            Changes::Keys(keys) => keys.iter().map(String::as_str).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn changed_keys_are_named_and_their_values_are_not() {
        let started = Started::new();
        assert_eq!(keys(&started.after("3000", "3001")), ["dashboard.port"]);
        assert_eq!(
            keys(&started.after(r#"["10s"]"#, r#"["10s", "1m"]"#)),
            ["stream 'host' windows"]
        );
        let changes = started.after("first-secret", "second-secret");
        assert_eq!(keys(&changes), ["dashboard.token"]);
        let said = changes.describe(&started.file).unwrap();
        assert!(
            said.contains("(dashboard.token); `./freshet down`, then") && !said.contains("secret")
        );
    }

    #[test]
    fn comments_are_no_change() {
        let started = Started::new();
        let changes = started.after("port = 3000", "port = 3000 # as before");
        assert_eq!(changes, Changes::None);
        assert_eq!(changes.describe(&started.file), None);
    }

    #[test]
    fn a_file_that_is_gone_or_broken_is_named() {
        let started = Started::new();
        let said = started.after("3000", "-1").describe(&started.file).unwrap();
        assert!(said.contains("freshet.toml:3: dashboard.port: "), "{said}");
        fs::remove_file(&started.file).unwrap();
        let said = since_start(&started.home, &started.file).describe(&started.file).unwrap();
        assert!(said.contains("cannot read the file"), "{said}");
    }

    #[test]
    fn the_copy_is_for_its_owner_only_and_is_made_anew() {
        let started = Started::new();
        fs::write(&started.file, TEXT.replace("3000", "3001")).unwrap();
        keep(&started.home, &started.file).unwrap();
        assert_eq!(since_start(&started.home, &started.file), Changes::None);
        let copy = fs::metadata(started.home.started_configuration()).unwrap();
        assert_eq!(copy.permissions().mode() & 0o777, 0o600);
    }
}
