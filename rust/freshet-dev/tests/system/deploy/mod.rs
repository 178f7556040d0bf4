//! What is deployed, and runs: images, metrics and alerts, clusters that lose a part, upgrades. The name of each of
//! these tests begins with `deploy::`, by which `./freshet test deploy` finds it and `./freshet test system` passes it
//! over.

mod grafana;
mod observability;
mod prometheus;

use libtest_mimic::Trial;

use crate::test;

/// The tests in their order.
pub(crate) fn trials() -> Vec<Trial> {
    vec![test(
        "deploy::observability_alerts_ring_by_real_faults_and_every_panel_has_data",
        observability::alerts_ring_and_panels_have_data,
    )]
}
