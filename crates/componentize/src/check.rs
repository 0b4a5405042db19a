use phonebox_contract::world;
use serde::Serialize;
use wasmparser::WasmFeatures;

use crate::javascript;
use crate::limits::{Limit, Measure};
use crate::place::{Place, one_line};
use crate::survey::Survey;
use crate::validate::validate;

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
    /// How much of everything there is that is limited, in the order of [`Limit::ALL`].
    pub measures: Vec<Measure>,
    /// What it carries along: `action.toml`, as the author wrote it.
    #[serde(skip)]
    pub manifest: Option<String>,
    /// The source, if the action is written in JavaScript. Then there is nothing else in it.
    #[serde(skip)]
    pub source: Option<String>,
    /// The source map, if the source is a bundle.
    #[serde(skip)]
    pub map: Option<String>,
    /// The modules that the source requires.
    #[serde(skip)]
    pub shared: Vec<javascript::Module>,
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
    /// There is too much of something in it.
    #[error(
        "{}: {found} {}, and the limit is {}{}",
        .limit.what(), .limit.unit(), .limit.most(), at(.place.as_ref())
    )]
    Exceeded {
        /// Of what.
        limit: Limit,
        /// How much was found when it was refused. There may be more.
        found: u64,
        /// Where, if that is one place.
        place: Option<Place>,
    },
    /// It uses a proposal for WebAssembly that is off in the sandbox.
    #[error("the component uses {feature}, which the sandbox does not have{}", at(.place.as_ref()))]
    Feature {
        /// What it uses, in words that fit this sentence.
        feature: &'static str,
        /// Where, if it is in a core module.
        place: Option<Place>,
    },
    /// It is damaged.
    #[error("the component is not valid: {}{}", one_line(.source.message()), at(.place.as_ref()))]
    Invalid {
        /// What is wrong, and at which byte.
        source: wasmparser::Error,
        /// Where, if it is in a core module.
        place: Option<Place>,
    },
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
    /// A component in it is imported, exported or taken from an instance, so that nobody can tell from the file what is
    /// instantiated how often.
    #[error("the component hands components about as if they were values")]
    Components,
    /// A name has characters in it that cannot be seen, or that change how the text beside them is shown.
    #[error("the name `{name}` has control or invisible characters in it{}", at(.place.as_ref()))]
    Name {
        /// The name, with those characters replaced.
        name: String,
        /// Where, if it is in a core module.
        place: Option<Place>,
    },
    /// It has JavaScript in it, and something else, or too much.
    #[error("the component has the source of an action in it that cannot be taken out")]
    JavascriptPackage,
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
            Self::Exceeded { limit, .. } => limit.hint(),
            Self::Feature { .. } => {
                "turn it off in the compiler; for Rust, build with `phonebox build` and without target features of \
                 your own"
            }
            Self::Invalid { .. } => "build it again, and see that it arrives whole",
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
            Self::Components => {
                "compose components so that only instances are imported, exported and handed on"
            }
            Self::Name { .. } => "rename it, in plain letters",
            Self::Manifest | Self::JavascriptPackage => "build it again with `phonebox build`",
        }
    }

    pub(crate) fn feature(feature: WasmFeatures) -> Self {
        Self::Feature {
            feature: in_words(feature),
            place: None,
        }
    }

    /// The same refusal, with its place if it had none.
    pub(crate) fn at(mut self, found: Option<Place>) -> Self {
        if let Some(place) = self.place_mut()
            && place.is_none()
        {
            *place = found;
        }
        self
    }

    /// The same refusal, with the name of the function that it is about, if the component has that.
    fn named(mut self, component: &[u8]) -> Self {
        if let Some(place) = self.place_mut() {
            *place = place.take().map(|place| place.named(component));
        }
        self
    }

    fn place_mut(&mut self) -> Option<&mut Option<Place>> {
        match self {
            Self::Exceeded { place, .. }
            | Self::Feature { place, .. }
            | Self::Invalid { place, .. }
            | Self::Name { place, .. } => Some(place),
            _ => None,
        }
    }
}

impl From<wasmparser::Error> for Refusal {
    fn from(source: wasmparser::Error) -> Self {
        if let Some(feature) = source.missing_wasm_feature() {
            return Self::feature(feature);
        }
        // The parser's own limit, which it meets before there is anything that could be counted.
        if source.message().contains("type nesting is too deep") {
            return Self::Exceeded {
                limit: Limit::TypeNesting,
                found: 100,
                place: None,
            };
        }
        Self::Invalid {
            source,
            place: None,
        }
    }
}

