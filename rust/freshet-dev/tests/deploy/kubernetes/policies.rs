//! What a team expects of whatever runs on its cluster.

use serde_json::{Value, json};

use super::pods::{Pod, pods};
use super::{holds, items, name, of_kind, remove, set, text};

const WRITER: &str = "StatefulSet/freshet-writer";
const DASHBOARD: &str = "Deployment/freshet-dashboard";
const SPARK: &str = "SparkApplication/freshet";
const CONTAINER: &str = "/spec/template/spec/containers/0";

/// What is wrong with each pod.
fn each(resources: &[Value], complaints: impl Fn(&Pod) -> Vec<String>) -> Vec<String> {
    pods(resources).iter().flat_map(complaints).collect()
}

#[test]
fn each_image_has_an_exact_tag() {
    let complaint = |container: &Value| {
        let image = text(container, "/image");
        let tag =
            image.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
        let is_exact = tag.is_some_and(|tag| tag.starts_with(|first: char| first.is_ascii_digit()));
        (!is_exact).then(|| format!("image '{image}' has no exact tag"))
    };
    holds(
        |all| each(all, |pod| pod.each_container(complaint)),
        &[
            ("no tag", |all| {
                set(all, WRITER, &format!("{CONTAINER}/image"), "freshet-writer".into());
            }),
            ("latest", |all| set(all, WRITER, &format!("{CONTAINER}/image"), "a/b:latest".into())),
            ("a port and no tag", |all| {
                set(all, WRITER, &format!("{CONTAINER}/image"), "a:5000/b".into());
            }),
            ("no tag of Spark's", |all| {
                set(all, SPARK, "/spec/sparkConf/spark.kubernetes.container.image", "spark".into());
            }),
        ],
    );
}

/// The rules of Kubernetes' pod security standard "restricted".
fn restricted(pod: &Pod) -> Vec<String> {
    let spec = pod.spec();
    let of_pod = [
        (spec["securityContext"]["runAsNonRoot"] != true, "may run as root"),
        (spec["securityContext"]["runAsUser"].as_u64().is_none_or(|id| id == 0), "has no user"),
        (
            spec["securityContext"]["seccompProfile"]["type"] != "RuntimeDefault",
            "has no seccomp profile",
        ),
        (
            ["hostNetwork", "hostPID", "hostIPC"].iter().any(|key| spec[*key] == true),
            "is on the host",
        ),
        (
            items(spec, "/volumes").iter().any(|volume| !volume["hostPath"].is_null()),
            "mounts the host's files",
        ),
    ];
    let of_container = |container: &Value| {
        let context = &container["securityContext"];
        let rules = [
            (context["allowPrivilegeEscalation"] != false, "may gain privileges"),
            (context["privileged"] == true, "is privileged"),
            (context["capabilities"] != json!({ "drop": ["ALL"] }), "keeps capabilities"),
            (context["runAsNonRoot"] == false || context["runAsUser"] == 0, "runs as root"),
        ];
        rules.iter().find(|(is_broken, _)| *is_broken).map(|(_, what)| (*what).to_owned())
    };
    let broken = of_pod.iter().filter(|(is_broken, _)| *is_broken);
    let of_pod = broken.map(|(_, what)| format!("{} {what}", pod.owner));
    of_pod.chain(pod.each_container(of_container)).collect()
}

#[test]
fn nothing_runs_as_root() {
    const CONTEXT: &str = "/spec/template/spec/securityContext";
    holds(
        |all| each(all, restricted),
        &[
            ("the user root", |all| set(all, WRITER, &format!("{CONTEXT}/runAsUser"), 0.into())),
            ("no rule about root", |all| remove(all, WRITER, CONTEXT, "runAsNonRoot")),
            ("no seccomp profile", |all| remove(all, DASHBOARD, CONTEXT, "seccompProfile")),
            ("the host's network", |all| {
                set(all, DASHBOARD, "/spec/template/spec/enableServiceLinks", Value::Null);
                let spec = json!({ "hostNetwork": true });
                set(all, DASHBOARD, "/spec/template/spec", spec);
            }),
            ("the host's files", |all| {
                let volume = json!({ "name": "host", "hostPath": { "path": "/" } });
                set(all, WRITER, "/spec/template/spec/volumes/0", volume);
            }),
            ("privileges", |all| {
                remove(
                    all,
                    WRITER,
                    &format!("{CONTAINER}/securityContext"),
                    "allowPrivilegeEscalation",
                );
            }),
            ("capabilities", |all| {
                let place = format!("{CONTAINER}/securityContext/capabilities/drop/0");
                set(all, DASHBOARD, &place, "NET_ADMIN".into());
            }),
            ("Spark's executors as root", |all| {
                let place = "/spec/executorSpec/podTemplateSpec/spec/securityContext/runAsUser";
                set(all, SPARK, place, 0.into());
            }),
        ],
    );
}

