//! `ZooKeeper`, for the classic topology only.

use std::fs;
use std::path::Path;

use super::java::java;
use super::nodes::Node;
use super::{HOST, STORE_GRACE, tier};
use crate::parts::{Context, Part, Plan, PlanError, Work};
use crate::probe::Readiness;
use crate::supervise::DiskUse;

pub(super) const PART: Part = Part {
    name: "zookeeper",
    needs: &["classpaths"],
    work: Work::Service {
        tier: tier::COORDINATION,
        grace: STORE_GRACE,
        disk: DiskUse::Keeps,
        plan,
    },
};

const MAIN_CLASS: &str = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
pub(crate) const HEAP: &str = "128m";

fn plan(context: &Context) -> Result<Plan, PlanError> {
    let folder = context.home.data("zookeeper");
    fs::create_dir_all(&folder).map_err(PlanError::at("create", &folder))?;
    let port = context.config.dev.zookeeper_port;
    let settings = folder.join("zoo.cfg");
    fs::write(&settings, zoo_cfg(&folder, port)).map_err(PlanError::at("write", &settings))?;
    let options = ["-XX:TieredStopAtLevel=1".to_owned()];
    Ok(Plan {
        before: Vec::new(),
        command: java(context, "kafka-zookeeper", HEAP, options, MAIN_CLASS)?.arg(&settings),
        readiness: Readiness::Zookeeper(Node::FIRST.at(port)),
        address: Some(format!("{HOST}:{port}")),
        refusal: None,
        done: None,
        notices: Vec::new(),
    })
}

fn zoo_cfg(folder: &Path, port: u16) -> String {
    format!(
        "dataDir={}\n\
         clientPort={port}\n\
         clientPortAddress={HOST}\n\
         tickTime=1000\n\
         autopurge.purgeInterval=1\n\
         # Its web server would listen on every address.\n\
         admin.enableServer=false\n",
        folder.join("snapshots").display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_on_this_machine_only() {
        let settings = zoo_cfg(Path::new("/data"), 12_181);
        assert!(settings.contains("clientPort=12181\nclientPortAddress=127.0.0.1\n"));
        assert!(settings.contains("admin.enableServer=false"));
    }
}
