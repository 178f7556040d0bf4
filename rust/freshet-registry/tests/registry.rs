//! The client against a server that speaks the documented interface of Confluent's Schema Registry over real sockets:
//! `GET /schemas/ids/{id}` and `GET /subjects/{subject}/versions/{version}`, with their answers and error codes. It is
//! a part of the interface and no registry: what those of Confluent, Apicurio and others do beside it is not tried.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used)]

mod server;

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use freshet_core::config::Config;
use freshet_core::record::{Parsed, RawRecord, Readings, RecordParser, SchemaRegistry};
use freshet_registry::{Found, NoAnswer, find};

use server::{Answer, Server, json, unknown};

const READING: &str =
    r#"{"type":"record","name":"Reading","fields":[{"name":"v","type":"double"}]}"#;
const LATER: &str = r#"{"type":"record","name":"Reading","fields":[
    {"name":"at","type":"string"},{"name":"w","type":"int"},{"name":"v","type":"double"}]}"#;

fn settings(urls: &[&str]) -> SchemaRegistry {
    SchemaRegistry {
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        username: None,
        password: None,
        ca_file: None,
        timeout: Duration::from_secs(20),
    }
}

fn ask(server: &Server, id: u32) -> Result<Found, NoAnswer> {
    find(Some(&settings(&[server.url()])), id)
}

/// An address at which nobody listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn registered(schema: &str) -> Answer {
    json(200, &serde_json::json!({ "schema": schema }))
}

/// Parsers that ask at the same time.
const ASKING: usize = 16;

#[test]
fn a_schema_is_asked_for_once_however_many_ask_at_the_same_time() {
    let server = Server::start(|request| match request.path.as_str() {
        "/schemas/ids/7" => registered(READING),
        _ => unknown(40_403),
    });
    let barrier = Barrier::new(ASKING);
    thread::scope(|scope| {
        for _ in 0..ASKING {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..100 {
                    assert!(ask(&server, 7).unwrap().is_ok());
                }
            });
        }
    });
    for _ in 0..2 {
        let why = ask(&server, 8).unwrap().unwrap_err();
        assert_eq!(why, "the schema registry does not know it");
    }
    assert_eq!(server.paths(), ["/schemas/ids/7", "/schemas/ids/8"]);
}

#[test]
fn whatever_is_no_answer_about_the_schema_is_an_error_that_says_so() {
    let cases: [(Answer, &str); 8] = [
        (json(500, &serde_json::json!({"error_code": 50_001})), "answers with status 500"),
        (json(503, &serde_json::json!({})), "answers with status 503"),
        (json(401, &serde_json::json!({"error_code": 401})), "correct username and password"),
        (json(403, &serde_json::json!({})), "correct username and password"),
        (Answer::new(404, "<html>nothing here</html>"), "is no schema registry (status 404)"),
        (Answer::new(302, "").with_header("Location: /schemas/ids/1"), "which is not followed"),
        (Answer::new(200, "<html>welcome</html>"), "something else than a schema registry"),
        (json(200, &serde_json::json!({"schemas": []})), "something else than a schema registry"),
    ];
    for (answer, expected) in cases {
        let server = Server::start(move |_| answer.clone());
        let error = ask(&server, 1).unwrap_err();
        assert_eq!(error.id, 1);
        let message = error.to_string();
        assert!(message.contains(expected) && message.contains(server.url()), "{message}");
    }
    let error = find(Some(&settings(&[&closed()])), 1).unwrap_err().to_string();
    assert!(error.contains("does not answer"), "{error}");
    assert!(find(None, 1).is_err());
}

#[test]
fn a_registry_that_hangs_is_given_up_after_the_timeout() {
    let server = Server::start(|_| Answer::never());
    let settings =
        SchemaRegistry { timeout: Duration::from_millis(200), ..settings(&[server.url()]) };
    let error = find(Some(&settings), 1).unwrap_err().to_string();
    assert!(error.contains("does not answer: timeout"), "{error}");
}

#[test]
fn an_error_is_forgotten_as_soon_as_the_registry_answers() {
    let is_up = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_up);
    let server = Server::start(move |_| {
        if seen.load(Ordering::SeqCst) {
            registered(READING)
        } else {
            json(503, &serde_json::json!({}))
        }
    });
    assert!(ask(&server, 3).is_err());
    assert!(ask(&server, 3).is_err());
    is_up.store(true, Ordering::SeqCst);
    assert!(ask(&server, 3).unwrap().is_ok());
}

