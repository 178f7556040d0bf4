//! The dashboard: history from Cassandra and the live edge from Kafka, on one page.

use freshet_core::stopping;

use super::{REFUSAL, endpoints, tier};
use crate::parts::{Context, Part, Plan, Work};
use crate::probe::{Readiness, dashboard_url};
use crate::supervise::{CommandLine, DiskUse};

pub(super) const PART: Part = Part {
    name: "dashboard",
    needs: &["dashboard-build", "kafka", "cassandra"],
    work: Work::Service {
        tier: tier::READERS,
        grace: stopping::DASHBOARD,
        disk: DiskUse::Spares,
        plan: |context| Ok(plan(context)),
    },
};

/// V8 would let its heap grow to gigabytes before it collects.
const HEAP_MEGABYTES: u32 = 256;

fn plan(context: &Context) -> Plan {
    let command = CommandLine::new("node", context.root.join("node-dashboard"))
        .arg(format!("--max-old-space-size={HEAP_MEGABYTES}"))
        .args(["dist/server/server.js", "-c"])
        .arg(&context.config_file)
        .envs(endpoints(context));
    let address = dashboard_url(&context.config);
    Plan {
        before: Vec::new(),
        command,
        readiness: Readiness::Http(format!("{address}/healthz")),
        address: Some(address),
        refusal: REFUSAL,
        done: None,
        notices: Vec::new(),
    }
}
