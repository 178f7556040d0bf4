//! The keys of the configuration, for the dashboard. People and editors are told of the sources' own keys as well: by
//! `freshet-sources/tests/generated.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use freshet_core::config::{
    Config, Key, Kind, MAX_METRIC_BYTES, MOST_EDITS, Presence, TABLES, Table,
};
use freshet_core::window::{LONGEST_MS, MOST_OVERLAPPING, MOST_PANES};
use serde_json::json;

use crate::files::check_file;

/// Words for people do not reach the reader: what they called a value would stand in its code once more.
#[test]
fn what_has_a_value_when_it_is_left_out_declares_it_as_its_default() {
    for table in TABLES {
        for key in table.keys {
            if let Presence::Optional(words) = key.presence {
                assert!(!words.contains('`'), "{}.{}: {words}", table.path, key.name);
            }
        }
    }
}

/// An example that the reader refused would mislead; and a key that it does not read would be passed over.
#[test]
fn every_example_is_accepted_by_itself() {
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
        ("kafka.security.ca_file", "protocol = \"ssl\""),
        ("cassandra.username", "password = \"p\""),
        ("cassandra.password", "username = \"u\""),
        ("cassandra.server_name", "ca_file = \"ca.pem\""),
        ("stream.format", "header = true"),
        ("stream.schema", "format = \"avro\"\nvalues = { temperature = \"temp\" }"),
        ("stream.schema_file", "format = \"avro\"\nvalues = { temperature = \"temp\" }"),
        ("schema_registry.username", "url = \"https://a\"\npassword = \"secret\""),
        ("schema_registry.password", "url = \"https://a\"\nusername = \"freshet\""),
        ("schema_registry.ca_file", "url = \"https://a\""),
        ("schema_registry.timeout", "url = \"https://a\""),
        (
            "stream.message",
            "format = \"protobuf\"\nschema = 'package plant; message Reading { optional double t = 1; }'",
        ),
        ("stream.columns", "format = \"csv\"\nvalues = { temperature = \"value\" }"),
        ("stream.header", "format = \"csv\""),
        ("stream.delimiter", "format = \"csv\"\nheader = true"),
        ("stream.quote", "format = \"csv\"\nheader = true"),
        ("stream.comment", "format = \"csv\"\nheader = true"),
        ("stream.skip_lines", "format = \"csv\"\nheader = true"),
        ("stream.trim", "format = \"csv\"\nheader = true"),
        ("stream.decimal_comma", "format = \"csv\"\nheader = true"),
        ("stream.names", "value = \"v\""),
        ("stream.value", "names = \"n\""),
        ("stream.series_defaults", "series = \"sensor.id\""),
        ("stream.series_names", "series = \"id\""),
        ("stream.series_lower_case", "series = \"id\""),
        ("stream.window_zone", "windows = [\"1d\"]"),
        ("stream.time.date", "field = \"at\"\nunit = \"%F %T\""),
        ("stream.time.zone", "field = \"at\"\nunit = \"rfc3339\""),
    ]
    .into();
    for table in TABLES {
        for key in table.keys {
            let path = format!("{}.{}", table.path, key.name);
            let more = beside.get(path.as_str()).copied().unwrap_or_default();
            let text = document(table, key, key.example, more);
            // The files that examples name lie beside this one.
            Config::parse(&text, Path::new("tests/fixtures/freshet.toml"), BTreeMap::new())
                .unwrap_or_else(|error| panic!("{path}: {error}\n{text}"));
        }
    }
}

/// The editor and the dashboard refuse a text of another form by the declaration alone, and so does the reader.
#[test]
fn a_text_of_another_form_than_declared_is_refused_in_words() {
    let mut checked = 0;
    for table in TABLES {
        for key in table.keys.iter().filter(|key| matches!(key.kind, Kind::Text(Some(_)))) {
            assert!(!key.form.is_empty(), "{}.{}: say its form in words", table.path, key.name);
            let text = document(table, key, "\"!\"", "");
            let error = Config::parse(&text, Path::new("freshet.toml"), BTreeMap::new())
                .expect_err(key.name)
                .to_string();
            let expected = format!("{}.{}: {}", table.path, key.name, key.form);
            assert!(error.ends_with(&expected), "{error}");
            checked += 1;
        }
    }
    assert_eq!(checked, 15);
}

/// A file that gives a value to a key and says no more than it has to; `more` are lines beside that of the key.
fn document(table: &Table, key: &Key, value: &str, more: &str) -> String {
    const STREAM: &str =
        "[[stream]]\nname = \"host\"\nvalues = { temperature = \"t\" }\nwindows = [\"10s\"]\n";
    let line = format!("{} = {value}\n{more}\n", key.name);
    match table.path {
        "stream" => {
            let is_said = |name: &str| key.name == name || more.contains(&format!("{name} ="));
            let lines: String = STREAM
                .split_inclusive('\n')
                .filter(|line| !is_said(line.split(' ').next().unwrap()))
                .collect();
            lines + &line
        }
        "stream.time" if key.name == "unit" => {
            format!("{STREAM}[stream.time]\nfield = \"at\"\n{line}")
        }
        "stream.time" => format!("{STREAM}[stream.time]\n{line}"),
        "stream.chart" => {
            let metrics = if key.name == "metrics" { "" } else { "metrics = \"temp*\"\n" };
            format!("{STREAM}[[stream.chart]]\n{metrics}{line}")
        }
        "alert" => {
            let threshold = if key.name == "below" { "" } else { "above = 1" };
            let lines = ["name = \"hot\"", "stream = \"host\"", threshold];
            let others = lines.iter().filter(|line| line.split(' ').next() != Some(key.name));
            let others: Vec<&str> = others.copied().collect();
            format!("{STREAM}[[alert]]\n{}\n{line}", others.join("\n"))
        }
        "source" => {
            let kind = if key.name == "kind" { "" } else { "kind = \"host\"\n" };
            let stream = if key.name == "stream" { "" } else { "stream = \"host\"\n" };
            format!("{STREAM}[[source]]\n{kind}{stream}{line}")
        }
        other => format!("[{other}]\n{line}{STREAM}"),
    }
}

