use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::*;

const MINIMAL: &str = r#"
[[stream]]
name = "host"
values = { usage = "usage" }
windows = ["10s", "5m/1m"]
"#;

fn parse(text: &str) -> Result<Config, String> {
    parse_with(text, &[])
}

fn parse_with(text: &str, overrides: &[(&str, &str)]) -> Result<Config, String> {
    let overrides: BTreeMap<_, _> =
        overrides.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::parse(text, Path::new("freshet.toml"), overrides).map_err(|error| error.to_string())
}

#[test]
fn defaults_fill_what_is_left_out() {
    let config = parse(MINIMAL).unwrap();
    let stream = config.stream("host").unwrap();
    assert_eq!(config.kafka.bootstrap_servers, "127.0.0.1:9092");
    assert_eq!(config.dashboard.port, 3000);
    assert!(config.dashboard.allowed_hosts.is_empty());
    assert_eq!((stream.title.as_str(), stream.format), ("host", Format::Json));
    assert_eq!(stream.lateness, Duration::from_secs(10));
    assert_eq!(stream.max_future, Duration::from_mins(5));
    assert!(stream.series.is_empty() && stream.time.is_none() && config.sources.is_empty());
}

#[test]
fn the_default_pipeline_is_valid() {
    let text = include_str!("../../../../freshet.toml");
    let config = parse(text).unwrap();
    assert!(config.sources.iter().any(|source| source.kind == "host"));
}

#[test]
fn a_stream_survives_the_way_to_spark() {
    let settings = [
        "series = [\"a.b\", \"c\\\\.d\"]\ntime = { field = \"at\", unit = \"%Y-%m-%d\" }\n",
        "text_numbers = true",
        "format = \"csv\"\ncolumns = [\"usage\", \"at\"]\ndelimiter = \"\\t\"",
        "format = \"csv\"\nheader = true\ndelimiter = \";\"",
        "format = \"csv\"\nheader = true\nseries = ['a\\b', 'Temp.', '.5h', 'a..b', '$.v', 'a[0]', '*', '/']",
        "series = ['\\$.a', '\\*', 'a\\[0]', '\\/', 'a\\\\b']",
        "format = \"influx\"\nseries = ['tag.a\\b', 'field.Temp.', 'field..5h', 'tag.a..b']",
    ];
    for settings in settings {
        let usage = if settings.contains("influx") { "\"field.usage\" }" } else { "\"usage\" }" };
        let text = MINIMAL.replace("\"usage\" }", usage) + settings;
        let stream = parse(&text).unwrap().streams.remove(0);
        let json = serde_json::to_string(&stream).unwrap();
        assert_eq!(serde_json::from_str::<Stream>(&json).unwrap(), stream);
    }
}

#[test]
fn lines_of_line_protocol_have_a_time_of_their_own() {
    let time = |settings: &str| {
        let text = MINIMAL.replace("\"usage\" }", "\"field.usage\" }")
            + &format!("format = \"influx\"\n{settings}");
        let stream = parse(&text).unwrap().streams.remove(0);
        let time = stream.time.clone().unwrap();
        (time.field.to_string(), time.unit.to_string(), stream.has_line_timestamps())
    };
    let expected = |field: &str, unit: &str, own| (field.to_owned(), unit.to_owned(), own);
    assert_eq!(time(""), expected("timestamp", "ns", true));
    assert_eq!(time("time = { unit = \"s\" }"), expected("timestamp", "s", true));
    assert_eq!(time("time = { field = \"field.at\" }"), expected("field.at", "ms", false));
}

#[test]
fn a_unit_is_for_all_metrics_or_for_each_its_own() {
    let units = |unit: &str| {
        let text = MINIMAL.replace("{ usage = \"usage\" }", "{ a = \"a\", b = \"b\" }") + unit;
        parse(&text).map(|config| config.streams[0].units.clone().into_iter().collect::<Vec<_>>())
    };
    let pair = |metric: &str, unit: &str| (metric.to_owned(), unit.to_owned());
    assert_eq!(units("").unwrap(), []);
    assert_eq!(units("unit = \"%\"").unwrap(), [pair("a", "%"), pair("b", "%")]);
    assert_eq!(units("unit = { b = \"s\" }").unwrap(), [pair("b", "s")]);
    let error = units("unit = { c = \"s\" }").unwrap_err();
    assert_eq!(error, "freshet.toml:6: stream.unit: there is no metric 'c'; there are: a, b");
}

