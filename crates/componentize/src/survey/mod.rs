//! Counting everything that is limited, before anything is believed.

use wasmparser::{
    ConstExpr, CustomSectionReader, DataKind, Element, ElementItems, ElementKind, Encoding,
    FunctionBody, Imports, Parser, Payload, TypeRef, WasmFeatures,
};

use crate::limits::{Limit, Tally};
use crate::place::{Place, hides, shown};
use crate::{MANIFEST_SECTION, Refusal};

use self::code::Module;
use self::scope::Scope;

mod code;
mod component;
mod scope;

/// A page of linear memory, in bytes.
const PAGE: u64 = 64 << 10;

/// One pass over a component that counts everything that is limited and stops at the first excess. It needs no valid
/// component, believes no number that it has not counted, and keeps some bytes for each function, type and definition, of
/// which there are so many and no more.
pub(crate) struct Survey<'a> {
    pub(crate) tally: Tally,
    pub(crate) imports: Vec<String>,
    pub(crate) exports_deliver: bool,
    pub(crate) manifest: Option<&'a [u8]>,
    /// The component, or the component type, that is open.
    scope: Scope,
    /// Those around it, the outermost first, which is the file.
    around: Vec<Scope>,
    /// The core module that is open.
    module: Option<Module>,
}

impl<'a> Survey<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut survey = Self {
            tally: Tally::new(),
            imports: Vec::new(),
            exports_deliver: false,
            manifest: None,
            scope: Scope::default(),
            around: Vec::new(),
            module: None,
        };
        survey.tally.reach(Limit::Size, bytes.len() as u64)?;
        for payload in Parser::new(0).parse_all(bytes) {
            payload
                .map_err(Refusal::from)
                .and_then(|payload| survey.payload(payload))
                .map_err(|refusal| refusal.at(survey.place()))?;
        }
        Ok(survey)
    }

    fn payload(&mut self, payload: Payload<'a>) -> Result<(), Refusal> {
        match payload {
            Payload::Version { encoding, .. } => self.open(encoding),
            Payload::End(_) => {
                self.close();
                Ok(())
            }
            Payload::CustomSection(section) => self.custom(&section),

            Payload::ComponentTypeSection(types) => {
                self.types(&types)?;
                self.define(types.count())?;
                types
                    .into_iter()
                    .try_for_each(|ty| self.component_type(&ty?))
            }
            Payload::CoreTypeSection(types) => {
                self.types(&types)?;
                self.define(types.count())?;
                types.into_iter().try_for_each(|ty| self.core_type(&ty?))
            }
            Payload::ComponentImportSection(imports) => {
                self.define(imports.count())?;
                imports
                    .into_iter()
                    .try_for_each(|import| self.component_import(&import?))
            }
            Payload::ComponentExportSection(exports) => {
                self.define(exports.count())?;
                exports
                    .into_iter()
                    .try_for_each(|export| self.component_export(&export?))
            }
            Payload::ComponentAliasSection(aliases) => {
                self.define(aliases.count())?;
                aliases
                    .into_iter()
                    .try_for_each(|alias| self.alias(&alias?))
            }
            Payload::ComponentCanonicalSection(functions) => {
                self.define(functions.count())?;
                functions
                    .into_iter()
                    .try_for_each(|function| self.canonical(&function?))
            }
            Payload::InstanceSection(instances) => {
                self.define(instances.count())?;
                instances
                    .into_iter()
                    .try_for_each(|instance| self.core_instance(&instance?))
            }
            Payload::ComponentInstanceSection(instances) => {
                self.define(instances.count())?;
                instances
                    .into_iter()
                    .try_for_each(|instance| self.instance(&instance?))
            }

            Payload::TypeSection(types) => {
                self.types(&types)?;
                types.into_iter().try_for_each(|group| {
                    let group = group?;
                    self.module
                        .as_mut()
                        .map_or(Ok(()), |module| module.rec_group(&group))
                })
            }
            Payload::ImportSection(imports) => imports
                .into_iter()
                .try_for_each(|imports| self.core_imports(&imports?)),
            Payload::ExportSection(exports) => {
                self.tally.add(Limit::CoreExterns, exports.count().into())?;
                exports
                    .into_iter()
                    .try_for_each(|export| self.name(export?.name))
            }
            Payload::FunctionSection(functions) => {
                self.tally.add(Limit::Functions, functions.count().into())?;
                functions.into_iter().try_for_each(|ty| {
                    let ty = ty?;
                    if let Some(module) = &mut self.module {
                        module.define(ty);
                    }
                    Ok(())
                })
            }
            Payload::MemorySection(memories) => {
                self.tally.add(Limit::Memories, memories.count().into())?;
                if memories.count() > 1 {
                    return Err(Refusal::feature(WasmFeatures::MULTI_MEMORY));
                }
                memories.into_iter().try_for_each(|memory| {
                    let bytes = memory?.initial.saturating_mul(PAGE);
                    self.tally.add(Limit::Memory, bytes)
                })
            }
            Payload::TableSection(tables) => {
                self.tally.add(Limit::Tables, tables.count().into())?;
                tables
                    .into_iter()
                    .try_for_each(|table| self.tally.add(Limit::TableElements, table?.ty.initial))
            }
            Payload::GlobalSection(globals) => {
                self.tally.add(Limit::Globals, globals.count().into())?;
                globals
                    .into_iter()
                    .try_for_each(|global| self.constant(&global?.init_expr))
            }
            Payload::ElementSection(segments) => {
                self.tally.add(Limit::Segments, segments.count().into())?;
                segments
                    .into_iter()
                    .try_for_each(|segment| self.elements(segment?))
            }
            Payload::DataSection(segments) => {
                self.tally.add(Limit::Segments, segments.count().into())?;
                segments
                    .into_iter()
                    .try_for_each(|segment| match segment?.kind {
                        DataKind::Active { offset_expr, .. } => self.constant(&offset_expr),
                        DataKind::Passive => Ok(()),
                    })
            }
            Payload::CodeSectionEntry(body) => self.body(&body),
            _ => Ok(()),
        }
    }

    fn open(&mut self, encoding: Encoding) -> Result<(), Refusal> {
        match encoding {
            Encoding::Module if self.around.is_empty() => Err(Refusal::CoreModule),
            Encoding::Module => {
                let index = self.tally.found(Limit::Modules);
                self.module = Some(Module::new(u32::try_from(index).unwrap_or(u32::MAX)));
                self.tally.add(Limit::Modules, 1)
            }
            Encoding::Component => {
                self.enter();
                self.tally.add(Limit::Components, 1)?;
                self.tally.reach(Limit::Nesting, self.around.len() as u64)
            }
        }
    }

    fn close(&mut self) {
        if self.module.take().is_none() {
            let closed = self.leave();
            self.scope.components.push(closed);
        }
    }

    /// Where in the component the pass is.
    fn place(&self) -> Option<Place> {
        self.module
            .as_ref()
            .map(|module| Place::module(module.index))
    }

    fn custom(&mut self, section: &CustomSectionReader<'a>) -> Result<(), Refusal> {
        let outermost = self.is_outermost() && self.module.is_none();
        let limit = match section.name() {
            MANIFEST_SECTION if outermost => {
                self.manifest = Some(section.data());
                self.tally.add(Limit::Manifests, 1)?;
                let length = section.data().len();
                return self.tally.add(Limit::ManifestSize, length as u64);
            }
            "name" | "component-name" => Limit::Names,
            name if name.starts_with(".debug_") => Limit::DebugInfo,
            _ => Limit::CustomSections,
        };
        // With its own name, so that many empty ones are something, too.
        let range = section.range();
        self.tally.add(limit, range.end.saturating_sub(range.start))
    }

    fn name(&mut self, name: &str) -> Result<(), Refusal> {
        self.tally.reach(Limit::NameLength, name.len() as u64)?;
        if name.chars().any(hides) {
            return Err(Refusal::Name {
                name: shown(name),
                place: None,
            });
        }
        Ok(())
    }

    fn core_imports(&mut self, imports: &Imports<'a>) -> Result<(), Refusal> {
        match imports {
            Imports::Single(_, import) => {
                self.tally.add(Limit::CoreExterns, 1)?;
                self.name(import.module)?;
                self.name(import.name)?;
                if let (TypeRef::Func(ty), Some(module)) = (import.ty, &mut self.module) {
                    module.import(ty);
                }
                Ok(())
            }
            Imports::Compact1 { .. } | Imports::Compact2 { .. } => {
                Err(Refusal::feature(WasmFeatures::COMPACT_IMPORTS))
            }
        }
    }

    fn elements(&mut self, segment: Element<'a>) -> Result<(), Refusal> {
        if let ElementKind::Active { offset_expr, .. } = &segment.kind {
            self.constant(offset_expr)?;
        }
        match segment.items {
            ElementItems::Functions(items) => self.tally.add(Limit::Elements, items.count().into()),
            ElementItems::Expressions(_, items) => {
                self.tally.add(Limit::Elements, items.count().into())?;
                items.into_iter().try_for_each(|item| self.constant(&item?))
            }
        }
    }

    fn constant(&mut self, expression: &ConstExpr<'a>) -> Result<(), Refusal> {
        let length = expression.get_binary_reader().bytes_remaining();
        self.tally.reach(Limit::ConstantExpression, length as u64)
    }

    fn body(&mut self, body: &FunctionBody<'a>) -> Result<(), Refusal> {
        let Some(module) = &mut self.module else {
            return Ok(());
        };
        let work = module.body(body, &mut self.tally)?;
        self.tally.add(Limit::TotalWork, work)
    }
}
