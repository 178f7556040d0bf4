//! A small server of HTTP/1.1, one request a connection: it answers what a test says, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What was asked.
pub(crate) struct Request {
    /// With its query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads the head of a request; `None` where the client has gone.
    fn read(stream: impl Read) -> Option<Self> {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        Some(Self { path, headers: headers.collect() })
    }
}

/// What is answered.
#[derive(Clone)]
pub(crate) struct Answer {
    status: u16,
    header: String,
    body: String,
}

impl Answer {
    pub(crate) fn new(status: u16, body: &str) -> Self {
        Self { status, header: String::new(), body: body.to_owned() }
    }

    pub(crate) fn with_header(self, header: &str) -> Self {
        Self { header: format!("{header}\r\n"), ..self }
    }

    /// Nothing, until the client goes.
    pub(crate) fn never() -> Self {
        Self::new(0, "")
    }

    fn write(&self, mut stream: impl Write) -> std::io::Result<()> {
        let Self { status, header, body } = self;
        let length = body.len();
        write!(stream, "HTTP/1.1 {status} Said\r\n{header}Content-Length: {length}\r\n")?;
        write!(stream, "Connection: close\r\n\r\n{body}")?;
        stream.flush()
    }
}

/// An answer in JSON.
pub(crate) fn json(status: u16, body: &serde_json::Value) -> Answer {
    Answer::new(status, &body.to_string())
        .with_header("Content-Type: application/vnd.schemaregistry.v1+json")
}

/// The answer about something that the registry does not know, with that code.
pub(crate) fn unknown(error_code: u32) -> Answer {
    json(404, &serde_json::json!({"error_code": error_code, "message": "not found"}))
}

/// A server for as long as the process of the tests.
pub(crate) struct Server {
    url: String,
    paths: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::listen("http", "127.0.0.1", move |mut stream, paths| {
            serve(&mut stream, paths, &answer);
        })
    }

    /// The same with TLS, for the name of the certificate, `localhost`.
    pub(crate) fn start_tls(
        own: &CertifiedKey<KeyPair>,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key);
        let config = Arc::new(config.unwrap());
        Self::listen("https", "localhost", move |stream, paths| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            serve(&mut stream, paths, &answer);
        })
    }

    fn listen(
        scheme: &str,
        host: &str,
        serve: impl Fn(TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let paths = Arc::new(Mutex::new(Vec::new()));
        let (seen, serve) = (Arc::clone(&paths), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, serve) = (Arc::clone(&seen), Arc::clone(&serve));
                thread::spawn(move || serve(stream, &seen));
            }
        });
        Self { url: format!("{scheme}://{host}:{port}"), paths }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it was asked for, in the order of the requests.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.paths.lock().unwrap().clone()
    }
}

fn serve(
    stream: &mut (impl Read + Write),
    paths: &Mutex<Vec<String>>,
    answer: &impl Fn(&Request) -> Answer,
) {
    let Some(request) = Request::read(&mut *stream) else { return };
    paths.lock().unwrap().push(request.path.clone());
    let answer = answer(&request);
    if answer.status == 0 {
        // Until the client has had enough.
        drop(stream.read_to_end(&mut Vec::new()));
        return;
    }
    // A client may go before its answer.
    drop(answer.write(stream));
}
