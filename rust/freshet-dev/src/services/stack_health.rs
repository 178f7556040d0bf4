//! What tells the topic `health` of the stack as a whole: what it waits for, what died, what does not answer.

use std::time::Duration;

use freshet_core::stopping;

use super::{native, tier};
use crate::parts::{Context, Part, Plan, Work};
use crate::supervise::DiskUse;

pub(super) const PART: Part = Part {
    name: "stack-health",
    needs: &["rust", "kafka"],
    work: Work::Service {
        tier: tier::READERS,
        grace: stopping::LAST_REPORT.saturating_add(Duration::from_secs(2)),
        disk: DiskUse::Spares,
        plan: |context| Ok(plan(context)),
    },
};

fn plan(context: &Context) -> Plan {
    let plan = native(context, "freshet-dev-health");
    let command = plan.command.arg("--home").arg(context.home.folder());
    Plan { command, ..plan }
}
