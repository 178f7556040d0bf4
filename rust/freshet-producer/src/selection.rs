//! Which of the configured sources run.

use freshet_sources::SourceConfig;
use freshet_sources::kinds::KINDS;
use thiserror::Error;

/// The kind of which there can be one at a time: each would get some of the lines.
const STANDARD_INPUT: &str = "stdin";

/// Why there is nothing to run.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum SelectionError {
    #[error("no [[source]] has the name or the kind '{wanted}'; there are: {configured}")]
    NotConfigured { wanted: String, configured: String },
    #[error(
        "the sources {names} all read standard input, of which there is one; name one of them with --source"
    )]
    OneInput { names: String },
    #[error("no [[source]] is configured; add one of kind: {known}")]
    None { known: String },
}

/// The sources of the given names or kinds; all of them when none is given.
pub(crate) fn select(
    sources: Vec<SourceConfig>,
    wanted: &[String],
) -> Result<Vec<SourceConfig>, SelectionError> {
    if sources.is_empty() {
        let known = KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        return Err(SelectionError::None { known });
    }
    let is_meant = |source: &SourceConfig, wanted: &String| {
        source.source.name == *wanted || source.source.kind == *wanted
    };
    if let Some(wanted) =
        wanted.iter().find(|wanted| !sources.iter().any(|source| is_meant(source, wanted)))
    {
        let names = sources.iter().map(|source| source.source.name.as_str()).collect::<Vec<_>>();
        let (wanted, configured) = (wanted.clone(), names.join(", "));
        return Err(SelectionError::NotConfigured { wanted, configured });
    }
    let is_wanted = |source: &SourceConfig| {
        wanted.is_empty() || wanted.iter().any(|wanted| is_meant(source, wanted))
    };
    let selected: Vec<SourceConfig> = sources.into_iter().filter(is_wanted).collect();
    let readers = selected.iter().filter(|source| source.source.kind == STANDARD_INPUT);
    let names: Vec<&str> = readers.map(|source| source.source.name.as_str()).collect();
    if names.len() > 1 {
        return Err(SelectionError::OneInput { names: names.join(", ") });
    }
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::Path;

    const STREAM: &str =
        "[[stream]]\nname = \"host\"\nvalues = { usage = \"usage\" }\nwindows = [\"10s\"]\n";

    fn sources(tables: &str) -> Vec<SourceConfig> {
        let text = format!("{STREAM}{tables}");
        let file = Path::new("freshet.toml");
        freshet_sources::parse(&text, file, BTreeMap::new()).unwrap().source_settings
    }

    fn three() -> Vec<SourceConfig> {
        sources(
            "[[source]]\nkind = \"host\"\nstream = \"host\"\n\
             [[source]]\nname = \"a\"\nkind = \"synthetic\"\nstream = \"host\"\n\
             [[source]]\nname = \"b\"\nkind = \"synthetic\"\nstream = \"host\"\n",
        )
    }

    fn names(wanted: &[&str]) -> Result<Vec<String>, String> {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let selected = select(three(), &wanted).map_err(|error| error.to_string())?;
        Ok(selected.into_iter().map(|source| source.source.name).collect())
    }

    #[test]
    fn a_name_selects_one_and_a_kind_all_of_its_sources() {
        assert_eq!(names(&[]).unwrap(), ["host", "a", "b"]);
        assert_eq!(names(&["b"]).unwrap(), ["b"]);
        assert_eq!(names(&["synthetic"]).unwrap(), ["a", "b"]);
        assert_eq!(names(&["a", "host"]).unwrap(), ["host", "a"]);
    }

    #[test]
    fn what_is_not_configured_is_answered_with_what_is() {
        let error = names(&["host", "carrier-pigeon"]).unwrap_err();
        assert!(error.contains("'carrier-pigeon'") && error.ends_with("host, a, b"), "{error}");
    }

    #[test]
    fn one_source_reads_standard_input() {
        let source = |name: &str| {
            format!("[[source]]\nname = \"{name}\"\nkind = \"stdin\"\nstream = \"host\"\n")
        };
        let both = || sources(&(source("a") + &source("b")));
        let error = select(both(), &[]).unwrap_err().to_string();
        assert!(error.starts_with("the sources a, b all read standard input"), "{error}");
        assert_eq!(select(both(), &["b".to_owned()]).unwrap().len(), 1);
    }

    #[test]
    fn a_configuration_without_sources_has_nothing_to_run() {
        let error = select(Vec::new(), &[]).unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("no [[source]] is configured; add one of kind: host, "), "{said}");
    }
}
