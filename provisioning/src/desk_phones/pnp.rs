//! Phones that look for their configuration on the local network (PnP): a SUBSCRIBE for `ua-profile` to 224.0.1.75, answered
//! with the address to fetch from.
//!
//! Off unless an admin switches it on. Even then only a phone whose pairing window is open, or whose maker's factory certificates
//! count, is answered, by its MAC, when the maker it names is the right one, and only at an address of a local network. The
//! answer holds no secret: it leads to where the pairing window is kept or the certificate is asked for, which looks at the phone
//! again. So whoever overhears or forges a search learns our name
//! and nothing else. Everything is bounded: what is read, what is answered in a second, and nothing is repeated by us; a
//! phone that missed the answer asks again.
//!
//! Reading and writing are pure ([`read`], [`answers`]); [`Pnp`] has the socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use pbx_core::model::Transport;
use pbx_core::sip::guard;
use pbx_core::sip::message::{HeaderName, Message, Method, Request, Response};
use pbx_core::sip::uri::{NameAddr, host_port_text};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::sync::watch;

use super::turned_away::Why;
use super::visit::Visit;
use super::{DeskPhones, Inner};
use crate::desk_phone::{DeskPhone, Mac, Vendor};
use crate::enrolments::random;
use crate::link::LinkToken;

/// Where phones look (Snom, Yealink, Fanvil): the group `sip.mcast.net`.
pub(super) const GROUP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(224, 0, 1, 75)), 5060);
/// The longest search that is read; real ones have 600 bytes.
const MOST_BYTES: usize = 4096;
/// Answers in one second: phones of a floor that is switched on, and no more than a slow link carries.
const MOST_IN_A_SECOND: u32 = 20;
/// Stands for the file in what people are shown of a search.
const SEARCH: &str = "(PnP)";
/// After a read that failed.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two tries to listen, when the port could not be had.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// What a phone says of itself when it looks for its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Search {
    mac: Mac,
    /// Its maker, if it names one of ours.
    vendor: Option<Vendor>,
    /// Its model, if it names one.
    model: Option<String>,
    request: Request,
}

/// Reads a datagram; `None` for everything that is no search of a phone.
fn read(datagram: &[u8]) -> Option<Search> {
    if datagram.len() > MOST_BYTES {
        return None;
    }
    let Ok(Message::Request(request)) = guard::check(Bytes::copy_from_slice(datagram), Transport::Udp) else {
        return None;
    };
    let event = request.headers.get(&HeaderName::Event).filter(|_| request.method == Method::Subscribe)?.as_str();
    let (name, params) = event.split_once(';').unwrap_or((event, ""));
    if !name.trim().eq_ignore_ascii_case("ua-profile") {
        return None;
    }
    // The user part is `MAC%3a805EC0D57D72`: the escaped colon is not of the address.
    let mac = Mac::find(&request.uri.replace("%3a", " ").replace("%3A", " ").replace('@', " "))?;
    let vendor = param(params, "vendor").and_then(|word| word.parse().ok());
    let model = param(params, "model");
    Some(Search { mac, vendor, model, request })
}

fn param(params: &str, wanted: &str) -> Option<String> {
    let mut all = params.split(';').filter_map(|one| one.split_once('='));
    let (_, value) = all.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
    Some(value.trim().trim_matches('"').chars().take(40).collect())
}

impl Search {
    /// Whether this is that phone, as far as it says.
    fn is(&self, phone: &DeskPhone) -> bool {
        self.vendor == Some(phone.vendor) && self.model.as_ref().is_none_or(|model| same_model(phone, model))
    }
}

/// Snom writes `snomD785`, Yealink `T46S` or `SIP-T46S`.
fn same_model(phone: &DeskPhone, said: &str) -> bool {
    let without = said.get(phone.vendor.as_str().len()..).filter(|_| {
        said.get(..phone.vendor.as_str().len()).is_some_and(|start| start.eq_ignore_ascii_case(phone.vendor.as_str()))
    });
    phone.model.is(said) || without.is_some_and(|rest| phone.model.is(rest))
}

