//! JavaScript actions: what is told from a source without running it, and how it is packed.
//!
//! The source is the action. It is packed as a component of custom sections, the manifest, the source, the modules that it requires,
//! and of a bundle the [`Map`] that leads back to its author's files, so that it is uploaded, kept and digested like any other;
//! what runs it is the [`engine`], which all of them share, and what is made of the source on the way is the runtime's affair and
//! kept nowhere.

mod map;
mod source;

use std::collections::BTreeSet;
use std::io::Read as _;

use phonebox_contract::BuildError;
use serde::{Deserialize, Serialize};
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
/// The custom section that holds the modules that a source requires, as JSON, if there are any.
pub const MODULES_SECTION: &str = "phonebox:modules.json";
/// The largest source, with what is bundled into it, in bytes: 1 MiB.
pub const SOURCE_LIMIT: usize = 1 << 20;
/// The largest manifest, in bytes, as for other components.
const MANIFEST_LIMIT: usize = 64 << 10;

/// Modules of one action, as in Auth0.
pub const MODULES: usize = 3;
/// Longest name of a module, in characters.
const MODULE_NAME: usize = 255;
/// How the names begin by which modules are required.
const MODULE: &str = "actions:";

/// How a component begins.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// The engine as it is in the repository, beside its source.
const ENGINE: &[u8] = include_bytes!("../../../../guest-sdk/js/engine/engine.wasm.br");

/// Code that actions share, as one of them carries it: `require('actions:NAME')` gives what it exports.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// Its name, as [`is_module_name`] has it.
    pub name: String,
    /// Its source, as an action's is written. It has `actions.secrets` beside the rest.
    pub code: String,
}

/// An action's source, and what comes with it.
pub(crate) struct Unpacked {
    pub(crate) manifest: String,
    pub(crate) source: String,
    pub(crate) map: Option<String>,
    pub(crate) modules: Vec<Module>,
}

/// Whether a module may be called this: 1 to 255 characters that can be seen.
pub fn is_module_name(name: &str) -> bool {
    (1..=MODULE_NAME).contains(&name.chars().count()) && !name.chars().any(crate::place::hides)
}

/// The name that a module's secret has among all those of an action. No secret of an action's own is called so.
pub fn module_secret(module: &str, name: &str) -> String {
    format!("{MODULE}{module}:{name}")
}

/// The module and the secret of what [`module_secret`] made; none of an action's own secret.
pub fn of_module(secret: &str) -> Option<(&str, &str)> {
    secret.strip_prefix(MODULE)?.rsplit_once(':')
}

/// The engine's component, unpacked: 2.3 MB, which takes some milliseconds. Its code imports its memory, with which it comes in a
/// custom section.
pub fn engine() -> Vec<u8> {
    let mut engine = Vec::new();
    brotli_decompressor::Decompressor::new(ENGINE, 1 << 16)
        .read_to_end(&mut engine)
        .expect("the engine is whole: it is part of the program");
    engine
}

/// An action's source, its modules and its manifest as one component, with the source map of a bundle. Whether the source is an
/// action is not looked at: see [`examine`].
pub fn pack(source: &str, map: Option<&str>, modules: &[Module], manifest: &str) -> Vec<u8> {
    let mut component = wasm_encoder::Component::new();
    let modules = (!modules.is_empty()).then(|| {
        let modules = serde_json::to_string(modules).expect("every key of a module is a string");
        (MODULES_SECTION, modules)
    });
    let map = map.map(|map| (MAP_SECTION, map));
    let modules = modules.as_ref().map(|(name, text)| (*name, &**text));
    for (name, text) in [(MANIFEST_SECTION, manifest), (SOURCE_SECTION, source)]
        .into_iter()
        .chain(map)
        .chain(modules)
    {
        component.section(&wasm_encoder::CustomSection {
            name: name.into(),
            data: text.as_bytes().into(),
        });
    }
    component.finish()
}

/// The source and what belongs to it, if that is what a component has in it, and then nothing else may be there.
pub(crate) fn unpack(component: &[u8]) -> Option<Result<Unpacked, Refusal>> {
    if !component.starts_with(HEADER) {
        return None;
    }
    let (mut manifest, mut source, mut alone) = (None, None, true);
    let (mut map, mut modules) = (None, None);
    for payload in Parser::new(0).parse_all(component) {
        match payload {
            Ok(Payload::CustomSection(section)) => match section.name() {
                MANIFEST_SECTION if manifest.is_none() => manifest = Some(section.data()),
                SOURCE_SECTION if source.is_none() => source = Some(section.data()),
                MAP_SECTION if map.is_none() => map = Some(section.data()),
                MODULES_SECTION if modules.is_none() => modules = Some(section.data()),
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
        let modules: Vec<Module> = match modules {
            Some(modules) => serde_json::from_str(&text(modules, SOURCE_LIMIT)?).ok()?,
            None => Vec::new(),
        };
        let names: BTreeSet<_> = modules.iter().map(|module| &module.name).collect();
        let are_fine = names.len() == modules.len()
            && names.len() <= MODULES
            && names.iter().all(|name| is_module_name(name));
        Some(Unpacked {
            manifest: text(manifest?, MANIFEST_LIMIT)?,
            source: text(source, SOURCE_LIMIT)?,
            map: match map {
                Some(map) => Some(text(map, MAP_LIMIT)?),
                None => None,
            },
            modules: are_fine.then_some(modules)?,
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
        let found = |map: &str| unpack(&pack("exports", Some(map), &[], "name = 'x'")).unwrap();
        assert_eq!(found("{}").unwrap().map.as_deref(), Some("{}"));
        let most = " ".repeat(MAP_LIMIT);
        assert!(found(&most).is_ok());
        assert!(matches!(
            found(&format!("{most} ")),
            Err(Refusal::JavascriptPackage)
        ));
        let mut two = pack("exports", Some("{}"), &[], "name = 'x'");
        let first = pack("exports", None, &[], "name = 'x'").len();
        two.extend_from_within(first..);
        assert!(matches!(
            unpack(&two),
            Some(Err(Refusal::JavascriptPackage))
        ));
    }
}
