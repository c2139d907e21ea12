//! Which source of packets is a side of the call, and where its sound goes.
//!
//! A phone behind NAT announces an address that is not the one its packets come from, so the first packet decides. An
//! attacker sprays packets over all ports hoping to be that first packet. Hence: only an address that was announced or
//! that carries the signalling can be learned, and what was learned stays until the side announces itself anew.
//!
//! | state | heard | sent to |
//! |---|---|---|
//! | not aimed | nobody | nobody |
//! | open | the first packet from an allowed IP address; it is learned | the announced address |
//! | learned | the learned source only | the learned source |
//! | relearning (after a new announcement, for a short time) | the learned source, or a new one from an allowed IP address, which replaces it; when the announcement did not change, only with the same SSRC | the learned source, or the new announced address |

use std::net::{IpAddr, SocketAddr};

/// A checked announcement of one side for one socket (RTP or RTCP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Announcement {
    /// Where it may be sent to before it was heard; `None` when that address is not to be trusted.
    pub(super) address: Option<SocketAddr>,
    /// Where its signalling comes from.
    pub(super) signalled_from: IpAddr,
}

impl Announcement {
    fn allows(&self, source: IpAddr) -> bool {
        source == self.signalled_from || self.address.is_some_and(|address| address.ip() == source)
    }
}

/// A packet's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    /// The address it really came from.
    pub(super) address: SocketAddr,
    /// The synchronisation source it names.
    pub(super) ssrc: u32,
}

/// Coarse time: ticks of the relay.
pub(super) type Tick = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Learned {
    Open,
    Source(Source),
    Relearning {
        old: Source,
        /// The announcement did not change: only the same stream from a new port (a NAT that forgot) is believed.
        same_stream_only: bool,
        until: Tick,
    },
}

/// One side of one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Latch {
    aimed: Option<(Announcement, Learned)>,
}

impl Latch {
    /// Takes a new announcement; a source that is no longer allowed is forgotten.
    pub(super) fn aim(&mut self, announcement: Announcement, relearn_until: Tick) {
        let learned = match self.aimed {
            None | Some((_, Learned::Open)) => Learned::Open,
            Some((before, Learned::Source(old) | Learned::Relearning { old, .. })) => {
                if announcement.allows(old.address.ip()) {
                    let same_stream_only = before == announcement;
                    Learned::Relearning { old, same_stream_only, until: relearn_until }
                } else {
                    Learned::Open
                }
            }
        };
        self.aimed = Some((announcement, learned));
    }

    /// Whether a packet from this source is to be heard; may learn it.
    pub(super) fn hears(&mut self, source: Source, now: Tick) -> bool {
        let Some((announcement, learned)) = &mut self.aimed else { return false };
        match *learned {
            Learned::Open => {
                let allowed = announcement.allows(source.address.ip());
                if allowed {
                    *learned = Learned::Source(source);
                }
                allowed
            }
            Learned::Source(known) => known.address == source.address,
            Learned::Relearning { old, same_stream_only, until } => {
                if now >= until {
                    *learned = Learned::Source(old);
                }
                if source.address == old.address {
                    return true;
                }
                let believed = now < until
                    && announcement.allows(source.address.ip())
                    && (!same_stream_only || source.ssrc == old.ssrc);
                if believed {
                    *learned = Learned::Source(source);
                }
                believed
            }
        }
    }

    /// Whether a packet from this address is the learned source; learns nothing.
    pub(super) fn knows(&self, address: SocketAddr) -> bool {
        self.learned().is_some_and(|source| source.address == address)
    }

    /// The learned source.
    pub(super) fn learned(&self) -> Option<Source> {
        match self.aimed?.1 {
            Learned::Open => None,
            Learned::Source(source) | Learned::Relearning { old: source, .. } => Some(source),
        }
    }

