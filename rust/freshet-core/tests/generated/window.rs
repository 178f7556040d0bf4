//! What follows from the table of a window's fields: the TypeScript module of the dashboard, and the table in
//! docs/windows.md.

use std::fmt::Write;

use freshet_core::aggregate::{EXACT_PERCENTILES, PERCENTILE_MEANING};
use freshet_core::window::WindowSpec;
use freshet_core::window_version::{
    Columns, FIELDS, FIRST_VERSION, Field, Kind, Part, spark_schema,
};
use serde_json::Value as Json;

use crate::files::{check_file, check_section};

/// What the dashboard tells from the write time of a row, for want of a column.
const TOLD_BY_WRITE_TIME: &str = "generation";

/// How wide generated lines may be: that of Prettier in the dashboard.
const WIDTH: usize = 110;

#[test]
fn typescript_has_the_fields_of_a_window() {
    check_file("node-dashboard/src/shared/generated/window.ts", &typescript());
}

#[test]
fn the_documentation_has_the_fields_of_a_window() {
    check_section("docs/windows.md", "fields", &documentation());
}

#[test]
fn the_documentation_has_examples_of_where_windows_begin() {
    const KINDS: [(&str, &str); 8] = [
        ("1h", ""),
        ("1h@15m", ""),
        ("7d", ""),
        ("7d@Mon", ""),
        ("1d", "Europe/Berlin"),
        ("1d@6h", "Europe/Berlin"),
        ("7d@Mon", "Europe/Berlin"),
        ("1d", "Asia/Kathmandu"),
    ];
    let instant = "2026-03-29T12:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let time = |ms| jiff::Timestamp::from_millisecond(ms).unwrap().to_string();
    let mut table =
        String::from("| `windows` | `window_zone` | Name | Start | End |\n|---|---|---|---|---|\n");
    for (text, zone) in KINDS {
        let (of_stream, said) = match zone {
            "" => (None, String::new()),
            zone => (Some(zone.parse().unwrap()), format!("`\"{zone}\"`")),
        };
        let window = WindowSpec::read(text, of_stream.as_ref()).unwrap();
        let start = window.last_start_ms(instant).unwrap();
        let (from, to) = (time(start), time(window.end_ms(start).unwrap()));
        writeln!(table, "| `\"{text}\"` | {said} | `{window}` | {from} | {to} |").unwrap();
    }
    check_section("docs/windows.md", "begin", &table);
}

#[test]
fn the_meanings_of_percentiles_name_the_number_of_readings_up_to_which_they_are_exact() {
    let exact = format!("at most {EXACT_PERCENTILES} readings");
    let percentile = |field: &&Field| {
        field.name.strip_prefix('p').is_some_and(|share| share.parse::<u8>().is_ok())
    };
    for field in FIELDS.iter().filter(percentile) {
        assert!(field.meaning.contains(&exact), "{}: {}", field.name, field.meaning);
    }
}

fn typescript() -> String {
    let mut code = String::from(
        "// Generated from the table of a window's fields in freshet-core (window_version/fields.rs) by the test \
         `generated`.\n\n",
    );
    let constants = [
        ("Percentiles of a window of no more readings than this are exact.", "EXACT_PERCENTILES"),
        ("What the percentile of a share q is.", "PERCENTILE_MEANING"),
    ];
    let values = [EXACT_PERCENTILES.to_string(), quoted(PERCENTILE_MEANING)];
    for ((comment, name), value) in constants.iter().zip(values) {
        push_comment(&mut code, "", comment);
        push_assignment(&mut code, &format!("export const {name}"), " =", &value, ";");
        code.push('\n');
    }
    let (values, others): (Vec<_>, Vec<_>) = appended().into_iter().partition(|f| is_value(f));
    let comment = "One version of one window of one series. What is null is not known, as what came after the first \
                   version of the table of fields may be.";
    push_interface(&mut code, comment, "WindowValue", &values);
    let comment = "A window as it travels on `windows.<stream>` and over `/api/live`.";
    push_interface(&mut code, comment, "WindowMessage extends WindowValue", &others);
    code + &lists(&values)
}

/// The fields as data. Apart from each other, so that the page carries only what it uses.
fn lists(values: &[&Field]) -> String {
    let mut code = String::new();
    push_comment(
        &mut code,
        "",
        "What kind of values a field has; times are milliseconds since the epoch.",
    );
    code += "export type WindowFieldKind = 'text' | 'time' | 'count' | 'number' | 'flag';\n\n";
    push_comment(&mut code, "", "A field of a window.");
    code += "export interface WindowField {\n  readonly name: keyof WindowMessage;\n";
    code += "  readonly kind: WindowFieldKind;\n";
    push_comment(&mut code, "  ", "There when it may be missing, or null; a flag is false then.");
    code += "  readonly optional?: true;\n}\n\n";
    let all: Vec<_> = FIELDS.iter().collect();
    push_list(&mut code, "The fields of a message, in its order.", "WINDOW_FIELDS", &all);
    let later: Vec<_> = all
        .into_iter()
        .filter(|field| field.part == Part::Statistic && is_optional(field))
        .collect();
    let comment = "The statistics that came after the first version of the table of fields.";
    push_list(&mut code, comment, "LATER_STATISTICS", &later);
    let comment = "The fields of `WindowValue` with their meanings, in the order of answers: those that came later \
                   follow.";
    push_comment(&mut code, "", comment);
    code += "export const WINDOW_MEANINGS: Readonly<Record<keyof WindowValue, string>> = {\n";
    for field in values {
        push_assignment(
            &mut code,
            &format!("  {}", field.name),
            ":",
            &quoted(&meaning(field)),
            ",",
        );
    }
    code += "};\n\n";
    push_comment(
        &mut code,
        "",
        "The fields of `WindowValue` that are columns of the table `windows` in Cassandra.",
    );
    code += "export const WINDOW_COLUMNS: readonly (keyof WindowMessage)[] = [\n";
    for field in values.iter().filter(|field| field.in_table) {
        writeln!(code, "  '{}',", field.name).unwrap();
    }
    code + "];\n"
}

