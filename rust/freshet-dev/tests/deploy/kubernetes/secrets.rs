//! The Secrets that the resources refer to: each is one that README.md says who makes, and only one makes it.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::pods::pods;
use super::{holds, items, of_kind, set, text};
use crate::versions::root;

/// The names of all Secrets that something refers to.
fn referred_to(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let name = match (key.as_str(), field) {
                    ("secretName", Value::String(name)) => Some(name.as_str()),
                    (key, _) if key.ends_with("SecretRef") => field["name"].as_str(),
                    _ => None,
                };
                found.extend(name.map(str::to_owned));
                referred_to(field, found);
            }
        }
        Value::Array(parts) => parts.iter().for_each(|part| referred_to(part, found)),
        _ => (),
    }
}

/// Strimzi makes a Secret under the name of each user, with a password in it; what is mounted elsewhere is another.
fn mistaken_for_users(all: &[Value]) -> Vec<String> {
    let users: BTreeSet<&str> =
        of_kind(all, "KafkaUser").map(|user| text(user, "/metadata/name")).collect();
    let volumes = pods(all).into_iter().flat_map(|pod| {
        let volumes = items(pod.spec(), "/volumes").to_vec();
        volumes.into_iter().map(move |volume| (pod.owner.clone(), volume))
    });
    let mistaken = volumes.filter(|(_, volume)| {
        users.contains(text(volume, "/secret/secretName")) && volume["name"] != "kafka"
    });
    mistaken.map(|(owner, volume)| format!("{owner}: {volume} is the Secret of a user")).collect()
}

const VOLUME: &str = "/spec/template/spec/volumes/0";

#[test]
fn each_secret_is_one_that_somebody_is_told_to_make() {
    let guide = fs::read_to_string(root().join("docker/kubernetes/README.md")).unwrap();
    let complaints = |all: &[Value]| {
        let mut secrets = BTreeSet::new();
        for resource in all {
            referred_to(resource, &mut secrets);
        }
        let untold = secrets.into_iter().filter(|name| !guide.contains(&format!("`{name}`")));
        let untold = untold.map(|name| format!("README.md does not say who makes {name}"));
        untold.chain(mistaken_for_users(all)).collect()
    };
    holds(
        complaints,
        &[
            ("one that nobody makes", |all| {
                let volume = json!({ "name": "a", "secret": { "secretName": "freshet-other" } });
                set(all, "Deployment/freshet-dashboard", VOLUME, volume);
            }),
            ("one of Cassandra's that nobody makes", |all| {
                let place = "/spec/cassandra/serverEncryptionStores/keystoreSecretRef/name";
                set(all, "K8ssandraCluster/freshet", place, "freshet-other".into());
            }),
            ("one that Strimzi makes with other keys", |all| {
                let volume =
                    json!({ "name": "dashboard", "secret": { "secretName": "freshet-dashboard" } });
                set(all, "Deployment/freshet-dashboard", VOLUME, volume);
            }),
        ],
    );
}
