//! What is deployed, and runs: images, metrics and alerts, clusters that lose a part, upgrades. The name of each of
//! these tests begins with `deploy::`, by which `./freshet test deploy` finds it and `./freshet test system` passes it
//! over.

mod buildah;
mod figures;
mod grafana;
mod images;
mod listener;
mod lost_nodes;
mod observability;
mod prometheus;
mod rolling;
mod spark_cluster;
mod upgrade;
mod writers;

use libtest_mimic::Trial;

use crate::{long, test};

/// The tests in their order.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("deploy::the_programs_run_inside_their_images", images::programs_run_inside),
        test("deploy::a_rolling_restart_loses_nothing", rolling::loses_nothing),
        test(
            "deploy::observability_alerts_ring_by_real_faults_and_every_panel_has_data",
            observability::alerts_ring_and_panels_have_data,
        ),
        test(
            "deploy::a_writer_with_a_name_that_is_started_again_moves_no_partition",
            writers::restart_moves_no_partition,
        ),
        test(
            "deploy::an_upgrade_goes_on_where_the_earlier_build_stopped",
            upgrade::goes_on_where_the_earlier_build_stopped,
        ),
        test(
            "deploy::the_loss_of_a_broker_and_of_a_cassandra_node_changes_no_row",
            lost_nodes::change_no_row,
        ),
        test(
            "deploy::a_spark_cluster_survives_its_masters_and_workers",
            spark_cluster::survives_its_masters_and_workers,
        ),
        long("deploy::the_figures_of_the_plan_are_measured", figures::are_measured),
    ]
}
