//! `pack MODULE OUT`: makes the engine's module a component, parts its code from its memory, and compresses it, to the same
//! bytes on every machine.

mod split;

use std::error::Error;
use std::io::Write as _;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(module), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("give the module and the file to write".into());
    };
    let component = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&std::fs::read(module)?)?
        .encode()?;
    let component = split::split(&component)?;
    wasmparser::validate(&component)?;
    let mut compressed = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 11, 22);
    compressed.write_all(&component)?;
    let compressed = compressed.into_inner();
    std::fs::write(out, &compressed)?;
    println!("{} bytes, {} compressed", component.len(), compressed.len());
    Ok(())
}
