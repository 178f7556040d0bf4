//! docker/kubernetes, as its readers see it: built by Kustomize, and compared with the schemas of Kubernetes and of the
//! operators, with what a team expects of a deployment, and with what the programs themselves say.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::panic)]

mod configuration;
mod monitoring;
mod network;
mod parts;
mod pods;
mod policies;
mod schemas;
mod secrets;
mod tools;
mod transport;
mod users;

use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use schemas::Schemas;
use tools::tools;
pub(crate) use tools::{from_pypi, run};

use crate::versions::root;

const OVERLAYS: [&str; 2] = ["kind", "production"];

/// The resources of an overlay, as Kustomize builds them.
fn resources(overlay: &str) -> &'static [Value] {
    static BUILT: OnceLock<Vec<(&str, Vec<Value>)>> = OnceLock::new();
    let built = BUILT.get_or_init(|| OVERLAYS.map(|overlay| (overlay, build(overlay))).into());
    &built.iter().find(|(name, _)| *name == overlay).unwrap().1
}

fn build(overlay: &str) -> Vec<Value> {
    let folder = root().join("docker/kubernetes/overlays").join(overlay);
    documents(&run(Command::new(&tools().kustomize).arg("build").arg(folder)))
}

/// The documents of a YAML text.
fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

/// The text at this place; empty when there is none.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The items at this place; none when there is no list.
fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What people call the resource by.
fn name(resource: &Value) -> String {
    format!("{}/{}", text(resource, "/kind"), text(resource, "/metadata/name"))
}

fn of_kind<'a>(resources: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    resources.iter().filter(move |resource| resource["kind"] == kind)
}

/// The one resource of that name.
fn named<'a>(resources: &'a [Value], wanted: &str) -> &'a Value {
    resources.iter().find(|resource| name(resource) == wanted).unwrap()
}

/// Sets a value somewhere in the resource of that name.
fn set(resources: &mut [Value], wanted: &str, pointer: &str, value: Value) {
    let resource = resources.iter_mut().find(|resource| name(resource) == wanted).unwrap();
    let place = resource.pointer_mut(pointer).unwrap_or_else(|| panic!("{wanted}: no {pointer}"));
    *place = value;
}

/// Removes a field from an object somewhere in the resource of that name.
fn remove(resources: &mut [Value], wanted: &str, pointer: &str, field: &str) {
    let resource = resources.iter_mut().find(|resource| name(resource) == wanted).unwrap();
    let object = resource.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
    object.remove(field).unwrap_or_else(|| panic!("{wanted}: no {field} in {pointer}"));
}

/// A way to break what is right.
type Break = fn(&mut Vec<Value>);

/// Checks that nothing is wrong with any overlay, and that each way to break `production` is seen.
fn holds(complaints: impl Fn(&[Value]) -> Vec<String>, breaks: &[(&str, Break)]) {
    holds_in(&OVERLAYS, complaints, breaks);
}

/// The same, of some overlays only.
fn holds_in(
    overlays: &[&str],
    complaints: impl Fn(&[Value]) -> Vec<String>,
    breaks: &[(&str, Break)],
) {
    for overlay in overlays {
        assert_eq!(complaints(resources(overlay)), Vec::<String>::new(), "{overlay}");
    }
    for (what, break_it) in breaks {
        let mut broken = resources("production").to_vec();
        break_it(&mut broken);
        assert!(!complaints(&broken).is_empty(), "not seen: {what}");
    }
}

#[test]
fn each_resource_is_what_its_reader_takes() {
    let schemas = Schemas::load();
    let complaints = |resources: &[Value]| {
        resources.iter().flat_map(|resource| schemas.complaints(resource)).collect()
    };
    holds(
        complaints,
        &[
            ("a field that there is not", |all| {
                set(
                    all,
                    "Deployment/freshet-dashboard",
                    "/spec/strategy",
                    serde_json::json!({ "kind": "Recreate" }),
                );
            }),
            ("a number that has to be one", |all| {
                set(all, "StatefulSet/freshet-writer", "/spec/replicas", "three".into());
            }),
            ("a version of Kubernetes that there is not", |all| {
                set(
                    all,
                    "PodDisruptionBudget/freshet-writer",
                    "/apiVersion",
                    "policy/v1beta1".into(),
                );
            }),
            ("a field that a topic has not", |all| {
                set(all, "KafkaTopic/health", "/spec", serde_json::json!({ "partition": 1 }));
            }),
            ("a field that a listener has not", |all| {
                set(
                    all,
                    "Kafka/freshet",
                    "/spec/kafka/listeners/0",
                    serde_json::json!({ "nam": "tls" }),
                );
            }),
            ("a way to log in that Kafka has not", |all| {
                set(all, "KafkaUser/freshet-spark", "/spec/authentication/type", "plain".into());
            }),
            ("a role that a node has not", |all| {
                set(all, "KafkaNodePool/broker", "/spec/roles/0", "leader".into());
            }),
            ("a restart policy that Spark's operator has not", |all| {
                let place = "/spec/applicationTolerations/restartConfig/restartPolicy";
                set(all, "SparkApplication/freshet", place, "Sometimes".into());
            }),
            ("a field that Spark's pods have not", |all| {
                let place = "/spec/driverSpec/podTemplateSpec/spec/securityContext";
                set(
                    all,
                    "SparkApplication/freshet",
                    place,
                    serde_json::json!({ "runAsRoot": false }),
                );
            }),
            ("a datacenter without a size", |all| {
                remove(all, "K8ssandraCluster/freshet", "/spec/cassandra/datacenters/0", "size");
            }),
            ("a field that Cassandra's cluster has not", |all| {
                set(
                    all,
                    "K8ssandraCluster/freshet",
                    "/spec/auth",
                    serde_json::json!({ "enabled": true }),
                );
            }),
        ],
    );
}
