use phonebox_contract::world;
use serde::Serialize;
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::MANIFEST_SECTION;

/// The largest component that is taken, in bytes: 10 MiB. A Rust action is some 0.1 MB.
pub const SIZE_LIMIT: usize = 10 << 20;

/// What a component is made of. It fits the world by name; the types are checked when it is loaded.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Checked {
    /// Bytes.
    pub size: usize,
    /// What it imports, in alphabetical order.
    pub imports: Vec<String>,
    /// Core modules in it.
    pub modules: usize,
    /// Functions in them.
    pub functions: u64,
    /// What it carries along: `action.toml`, as the author wrote it.
    #[serde(skip)]
    pub manifest: Option<String>,
}

/// Why something is not taken for an action.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It has no WebAssembly header.
    #[error("this is not WebAssembly")]
    NotWasm,
    /// It is a module without the component around it.
    #[error("this is a core WebAssembly module, and an action is a component")]
    CoreModule,
    /// It is larger than [`SIZE_LIMIT`].
    #[error("the component has {size} bytes, and the limit is {SIZE_LIMIT}")]
    TooLarge {
        /// Bytes.
        size: usize,
    },
    /// It is damaged, or uses what the sandbox does not have: threads, 64-bit memories and the like.
    #[error("the component is not valid: {}", .0.message())]
    Invalid(#[source] wasmparser::BinaryReaderError),
    /// It imports what the world does not have.
    #[error("the component imports what actions may not use: {}", .0.join(", "))]
    Imports(Vec<String>),
    /// It was built against another version of the world.
    #[error(
        "the component was built for phonebox:action@{found}, and this is {}",
        world::VERSION
    )]
    WorldVersion {
        /// The version that it was built for.
        found: String,
    },
    /// It exports no `deliver`.
    #[error("the component does not export the function `{}`", world::EXPORT)]
    NoDeliver,
    /// The manifest in it is not text.
    #[error("the action.toml in the component is not UTF-8")]
    Manifest,
}

impl Refusal {
    /// What its author can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotWasm => "give the component that `phonebox build` writes to target/",
            Self::CoreModule => {
                "build for the target wasm32-wasip2, as `phonebox build` does, or wrap the module with \
                 `wasm-tools component new`"
            }
            Self::TooLarge { .. } => {
                "build in release mode with opt-level = \"s\", lto = true and strip = true"
            }
            Self::Invalid(_) => {
                "build it again; features beyond WebAssembly 2.0 are off in the sandbox"
            }
            Self::Imports(_) => {
                "there are no sockets and no files in the sandbox; send requests through \
                 phonebox:action/http or wasi:http, and leave out what opens files"
            }
            Self::WorldVersion { .. } => {
                "build it with the SDK, or the WIT, of this version of phonebox"
            }
            Self::NoDeliver => {
                "put #[custom_phone_provider] on the handler, and crate-type = [\"cdylib\"] in Cargo.toml"
            }
            Self::Manifest => "build it again with `phonebox build`",
        }
    }
}

/// Reads a component and says what it is, or why it cannot be an action. Nothing is compiled and nothing is run.
pub fn check(bytes: &[u8]) -> Result<Checked, Refusal> {
    if !bytes.starts_with(b"\0asm") {
        return Err(Refusal::NotWasm);
    }
    if bytes.len() > SIZE_LIMIT {
        return Err(Refusal::TooLarge { size: bytes.len() });
    }
    let mut seen = Seen::default();
    for payload in Parser::new(0).parse_all(bytes) {
        seen.payload(payload.map_err(Refusal::Invalid)?)?;
    }
    // Imports first: «sockets» tells an author more than the feature that their types need.
    seen.world()?;
    Validator::new_with_features(features())
        .validate_all(bytes)
        .map_err(Refusal::Invalid)?;
    let manifest = seen.manifest.map(|bytes| String::from_utf8(bytes.to_vec()));
    Ok(Checked {
        size: bytes.len(),
        imports: seen.imports,
        modules: seen.modules,
        functions: seen.functions,
        manifest: manifest.transpose().map_err(|_| Refusal::Manifest)?,
    })
}

/// What the engine is told to accept, too.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2 | WasmFeatures::EXTENDED_CONST | WasmFeatures::COMPONENT_MODEL
}

#[derive(Default)]
struct Seen<'a> {
    depth: u32,
    imports: Vec<String>,
    exports_deliver: bool,
    modules: usize,
    functions: u64,
    manifest: Option<&'a [u8]>,
}

impl<'a> Seen<'a> {
    fn payload(&mut self, payload: Payload<'a>) -> Result<(), Refusal> {
        match payload {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if self.depth == 0 => {
                return Err(Refusal::CoreModule);
            }
            Payload::ModuleSection { .. } => {
                self.depth += 1;
                self.modules += 1;
            }
            Payload::ComponentSection { .. } => self.depth += 1,
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::FunctionSection(functions) => self.functions += u64::from(functions.count()),
            Payload::ComponentImportSection(imports) if self.depth == 0 => {
                for import in imports {
                    let import = import.map_err(Refusal::Invalid)?;
                    // A type is a name for a shape, and nothing to be called.
                    if !matches!(import.ty, wasmparser::ComponentTypeRef::Type(_)) {
                        self.imports.push(import.name.full_name().into_owned());
                    }
                }
            }
            Payload::ComponentExportSection(exports) if self.depth == 0 => {
                for export in exports {
                    let export = export.map_err(Refusal::Invalid)?;
                    self.exports_deliver |= export.name.name == world::EXPORT;
                }
            }
            Payload::CustomSection(section)
                if self.depth == 0 && section.name() == MANIFEST_SECTION =>
            {
                self.manifest = Some(section.data());
            }
            _ => {}
        }
        Ok(())
    }

    fn world(&mut self) -> Result<(), Refusal> {
        self.imports.sort_unstable();
        let refused: Vec<_> = self
            .imports
            .iter()
            .filter(|import| !world::allows(import))
            .cloned()
            .collect();
        let version = refused.iter().find_map(|import| {
            let (interface, version) = import.split_once('@')?;
            let ours = |known: &&str| {
                known
                    .split_once('@')
                    .is_some_and(|(name, _)| name == interface)
            };
            world::IMPORTS.iter().any(ours).then_some(version)
        });
        match version {
            Some(found) => Err(Refusal::WorldVersion {
                found: found.to_owned(),
            }),
            None if !refused.is_empty() => Err(Refusal::Imports(refused)),
            None if !self.exports_deliver => Err(Refusal::NoDeliver),
            None => Ok(()),
        }
    }
}
