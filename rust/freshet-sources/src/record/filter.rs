//! A jq filter, compiled once.
//!
//! Filters see what they are given and nothing else: they have no files, no environment, no other messages, and write
//! to no stream.

use std::fmt;

use jaq_core::data::JustLut;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Compiler, Ctx, Error, Vars, compile, unwrap_valr};
use jaq_json::Val;

use super::json;

/// What would reach out of a filter.
const OUTSIDE: [&str; 9] = [
    "halt",
    "halt_error",
    "env",
    "debug",
    "debug_empty",
    "stderr",
    "stderr_empty",
    "input",
    "inputs",
];
/// What a name may differ by, to be taken for a typing mistake.
const MOST_EDITS: usize = 2;
/// The most characters of a filter that a message shows.
const MOST_SHOWN: usize = 40;

/// A filter.
pub(crate) struct Filter {
    code: String,
    compiled: jaq_core::Filter<JustLut<Val>>,
    variables: usize,
}

/// What is wrong with a filter, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FilterError {
    /// The line in the filter, from 1.
    pub(crate) line: usize,
    /// What is wrong there, with the column, and what would be right.
    pub(crate) message: String,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.code).finish()
    }
}

impl Filter {
    /// Compiles a filter that knows these variables, `$` before each.
    ///
    /// # Errors
    ///
    /// With the first thing that is wrong.
    pub(crate) fn compile(code: &str, variables: &[&str]) -> Result<Self, FilterError> {
        let is_inside = |name: &str| !OUTSIDE.contains(&name);
        let definitions = || {
            let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
            all.filter(move |definition| is_inside(definition.name))
        };
        let functions = || {
            let all =
                jaq_core::funs::<JustLut<Val>>().chain(jaq_std::funs()).chain(jaq_json::funs());
            all.filter(move |(name, _, _)| is_inside(name) && *name != "fromjson")
                .chain([bounded_from_json()])
        };
        let arena = Arena::default();
        let modules = Loader::new(definitions())
            .load(&arena, File { path: (), code })
            .map_err(|errors| not_read(code, &errors))?;
        let known = || {
            let names = definitions().map(|definition| definition.name.to_owned());
            names.chain(functions().map(|(name, _, _)| name.to_owned()))
        };
        let compiled = Compiler::default()
            .with_funs(functions())
            .with_global_vars(variables.iter().copied())
            .compile(modules)
            .map_err(|errors| not_compiled(code, &errors, variables, known()))?;
        Ok(Self { code: code.to_owned(), compiled, variables: variables.len() })
    }

    /// What it makes of a value, one after the other; an error is the last.
    pub(crate) fn outputs(
        &self,
        input: Val,
        variables: Vec<Val>,
    ) -> impl Iterator<Item = Result<Val, String>> + '_ {
        debug_assert_eq!(variables.len(), self.variables);
        let context = Ctx::<JustLut<Val>>::new(&self.compiled.lut, Vars::new(variables));
        let outputs = self.compiled.id.run((context, input)).map(unwrap_valr);
        outputs.map(|output| output.map_err(in_words))
    }
}

/// An error that is a text stands without the quotes of JSON.
fn in_words(error: Error<Val>) -> String {
    match error.into_val() {
        Val::TStr(text) | Val::BStr(text) => String::from_utf8_lossy(&text).into_owned(),
        value => value.to_string(),
    }
}

/// `fromjson` with the bounds that messages have: what a server sends may have JSON in its texts.
fn bounded_from_json() -> Fun<JustLut<Val>> {
    run(("fromjson", v(0), |cv| bome(from_json(&cv.1))))
}

fn from_json(value: &Val) -> Result<Val, Error<Val>> {
    let (Val::TStr(text) | Val::BStr(text)) = value else {
        return Err(Error::str("cannot parse as JSON what is no text"));
    };
    json::parse(text).map_err(|error| Error::str(format_args!("cannot parse as JSON: {error}")))
}

/// An error at a part of the filter.
fn at(code: &str, part: &str, what: &str) -> FilterError {
    let start = load::span(code, part).start;
    let before = &code[..start];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
    FilterError { line, message: format!("column {column} of the filter: {what}") }
}

