//! The keys of the configuration, for people and for editors: those of `freshet-core` and those of each kind of source.
//! With `FRESHET_GENERATE=1` the committed files are written instead of compared.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../freshet-core/tests/generated/files.rs"]
mod files;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use files::{check_file, check_section};
use freshet_core::config::{Key, Kind, Presence, SOURCE, TABLES, Table};
use freshet_sources::kinds::{KINDS, SourceKind};
use freshet_sources::settings::COMMON_KEYS;
use serde_json::{Map, Value, json};

/// What editors take for a duration.
const DURATION: &str = "^[0-9]+(ms|s|m|h|d)$";

fn inline_code(text: &str) -> String {
    if text.contains('`') { text.to_owned() } else { format!("`{text}`") }
}

fn default_in_words(key: &Key) -> String {
    match key.presence {
        Presence::Required => "required".to_owned(),
        Presence::Optional(words) => words.to_owned(),
        Presence::Default("") => "none".to_owned(),
        Presence::Default(text) => inline_code(text),
        Presence::Either { usual, other, when } => {
            format!("{}; {when} {}", inline_code(usual), inline_code(other))
        }
    }
}

fn meaning(key: &Key) -> String {
    match key.kind {
        Kind::Choice(names) => {
            let names: Vec<String> = names.iter().map(|name| inline_code(name)).collect();
            format!("{}: {}", key.meaning, names.join(", "))
        }
        _ => key.meaning.to_owned(),
    }
}

/// The keys that only some kinds have, with these kinds.
fn keys_of_kinds() -> Vec<(&'static Key, Vec<&'static str>)> {
    let mut keys: Vec<(&Key, Vec<&str>)> = Vec::new();
    for kind in KINDS {
        for key in kind.keys {
            let same = |known: &&mut (&Key, Vec<&str>)| {
                known.0.name == key.name && known.0.meaning == key.meaning
            };
            match keys.iter_mut().find(same) {
                Some((_, kinds)) => kinds.push(kind.name),
                None => keys.push((key, vec![kind.name])),
            }
        }
    }
    keys
}

#[test]
fn the_readme_lists_all_keys() {
    let mut rows = "| Key | Default | Meaning |\n|---|---|---|\n".to_owned();
    let mut row = |table: &Table, key: &Key, meaning: String| {
        let cells = [format!("`{}.{}`", table.path, key.name), default_in_words(key), meaning];
        writeln!(rows, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")).unwrap();
    };
    for table in TABLES {
        for key in table.keys {
            row(table, key, meaning(key));
        }
    }
    for key in COMMON_KEYS {
        row(&SOURCE, key, meaning(key));
    }
    for (key, kinds) in keys_of_kinds() {
        row(&SOURCE, key, format!("{}: {}", kinds.join(", "), meaning(key)));
    }
    check_section("README.md", "configuration", &rows);
}

/// JSON Schema of one key.
fn schema_of(key: &Key) -> Value {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "object", "additionalProperties": text });
    let mut schema = match key.kind {
        Kind::Text(None) | Kind::Path => text,
        Kind::Text(Some(pattern)) => json!({ "type": "string", "pattern": pattern }),
        Kind::Texts => json!({ "anyOf": [text, { "type": "array", "items": text }] }),
        Kind::Integer(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Number(least, most) => {
            json!({ "type": "number", "minimum": least, "maximum": most })
        }
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Duration(_) => json!({ "type": "string", "pattern": DURATION }),
        Kind::Choice(names) => json!({ "enum": names }),
        Kind::TextTable => texts,
        Kind::TextOrTable => json!({ "anyOf": [text, texts] }),
        Kind::NumberTable => {
            json!({ "type": "object", "additionalProperties": { "type": "number" } })
        }
        Kind::Conditions => {
            let list = json!({ "type": "array", "items": text, "minItems": 1 });
            let table = json!({
                "type": "object",
                "properties": { "prefix": text, "exists": { "type": "boolean" } },
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
            });
            json!({ "type": "object", "additionalProperties": { "anyOf": [text, list, table] } })
        }
    };
    schema["description"] = match key.presence {
        // JSON Schema has one default only.
        Presence::Either { .. } => {
            format!("{}; default: {}", meaning(key), default_in_words(key)).into()
        }
        _ => meaning(key).into(),
    };
    if let Some(default) = key.default_value() {
        schema["default"] = default;
    }
    if let Some(example) = example(key).filter(|_| !key.is_secret) {
        schema["examples"] = json!([example]);
    }
    schema
}

/// The example, where TOML and JSON write it alike: all but tables.
fn example(key: &Key) -> Option<Value> {
    serde_json::from_str(key.example).ok()
}

