//! The pods that the resources lead to.

use serde_json::{Value, json};

use super::{items, name, text};

/// A pod as its template has it.
pub(super) struct Pod {
    /// The resource that makes it.
    pub(super) owner: String,
    /// How many there are.
    pub(super) replicas: u64,
    /// The pod's `metadata` and `spec`.
    pub(super) template: Value,
}

impl Pod {
    pub(super) fn labels(&self) -> &Value {
        &self.template["metadata"]["labels"]
    }

    pub(super) fn spec(&self) -> &Value {
        &self.template["spec"]
    }

    /// The containers, those that run before the others included.
    pub(super) fn containers(&self) -> impl Iterator<Item = &Value> {
        ["/initContainers", "/containers"].into_iter().flat_map(|list| items(self.spec(), list))
    }

    /// One complaint for each container that has one.
    pub(super) fn each_container(
        &self,
        complaint: impl Fn(&Value) -> Option<String>,
    ) -> Vec<String> {
        let of = |container: &Value| {
            let complaint = complaint(container)?;
            Some(format!("{}, container {}: {complaint}", self.owner, text(container, "/name")))
        };
        self.containers().filter_map(of).collect()
    }
}

/// All pods of Freshet's own parts. Those of the operators' services are theirs to form.
pub(super) fn pods(resources: &[Value]) -> Vec<Pod> {
    resources.iter().flat_map(of_resource).collect()
}

fn of_resource(resource: &Value) -> Vec<Pod> {
    match text(resource, "/kind") {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => vec![Pod {
            owner: name(resource),
            replicas: resource["spec"]["replicas"].as_u64().unwrap_or(1),
            template: resource["spec"]["template"].clone(),
        }],
        "SparkApplication" => {
            ["driver", "executor"].into_iter().map(|role| of_spark(resource, role)).collect()
        }
        _ => Vec::new(),
    }
}

/// A pod of Spark's: what its settings say becomes part of the container, as Spark does it.
fn of_spark(resource: &Value, role: &str) -> Pod {
    let mut template = resource["spec"][format!("{role}Spec")]["podTemplateSpec"].clone();
    let settings = &resource["spec"]["sparkConf"];
    let cores = |kind: &str| settings[format!("spark.kubernetes.{role}.{kind}.cores")].clone();
    let memory = match &settings[format!("spark.{role}.memoryOverhead")] {
        Value::Null => Value::Null,
        _ => settings[format!("spark.{role}.memory")].clone(),
    };
    let container = &mut template["spec"]["containers"][0];
    container["image"] = settings["spark.kubernetes.container.image"].clone();
    container["resources"] = json!({
        "requests": { "cpu": cores("request"), "memory": memory },
        "limits": { "cpu": cores("limit"), "memory": memory },
    });
    let executors = super::text(settings, "/spark.executor.instances").parse();
    let replicas = if role == "executor" { executors.unwrap_or(1) } else { 1 };
    Pod { owner: format!("{} {role}", name(resource)), replicas, template }
}
