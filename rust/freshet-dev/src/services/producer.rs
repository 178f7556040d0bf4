//! The producer: the live sources of the configuration, into Kafka.

use freshet_core::stopping;

use super::{native, tier};
use crate::parts::{Context, Part, Work};
use crate::supervise::{CommandLine, DiskUse};

pub(super) const PART: Part = Part {
    name: "producer",
    needs: &["rust", "kafka"],
    work: Work::Service {
        tier: tier::SOURCES,
        grace: stopping::PRODUCER,
        disk: DiskUse::Fills,
        plan: |context| Ok(native(context, PROGRAM)),
    },
};

const PROGRAM: &str = "freshet-producer";

/// The command by which it is run.
pub fn command(context: &Context) -> CommandLine {
    native(context, PROGRAM).command
}
