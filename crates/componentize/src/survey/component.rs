use std::iter;

use phonebox_contract::world;
use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentDefinedType, ComponentExport, ComponentExternName,
    ComponentExternalKind, ComponentImport, ComponentInstance, ComponentOuterAliasKind,
    ComponentType, ComponentTypeDeclaration, ComponentTypeRef, ComponentValType, CoreType,
    Instance, InstanceTypeDeclaration, ModuleTypeDeclaration, SectionLimited, TypeBounds,
};

use crate::Refusal;
use crate::limits::Limit;

use super::Survey;
use super::scope::{Extent, Inner, Item, Scope, Weight};

/// What stands around core modules.
impl<'a> Survey<'a> {
    pub(super) fn define(&mut self, count: u32) -> Result<(), Refusal> {
        self.extend(Extent {
            core_instances: 0,
            definitions: count.into(),
        })
    }

    fn extend(&mut self, by: Extent) -> Result<(), Refusal> {
        let extent = self.scope.extend(by);
        self.tally
            .reach(Limit::CoreInstances, extent.core_instances)?;
        self.tally.reach(Limit::Definitions, extent.definitions)
    }

    /// Begins a component, or the type of a component or an instance.
    pub(super) fn enter(&mut self) {
        self.around.push(std::mem::take(&mut self.scope));
    }

    /// Ends it, and says what it came to.
    pub(super) fn leave(&mut self) -> Inner {
        let around = self.around.pop().unwrap_or_default();
        std::mem::replace(&mut self.scope, around).whole()
    }

    /// Whether the component that is open is the whole one.
    pub(super) fn is_outermost(&self) -> bool {
        self.around.len() == 1
    }

    /// The scope that is so many further out.
    fn outward(&self, count: u32) -> Option<&Scope> {
        let mut scopes = iter::once(&self.scope).chain(self.around.iter().rev());
        scopes.nth(count as usize)
    }

    pub(super) fn component_import(&mut self, import: &ComponentImport<'a>) -> Result<(), Refusal> {
        let outermost = self.is_outermost();
        match import.ty {
            ComponentTypeRef::Component(_) => return Err(Refusal::Components),
            // A type is a name for a shape, and nothing to be called.
            ComponentTypeRef::Type(_) => {}
            _ if outermost => self.imports.push(import.name.full_name().into_owned()),
            _ => {}
        }
        self.declare(&import.name, import.ty)
    }

    pub(super) fn component_export(&mut self, export: &ComponentExport<'a>) -> Result<(), Refusal> {
        if export.kind == ComponentExternalKind::Component {
            return Err(Refusal::Components);
        }
        self.exports_deliver |= self.is_outermost() && export.name.name == world::EXPORT;
        let item = self.scope.item(export.kind, export.index);
        self.charge(export.kind, item)?;
        match export.ty {
            Some(ty) => self.declare(&export.name, ty),
            None => self.expose(&export.name, export.kind, item),
        }
    }