/// Texts, each with how its error begins.
fn assert_refused(cases: &[(String, &str)]) {
    for (text, expected) in cases {
        let error = parse(text).expect_err(text);
        assert!(error.starts_with(expected), "expected: {expected}\nfound:    {error}");
    }
}

#[test]
fn times_and_paths_that_cannot_be_are_refused() {
    let with = |line: &str| format!("{MINIMAL}{line}\n");
    assert_refused(&[
        (
            with("time = { field = \"t\", unit = \"%Y-%m-%d %-Q\" }"),
            "freshet.toml:6: stream.time.unit: '%Y-%m-%d %-Q' is no pattern for a time: the name of a time zone, \
             '%-Q', cannot",
        ),
        (
            with("lateness = \"9223372036855s\""),
            "freshet.toml:6: stream.lateness: at most 36500d are possible",
        ),
        (
            with("[cassandra]\nrequest_timeout = \"0s\""),
            "freshet.toml:7: cassandra.request_timeout: must be longer than zero",
        ),
        (
            with("max_future = \"36501d\""),
            "freshet.toml:6: stream.max_future: at most 36500d are possible",
        ),
        (
            with("[cassandra]\nttl = \"5000d\""),
            "freshet.toml:7: cassandra.ttl: at most 3650d are possible",
        ),
        (
            with("[spark]\ntrigger = \"25h\""),
            "freshet.toml:7: spark.trigger: at most 1d are possible",
        ),
        (
            with("series = [\"a[0].id\"]"),
            "freshet.toml:6: stream.series: 'a[0].id' is not a path: write 'a.0.id'; ",
        ),
        (
            with("time = { field = \"$.at\" }"),
            "freshet.toml:6: stream.time.field: '$.at' is not a path: write 'at'; ",
        ),
        (
            MINIMAL.replace("\"usage\" }", "'list.*.v' }"),
            "freshet.toml:4: stream.values: usage: 'list.*.v' is not a path: there is no '*'",
        ),
        (
            MINIMAL.replace("\"usage\" }", "'a\\b' }"),
            "freshet.toml:4: stream.values: usage: 'a\\b' is not a path: '\\' stands before",
        ),
    ]);
}

#[test]
fn a_value_of_another_type_is_told_with_what_would_be_right() {
    let with = |line: &str| format!("{MINIMAL}{line}\n");
    for (text, message) in [
        (
            with("format = 5"),
            "freshet.toml:6: stream.format: expected one of \"json\", \"csv\", \"influx\", \"msgpack\", \"cbor\", \
             \"avro\", \"protobuf\", found integer",
        ),
        (
            with("serie = \"a\"").replace("windows", "window"),
            "freshet.toml:5: stream.window: unknown key; did you mean 'windows', which is missing?",
        ),
        (
            with("series = [\"a\", 3]"),
            "freshet.toml:6: stream.series: expected a list of strings, found one with integer",
        ),
        (
            with("[kafka]\npartitions = [3]"),
            "freshet.toml:7: kafka.partitions: expected a whole number, found array",
        ),
    ] {
        let error = parse(&text).unwrap_err();
        assert_eq!(error, message);
    }
}

