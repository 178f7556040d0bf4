//! Network policies, evaluated as Kubernetes' documentation says: a pod that no policy selects for a direction is open
//! in it; one that some select may do what any of them allows; and both ends have to agree.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::pods::pods;
use super::{holds, items, name, named, of_kind, remove, set, text};

/// Whether a label selector takes these labels.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    let pairs = selector["matchLabels"].as_object();
    let has_pairs = pairs.into_iter().flatten().all(|(key, value)| labels[key] == *value);
    let meets = |expression: &Value| {
        let value = &labels[text(expression, "/key")];
        match text(expression, "/operator") {
            "In" => items(expression, "/values").contains(value),
            "Exists" => !value.is_null(),
            other => panic!("the operator {other} is not evaluated here"),
        }
    };
    has_pairs && items(selector, "/matchExpressions").iter().all(meets)
}

/// One end of a connection.
struct End {
    namespace: &'static str,
    labels: Value,
    address: Ipv4Addr,
}

/// A pod of the namespace `freshet`.
fn pod(labels: Value) -> End {
    End { namespace: "freshet", labels, address: Ipv4Addr::new(10, 244, 1, 7) }
}

fn ours(part: &str) -> End {
    pod(json!({ "app.kubernetes.io/name": part }))
}

fn spark(role: &str) -> End {
    pod(json!({ "app.kubernetes.io/name": "freshet-spark", "app.kubernetes.io/component": role }))
}

fn kafka() -> End {
    pod(json!({ "strimzi.io/cluster": "freshet", "strimzi.io/name": "freshet-kafka" }))
}

fn entity_operator() -> End {
    pod(json!({ "strimzi.io/cluster": "freshet", "strimzi.io/name": "freshet-entity-operator" }))
}

fn cassandra() -> End {
    pod(json!({ "cassandra.datastax.com/cluster": "freshet" }))
}

/// A pod of another namespace.
fn other(namespace: &'static str, labels: Value) -> End {
    End { namespace, labels, address: Ipv4Addr::new(10, 244, 2, 9) }
}

/// Something that is no pod.
fn host(address: [u8; 4]) -> End {
    End { namespace: "", labels: Value::Null, address: address.into() }
}

fn contains(range: &str, address: Ipv4Addr) -> bool {
    let (network, bits) = range.split_once('/').unwrap();
    let mask = u32::MAX.checked_shl(32 - bits.parse::<u32>().unwrap()).unwrap_or(0);
    let network: Ipv4Addr = network.parse().unwrap();
    u32::from(network) & mask == u32::from(address) & mask
}

fn is_peer(peer: &Value, end: &End) -> bool {
    if let Some(range) = peer.pointer("/ipBlock/cidr").and_then(Value::as_str) {
        let except = items(peer, "/ipBlock/except").iter().filter_map(Value::as_str);
        return contains(range, end.address)
            && !except.into_iter().any(|part| contains(part, end.address));
    }
    let is_namespace = match peer.get("namespaceSelector") {
        Some(selector) => {
            let mut labels = json!({ "kubernetes.io/metadata.name": end.namespace });
            labels["freshet.io/ingress"] = json!((end.namespace == "ingress").to_string());
            !end.namespace.is_empty() && selects(selector, &labels)
        }
        None => end.namespace == "freshet",
    };
    is_namespace && peer.get("podSelector").is_none_or(|selector| selects(selector, &end.labels))
}

/// Whether the policies let `own` have that connection with `peer`, in a direction: its rules, and its peers in them.
fn lets(all: &[Value], (direction, peers): (&str, &str), own: &End, peer: &End, port: u16) -> bool {
    let rules = direction.to_lowercase();
    let selecting = of_kind(all, "NetworkPolicy").filter(|policy| {
        let is_direction = items(policy, "/spec/policyTypes").iter().any(|kind| kind == direction);
        is_direction && selects(&policy["spec"]["podSelector"], &own.labels)
    });
    let mut selecting = selecting.peekable();
    if own.namespace != "freshet" || selecting.peek().is_none() {
        return true;
    }
    let allows = |rule: &Value| {
        let ports = items(rule, "/ports");
        let is_port = ports.is_empty() || ports.iter().any(|own| own["port"] == port);
        let ends = items(rule, &format!("/{peers}"));
        is_port && (ends.is_empty() || ends.iter().any(|end| is_peer(end, peer)))
    };
    selecting.any(|policy| items(policy, &format!("/spec/{rules}")).iter().any(allows))
}

/// Whether the connection comes about.
fn flows(all: &[Value], from: &End, to: &End, port: u16) -> bool {
    lets(all, ("Egress", "to"), from, to, port) && lets(all, ("Ingress", "from"), to, from, port)
}

