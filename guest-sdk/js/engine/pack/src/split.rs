//! Parts a component's code from its memory, so that the code is compiled once for all the memories it is run with.
//!
//! What comes out imports two core modules. `started` exports the memory and the stack pointer that the code had of its own;
//! `loaded` is instantiated with that memory, and its data segments put at 0, where stacks end and nothing is yet, what an
//! action's source changes in the rest: each time a place and a length, in 4 bytes each, and the bytes. With a length of 0,
//! what follows is at that place, and with a place of 0, nothing is. Then they are copied to their places. Neither module has
//! to have code. The memory as the engine begins is such a `started`
//! itself, in the custom section `started`.

use std::error::Error;

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent};
use wasm_encoder::{
    BlockType, CodeSection, Component, ComponentImportSection, ComponentTypeRef, ConstExpr,
    CoreTypeSection, CustomSection, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, InstanceSection, MemArg,
    MemorySection, MemoryType, Module, ModuleArg, ModuleSection, ModuleType, StartSection,
    TypeSection, ValType,
};
use wasmparser::{DataKind, Instance, Operator, Parser};

const STARTED: &str = "started";
const LOADED: &str = "loaded";
const MEMORY: &str = "memory";
const STACK: &str = "stack";

/// The code's module is the first; what is imported comes right after it, with what copies, and what was there moves up.
const CODE: u32 = 0;
const ADDED: u32 = 3;

const STACK_POINTER: GlobalType = GlobalType {
    val_type: ValType::I32,
    mutable: true,
    shared: false,
};

type Result<T, E = reencode::Error<Box<dyn Error>>> = std::result::Result<T, E>;

#[derive(Default)]
struct Split {
    /// How deep in components, modules and types this is.
    depth: u32,
    modules: u32,
    /// Core instances so far, and which of them is the code's.
    instances: u32,
    code_instance: Option<u32>,
    memory: Option<MemoryType>,
    stack: Option<i32>,
    data: Vec<(i32, Vec<u8>)>,
}

pub(crate) fn split(component: &[u8]) -> std::result::Result<Vec<u8>, Box<dyn Error>> {
    let mut split = Split::default();
    let mut out = Component::new();
    let parsed = split.parse_component(&mut out, Parser::new(0), component);
    parsed.map_err(|error| format!("{error}"))?;
    if split.code_instance.is_none() {
        return Err("the code is not instantiated".into());
    }
    let memory = split.begins()?;
    out.section(&CustomSection {
        name: STARTED.into(),
        data: memory.as_slice().into(),
    });
    Ok(out.finish())
}

fn wrong<T>(what: &str) -> Result<T> {
    Err(reencode::Error::UserError(what.into()))
}

impl Split {
    /// Whether this is in the module with the code. All of it is one module deep.
    fn in_code(&self) -> bool {
        self.depth == 1 && self.modules == 1
    }

    fn memory(&self) -> Result<MemoryType> {
        self.memory
            .map_or_else(|| wrong("the code has no memory"), Ok)
    }

    /// Memory and stack pointer as the engine begins with them.
    fn begins(&self) -> std::result::Result<Vec<u8>, Box<dyn Error>> {
        let (Some(memory), Some(stack)) = (self.memory, self.stack) else {
            return Err("the code has no memory, or no stack pointer".into());
        };
        // So nothing but the stack is below where the stack begins, and what is there between calls need not be kept.
        if self.data.iter().map(|(at, _)| *at).min() != Some(stack) {
            return Err("the data does not begin where the stack does".into());
        }
        let (mut memories, mut globals) = (MemorySection::new(), GlobalSection::new());
        memories.memory(memory);
        globals.global(STACK_POINTER, &ConstExpr::i32_const(stack));
        let mut exports = ExportSection::new();
        exports.export(MEMORY, ExportKind::Memory, 0);
        exports.export(STACK, ExportKind::Global, 0);
        let mut data = DataSection::new();
        for (at, bytes) in &self.data {
            data.active(0, &ConstExpr::i32_const(*at), bytes.iter().copied());
        }
        let mut module = Module::new();
        module
            .section(&memories)
            .section(&globals)
            .section(&exports)
            .section(&data);
        Ok(module.finish())
    }
}

