//! How many there may be of a part: one producer for each source, and no more writers than partitions.

use serde_json::{Value, json};

use super::configuration::{WRITER, of_writer};
use super::pods::pods;
use super::{holds, name, named, of_kind, set, text};

#[test]
fn each_source_has_one_producer_and_one_at_a_time() {
    const SENSORS: &str = "Deployment/freshet-producer-sensors";
    let complaints = |all: &[Value]| {
        of_writer(all, |config| {
            let mut producers: Vec<(String, &Value)> = of_kind(all, "Deployment")
                .filter(|own| text(own, "/metadata/name").starts_with("freshet-producer"))
                .map(|own| (text(own, "/spec/template/spec/containers/0/args/3").to_owned(), own))
                .collect();
            producers.sort_by(|one, other| one.0.cmp(&other.0));
            let mut wanted: Vec<&str> =
                config.sources.iter().map(|source| source.name.as_str()).collect();
            wanted.sort_unstable();
            let found: Vec<&str> = producers.iter().map(|(source, _)| source.as_str()).collect();
            let sources =
                (wanted != found).then(|| format!("sources {wanted:?}, producers of {found:?}"));
            let several = producers.iter().filter(|(_, own)| {
                own["spec"]["replicas"] != 1 || own["spec"]["strategy"]["type"] != "Recreate"
            });
            let several = several.map(|(source, _)| format!("{source} may have two producers"));
            sources.into_iter().chain(several).collect()
        })
    };
    holds(
        complaints,
        &[
            ("a source without", |all| all.retain(|own| name(own) != SENSORS)),
            ("one that reads another's source", |all| {
                set(all, SENSORS, "/spec/template/spec/containers/0/args/3", "wikimedia".into());
            }),
            ("two of one source", |all| set(all, SENSORS, "/spec/replicas", 2.into())),
            ("two for a moment", |all| {
                set(all, SENSORS, "/spec/strategy", json!({ "type": "RollingUpdate" }));
            }),
        ],
    );
}

#[test]
fn writers_keep_their_names_and_there_are_not_more_than_partitions() {
    let complaints = |all: &[Value]| {
        of_writer(all, |config| {
            let found: Vec<_> = pods(all).into_iter().filter(|pod| pod.owner == WRITER).collect();
            let pod = &found[0];
            let names = config.writer.instance_id.as_deref() == Some("freshet-writer-0");
            let fits = pod.replicas <= u64::try_from(config.kafka.partitions).unwrap();
            let rules = [
                (names, "has no name that stays"),
                (fits, "has more pods than there are partitions"),
            ];
            let broken = rules.into_iter().filter(|(holds, _)| !holds);
            broken.map(|(_, what)| format!("{WRITER} {what}")).collect()
        })
    };
    holds(
        complaints,
        &[
            ("no name", |all| {
                let variables =
                    named(all, WRITER)["spec"]["template"]["spec"]["containers"][0]["env"].clone();
                let mut variables = variables.as_array().unwrap().clone();
                variables.retain(|variable| variable["name"] != "FRESHET_WRITER__INSTANCE_ID");
                set(all, WRITER, "/spec/template/spec/containers/0/env", variables.into());
            }),
            ("too many", |all| set(all, WRITER, "/spec/replicas", 13.into())),
        ],
    );
}