const KAFKA: u16 = 9092;
const CASSANDRA: u16 = 9042;
const WIKIMEDIA: [u8; 4] = [208, 80, 154, 224];
const API_SERVER: [u8; 4] = [10, 96, 0, 1];
/// In the network that the policy has in its place to fill in.
const OBJECT_STORE: [u8; 4] = [192, 0, 2, 10];

/// What has to reach what, and what must not.
fn table() -> Vec<(bool, &'static str, End, End, u16)> {
    let names = || other("kube-system", json!({ "k8s-app": "kube-dns" }));
    let internet = || {
        pod(json!({ "app.kubernetes.io/name": "freshet-producer", "freshet.io/internet": "true" }))
    };
    let prometheus = || other("monitoring", json!({}));
    let stranger = || pod(json!({ "app.kubernetes.io/name": "stranger" }));
    vec![
        (true, "records", ours("freshet-producer"), kafka(), KAFKA),
        (true, "a source on the internet", internet(), host(WIKIMEDIA), 443),
        (true, "windows to store", ours("freshet-writer"), kafka(), KAFKA),
        (true, "rows", ours("freshet-writer"), cassandra(), CASSANDRA),
        (true, "windows to show", ours("freshet-dashboard"), kafka(), KAFKA),
        (true, "history", ours("freshet-dashboard"), cassandra(), CASSANDRA),
        (true, "the page", other("ingress", json!({})), ours("freshet-dashboard"), 3000),
        (true, "records of the executors", spark("executor"), kafka(), KAFKA),
        (true, "offsets of the driver", spark("driver"), kafka(), KAFKA),
        (true, "tasks", spark("executor"), spark("driver"), 7078),
        (true, "blocks", spark("driver"), spark("executor"), 7079),
        (true, "blocks among executors", spark("executor"), spark("executor"), 7079),
        (true, "executors to start", spark("driver"), host(API_SERVER), 443),
        (true, "checkpoints of the executors", spark("executor"), host(OBJECT_STORE), 443),
        (true, "checkpoints of the driver", spark("driver"), host(OBJECT_STORE), 443),
        (true, "names", ours("freshet-writer"), names(), 53),
        (true, "names for Kafka", kafka(), names(), 53),
        (true, "replication", kafka(), kafka(), 9091),
        (true, "votes", kafka(), kafka(), 9090),
        (true, "Kafka's certificates and rack", kafka(), host(API_SERVER), 443),
        (true, "topics and users", entity_operator(), kafka(), 9091),
        (true, "topics and users to know of", entity_operator(), host(API_SERVER), 443),
        (true, "Kafka's operator", other("strimzi", json!({})), kafka(), 9091),
        (true, "Cassandra's nodes", cassandra(), cassandra(), 7001),
        (true, "Cassandra's operator", other("k8ssandra-operator", json!({})), cassandra(), 8080),
        (true, "metrics of the producer", prometheus(), ours("freshet-producer"), 9464),
        (true, "metrics of the writer", prometheus(), ours("freshet-writer"), 9465),
        (true, "metrics of the dashboard", prometheus(), ours("freshet-dashboard"), 3000),
        (true, "metrics of the job", prometheus(), spark("driver"), 4040),
        (false, "rows from the producer", ours("freshet-producer"), cassandra(), CASSANDRA),
        (false, "rows from Spark", spark("executor"), cassandra(), CASSANDRA),
        (false, "the internet without need", ours("freshet-writer"), host(WIKIMEDIA), 443),
        (false, "the API server from a source", internet(), host(API_SERVER), 443),
        (false, "the API server from an executor", spark("executor"), host(API_SERVER), 443),
        (false, "the internet from an executor", spark("executor"), host(WIKIMEDIA), 443),
        (false, "checkpoints from the writer", ours("freshet-writer"), host(OBJECT_STORE), 443),
        (false, "a stranger at Kafka", stranger(), kafka(), KAFKA),
        (false, "a stranger of another namespace", other("default", json!({})), kafka(), KAFKA),
        (false, "a stranger at Cassandra", other("default", json!({})), cassandra(), CASSANDRA),
        (false, "a stranger at Cassandra's management", ours("freshet-writer"), cassandra(), 8080),
        (
            false,
            "a stranger at the page",
            other("default", json!({})),
            ours("freshet-dashboard"),
            3000,
        ),
        (
            false,
            "anything at a pod that no policy names",
            other("default", json!({})),
            stranger(),
            80,
        ),
        (false, "a stranger at Spark's page", ours("freshet-dashboard"), spark("driver"), 4040),
        (
            false,
            "a stranger at the metrics",
            other("default", json!({})),
            ours("freshet-writer"),
            9465,
        ),
    ]
}

