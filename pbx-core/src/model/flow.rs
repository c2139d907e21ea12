//! A flow: the way a message came and the way its answer and every later request to that device goes (RFC 5626).

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// How SIP messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A plain stream.
    Tcp,
    /// A stream inside TLS.
    Tls,
}

impl Transport {
    /// Whether a lost message is repeated by the transport itself, so that no SIP retransmission is due.
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls => true,
        }
    }

    /// The name in a Via header.
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// The value of a `transport=` URI parameter.
    pub const fn uri_name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// One accepted stream connection; zero for datagrams, never reused within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ConnectionId(pub u64);

/// Where a message came from and how to get back there.
///
/// For UDP the flow is the pair of addresses; for streams it is the connection, and dies with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// UDP, TCP or TLS.
    pub transport: Transport,
    /// Our address as the peer sees it (never the unspecified address).
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// The stream, or zero for UDP.
    pub connection: ConnectionId,
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}>{}", self.transport.uri_name(), self.remote, self.local)?;
        if self.transport.is_reliable() { write!(f, "#{}", self.connection.0) } else { Ok(()) }
    }
}