fn push_list(code: &mut String, comment: &str, name: &str, fields: &[&Field]) {
    push_comment(code, "", comment);
    let begin = format!("export const {name}: readonly WindowField[] = [");
    if fields.is_empty() {
        writeln!(code, "{begin}];\n").unwrap();
        return;
    }
    writeln!(code, "{begin}").unwrap();
    for field in fields {
        let optional = if is_optional(field) { ", optional: true" } else { "" };
        writeln!(code, "  {{ name: '{}', kind: '{}'{optional} }},", field.name, kind(field))
            .unwrap();
    }
    code.push_str("];\n\n");
}

fn push_interface(code: &mut String, comment: &str, name: &str, fields: &[&Field]) {
    push_comment(code, "", comment);
    writeln!(code, "export interface {name} {{").unwrap();
    for field in fields {
        push_comment(code, "  ", &meaning(field));
        let (mark, of) = match field.kind {
            Kind::Text => ("", "string"),
            Kind::Time | Kind::Count | Kind::Number if field.is_nullable() => ("", "number | null"),
            Kind::Time | Kind::Count | Kind::Number => ("", "number"),
            Kind::Flag => ("?", "true"),
        };
        writeln!(code, "  readonly {}{mark}: {of};", field.name).unwrap();
    }
    code.push_str("}\n\n");
}

/// The fields in the order in which they came: those of answers keep their places when there are new ones.
fn appended() -> Vec<&'static Field> {
    let mut fields: Vec<_> = FIELDS.iter().collect();
    fields.sort_by_key(|field| field.since);
    fields
}

/// Whether answers have it that say elsewhere which series they are of.
fn is_value(field: &Field) -> bool {
    field.kind != Kind::Text && (field.in_table || field.name == TOLD_BY_WRITE_TIME)
}

fn is_optional(field: &Field) -> bool {
    field.since != FIRST_VERSION
}

fn kind(field: &Field) -> &'static str {
    match field.kind {
        Kind::Text => "text",
        Kind::Time => "time",
        Kind::Count => "count",
        Kind::Number => "number",
        Kind::Flag => "flag",
    }
}

fn meaning(field: &Field) -> String {
    match field.kind {
        Kind::Time | Kind::Number => format!("{} (unit: {})", field.meaning, field.unit),
        Kind::Text | Kind::Count | Kind::Flag => field.meaning.to_owned(),
    }
}

/// A comment for readers of the code, broken into lines.
fn push_comment(code: &mut String, indent: &str, text: &str) {
    let whole = format!("{indent}/** {}. */", capitalized(text.trim_end_matches('.')));
    if whole.len() <= WIDTH {
        writeln!(code, "{whole}").unwrap();
        return;
    }
    write!(code, "{indent}/**").unwrap();
    let mut left = 0;
    for word in format!("{}.", capitalized(text.trim_end_matches('.'))).split(' ') {
        if left < word.len() + 1 {
            write!(code, "\n{indent} *").unwrap();
            left = WIDTH - indent.len() - 2;
        }
        write!(code, " {word}").unwrap();
        left -= word.len() + 1;
    }
    writeln!(code, "\n{indent} */").unwrap();
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A value behind its name, on the next line where both are too long for one.
fn push_assignment(code: &mut String, name: &str, sign: &str, value: &str, end: &str) {
    let line = format!("{name}{sign} {value}{end}");
    if line.len() <= WIDTH {
        writeln!(code, "{line}").unwrap();
    } else {
        let indent = " ".repeat(name.len() - name.trim_start().len() + 2);
        writeln!(code, "{name}{sign}\n{indent}{value}{end}").unwrap();
    }
}

fn quoted(text: &str) -> String {
    assert!(!text.contains(['\\', '"']), "{text:?} would need escapes");
    let quote = if text.contains('\'') { '"' } else { '\'' };
    format!("{quote}{text}{quote}")
}

fn documentation() -> String {
    let spark: Json = serde_json::from_str(&spark_schema(Columns::Windows)).unwrap();
    let mut table = String::from(
        "| Field | Message | Cassandra | Spark | Unit | Meaning | Of two parts | Since |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for field in FIELDS {
        let column = spark["fields"].as_array().unwrap().iter().find(|c| c["name"] == field.name);
        let null = if field.is_nullable() { " or null" } else { "" };
        writeln!(
            table,
            "| `{}` | {}{null} | {} | {} | {} | {} | {} | {} |",
            field.name,
            json_type(field),
            if field.in_table { field.kind.cql_type() } else { "–" },
            column.and_then(|column| column["type"].as_str()).unwrap_or("–"),
            field.unit,
            field.meaning,
            field.merged,
            field.since,
        )
        .unwrap();
    }
    table
}

fn json_type(field: &Field) -> &'static str {
    match field.kind {
        Kind::Text => "string",
        Kind::Time | Kind::Count => "integer",
        Kind::Number => "number",
        Kind::Flag => "`true`, or not there",
    }
}
