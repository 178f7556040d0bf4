//! What is deployed, and runs: images, metrics and alerts, clusters that lose a part, upgrades. The name of each of
//! these tests begins with `deploy::`, by which `./freshet test deploy` finds it and `./freshet test system` passes it
//! over.

use libtest_mimic::Trial;

/// The tests in their order.
pub(crate) fn trials() -> Vec<Trial> {
    Vec::new()
}