/// The 200 to a search and the NOTIFY with the address, both for where the search came from.
fn answers(search: &Search, url: &str, ours: SocketAddr, tag: &str) -> [Bytes; 2] {
    let host = host_port_text(ours.ip(), ours.port());
    let asked = &search.request;
    let mut ok = Response::to(asked, 200, "OK", tag);
    ok.headers.push(HeaderName::Contact, format!("<sip:{host}>"));
    ok.headers.push(HeaderName::Expires, "0");
    let contact = asked.headers.get(&HeaderName::Contact).and_then(|value| NameAddr::parse(value).ok());
    let target = contact.map_or_else(|| asked.uri.to_string(), |contact| contact.uri.to_owned());
    let mut notify = Request::new(Method::Notify, target);
    let header = |name: &HeaderName| asked.headers.get(name).map(ToString::to_string).unwrap_or_default();
    notify.headers.push(HeaderName::Via, format!("SIP/2.0/UDP {host};branch=z9hG4bK{tag};rport"));
    notify.headers.push(HeaderName::MaxForwards, "20");
    notify.headers.push(HeaderName::From, format!("{};tag={tag}", header(&HeaderName::To)));
    notify.headers.push(HeaderName::To, header(&HeaderName::From));
    notify.headers.push(HeaderName::CallId, header(&HeaderName::CallId));
    notify.headers.push(HeaderName::CSeq, "1 NOTIFY");
    notify.headers.push(HeaderName::Contact, format!("<sip:{host}>"));
    notify.headers.push(HeaderName::Event, "ua-profile");
    notify.headers.push(HeaderName::Other("Subscription-State".into()), "terminated;reason=timeout");
    notify.headers.push(HeaderName::ContentType, "application/url");
    notify.body = Bytes::copy_from_slice(url.as_bytes());
    [ok.to_bytes(), notify.to_bytes()]
}

/// What each maker does with the address: Yealink adds its file names to a folder, Snom and Fanvil fetch what they are
/// given.
fn url(phone: &DeskPhone, folder: &str) -> String {
    match phone.vendor {
        Vendor::Yealink | Vendor::Grandstream | Vendor::Polycom => folder.to_owned(),
        Vendor::Snom => format!("{folder}{}.xml", phone.mac.upper()),
        Vendor::Fanvil => format!("{folder}{}.cfg", phone.mac.lower()),
    }
}

/// Whether an address is of a local network, where a phone that asks everybody may stand.
fn is_local(from: IpAddr) -> bool {
    match from.to_canonical() {
        IpAddr::V4(from) => from.is_private() || from.is_link_local() || from.is_loopback(),
        IpAddr::V6(from) => from.is_unique_local() || from.is_unicast_link_local() || from.is_loopback(),
    }
}

/// Whether searches are answered, and what keeps them from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PnpState {
    /// An admin has switched it on.
    pub on: bool,
    /// Why nobody is heard although it is on.
    pub problem: Option<String>,
}

impl DeskPhones {
    /// The phone that looks, with where it is sent: to the place of the pairing window while its window is open, else to the port at
    /// which its maker's certificates count.
    fn looked_for(&self, search: &Search) -> Result<(DeskPhone, String), Why> {
        let now = self.now();
        let (phone, open) = {
            let book = self.book();
            let kept = book.get(search.mac).ok_or(Why::Unknown)?;
            (kept.phone.clone(), kept.window.is_some_and(|window| window.until > now))
        };
        if !search.is(&phone) {
            return Err(Why::NotItself);
        }
        let folder = if open {
            Some(format!("{}/d/", self.inner.public.https_base_url))
        } else {
            self.factory_folder(phone.vendor)
        };
        folder.map(|folder| (phone, folder)).ok_or(Why::NoWindow)
    }

