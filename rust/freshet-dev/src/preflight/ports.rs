//! Ports: each used once, which is a matter of the configuration, and free, or else by whom they are taken.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use freshet_core::config::{Config, ConfigError, Origin, reachable_port};
#[cfg(target_os = "linux")]
use procfs::{net::TcpState, process::FDTarget};

use super::Check;
use crate::parts::Context;
use crate::services::nodes;
use crate::state::{Process, Topology};

struct Port {
    host: Ipv4Addr,
    number: u16,
    service: &'static str,
    /// The setting that gives it.
    section: &'static str,
    key: &'static str,
}

impl Port {
    fn subject(&self) -> String {
        if self.host == Ipv4Addr::LOCALHOST {
            return format!("port {} ({})", self.number, self.service);
        }
        format!("port {} of {} ({})", self.number, self.host, self.service)
    }

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

/// The first and the number of the ports that [`free_ports`] gives. They lie above the usual ports of services and
/// below those that Linux, macOS and Windows give to outgoing connections, which would take one between its choice and
/// its use.
const FIRST_FREE: u16 = 20_000;
const FREE_COUNT: u16 = 12_000;
/// Coprime to the number of ports, so that every port has its turn before one comes again.
const STRIDE: u32 = 7_919;

/// Ports that nobody uses. No two calls of a process give the same one, in use or not.
///
/// # Errors
/// When this machine has none left.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    static TURN: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(FREE_COUNT);
    let mut candidates = std::iter::repeat_with(|| TURN.fetch_add(1, Ordering::Relaxed))
        .take_while(|turn| *turn < count)
        .map(|turn| {
            let place = (std::process::id() % count + turn) * STRIDE % count;
            FIRST_FREE + u16::try_from(place).unwrap_or_default()
        })
        .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    let mut ports = [0; N];
    for port in &mut ports {
        *port = candidates.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    }
    Ok(ports)
}

pub(super) fn all(context: &Context, own: bool) -> Vec<Check> {
    let verdict =
        |port: &Port| if own { Ok("used by the running stack".to_owned()) } else { free(port) };
    let others = nodes::hosts(context.topology).iter().skip(1).flat_map(|host| {
        let of_stores = of_stores(context).into_iter();
        of_stores.map(move |port| Port { host: *host, ..port })
    });
    needed(context)
        .into_iter()
        .chain(others)
        .map(|port| Check::new(port.subject(), verdict(&port)))
        .collect()
}

fn of_dev(number: u16, service: &'static str, key: &'static str) -> Port {
    Port { host: Ipv4Addr::LOCALHOST, number, service, section: "dev", key }
}

fn needed(context: &Context) -> Vec<Port> {
    let (dev, dashboard) = (&context.config.dev, context.config.dashboard.port);
    let mut ports = of_stores(context);
    ports.push(of_dev(dev.spark_ui_port, "spark page", "spark_ui_port"));
    ports.push(Port { section: "dashboard", ..of_dev(dashboard, "dashboard", "port") });
    if context.observability {
        ports.push(of_dev(dev.prometheus_port, "prometheus", "prometheus_port"));
        ports.extend(of_metrics(context));
    }
    ports
}

/// Those that each node of the stores has.
fn of_stores(context: &Context) -> Vec<Port> {
    let (dev, port) = (&context.config.dev, of_dev);
    let coordination = match context.topology {
        Topology::Kraft | Topology::Cluster => {
            port(dev.kafka_controller_port, "kafka controller", "kafka_controller_port")
        }
        Topology::Zookeeper => port(dev.zookeeper_port, "zookeeper", "zookeeper_port"),
    };
    vec![
        port(dev.kafka_port, "kafka", "kafka_port"),
        coordination,
        port(dev.cassandra_port, "cassandra", "cassandra_port"),
        port(dev.cassandra_storage_port, "cassandra storage", "cassandra_storage_port"),
    ]
}

/// Where producer and writer answer to Prometheus. Without it a taken port is no reason not to start; that one can be
/// asked for metrics at all is another check.
fn of_metrics(context: &Context) -> impl Iterator<Item = Port> {
    let Config { producer, writer, .. } = &context.config;
    let programs = [
        (&producer.metrics_address, "producer's metrics", "producer"),
        (&writer.metrics_address, "writer's metrics", "writer"),
    ];
    programs.into_iter().filter_map(|(address, service, section)| {
        let number = reachable_port(address.as_deref())?;
        Some(Port { section, ..of_dev(number, service, "metrics_address") })
    })
}

fn free(port: &Port) -> Result<String, String> {
    match TcpListener::bind((port.host, port.number)) {
        Ok(_) => Ok("free".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(taken(port, owner(port.number)))
        }
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Err(format!(
            "this machine does not have the address {host}; on macOS `sudo ifconfig lo0 alias {host}` adds it",
            host = port.host
        )),
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
        None => ("a process that this user may not look at".to_owned(), stop),
    };
    format!("port {} is taken by {owner}; {stop}, or set {}", port.number, port.setting())
}