#[test]
fn errors_name_file_line_key_and_what_would_be_right() {
    let with = |line: &str| format!("{MINIMAL}{line}\n");
    let cases = [
        (
            with("latenes = \"1s\""),
            "freshet.toml:6: stream.latenes: unknown key; did you mean 'lateness'?",
        ),
        (with("colour = 1"), "freshet.toml:6: stream.colour: unknown key; known here: "),
        (
            with("lateness = \"10 sec\""),
            "freshet.toml:6: stream.lateness: '10 sec' is not a duration",
        ),
        (
            with("lateness = 10"),
            "freshet.toml:6: stream.lateness: expected a string, found integer",
        ),
        (
            with("time = { field = \"t\", unit = \"msec\" }"),
            "freshet.toml:6: stream.time.unit: 'msec' is not a unit",
        ),
        (with("time = { unit = \"ms\" }"), "freshet.toml:6: stream.time.field: is missing"),
        (with("format = \"xml\""), "freshet.toml:6: stream.format: 'xml' is not one of: json"),
        (with("generation = -1"), "freshet.toml:6: stream.generation: -1 is not between 0 and"),
        (with(&MINIMAL[1..]), "freshet.toml:7: stream.name: two streams are called 'host'"),
        (
            with(&MINIMAL.replace("host", "a.b")) + &MINIMAL.replace("host", "a_b"),
            "freshet.toml:14: stream.name: Kafka takes no topics whose names differ in '.' and '_' only, such as \
             those of 'a.b'",
        ),
        (
            MINIMAL.replace("usage =", "\"a\\nb\" ="),
            "freshet.toml:4: stream.values: \"a\\nb\" is no name for a metric",
        ),
        (
            with("[[source]]\nkind = \"host\"\nstream = \"hots\""),
            "freshet.toml:8: source.stream: there is no stream 'hots'",
        ),
        (
            with(
                "[[source]]\nkind = \"host\"\nstream = \"host\"\n\n[[source]]\nkind = \"host\"\nstream = \"host\"",
            ),
            "freshet.toml:10: source.name: two sources are called 'host' and 'host'; give each a `name`",
        ),
        (
            with("[[source]]\nkind = \"host\"\nname = \"Hall 7\"\nstream = \"host\""),
            "freshet.toml:8: source.name: a name is up to 100 of the characters",
        ),
        (
            with("[kafka]\npartitions = 0"),
            "freshet.toml:7: kafka.partitions: 0 is not between 1 and",
        ),
        (
            with("[kafka.security]\nusername = \"me\""),
            "freshet.toml:6: kafka.security.username: has no effect",
        ),
        (
            with("[cassandra]\nconsistency = \"most\""),
            "freshet.toml:7: cassandra.consistency: 'most' is not one of: one, ",
        ),
        (
            with("[dashbord]\nport = 1"),
            "freshet.toml:6: dashbord: unknown key; did you mean 'dashboard'?",
        ),
        (
            with("[dashboard]\nallowed_hosts = [\"ok.example\", \"dash.example:443\"]"),
            "freshet.toml:7: dashboard.allowed_hosts: 'dash.example:443' is not a host: write a name",
        ),
        (
            with("[dashboard]\nallowed_hosts = \"*.example\""),
            "freshet.toml:7: dashboard.allowed_hosts: '*.example' is not a host",
        ),
        (with("name = \"again\""), "freshet.toml:6: "),
        (
            MINIMAL.replace("\"10s\"", "\"60s\", \"1m\""),
            "freshet.toml:5: stream.windows: '1m' is there twice",
        ),
        (
            MINIMAL.replace("\"10s\"", "\"1m/5m\""),
            "freshet.toml:5: stream.windows: '1m/5m' is not a window",
        ),
        (MINIMAL.replace("name = \"host\"", ""), "freshet.toml:2: stream.name: is missing"),
        (
            MINIMAL.replace("{ usage = \"usage\" }", "{}"),
            "freshet.toml:4: stream.values: name at least one metric",
        ),
        (String::new(), "freshet.toml:1: stream: there is none"),
        ("[kafka".to_owned(), "freshet.toml:1: "),
    ];
    assert_refused(&cases);
}