    fn turn_search_away(&self, search: &Search, from: IpAddr, why: Why) {
        let vendor = search.vendor.map_or("", Vendor::title);
        let agent = search.model.as_ref().map(|model| format!("{vendor} {model}")).unwrap_or_default();
        self.turn_away(&Visit { from, agent: &agent, file: SEARCH }, Some(search.mac), why);
    }
}

/// Listens while it is switched on, until the sender of the switch is gone.
pub(super) async fn run(inner: Weak<Inner>, at: SocketAddr, mut switch: watch::Receiver<bool>) {
    loop {
        if switch.wait_for(|on| *on).await.is_err() {
            return;
        }
        match open(at) {
            Ok(socket) => {
                note(&inner, None);
                tracing::info!(%at, "phones that look for their configuration are answered");
                tokio::select! {
                    () = listen(&socket, &inner) => return,
                    off = switch.wait_for(|on| !*on) => if off.is_err() { return },
                }
            }
            Err(error) => {
                tracing::warn!(%at, %error, "phones that look for their configuration are not heard");
                note(&inner, Some(format!("{at} could not be listened to ({error})")));
                let off = tokio::time::timeout(TRY_AGAIN, switch.wait_for(|on| !*on)).await;
                if matches!(off, Ok(Err(_))) {
                    return;
                }
            }
        }
    }
}

fn note(inner: &Weak<Inner>, problem: Option<String>) {
    if let Some(inner) = inner.upgrade() {
        *inner.pnp_problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

fn open(at: SocketAddr) -> std::io::Result<tokio::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    // The SIP socket has the same port of every address; it allows this as well.
    rustix::net::sockopt::set_socket_reuseport(&socket, true)?;
    socket.bind(&at.into())?;
    if let IpAddr::V4(group) = at.ip()
        && group.is_multicast()
    {
        join(&socket, group)?;
    }
    socket.set_nonblocking(true)?;
    tokio::net::UdpSocket::from_std(UdpSocket::from(socket))
}

/// Joins the group on every network the machine has, which Linux lists as files.
fn join(socket: &Socket, group: Ipv4Addr) -> std::io::Result<()> {
    let mut joined = false;
    for interface in std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten() {
        let index = std::fs::read_to_string(interface.path().join("ifindex")).ok();
        let Some(index) = index.and_then(|text| text.trim().parse().ok()) else { continue };
        joined |= socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index)).is_ok();
    }
    if joined { Ok(()) } else { socket.join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED) }
}

/// Ends when the phones are gone.
async fn listen(socket: &tokio::net::UdpSocket, inner: &Weak<Inner>) {
    let mut buffer = vec![0; MOST_BYTES + 1];
    let mut budget = Budget { second: tokio::time::Instant::now(), left: MOST_IN_A_SECOND };
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            // A datagram of ours came back, or the network went away.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Some(phones) = inner.upgrade().map(|inner| DeskPhones { inner }) else { return };
        let Some(search) = buffer.get(..length).filter(|_| is_local(from.ip())).and_then(read) else { continue };
        let (phone, folder) = match phones.looked_for(&search) {
            Ok(found) => found,
            Err(why) => {
                phones.turn_search_away(&search, from.ip(), why);
                continue;
            }
        };
        let (true, Some(ours), Ok(bytes)) = (budget.take(), our_side_of(from, socket), random()) else { continue };
        let tag = LinkToken::from_random(bytes)
            .hash()
            .0
            .iter()
            .take(8)
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        for bytes in answers(&search, &url(&phone, &folder), ours, &tag) {
            let _gone = socket.send_to(&bytes, from).await;
        }
        tracing::info!(mac = %search.mac, %from, "a desk phone was told where to fetch its configuration");
    }
}

struct Budget {
    second: tokio::time::Instant,
    left: u32,
}

