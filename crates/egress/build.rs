//! Makes the table of special-purpose addresses from the registries in `iana/`.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::{env, fs};

const FILES: [&str; 3] = ["ipv4-special.csv", "ipv6-special.csv", "ours.csv"];

fn main() {
    let mut rows = Vec::new();
    for file in FILES {
        let path = Path::new("iana").join(file);
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).expect("the registry stands beside this file");
        rows.extend(text.lines().skip(1).map(row));
    }
    // The first row that matches names an address, so the narrow ones come first.
    rows.sort_by_key(|(_, length, _)| std::cmp::Reverse(*length));

    let mut table = String::new();
    for (name, is_v4) in [("V4", true), ("V6", false)] {
        let rows = rows
            .iter()
            .filter(|(address, ..)| address.is_ipv4() == is_v4);
        writeln!(table, "static {name}: &[Row] = &[").expect("a string takes all");
        for (_, _, row) in rows {
            writeln!(table, "    {row},").expect("a string takes all");
        }
        writeln!(table, "];").expect("a string takes all");
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "this is how cargo says where to write"
    )]
    let target = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&target).join("table.rs"), table).expect("cargo's folder can be written");
}

/// Where a row's range begins, how long its prefix is, and the row in Rust.
fn row(line: &str) -> (IpAddr, u8, String) {
    let [block, name, source, _] = line.split(',').collect::<Vec<_>>()[..] else {
        panic!("`{line}` has not four columns");
    };
    let (address, length) = block.split_once('/').expect("a block has a length");
    let address: IpAddr = address.parse().expect("a block begins with an address");
    let length: u8 = length.parse().expect("a length is a number");
    let bits = match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    };
    assert_eq!(
        bits.checked_shl(length.into()).unwrap_or(0),
        0,
        "`{block}` has host bits"
    );
    let maker = match address {
        IpAddr::V4(v4) => format!("v4({:?}", v4.octets()),
        IpAddr::V6(v6) => {
            let segments = v6.segments().map(|segment| format!("{segment:#x}"));
            format!("v6([{}]", segments.join(", "))
        }
    };
    (
        address,
        length,
        format!("{maker}, {length}, {name:?}, {source:?})"),
    )
}
