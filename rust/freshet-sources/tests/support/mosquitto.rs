//! A broker: Debian's mosquitto, and clients that send to it.

// Lints take it for no test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rumqttc_v5::{AsyncClient, Event, MqttOptions, Outgoing, Packet, PublishOptions, QoS};
use tempfile::TempDir;

use crate::support::soon;

/// Where Debian has it, which is not on the path of everybody.
const PROGRAM: &str = "/usr/sbin/mosquitto";

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join("mosquitto"));
    let found = places.find(|program| program.is_file()).unwrap_or_else(|| PROGRAM.into());
    assert!(
        found.is_file(),
        "mosquitto was not found; install it (Debian and Ubuntu: apt-get install mosquitto)"
    );
    found
}

/// One of the plugins that come with it, in a folder that is named after the machine.
pub(crate) fn plugin(name: &str) -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path());
    let found = folders
        .chain(["/usr/lib".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} was not found; install mosquitto as Debian has it"))
}

/// A broker on a port of this machine, which ends with the test.
pub(crate) struct Broker {
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    process: Option<Child>,
}

impl Broker {
    /// With these lines in its configuration beside the port.
    pub(crate) async fn start(lines: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut broker = Self { folder, port, process: None };
        let mut text = format!("listener {port} 127.0.0.1\n{lines}\n");
        // As root it would become somebody who may not read the folder.
        writeln!(text, "user root\npersistence_location {}/", broker.folder.path().display())
            .unwrap();
        fs::write(broker.file("mosquitto.conf"), text).unwrap();
        broker.restart().await;
        broker
    }

    /// A file in its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it again.
    pub(crate) async fn restart(&mut self) {
        let log = File::options().create(true).append(true).open(self.file("log")).unwrap();
        let process = Command::new(program())
            .arg("-c")
            .arg(self.file("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let port = self.port;
        let answers = async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                if let Some(process) = &mut self.process
                    && let Some(status) = process.try_wait().unwrap()
                {
                    let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
                    panic!("mosquitto has ended with {status}: {log}");
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon(answers).await;
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Ends it as a shutdown does: it stores what it has, where it is to.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        self.process.take().unwrap().wait().unwrap();
    }

    /// Waits until it has read what was sent to it before on other connections: it reads them in turn.
    pub(crate) async fn catch_up(&self) {
        self.publish("nobody/listens", "").await;
    }

    /// Sends it a message, and waits until it has it.
    pub(crate) async fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.publish_with(topic, payload, PublishOptions::new(QoS::AtLeastOnce)).await;
    }

    /// The same, in another way.
    pub(crate) async fn publish_with(
        &self,
        topic: &str,
        payload: impl Into<Vec<u8>>,
        options: PublishOptions,
    ) {
        self.publish_all(topic, vec![payload.into()], options).await;
    }

    /// Sends many.
    pub(crate) async fn publish_all(
        &self,
        topic: &str,
        payloads: Vec<Vec<u8>>,
        publish: PublishOptions,
    ) {
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let id = format!("publisher-{}-{number}", std::process::id());
        let mut options = MqttOptions::new(id, ("127.0.0.1".to_owned(), self.port));
        options.set_credentials("publisher", "password of the publisher");
        let (client, mut events) = AsyncClient::builder(options).unbounded().build();
        let count = payloads.len();
        for payload in payloads {
            client.publish(topic, payload, publish.clone()).await.unwrap();
        }
        client.disconnect().await.unwrap();
        let sending = async {
            let mut confirmed = 0;
            loop {
                match events.poll().await.unwrap() {
                    Event::Incoming(Packet::PubAck(_)) => confirmed += 1,
                    Event::Outgoing(Outgoing::Disconnect) => return confirmed,
                    _ => {}
                }
            }
        };
        let confirmed = soon(sending).await;
        assert!(confirmed == count || confirmed == 0, "{confirmed} of {count}");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

/// Writes certificates of `localhost` and of the authority that has signed it; gives the lines of the broker, and the
/// file of the authority.
pub(crate) fn certify(folder: &Path) -> (String, PathBuf) {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "authority of this test");
    let authority_key = KeyPair::generate().unwrap();
    let authority_file = folder.join("authority.pem");
    fs::write(&authority_file, authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let (certificate_file, key_file) = (folder.join("server.pem"), folder.join("key.pem"));
    fs::write(&certificate_file, server.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    fs::write(&key_file, key.serialize_pem()).unwrap();
    let lines =
        format!("certfile {}\nkeyfile {}\n", certificate_file.display(), key_file.display());
    (lines, authority_file)
}
