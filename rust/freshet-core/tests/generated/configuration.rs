//! The keys of the configuration: for people, for editors, and for the dashboard.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use freshet_core::config::{Config, Key, Kind, Presence, TABLES, Table};
use serde_json::{Map, Value, json};

use crate::{check_file, check_section};

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

#[test]
fn the_readme_lists_all_keys() {
    let mut rows = "| Key | Default | Meaning |\n|---|---|---|\n".to_owned();
    for table in TABLES {
        for key in table.keys {
            let cells =
                [format!("`{}.{}`", table.path, key.name), default_in_words(key), meaning(key)];
            let cells = cells.map(|cell| cell.replace('|', "\\|"));
            writeln!(rows, "| {} |", cells.join(" | ")).unwrap();
        }
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
    };
    schema["description"] = meaning(key).into();
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

/// The table of that path, with those below it.
fn schema_of_table(table: &Table) -> Value {
    let mut properties: Map<String, Value> =
        table.keys.iter().map(|key| (key.name.to_owned(), schema_of(key))).collect();
    for other in TABLES {
        if let Some((parent, name)) = other.path.rsplit_once('.')
            && parent == table.path
        {
            properties.insert(name.to_owned(), schema_of_table(other));
        }
    }
    let is_required = |key: &&Key| matches!(key.presence, Presence::Required);
    let required: Vec<&str> = table.keys.iter().filter(is_required).map(|key| key.name).collect();
    json!({
        "type": "object",
        "description": table.meaning,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

#[test]
fn editors_know_all_keys() {
    let mut properties = Map::new();
    for table in TABLES.iter().filter(|table| !table.path.contains('.')) {
        let schema = schema_of_table(table);
        let schema = if table.is_repeated {
            json!({ "type": "array", "description": table.meaning, "items": schema })
        } else {
            schema
        };
        properties.insert(table.path.to_owned(), schema);
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

/// An example that the reader refused would mislead; and a key that it does not read would be passed over.
#[test]
fn every_example_is_accepted_by_itself() {
    const STREAM: &str =
        "[[stream]]\nname = \"host\"\nvalues = { temperature = \"t\" }\nwindows = [\"10s\"]\n";
    // What only has an effect beside something else.
    let beside: BTreeMap<&str, &str> = [
        (
            "kafka.security.protocol",
            "sasl_mechanism = \"PLAIN\"\nusername = \"u\"\npassword = \"p\"",
        ),
        (
            "kafka.security.sasl_mechanism",
            "protocol = \"sasl_ssl\"\nusername = \"u\"\npassword = \"p\"",
        ),
        (
            "kafka.security.username",
            "protocol = \"sasl_ssl\"\nsasl_mechanism = \"PLAIN\"\npassword = \"p\"",
        ),
        (
            "kafka.security.password",
            "protocol = \"sasl_ssl\"\nsasl_mechanism = \"PLAIN\"\nusername = \"u\"",
        ),
        ("cassandra.username", "password = \"p\""),
        ("cassandra.password", "username = \"u\""),
        ("stream.format", "header = true"),
        ("stream.columns", "format = \"csv\"\nvalues = { temperature = \"value\" }"),
        ("stream.header", "format = \"csv\""),
        ("stream.delimiter", "format = \"csv\"\nheader = true"),
        ("source.every", "kind = \"host\""),
        ("source.series", "kind = \"synthetic\""),
        ("source.seed", "kind = \"synthetic\""),
    ]
    .into();
    for table in TABLES {
        for key in table.keys {
            let path = format!("{}.{}", table.path, key.name);
            let more = beside.get(path.as_str()).copied().unwrap_or_default();
            let line = format!("{} = {}\n{more}\n", key.name, key.example);
            let text = match table.path {
                "stream" | "stream.time" => {
                    let is_said =
                        |name: &str| key.name == name || more.contains(&format!("{name} ="));
                    let lines: String = STREAM
                        .split_inclusive('\n')
                        .filter(|line| !is_said(line.split(' ').next().unwrap()))
                        .collect();
                    match table.path {
                        "stream" => lines + &line,
                        _ if key.name == "unit" => {
                            format!("{STREAM}[stream.time]\nfield = \"at\"\n{line}")
                        }
                        _ => format!("{STREAM}[stream.time]\n{line}"),
                    }
                }
                "source" => {
                    let kind = if key.name == "kind" || !more.is_empty() {
                        ""
                    } else {
                        "kind = \"host\"\n"
                    };
                    let stream = if key.name == "stream" { "" } else { "stream = \"host\"\n" };
                    format!("{STREAM}[[source]]\n{kind}{stream}{line}")
                }
                other => format!("[{other}]\n{line}{STREAM}"),
            };
            Config::parse(&text, Path::new("freshet.toml"), BTreeMap::new())
                .unwrap_or_else(|error| panic!("{path}: {error}\n{text}"));
        }
    }
}

#[test]
fn the_dashboard_knows_all_keys() {
    let entry = |table: &Table, key: &Key| {
        let (kind, more) = match key.kind {
            Kind::Text(pattern) => ("text", json!({ "pattern": pattern })),
            Kind::Texts => ("texts", json!({})),
            Kind::Integer(least, most) => ("integer", json!({ "least": least, "most": most })),
            Kind::Number(least, most) => ("number", json!({ "least": least, "most": most })),
            Kind::Flag => ("flag", json!({})),
            Kind::Duration(most) => {
                ("duration", json!({ "most": u64::try_from(most.as_millis()).unwrap() }))
            }
            Kind::Choice(names) => ("choice", json!({ "choices": names })),
            Kind::Path => ("path", json!({})),
            Kind::TextTable => ("table", json!({})),
            Kind::TextOrTable => ("text_or_table", json!({})),
        };
        let mut entry = json!({
            "section": table.path,
            "name": key.name,
            "kind": kind,
            "default": key.default_value(),
            "required": matches!(key.presence, Presence::Required),
            "secret": key.is_secret,
            "variable": key.variable(table),
        });
        for (name, value) in more.as_object().unwrap() {
            // Whole numbers without a bound of their own would not fit into a number of JavaScript.
            if !value.is_null() && value.as_i64() != Some(i64::MAX) {
                entry[name] = value.clone();
            }
        }
        entry
    };
    let entries: Vec<String> = TABLES
        .iter()
        .flat_map(|table| table.keys.iter().map(|key| format!("  {},\n", entry(table, key))))
        .collect();
    let file = format!(
        "// Generated by rust/freshet-core/tests/generated/configuration.rs; do not edit it, change the declaration in \
         freshet-core.\n\n\
         /** A key of freshet.toml, as freshet-core declares it. */\n\
         export interface ConfigurationKey {{\n  \
         readonly section: string;\n  \
         readonly name: string;\n  \
         readonly kind:\n    | 'text'\n    | 'texts'\n    | 'integer'\n    | 'number'\n    | 'flag'\n    | 'duration'\n    | 'choice'\n    | 'path'\n    \
         | 'table'\n    | 'text_or_table';\n  \
         /** What it is when it is left out; null without one. */\n  \
         readonly default: string | number | boolean | readonly string[] | null;\n  \
         readonly required: boolean;\n  \
         readonly secret: boolean;\n  \
         /** The environment variable that overrides it; null where the environment does not reach. */\n  \
         readonly variable: string | null;\n  \
         readonly choices?: readonly string[];\n  \
         /** Of a number. */\n  \
         readonly least?: number;\n  \
         /** Of a number, or of a duration in milliseconds. */\n  \
         readonly most?: number;\n  \
         readonly pattern?: string;\n}}\n\n\
         /** All keys. */\n\
         export const CONFIGURATION_KEYS: readonly ConfigurationKey[] = [\n{}];\n",
        entries.concat()
    );
    check_file("node-dashboard/src/server/generated/configuration.ts", &file);
}
