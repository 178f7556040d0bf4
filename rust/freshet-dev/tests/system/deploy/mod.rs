//! What is deployed, and runs: images, metrics and alerts, clusters that lose a part, upgrades. The name of each of
//! these tests begins with `deploy::`, by which `./freshet test deploy` finds it and `./freshet test system` passes it
//! over.

mod lost_nodes;
mod spark_cluster;

use libtest_mimic::Trial;

use crate::test;

/// The tests in their order.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test(
            "deploy::the_loss_of_a_broker_and_of_a_cassandra_node_changes_no_row",
            lost_nodes::change_no_row,
        ),
        test(
            "deploy::a_spark_cluster_survives_its_masters_and_workers",
            spark_cluster::survives_its_masters_and_workers,
        ),
    ]
}
