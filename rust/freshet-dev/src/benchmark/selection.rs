//! Which queries are measured.

use std::str::FromStr;

use clap::ValueEnum;

use super::{Engine, PLAIN_CASES, READ_CASE, WINDOW_CASES};

/// `CASE`, which means all of its engines, or `CASE/ENGINE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    case: &'static str,
    engine: Option<Engine>,
}

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, engine) = text.split_once('/').map_or((text, None), |(c, e)| (c, Some(e)));
        let (case, engines) = cases().find(|(case, _)| *case == name).ok_or_else(|| {
            let names: Vec<&str> = cases().map(|(case, _)| case).collect();
            format!("there is no case '{name}'; there are: {}", names.join(", "))
        })?;
        let engine = engine.map(|engine| engine_of(case, engines, engine)).transpose()?;
        Ok(Self { case, engine })
    }
}

fn engine_of(case: &str, engines: &[Engine], name: &str) -> Result<Engine, String> {
    let engine = Engine::from_str(name, false).ok().filter(|engine| engines.contains(engine));
    engine.ok_or_else(|| {
        let names: Vec<String> = engines.iter().map(ToString::to_string).collect();
        format!("the case '{case}' has no engine '{name}'; it has: {}", names.join(", "))
    })
}

fn cases() -> impl Iterator<Item = (&'static str, &'static [Engine])> {
    let read = [(READ_CASE, &[Engine::Consumer, Engine::Raw, Engine::Batches][..])];
    let plain = PLAIN_CASES.into_iter().map(|case| (case, &[Engine::Plain][..]));
    let both =
        WINDOW_CASES.into_iter().map(|(case, _)| (case, &[Engine::Plain, Engine::Native][..]));
    read.into_iter().chain(plain).chain(both)
}

/// The queries that are selected, all without a selection, in the order in which they run.
pub fn queries(only: &[Selection]) -> Vec<(&'static str, Engine)> {
    let selected = |case: &str, engine: Engine| {
        let matches = |selection: &Selection| {
            selection.case == case && selection.engine.is_none_or(|one| one == engine)
        };
        only.is_empty() || only.iter().any(matches)
    };
    cases()
        .flat_map(|(case, engines)| engines.iter().map(move |engine| (case, *engine)))
        .filter(|(case, engine)| selected(case, *engine))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(texts: &[&str]) -> Vec<String> {
        let only: Vec<Selection> = texts.iter().map(|text| text.parse().unwrap()).collect();
        queries(&only).iter().map(|(case, engine)| format!("{case}/{engine}")).collect()
    }

    #[test]
    fn everything_is_selected_unless_something_is_named() {
        assert_eq!(queries(&[]).len(), 11);
        assert_eq!(selected(&["source"]), ["source/plain"]);
        assert_eq!(selected(&["read"]), ["read/consumer", "read/raw", "read/batches"]);
        assert_eq!(
            selected(&["sliding_60s_1s/native", "tumbling_10s"]),
            ["tumbling_10s/plain", "tumbling_10s/native", "sliding_60s_1s/native"]
        );
    }

    #[test]
    fn what_does_not_exist_is_refused_with_what_does() {
        let refused = |text: &str| text.parse::<Selection>().unwrap_err();
        assert!(refused("tumbling").contains("there are: read, source, from_json, tumbling_10s"));
        assert!(refused("tumbling_10s/fast").contains("it has: plain, native"));
        assert!(refused("source/native").contains("it has: plain"));
    }
}
