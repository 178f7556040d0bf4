//! Which queries are measured.

use std::str::FromStr;

use super::{Engine, PLAIN_CASES, WINDOW_CASES};

/// `CASE`, which means both of its engines, or `CASE/ENGINE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    case: &'static str,
    engine: Option<Engine>,
}

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, engine) = text.split_once('/').map_or((text, None), |(c, e)| (c, Some(e)));
        let engine = engine.map(engine_of).transpose()?;
        let plain_only = PLAIN_CASES.into_iter().find(|case| *case == name);
        if plain_only.is_some() && engine == Some(Engine::Native) {
            return Err(format!("'{name}' is a case of plain Spark alone"));
        }
        let with_windows =
            WINDOW_CASES.into_iter().map(|(case, _)| case).find(|case| *case == name);
        let case = plain_only.or(with_windows).ok_or_else(|| {
            let names: Vec<&str> = cases().map(|(case, _)| case).collect();
            format!("there is no case '{name}'; there are: {}", names.join(", "))
        })?;
        Ok(Self { case, engine })
    }
}

fn engine_of(name: &str) -> Result<Engine, String> {
    match name {
        "plain" => Ok(Engine::Plain),
        "native" => Ok(Engine::Native),
        _ => Err(format!("there is no engine '{name}'; there are: plain, native")),
    }
}

fn cases() -> impl Iterator<Item = (&'static str, &'static [Engine])> {
    let plain = PLAIN_CASES.into_iter().map(|case| (case, &[Engine::Plain][..]));
    let both =
        WINDOW_CASES.into_iter().map(|(case, _)| (case, &[Engine::Plain, Engine::Native][..]));
    plain.chain(both)
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
        assert_eq!(queries(&[]).len(), 8);
        assert_eq!(selected(&["source"]), ["source/plain"]);
        assert_eq!(
            selected(&["sliding_60s_1s/native", "tumbling_10s"]),
            ["tumbling_10s/plain", "tumbling_10s/native", "sliding_60s_1s/native"]
        );
    }

    #[test]
    fn what_does_not_exist_is_refused_with_what_does() {
        let refused = |text: &str| text.parse::<Selection>().unwrap_err();
        assert!(refused("tumbling").contains("there are: source, from_json, tumbling_10s"));
        assert!(refused("tumbling_10s/fast").contains("plain, native"));
        assert!(refused("source/native").contains("plain Spark alone"));
    }
}
