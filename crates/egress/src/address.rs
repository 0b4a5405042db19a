//! Which addresses may be reached: global unicast, and nothing that leads back inside.
//!
//! IPv4: everything but the rows. IPv6: only `2000::/3`, less the rows. An IPv4 address inside of an IPv6 address
//! (mapped, translated, tunnelled) is taken out and tested too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A range that may not be reached.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) range: IpNet,
    pub(crate) name: &'static str,
    pub(crate) rfc: &'static str,
}

const fn v4(octets: [u8; 4], length: u8, name: &'static str, rfc: &'static str) -> Row {
    let [a, b, c, d] = octets;
    Row {
        range: IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)),
        name,
        rfc,
    }
}

#[expect(
    clippy::many_single_char_names,
    reason = "the segments of an address have no other names"
)]
const fn v6(segments: [u16; 8], length: u8, name: &'static str, rfc: &'static str) -> Row {
    let [a, b, c, d, e, f, g, h] = segments;
    Row {
        range: IpNet::V6(Ipv6Net::new_assert(
            Ipv6Addr::new(a, b, c, d, e, f, g, h),
            length,
        )),
        name,
        rfc,
    }
}

/// The rows, IPv4 first. Those of IPv6 outside of `2000::/3` would be denied without a row; they give the refusal its name.
pub(crate) static TABLE: [Row; 52] = [
    v4([0, 0, 0, 0], 8, "this network", "RFC 1122"),
    v4([10, 0, 0, 0], 8, "private use", "RFC 1918"),
    v4([100, 64, 0, 0], 10, "shared address space", "RFC 6598"),
    v4([127, 0, 0, 0], 8, "loopback", "RFC 1122"),
    v4(
        [168, 63, 129, 16],
        32,
        "Azure wire server",
        "Azure documentation",
    ),
    v4([169, 254, 0, 0], 16, "link local", "RFC 3927"),
    v4([172, 16, 0, 0], 12, "private use", "RFC 1918"),
    v4([192, 0, 0, 0], 24, "IETF protocol assignments", "RFC 6890"),
    v4([192, 0, 2, 0], 24, "documentation (TEST-NET-1)", "RFC 5737"),
    v4([192, 31, 196, 0], 24, "AS112", "RFC 7535"),
    v4([192, 52, 193, 0], 24, "AMT", "RFC 7450"),
    v4([192, 88, 99, 0], 24, "6to4 relay anycast", "RFC 7526"),
    v4([192, 168, 0, 0], 16, "private use", "RFC 1918"),
    v4([192, 175, 48, 0], 24, "AS112 direct delegation", "RFC 7534"),
    v4([198, 18, 0, 0], 15, "benchmarking", "RFC 2544"),
    v4(
        [198, 51, 100, 0],
        24,
        "documentation (TEST-NET-2)",
        "RFC 5737",
    ),
    v4(
        [203, 0, 113, 0],
        24,
        "documentation (TEST-NET-3)",
        "RFC 5737",
    ),
    v4([224, 0, 0, 0], 4, "multicast", "RFC 5771"),
    v4([255, 255, 255, 255], 32, "limited broadcast", "RFC 919"),
    v4([240, 0, 0, 0], 4, "reserved", "RFC 1112"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "unspecified", "RFC 4291"),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback", "RFC 4291"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96, "IPv4-compatible", "RFC 4291"),
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "IPv4-mapped", "RFC 4291"),
    v6(
        [0, 0, 0, 0, 0xffff, 0, 0, 0],
        96,
        "IPv4-translated",
        "RFC 2765",
    ),
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "NAT64", "RFC 6052"),
    v6(
        [0x64, 0xff9b, 1, 0, 0, 0, 0, 0],
        48,
        "local-use NAT64",
        "RFC 8215",
    ),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discard only", "RFC 6666"),
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "dummy prefix", "RFC 9780"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "Teredo", "RFC 4380"),
    v6(
        [0x2001, 2, 0, 0, 0, 0, 0, 0],
        48,
        "benchmarking",
        "RFC 5180",
    ),
    v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, "AMT", "RFC 7450"),
    v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, "AS112", "RFC 7535"),
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "ORCHID", "RFC 4843"),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2", "RFC 7343"),
    v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, "DRIP", "RFC 9374"),
    v6(
        [0x2001, 0, 0, 0, 0, 0, 0, 0],
        23,
        "IETF protocol assignments",
        "RFC 2928",
    ),
    v6(
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0],
        32,
        "documentation",
        "RFC 3849",
    ),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4", "RFC 3056"),
    v6(
        [0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0],
        48,
        "AS112 direct delegation",
        "RFC 7534",
    ),
    v6([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, "6bone", "RFC 3701"),
    v6(
        [0x3fff, 0, 0, 0, 0, 0, 0, 0],
        20,
        "documentation",
        "RFC 9637",
    ),
    v6(
        [0x5f00, 0, 0, 0, 0, 0, 0, 0],
        16,
        "SRv6 segments",
        "RFC 9602",
    ),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique local", "RFC 4193"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link local", "RFC 4291"),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site local", "RFC 3879"),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast", "RFC 4291"),
    // What is left of the seven eighths that are not global unicast.
    v6(
        [0, 0, 0, 0, 0, 0, 0, 0],
        3,
        "not global unicast",
        "RFC 4291",
    ),
    v6(
        [0x4000, 0, 0, 0, 0, 0, 0, 0],
        3,
        "not global unicast",
        "RFC 4291",
    ),
    v6(
        [0x6000, 0, 0, 0, 0, 0, 0, 0],
        3,
        "not global unicast",
        "RFC 4291",
    ),
    v6(
        [0x8000, 0, 0, 0, 0, 0, 0, 0],
        2,
        "not global unicast",
        "RFC 4291",
    ),
    v6(
        [0xc000, 0, 0, 0, 0, 0, 0, 0],
        2,
        "not global unicast",
        "RFC 4291",
    ),
];

