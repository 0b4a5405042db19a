//! The registries' files, read by arithmetic alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::LazyLock;

/// A block: its first address, its last, what it is called.
pub struct Row {
    pub v4: bool,
    pub first: u128,
    pub last: u128,
    pub name: String,
}

/// All of them.
pub static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/egress/iana");
    let rows: Vec<Row> = ["ipv4-special.csv", "ipv6-special.csv", "ours.csv"]
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(folder.join(file)).expect("the registry is there");
            text.lines().skip(1).map(row).collect::<Vec<_>>()
        })
        .collect();
    assert!(rows.len() > 50, "the registries have {} rows", rows.len());
    rows
});

fn row(line: &str) -> Row {
    let mut columns = line.split(',');
    let (block, name) = (columns.next().unwrap(), columns.next().unwrap());
    let (address, length) = block.split_once('/').unwrap();
    let address: IpAddr = address.parse().unwrap();
    let (v4, first) = number(address);
    let width = if v4 { 32 } else { 128 };
    let host_bits = width - length.parse::<u32>().unwrap();
    let size = 1_u128.checked_shl(host_bits).unwrap_or(0);
    Row {
        v4,
        first,
        last: first.wrapping_add(size).wrapping_sub(1),
        name: name.to_owned(),
    }
}

/// Whether it is IPv4, and its bits.
pub fn number(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(v4) => (true, u32::from(v4).into()),
        IpAddr::V6(v6) => (false, v6.into()),
    }
}

/// The address of these bits.
pub fn address(v4: bool, number: u128) -> Option<IpAddr> {
    if v4 {
        u32::try_from(number)
            .ok()
            .map(|bits| Ipv4Addr::from(bits).into())
    } else {
        Some(Ipv6Addr::from(number).into())
    }
}

/// The names of all blocks that an address is in.
pub fn names(asked: IpAddr) -> Vec<&'static str> {
    let (v4, bits) = number(asked);
    let within = |row: &&Row| row.v4 == v4 && (row.first..=row.last).contains(&bits);
    let rows = ROWS.iter().filter(within);
    rows.map(|row| row.name.as_str()).collect()
}

/// Whether the last half is that of an ISATAP tunnel (RFC 5214).
pub fn is_isatap(asked: IpAddr) -> bool {
    let (v4, bits) = number(asked);
    !v4 && matches!(bits >> 32 & 0xffff_ffff, 0x5efe | 0x0200_5efe)
}

/// Whether an address is IPv4, or in the eighth of IPv6 that is given out.
pub fn is_in_use(asked: IpAddr) -> bool {
    let (v4, bits) = number(asked);
    v4 || bits >> 125 == 1
}

/// Whether the specification (2.3) denies an address, whatever is inside of it.
pub fn is_denied(asked: IpAddr) -> bool {
    !names(asked).is_empty() || !is_in_use(asked) || is_isatap(asked)
}
