//! The numbers that decide whether a component is taken, and why they are what they are.
//!
//! Validity says nothing about what compiling costs: 23 KB of nested loops keep a compiler busy for seconds, and 49 KB of
//! locals and ifs take a third of a gigabyte. So each number here bounds something that compiling, loading or starting
//! pays for. They admit what real toolchains make, with room to spare, though not always its size. What those need was
//! counted on
//! - the Rust actions of the examples (at most 0.19 MB),
//! - `QuickJS`, as one module (0.5 MB),
//! - `StarlingMonkey` of componentize-js 0.23, with and without weval, as one module (10.5 and 12.2 MB; too large),
//! - componentize-js's own splicer, as a large Rust program with its names (5.7 MB),
//! - `CPython`, a component of this world made by componentize-py 0.25 (18.4 MB; too large),
//!
//! and each [`Limit`] says what the one with most of it has.

use serde::Serialize;

use crate::Refusal;

/// The largest component that is taken, in bytes: 10 MiB. A Rust action is some 0.1 MB.
pub const SIZE_LIMIT: usize = 10 << 20;

/// How much of one thing a component has, and how much it may have.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Measure {
    /// What is measured.
    pub what: &'static str,
    /// What the component has. Where one part of it has the most, such as one function, this is that part's.
    pub found: u64,
    /// What it may have.
    pub limit: u64,
    /// What `found` and `limit` count.
    pub unit: &'static str,
}

/// Something of which a component may have so much and no more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Limit {
    /// The whole component: 10 MiB.
    Size,
    /// Components inside one another, counting the outermost: 4. Seen: 2.
    Nesting,
    /// Component definitions: 20. Seen: 2. Each may be instantiated many times; that is [`Limit::CoreInstances`] and
    /// [`Limit::Definitions`].
    Components,
    /// Core modules: 20. Seen: 14, `CPython` and its libraries. Others have the program, an adapter and two shims.
    Modules,
    /// Core modules instantiated when the component is: 20, as the runtime's pool has. Seen: 14. A component that is
    /// instantiated twice counts twice, with all that it instantiates.
    CoreInstances,
    /// Imports, exports, aliases, types, instances and functions of the component, counted like
    /// [`Limit::CoreInstances`], because the compiler spells them all out: 20,000. Seen: 3,171, `CPython`; 320 in Rust.
    Definitions,
    /// Manifests: 1.
    Manifests,
    /// The manifest: 64 KiB.
    ManifestSize,
    /// Names of functions, which messages about traps show: the sections `name` and `component-name`, 2 MiB. Seen:
    /// 1.2 MB, the splicer.
    Names,
    /// Debug information, which nothing reads: the sections `.debug_*`, 256 KiB. A debug build has megabytes.
    DebugInfo,
    /// All other custom sections: 256 KiB. Seen: 16 KB.
    CustomSections,
    /// Types of component and core, also those inside types: 10,000. Seen: 1,492, `CPython`.
    Types,
    /// The sections that types are in: 256 KiB, because reading makes much of little. Seen: 19 KB, `CPython`.
    TypeSize,
    /// How many types a component type comes to when all that it refers to is spelt out: 20,000. Seen: 1,382, `CPython`.
    /// What comes out of an instance counts as much as the heaviest that is in it.
    TypeWeight,
    /// The sum of [`Limit::TypeWeight`] over all places where types are used (imports, exports, instances, lifted and
    /// lowered functions), because validating copies them there: 200,000. Seen: 15,385, `CPython`; 4,512 in Rust.
    TypeUses,
    /// Component types inside one another, written or referred to: 20. Seen: 12, `wasi:http`.
    TypeNesting,
    /// Imports and exports of core modules: 20,000. Seen: 6,462, `CPython`.
    CoreExterns,
    /// One name of an import, an export, a field, a case: 256 bytes. Seen: 162.
    NameLength,
    /// Functions with code: 30,000. Seen: 19,852, `StarlingMonkey` with weval.
    Functions,
    /// One function's code: 512 KiB. Seen: 417 KiB, `CPython`'s interpreter; 168 KiB in JavaScript engines.
    FunctionSize,
    /// One function's locals, parameters and results: 5,000. Seen: 486.
    Locals,
    /// Blocks, loops and ifs inside one another: 1,000. Seen: 781, `CPython`; a `switch` becomes a block for each case, so
    /// that every interpreter has hundreds.
    BlockNesting,
    /// Loops inside one another: 32. Seen: 6. The compiler's time grows with the square of it: 1,000 take 0.3 s.
    LoopNesting,
    /// Targets of one `br_table`: 4,096. Seen: 3,202, `CPython`.
    BranchTable,
    /// What one function costs the compiler, above all in memory: its locals × its basic blocks, plus the values that
    /// blocks, branches and calls hand over; 5 million. Seen: 423,947, `StarlingMonkey`.
    Work,
    /// The sum of [`Limit::Work`] over all functions: 50 million. Seen: 9.2 million, `StarlingMonkey` with weval.
    TotalWork,
    /// Globals: 2,000. Seen: 874, `CPython`'s libraries, which are linked by them.
    Globals,
    /// One expression that gives a global, a segment's place or a table's element its first value: 64 bytes. Seen: 9. They
    /// are interpreted at each start, where no limit of time is in force.
    ConstantExpression,
    /// Memories: 4, as the runtime's pool has. Seen: 1.
    Memories,
    /// What memories have at the start: 64 MiB, which is what one run may have. Seen: 12 MiB, `CPython`.
    Memory,
    /// Tables: 10, as the runtime's pool has. Seen: 2.
    Tables,
    /// What tables have at the start: 20,000 elements, which is what one run may have. Seen: 7,690.
    TableElements,
    /// Elements to put into tables: 20,000. Seen: 7,689, `StarlingMonkey`. 100,000 take 3.7 s and 330 MB to compile.
    Elements,
    /// Segments of data and of elements: 10,000. Seen: 6,715, a snapshot of `StarlingMonkey`'s memory.
    Segments,
}