#[test]
fn settings_that_do_not_fit_the_format_are_refused() {
    let with = |line: &str| format!("{MINIMAL}{line}\n");
    let cases = [
        (
            with("columns = [\"usage\"]"),
            "freshet.toml:6: stream.columns: has no effect unless format = \"csv\"",
        ),
        (
            with("format = \"csv\""),
            "freshet.toml:4: stream.values: usage: 'usage' is not the number of a column, 1 to 10000; to use \
             names, list",
        ),
        (
            with("format = \"csv\"\ncolumns = [\"use\", \"at\"]"),
            "freshet.toml:4: stream.values: usage: there is no column 'usage'; there are: use, at",
        ),
        (
            with("format = \"csv\"\ncolumns = [\"usage\"]\nseries = \"host\""),
            "freshet.toml:8: stream.series: there is no column 'host'; there are: usage",
        ),
        (
            with("format = \"csv\"\nheader = true\ncolumns = [\"usage\"]"),
            "freshet.toml:8: stream.columns: leave it out: with header = true",
        ),
        (
            with("format = \"csv\"\ncolumns = [\"a\", \"a\"]"),
            "freshet.toml:7: stream.columns: 'a' is there twice",
        ),
        (
            with("format = \"csv\"\ncolumns = []"),
            "freshet.toml:7: stream.columns: name all columns",
        ),
        (
            with("format = \"csv\"\nheader = true\ndelimiter = \"ab\""),
            "freshet.toml:8: stream.delimiter: a delimiter is a space, a tab or",
        ),
        (
            with("format = \"csv\"\nheader = true\ntext_numbers = true"),
            "freshet.toml:8: stream.text_numbers: has no effect: in CSV every number is a text",
        ),
        (
            with("text_numbers = \"yes\""),
            "freshet.toml:6: stream.text_numbers: expected true or false, found string",
        ),
        (
            with("format = \"influx\""),
            "freshet.toml:4: stream.values: usage: 'usage' is not a place in a line: write measurement, ",
        ),
        (
            with("format = \"influx\"\ntime = { unit = \"rfc3339\" }")
                .replace("{ usage = \"usage\" }", "{ usage = \"field.usage\" }"),
            "freshet.toml:7: stream.time.unit: the timestamp of a line is a whole number, not a time in 'rfc3339'",
        ),
        (
            with("format = \"csv\"\nheader = true")
                .replace("{ usage = \"usage\" }", "{ usage = \"\" }"),
            "freshet.toml:4: stream.values: usage: the name of a column is empty",
        ),
        (
            with("format = \"influx\"")
                .replace("{ usage = \"usage\" }", "{ usage = \"tag.usage\" }"),
            "freshet.toml:2: stream.values: usage: 'tag.usage' is a text in every line: set text_numbers = true",
        ),
        (
            with("format = \"influx\"\ntime = { field = \"tag.at\" }")
                .replace("{ usage = \"usage\" }", "{ usage = \"field.usage\" }"),
            "freshet.toml:2: stream.time.field: 'tag.at' is a text in every line: set text_numbers = true",
        ),
        (
            with("format = \"csv\"\nheader = true\ndelimiter = \".\""),
            "freshet.toml:8: stream.delimiter: a delimiter is a space, a tab or one punctuation mark that is no part",
        ),
    ];
    assert_refused(&cases);
    // A field with a text has a time in any form.
    let text = with("format = \"influx\"\ntime = { field = \"field.at\", unit = \"rfc3339\" }");
    assert!(parse(&text.replace("\"usage\" }", "\"field.usage\" }")).is_ok());
}

#[test]
fn the_environment_overrides_the_file() {
    let text = format!("{MINIMAL}[kafka]\nbootstrap_servers = \"a:1\"\n");
    let overrides = [
        ("FRESHET_KAFKA__BOOTSTRAP_SERVERS", "b:2"),
        ("FRESHET_CASSANDRA__CONTACT_POINTS", "c:3, d:4"),
        ("FRESHET_DASHBOARD__PORT", "8080"),
        ("FRESHET_DASHBOARD__ALLOWED_HOSTS", "dash.example, [fd00::5], 10.0.0.5"),
    ];
    let config = parse_with(&text, &overrides).unwrap();
    assert_eq!(config.kafka.bootstrap_servers, "b:2");
    assert_eq!(config.cassandra.contact_points, ["c:3", "d:4"]);
    assert_eq!(config.dashboard.port, 8080);
    assert_eq!(config.dashboard.allowed_hosts, ["dash.example", "[fd00::5]", "10.0.0.5"]);
}

#[test]
fn overrides_are_checked_like_the_file() {
    let error = parse_with(MINIMAL, &[("FRESHET_DASHBOARD__PORT", "http")]).unwrap_err();
    assert_eq!(
        error,
        "environment variable FRESHET_DASHBOARD__PORT: dashboard.port: is not a whole number"
    );
    let error = parse_with(MINIMAL, &[("FRESHET_KAFKA__BOOTSTRAP", "b:2")]).unwrap_err();
    assert!(
        error.starts_with("environment variable FRESHET_KAFKA__BOOTSTRAP: overrides no known key")
    );
}

