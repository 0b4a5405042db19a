//! Which addresses may be reached: global unicast, and nothing that leads back inside.
//!
//! IPv4: everything but the rows. IPv6: only `2000::/3`, less the rows. An IPv4 address inside of an IPv6 address
//! (mapped, translated, tunnelled) is taken out and tested too. Above all stands what is phonebox's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::decision::Reason;

/// A range that may not be reached.
struct Row {
    range: IpNet,
    kind: Kind,
}

/// What is special about an address, and who says so.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) source: &'static str,
}

const fn v4(network: [u8; 4], length: u8, name: &'static str, source: &'static str) -> Row {
    let network = Ipv4Addr::from_octets(network);
    Row {
        range: IpNet::V4(Ipv4Net::new_assert(network, length)),
        kind: Kind { name, source },
    }
}

const fn v6(network: [u16; 8], length: u8, name: &'static str, source: &'static str) -> Row {
    let network = Ipv6Addr::from_segments(network);
    Row {
        range: IpNet::V6(Ipv6Net::new_assert(network, length)),
        kind: Kind { name, source },
    }
}

// `V4` and `V6`, the narrow rows first. Those of IPv6 outside of `2000::/3` would be denied without a row; they give the
// refusal its name.
include!(concat!(env!("OUT_DIR"), "/table.rs"));

const fn kind(name: &'static str, source: &'static str) -> Kind {
    Kind { name, source }
}

/// A tunnel's interface identifier, `::[02]00:5efe:a.b.c.d`, in whatever prefix.
static ISATAP: Kind = kind("ISATAP", "RFC 5214");
static NAT64: Kind = kind("NAT64 of this network", "the operator");
static NOT_GLOBAL: Kind = kind("not global unicast", "RFC 4291");
static OPERATOR: Kind = kind("prohibited range", "the operator");
static OWN_ADDRESS: Kind = kind("this host", "its interfaces");
static OWN_LISTENER: Kind = kind("phonebox itself", "the operator");

/// What the operator and the machine say about addresses.
#[derive(Default)]
pub(crate) struct Addresses {
    pub(crate) reachable: Vec<Opening>,
    pub(crate) prohibited: Vec<IpNet>,
    pub(crate) nat64: Vec<(Ipv6Net, Nat64)>,
    pub(crate) listeners: Vec<SocketAddr>,
    pub(crate) interfaces: Interfaces,
}

/// A range that the operator opened.
pub(crate) struct Opening {
    pub(crate) range: IpNet,
    /// None: for everybody.
    pub(crate) tenant: Option<String>,
}

/// How addresses of a NAT64 network are judged. Such an address is an IPv4 address in disguise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Nat64 {
    /// None of them may be reached.
    Deny,
    /// The IPv4 address inside is taken out (RFC 6052, 2.2), and decides.
    Unwrap,
}

/// An address that may not be reached. For the operator's log alone.
#[derive(Debug)]
pub(crate) struct Prohibited {
    pub(crate) address: IpAddr,
    pub(crate) kind: &'static Kind,
    pub(crate) reason: Reason,
}

impl fmt::Display for Prohibited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kind { name, source } = self.kind;
        write!(f, "{} ({name}, {source})", self.address)
    }
}