struct Terms {
    what: &'static str,
    most: u64,
    unit: &'static str,
    mend: &'static str,
}

impl Limit {
    /// All of them, in the order in which [`crate::Checked::measures`] has them.
    pub const ALL: &[Self] = &[
        Self::Size,
        Self::Nesting,
        Self::Components,
        Self::Modules,
        Self::CoreInstances,
        Self::Definitions,
        Self::Manifests,
        Self::ManifestSize,
        Self::Names,
        Self::DebugInfo,
        Self::CustomSections,
        Self::Types,
        Self::TypeSize,
        Self::TypeWeight,
        Self::TypeUses,
        Self::TypeNesting,
        Self::CoreExterns,
        Self::NameLength,
        Self::Functions,
        Self::FunctionSize,
        Self::Locals,
        Self::BlockNesting,
        Self::LoopNesting,
        Self::BranchTable,
        Self::Work,
        Self::TotalWork,
        Self::Globals,
        Self::ConstantExpression,
        Self::Memories,
        Self::Memory,
        Self::Tables,
        Self::TableElements,
        Self::Elements,
        Self::Segments,
    ];

    /// What is measured.
    pub fn what(self) -> &'static str {
        self.terms().what
    }

    /// How much of it there may be.
    pub fn most(self) -> u64 {
        self.terms().most
    }

    /// What is counted.
    pub fn unit(self) -> &'static str {
        self.terms().unit
    }

    /// What an author can do who has too much of it.
    pub fn hint(self) -> &'static str {
        self.terms().mend
    }

    fn terms(self) -> Terms {
        const SMALLER: &str = "build in release mode with opt-level = \"s\", lto = true and strip = true, and leave out dependencies";
        const STRIP: &str = "build in release mode and strip: strip = true in [profile.release]";
        const COMPOSE: &str =
            "build one component from one module; link libraries into it when building";
        const TYPES: &str =
            "give the world fewer and flatter types; phonebox:action needs a few dozen";
        const SPLIT: &str = "build in release mode with opt-level = \"s\"; if the code was generated, generate smaller functions";
        const TABLES: &str =
            "leave out dependencies; virtual functions and function pointers each take an element";
        let (what, most, unit, mend) = match self {
            Self::Size => ("size", SIZE_LIMIT as u64, "bytes", SMALLER),
            Self::Nesting => ("components inside one another", 4, "levels", COMPOSE),
            Self::Components => ("components", 20, "components", COMPOSE),
            Self::Modules => ("core modules", 20, "modules", COMPOSE),
            Self::CoreInstances => ("core instances", 20, "instances", COMPOSE),
            Self::Definitions => ("component definitions", 20_000, "definitions", COMPOSE),
            Self::Manifests => (
                "copies of action.toml",
                1,
                "sections",
                "build it again with `phonebox build`",
            ),
            Self::ManifestSize => ("action.toml", 64 << 10, "bytes", "shorten action.toml"),
            Self::Names => ("names of functions", 2 << 20, "bytes", STRIP),
            Self::DebugInfo => ("debug information", 256 << 10, "bytes", STRIP),
            Self::CustomSections => ("custom sections", 256 << 10, "bytes", STRIP),
            Self::Types => ("types", 10_000, "types", TYPES),
            Self::TypeSize => ("sections of types", 256 << 10, "bytes", TYPES),
            Self::TypeWeight => ("one component type, spelt out", 20_000, "types", TYPES),
            Self::TypeUses => (
                "component types, spelt out where they are used",
                200_000,
                "types",
                TYPES,
            ),
            Self::TypeNesting => ("component types inside one another", 20, "levels", TYPES),
            Self::CoreExterns => (
                "imports and exports of core modules",
                20_000,
                "items",
                SMALLER,
            ),
            Self::NameLength => ("a name", 256, "bytes", "shorten the name"),
            Self::Functions => ("functions", 30_000, "functions", SMALLER),
            Self::FunctionSize => ("one function's code", 512 << 10, "bytes", SPLIT),
            Self::Locals => ("one function's locals", 5_000, "locals", SPLIT),
            Self::BlockNesting => ("blocks inside one another", 1_000, "levels", SPLIT),
            Self::LoopNesting => ("loops inside one another", 32, "levels", SPLIT),
            Self::BranchTable => ("one branch table", 4_096, "targets", SPLIT),
            Self::Work => ("one function's locals × blocks", 5_000_000, "values", SPLIT),
            Self::TotalWork => (
                "all functions' locals × blocks",
                50_000_000,
                "values",
                SPLIT,
            ),
            Self::Globals => ("globals", 2_000, "globals", SMALLER),
            Self::ConstantExpression => ("one constant expression", 64, "bytes", SPLIT),
            Self::Memories => ("memories", 4, "memories", COMPOSE),
            Self::Memory => (
                "memory at the start",
                64 << 20,
                "bytes",
                "ask for less memory at the start; it can grow to 64 MiB",
            ),
            Self::Tables => ("tables", 10, "tables", COMPOSE),
            Self::TableElements => ("table elements at the start", 20_000, "elements", TABLES),
            Self::Elements => ("elements in segments", 20_000, "elements", TABLES),
            Self::Segments => ("segments", 10_000, "segments", SMALLER),
        };
        Terms {
            what,
            most,
            unit,
            mend,
        }
    }
}

/// What was found of everything, refused as soon as it is too much.
pub(crate) struct Tally([u64; Limit::ALL.len()]);

impl Tally {
    pub(crate) fn new() -> Self {
        Self([0; Limit::ALL.len()])
    }

    /// There is so much more of it.
    pub(crate) fn add(&mut self, limit: Limit, more: u64) -> Result<(), Refusal> {
        self.reach(limit, self.found(limit).saturating_add(more))
    }

    /// One part has so much of it.
    pub(crate) fn reach(&mut self, limit: Limit, found: u64) -> Result<(), Refusal> {
        if let Some(most) = self.0.get_mut(limit as usize) {
            *most = found.max(*most);
        }
        if found > limit.most() {
            return Err(Refusal::Exceeded {
                limit,
                found,
                place: None,
            });
        }
        Ok(())
    }

    pub(crate) fn found(&self, limit: Limit) -> u64 {
        self.0.get(limit as usize).copied().unwrap_or(0)
    }

    pub(crate) fn measures(&self) -> Vec<Measure> {
        let measure = |&limit: &Limit| Measure {
            what: limit.what(),
            found: self.found(limit),
            limit: limit.most(),
            unit: limit.unit(),
        };
        Limit::ALL.iter().map(measure).collect()
    }
}
