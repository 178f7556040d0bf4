use super::*;
use crate::wire::Connection;
use crate::wire::source_health::SOURCE_FIELDS;

/// Reports as builds of version 0.1.0 have sent them, before there was a declaration of the fields.
const REPORTS: &str = include_str!("../../tests/fixtures/health_reports.jsonl");

/// As the first builds wrote it.
const SHORT: &str = r#"{"component":"freshet-producer","instance":"laptop:7","stream":null,"since":1,"time":2,
    "records_in":3,"records_out":3,"bytes_in":30,"bytes_out":30,"errors":{},"lag":null}"#;

fn read(report: &str) -> HealthReport {
    serde_json::from_str(report).unwrap()
}

#[test]
fn what_a_report_does_not_say_is_not_there() {
    let report = read(SHORT);
    assert_eq!((report.state, report.lost_offsets, report.last_error_time), (None, None, None));
    let short: Value = serde_json::from_str(SHORT).unwrap();
    assert_eq!(serde_json::to_value(&report).unwrap(), short);
}

#[test]
fn a_report_says_what_is_waited_for_and_when_the_last_error_was() {
    let mut report = read(SHORT);
    report.state = Some(State::Waiting);
    report.waiting_for = Some("Cassandra: no node answers".to_owned());
    report.last_error = Some("no node answers".to_owned());
    report.last_error_time = Some(1_700_000_000_000);
    report.lost_offsets = Some(0);
    report.notices = Some(vec!["topic windows.host was made anew".to_owned()]);
    let sent = serde_json::to_value(&report).unwrap();
    assert_eq!(sent["state"], "waiting");
    assert_eq!(sent["waiting_for"], "Cassandra: no node answers");
    assert_eq!(sent["last_error_time"], 1_700_000_000_000_i64);
    assert_eq!(sent["lost_offsets"], 0);
    assert_eq!(sent["notices"][0], "topic windows.host was made anew");
    assert_eq!(serde_json::from_value::<HealthReport>(sent).unwrap(), report);
}

#[test]
fn reports_of_earlier_builds_are_read_as_they_were_meant() {
    let mut components = Vec::new();
    for line in REPORTS.lines() {
        let report = read(line);
        let sent: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
        let again = serde_json::to_value(&report).unwrap();
        for (name, value) in sent {
            let field = FIELDS.iter().find(|field| field.name == name).expect(&name);
            assert!(field.told_by.contains(&report.component), "{name}: {line}");
            assert_eq!(again.get(&name).unwrap_or(&Value::Null), &value, "{name}: {line}");
        }
        components.push(report.component);
    }
    components.sort_unstable();
    assert_eq!(components, Component::ALL);
}

#[test]
fn a_reader_passes_over_what_it_does_not_know_and_takes_what_is_missing_as_unknown() {
    let newer = SHORT.replace("\"lag\":null", "\"spare\":{\"deep\":[1]}");
    assert_eq!(read(&newer), read(SHORT));
    let older = SHORT.replace("\"stream\":null,", "").replace("\"errors\":{},", "");
    assert_eq!(read(&older), HealthReport { errors: None, ..read(SHORT) });
    let with_nulls = SHORT.replace("\"lag\":null", "\"lag\":null,\"notices\":null,\"late\":null");
    assert_eq!(read(&with_nulls), read(SHORT));
}

#[test]
fn reports_of_a_component_or_of_one_of_its_streams_have_one_key() {
    let mut report = read(SHORT);
    assert_eq!(report.key(), "freshet-producer");
    report.component = Component::SparkJob;
    report.stream = Some("host".to_owned());
    assert_eq!(report.key(), "spark-job/host");
}

