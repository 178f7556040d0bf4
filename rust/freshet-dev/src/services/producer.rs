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
        plan: |context| Ok(plan(context)),
    },
};

const PROGRAM: &str = "freshet-producer";
/// By this exit code it says that no source has anything left to send, such as a file that was read once. It is not 0:
/// that is the code of one that somebody has told to stop, and it is started again.
const ALL_SOURCES_ENDED: i32 = 3;

fn plan(context: &Context) -> Plan {
    let plan = native(context, PROGRAM);
    let command = plan.command.arg("--code-when-ended").arg(ALL_SOURCES_ENDED.to_string());
    Plan { command, done: Some(ALL_SOURCES_ENDED), ..plan }
}

/// The command by which it is run.
pub fn command(context: &Context) -> CommandLine {
    native(context, PROGRAM).command
}
