//! What is deployed, and runs: images, metrics and alerts, clusters that lose a part, upgrades. The name of each of
//! these tests begins with `deploy::`, by which `./freshet test deploy` finds it and `./freshet test system` passes it
//! over.

mod writers;

use libtest_mimic::Trial;

use crate::test;

/// The tests in their order.
pub(crate) fn trials() -> Vec<Trial> {
    vec![test(
        "deploy::a_writer_with_a_name_that_is_started_again_moves_no_partition",
        writers::restart_moves_no_partition,
    )]
}
