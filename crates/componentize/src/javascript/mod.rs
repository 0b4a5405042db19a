//! JavaScript actions: what is told from a source without running it, and how it is packed.
//!
//! The source is the action. It is packed as a component of custom sections, the manifest, the source, and of a bundle the
//! [`Map`] that leads back to its author's files, so that it is uploaded, kept and digested like any other; what runs it is the
//! [`engine`], which all of them share, and what is made of the source on the way is the runtime's affair and kept nowhere.

mod map;
mod source;

use std::io::Read as _;

use phonebox_contract::BuildError;
use wasmparser::{Parser, Payload};

use crate::{MANIFEST_SECTION, Refusal};

pub use map::{MAP_LIMIT, Map, Original, is_packaged, lessen};
pub use source::{
    At, Source, absent_module, examine, examine_bundle, explain, modules, wants_bundling,
};

/// The custom section that holds an action's source.
pub const SOURCE_SECTION: &str = "phonebox:action.js";
/// The custom section that holds the source map of a bundle.
pub const MAP_SECTION: &str = "phonebox:action.js.map";
/// The largest source, with what is bundled into it, in bytes: 1 MiB.
pub const SOURCE_LIMIT: usize = 1 << 20;
/// The largest manifest, in bytes, as for other components.
const MANIFEST_LIMIT: usize = 64 << 10;

/// How a component begins.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// The engine as it is in the repository, beside its source.
const ENGINE: &[u8] = include_bytes!("../../../../guest-sdk/js/engine/engine.wasm.br");

/// The engine's component, unpacked: 1.7 MB, which takes some milliseconds. Its code imports its memory, with which it comes in a
/// custom section.
pub fn engine() -> Vec<u8> {
    let mut engine = Vec::new();
    brotli_decompressor::Decompressor::new(ENGINE, 1 << 16)
        .read_to_end(&mut engine)
        .expect("the engine is whole: it is part of the program");
    engine
}

/// An action's source and manifest as one component, with the source map of a bundle. Whether the source is an action is not
/// looked at: see [`examine`].
pub fn pack(source: &str, map: Option<&str>, manifest: &str) -> Vec<u8> {
    let mut component = wasm_encoder::Component::new();
    let map = map.map(|map| (MAP_SECTION, map));
    for (name, text) in [(MANIFEST_SECTION, manifest), (SOURCE_SECTION, source)]
        .into_iter()
        .chain(map)
    {
        component.section(&wasm_encoder::CustomSection {
            name: name.into(),
            data: text.as_bytes().into(),
        });
    }
    component.finish()
}

/// What a component of a source has in it.
pub(crate) struct Unpacked {
    pub(crate) manifest: String,
    pub(crate) source: String,
    pub(crate) map: Option<String>,
}

/// The source and what belongs to it, if that is what a component has in it, and then nothing else may be there.
pub(crate) fn unpack(component: &[u8]) -> Option<Result<Unpacked, Refusal>> {
    if !component.starts_with(HEADER) {
        return None;
    }
    let (mut manifest, mut source, mut map, mut alone) = (None, None, None, true);
    for payload in Parser::new(0).parse_all(component) {
        match payload {
            Ok(Payload::CustomSection(section)) => match section.name() {
                MANIFEST_SECTION if manifest.is_none() => manifest = Some(section.data()),
                SOURCE_SECTION if source.is_none() => source = Some(section.data()),
                MAP_SECTION if map.is_none() => map = Some(section.data()),
                _ => alone = false,
            },
            Ok(Payload::Version { .. } | Payload::End(_)) => {}
            // What it has of a source is believed only where that is all that it has.
            _ => {
                alone = false;
                break;
            }
        }
    }
    let source = source?;
    let text = |bytes: &[u8], most: usize| {
        let bytes = (bytes.len() <= most).then(|| bytes.to_vec())?;
        String::from_utf8(bytes).ok()
    };
    let unpacked = || {
        Some(Unpacked {
            manifest: text(manifest?, MANIFEST_LIMIT)?,
            source: text(source, SOURCE_LIMIT)?,
            map: match map {
                Some(map) => Some(text(map, MAP_LIMIT)?),
                None => None,
            },
        })
    };
    Some(
        unpacked()
            .filter(|_| alone)
            .ok_or(Refusal::JavascriptPackage),
    )
}

fn too_large(found: usize) -> BuildError {
    BuildError::new(
        "source_too_large",
        format!(
            "the source has {found} bytes, and at most {SOURCE_LIMIT} may be: bundle it minified, and leave out what it \
             does not use"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_carried_along_as_far_as_it_is_small() {
        let found = |map: &str| unpack(&pack("exports", Some(map), "name = 'x'")).unwrap();
        assert_eq!(found("{}").unwrap().map.as_deref(), Some("{}"));
        let most = " ".repeat(MAP_LIMIT);
        assert!(found(&most).is_ok());
        assert!(matches!(
            found(&format!("{most} ")),
            Err(Refusal::JavascriptPackage)
        ));
        let mut two = pack("exports", Some("{}"), "name = 'x'");
        let first = pack("exports", None, "name = 'x'").len();
        two.extend_from_within(first..);
        assert!(matches!(
            unpack(&two),
            Some(Err(Refusal::JavascriptPackage))
        ));
    }
}
