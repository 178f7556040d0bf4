//! What the environment says of the configuration, and what came of all keys.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::error::{ConfigError, Origin};
use super::settings::{Setting, Source};

/// What overrides look like: other variables of ours, such as `FRESHET_HOME`, have no double underscore.
const OVERRIDE_PREFIX: &str = "FRESHET_";
/// How those begin that override keys of a source.
const OF_SOURCES: &str = "FRESHET_SOURCE__";
/// What a variable has at its end that names a file with the value.
const FILE_SUFFIX: &str = "_FILE";

/// Overrides by variable name (`FRESHET_KAFKA__BOOTSTRAP_SERVERS`), and which of them were used.
pub(super) struct Environment {
    variables: BTreeMap<String, String>,
    used: RefCell<BTreeSet<String>>,
    /// What was read, in the order of reading.
    settings: RefCell<Vec<Setting>>,
}

/// A value that the environment gives, and the variable that gives it or names its file.
pub(super) type Given = (String, Source);

impl Environment {
    pub(super) fn new(variables: BTreeMap<String, String>) -> Self {
        let is_ours = |name: &String| name.starts_with(OVERRIDE_PREFIX) && name.contains("__");
        let variables = variables.into_iter().filter(|(name, _)| is_ours(name)).collect();
        Self { variables, used: RefCell::default(), settings: RefCell::default() }
    }

    /// The value of a variable, or the content of the file that the variable beside it names.
    pub(super) fn take(&self, variable: &str) -> Result<Option<Given>, ConfigError> {
        let naming = format!("{variable}{FILE_SUFFIX}");
        self.used.borrow_mut().extend([variable.to_owned(), naming.clone()]);
        let error = |name: &str, message: String| ConfigError {
            origin: Origin::Environment(name.to_owned()),
            key: String::new(),
            message,
        };
        match (self.variables.get(variable), self.variables.get(&naming)) {
            // Nobody could tell which of them was meant.
            (Some(_), Some(_)) => {
                Err(error(variable, format!("{naming} is set as well; unset one of them")))
            }
            (value, None) => {
                let source = Source::Environment { variable: variable.to_owned() };
                Ok(value.map(|value| (value.clone(), source)))
            }
            (None, Some(file)) => match super::read(Path::new(file)) {
                Ok(content) => {
                    let content = content.trim_end_matches(['\r', '\n']).to_owned();
                    let source = Source::EnvironmentFile { variable: naming, path: file.into() };
                    Ok(Some((content, source)))
                }
                Err(reason) => Err(error(&naming, format!("cannot read {file}: {reason}"))),
            },
        }
    }

    /// Notes a value, once.
    pub(super) fn note(&self, setting: Setting) {
        let mut settings = self.settings.borrow_mut();
        if !settings.iter().any(|known| known.key == setting.key) {
            settings.push(setting);
        }
    }

    /// The values of all keys that were read and have one.
    pub(super) fn into_settings(self) -> Vec<Setting> {
        self.settings.into_inner()
    }

    /// Leaves the variables that begin so to another program that reads the same file.
    pub(super) fn leave(&self, prefix: &str) {
        let left = self.variables.keys().filter(|name| name.starts_with(prefix)).cloned();
        self.used.borrow_mut().extend(left);
    }

    /// Refuses variables that no section asked for: a misspelt override must not pass in silence.
    pub(super) fn finish(&self) -> Result<(), ConfigError> {
        let used = self.used.borrow();
        match self.variables.keys().find(|variable| !used.contains(*variable)) {
            None => Ok(()),
            Some(variable) => Err(ConfigError {
                origin: Origin::Environment(variable.clone()),
                key: String::new(),
                message: format!("overrides no known key: its form is {}", form_of(variable)),
            }),
        }
    }
}

/// What a variable would look like that overrides something.
fn form_of(variable: &str) -> &'static str {
    if variable.starts_with(OF_SOURCES) {
        return "FRESHET_SOURCE__<NAME>__<KEY>, with the name of a [[source]] and one of its keys";
    }
    "FRESHET_<SECTION>__<KEY>, such as FRESHET_KAFKA__BOOTSTRAP_SERVERS"
}
