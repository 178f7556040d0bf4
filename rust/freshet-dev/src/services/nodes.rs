//! The nodes of a store: one, or three of which one may be lost. Each of three has a loopback address to itself,
//! because Cassandra's drivers take it that all nodes have one port.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::parts::Context;
use crate::state::Topology;

/// Where the nodes are.
const HOSTS: [Ipv4Addr; 3] =
    [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3)];

/// Where a node alone is.
const ALONE: [Ipv4Addr; 1] = [Ipv4Addr::LOCALHOST];

/// The addresses of a store's nodes.
pub(crate) const fn hosts(topology: Topology) -> &'static [Ipv4Addr] {
    match topology {
        Topology::Kraft | Topology::Zookeeper => &ALONE,
        Topology::Cluster => &HOSTS,
    }
}

/// All nodes with this port, with something between them.
pub(super) fn addresses(topology: Topology, port: u16, between: &str) -> String {
    let each = hosts(topology).iter().map(|host| format!("{host}:{port}"));
    each.collect::<Vec<_>>().join(between)
}

/// Whether that part is a node of that store, such as `kafka-2` of `kafka`.
pub(crate) fn is_node_of(part: &str, store: &str) -> bool {
    let number = part.strip_prefix(store).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| number.parse::<u8>().is_ok())
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// From 1.
    pub(super) number: u8,
}

impl Node {
    pub(super) const FIRST: Self = Self { number: 1 };

    /// Its address.
    pub(super) fn host(self) -> Ipv4Addr {
        HOSTS[usize::from(self.number - 1)]
    }

    /// Its address with a port.
    pub(super) fn at(self, port: u16) -> SocketAddr {
        (self.host(), port).into()
    }

    /// Where it keeps its data, in a folder of the store's.
    pub(super) fn folder(self, context: &Context, store: PathBuf) -> PathBuf {
        match context.topology {
            Topology::Kraft | Topology::Zookeeper => store,
            Topology::Cluster => store.join(self.number.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::all;

    #[test]
    fn a_cluster_has_three_nodes_of_each_store_and_no_other() {
        let parts = all(Topology::Cluster);
        for store in ["kafka", "cassandra"] {
            let nodes = parts.iter().filter(|part| is_node_of(part.name, store)).count();
            assert_eq!(nodes, hosts(Topology::Cluster).len(), "{store}");
            assert!(parts.iter().all(|part| part.name != store), "{store}");
        }
        assert!(!is_node_of("stack-health", "stack") && !is_node_of("kafka", "kafka"));
    }

    #[test]
    fn all_nodes_are_named_to_those_who_look_for_one() {
        assert_eq!(addresses(Topology::Kraft, 9092, ","), "127.0.0.1:9092");
        let three = "127.0.0.1:9092,127.0.0.2:9092,127.0.0.3:9092";
        assert_eq!(addresses(Topology::Cluster, 9092, ","), three);
    }
}
