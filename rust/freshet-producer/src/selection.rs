//! Which of the configured sources run.

use freshet_core::config::{Source, SourceKind};
use thiserror::Error;

/// Why there is nothing to run.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum SelectionError {
    #[error("'{kind}' is no kind of source; there are: {known}")]
    Unknown { kind: String, known: String },
    #[error("no [[source]] of kind '{kind}' is configured; add one, or use: {configured}")]
    NotConfigured { kind: String, configured: String },
    #[error("no [[source]] is configured; add one of kind: {known}")]
    None { known: String },
}

/// The sources of the given kinds; all of them when no kind is given.
pub(crate) fn select(sources: &[Source], kinds: &[String]) -> Result<Vec<Source>, SelectionError> {
    if sources.is_empty() {
        return Err(SelectionError::None { known: join(SourceKind::names()) });
    }
    for kind in kinds {
        check(sources, kind)?;
    }
    let is_wanted =
        |source: &&Source| kinds.is_empty() || kinds.iter().any(|kind| kind == source.kind.name());
    Ok(sources.iter().filter(is_wanted).cloned().collect())
}

fn check(sources: &[Source], kind: &str) -> Result<(), SelectionError> {
    if !SourceKind::names().any(|known| known == kind) {
        return Err(SelectionError::Unknown {
            kind: kind.to_owned(),
            known: join(SourceKind::names()),
        });
    }
    if !sources.iter().any(|source| source.kind.name() == kind) {
        return Err(SelectionError::NotConfigured {
            kind: kind.to_owned(),
            configured: join(sources.iter().map(|source| source.kind.name())),
        });
    }
    Ok(())
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn host() -> Source {
        Source {
            stream: "host".to_owned(),
            kind: SourceKind::Host { every: Duration::from_secs(1) },
        }
    }

    fn kinds(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn without_a_kind_every_source_runs() {
        assert_eq!(select(&[host(), host()], &[]).unwrap().len(), 2);
    }

    #[test]
    fn an_unknown_kind_is_answered_with_those_that_exist() {
        let error = select(&[host()], &kinds(&["carrier-pigeon"])).unwrap_err().to_string();
        assert!(
            error.starts_with("'carrier-pigeon' is no kind of source; there are: host,"),
            "{error}"
        );
    }

    #[test]
    fn a_kind_that_is_not_configured_is_answered_with_those_that_are() {
        let error = select(&[host()], &kinds(&["synthetic"])).unwrap_err().to_string();
        assert!(error.ends_with("use: host"), "{error}");
    }

    #[test]
    fn a_configuration_without_sources_has_nothing_to_run() {
        assert!(matches!(select(&[], &[]), Err(SelectionError::None { .. })));
    }
}