#[test]
fn fields_are_declared_once_and_say_who_tells_them() {
    for (index, field) in FIELDS.iter().enumerate() {
        assert!(FIELDS[..index].iter().all(|other| other.name != field.name), "{}", field.name);
        assert!(!field.told_by.is_empty(), "{}", field.name);
        assert!(field.meaning.ends_with('.'), "{}", field.meaning);
        let counts = matches!(field.kind, Kind::Counts);
        assert!(!counts || !field.unit.is_empty(), "{}: what does it count?", field.name);
    }
}

fn checked(fields: &str) -> Result<Value, String> {
    let told = check(Component::SparkJob, fields.as_bytes()).map_err(|error| error.to_string())?;
    Ok(serde_json::from_slice(&told).unwrap())
}

const WHO: &str = r#""instance":"a:1","since":1,"time":2,"records_in":0,"records_out":0,"bytes_in":0,"bytes_out":0"#;

#[test]
fn what_a_component_hands_in_is_sent_as_it_is_with_its_name() {
    let own = r#""version":"0.1.0","counted":7,"deleted_offsets":null"#;
    let fields =
        format!(r#"{{{WHO},{own},"watermark":null,"errors":{{"query_failed":1}},"notices":[]}}"#);
    let mut expected: Value = serde_json::from_str(&fields).unwrap();
    expected["component"] = "spark-job".into();
    assert_eq!(checked(&fields), Ok(expected));
}

#[test]
fn what_is_not_declared_is_refused_with_its_name() {
    let with = |field: &str| checked(&format!("{{{WHO},{field}}}")).unwrap_err();
    assert!(with(r#""recrods":1"#).starts_with("a health report has no field 'recrods'"));
    assert!(
        with(r#""errors":{"odd":1}"#).starts_with("spark-job counts no errors of the kind 'odd'")
    );
    assert!(
        with(r#""errors":{"commit":1}"#)
            .starts_with("spark-job counts no errors of the kind 'commit'")
    );
    assert_eq!(with(r#""state":"paused""#), "not a health report: there is no state 'paused'");
    assert!(with(r#""lag":"7""#).starts_with("not a health report: invalid type: string"));
    assert!(with(r#""restarts":-1"#).starts_with("not a health report: invalid value"));
    let missing = checked("{}").unwrap_err();
    assert!(missing.starts_with("not a health report: missing field"), "{missing}");
    let others = check(Component::Producer, format!("{{{WHO},\"restarts\":1}}").as_bytes());
    assert!(
        others.unwrap_err().to_string().starts_with("freshet-producer does not tell 'restarts'")
    );
}

#[test]
fn a_source_is_told_with_its_losses_and_without_what_is_not_known() {
    let source = SourceHealth {
        connection: Connection::Reconnecting,
        connection_since: 5,
        messages_in: 7,
        bytes_in: 70,
        records_out: 3,
        rejected: 1,
        dropped: 2,
        gaps: 1,
        reconnections: 0,
        last_heard: None,
        last_error: Some("no answer".to_owned()),
        last_error_time: Some(5),
    };
    let mut report = read(SHORT);
    report.sources = Some([("ticker".to_owned(), source)].into());
    let sent = serde_json::to_value(&report).unwrap();
    let expected = serde_json::json!({"connection": "reconnecting", "connection_since": 5, "messages_in": 7,
        "bytes_in": 70, "records_out": 3, "rejected": 1, "dropped": 2, "gaps": 1, "reconnections": 0,
        "last_error": "no answer", "last_error_time": 5});
    assert_eq!(sent["sources"]["ticker"], expected);
    assert_eq!(serde_json::from_value::<HealthReport>(sent).unwrap(), report);
    let names: Vec<&str> = SOURCE_FIELDS.iter().map(|field| field.name).collect();
    assert!(expected.as_object().unwrap().keys().all(|name| names.contains(&name.as_str())));
    for (index, field) in SOURCE_FIELDS.iter().enumerate() {
        assert!(
            SOURCE_FIELDS[..index].iter().all(|other| other.name != field.name),
            "{}",
            field.name
        );
        assert!(field.meaning.ends_with('.'), "{}", field.meaning);
    }
}