impl Addresses {
    /// Passes an address that this tenant's actions may reach: global unicast, or in a range that the operator opened,
    /// which is returned then.
    pub(crate) fn vet(
        &self,
        address: SocketAddr,
        tenant: &str,
    ) -> Result<Option<IpNet>, Prohibited> {
        let ip = address.ip();
        let no = |reason, kind| Prohibited {
            address: ip,
            kind,
            reason,
        };
        if self.is_listener(address) {
            return Err(no(Reason::Own, &OWN_LISTENER));
        }
        if self.prohibited.iter().any(|range| range.contains(&ip)) {
            return Err(no(Reason::Address, &OPERATOR));
        }
        let opened = self.reachable.iter().find(|opening| {
            opening.range.contains(&ip)
                && opening.tenant.as_deref().is_none_or(|only| only == tenant)
        });
        let opened = opened.map(|opening| opening.range);
        let translated = match ip {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => self.nat64.iter().find(|(prefix, _)| prefix.contains(&v6)),
        };
        if opened.is_none() {
            let special = match (ip, translated) {
                (_, Some((_, Nat64::Deny))) => Some(&NAT64),
                (IpAddr::V6(v6), Some((prefix, Nat64::Unwrap))) => {
                    unwrap(v6, prefix.prefix_len()).is_none().then_some(&NAT64)
                }
                _ => special(ip),
            };
            if let Some(kind) = special {
                return Err(no(Reason::Address, kind));
            }
            if self.interfaces.contain(ip) {
                return Err(no(Reason::Own, &OWN_ADDRESS));
            }
        }
        let inner = match (ip, translated) {
            (IpAddr::V4(_), _) => None,
            (IpAddr::V6(v6), Some((prefix, _))) => unwrap(v6, prefix.prefix_len()),
            (IpAddr::V6(v6), None) => embedded(v6),
        };
        match inner {
            None => Ok(opened),
            Some(inner) => {
                let inner = self.vet((inner, address.port()).into(), tenant)?;
                Ok(opened.or(inner))
            }
        }
    }

    /// Whether a packet to this address arrives at a listener of ours.
    fn is_listener(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        self.listeners.iter().any(|listener| {
            let at = listener.ip().to_canonical();
            listener.port() == address.port()
                && (at == ip
                    // It listens everywhere. The unspecified address leads to this host too.
                    || at.is_unspecified()
                        && (ip.is_loopback() || ip.is_unspecified() || self.interfaces.contain(ip)))
        })
    }
}

/// What is special about an address; none of a global one.
pub(crate) fn special(address: IpAddr) -> Option<&'static Kind> {
    let table = match address {
        IpAddr::V4(_) => V4,
        IpAddr::V6(v6) if is_isatap(v6) => return Some(&ISATAP),
        IpAddr::V6(_) => V6,
    };
    if let Some(row) = table.iter().find(|row| row.range.contains(&address)) {
        return Some(&row.kind);
    }
    match address {
        IpAddr::V6(v6) if v6.to_bits() >> 125 != 1 => Some(&NOT_GLOBAL),
        _ => None,
    }
}

/// The IPv4 address that a packet to this IPv6 address may end up at.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = || {
        let [.., a, b, c, d] = address.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // Compatible, mapped, translated, NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _]
        | [0, 0, 0, 0, 0xffff, 0, _, _]
        | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(last()),
        // 6to4 keeps it behind the prefix.
        [0x2002, high, low, ..] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        // Teredo keeps the client's, inverted.
        [0x2001, 0, ..] => Some(Ipv4Addr::from_bits(!last().to_bits())),
        _ if is_isatap(address) => Some(last()),
        _ => None,
    }
}

fn is_isatap(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [.., 0 | 0x200, 0x5efe, _, _])
}

/// Lengths that a NAT64 prefix can have.
pub(crate) const NAT64_LENGTHS: [u8; 6] = [32, 40, 48, 56, 64, 96];

/// The IPv4 address behind a NAT64 prefix of this length (RFC 6052, 2.2). None if the octet that must be zero is not.
fn unwrap(address: Ipv6Addr, length: u8) -> Option<Ipv4Addr> {
    if length == 96 {
        let [.., a, b, c, d] = address.octets();
        return Some(Ipv4Addr::new(a, b, c, d));
    }
    let octets = address.octets();
    let (before, [zero, after @ ..]) = octets.split_at(8) else {
        return None;
    };
    let mut rest = before.iter().chain(after).skip(usize::from(length) / 8);
    let mut next = || rest.next().copied();
    let inner = Ipv4Addr::new(next()?, next()?, next()?, next()?);
    (*zero == 0).then_some(inner)
}