/// A tunnel's interface identifier, `::[02]00:5efe:a.b.c.d`, in whatever prefix. Not a range, hence not in the table.
static ISATAP: Row = v6([0, 0, 0, 0, 0, 0x5efe, 0, 0], 96, "ISATAP", "RFC 5214");

/// Passes an address that actions may reach: global unicast, or in a range that the operator declared reachable.
pub(crate) fn vet(address: IpAddr, reachable: &[IpNet]) -> Result<(), &'static Row> {
    let prohibited = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(outer) => match embedded(outer) {
            None => None,
            Some(inner) => {
                if !reachable.iter().any(|range| range.contains(&address)) && is_isatap(outer) {
                    return Err(&ISATAP);
                }
                row(IpAddr::V4(inner), reachable)
            }
        },
    };
    match row(address, reachable).or(prohibited) {
        None => Ok(()),
        Some(row) => Err(row),
    }
}

fn row(address: IpAddr, reachable: &[IpNet]) -> Option<&'static Row> {
    let row = TABLE.iter().find(|row| row.range.contains(&address))?;
    (!reachable.iter().any(|range| range.contains(&address))).then_some(row)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn step(address: IpAddr, up: bool) -> Option<IpAddr> {
        Some(match (address, up) {
            (IpAddr::V4(v4), true) => Ipv4Addr::from_bits(v4.to_bits().checked_add(1)?).into(),
            (IpAddr::V4(v4), false) => Ipv4Addr::from_bits(v4.to_bits().checked_sub(1)?).into(),
            (IpAddr::V6(v6), true) => Ipv6Addr::from_bits(v6.to_bits().checked_add(1)?).into(),
            (IpAddr::V6(v6), false) => Ipv6Addr::from_bits(v6.to_bits().checked_sub(1)?).into(),
        })
    }

    /// The neighbours of a row's ends that another row covers, by the row's range.
    const COVERED_OUTSIDE: &[(&str, &[&str])] = &[
        ("224.0.0.0/4", &["240.0.0.0"]),
        ("240.0.0.0/4", &["239.255.255.255"]),
        ("255.255.255.255/32", &["255.255.255.254"]),
        ("2001::/32", &["2001:1::"]),
        (
            "2001:2::/48",
            &["2001:1:ffff:ffff:ffff:ffff:ffff:ffff", "2001:2:1::"],
        ),
        (
            "2001:3::/32",
            &["2001:2:ffff:ffff:ffff:ffff:ffff:ffff", "2001:4::"],
        ),
        (
            "2001:4:112::/48",
            &["2001:4:111:ffff:ffff:ffff:ffff:ffff", "2001:4:113::"],
        ),
        (
            "2001:10::/28",
            &["2001:f:ffff:ffff:ffff:ffff:ffff:ffff", "2001:20::"],
        ),
        (
            "2001:20::/28",
            &["2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "2001:30::"],
        ),
        (
            "2001:30::/28",
            &["2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "2001:40::"],
        ),
        ("3ffe::/16", &["3fff::"]),
        ("3fff::/20", &["3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]),
    ];

    #[test]
    fn each_row_ends_where_it_says() {
        for row in &TABLE {
            let range = row.range;
            let shown = range.to_string();
            for inside in [range.network(), range.broadcast()] {
                assert!(
                    vet(inside, &[]).is_err(),
                    "{inside}, an end of {shown}, passes"
                );
            }
            for outside in [step(range.network(), false), step(range.broadcast(), true)]
                .into_iter()
                .flatten()
            {
                let covered = match outside {
                    // Outside of 2000::/3 nothing passes, whichever row says so.
                    IpAddr::V6(v6) if v6.segments()[0] >> 13 != 1 => true,
                    _ => COVERED_OUTSIDE.iter().any(|(range, neighbours)| {
                        *range == shown && neighbours.iter().any(|n| n.parse() == Ok(outside))
                    }),
                };
                assert_eq!(
                    vet(outside, &[]).is_err(),
                    covered,
                    "{outside}, next to {shown}: {:?}",
                    vet(outside, &[])
                );
            }
        }
    }

    #[test]
    fn the_rows_are_ranges_and_name_their_source() {
        for row in &TABLE {
            assert_eq!(row.range, row.range.trunc(), "{} has host bits", row.range);
            assert!(!row.name.is_empty() && !row.rfc.is_empty(), "{}", row.range);
        }
    }

    #[test]
    fn special_addresses_are_named_by_their_row() {
        for (address, name) in [
            ("169.254.169.254", "link local"),
            ("169.254.170.2", "link local"),
            ("100.100.100.200", "shared address space"),
            ("192.0.0.192", "IETF protocol assignments"),
            ("168.63.129.16", "Azure wire server"),
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
            ("fd00:ec2::254", "unique local"),
            ("fd20:ce::254", "unique local"),
            ("fe80::1", "link local"),
            ("fec0::1", "site local"),
            ("ff02::1", "multicast"),
            ("5f00::1", "SRv6 segments"),
            ("2a00:1450::5efe:10.0.0.1", "ISATAP"),
            ("2a00:1450::200:5efe:8.8.8.8", "ISATAP"),
        ] {
            match vet(address.parse().unwrap(), &[]) {
                Err(row) => assert_eq!(row.name, name, "{address}"),
                Ok(()) => panic!("{address} passes"),
            }
        }
    }

    #[test]
    fn public_addresses_pass() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "93.184.216.34",
            "168.63.129.15",
            "2606:4700::1111",
            "2a00:1450:4001:80b::200e",
            "2001:200::1",
        ] {
            let verdict = vet(address.parse().unwrap(), &[]);
            assert!(verdict.is_ok(), "{address}: {verdict:?}");
        }
    }

    #[test]
    fn a_reachable_range_opens_itself_and_not_what_is_embedded_in_it() {
        let reachable: Vec<IpNet> = ["127.0.0.0/8", "64:ff9b::/96", "2a00::/16"]
            .iter()
            .map(|range| range.parse().unwrap())
            .collect();
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
            assert_eq!(
                vet(address.parse().unwrap(), &reachable).is_ok(),
                passes,
                "{address}"
            );
        }
    }
}
