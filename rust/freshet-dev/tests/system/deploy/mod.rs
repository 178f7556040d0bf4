//! What is deployed, and runs: images, metrics and alerts, clusters that lose a part, upgrades. The name of each of
//! these tests begins with `deploy::`, by which `./freshet test deploy` finds it and `./freshet test system` passes it
//! over.

mod figures;
mod upgrade;

use libtest_mimic::Trial;

use crate::{long, test};

/// The tests in their order.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test(
            "deploy::an_upgrade_goes_on_where_the_earlier_build_stopped",
            upgrade::goes_on_where_the_earlier_build_stopped,
        ),
        long("deploy::the_figures_of_the_plan_are_measured", figures::are_measured),
    ]
}