/// A table with these keys, and with the tables below it.
fn schema_of_keys<'k>(path: &str, about: &str, keys: impl IntoIterator<Item = &'k Key>) -> Value {
    let keys: Vec<&Key> = keys.into_iter().collect();
    let mut properties: Map<String, Value> =
        keys.iter().map(|key| (key.name.to_owned(), schema_of(key))).collect();
    for other in TABLES {
        if let Some((parent, name)) = other.path.rsplit_once('.')
            && parent == path
        {
            let schema = schema_of_keys(other.path, other.meaning, other.keys);
            properties.insert(name.to_owned(), one_or_list(other, schema));
        }
    }
    let is_required = |key: &&&Key| matches!(key.presence, Presence::Required);
    let required: Vec<&str> = keys.iter().filter(is_required).map(|key| key.name).collect();
    json!({
        "type": "object",
        "description": about,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// A table, or a list of them.
fn one_or_list(table: &Table, schema: Value) -> Value {
    if table.is_list {
        json!({ "type": "array", "description": table.meaning, "items": schema })
    } else {
        schema
    }
}

/// A source of that kind.
fn schema_of_kind(kind: &SourceKind) -> Value {
    let keys = SOURCE.keys.iter().chain(COMMON_KEYS).chain(kind.keys);
    let mut schema = schema_of_keys(SOURCE.path, kind.meaning, keys);
    schema["properties"]["kind"]["const"] = kind.name.into();
    schema
}

#[test]
fn editors_know_all_keys() {
    let mut properties = Map::new();
    for table in TABLES.iter().filter(|table| !table.path.contains('.')) {
        let schema = if table.path == SOURCE.path {
            let kinds: Vec<Value> = KINDS.iter().map(|kind| schema_of_kind(kind)).collect();
            json!({ "oneOf": kinds })
        } else {
            schema_of_keys(table.path, table.meaning, table.keys)
        };
        properties.insert(table.path.to_owned(), one_or_list(table, schema));
    }
    properties["stream"]["minItems"] = 1.into();
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "freshet.toml",
        "description": "The configuration of a pipeline of Freshet",
        "type": "object",
        "properties": properties,
        "required": ["stream"],
        "additionalProperties": false,
    });
    check_file("freshet.schema.json", &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
}

const STREAM: &str =
    "[[stream]]\nname = \"host\"\nvalues = { temperature = \"t\" }\nwindows = [\"10s\"]\n";

fn error_of(tables: &str) -> String {
    let text = format!("{STREAM}{tables}");
    let read = freshet_sources::parse(&text, Path::new("freshet.toml"), BTreeMap::new());
    read.expect_err(tables).to_string()
}

#[test]
fn what_is_no_source_is_named_with_what_would_be_one() {
    let names = KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
    let source = "[[source]]\nkind = \"host\"\nstream = \"host\"\n";
    let cases = [
        (
            "[[source]]\nkind = \"satellite\"\nstream = \"host\"\n".to_owned(),
            format!("freshet.toml:6: source.kind: 'satellite' is not one of: {names}"),
        ),
        (
            format!("{source}evry = \"1s\"\n"),
            "freshet.toml:8: source.evry: unknown key; did you mean 'every'?".to_owned(),
        ),
        (format!("{source}seed = 7\n"), "freshet.toml:8: source.seed: unknown key".to_owned()),
    ];
    for (tables, expected) in cases {
        let error = error_of(&tables);
        assert!(error.starts_with(&expected), "{error}");
    }
}

const ANY_KIND: &str = "";

/// Kinds that go on where they were.
fn has_cursor(kind: &str) -> bool {
    ["file", "http", "sse"].contains(&kind)
}

/// Kinds that go on where they were, or whose server keeps what it has not heard of, wait instead.
fn may_spool(kind: &str) -> bool {
    !has_cursor(kind) && kind != "mqtt"
}

#[test]
fn what_can_wait_without_a_loss_is_told_so_when_it_is_to_spool() {
    for (kind, keys, why) in [
        ("file", "path = \"lines\"\n", "it goes on where it was"),
        ("sse", "url = \"https://example.org\"\n", "it goes on where it was"),
        (
            "mqtt",
            "url = \"mqtt://example.org\"\ntopics = [\"a\"]\n",
            "its server keeps what was not acknowledged",
        ),
    ] {
        let error = error_of(&format!(
            "[[source]]\nkind = \"{kind}\"\nstream = \"host\"\n{keys}when_full = \"spool\"\n"
        ));
        let line = 8 + keys.lines().count();
        let expected = format!(
            "freshet.toml:{line}: source.when_full: a source of this kind can wait without a loss, since {why}; leave \
             `when_full` out"
        );
        assert_eq!(error, expected);
    }
    let unused = error_of("[[source]]\nkind = \"host\"\nstream = \"host\"\nspool_size = 99\n");
    assert!(
        unused.starts_with("freshet.toml:8: source.spool_size: has an effect with `when_full"),
        "{unused}"
    );
}

#[test]
fn a_spool_is_beside_the_configuration_file_under_the_name_of_its_source() {
    let directory = |file: &str, key: &str, variables: &[(&str, &str)]| {
        let text = format!(
            "{STREAM}[[source]]\nkind = \"mqtt\"\nname = \"house\"\nstream = \"host\"\nqos = 0\n\
             url = \"mqtt://example.org\"\ntopics = [\"a\"]\nwhen_full = \"spool\"\n{key}"
        );
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let loaded = freshet_sources::parse(&text, Path::new(file), variables.collect()).unwrap();
        let spool = loaded.source_settings[0].delivery.spool.clone().unwrap();
        (
            spool.directory.to_str().unwrap().to_owned(),
            spool.bytes >> 20,
            spool.error("no").to_string(),
        )
    };
    let (usual, size, error) = directory("/etc/freshet/house.toml", "", &[]);
    assert_eq!((usual.as_str(), size), ("/etc/freshet/spool/house", 1024));
    assert_eq!(error, "/etc/freshet/house.toml:5: source.spool_directory: no");
    assert_eq!(directory("freshet.toml", "", &[]).0, "spool/house");
    let (given, size, error) =
        directory("a/b.toml", "spool_directory = \"../c\"\nspool_size = 16\n", &[]);
    assert_eq!((given.as_str(), size), ("a/../c/house", 16));
    assert_eq!(error, "a/b.toml:13: source.spool_directory: no");
    let variable = "FRESHET_SOURCE__HOUSE__SPOOL_DIRECTORY";
    let (given, _, error) = directory("a/b.toml", "", &[(variable, "/var/spool")]);
    assert_eq!(given, "/var/spool/house");
    assert_eq!(error, format!("environment variable {variable}: source.spool_directory: no"));
}

/// What a key needs beside it.
const BESIDE: &[(&str, &str, &str)] = &[
    (ANY_KIND, "spool_directory", "when_full = \"spool\"\n"),
    (ANY_KIND, "spool_size", "when_full = \"spool\"\n"),
    ("file", "speed", "mode = \"once\"\ntime_field = \"at\"\n"),
    ("file", "time_field", "mode = \"once\"\nspeed = 1\n"),
    ("file", "time_unit", "mode = \"once\"\nspeed = 1\ntime_field = \"at\"\n"),
    ("file", "delimiter", "mode = \"once\"\nspeed = 1\ntime_field = \"2\"\n"),
    ("file", "max_pause", "mode = \"once\"\nspeed = 1\ntime_field = \"at\"\n"),
    ("http", "skip_lines", "input = \"lines\"\n"),
    ("synthetic", "limit", "unlimited = true\n"),
    ("synthetic", "skew", "unlimited = true\n"),
    ("synthetic", "out_of_order", "unlimited = true\n"),
    ("synthetic", "disorder", "unlimited = true\nout_of_order = 0.1\n"),
    ("synthetic", "late", "unlimited = true\n"),
    ("synthetic", "late_by", "unlimited = true\nlate = 0.1\n"),
    ("synthetic", "bad", "unlimited = true\n"),
];

/// Of each kind: with what a source of it must have, every other key by itself.
#[test]
fn every_example_is_accepted() {
    for kind in KINDS {
        let line = |key: &Key| format!("{} = {}\n", key.name, key.example);
        let is_required = |key: &&Key| matches!(key.presence, Presence::Required);
        let needed: String = kind.keys.iter().filter(is_required).map(line).collect();
        // A file that has to be there is not.
        let is_possible = |key: &&Key| match key.name {
            "ca_file" => false,
            "spool_directory" | "spool_size" => may_spool(kind.name),
            "commit_interval" => has_cursor(kind.name),
            _ => true,
        };
        for key in COMMON_KEYS.iter().chain(kind.keys).filter(is_possible) {
            let own = if needed.contains(&line(key)) { String::new() } else { line(key) };
            let beside: String = BESIDE
                .iter()
                .filter(|(of, name, _)| [kind.name, ANY_KIND].contains(of) && *name == key.name)
                .map(|(_, _, lines)| *lines)
                .collect();
            let text = format!(
                "{STREAM}[[source]]\nkind = \"{}\"\nstream = \"host\"\n{needed}{beside}{own}",
                kind.name
            );
            freshet_sources::parse(&text, Path::new("freshet.toml"), BTreeMap::new())
                .unwrap_or_else(|error| panic!("{}.{}: {error}\n{text}", kind.name, key.name));
        }
    }
}