    /// Where sound for this side goes.
    pub(super) fn target(&self) -> Option<SocketAddr> {
        let (announcement, learned) = self.aimed?;
        match learned {
            Learned::Open => announcement.address,
            Learned::Source(source) => Some(source.address),
            Learned::Relearning { old, same_stream_only: true, .. } => Some(old.address),
            Learned::Relearning { old, same_stream_only: false, .. } => {
                Some(announcement.address.unwrap_or(old.address))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str, ssrc: u32) -> Source {
        Source { address: address.parse().unwrap(), ssrc }
    }

    fn announced(address: Option<&str>, from: &str) -> Announcement {
        Announcement { address: address.map(|a| a.parse().unwrap()), signalled_from: from.parse().unwrap() }
    }

    #[test]
    fn nobody_is_heard_before_the_announcement() {
        let mut latch = Latch::default();
        assert!(!latch.hears(at("10.0.0.1:4000", 1), 0));
        assert_eq!(latch.target(), None);
    }

    #[test]
    fn the_first_packet_from_an_allowed_address_is_learned_and_then_nobody_else_is_heard() {
        let mut latch = Latch::default();
        latch.aim(announced(Some("10.0.0.1:4000"), "198.51.100.7"), 0);
        assert_eq!(latch.target(), Some("10.0.0.1:4000".parse().unwrap()));
        assert!(!latch.hears(at("192.0.2.66:4000", 1), 0), "a stranger");
        assert!(latch.hears(at("198.51.100.7:62000", 1), 0), "where its signalling comes from");
        assert_eq!(latch.target(), Some("198.51.100.7:62000".parse().unwrap()));
        for stranger in ["198.51.100.7:62001", "10.0.0.1:4000", "192.0.2.66:62000"] {
            assert!(!latch.hears(at(stranger, 1), 99), "{stranger}");
        }
        assert!(latch.hears(at("198.51.100.7:62000", 2), 99), "its SSRC may change");
    }

    #[test]
    fn an_untrusted_announcement_waits_for_the_first_packet() {
        let mut latch = Latch::default();
        latch.aim(announced(None, "198.51.100.7"), 0);
        assert_eq!(latch.target(), None);
        assert!(latch.hears(at("198.51.100.7:62000", 1), 0));
    }

    #[test]
    fn the_same_announcement_again_lets_the_same_stream_move_for_a_while() {
        let aim = announced(Some("10.0.0.1:4000"), "198.51.100.7");
        let mut latch = Latch::default();
        latch.aim(aim, 0);
        assert!(latch.hears(at("198.51.100.7:62000", 1), 0));
        latch.aim(aim, 20);
        assert!(latch.hears(at("198.51.100.7:62000", 1), 1), "the old source goes on");
        assert!(!latch.hears(at("198.51.100.7:63000", 9), 2), "another stream");
        assert!(!latch.hears(at("192.0.2.66:63000", 1), 2), "another address");
        assert!(latch.hears(at("198.51.100.7:63000", 1), 3), "the same stream from a new port");
        assert!(!latch.hears(at("198.51.100.7:62000", 1), 4), "the old port is over");

        latch.aim(aim, 20);
        assert!(!latch.hears(at("198.51.100.7:64000", 1), 20), "too late");
        assert!(latch.hears(at("198.51.100.7:63000", 1), 21));
        assert!(!latch.hears(at("198.51.100.7:64000", 1), 22));
    }

    #[test]
    fn a_changed_announcement_moves_the_target_at_once_and_accepts_a_new_stream() {
        let mut latch = Latch::default();
        latch.aim(announced(Some("10.0.0.1:4000"), "10.0.0.1"), 0);
        assert!(latch.hears(at("10.0.0.1:4000", 1), 0));
        latch.aim(announced(Some("10.0.0.1:5000"), "10.0.0.1"), 20);
        assert_eq!(latch.target(), Some("10.0.0.1:5000".parse().unwrap()));
        assert!(latch.hears(at("10.0.0.1:4000", 1), 1), "packets on their way");
        assert!(latch.hears(at("10.0.0.1:5000", 2), 2));
        assert!(!latch.hears(at("10.0.0.1:4000", 1), 3));
    }

    #[test]
    fn a_source_that_is_no_longer_allowed_is_forgotten() {
        let mut latch = Latch::default();
        latch.aim(announced(Some("10.0.0.1:4000"), "10.0.0.1"), 0);
        assert!(latch.hears(at("10.0.0.1:4000", 1), 0));
        latch.aim(announced(Some("10.0.0.2:4000"), "10.0.0.2"), 20);
        assert!(!latch.hears(at("10.0.0.1:4000", 1), 1));
        assert!(latch.hears(at("10.0.0.2:4000", 1), 1));
    }
}