    pub(super) fn alias(&mut self, alias: &ComponentAlias<'a>) -> Result<(), Refusal> {
        match *alias {
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Component,
                ..
            } => return Err(Refusal::Components),
            ComponentAlias::InstanceExport {
                kind,
                instance_index,
                name,
            } => {
                self.name(name)?;
                let part = self.scope.instance(instance_index).part();
                self.scope.define(kind, part);
            }
            ComponentAlias::CoreInstanceExport { name, .. } => self.name(name)?,
            ComponentAlias::Outer { kind, count, index } => {
                let outward = self.outward(count);
                match kind {
                    ComponentOuterAliasKind::Type => {
                        let ty = outward.map(|scope| scope.ty(index)).unwrap_or_default();
                        self.scope.types.push(ty);
                    }
                    ComponentOuterAliasKind::Component => {
                        let component = outward.map(|scope| scope.component(index));
                        self.scope.components.push(component.unwrap_or_default());
                    }
                    ComponentOuterAliasKind::CoreModule | ComponentOuterAliasKind::CoreType => {}
                }
            }
        }
        Ok(())
    }

    pub(super) fn canonical(&mut self, function: &CanonicalFunction) -> Result<(), Refusal> {
        let kind = ComponentExternalKind::Func;
        match *function {
            CanonicalFunction::Lift { type_index, .. } => {
                let item = self.scope.ty(type_index);
                self.charge(kind, item)?;
                self.scope.define(kind, item);
                Ok(())
            }
            CanonicalFunction::Lower { func_index, .. } => {
                let item = self.scope.item(kind, func_index);
                self.charge(kind, item)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn core_instance(&mut self, instance: &Instance<'a>) -> Result<(), Refusal> {
        match instance {
            Instance::Instantiate { args, .. } => {
                args.iter()
                    .try_for_each(|argument| self.name(argument.name))?;
                self.extend(Extent {
                    core_instances: 1,
                    definitions: args.len() as u64,
                })
            }
            Instance::FromExports(exports) => {
                exports
                    .iter()
                    .try_for_each(|export| self.name(export.name))?;
                self.extend(Extent {
                    core_instances: 0,
                    definitions: exports.len() as u64,
                })
            }
        }
    }

    pub(super) fn instance(&mut self, instance: &ComponentInstance<'a>) -> Result<(), Refusal> {
        let kind = ComponentExternalKind::Instance;
        match instance {
            ComponentInstance::Instantiate {
                component_index,
                args,
            } => {
                for argument in args {
                    self.name(argument.name)?;
                    let item = self.scope.item(argument.kind, argument.index);
                    self.charge(argument.kind, item)?;
                }
                let inner = self.scope.component(*component_index);
                self.charge(kind, inner.item)?;
                self.scope.define(kind, inner.item);
                self.extend(Extent {
                    definitions: inner.extent.definitions.saturating_add(args.len() as u64),
                    ..inner.extent
                })
            }
            ComponentInstance::FromExports(exports) => {
                let mut bundle = Item::default();
                for export in exports {
                    self.extern_name(&export.name)?;
                    bundle.take_in(self.scope.item(export.kind, export.index));
                }
                self.charge(kind, bundle)?;
                self.scope.define(kind, bundle);
                self.extend(Extent {
                    core_instances: 0,
                    definitions: exports.len() as u64,
                })
            }
        }
    }

    /// Something of this type is imported or exported.
    fn declare(
        &mut self,
        name: &ComponentExternName<'a>,
        ty: ComponentTypeRef,
    ) -> Result<(), Refusal> {
        let item = match ty {
            ComponentTypeRef::Func(index)
            | ComponentTypeRef::Instance(index)
            | ComponentTypeRef::Component(index)
            | ComponentTypeRef::Type(TypeBounds::Eq(index)) => self.scope.ty(index),
            ComponentTypeRef::Type(TypeBounds::SubResource)
            | ComponentTypeRef::Module(_)
            | ComponentTypeRef::Value(_) => Item::default(),
        };
        self.charge(ty.kind(), item)?;
        self.expose(name, ty.kind(), item)
    }

    /// The scope has this for those outside, and can itself use it.
    fn expose(
        &mut self,
        name: &ComponentExternName<'a>,
        kind: ComponentExternalKind,
        item: Item,
    ) -> Result<(), Refusal> {
        self.extern_name(name)?;
        self.scope.take_in(item);
        self.scope.define(kind, item);
        Ok(())
    }

    /// A type is gone through, or copied, where it is used.
    fn charge(&mut self, kind: ComponentExternalKind, item: Item) -> Result<(), Refusal> {
        let size = match kind {
            // Modules are compared by all that they import and export.
            ComponentExternalKind::Module => {
                self.tally.found(Limit::CoreExterns) + self.tally.found(Limit::TypeSize)
            }
            _ => item.whole.size,
        };
        self.tally.add(Limit::TypeUses, size)
    }

    // Types.

    /// A section of types is bounded by its length before anything in it is read, because reading makes much of little.
    pub(super) fn types<T>(&mut self, section: &SectionLimited<'a, T>) -> Result<(), Refusal> {
        let range = section.range();
        self.tally
            .add(Limit::TypeSize, range.end.saturating_sub(range.start))?;
        self.tally.add(Limit::Types, section.count().into())
    }

    pub(super) fn component_type(&mut self, ty: &ComponentType<'a>) -> Result<(), Refusal> {
        let item = self.weigh(ty, 1)?;
        self.scope.types.push(item);
        Ok(())
    }

    /// Weighs a type that stands inside so many others, and so at most [`Limit::TypeNesting`] deep.
    fn weigh(&mut self, ty: &ComponentType<'a>, nesting: u64) -> Result<Item, Refusal> {
        self.tally.reach(Limit::TypeNesting, nesting)?;
        let item = match ty {
            ComponentType::Defined(ty) => Item::new(self.defined(ty)?),
            ComponentType::Func(function) => {
                for (name, _) in &function.params {
                    self.name(name)?;
                }
                let values = function.params.iter().map(|(_, ty)| ty);
                let values = values.chain(&function.result);
                Item::new(Weight::around(values.map(|ty| self.value(*ty))))
            }
            ComponentType::Component(declarations) => {
                self.enter();
                for declaration in declarations {
                    match declaration {
                        ComponentTypeDeclaration::CoreType(ty) => self.inner_core_type(ty),
                        ComponentTypeDeclaration::Type(ty) => self.inner_type(ty, nesting),
                        ComponentTypeDeclaration::Alias(alias) => self.alias(alias),
                        ComponentTypeDeclaration::Export { name, ty } => self.declare(name, *ty),
                        ComponentTypeDeclaration::Import(import) => {
                            self.declare(&import.name, import.ty)
                        }
                    }?;
                }
                self.leave().item
            }
            ComponentType::Instance(declarations) => {
                self.enter();
                for declaration in declarations {
                    match declaration {
                        InstanceTypeDeclaration::CoreType(ty) => self.inner_core_type(ty),
                        InstanceTypeDeclaration::Type(ty) => self.inner_type(ty, nesting),
                        InstanceTypeDeclaration::Alias(alias) => self.alias(alias),
                        InstanceTypeDeclaration::Export { name, ty } => self.declare(name, *ty),
                    }?;
                }
                self.leave().item
            }
            ComponentType::Resource { .. } => Item::default(),
        };
        self.tally.reach(Limit::TypeWeight, item.whole.size)?;
        self.tally.reach(Limit::TypeNesting, item.whole.depth)?;
        Ok(item)
    }

    fn inner_type(&mut self, ty: &ComponentType<'a>, nesting: u64) -> Result<(), Refusal> {
        self.tally.add(Limit::Types, 1)?;
        let item = self.weigh(ty, nesting + 1)?;
        self.scope.types.push(item);
        Ok(())
    }

    fn inner_core_type(&mut self, ty: &CoreType<'a>) -> Result<(), Refusal> {
        self.tally.add(Limit::Types, 1)?;
        self.core_type(ty)
    }

    fn defined(&mut self, ty: &ComponentDefinedType<'a>) -> Result<Weight, Refusal> {
        let values = |survey: &mut Self, values: &mut dyn Iterator<Item = ComponentValType>| {
            Weight::around(values.map(|ty| survey.value(ty)))
        };
        Ok(match ty {
            ComponentDefinedType::Record(fields) => {
                for (name, _) in fields {
                    self.name(name)?;
                }
                values(self, &mut fields.iter().map(|(_, ty)| *ty))
            }
            ComponentDefinedType::Variant(cases) => {
                for case in cases {
                    self.name(case.name)?;
                }
                let nothing = ComponentValType::Primitive(wasmparser::PrimitiveValType::Bool);
                values(
                    self,
                    &mut cases.iter().map(|case| case.ty.unwrap_or(nothing)),
                )
            }
            ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names) => {
                names.iter().try_for_each(|name| self.name(name))?;
                Weight::around(names.iter().map(|_| Weight::ONE))
            }
            ComponentDefinedType::Tuple(types) => values(self, &mut types.iter().copied()),
            ComponentDefinedType::List(ty)
            | ComponentDefinedType::FixedLengthList(ty, _)
            | ComponentDefinedType::Option(ty) => values(self, &mut [*ty].into_iter()),
            ComponentDefinedType::Map(key, value) => values(self, &mut [*key, *value].into_iter()),
            ComponentDefinedType::Result { ok, err } => {
                values(self, &mut ok.iter().chain(err).copied())
            }
            ComponentDefinedType::Future(ty) | ComponentDefinedType::Stream(ty) => {
                values(self, &mut ty.iter().copied())
            }
            ComponentDefinedType::Primitive(_)
            | ComponentDefinedType::Own(_)
            | ComponentDefinedType::Borrow(_) => Weight::ONE,
        })
    }

    fn value(&mut self, ty: ComponentValType) -> Weight {
        match ty {
            ComponentValType::Primitive(_) => Weight::ONE,
            ComponentValType::Type(index) => self.scope.ty(index).whole,
        }
    }

    pub(super) fn core_type(&mut self, ty: &CoreType<'a>) -> Result<(), Refusal> {
        let CoreType::Module(declarations) = ty else {
            return Ok(());
        };
        for declaration in declarations {
            match declaration {
                ModuleTypeDeclaration::Type(_) => self.tally.add(Limit::Types, 1)?,
                ModuleTypeDeclaration::Export { name, .. } => self.name(name)?,
                ModuleTypeDeclaration::Import(import) => {
                    self.name(import.module)?;
                    self.name(import.name)?;
                }
                ModuleTypeDeclaration::OuterAlias { .. } => {}
            }
        }
        Ok(())
    }

    fn extern_name(&mut self, name: &ComponentExternName<'a>) -> Result<(), Refusal> {
        let parts = [
            Some(name.name),
            name.implements,
            name.version_suffix,
            name.external_id,
        ];
        parts
            .into_iter()
            .flatten()
            .try_for_each(|part| self.name(part))
    }
}