#[test]
fn root_file_systems_are_read_only() {
    let complaint = |container: &Value| {
        let is_writable = container["securityContext"]["readOnlyRootFilesystem"] != true;
        is_writable.then(|| "can write to its root file system".to_owned())
    };
    holds(
        |all| each(all, |pod| pod.each_container(complaint)),
        &[
            ("a writable one", |all| {
                remove(
                    all,
                    WRITER,
                    &format!("{CONTAINER}/securityContext"),
                    "readOnlyRootFilesystem",
                );
            }),
            ("a writable one of Spark's", |all| {
                let place = "/spec/driverSpec/podTemplateSpec/spec/containers/0/securityContext/readOnlyRootFilesystem";
                set(all, SPARK, place, false.into());
            }),
        ],
    );
}

/// Where the operators' resources say what their containers may use.
const OPERATED: [(&str, &str); 4] = [
    ("KafkaNodePool", "/spec/resources"),
    ("Kafka", "/spec/entityOperator/topicOperator/resources"),
    ("Kafka", "/spec/entityOperator/userOperator/resources"),
    ("K8ssandraCluster", "/spec/cassandra/resources"),
];

fn unlimited(resources: Option<&Value>) -> Option<String> {
    let of = |group: &str, what: &str| {
        let value = resources.map_or(&Value::Null, |resources| &resources[group][what]);
        value.is_null().then(|| format!("no {what} in its {group}"))
    };
    ["requests", "limits"].iter().find_map(|group| of(group, "cpu").or_else(|| of(group, "memory")))
}

#[test]
fn each_container_asks_for_what_it_needs_and_has_limits() {
    let complaints = |all: &[Value]| {
        let ours =
            each(all, |pod| pod.each_container(|container| unlimited(container.get("resources"))));
        let theirs = OPERATED.iter().flat_map(|(kind, place)| {
            of_kind(all, kind).filter_map(move |resource| {
                let complaint = unlimited(resource.pointer(place))?;
                Some(format!("{}{place}: {complaint}", name(resource)))
            })
        });
        ours.into_iter().chain(theirs).collect()
    };
    holds(
        complaints,
        &[
            ("no limit of memory", |all| {
                remove(all, WRITER, &format!("{CONTAINER}/resources/limits"), "memory");
            }),
            ("no resources", |all| remove(all, DASHBOARD, CONTAINER, "resources")),
            ("no limit of Spark's cores", |all| {
                remove(all, SPARK, "/spec/sparkConf", "spark.kubernetes.executor.limit.cores");
            }),
            ("no room for native memory", |all| {
                remove(all, SPARK, "/spec/sparkConf", "spark.executor.memoryOverhead");
            }),
            ("no limit of Kafka's", |all| {
                remove(all, "KafkaNodePool/broker", "/spec/resources", "limits");
            }),
            ("no limit of Cassandra's", |all| {
                remove(all, "K8ssandraCluster/freshet", "/spec/cassandra/resources/limits", "cpu");
            }),
        ],
    );
}

#[test]
fn each_container_has_probes_that_ask_a_port_that_it_has() {
    let complaint = |container: &Value| {
        ["startupProbe", "livenessProbe", "readinessProbe"].iter().find_map(|kind| {
            let probe = &container[*kind];
            let port = probe.pointer("/httpGet/port").or_else(|| probe.pointer("/tcpSocket/port"));
            let Some(port) = port else { return Some(format!("no {kind}")) };
            let is_named = items(container, "/ports").iter().any(|own| own["name"] == *port);
            let is_there = port.is_u64() || is_named;
            (!is_there).then(|| format!("its {kind} asks {port}, which is none of its ports"))
        })
    };
    // A program that waits for Kafka is alive: it must not be started again for it.
    let dead_for_waiting = |container: &Value| {
        let path = text(container, "/livenessProbe/httpGet/path");
        (path == "/ready").then(|| "its livenessProbe asks whether it is ready".to_owned())
    };
    holds(
        |all| {
            each(all, |pod| {
                [pod.each_container(complaint), pod.each_container(dead_for_waiting)].concat()
            })
        },
        &[
            ("no probe", |all| remove(all, WRITER, CONTAINER, "readinessProbe")),
            ("no probe of Spark's", |all| {
                remove(
                    all,
                    SPARK,
                    "/spec/executorSpec/podTemplateSpec/spec/containers/0",
                    "livenessProbe",
                );
            }),
            ("another port", |all| {
                set(all, WRITER, &format!("{CONTAINER}/livenessProbe/httpGet/port"), "http".into());
            }),
            ("an end for whoever waits", |all| {
                set(
                    all,
                    WRITER,
                    &format!("{CONTAINER}/livenessProbe/httpGet/path"),
                    "/ready".into(),
                );
            }),
        ],
    );
}

