//! What is written comes back, whatever it is.

use std::fmt::Write as _;
use std::path::Path as FilePath;

use proptest::collection::vec;
use proptest::prelude::*;

use ::csv::{QuoteStyle, ReaderBuilder, WriterBuilder};

use super::*;
use crate::config::Config;

fn parser(settings: &str) -> RecordParser {
    let text = format!("[[stream]]\nname = \"s\"\nwindows = [\"10s\"]\n{settings}");
    let config = Config::parse(&text, FilePath::new("test.toml"), [].into()).unwrap();
    RecordParser::new(&config.streams[0])
}

fn parse(parser: &mut RecordParser, value: &str) -> Result<Vec<(String, f64)>, Rejection> {
    let record = RawRecord {
        key: None,
        value: Some(value.as_bytes()),
        timestamp_ms: Some(0),
        ..RawRecord::default()
    };
    let mut readings = Readings::default();
    parser.parse(&record, &mut readings)?;
    let values: usize = readings.points().map(|point| point.values.len()).sum();
    assert_eq!(readings.iter().count(), values);
    Ok(readings.iter().map(|reading| (reading.series.to_owned(), reading.value)).collect())
}

/// Names with everything that has a meaning in one of the formats, up to 20 characters.
fn name() -> impl Strategy<Value = String> {
    r#"[a-z0-9 ,;="'\\/%#{}\[\]:ü☃😀-]{1,20}"#
}

fn value() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("in range", |value| value.abs() <= MAX_MAGNITUDE)
}

fn rows() -> impl Strategy<Value = Vec<(String, f64)>> {
    vec((name(), value()), 1..8)
}

fn expected(rows: &[(String, f64)]) -> Vec<(String, u64)> {
    rows.iter().map(|(id, value)| (encode_series([id.as_str()]), value.to_bits())).collect()
}

fn bits(readings: Vec<(String, f64)>) -> Vec<(String, u64)> {
    readings.into_iter().map(|(series, value)| (series, value.to_bits())).collect()
}

