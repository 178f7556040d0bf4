//! Whether Kafka's users may do what their programs do, and no more.

use freshet_core::config::Config;
use freshet_core::topics;
use serde_json::{Value, json};

use super::configuration::of_writer;
use super::{holds_in, items, name, named, of_kind, set, text};

/// What a user of Kafka has to be allowed: its name, and what it does with what.
fn rights(config: &Config) -> Vec<(&'static str, &'static str, String, &'static str)> {
    let kafka = &config.kafka;
    let mut rights = vec![
        ("freshet-writer", "group", kafka.writer_group(), "Read"),
        ("freshet-producer", "topic", kafka.cursors_topic(), "Write"),
        ("freshet-producer", "topic", kafka.cursors_topic(), "Read"),
        ("freshet-dashboard", "topic", kafka.health_topic(), "Read"),
    ];
    for user in ["freshet-producer", "freshet-spark", "freshet-writer", "freshet-dashboard"] {
        rights.push((user, "topic", kafka.health_topic(), "Write"));
        // Each looks whether all of them are there, and would create them.
        rights.extend(
            topics::all(config).into_iter().map(|topic| (user, "topic", topic.name, "Describe")),
        );
    }
    for user in ["freshet-producer", "freshet-spark", "freshet-writer"] {
        rights.push((user, "topic", kafka.dead_letters_topic(), "Write"));
    }
    for stream in &config.streams {
        rights.push(("freshet-producer", "topic", config.raw_topic(&stream.name), "Write"));
        rights.extend(
            kafka.raw_topics(stream).into_iter().map(|raw| ("freshet-spark", "topic", raw, "Read")),
        );
        rights.push(("freshet-spark", "topic", kafka.windows_topic(&stream.name), "Write"));
        rights.push(("freshet-writer", "topic", kafka.windows_topic(&stream.name), "Read"));
        rights.push(("freshet-dashboard", "topic", kafka.windows_topic(&stream.name), "Read"));
    }
    for source in &config.sources {
        rights.push((
            "freshet-producer",
            "transactionalId",
            kafka.transactional_id(&source.name),
            "Write",
        ));
    }
    rights
}

fn is_allowed(all: &[Value], user: &str, kind: &str, thing: &str, operation: &str) -> bool {
    let user = all.iter().find(|own| name(own) == format!("KafkaUser/{user}"));
    let rules = user.map_or(&[][..], |user| items(user, "/spec/authorization/acls"));
    rules.iter().any(|rule| {
        let own = text(rule, "/resource/name");
        let is_it = match text(rule, "/resource/patternType") {
            "prefix" => thing.starts_with(own),
            _ => thing == own,
        };
        is_it
            && rule["resource"]["type"] == kind
            && items(rule, "/operations").iter().any(|own| own == operation)
    })
}

#[test]
fn users_of_kafka_may_do_what_their_programs_do() {
    let complaints = |all: &[Value]| {
        of_writer(all, |config| {
            let denied = rights(config).into_iter().filter(|(user, kind, thing, operation)| {
                !is_allowed(all, user, kind, thing, operation)
            });
            let denied = denied.map(|(user, kind, thing, operation)| {
                format!("{user}: {operation} {kind} {thing}")
            });
            let rules =
                of_kind(all, "KafkaUser").flat_map(|user| items(user, "/spec/authorization/acls"));
            let powerful = |rule: &&Value| {
                let operations = items(rule, "/operations");
                ["All", "Alter", "Create", "Delete"]
                    .iter()
                    .any(|own| operations.contains(&json!(own)))
            };
            denied.chain(rules.filter(powerful).map(|rule| format!("{rule} is too much"))).collect()
        })
    };
    holds_in(
        &["production"],
        complaints,
        &[
            ("a user that is missing", |all| {
                all.retain(|own| name(own) != "KafkaUser/freshet-writer");
            }),
            ("another group", |all| {
                let rules = "/spec/authorization/acls";
                let last = items(named(all, "KafkaUser/freshet-writer"), rules).len() - 1;
                let place = format!("{rules}/{last}/resource/name");
                set(all, "KafkaUser/freshet-writer", &place, "other".into());
            }),
            ("a right to create topics", |all| {
                set(
                    all,
                    "KafkaUser/freshet-writer",
                    "/spec/authorization/acls/0/operations/0",
                    "Create".into(),
                );
            }),
        ],
    );
}