/// The beginning of a part, in quotes; of nothing, the end.
fn shown(part: &str) -> String {
    let line = part.lines().next().unwrap_or_default();
    if line.is_empty() {
        return "the end of the filter".to_owned();
    }
    let cut: String = line.chars().take(MOST_SHOWN).collect();
    format!("'{cut}{}'", if cut.len() < line.len() { "…" } else { "" })
}

fn not_read(code: &str, errors: &load::Errors<&str, ()>) -> FilterError {
    let whole = || FilterError { line: 1, message: "the filter cannot be read".to_owned() };
    let Some((_, error)) = errors.first() else { return whole() };
    let (expected, found) = match error {
        load::Error::Io(errors) => {
            let Some((found, _)) = errors.first() else { return whole() };
            return at(code, found, "a filter has no modules and no files");
        }
        load::Error::Lex(errors) => match errors.first() {
            Some((expected, found)) => (expected.as_str(), *found),
            None => return whole(),
        },
        load::Error::Parse(errors) => match errors.first() {
            Some((expected, found)) => (expected.as_str(), *found),
            None => return whole(),
        },
    };
    let found_text = if found.is_empty() { &code[code.len()..] } else { found };
    at(code, found_text, &format!("expected {expected}, found {}", shown(found)))
}

fn not_compiled(
    code: &str,
    errors: &compile::Errors<&str, ()>,
    variables: &[&str],
    known: impl Iterator<Item = String>,
) -> FilterError {
    let Some((name, undefined)) = errors.iter().flat_map(|(_, errors)| errors).next() else {
        return FilterError { line: 1, message: "the filter cannot be compiled".to_owned() };
    };
    let what = match undefined {
        compile::Undefined::Filter(_) if OUTSIDE.contains(name) => {
            format!("'{name}' reaches out of the filter, and is not there")
        }
        compile::Undefined::Filter(arguments) => {
            let advice = match closest(name, known) {
                Some(close) if close == *name => "it takes another number of arguments".to_owned(),
                Some(close) => format!("did you mean '{close}'?"),
                None => "see the manual of jq for those that there are".to_owned(),
            };
            format!("there is no function '{name}' with {arguments} arguments; {advice}")
        }
        compile::Undefined::Var => {
            format!("there is no variable '{name}'; there are: {}", variables.join(", "))
        }
        undefined => format!("there is no {} '{name}'", undefined.as_str()),
    };
    at(code, name, &what)
}

fn closest(typed: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let distance = |name: &String| strsim::levenshtein(typed, name);
    known
        .filter(|name| distance(name) <= MOST_EDITS)
        .min_by_key(|name| (distance(name), name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str) -> (usize, String) {
        let error = Filter::compile(code, &["$topic"]).unwrap_err();
        (error.line, error.message)
    }

    #[test]
    fn an_error_names_its_place_and_what_would_be_right() {
        let cases = [
            (
                ".a | lenght",
                1,
                "column 6 of the filter: there is no function 'lenght' with 0 arguments; did you mean 'length'?",
            ),
            (
                ".a |\n  .b +",
                2,
                "column 7 of the filter: expected term, found the end of the filter",
            ),
            (
                "[.a",
                1,
                "column 4 of the filter: expected closing bracket, found the end of the filter",
            ),
            (
                ".a\n| $topik",
                2,
                "column 3 of the filter: there is no variable '$topik'; there are: $topic",
            ),
            (
                "map(.a; .b)",
                1,
                "column 1 of the filter: there is no function 'map' with 2 arguments; it takes another \
                 number of arguments",
            ),
            (
                "env.HOME",
                1,
                "column 1 of the filter: 'env' reaches out of the filter, and is not there",
            ),
            (
                "input",
                1,
                "column 1 of the filter: 'input' reaches out of the filter, and is not there",
            ),
            (
                "\"a\" | halt_error",
                1,
                "column 7 of the filter: 'halt_error' reaches out of the filter, and is not there",
            ),
            (
                "$ENV.HOME",
                1,
                "column 1 of the filter: there is no variable '$ENV'; there are: $topic",
            ),
            (
                "import \"a\" as a; .",
                1,
                "column 9 of the filter: a filter has no modules and no files",
            ),
        ];
        for (code, line, message) in cases {
            assert_eq!(error(code), (line, message.to_owned()), "{code}");
        }
    }

    #[test]
    fn filters_go_from_thread_to_thread() {
        fn is_shared<T: Send + Sync>(_: &T) {}
        is_shared(&Filter::compile(".", &[]).unwrap());
    }
}