#[test]
fn what_has_to_flow_flows_and_nothing_else() {
    let complaints = |all: &[Value]| {
        let wrong = table()
            .into_iter()
            .filter(|(wanted, _, from, to, port)| flows(all, from, to, *port) != *wanted);
        let told = |(wanted, what, _, _, port): (bool, &str, _, _, u16)| {
            format!("{what} (port {port}) should {}flow", if wanted { "" } else { "not " })
        };
        wrong.map(told).collect()
    };
    holds(
        complaints,
        &[
            ("nothing refused", |all| {
                all.retain(|resource| name(resource) != "NetworkPolicy/default-deny");
            }),
            ("a policy that is missing", |all| {
                all.retain(|resource| name(resource) != "NetworkPolicy/freshet-writer");
            }),
            ("executors that reach no object store", |all| {
                all.retain(|resource| name(resource) != "NetworkPolicy/freshet-object-storage");
            }),
            ("another port of Kafka", |all| {
                set(all, "NetworkPolicy/kafka", "/spec/ingress/0/ports/0/port", 9093.into());
            }),
            ("everyone at Cassandra", |all| {
                remove(all, "NetworkPolicy/cassandra", "/spec/ingress/0", "from");
            }),
            ("the whole network for sources", |all| {
                remove(
                    all,
                    "NetworkPolicy/freshet-internet",
                    "/spec/egress/0/to/0/ipBlock",
                    "except",
                );
            }),
        ],
    );
}

/// The pods that the operators make.
fn operated() -> Vec<(&'static str, Value)> {
    vec![
        ("Kafka", kafka().labels),
        ("Kafka's entity operator", entity_operator().labels),
        ("Cassandra", cassandra().labels),
    ]
}

#[test]
fn each_pod_and_each_service_has_a_policy_of_its_own() {
    let complaints = |all: &[Value]| {
        let is_own = |policy: &&Value, labels: &Value| {
            let selector = &policy["spec"]["podSelector"];
            *selector != json!({}) && selects(selector, labels)
        };
        let covers = |labels: &Value, direction: &str| {
            of_kind(all, "NetworkPolicy").filter(|policy| is_own(policy, labels)).any(|policy| {
                items(policy, "/spec/policyTypes").iter().any(|kind| kind == direction)
            })
        };
        let ours = pods(all).into_iter().map(|pod| (pod.owner.clone(), pod.labels().clone()));
        let theirs = operated().into_iter().map(|(name, labels)| (name.to_owned(), labels));
        let bare = ours.chain(theirs).flat_map(|(owner, labels)| {
            let missing =
                ["Ingress", "Egress"].into_iter().filter(|direction| !covers(&labels, direction));
            missing
                .map(|direction| format!("{owner} has no policy for {direction}"))
                .collect::<Vec<_>>()
        });
        let closed = of_kind(all, "Service").filter_map(|service| {
            let selector = json!({ "matchLabels": service["spec"]["selector"] });
            let behind: Vec<_> =
                pods(all).into_iter().filter(|pod| selects(&selector, pod.labels())).collect();
            let ports = behind
                .iter()
                .flat_map(super::pods::Pod::containers)
                .flat_map(|own| items(own, "/ports"));
            let target = &service["spec"]["ports"][0]["targetPort"];
            let port =
                ports.into_iter().find(|port| port["name"] == *target)?["containerPort"].clone();
            let is_open =
                of_kind(all, "NetworkPolicy").filter(|policy| is_own(policy, behind[0].labels()));
            let mut rules = is_open.flat_map(|policy| items(policy, "/spec/ingress"));
            let opens = |rule: &Value| items(rule, "/ports").iter().any(|own| own["port"] == port);
            (!rules.any(opens)).then(|| format!("{} is closed to all", name(service)))
        });
        let unmatched = of_kind(all, "Service").filter(|service| {
            let selector = json!({ "matchLabels": service["spec"]["selector"] });
            !pods(all).iter().any(|pod| selects(&selector, pod.labels()))
        });
        let unmatched = unmatched.map(|service| format!("{} selects no pod", name(service)));
        bare.chain(closed).chain(unmatched).collect()
    };
    holds(
        complaints,
        &[
            ("a pod without", |all| {
                all.retain(|resource| name(resource) != "NetworkPolicy/freshet-writer");
            }),
            ("an operator's pod without", |all| {
                all.retain(|resource| name(resource) != "NetworkPolicy/cassandra");
            }),
            ("a port that nobody may come to", |all| {
                set(
                    all,
                    "NetworkPolicy/freshet-dashboard",
                    "/spec/ingress/0/ports/0/port",
                    80.into(),
                );
            }),
            ("a service of other pods", |all| {
                let mut service = named(all, "Service/freshet-writer").clone();
                service["spec"]["selector"] = json!({ "app.kubernetes.io/name": "other" });
                all.push(service);
            }),
        ],
    );
}