fn is_suspended(pid: u32) -> bool {
    Process::of(pid).is_some_and(|process| process.is_suspended())
}

/// Name and number of the process that listens on a port, found through the socket's inode. Only root and the owner
/// himself may look at what a process has open.
#[cfg(target_os = "linux")]
fn owner(port: u16) -> Option<(String, u32)> {
    let sockets = listening_sockets(port);
    let mut processes = procfs::process::all_processes().ok()?.filter_map(Result::ok);
    let process = processes.find(|process| has_one_of(process, &sockets))?;
    // The name is said for people only: without it, the number is still right.
    let name = process.stat().map_or_else(|_| "a process".to_owned(), |stat| stat.comm);
    Some((name, u32::try_from(process.pid()).ok()?))
}

/// Elsewhere there is no such place to look.
#[cfg(not(target_os = "linux"))]
fn owner(_port: u16) -> Option<(String, u32)> {
    None
}

/// Inodes of the sockets that listen on a port.
#[cfg(target_os = "linux")]
fn listening_sockets(port: u16) -> Vec<u64> {
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    tables
        .into_iter()
        .filter_map(Result::ok)
        .flatten()
        .filter(|entry| entry.state == TcpState::Listen && entry.local_address.port() == port)
        .map(|entry| entry.inode)
        .collect()
}

#[cfg(target_os = "linux")]
fn has_one_of(process: &procfs::process::Process, sockets: &[u64]) -> bool {
    let Ok(mut descriptors) = process.fd().map(|all| all.filter_map(Result::ok)) else {
        return false;
    };
    descriptors.any(|one| matches!(one.target, FDTarget::Socket(inode) if sockets.contains(&inode)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::tests::context;

    #[test]
    #[cfg(target_os = "linux")]
    fn only_who_listens_on_a_port_is_its_owner() {
        use std::net::{Ipv6Addr, TcpStream};

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let client_port = client.local_addr().unwrap().port();
        let (accepted, _) = listener.accept().unwrap();
        assert_eq!(listening_sockets(port).len(), 1);
        assert_eq!(owner(port).map(|(_, pid)| pid), Some(std::process::id()));
        // Both ends of a connection have a port, too.
        assert_eq!(owner(client_port), None);
        drop(listener);
        assert_eq!(accepted.local_addr().unwrap().port(), port);
        assert_eq!(owner(port), None);
        if let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
            let port = listener.local_addr().unwrap().port();
            assert_eq!(owner(port).map(|(_, pid)| pid), Some(std::process::id()));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_owner_of_a_taken_port_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let number = listener.local_addr().unwrap().port();
        let port = of_dev(number, "kafka", "kafka_port");
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
        let port = of_dev(9092, "kafka", "kafka_port");
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
    fn prometheus_needs_a_port_and_those_that_it_asks() {
        let mut context = context();
        let services = |context: &Context| -> Vec<_> {
            needed(context).iter().map(|port| (port.service, port.number, port.setting())).collect()
        };
        let without = services(&context).len();
        context.observability = true;
        context.config.writer.metrics_address = Some("[::1]:19465".to_owned());
        let with = services(&context);
        assert_eq!(with[without].0, "prometheus");
        assert_eq!(with[without + 1].2, "[producer] metrics_address");
        assert_eq!(with[without + 2].1, 19_465);
        context.config.dev.prometheus_port = 19_465;
        assert_eq!(refuse_shared_ports(&context).unwrap_err().key, "writer.metrics_address");
    }

    #[test]
    fn each_of_three_nodes_needs_its_ports() {
        let mut context = context();
        context.topology = Topology::Cluster;
        let checks = all(&context, true);
        let wanted = ["port 9092 (kafka)", "port 9092 of 127.0.0.2 (kafka)"];
        for subject in wanted.into_iter().chain(["port 7000 of 127.0.0.3 (cassandra storage)"]) {
            assert!(checks.iter().any(|check| check.subject == subject), "{subject}");
        }
        assert_eq!(refuse_shared_ports(&context), Ok(()));
    }

    #[test]
    fn an_address_that_this_machine_lacks_is_named() {
        // For documentation only (RFC 5737).
        let host = Ipv4Addr::new(192, 0, 2, 1);
        let said = free(&Port { host, ..of_dev(9092, "kafka", "kafka_port") }).unwrap_err();
        assert!(said.starts_with("this machine does not have the address 192.0.2.1"), "{said}");
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

    #[test]
    fn free_ports_of_two_calls_differ_and_are_nobody_elses() {
        let (first, second): ([u16; 300], [u16; 300]) =
            (free_ports().unwrap(), free_ports().unwrap());
        let all: std::collections::HashSet<_> = first.iter().chain(&second).collect();
        assert_eq!(all.len(), 600);
        let last = FIRST_FREE + FREE_COUNT;
        assert!(all.iter().all(|port| (FIRST_FREE..last).contains(*port)));
        // Ports that Linux gives to outgoing connections begin at 32,768.
        assert!(last <= 32_768);
    }
}