impl Reencode for Split {
    type Error = Box<dyn Error>;

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<()> {
        reencode::utils::parse_import_section(self, imports, section)?;
        if self.in_code() {
            imports.import(STARTED, MEMORY, self.memory()?);
            imports.import(STARTED, STACK, STACK_POINTER);
        }
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<()> {
        if self.in_code() {
            return Ok(());
        }
        reencode::utils::parse_memory_section(self, memories, section)
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<()> {
        for (index, global) in section.into_iter().enumerate() {
            let global = global?;
            if !self.in_code() {
                self.parse_global(globals, global)?;
            } else if index == 0 {
                self.stack = Some(constant(&global.init_expr)?);
            } else if global.ty.mutable {
                // It would be as the code begins with it, whatever it was when the memory was kept.
                return wrong("a global beside the stack pointer changes");
            } else {
                self.parse_global(globals, global)?;
            }
        }
        Ok(())
    }

    fn data_count(&mut self, count: u32) -> Result<u32> {
        Ok(if self.in_code() { 0 } else { count })
    }

    fn parse_data_section(
        &mut self,
        data: &mut DataSection,
        section: wasmparser::DataSectionReader<'_>,
    ) -> Result<()> {
        if !self.in_code() {
            return reencode::utils::parse_data_section(self, data, section);
        }
        for segment in section {
            let segment = segment?;
            let DataKind::Active { offset_expr, .. } = segment.kind else {
                return wrong("a data segment has no place");
            };
            self.data
                .push((constant(&offset_expr)?, segment.data.to_vec()));
        }
        Ok(())
    }
}

impl ReencodeComponent for Split {
    fn push_depth(&mut self) {
        self.depth += 1;
    }

    fn pop_depth(&mut self) {
        self.depth -= 1;
    }

    fn module_index(&mut self, module: u32) -> u32 {
        if self.depth == 0 && module > CODE {
            module + ADDED
        } else {
            module
        }
    }

    fn instance_index(&mut self, instance: u32) -> u32 {
        let moved = self.code_instance.is_some_and(|code| instance >= code);
        if self.depth == 0 && moved {
            instance + ADDED
        } else {
            instance
        }
    }

    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        parser: Parser,
        module: &[u8],
    ) -> Result<()> {
        self.modules += 1;
        if self.depth > 0 || self.modules > 1 {
            return reencode::component_utils::parse_component_submodule(
                self, component, parser, module,
            );
        }
        self.depth += 1;
        self.memory = own_memory(self, module)?;
        let mut code = Module::new();
        self.parse_core_module(&mut code, parser, module)?;
        self.depth -= 1;
        component.section(&ModuleSection(&code));

        let memory = EntityType::Memory(self.memory()?);
        let (mut started, mut loaded) = (ModuleType::new(), ModuleType::new());
        started.export(MEMORY, memory);
        started.export(STACK, EntityType::Global(STACK_POINTER));
        loaded.import(STARTED, MEMORY, memory);
        let (mut types, mut imports) = (CoreTypeSection::new(), ComponentImportSection::new());
        for (index, (name, module)) in [(STARTED, started), (LOADED, loaded)].iter().enumerate() {
            types.ty().module(module);
            imports.import(*name, ComponentTypeRef::Module(index as u32));
        }
        component.section(&types).section(&imports);
        component.section(&ModuleSection(&copying(memory)));
        Ok(())
    }

    fn parse_core_type_section(
        &mut self,
        _: &mut CoreTypeSection,
        _: wasmparser::CoreTypeSectionReader<'_>,
    ) -> Result<()> {
        wrong("there are core types, whose numbers are taken")
    }

    fn parse_instance(
        &mut self,
        instances: &mut InstanceSection,
        instance: Instance<'_>,
    ) -> Result<()> {
        if self.depth > 0 {
            return reencode::component_utils::parse_instance(self, instances, instance);
        }
        if let Instance::Instantiate {
            module_index: CODE,
            args,
        } = &instance
        {
            let started = self.instances;
            let with_started = [(STARTED, ModuleArg::Instance(started))];
            let nothing: [(&str, ModuleArg); 0] = [];
            instances.instantiate(CODE + 1, nothing);
            instances.instantiate(CODE + 2, with_started);
            instances.instantiate(CODE + 3, with_started);
            let args = args
                .iter()
                .map(|arg| (arg.name, ModuleArg::Instance(arg.index)));
            let args: Vec<_> = args.chain(with_started).collect();
            instances.instantiate(CODE, args);
            if self.code_instance.replace(started).is_some() {
                return wrong("the code is instantiated twice");
            }
        } else {
            reencode::component_utils::parse_instance(self, instances, instance)?;
        }
        self.instances += 1;
        Ok(())
    }
}

/// A module that, as it starts, copies what `loaded` changes to its places.
fn copying(memory: EntityType) -> Module {
    const FROM: u32 = 0;
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    types.ty().function([], []);
    imports.import(STARTED, MEMORY, memory);
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    functions.function(0);
    let word = |offset| MemArg {
        offset,
        align: 0,
        memory_index: 0,
    };
    let mut copy = Function::new([(1, ValType::I32)]);
    copy.instructions()
        .loop_(BlockType::Empty)
        .local_get(FROM)
        .i32_load(word(4))
        .if_(BlockType::Empty)
        .local_get(FROM)
        .i32_load(word(0))
        .local_get(FROM)
        .i32_const(8)
        .i32_add()
        .local_get(FROM)
        .i32_load(word(4))
        .memory_copy(0, 0)
        .local_get(FROM)
        .i32_const(8)
        .i32_add()
        .local_get(FROM)
        .i32_load(word(4))
        .i32_add()
        .local_set(FROM)
        .br(1)
        .end()
        .local_get(FROM)
        .i32_load(word(0))
        .local_tee(FROM)
        .br_if(0)
        .end()
        .end();
    code.function(&copy);
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions);
    module
        .section(&StartSection { function_index: 0 })
        .section(&code);
    module
}

/// The module's one memory. It is imported before the section comes that says so.
fn own_memory(split: &mut Split, module: &[u8]) -> Result<Option<MemoryType>> {
    for payload in Parser::new(0).parse_all(module) {
        if let wasmparser::Payload::MemorySection(section) = payload? {
            let memories = section
                .into_iter()
                .collect::<wasmparser::Result<Vec<_>>>()?;
            if let [memory] = memories.as_slice() {
                return split.memory_type(*memory).map(Some);
            }
        }
    }
    Ok(None)
}

fn constant(expression: &wasmparser::ConstExpr<'_>) -> Result<i32> {
    match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(value),
        _ => wrong("a global or a place of data is not a number"),
    }
}