/// The addresses of this host's interfaces. Looked at again after a while, for addresses come and go.
#[derive(Default)]
pub(crate) struct Interfaces(Mutex<Option<(Instant, Arc<[IpAddr]>)>>);

/// How old the list of interfaces may be.
const FRESH: Duration = Duration::from_secs(5);

impl Interfaces {
    /// Reads them for the first time: a host that does not tell its addresses cannot keep them from being reached.
    pub(crate) fn read() -> io::Result<Self> {
        let list = list()?;
        Ok(Self(Mutex::new(Some((Instant::now(), list)))))
    }

    fn contain(&self, address: IpAddr) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((read, addresses)) = &mut *known else {
            return false;
        };
        if read.elapsed() >= FRESH {
            // Where it fails, what was known stays.
            if let Ok(list) = list() {
                *addresses = list;
            }
            *read = Instant::now();
        }
        addresses.contains(&address)
    }
}

fn list() -> io::Result<Arc<[IpAddr]>> {
    let interfaces = if_addrs::get_if_addrs()?;
    Ok(interfaces.iter().map(if_addrs::Interface::ip).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    const FILES: [&str; 3] = [
        include_str!("../iana/ipv4-special.csv"),
        include_str!("../iana/ipv6-special.csv"),
        include_str!("../iana/ours.csv"),
    ];

    /// The rows as they stand in the files: range, name, whether the registry calls it globally reachable.
    fn rows() -> Vec<(IpNet, &'static str, &'static str)> {
        let lines = FILES.iter().flat_map(|file| file.lines().skip(1));
        lines
            .map(|line| {
                let columns: Vec<_> = line.split(',').collect();
                (columns[0].parse().unwrap(), columns[1], columns[3])
            })
            .collect()
    }

    fn bits(address: IpAddr) -> u128 {
        match address {
            IpAddr::V4(v4) => v4.to_bits().into(),
            IpAddr::V6(v6) => v6.to_bits(),
        }
    }

    /// An address and its neighbours.
    fn around(address: IpAddr) -> Vec<IpAddr> {
        let bits = bits(address);
        let near = [bits.checked_sub(1), Some(bits), bits.checked_add(1)];
        let near = near.into_iter().flatten();
        match address {
            IpAddr::V4(_) => near
                .filter_map(|bits| u32::try_from(bits).ok())
                .map(|bits| Ipv4Addr::from_bits(bits).into())
                .collect(),
            IpAddr::V6(_) => near.map(|bits| Ipv6Addr::from_bits(bits).into()).collect(),
        }
    }

    /// The first and the last address of every row, the addresses before and behind, and a few from the middle.
    fn boundaries() -> Vec<IpAddr> {
        let quarters = ["2000::/3", "4000::/3", "8000::/1"].map(|range| range.parse().unwrap());
        let ranges = rows().into_iter().map(|(range, ..)| range);
        let mut all: Vec<_> = ranges
            .chain(quarters)
            .flat_map(|range| [range.network(), range.broadcast()])
            .flat_map(around)
            .collect();
        all.extend((0..=255u8).map(|first| IpAddr::from([first, 1, 2, 3])));
        all.extend(
            (0..=255u8).map(|first| IpAddr::from([u16::from(first) << 8, 0xab, 1, 2, 3, 4, 5, 6])),
        );
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What the files say, read with arithmetic alone. In a row, or not in the eighth of IPv6 that is in use.
    fn is_denied_by_the_files(address: IpAddr) -> bool {
        let in_a_row = rows().iter().any(|(range, ..)| {
            let (first, last) = (bits(range.network()), bits(range.broadcast()));
            range.network().is_ipv4() == address.is_ipv4()
                && (first..=last).contains(&bits(address))
        });
        in_a_row
            || matches!(address, IpAddr::V6(v6) if !(0x2000..0x4000).contains(&v6.segments()[0]))
    }

    #[test]
    fn d06_every_row_ends_where_the_files_say() {
        assert_eq!(V4.len() + V6.len(), rows().len());
        let boundaries = boundaries();
        for address in &boundaries {
            let found = special(*address);
            assert_eq!(
                found.is_some(),
                is_denied_by_the_files(*address),
                "{address}: {found:?}"
            );
        }
        let pass = boundaries
            .iter()
            .filter(|address| special(**address).is_none());
        let pass = pass.count();
        assert!(
            pass > 200 && boundaries.len() - pass > 150,
            "{pass} of {}",
            boundaries.len()
        );
    }

    /// Python's reading of the same registries, where a Python is at hand.
    #[test]
    fn d06_nothing_passes_that_python_calls_not_global() {
        let program = "import ipaddress, sys\n\
                       for line in sys.stdin:\n    print(ipaddress.ip_address(line.strip()).is_global)";
        let child = Command::new("python3")
            .args(["-c", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                let in_ci = std::env::vars().any(|(name, _)| name == "CI");
                assert!(!in_ci, "python3 is needed here: {error}");
                println!("SKIPPED: there is no python3 to compare with ({error})");
                return;
            }
        };
        let boundaries = boundaries();
        let lines: Vec<_> = boundaries.iter().map(ToString::to_string).collect();
        let asked = lines.join("\n");
        child
            .stdin
            .take()
            .unwrap()
            .write_all(asked.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let answers = String::from_utf8(output.stdout).unwrap();
        assert_eq!(answers.lines().count(), boundaries.len(), "{answers}");
        // Rows that not every Python in use knows, or knows whole.
        let young = [
            "192.0.0.0/24",
            "192.88.99.2/32",
            "64:ff9b:1::/48",
            "100:0:0:1::/64",
            "3fff::/20",
            "5f00::/16",
        ];
        for (address, answer) in boundaries.into_iter().zip(answers.lines()) {
            let denied = special(address).is_some();
            if answer == "False" {
                assert!(denied, "{address} passes, and Python calls it not global");
            } else if denied {
                // What it calls global and we deny is not "not globally reachable" by IANA's word.
                let row = rows().into_iter().find(|(range, _, reachable)| {
                    range.contains(&address) && *reachable == "false"
                });
                assert!(
                    row.is_none_or(|(range, ..)| young.contains(&range.to_string().as_str())),
                    "{address} is denied as {row:?}, and Python calls it global"
                );
            }
        }
    }

    fn at(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 443)
    }

    /// The name of what keeps an address from being reached, or `passes`.
    fn verdict(addresses: &Addresses, address: &str) -> &'static str {
        let vetted = addresses.vet(at(address), "acme");
        vetted.map_or_else(|prohibited| prohibited.kind.name, |_| "passes")
    }

    #[test]
    fn special_addresses_are_named_by_their_row() {
        for (address, name) in [
            ("169.254.169.254", "link local"),
            ("169.254.170.2", "link local"),
            ("100.100.100.200", "shared address space"),
            ("192.0.0.192", "IETF protocol assignments"),
            ("192.0.0.170", "NAT64/DNS64 discovery"),
            ("168.63.129.16", "Azure wire server"),
            ("255.255.255.255", "limited broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::7f00:1", "IPv4-compatible"),
            ("::ffff:8.8.8.8", "IPv4-mapped"),
            ("::ffff:0:8.8.8.8", "IPv4-translated"),
            ("64:ff9b::8.8.8.8", "NAT64"),
            ("64:ff9b:1::1", "local-use NAT64"),
            ("100::1", "discard only"),
            ("100:0:0:1::1", "dummy prefix"),
            ("2001:0:4136:e378::1", "Teredo"),
            ("2002:7f00:1::1", "6to4"),
            ("4000::1", "not global unicast"),
            ("fd00:ec2::254", "unique local"),
            ("fd20:ce::254", "unique local"),
            ("fe80::1", "link local"),
            ("fec0::1", "site local"),
            ("ff02::1", "multicast"),
            ("5f00::1", "SRv6 segments"),
            ("2a00:1450::5efe:10.0.0.1", "ISATAP"),
            ("2a00:1450::200:5efe:8.8.8.8", "ISATAP"),
            ("1.1.1.1", "passes"),
            ("93.184.216.34", "passes"),
            ("168.63.129.15", "passes"),
            ("2606:4700::1111", "passes"),
            ("2a00:1450:4001:80b::200e", "passes"),
            ("2001:200::1", "passes"),
        ] {
            assert_eq!(verdict(&Addresses::default(), address), name, "{address}");
        }
    }

    fn opened(ranges: &[&str]) -> Addresses {
        let opening = |range: &&str| Opening {
            range: range.parse().unwrap(),
            tenant: None,
        };
        Addresses {
            reachable: ranges.iter().map(opening).collect(),
            ..Addresses::default()
        }
    }

    #[test]
    fn a_reachable_range_opens_itself_and_not_what_is_embedded_in_it() {
        let addresses = opened(&["127.0.0.0/8", "64:ff9b::/96", "2a00::/16"]);
        for (address, passes) in [
            ("127.0.0.1", true),
            ("10.0.0.1", false),
            ("::ffff:127.0.0.1", false),
            ("::1", false),
            ("64:ff9b::8.8.8.8", true),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b::127.0.0.1", true),
            ("2a00::5efe:8.8.8.8", true),
            ("2a00::5efe:10.0.0.1", false),
        ] {
            let verdict = verdict(&addresses, address);
            assert_eq!(verdict == "passes", passes, "{address}: {verdict}");
        }
        let through = |address| addresses.vet(at(address), "acme").unwrap();
        assert_eq!(through("127.0.0.1"), Some("127.0.0.0/8".parse().unwrap()));
        assert_eq!(through("8.8.8.8"), None);
    }

    #[test]
    fn a_range_can_be_opened_for_one_tenant_and_closed_for_all() {
        let mut addresses = opened(&["10.0.0.0/8"]);
        addresses.reachable[0].tenant = Some("acme".to_owned());
        addresses.prohibited = vec![
            "10.9.0.0/16".parse().unwrap(),
            "93.184.0.0/16".parse().unwrap(),
        ];
        assert!(addresses.vet(at("10.0.0.1"), "acme").is_ok());
        assert!(addresses.vet(at("10.0.0.1"), "other").is_err());
        assert_eq!(verdict(&addresses, "10.9.0.1"), "prohibited range");
        assert_eq!(verdict(&addresses, "93.184.216.34"), "prohibited range");
        assert_eq!(verdict(&addresses, "::ffff:93.184.216.34"), "IPv4-mapped");
    }

    /// The table of RFC 6052, 2.4, with an address that passes, and with one that does not.
    #[test]
    fn nat64_is_unwrapped_or_denied() {
        for (prefix, public, private) in [
            ("2a00:db8::/32", "2a00:db8:808:808::", "2a00:db8:a00:1::"),
            (
                "2a00:db8:100::/40",
                "2a00:db8:108:808:8::",
                "2a00:db8:10a::1:0:0:0",
            ),
            (
                "2a00:db8:122::/48",
                "2a00:db8:122:808:8:800::",
                "2a00:db8:122:a00:0:100::",
            ),
            (
                "2a00:db8:122:300::/56",
                "2a00:db8:122:308:8:808::",
                "2a00:db8:122:30a:0:1::",
            ),
            (
                "2a00:db8:122:344::/64",
                "2a00:db8:122:344:8:808:800::",
                "2a00:db8:122:344:a:0:100::",
            ),
            (
                "2a00:db8:122:344::/96",
                "2a00:db8:122:344::808:808",
                "2a00:db8:122:344::a00:1",
            ),
            ("64:ff9b::/96", "64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1"),
            (
                "fd00:64::/96",
                "fd00:64::8.8.8.8",
                "fd00:64::169.254.169.254",
            ),
        ] {
            let with = |mode| Addresses {
                nat64: vec![(prefix.parse().unwrap(), mode)],
                ..Addresses::default()
            };
            assert_eq!(verdict(&with(Nat64::Unwrap), public), "passes", "{prefix}");
            let found = verdict(&with(Nat64::Unwrap), private);
            let wanted = if private.contains("169.254") {
                "link local"
            } else {
                "private use"
            };
            // 10.0.1.0 is what the shorter layouts hold; both are private.
            assert_eq!(found, wanted, "{prefix}: {private}");
            assert_eq!(verdict(&with(Nat64::Deny), public), NAT64.name, "{prefix}");
        }
        let unwrapped = Addresses {
            nat64: vec![("2a00:db8::/32".parse().unwrap(), Nat64::Unwrap)],
            ..Addresses::default()
        };
        assert_eq!(
            verdict(&unwrapped, "2a00:db8:808:808:100::"),
            NAT64.name,
            "bits 64 to 71"
        );
    }

    #[test]
    fn e17_what_is_our_own_is_not_reached() {
        let mut addresses = opened(&["127.0.0.0/8", "10.0.0.0/8", "::1/128"]);
        addresses.listeners = vec![
            "127.0.0.1:443".parse().unwrap(),
            "10.0.0.5:8443".parse().unwrap(),
        ];
        let own = |addresses: &Addresses, address: &str| {
            let vetted = addresses.vet(address.parse().unwrap(), "acme");
            vetted.is_err_and(|prohibited| prohibited.reason == Reason::Own)
        };
        assert!(own(&addresses, "127.0.0.1:443"));
        assert!(own(&addresses, "[::ffff:127.0.0.1]:443"));
        assert!(own(&addresses, "10.0.0.5:8443"));
        assert!(!own(&addresses, "127.0.0.1:444") && !own(&addresses, "127.0.0.2:443"));
        for everywhere in ["0.0.0.0:443", "[::]:443"] {
            addresses.listeners = vec![everywhere.parse().unwrap()];
            assert!(own(&addresses, "127.0.0.2:443") && own(&addresses, "[::1]:443"));
            assert!(!own(&addresses, "127.0.0.2:444") && !own(&addresses, "10.0.0.5:443"));
        }

        let public: IpAddr = "93.184.216.34".parse().unwrap();
        let interfaces = || Interfaces(Mutex::new(Some((Instant::now(), [public].into()))));
        addresses.interfaces = interfaces();
        assert!(own(&addresses, "93.184.216.34:80") && own(&addresses, "93.184.216.34:443"));
        assert!(!own(&addresses, "93.184.216.35:443"));
        let mut addresses = opened(&["93.184.216.34/32"]);
        addresses.interfaces = interfaces();
        assert!(
            !own(&addresses, "93.184.216.34:80"),
            "the operator opened it"
        );
        addresses.listeners = vec!["0.0.0.0:443".parse().unwrap()];
        assert!(own(&addresses, "93.184.216.34:443") && !own(&addresses, "93.184.216.34:80"));
    }

    #[test]
    fn the_interfaces_are_those_of_this_host_and_are_read_again() {
        let interfaces = Interfaces::read().unwrap();
        assert!(interfaces.contain(Ipv4Addr::LOCALHOST.into()));
        assert!(!interfaces.contain(Ipv4Addr::new(8, 8, 8, 8).into()));
        let long_ago = Instant::now().checked_sub(FRESH).unwrap();
        let stale = Interfaces(Mutex::new(Some((long_ago, [].into()))));
        assert!(stale.contain(Ipv4Addr::LOCALHOST.into()));
    }
}