#[test]
fn of_several_addresses_the_first_that_answers_does_and_is_asked_first_from_then_on() {
    let broken = Server::start(|_| json(500, &serde_json::json!({})));
    let good = Server::start(|_| registered(READING));
    let settings = settings(&[&closed(), broken.url(), good.url()]);
    for id in 1..4 {
        assert!(find(Some(&settings), id).unwrap().is_ok());
    }
    assert_eq!(broken.paths(), ["/schemas/ids/1"]);
    assert_eq!(good.paths().len(), 3);
}

#[test]
fn the_user_is_named_with_each_request() {
    let server = Server::start(|request| match request.header("authorization") {
        Some("Basic bWU6aGlkZGVuOsOk") => registered(READING),
        _ => json(401, &serde_json::json!({})),
    });
    let with_user = SchemaRegistry {
        username: Some("me".to_owned()),
        password: Some(freshet_core::config::Secret::new("hidden:ä".to_owned())),
        ..settings(&[server.url()])
    };
    assert!(find(Some(&with_user), 1).unwrap().is_ok());
    // Another user is another registry: what one may see is not told to the other.
    let error = ask(&server, 1).unwrap_err().to_string();
    assert!(error.contains("status 401") && !error.contains("hidden"), "{error}");
}

#[test]
fn a_schema_that_records_are_not_read_with_says_why() {
    let server = Server::start(|request| match request.path.as_str() {
        "/schemas/ids/1" => json(200, &serde_json::json!({"schema": "{}", "schemaType": "JSON"})),
        "/schemas/ids/2" => registered("\"long\""),
        "/schemas/ids/3" => registered("{"),
        _ => json(200, &serde_json::json!({"schema": READING, "schemaType": "AVRO"})),
    });
    for (id, expected) in [
        (1, "is a schema of JSON, and none of Avro or Protobuf"),
        (2, "is no schema of records"),
        (3, "is no schema of Avro"),
    ] {
        let why = ask(&server, id).unwrap().unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
    assert!(ask(&server, 4).unwrap().is_ok());
}

#[test]
fn references_are_resolved_through_subjects_and_versions() {
    let part = |name: &str, field: &str| {
        format!(r#"{{"type":"record","name":"{name}","namespace":"plant","fields":[{field}]}}"#)
    };
    let site = part("Site", r#"{"name":"id","type":"string"}"#);
    let machine = part("Machine", r#"{"name":"site","type":"plant.Site"}"#);
    let reading = part(
        "Reading",
        r#"{"name":"machine","type":"plant.Machine"},{"name":"site","type":"Site"},
           {"name":"v","type":"double"}"#,
    );
    let reference =
        |subject: &str| serde_json::json!({"name": "n", "subject": subject, "version": 2});
    let answers = [
        (
            "/schemas/ids/1".to_owned(),
            serde_json::json!({"schema": reading,
                "references": [reference("plant/machine"), reference("site")]}),
        ),
        (
            "/subjects/plant%2Fmachine/versions/2?deleted=true".to_owned(),
            serde_json::json!({"subject": "plant/machine", "version": 2, "id": 5, "schema": machine,
                "references": [reference("site")]}),
        ),
        (
            "/subjects/site/versions/2?deleted=true".to_owned(),
            serde_json::json!({"subject": "site", "version": 2, "id": 4, "schema": site}),
        ),
        (
            "/schemas/ids/2".to_owned(),
            serde_json::json!({"schema": READING, "references": [reference("gone")]}),
        ),
    ];
    let server = Server::start(move |request| {
        let found = answers.iter().find(|(path, _)| *path == request.path);
        found.map_or_else(|| unknown(40_401), |(_, answer)| json(200, answer))
    });
    let schema = ask(&server, 1).unwrap().unwrap();
    assert_eq!(server.paths().len(), 3, "{:?}", server.paths());
    let mut parser = parser(&server, "series = [\"machine.site.id\"]\nvalues = { v = \"v\" }");
    let datum = [&b"\0\0\0\0\x01\x02a\x02b"[..], &1.5_f64.to_le_bytes()].concat();
    assert_eq!(read(&mut parser, &datum), Err(1));
    parser.learn_schema(1, Ok(&schema));
    assert_eq!(read(&mut parser, &datum), Ok(vec![("a".to_owned(), 1.5)]));
    let why = ask(&server, 2).unwrap().unwrap_err();
    assert_eq!(why, "refers to version 2 of 'gone', which the schema registry does not know");
}

#[test]
fn records_of_two_versions_of_a_schema_are_read_with_their_own() {
    let server = Server::start(|request| match request.path.as_str() {
        "/schemas/ids/1" => registered(READING),
        "/schemas/ids/2" => registered(LATER),
        _ => unknown(40_403),
    });
    let mut parser = parser(&server, "values = { v = \"v\", w = \"w\" }");
    let first = [&b"\0\0\0\0\x01"[..], &1.5_f64.to_le_bytes()].concat();
    let second = [&b"\0\0\0\0\x02\x02x\x06"[..], &2.5_f64.to_le_bytes()].concat();
    for (datum, id) in [(&first, 1), (&second, 2)] {
        assert_eq!(read(&mut parser, datum), Err(id));
        parser.learn_schema(id, Ok(&ask(&server, id).unwrap().unwrap()));
    }
    let of = |value: f64| ("k".to_owned(), value);
    for _ in 0..3 {
        assert_eq!(read(&mut parser, &first), Ok(vec![of(1.5)]));
        assert_eq!(read(&mut parser, &second), Ok(vec![of(2.5), of(3.0)]));
    }
    assert_eq!(server.paths().len(), 2);
}

/// A parser for Avro with the schemas of that registry.
fn parser(server: &Server, settings: &str) -> RecordParser {
    parser_of(server, "avro", settings)
}

fn parser_of(server: &Server, format: &str, settings: &str) -> RecordParser {
    let text = format!(
        "[schema_registry]\nurl = \"{}\"\n[[stream]]\nname = \"s\"\nformat = \"{format}\"\n\
         framing = \"confluent\"\nwindows = [\"10s\"]\n{settings}",
        server.url()
    );
    let config = Config::parse(&text, &PathBuf::from("test.toml"), [].into()).unwrap();
    RecordParser::new(&config.streams[0])
}

/// The readings of a record; or the id of the schema that it needs.
fn read(parser: &mut RecordParser, value: &[u8]) -> Result<Vec<(String, f64)>, u32> {
    let record = RawRecord {
        key: Some(b"k"),
        value: Some(value),
        timestamp_ms: Some(0),
        ..RawRecord::default()
    };
    let mut readings = Readings::default();
    match parser.parse(&record, &mut readings).unwrap() {
        Parsed::NeedsSchema(id) => Err(id),
        _ => Ok(readings.iter().map(|one| (one.series.to_owned(), one.value)).collect()),
    }
}

#[test]
fn an_authority_of_its_own_is_trusted_and_no_other() {
    let authority = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(&file, authority.cert.pem()).unwrap();
    let server = Server::start_tls(&authority, |_| registered(READING));
    let trusting = SchemaRegistry { ca_file: Some(file.clone()), ..settings(&[server.url()]) };
    assert!(find(Some(&trusting), 1).unwrap().is_ok());
    let missing =
        SchemaRegistry { ca_file: Some(folder.path().join("none.pem")), ..trusting.clone() };
    let error = find(Some(&missing), 1).unwrap_err().to_string();
    assert!(error.contains("cannot read") && error.contains("none.pem"), "{error}");
    fs::write(&file, "no certificate").unwrap();
    let empty = SchemaRegistry { timeout: Duration::from_secs(19), ..trusting };
    let error = find(Some(&empty), 1).unwrap_err().to_string();
    assert!(error.contains("holds no certificate in PEM"), "{error}");
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&file, other.cert.pem()).unwrap();
    let error = find(Some(&empty), 1).unwrap_err().to_string();
    assert!(error.contains("does not answer"), "{error}");
}

#[test]
fn a_file_of_protobuf_is_compiled_with_those_that_it_imports() {
    let site = "syntax = \"proto3\"; package plant; message Site { string name = 1; }";
    let reading = "syntax = \"proto3\"; package plant; import \"plant/site.proto\";
        import \"google/protobuf/timestamp.proto\";
        message Reading { Site site = 1; google.protobuf.Timestamp at = 2; double v = 3; }";
    let server = Server::start(move |request| match request.path.as_str() {
        "/schemas/ids/5" => json(
            200,
            &serde_json::json!({"schema": reading, "schemaType": "PROTOBUF", "references": [
                {"name": "plant/site.proto", "subject": "site", "version": 1}]}),
        ),
        "/subjects/site/versions/1?deleted=true" => {
            json(200, &serde_json::json!({"schema": site, "schemaType": "PROTOBUF"}))
        }
        _ => unknown(40_403),
    });
    let mut parser =
        parser_of(&server, "protobuf", "series = [\"site.name\"]\nvalues = { v = \"v\" }");
    let message = [&b"\0\0\0\0\x05\0\x0a\x03\x0a\x01a\x19"[..], &1.5_f64.to_le_bytes()].concat();
    assert_eq!(read(&mut parser, &message), Err(5));
    let schema = ask(&server, 5).unwrap().unwrap();
    parser.learn_schema(5, Ok(&schema));
    assert_eq!(read(&mut parser, &message), Ok(vec![("a".to_owned(), 1.5)]));
}