fn csv_text(rows: &[(String, f64)], quote: QuoteStyle) -> String {
    let mut writer = WriterBuilder::new().quote_style(quote).from_writer(Vec::new());
    for (id, value) in rows {
        writer.write_record([id.as_str(), "a\r\n\"b\",\tc", &value.to_string()]).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// Escapes a name of line protocol.
fn escaped(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars() {
        if matches!(character, ',' | ' ' | '=' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

proptest! {
    #[test]
    fn a_json_record_comes_back(id in name(), value in value(), other in name(), pretty: bool) {
        let record = serde_json::json!({ "id": id, "x": [{ &other: other }], "v": value });
        let text = if pretty { format!("{record:#}") } else { record.to_string() };
        let mut parser = parser("series = [\"id\"]\nvalues = { v = \"v\" }");
        prop_assert_eq!(bits(parse(&mut parser, &text).unwrap()), expected(&[(id, value)]));
    }

    #[test]
    fn rows_of_a_record_mean_what_each_of_them_means_alone(
        rows in rows(),
        device in name(),
        above_first: bool,
        pretty: bool,
        nested: bool,
    ) {
        let items: Vec<_> = rows
            .iter()
            .map(|(id, value)| serde_json::json!({ "id": id, "x": [id], "v": value }))
            .collect();
        let list = serde_json::json!({ "l": items }).to_string();
        let list = if nested { format!("[{list},{{}}]") } else { list };
        let device = serde_json::json!(device);
        let space = if pretty { "\n  " } else { "" };
        let (first, last) = (format!("\"device\":{device}"), format!("\"a\":{list}"));
        let (first, last) = if above_first { (first, last) } else { (last, first) };
        let text = format!("{{{space}{first},\"x\":[{space}\"]}}\"],{space}{last}{space}}}");
        let up = if nested { "^.^" } else { "^" };
        let path = if nested { "a.*.l" } else { "a.l" };
        let settings = format!("rows = \"{path}\"\nseries = [\"{up}.device\", \"id\"]\nvalues = {{ v = \"v\" }}");
        let mut alone = Vec::new();
        for (id, value) in &rows {
            let row = serde_json::json!({ "device": device, "id": id, "v": value }).to_string();
            let settings = "series = [\"device\", \"id\"]\nvalues = { v = \"v\" }";
            alone.extend(parse(&mut parser(settings), &row).unwrap());
        }
        prop_assert_eq!(bits(parse(&mut parser(&settings), &text).unwrap()), bits(alone));
    }

    #[test]
    fn csv_rows_come_back(rows in rows(), quote_all: bool) {
        let quote = if quote_all { QuoteStyle::Always } else { QuoteStyle::Necessary };
        let mut parser = parser("format = \"csv\"\nseries = [\"1\"]\nvalues = { v = \"3\" }");
        let readings = parse(&mut parser, &csv_text(&rows, quote)).unwrap();
        prop_assert_eq!(bits(readings), expected(&rows));
    }

    /// Ours is stricter, but what it takes it takes for the same as the `csv` crate.
    #[test]
    fn accepted_csv_means_what_others_take_it_for(text in "[1,\"\n\r]{0,12}|(1,(1|\"([1,\n]|\"\"){0,3}\")\r?\n){1,3}") {
        let columns = "format = \"csv\"\ncolumns = [\"v\", \"id\"]";
        let mut parser = parser(&format!("{columns}\nseries = [\"id\"]\nvalues = {{ v = \"v\" }}"));
        let Ok(readings) = parse(&mut parser, &text) else { return Ok(()) };
        let mut reader = ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        // Of several rows one without a value is passed over.
        let rows = reader.records().map(Result::unwrap).filter(|row| !row[0].is_empty());
        let rows: Vec<_> = rows.map(|row| (row[1].to_owned(), row[0].parse().unwrap())).collect();
        prop_assert_eq!(bits(readings), expected(&rows));
    }

    #[test]
    fn lines_of_line_protocol_come_back(rows in rows(), key in name(), string in name()) {
        let mut text = String::new();
        for (id, value) in &rows {
            let quoted = string.replace('\\', "\\\\").replace('"', "\\\"");
            let (key, id) = (escaped(&key), escaped(id));
            writeln!(text, "m,id={id},x{key}={id} x{key}=1i,y=\"{quoted}\",v={value},z=t 0").unwrap();
        }
        let mut parser = parser("format = \"influx\"\nseries = [\"tag.id\"]\nvalues = { v = \"field.v\" }");
        prop_assert_eq!(bits(parse(&mut parser, &text).unwrap()), expected(&rows));

        let settings = serde_json::json!({ "v": format!("field.x{key}") }).to_string();
        let settings = settings.replace("{\"v\":", "{ v = ");
        if !key.contains('\\') {
            let mut parser = self::parser(&format!("format = \"influx\"\nseries = [\"tag.id\"]\nvalues = {settings}"));
            prop_assert_eq!(parse(&mut parser, &text).unwrap().len(), rows.len());
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>(), ascii in r#"[\{\}\[\]",:\\=# \r\n0-9a-f.eE+-]{0,60}"#) {
        for settings in [
            "values = { v = \"a\" }",
            "format = \"csv\"\nvalues = { v = \"1\" }",
            "format = \"csv\"\nheader = true\nvalues = { v = \"a\" }",
            "format = \"influx\"\nvalues = { v = \"field.a\" }",
        ] {
            let mut parser = parser(settings);
            for text in [&text, &ascii] {
                drop(parse(&mut parser, text));
            }
        }
    }
}

/// The parser of a record remembers what the records before looked like; that must not show.
#[test]
fn what_a_record_means_does_not_depend_on_the_records_before() {
    let records = [
        r#"{"id":"a","v":1,"w":2}"#,
        r#"{"v":1,"id":"a"}"#,
        r#"{"id":"a","w":3,"v":{"v":9}}"#,
        r#"{"id":"a","vv":1}"#,
        r#"{"a key of more than sixteen bytes":"x","v":4,"id":"b"}"#,
        r#"{"a key of more than sixteen bites":"x","v":5,"id":"b"}"#,
        r#"{"\u0069d":"c","v":6}"#,
        r#"{"id" :"d", "v" : 7}"#,
        r#"{"id":"d""#,
        "{}",
    ];
    let settings = "series = [\"id\"]\nvalues = { v = \"v\", w = \"w\" }";
    let mut used = parser(settings);
    for first in records {
        for second in records {
            drop(parse(&mut used, first));
            assert_eq!(
                parse(&mut used, second),
                parse(&mut parser(settings), second),
                "{first} {second}"
            );
        }
    }
}

#[test]
fn a_header_is_remembered_only_as_a_whole() {
    let mut parser =
        parser("format = \"csv\"\nheader = true\nseries = [\"id\"]\nvalues = { v = \"v\" }");
    let one = vec![("a".to_owned(), 1.0)];
    assert!(parse(&mut parser, "id,v").is_err());
    assert_eq!(parse(&mut parser, "id,v\na,1").unwrap(), one);
    assert_eq!(parse(&mut parser, "id,v\na,1").unwrap(), one);
    assert_eq!(parse(&mut parser, "id,vv,v\na,2,1").unwrap(), one);
    assert!(parse(&mut parser, "id,vv\na,2").is_err());
    assert_eq!(parse(&mut parser, "\nv,id\r\n1,a").unwrap(), one);
}

#[test]
fn details_say_in_which_row_and_where() {
    let csv =
        "format = \"csv\"\ncolumns = [\"id\", \"v\"]\nseries = [\"id\"]\nvalues = { v = \"v\" }";
    let influx = "format = \"influx\"\nseries = [\"tag.id\"]\nvalues = { v = \"field.v\" }";
    let cases = [
        (
            csv,
            "a,1\nb,\"x\"y\n",
            "row 2, column 2: something between the closing quote and the end of the cell",
        ),
        (csv, "a,1\nb,x\n", "row 2: 'v' is the text \"x\" and is not a number up to 1e150"),
        (csv, "a,1\nb\n", "row 2: has 1 columns instead of 2"),
        (
            influx,
            "m,id=a v=1\n# x\nm,id=a v=one",
            "line 3, byte 10: a field's value that is no float",
        ),
        (influx, "m,id=a v=1\n\nm v=1", "line 3: 'tag.id' is missing"),
        (influx, "m,id=a s=\"\n\n\",v=\"x\"", "line 1: 'field.v' is the text \"x\" and"),
        ("values = { v = \"v\" }", "{\"v\":1 \"w\"}", "expected ',' or '}' at byte 8 of 11"),
        ("values = { v = \"v\" }", "{\"v\":1", "expected ',' or '}' at the end"),
        ("values = { v = \"v\" }", "", "the record is empty"),
        ("values = { v = \"v\" }", "\u{feff}{}", "begins with a byte order mark"),
    ];
    for (settings, text, expected) in cases {
        let detail = parse(&mut parser(settings), text).unwrap_err().detail;
        assert!(detail.starts_with(expected), "{text}: {detail}");
    }
    let tombstone =
        RawRecord { key: Some(b"k"), value: None, timestamp_ms: Some(0), ..RawRecord::default() };
    let rejection = parser(csv).parse(&tombstone, &mut Readings::default()).unwrap_err();
    assert_eq!(rejection.detail, "the record has no value: it is a tombstone");
}
