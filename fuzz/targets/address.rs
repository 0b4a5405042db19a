//! The address classifier against the registries' files, read here by arithmetic alone, and against `std`.
//!
//! Input: an address as text, or its bytes. Its neighbours are asked about too, and the ends of one row.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use phonebox_egress::fuzzing::vet;
use phonebox_fuzz::iana::{ROWS, address, is_denied, is_isatap, names, number};

/// What `std` has a stable word for; all of it is no provider's address.
fn is_special_to_std(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_unspecified()
                || v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
        }
        IpAddr::V6(v6) => {
            v6.is_unspecified()
                || v6.is_loopback()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                // Mapped or compatible, whatever the address inside is.
                || v6.to_ipv4().is_some()
        }
    }
}

fn judge(asked: IpAddr) {
    let denied = is_denied(asked);
    let names = names(asked);
    match vet(asked) {
        Ok(()) => {
            assert!(!denied, "{asked} passes, and is in {names:?}");
            assert!(
                !is_special_to_std(asked),
                "{asked} passes, and std calls it special"
            );
        }
        Err(name) => {
            assert!(denied, "{asked} is denied as {name}, and is in no row");
            assert!(
                names.contains(&name)
                    || is_isatap(asked) && name == "ISATAP"
                    || names.is_empty() && name == "not global unicast",
                "{asked} is denied as {name}, and is in {names:?}"
            );
        }
    }
}

fn around(asked: IpAddr) {
    let (v4, bits) = number(asked);
    let near = [bits.checked_sub(1), Some(bits), bits.checked_add(1)];
    for bits in near.into_iter().flatten() {
        if let Some(asked) = address(v4, bits) {
            judge(asked);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let text = std::str::from_utf8(data).ok();
    if let Some(asked) = text.and_then(|text| text.trim_end().parse().ok()) {
        around(asked);
    }
    if let Some((bytes, _)) = data.split_first_chunk::<4>() {
        around(Ipv4Addr::from(*bytes).into());
    }
    if let Some((bytes, _)) = data.split_first_chunk::<16>() {
        around(Ipv6Addr::from(*bytes).into());
    }
    if let Some(first) = data.first() {
        let row = &ROWS[usize::from(*first) % ROWS.len()];
        for bits in [row.first, row.last] {
            around(address(row.v4, bits).expect("a row's ends are addresses"));
        }
        // Somewhere inside, or just behind.
        let offset = data
            .iter()
            .fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
        let inside = offset % (row.last - row.first).saturating_add(2);
        let inside = row.first.checked_add(inside);
        if let Some(inside) = inside.and_then(|inside| address(row.v4, inside)) {
            judge(inside);
        }
    }
});
