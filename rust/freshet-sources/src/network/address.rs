//! Which addresses a source may connect to.
//!
//! A URL in a configuration, a redirect or a name that somebody else controls must not make the producer talk to what
//! only this machine or its network can reach, such as the metadata service of a cloud. So addresses that are not
//! public are refused, unless the source says that they are meant.

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use crate::source::SourceError;

/// Sooner a server that refuses will hardly change its mind.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// IPv4 ranges that are not public: the IANA IPv4 Special-Purpose Address Registry, and multicast.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 14] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// IPv6 ranges that are not public: the IANA IPv6 Special-Purpose Address Registry, multicast, and the forms that carry
/// an IPv4 address past the table above.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 12] = [
    // Unspecified, loopback and IPv4-compatible.
    (Ipv6Addr::UNSPECIFIED, 96),
    // IPv4-mapped.
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// NAT64: networks without IPv4 reach public IPv4 addresses so (RFC 6052), and others as well.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// An address that is refused, and the range that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} is not public (it is in {range}/{bits}); set `allow_private = true` for this source if it is meant"
)]
pub(crate) struct NotPublic {
    address: IpAddr,
    range: IpAddr,
    bits: u32,
}

/// What a source may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AddressPolicy {
    /// Whether addresses that are not public are allowed.
    pub(crate) allow_private: bool,
}

impl AddressPolicy {
    /// Refuses an address that is not public, unless that is allowed.
    pub(crate) fn check(self, address: IpAddr) -> Result<(), NotPublic> {
        match range_of(address) {
            Some((range, bits)) if !self.allow_private => Err(NotPublic { address, range, bits }),
            _ => Ok(()),
        }
    }

    /// The addresses of a name that may be connected to. Whoever connects takes these and asks for no others: a name
    /// may have other addresses the next time.
    ///
    /// # Errors
    ///
    /// When the name has none, or none that is allowed.
    pub(crate) async fn resolve(self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in lookup_host((host, port)).await? {
            match self.check(address.ip()) {
                Ok(()) => allowed.push(address),
                Err(reason) => refused = Some(reason),
            }
        }
        match refused {
            _ if !allowed.is_empty() => Ok(allowed),
            Some(reason) => {
                Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{host}: {reason}")))
            }
            None => Err(io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"))),
        }
    }
}

/// A failure of a connection, for which that reason is told: a refusal when it was not allowed.
pub(crate) fn unconnected(reason: String, error: &(dyn Error + 'static)) -> SourceError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let denied = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if denied == Some(io::ErrorKind::PermissionDenied) {
            return SourceError::refused(reason, PATIENCE);
        }
        cause = error.source();
    }
    SourceError::transient(reason)
}

/// The range that makes an address not public.
fn range_of(address: IpAddr) -> Option<(IpAddr, u32)> {
    match address {
        IpAddr::V4(address) => range_of_v4(address),
        IpAddr::V6(address) if is_in_v6(address, NAT64) => {
            let [.., a, b, c, d] = address.octets();
            range_of_v4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V6(address) => {
            let found = NOT_PUBLIC_V6.into_iter().find(|range| is_in_v6(address, *range));
            found.map(|(range, bits)| (range.into(), bits))
        }
    }
}

fn range_of_v4(address: Ipv4Addr) -> Option<(IpAddr, u32)> {
    let is_in = |(range, bits): &(Ipv4Addr, u32)| {
        (address.to_bits() ^ range.to_bits()).leading_zeros() >= *bits
    };
    NOT_PUBLIC_V4.into_iter().find(is_in).map(|(range, bits)| (range.into(), bits))
}

const fn is_in_v6(address: Ipv6Addr, (range, bits): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ range.to_bits()).leading_zeros() >= bits
}

/// Resolves the names of an HTTP client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver(pub(super) AddressPolicy);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            // The client puts in the port of the URL.
            let addresses = policy.resolve(name.as_str(), 0).await?;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

impl Resolver {
    pub(super) fn shared(policy: AddressPolicy) -> Arc<Self> {
        Arc::new(Self(policy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC_ONLY: AddressPolicy = AddressPolicy { allow_private: false };
    const ALL: AddressPolicy = AddressPolicy { allow_private: true };

    #[test]
    fn what_only_this_network_can_reach_is_refused() {
        let refused = "0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 \
                       172.16.0.1 172.31.255.255 192.0.0.1 192.168.1.1 198.18.0.1 198.19.255.255 224.0.0.1 \
                       239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 \
                       64:ff9b::127.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::8.8.8.8 100::1 2001::1 2001:db8::1 \
                       2002:7f00:1::1 3fff::1 fc00::1 fdff::1 fe80::1 fec0::1 ff02::1";
        for address in refused.split_whitespace() {
            let address: IpAddr = address.parse().unwrap();
            assert!(PUBLIC_ONLY.check(address).is_err(), "{address}");
            assert_eq!(ALL.check(address), Ok(()));
        }
    }

    #[test]
    fn what_everybody_can_reach_is_allowed() {
        let allowed = "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
                       172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.0.0 198.20.0.0 \
                       223.255.255.255 2606:4700::1111 2a00:1450:4001::1 64:ff9b::8.8.8.8 2001:200::1 fbff::1";
        for address in allowed.split_whitespace() {
            assert_eq!(PUBLIC_ONLY.check(address.parse().unwrap()), Ok(()), "{address}");
        }
    }

    #[test]
    fn a_refusal_names_the_range_and_the_way_out() {
        assert_eq!(
            PUBLIC_ONLY.check("169.254.169.254".parse().unwrap()).unwrap_err().to_string(),
            "169.254.169.254 is not public (it is in 169.254.0.0/16); set `allow_private = true` for this source if it \
             is meant",
        );
    }

    #[tokio::test]
    async fn a_name_is_as_good_as_its_addresses() {
        let error = PUBLIC_ONLY.resolve("localhost", 80).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().starts_with("localhost: "), "{error}");
        assert!(!ALL.resolve("localhost", 80).await.unwrap().is_empty());
    }
}
