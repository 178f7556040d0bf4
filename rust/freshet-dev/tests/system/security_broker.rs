//! A broker that lets in whoever proves with SCRAM-SHA-512 over TLS who it is, and nobody else.

use std::fs;
use std::path::{Path, PathBuf};

use freshet_dev::preflight::free_ports;
use libtest_mimic::Failed;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rdkafka::config::ClientConfig;

use crate::broker::{Broker, Setup};

/// Who the tests are for the broker. A quote, a backslash and a space have to get through unharmed.
pub(crate) const USER: &str = "freshet";
pub(crate) const PASSWORD: &str = r#"correct "horse\ battery"#;
/// Who the broker is for itself.
const ITSELF: &str = "broker";
const ITS_PASSWORD: &str = "staple";

/// A broker with two doors that differ in what their certificates say.
pub(crate) struct SecureBroker {
    pub(crate) broker: Broker,
    /// Where its certificate names the host that one connects to.
    pub(crate) address: String,
    /// Where it names another host.
    pub(crate) other_address: String,
    /// The authority of the broker's certificates.
    pub(crate) authority: PathBuf,
    /// An authority that nobody knows.
    pub(crate) other_authority: PathBuf,
}

impl SecureBroker {
    pub(crate) fn start() -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let place = |name: &str| folder.path().join(name);
        let authority = Authority::new("authority", folder.path())?;
        let other = Authority::new("other-authority", folder.path())?;
        authority.certify(&["localhost"], &place("localhost.pem"))?;
        authority.certify(&["kafka.example"], &place("elsewhere.pem"))?;
        let [port, other_port] = free_ports()?;
        let (address, other_address) =
            (format!("localhost:{port}"), format!("localhost:{other_port}"));
        let login = Login { address: &address, password: PASSWORD, authority: &authority.file };
        let setup = Setup {
            listeners: format!("NAMED://127.0.0.1:{port},ELSEWHERE://127.0.0.1:{other_port}"),
            protocols: "NAMED:SASL_SSL,ELSEWHERE:SASL_SSL".to_owned(),
            properties: format!(
                "advertised.listeners=NAMED://{address},ELSEWHERE://{other_address}\n\
                 inter.broker.listener.name=NAMED\n\
                 sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512\n\
                 sasl.enabled.mechanisms=SCRAM-SHA-512\n\
                 ssl.truststore.type=PEM\nssl.truststore.location={authority}\n{named}{elsewhere}",
                authority = authority.file.display(),
                named = listener("named", &place("localhost.pem")),
                elsewhere = listener("elsewhere", &place("elsewhere.pem")),
            ),
            format: [(USER, PASSWORD), (ITSELF, ITS_PASSWORD)]
                .into_iter()
                .flat_map(|(name, password)| ["--add-scram".to_owned(), credential(name, password)])
                .collect(),
            client: login.client(),
        };
        let (authority, other_authority) = (authority.file, other.file);
        let broker = Broker::start(folder, setup)?;
        Ok(Self { broker, address, other_address, authority, other_authority })
    }

    /// The way in that works.
    pub(crate) fn login(&self) -> Login<'_> {
        Login { address: &self.address, password: PASSWORD, authority: &self.authority }
    }
}

/// What Kafka's `kafka-storage format` makes a user of.
fn credential(name: &str, password: &str) -> String {
    format!("SCRAM-SHA-512=[name={name},password={password}]")
}

/// The lines of a listener with this certificate.
fn listener(name: &str, certificate: &Path) -> String {
    format!(
        "listener.name.{name}.ssl.keystore.type=PEM\n\
         listener.name.{name}.ssl.keystore.location={}\n\
         listener.name.{name}.scram-sha-512.sasl.jaas.config=\
         org.apache.kafka.common.security.scram.ScramLoginModule required \
         username=\"{ITSELF}\" password=\"{ITS_PASSWORD}\";\n",
        certificate.display()
    )
}

/// How somebody tries to get in.
#[derive(Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) address: &'a str,
    pub(crate) password: &'a str,
    pub(crate) authority: &'a Path,
}

impl Login<'_> {
    /// For a client of the tests.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", self.address)
            .set("security.protocol", "sasl_ssl")
            .set("sasl.mechanism", "SCRAM-SHA-512")
            .set("sasl.username", USER)
            .set("sasl.password", self.password)
            .set("ssl.ca.location", self.authority.display().to_string());
        client
    }

    /// For a program of Freshet; the topics have this prefix.
    pub(crate) fn section(&self, prefix: &str) -> String {
        let Self { address, password, authority } = self;
        format!(
            "[kafka]\nbootstrap_servers = \"{address}\"\ntopic_prefix = \"{prefix}.\"\n\
             [kafka.security]\nprotocol = \"sasl_ssl\"\nsasl_mechanism = \"SCRAM-SHA-512\"\n\
             username = \"{USER}\"\npassword = '{password}'\nca_file = \"{}\"\n",
            authority.display()
        )
    }
}

/// Who vouches for certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) file: PathBuf,
}

impl Authority {
    /// One with a certificate in the folder.
    pub(crate) fn new(name: &str, folder: &Path) -> Result<Self, Failed> {
        let mut parameters = CertificateParams::new(Vec::<String>::new())?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let file = folder.join(format!("{name}.pem"));
        fs::write(&file, parameters.self_signed(&key)?.pem())?;
        Ok(Self { issuer: Issuer::new(parameters, key), file })
    }

    /// Writes a key and a certificate for these hosts, as one file.
    pub(crate) fn certify(&self, hosts: &[&str], file: &Path) -> Result<(), Failed> {
        let key = KeyPair::generate()?;
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let parameters = CertificateParams::new(hosts)?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        Ok(fs::write(file, key.serialize_pem() + &certificate.pem())?)
    }
}
