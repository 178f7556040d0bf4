//! What is deployed, and runs: images, metrics and alerts, clusters that lose a part, upgrades. The name of each of
//! these tests begins with `deploy::`, by which `./freshet test deploy` finds it and `./freshet test system` passes it
//! over.

mod buildah;
mod images;
mod listener;
mod rolling;

use libtest_mimic::Trial;

use crate::test;

/// The tests in their order.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("deploy::the_programs_run_inside_their_images", images::programs_run_inside),
        test("deploy::a_rolling_restart_loses_nothing", rolling::loses_nothing),
    ]
}
