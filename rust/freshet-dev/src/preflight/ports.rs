//! Ports: each used once, which is a matter of the configuration, and free, or else by whom they are taken.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use freshet_core::config::{ConfigError, Origin};

use super::Check;
use crate::parts::Context;
use crate::state::{Process, Topology};

/// `0A` in `/proc/net/tcp`.
const LISTENING: &str = "0A";

struct Port {
    number: u16,
    service: &'static str,
    /// The setting that gives it.
    section: &'static str,
    key: &'static str,
}

impl Port {
    fn setting(&self) -> String {
        format!("[{}] {}", self.section, self.key)
    }
}

/// Refuses a configuration that gives one port to two services.
///
/// # Errors
/// Names the second setting.
pub fn refuse_shared_ports(context: &Context) -> Result<(), ConfigError> {
    let mut users: HashMap<u16, Port> = HashMap::new();
    for port in needed(context) {
        let (number, section, key) = (port.number, port.section, port.key);
        if let Some(other) = users.insert(number, port) {
            return Err(ConfigError {
                origin: Origin::File(context.config_file.clone()),
                key: format!("{section}.{key}"),
                message: format!("{number} is the port of {} too; choose another", other.service),
            });
        }
    }
    Ok(())
}

/// Ports that nobody uses. They are all held until the last one is found, so that they differ.
///
/// # Errors
/// When this machine has none left.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let listeners = (0..N)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<io::Result<Vec<_>>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

pub(super) fn all(context: &Context, own: bool) -> Vec<Check> {
    let verdict =
        |port: &Port| if own { Ok("used by the running stack".to_owned()) } else { free(port) };
    needed(context)
        .iter()
        .map(|port| Check::new(format!("port {} ({})", port.number, port.service), verdict(port)))
        .collect()
}

fn needed(context: &Context) -> Vec<Port> {
    let dev = &context.config.dev;
    let port = |number, service, key| Port { number, service, section: "dev", key };
    let dashboard = context.config.dashboard.port;
    let coordination = match context.topology {
        Topology::Kraft => {
            port(dev.kafka_controller_port, "kafka controller", "kafka_controller_port")
        }
        Topology::Zookeeper => port(dev.zookeeper_port, "zookeeper", "zookeeper_port"),
    };
    vec![
        port(dev.kafka_port, "kafka", "kafka_port"),
        coordination,
        port(dev.cassandra_port, "cassandra", "cassandra_port"),
        port(dev.cassandra_storage_port, "cassandra storage", "cassandra_storage_port"),
        port(dev.spark_ui_port, "spark page", "spark_ui_port"),
        Port { number: dashboard, service: "dashboard", section: "dashboard", key: "port" },
    ]
}

fn free(port: &Port) -> Result<String, String> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port.number)) {
        Ok(_) => Ok("free".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(taken(port, owner(Path::new("/proc"), port.number)))
        }
        Err(error) => Err(format!("cannot be used: {error}; set {}", port.setting())),
    }
}

fn taken(port: &Port, owner: Option<(String, u32)>) -> String {
    let stop = "stop it".to_owned();
    let (owner, stop) = match owner {
        Some((name, pid)) if is_suspended(pid) => {
            // It neither answers nor follows an ordinary signal.
            let stop = format!("it is suspended: `kill -KILL {pid}` ends it");
            (format!("{name} (pid {pid})"), stop)
        }
        Some((name, pid)) => (format!("{name} (pid {pid})"), stop),
        None => ("a process of another user".to_owned(), stop),
    };
    format!("port {} is taken by {owner}; {stop}, or set {}", port.number, port.setting())
}

fn is_suspended(pid: u32) -> bool {
    Process::of(pid).is_some_and(|process| process.is_suspended())
}

/// Who listens on a port: found through the socket's inode, which `/proc/net/tcp` gives for the port and
/// `/proc/<pid>/fd` for the process. Only root and the owner himself may look there.
fn owner(proc: &Path, port: u16) -> Option<(String, u32)> {
    let inodes: Vec<String> = ["net/tcp", "net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(proc.join(table)).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    let processes = fs::read_dir(proc).ok()?.filter_map(Result::ok);
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| has_socket(&proc.join(pid.to_string()), &inodes))
        .map(|pid| (process_name(proc, pid), pid))
}

/// Inodes of the sockets that listen on a port, from the text of `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            (local.ends_with(&suffix) && *state == LISTENING).then(|| (*inode).to_owned())
        })
        .collect()
}

fn has_socket(process: &Path, inodes: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else { return false };
    descriptors.filter_map(Result::ok).any(|descriptor| {
        let target = fs::read_link(descriptor.path()).unwrap_or_default();
        let target = target.to_string_lossy();
        let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        inode.is_some_and(|inode| inodes.iter().any(|wanted| wanted == inode))
    })
}

fn process_name(proc: &Path, pid: u32) -> String {
    let name = fs::read_to_string(proc.join(pid.to_string()).join("comm"));
    name.map_or_else(|_| "a process".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::tests::context;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2817 1 ffff
   1: 0100007F:2384 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 ffff
   2: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3000 1 ffff
";

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        assert_eq!(listening_inodes(TABLE, 9092), ["2817"]);
        assert_eq!(listening_inodes(TABLE, 3000), ["3000"]);
        assert!(listening_inodes(TABLE, 3001).is_empty());
        assert!(listening_inodes("", 9092).is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_owner_of_a_taken_port_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let number = listener.local_addr().unwrap().port();
        let port = Port { number, service: "kafka", section: "dev", key: "kafka_port" };
        let message = free(&port).unwrap_err();
        let own = format!("(pid {}); stop it, or set [dev] kafka_port", std::process::id());
        assert!(message.contains(&own), "{message}");
        drop(listener);
        assert!(free(&port).is_ok());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_owner_that_is_suspended_is_told_with_the_signal_that_ends_it() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        let port = Port { number: 9092, service: "kafka", section: "dev", key: "kafka_port" };
        let said = || taken(&port, Some(("sleep".to_owned(), process.id)));
        assert!(said().contains("; stop it, or set [dev] kafka_port"));
        process.signal(nix::sys::signal::Signal::SIGSTOP).unwrap();
        while !process.is_suspended() {
            std::thread::yield_now();
        }
        let wanted = format!(
            "it is suspended: `kill -KILL {}` ends it, or set [dev] kafka_port",
            process.id
        );
        assert!(said().contains(&wanted), "{}", said());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn one_port_for_two_services_is_refused() {
        let mut context = context();
        context.config.dashboard.port = context.config.dev.kafka_port;
        let error = refuse_shared_ports(&context).unwrap_err();
        assert_eq!(error.key, "dashboard.port");
        assert_eq!(error.message, "9092 is the port of kafka too; choose another");
        context.config.dashboard.port = 3000;
        assert_eq!(refuse_shared_ports(&context), Ok(()));
    }
}
