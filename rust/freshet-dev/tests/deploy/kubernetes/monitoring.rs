//! What the Prometheus operator gets: the same jobs, relabelling and alerts as docker/prometheus has.

use std::fs;

use serde_json::{Map, Value};

use super::schemas::Schemas;
use super::{build, documents, items, name, named, of_kind, text};
use crate::versions::{read, root};

const RULES: &str = "docker/kubernetes/components/monitoring/rules.yaml";
const MONITORED: &str = "production-monitored";

/// The first document of a YAML file of the project.
fn document(path: &str) -> Value {
    documents(&read(path)).remove(0)
}

#[test]
fn monitoring_is_what_the_operator_takes() {
    let schemas = Schemas::load();
    let resources = build(MONITORED);
    let of_the_operator: Vec<&Value> = resources
        .iter()
        .filter(|resource| text(resource, "/apiVersion").starts_with("monitoring.coreos.com/"))
        .collect();
    assert_eq!(of_the_operator.len(), 5);
    for resource in &of_the_operator {
        assert_eq!(schemas.complaints(resource), Vec::<String>::new());
        assert_eq!(text(resource, "/metadata/namespace"), "freshet");
    }
    let mut broken = of_the_operator[0].clone();
    broken["spec"]["podMetricsEndpoint"] = Value::Array(Vec::new());
    assert!(!schemas.complaints(&broken).is_empty(), "an unknown field is not seen");
}

#[test]
fn monitoring_has_the_alerts_of_the_rules() {
    let rules = read("docker/prometheus/rules.yml");
    let groups = rules.split_once("\ngroups:\n").unwrap().1;
    let indented = |line: &str| if line.is_empty() { String::new() } else { format!("  {line}") };
    let own = read(RULES);
    let head = own.split_once("\n  groups:\n").unwrap().0;
    let lines: Vec<String> = groups.lines().map(indented).collect();
    let expected = format!("{head}\n  groups:\n{}\n", lines.join("\n"));
    if std::env::var_os("FRESHET_GENERATE").is_some() {
        fs::write(root().join(RULES), &expected).unwrap();
    }
    assert_eq!(read(RULES), expected, "FRESHET_GENERATE=1 writes it anew");
    let of_file = document("docker/prometheus/rules.yml");
    assert_eq!(document(RULES)["spec"]["groups"], of_file["groups"]);
}

/// Each job asks the same place in the same way, and every pod that it means is there.
#[test]
fn monitoring_asks_what_prometheus_asks_elsewhere() {
    let resources = build(MONITORED);
    let configuration = document("docker/prometheus/prometheus.yml");
    let jobs = items(&configuration, "/scrape_configs");
    assert_eq!(of_kind(&resources, "PodMonitor").count(), jobs.len());
    for job in jobs {
        let job_name = text(job, "/job_name");
        let monitor = named(&resources, &format!("PodMonitor/{job_name}"));
        let endpoint = &items(monitor, "/spec/podMetricsEndpoints")[0];
        let default_path =
            |value: &str| if value.is_empty() { "/metrics" } else { value }.to_owned();
        assert_eq!(
            default_path(text(endpoint, "/path")),
            default_path(text(job, "/metrics_path")),
            "{job_name}"
        );
        assert_eq!(items(endpoint, "/relabelings")[0]["targetLabel"], "job");
        assert_eq!(items(endpoint, "/relabelings")[0]["replacement"], job_name);
        let relabelings: Vec<Value> =
            items(job, "/metric_relabel_configs").iter().map(as_the_operator_writes_it).collect();
        assert_eq!(items(endpoint, "/metricRelabelings"), relabelings, "{job_name}");
        let asks_for_a_token = job.get("authorization").is_some();
        assert_eq!(endpoint.get("authorization").is_some(), asks_for_a_token, "{job_name}");
        assert_eq!(port_of_pods(&resources, monitor, endpoint), port(job), "{job_name}");
    }
}

/// The same fields, in the operator's spelling.
fn as_the_operator_writes_it(relabeling: &Value) -> Value {
    let fields = relabeling.as_object().unwrap().iter();
    let spelled = |(field, value): (&String, &Value)| {
        let field = match field.as_str() {
            "source_labels" => "sourceLabels",
            "target_label" => "targetLabel",
            other => other,
        };
        (field.to_owned(), value.clone())
    };
    Value::Object(fields.map(spelled).collect::<Map<_, _>>())
}

/// The port of a job's targets.
fn port(job: &Value) -> u64 {
    let target = text(job, "/static_configs/0/targets/0");
    target.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// The port that is asked of the pods that a monitor selects.
fn port_of_pods(resources: &[Value], monitor: &Value, endpoint: &Value) -> u64 {
    let selected = monitor["spec"]["selector"]["matchLabels"].as_object().unwrap();
    let pods: Vec<&Value> = resources
        .iter()
        .flat_map(|resource| {
            [
                "/spec/template",
                "/spec/driverSpec/podTemplateSpec",
                "/spec/executorSpec/podTemplateSpec",
            ]
            .into_iter()
            .filter_map(|place| resource.pointer(place))
        })
        .filter(|pod| {
            selected
                .iter()
                .all(|(label, value)| pod["metadata"]["labels"].get(label) == Some(value))
        })
        .collect();
    assert!(!pods.is_empty(), "{} selects no pod", name(monitor));
    if let Some(number) = endpoint["portNumber"].as_u64() {
        return number;
    }
    let wanted = text(endpoint, "/port");
    let of_pod = |pod: &&Value| -> u64 {
        let containers = items(pod, "/spec/containers").iter();
        let mut ports = containers.flat_map(|container| items(container, "/ports"));
        let port = ports.find(|port| port["name"] == wanted);
        port.and_then(|port| port["containerPort"].as_u64()).unwrap()
    };
    let ports: Vec<u64> = pods.iter().map(of_pod).collect();
    assert!(ports.iter().all(|port| *port == ports[0]));
    ports[0]
}