impl Budget {
    fn take(&mut self) -> bool {
        if self.second.elapsed() >= Duration::from_secs(1) {
            *self = Self { second: tokio::time::Instant::now(), left: MOST_IN_A_SECOND };
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

/// Our address as the phone sees it; the socket itself has only the group's.
fn our_side_of(phone: SocketAddr, socket: &tokio::net::UdpSocket) -> Option<SocketAddr> {
    let way = UdpSocket::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)).ok()?;
    way.connect(phone).ok()?;
    Some(SocketAddr::new(way.local_addr().ok()?.ip(), socket.local_addr().ok()?.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNOM: &str = "SUBSCRIBE sip:MAC%3a000413922D24@224.0.1.75 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.168.1.30:5060;rport;branch=z9hG4bK1\r\nFrom: <sip:MAC%3a000413922D24@224.0.1.75>;tag=1\r\n\
        To: <sip:MAC%3a000413922D24@224.0.1.75>\r\nCall-ID: c1\r\nCSeq: 1 SUBSCRIBE\r\nMax-Forwards: 70\r\n\
        Event: ua-profile;profile-type=\"device\";vendor=\"snom\";model=\"snomD785\";version=\"10.1\"\r\nExpires: 0\r\n\
        Contact: <sip:192.168.1.30:5060>\r\nContent-Length: 0\r\n\r\n";

    fn phone(vendor: Vendor, model: &str, mac: &str) -> DeskPhone {
        DeskPhone { mac: mac.parse().unwrap(), vendor, model: model.parse().unwrap() }
    }

    #[test]
    fn a_search_is_read_and_answered_with_the_address_for_its_maker() {
        let search = read(SNOM.as_bytes()).unwrap();
        let snom = phone(Vendor::Snom, "D785", "000413922d24");
        assert_eq!((search.mac, search.vendor), (snom.mac, Some(Vendor::Snom)));
        assert!(search.is(&snom));
        assert!(!search.is(&phone(Vendor::Snom, "D717", "000413922d24")));
        assert!(!search.is(&phone(Vendor::Fanvil, "D785", "000413922d24")));
        let url = url(&snom, "https://pbx.example.com/d/");
        assert_eq!(url, "https://pbx.example.com/d/000413922D24.xml");
        let [ok, notify] = answers(&search, &url, "192.168.1.2:5060".parse().unwrap(), "tag1");
        let (ok, notify) = (String::from_utf8_lossy(&ok).into_owned(), String::from_utf8_lossy(&notify).into_owned());
        assert!(ok.starts_with("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.168.1.30:5060"), "{ok}");
        assert!(notify.starts_with("NOTIFY sip:192.168.1.30:5060 SIP/2.0\r\n"), "{notify}");
        for line in [
            "Event: ua-profile\r\n",
            "Content-Type: application/url\r\n",
            "To: <sip:MAC%3a000413922D24@224.0.1.75>;tag=1\r\n",
            "From: <sip:MAC%3a000413922D24@224.0.1.75>;tag=tag1\r\n",
            "Call-ID: c1\r\n",
        ] {
            assert!(notify.contains(line), "{line} in {notify}");
        }
        assert!(notify.ends_with("\r\n\r\nhttps://pbx.example.com/d/000413922D24.xml"), "{notify}");
    }

    #[test]
    fn what_is_no_search_of_a_phone_is_nothing() {
        for odd in [
            SNOM.replace("SUBSCRIBE", "OPTIONS"),
            SNOM.replace("ua-profile", "presence"),
            SNOM.replace("000413922D24", "nobody"),
            SNOM.replace("Event:", "X-Event:"),
            SNOM.replace("Max-Forwards: 70", &format!("X: {}", "x".repeat(MOST_BYTES))),
            String::new(),
            "\r\n\r\n".into(),
        ] {
            assert_eq!(read(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn only_addresses_of_local_networks_are_answered() {
        for (address, local) in [
            ("192.168.1.3", true),
            ("10.0.0.1", true),
            ("172.31.0.1", true),
            ("169.254.1.1", true),
            ("127.0.0.1", true),
            ("::ffff:192.168.1.3", true),
            ("fd00::1", true),
            ("8.8.8.8", false),
            ("172.32.0.1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_local(address.parse().unwrap()), local, "{address}");
        }
    }
}