/// What values are possible, beside the bounds of whole numbers and durations.
fn limits() -> String {
    let limits = [
        ("LONGEST_WINDOW", "The longest window, in milliseconds.", LONGEST_MS.to_string()),
        (
            "MOST_OVERLAPPING",
            "A record may lie in this many windows of one kind at the most.",
            MOST_OVERLAPPING.to_string(),
        ),
        ("MOST_PANES", "A window may have this many panes at the most.", MOST_PANES.to_string()),
        (
            "MAX_METRIC_BYTES",
            "The longest name of a metric, in bytes of UTF-8.",
            MAX_METRIC_BYTES.to_string(),
        ),
        (
            "MOST_EDITS",
            "A key that differs by more edits is not taken for a typing mistake.",
            MOST_EDITS.to_string(),
        ),
    ];
    let lines = limits
        .map(|(name, about, limit)| format!("\n/** {about} */\nexport const {name} = {limit};\n"));
    lines.concat()
}

/// Names that may be chosen, as types: code that needs another one for each of them fails to compile without it.
fn choices() -> String {
    let chosen = [
        ("SaslMechanism", "kafka.security", "sasl_mechanism"),
        ("Consistency", "cassandra", "consistency"),
        ("AlertField", "alert", "field"),
        ("Severity", "alert", "severity"),
    ];
    let types = chosen.map(|(name, path, key)| {
        let table = TABLES.iter().find(|table| table.path == path).unwrap();
        let key = table.keys.iter().find(|declared| declared.name == key).unwrap();
        let Kind::Choice(names) = key.kind else { panic!("{path}.{} is no choice", key.name) };
        let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        format!("\n/** {}.{}. */\nexport type {name} = {};\n", path, key.name, names.join(" | "))
    });
    types.concat()
}

#[test]
fn the_dashboard_knows_all_keys() {
    let entry = |table: &Table, key: &Key| {
        let (kind, more) = match key.kind {
            Kind::Text(pattern) => {
                ("text", json!({ "pattern": pattern, "form": pattern.map(|_| key.form) }))
            }
            Kind::Texts => ("texts", json!({})),
            Kind::Integer(least, most) => ("integer", json!({ "least": least, "most": most })),
            Kind::Number(least, most) => ("number", json!({ "least": least, "most": most })),
            Kind::Flag => ("flag", json!({})),
            Kind::Duration(most) => {
                let least = key.refuses_zero.then_some(1);
                let most = u64::try_from(most.as_millis()).unwrap();
                ("duration", json!({ "least": least, "most": most }))
            }
            Kind::Choice(names) => ("choice", json!({ "choices": names })),
            Kind::Path => ("path", json!({})),
            Kind::TextTable => ("table", json!({})),
            Kind::TextOrTable => ("text_or_table", json!({})),
            Kind::NumberTable => ("number_table", json!({})),
            Kind::Conditions => ("conditions", json!({})),
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
            // The bound of 64 bits would not fit into a number of JavaScript; the dashboard has it.
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
    let lists: Vec<String> = TABLES
        .iter()
        .filter(|table| table.is_list)
        .map(|table| format!("'{}'", table.path))
        .collect();
    let lists = lists.join(", ");
    let file = format!(
        "// Generated by rust/freshet-core/tests/generated/configuration.rs; do not edit it, change the declaration in \
         freshet-core.\n\n\
         /** A key of freshet.toml, as freshet-core declares it. */\n\
         export interface ConfigurationKey {{\n  \
         readonly section: string;\n  \
         readonly name: string;\n  \
         readonly kind:\n    \
         | 'text'\n    | 'texts'\n    | 'integer'\n    | 'number'\n    | 'flag'\n    | 'duration'\n    | 'choice'\n    \
         | 'path'\n    | 'table'\n    | 'text_or_table'\n    | 'number_table'\n    | 'conditions';\n  \
         /** What it is when it is left out; null without one. */\n  \
         readonly default: string | number | boolean | readonly string[] | null;\n  \
         readonly required: boolean;\n  \
         readonly secret: boolean;\n  \
         /** The environment variable that overrides it; null where the environment does not reach. */\n  \
         readonly variable: string | null;\n  \
         readonly choices?: readonly string[];\n  \
         /** Of a whole number, or of a duration in milliseconds. */\n  \
         readonly least?: number;\n  \
         /** Of a whole number, or of a duration in milliseconds. */\n  \
         readonly most?: number;\n  \
         readonly pattern?: string;\n  \
         /** What a text of that pattern is, in words. */\n  \
         readonly form?: string;\n}}\n\n\
         /** The tables of which several stand beside each other. */\n\
         export const CONFIGURATION_LISTS: readonly string[] = [{lists}];\n\n\
         /** All keys. */\n\
         export const CONFIGURATION_KEYS: readonly ConfigurationKey[] = [\n{}];\n{}{}",
        entries.concat(),
        limits(),
        choices()
    );
    check_file("node-dashboard/src/server/generated/configuration.ts", &file);
}
