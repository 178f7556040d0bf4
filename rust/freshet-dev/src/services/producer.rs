//! The producer: the live sources of the configuration, into Kafka.

use freshet_core::stopping;

use super::{native, tier};
use crate::parts::{Context, Part, Plan, Work};
use crate::supervise::{CommandLine, DiskUse};

pub(super) const PART: Part = Part {
    name: "producer",
    needs: &["rust", "kafka"],
    work: Work::Service {
        tier: tier::SOURCES,
        grace: stopping::PRODUCER,
        disk: DiskUse::Fills,
        plan: |context| Ok(Plan { done: ALL_SOURCES_ENDED, ..native(context, PROGRAM) }),
    },
};

const PROGRAM: &str = "freshet-producer";
/// By this exit code it says that no source has anything left to send, such as a file that was read once.
const ALL_SOURCES_ENDED: Option<i32> = Some(0);

/// The command by which it is run.
pub fn command(context: &Context) -> CommandLine {
    native(context, PROGRAM).command
}