#[test]
fn each_replicated_workload_has_a_budget_that_lets_nodes_be_drained() {
    let complaints = |all: &[Value]| {
        let lacks = |pod: &Pod| {
            let budgets = of_kind(all, "PodDisruptionBudget");
            let mut own = budgets.filter(|budget| {
                super::network::selects(&budget["spec"]["selector"], pod.labels())
            });
            let allows = |budget: &Value| {
                let spec = &budget["spec"];
                // Kubernetes knows how many there should be only from a controller, which those of Spark lack.
                let has_controller = !pod.owner.starts_with("SparkApplication/");
                (has_controller && spec["maxUnavailable"].as_u64().is_some_and(|most| most > 0))
                    || spec["minAvailable"].as_u64().is_some_and(|least| least < pod.replicas)
            };
            let is_guarded = own.next().is_some_and(allows);
            (pod.replicas > 1 && !is_guarded).then(|| format!("{} has no budget", pod.owner))
        };
        pods(all).iter().filter_map(lacks).collect()
    };
    holds(
        complaints,
        &[
            ("no budget", |all| {
                all.retain(|resource| name(resource) != "PodDisruptionBudget/freshet-writer");
            }),
            ("one of other pods", |all| {
                let labels = json!({ "app.kubernetes.io/name": "other" });
                set(
                    all,
                    "PodDisruptionBudget/freshet-dashboard",
                    "/spec/selector/matchLabels",
                    labels,
                );
            }),
            ("one that allows nothing", |all| {
                set(all, "PodDisruptionBudget/freshet-writer", "/spec/maxUnavailable", 0.into());
            }),
            ("one that Kubernetes cannot reckon with", |all| {
                let executors = json!({ "app.kubernetes.io/component": "executor" });
                let spec = json!({ "maxUnavailable": 1, "selector": { "matchLabels": executors } });
                set(all, "PodDisruptionBudget/freshet-spark-executors", "/spec", spec);
            }),
        ],
    );
}

/// Whether a name is that of a secret.
fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["password", "token", "secret", "credential"].iter().any(|word| key.contains(word))
}

fn literal_secrets(resources: &[Value]) -> Vec<String> {
    let secrets =
        of_kind(resources, "Secret").map(|secret| format!("{} is not by reference", name(secret)));
    let maps = of_kind(resources, "ConfigMap").flat_map(|map| {
        let lines = |(key, value): (&String, &Value)| {
            let own = (key.clone(), value.as_str().unwrap_or_default().to_owned());
            let inside = own.1.lines().filter_map(|line| line.split_once('='));
            let inside =
                inside.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
            inside.chain([own.clone()]).collect::<Vec<_>>()
        };
        let all = map["data"].as_object().into_iter().flatten().flat_map(lines);
        let secret = all.filter(|(key, _)| is_secret(key) && !key.ends_with("_FILE"));
        secret.map(|(key, _)| format!("{} has {key}", name(map))).collect::<Vec<_>>()
    });
    let variables = each(resources, |pod| {
        pod.each_container(|container| {
            let given =
                items(container, "/env").iter().filter(|variable| !variable["value"].is_null());
            let mut names = given.map(|variable| text(variable, "/name"));
            let found = names.find(|name| is_secret(name) && !name.ends_with("_FILE"))?;
            Some(format!("{found} has its value in the open"))
        })
    });
    secrets.chain(maps).chain(variables).collect()
}

#[test]
fn secrets_are_only_referred_to() {
    holds(
        literal_secrets,
        &[
            ("a Secret", |all| {
                all.push(json!({ "kind": "Secret", "metadata": { "name": "a" }, "stringData": { "a": "b" } }));
            }),
            ("a variable", |all| {
                let variable =
                    json!({ "name": "FRESHET_CASSANDRA__PASSWORD", "value": "cassandra" });
                set(all, WRITER, &format!("{CONTAINER}/env/0"), variable);
            }),
            ("a line of the configuration", |all| {
                let data = json!({ "freshet.toml": "[dashboard]\ntoken = \"abc\"\n" });
                all.push(json!({ "kind": "ConfigMap", "metadata": { "name": "a" }, "data": data }));
            }),
            ("a line of the environment", |all| {
                let data = json!({ "FRESHET_KAFKA__SECURITY__PASSWORD": "abc" });
                all.push(json!({ "kind": "ConfigMap", "metadata": { "name": "a" }, "data": data }));
            }),
        ],
    );
}

#[test]
fn only_the_driver_of_spark_has_a_key_to_kubernetes() {
    let complaints = |all: &[Value]| {
        each(all, |pod| {
            let is_driver = pod.labels()["app.kubernetes.io/component"] == "driver";
            let has_key = pod.spec()["automountServiceAccountToken"] != false;
            let complaint = format!("{} has a key to Kubernetes", pod.owner);
            (has_key && !is_driver).then_some(complaint).into_iter().collect()
        })
    };
    holds(
        complaints,
        &[("one that the writer has", |all| {
            remove(all, WRITER, "/spec/template/spec", "automountServiceAccountToken");
        })],
    );
}