/// Reads a component and says what it is, or why it cannot be an action. Nothing is compiled and nothing is run. Everything
/// that [`Limit`] names is counted first, then the world is compared, and what is left is validated: so work and memory are
/// bounded whatever the bytes are.
pub fn check(bytes: &[u8]) -> Result<Checked, Refusal> {
    if !bytes.starts_with(b"\0asm") {
        return Err(Refusal::NotWasm);
    }
    if let Some(unpacked) = javascript::unpack(bytes) {
        let javascript::Unpacked {
            manifest,
            source,
            map,
            modules,
        } = unpacked?;
        return Ok(Checked {
            size: bytes.len(),
            modules: 0,
            functions: 0,
            measures: Vec::new(),
            imports: Vec::new(),
            manifest: Some(manifest),
            source: Some(source),
            map,
            shared: modules,
        });
    }
    examine(bytes).map_err(|refusal| refusal.named(bytes))
}

fn examine(bytes: &[u8]) -> Result<Checked, Refusal> {
    let mut survey = Survey::of(bytes)?;
    // Imports first: «sockets» tells an author more than the feature that their types need.
    survey.imports.sort_unstable();
    fits_world(&survey.imports, survey.exports_deliver)?;
    validate(bytes)?;
    let manifest = survey
        .manifest
        .map(|bytes| String::from_utf8(bytes.to_vec()));
    let found = |limit| survey.tally.found(limit);
    Ok(Checked {
        size: bytes.len(),
        modules: usize::try_from(found(Limit::Modules)).unwrap_or(usize::MAX),
        functions: found(Limit::Functions),
        measures: survey.tally.measures(),
        imports: survey.imports,
        manifest: manifest.transpose().map_err(|_| Refusal::Manifest)?,
        source: None,
        map: None,
        shared: Vec::new(),
    })
}

fn fits_world(imports: &[String], exports_deliver: bool) -> Result<(), Refusal> {
    let refused: Vec<_> = imports
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
        None if !exports_deliver => Err(Refusal::NoDeliver),
        None => Ok(()),
    }
}

fn at(place: Option<&Place>) -> String {
    place.map_or_else(String::new, |place| format!(", in {place}"))
}

/// A proposal for WebAssembly, in words that fit «the component uses …».
fn in_words(feature: WasmFeatures) -> &'static str {
    const WORDS: &[(WasmFeatures, &str)] = &[
        (
            WasmFeatures::THREADS,
            "threads (shared memories and atomics)",
        ),
        (
            WasmFeatures::SHARED_EVERYTHING_THREADS,
            "threads (shared types)",
        ),
        (WasmFeatures::MEMORY64, "64-bit memories or tables"),
        (
            WasmFeatures::MULTI_MEMORY,
            "more than one memory in a module",
        ),
        (
            WasmFeatures::CUSTOM_PAGE_SIZES,
            "memory pages of another size",
        ),
        (WasmFeatures::MEMORY_CONTROL, "control of memory pages"),
        (WasmFeatures::GC, "garbage-collected types"),
        (
            WasmFeatures::GC_TYPES,
            "garbage-collected references (`externref` and the like)",
        ),
        (
            WasmFeatures::CUSTOM_DESCRIPTORS,
            "garbage-collected types with descriptors",
        ),
        (
            WasmFeatures::FUNCTION_REFERENCES,
            "typed references to functions",
        ),
        (WasmFeatures::EXCEPTIONS, "exceptions"),
        (
            WasmFeatures::LEGACY_EXCEPTIONS,
            "exceptions of the old kind",
        ),
        (WasmFeatures::STACK_SWITCHING, "stack switching"),
        (WasmFeatures::TAIL_CALL, "tail calls"),
        (
            WasmFeatures::RELAXED_SIMD,
            "relaxed SIMD, whose results differ between machines",
        ),
        (WasmFeatures::WIDE_ARITHMETIC, "128-bit arithmetic"),
        (WasmFeatures::COMPACT_IMPORTS, "compact imports"),
        (
            WasmFeatures::CM_ASYNC,
            "asynchronous functions, streams and futures of components",
        ),
        (WasmFeatures::CM_THREADING, "threads of components"),
        (
            WasmFeatures::CM_ERROR_CONTEXT,
            "error contexts of components",
        ),
        (WasmFeatures::CM_FIXED_LENGTH_LISTS, "lists of fixed length"),
        (WasmFeatures::CM_MAP, "maps of components"),
        (WasmFeatures::CM_VALUES, "values of components"),
        (WasmFeatures::CM_GC, "garbage-collected types of components"),
    ];
    let known = WORDS.iter().find(|(known, _)| feature.contains(*known));
    known.map_or(
        "a proposal that is not part of WebAssembly 2.0",
        |(_, words)| words,
    )
}