#[test]
fn secrets_come_from_files_and_stay_out_of_debug_output() {
    let folder = std::env::temp_dir().join(format!("freshet-config-{}", std::process::id()));
    std::fs::write(&folder, "hidden\n").unwrap();
    let variables = [
        ("FRESHET_DASHBOARD__TOKEN_FILE".to_owned(), folder.display().to_string()),
        ("FRESHET_HOME".to_owned(), "elsewhere".to_owned()),
    ];
    let config = Config::parse(MINIMAL, Path::new("freshet.toml"), variables.into()).unwrap();
    std::fs::remove_file(&folder).unwrap();
    assert_eq!(config.dashboard.token.as_ref().unwrap().expose(), "hidden");
    assert!(!format!("{config:?}").contains("hidden"));
}

#[test]
fn an_unreadable_file_is_named() {
    let error = Config::load(Path::new("no/such/freshet.toml")).unwrap_err().to_string();
    assert!(error.starts_with("no/such/freshet.toml: cannot read the file: "), "{error}");
    let file = std::env::temp_dir().join(format!("freshet-latin1-{}", std::process::id()));
    std::fs::write(&file, b"# \xe9").unwrap();
    let error = Config::load(&file).unwrap_err().to_string();
    std::fs::remove_file(&file).unwrap();
    let expected = format!("{}: cannot read the file: byte 3 is not UTF-8", file.display());
    assert_eq!(error, expected);
}

/// Each default of a stream is the one that is declared: written out, it changes nothing.
#[test]
fn a_default_that_is_written_out_changes_nothing() {
    let csv = MINIMAL.replace("\"usage\" }", "\"1\" }") + "format = \"csv\"\n";
    let line = MINIMAL.replace("\"usage\" }", "\"field.usage\" }") + "format = \"influx\"\n";
    let timed = format!("{MINIMAL}time.field = \"at\"\n");
    let written = |table: &Table, name: &str| {
        let key = table.keys.iter().find(|key| key.name == name).unwrap();
        key.default_value().unwrap().to_string()
    };
    let cases = [
        (&csv, format!("header = {}", written(&stream::TABLE, "header"))),
        (&csv, format!("delimiter = {}", written(&stream::TABLE, "delimiter"))),
        (&line, format!("text_numbers = {}", written(&stream::TABLE, "text_numbers"))),
        (&timed, format!("time.unit = {}", written(&stream::TIME, "unit"))),
        (&line, "time.unit = \"ns\"".to_owned()),
    ];
    for (text, setting) in cases {
        let stated = parse(&format!("{text}{setting}\n")).unwrap();
        assert_eq!(parse(text).unwrap(), stated, "{setting}");
    }
    let Presence::Either { other, .. } = stream::TIME.keys[1].presence else { unreachable!() };
    assert_eq!(other, "ns");
}

/// What a format has no use for is neither read nor shown, but refused.
#[test]
fn the_effective_values_have_what_the_format_reads() {
    let values = |text: &str| -> BTreeMap<String, String> {
        let path = Path::new("freshet.toml");
        let read = |_: &Source, _: &Section<'_>| Ok(());
        let loaded = Config::parse_with_sources(text, path, BTreeMap::new(), read).unwrap();
        let settings = loaded.settings;
        settings.into_iter().map(|one| (one.key, one.value.to_string())).collect()
    };
    let json = values(MINIMAL);
    assert_eq!(json["stream[0].text_numbers"], "false");
    assert!(!json.contains_key("stream[0].delimiter") && !json.contains_key("stream[0].time.unit"));
    let csv = values(&(MINIMAL.replace("\"usage\" }", "\"1\" }") + "format = \"csv\"\n"));
    assert_eq!(csv["stream[0].delimiter"], "\",\"");
    assert_eq!(csv["stream[0].header"], "false");
    assert!(!csv.contains_key("stream[0].text_numbers"));
    let line = MINIMAL.replace("\"usage\" }", "\"field.usage\" }") + "format = \"influx\"\n";
    assert_eq!(values(&line)["stream[0].time.unit"], "\"ns\"");
}
