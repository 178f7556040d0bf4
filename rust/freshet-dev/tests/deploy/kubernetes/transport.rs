//! Encryption and logins in `production`: between all parts, and without a way around them.

use serde_json::{Value, json};

use super::pods::pods;
use super::{holds_in, items, name, named, of_kind, remove, set, text};

const KAFKA: &str = "Kafka/freshet";
const CASSANDRA: &str = "K8ssandraCluster/freshet";
const SPARK: &str = "SparkApplication/freshet";

/// What the service has to be set to: resource, place and value.
const SETTINGS: [(&str, &str, &str); 17] = [
    (KAFKA, "/spec/kafka/authorization/type", "simple"),
    (CASSANDRA, "/spec/auth", "true"),
    (
        CASSANDRA,
        "/spec/cassandra/clientEncryptionStores/keystoreSecretRef/name",
        "freshet-cassandra-tls",
    ),
    (
        CASSANDRA,
        "/spec/cassandra/serverEncryptionStores/keystoreSecretRef/name",
        "freshet-cassandra-tls",
    ),
    (CASSANDRA, "/spec/cassandra/config/cassandraYaml/client_encryption_options/enabled", "true"),
    (CASSANDRA, "/spec/cassandra/config/cassandraYaml/client_encryption_options/optional", "false"),
    (
        CASSANDRA,
        "/spec/cassandra/config/cassandraYaml/server_encryption_options/internode_encryption",
        "all",
    ),
    (
        CASSANDRA,
        "/spec/cassandra/config/cassandraYaml/server_encryption_options/require_client_auth",
        "true",
    ),
    (SPARK, "/spec/sparkConf/spark.authenticate", "true"),
    (SPARK, "/spec/sparkConf/spark.network.crypto.enabled", "true"),
    (SPARK, "/spec/sparkConf/spark.io.encryption.enabled", "true"),
    ("Ingress/freshet-dashboard", "/spec/tls/0/secretName", "freshet-dashboard-tls"),
    ("Ingress/freshet-dashboard", "/spec/ingressClassName", "nginx"),
    // The event stream is an answer without end: neither kept back nor cut off.
    (
        "Ingress/freshet-dashboard",
        "/metadata/annotations/nginx.ingress.kubernetes.io~1proxy-buffering",
        "off",
    ),
    (
        "Ingress/freshet-dashboard",
        "/metadata/annotations/nginx.ingress.kubernetes.io~1proxy-read-timeout",
        "3600",
    ),
    ("KafkaUser/freshet-producer", "/spec/authentication/type", "scram-sha-512"),
    ("KafkaUser/freshet-spark", "/spec/authentication/type", "scram-sha-512"),
];

fn settings(all: &[Value]) -> Vec<String> {
    let is_other = |(resource, place, wanted): &&(&str, &str, &str)| {
        let found =
            all.iter().find(|own| name(own) == *resource).and_then(|own| own.pointer(place));
        let found =
            found.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        found.as_deref() != Some(wanted)
    };
    SETTINGS
        .iter()
        .filter(is_other)
        .map(|(name, place, wanted)| format!("{name}{place} is not {wanted}"))
        .collect()
}

/// Listeners that let somebody in without both.
fn listeners(all: &[Value]) -> Vec<String> {
    let listeners = of_kind(all, "Kafka").flat_map(|kafka| items(kafka, "/spec/kafka/listeners"));
    let is_open = |listener: &&Value| {
        listener["tls"] != true || listener["authentication"]["type"] != "scram-sha-512"
    };
    listeners
        .filter(is_open)
        .map(|listener| format!("listener {} is open", text(listener, "/name")))
        .collect()
}

/// What each program is told, of Kafka and, where it goes there, of Cassandra.
fn clients(all: &[Value]) -> Vec<String> {
    let programs = pods(all)
        .into_iter()
        .filter(|pod| pod.labels()["app.kubernetes.io/component"] != "executor");
    let complaints = |pod: super::pods::Pod| {
        let variables = super::configuration::variables(all, &pod);
        let value = |key: &str| variables.get(&format!("FRESHET_{key}")).map_or("", String::as_str);
        let mut rules = vec![
            (
                value("KAFKA__SECURITY__PROTOCOL") == "sasl_ssl",
                "does not encrypt what it says to Kafka",
            ),
            (
                value("KAFKA__SECURITY__SASL_MECHANISM") == "SCRAM-SHA-512",
                "shows Kafka its password",
            ),
            (!value("KAFKA__SECURITY__PASSWORD_FILE").is_empty(), "has no password for Kafka"),
            (!value("KAFKA__SECURITY__CA_FILE").is_empty(), "does not know who signs for Kafka"),
            (
                all.iter().any(|user| {
                    name(user) == format!("KafkaUser/{}", value("KAFKA__SECURITY__USERNAME"))
                }),
                "is no user of Kafka",
            ),
        ];
        let part = text(pod.labels(), "/app.kubernetes.io~1name");
        if ["freshet-writer", "freshet-dashboard"].contains(&part) {
            rules.push((
                !value("CASSANDRA__CA_FILE").is_empty(),
                "does not encrypt what it says to Cassandra",
            ));
            rules.push((
                !value("CASSANDRA__PASSWORD_FILE").is_empty(),
                "has no password for Cassandra",
            ));
        }
        let broken = rules.into_iter().filter(|(holds, _)| !holds);
        broken.map(|(_, what)| format!("{} {what}", pod.owner)).collect::<Vec<_>>()
    };
    programs.flat_map(complaints).collect()
}

#[test]
fn all_parts_encrypt_what_they_say_and_prove_who_they_are() {
    const WRITER: &str = "StatefulSet/freshet-writer";
    holds_in(
        &["production"],
        |all| [settings(all), listeners(all), clients(all)].concat(),
        &[
            ("a listener in the open", |all| {
                set(all, KAFKA, "/spec/kafka/listeners/0/tls", false.into());
            }),
            ("a listener without a login", |all| {
                remove(all, KAFKA, "/spec/kafka/listeners/0", "authentication");
            }),
            ("one more listener", |all| {
                let mut kafka = named(all, KAFKA).clone();
                let listeners = kafka["spec"]["kafka"]["listeners"].as_array_mut().unwrap();
                listeners.push(
                    json!({ "name": "plain", "port": 9094, "type": "internal", "tls": false }),
                );
                all.push(kafka);
            }),
            ("a way around Cassandra's encryption", |all| {
                let place =
                    "/spec/cassandra/config/cassandraYaml/client_encryption_options/optional";
                set(all, CASSANDRA, place, true.into());
            }),
            ("executors that anyone may be", |all| {
                remove(all, SPARK, "/spec/sparkConf", "spark.authenticate");
            }),
            ("a writer that Kafka does not know", |all| {
                let variable =
                    json!({ "name": "FRESHET_KAFKA__SECURITY__USERNAME", "value": "nobody" });
                let place = "/spec/template/spec/containers/0/env";
                set(all, WRITER, place, json!([variable]));
            }),
            ("a writer in the open", |all| {
                let map = all
                    .iter_mut()
                    .find(|own| name(own).starts_with("ConfigMap/freshet-environment"));
                map.unwrap()["data"]["FRESHET_KAFKA__SECURITY__PROTOCOL"] = json!("sasl_plaintext");
            }),
        ],
    );
}
