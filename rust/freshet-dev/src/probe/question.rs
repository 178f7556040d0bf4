//! The smallest question of each store's protocol. A client library would bring its C code into the first thing that a
//! newcomer compiles, for one request that has not changed in a decade.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::ANSWER_LIMIT;

/// Kafka's `ApiVersions` request, version 0, which every broker answers, whatever it requires of clients: size, key 18,
/// version, correlation id, and a client id.
/// <https://kafka.apache.org/protocol#The_Messages_ApiVersions>
const API_VERSIONS: &[u8] = b"\0\0\0\x11\0\x12\0\0\0\0\x04\xd2\0\x07freshet";
/// The answer begins with its size, then repeats the correlation id.
const CORRELATION_ID: [u8; 4] = [0, 0, 4, 0xd2];

/// A frame `OPTIONS` of Cassandra's native protocol, version 4: it may be sent before anything else.
/// <https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v4.spec>
const OPTIONS: &[u8] = b"\x04\0\0\0\x05\0\0\0\0";
/// The operation code of the answer, `SUPPORTED`, follows version, flags and stream.
const SUPPORTED: u8 = 6;

/// `ZooKeeper`'s four-letter word that is allowed by default.
const SERVER: &[u8] = b"srvr";

/// Whether a broker answers there.
pub(super) async fn kafka(address: SocketAddr) -> bool {
    answer::<8>(address, API_VERSIONS).await.is_some_and(|answer| answer[4..] == CORRELATION_ID)
}

/// Whether a node answers there.
pub(super) async fn cassandra(address: SocketAddr) -> bool {
    answer::<5>(address, OPTIONS).await.is_some_and(|answer| answer[4] == SUPPORTED)
}

/// Whether a server answers there.
pub(super) async fn zookeeper(address: SocketAddr) -> bool {
    answer::<9>(address, SERVER).await.is_some_and(|answer| answer == *b"Zookeeper")
}

/// The first bytes of the answer to a question, in time.
async fn answer<const N: usize>(address: SocketAddr, question: &[u8]) -> Option<[u8; N]> {
    timeout(ANSWER_LIMIT, ask(address, question)).await.ok()?.ok()
}

async fn ask<const N: usize>(address: SocketAddr, question: &[u8]) -> io::Result<[u8; N]> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(question).await?;
    let mut answer = [0; N];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn the_request_says_its_own_size() {
        let size = u32::from_be_bytes(API_VERSIONS[..4].try_into().unwrap());
        assert_eq!(size as usize, API_VERSIONS.len() - 4);
    }

    #[tokio::test]
    async fn an_open_port_that_does_not_answer_is_no_service() {
        // The kernel takes the connection, as it does for a process that is stopped.
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = silent.local_addr().unwrap();
        let (kafka, cassandra, zookeeper) =
            tokio::join!(kafka(address), cassandra(address), zookeeper(address));
        assert!(!kafka && !cassandra && !zookeeper);
    }

    #[tokio::test]
    async fn another_service_on_the_port_is_not_taken_for_ours() {
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = other.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = other.accept().await {
                drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
            }
        });
        assert!(!kafka(address).await && !cassandra(address).await && !zookeeper(address).await);
    }
}
