//! Components made to hurt whoever checks or compiles them, one function an attack.
//!
//! Each fits the world by name (it imports nothing and exports `deliver`) and is valid unless the attack is that it is
//! not, so that nothing but a limit can refuse it. `n` says how bad it is to be. Other test crates include this file with
//! `#[path]`; it depends on `wasm-encoder` and `wat` alone.

#![allow(
    dead_code,
    reason = "each test crate that includes this uses some of it"
)]

use std::iter::repeat_n;

use wasm_encoder::{
    BlockType, CodeSection, Component, ComponentAliasSection, ComponentSection,
    ComponentTypeSection, ComponentValType, ConstExpr, CustomSection, DataSection, ElementSection,
    Elements, EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, ImportSection, Instruction, MemorySection, MemoryType, Module, ModuleSection,
    NestedComponentSection, PrimitiveValType, RawSection, RefType, TableSection, TableType,
    TypeSection, ValType,
};

/// The least that fits the world: one core module, one instance of it, and `deliver` lifted from it.
const HARMLESS: &str = r#"
    (core module (func (export "f")))
    (core instance (instantiate 0))
    (alias core export 0 "f" (core func))
    (type (func))
    (func (type 0) (canon lift (core func 0)))
    (export "deliver" (func 0))"#;

/// The index of the first type that is added to it.
const FIRST_TYPE: u32 = 1;

/// The least that fits the world.
pub(crate) fn harmless() -> Vec<u8> {
    with_text("")
}

/// The harmless component with more of the text format in it.
pub(crate) fn with_text(more: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {HARMLESS} {more})")).expect("it is well-formed")
}

/// The harmless component with something more in it.
fn with(section: &impl ComponentSection) -> Vec<u8> {
    let mut component = harmless();
    section.append_to_component(&mut component);
    component
}

/// The harmless component with this core module in it, which is not instantiated.
pub(crate) fn with_module(module: &Module) -> Vec<u8> {
    with(&ModuleSection(module))
}

/// The harmless component with one function more, whose type is `(func)`.
pub(crate) fn with_function(function: &Function) -> Vec<u8> {
    with_functions([function])
}

fn with_functions<'a>(functions: impl IntoIterator<Item = &'a Function>) -> Vec<u8> {
    let mut code = CodeSection::new();
    for function in functions {
        code.function(function);
    }
    with_module(
        Module::new()
            .section(&nullary())
            .section(&of_type_0(code.len()))
            .section(&code),
    )
}

/// The types `(func)`.
fn nullary() -> TypeSection {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types
}

fn of_type_0(count: u32) -> FunctionSection {
    let mut functions = FunctionSection::new();
    for _ in 0..count {
        functions.function(0);
    }
    functions
}

fn small(n: u64) -> u32 {
    u32::try_from(n).expect("tests ask for less")
}

/// A function of these locals and instructions; the last `end` is added.
fn function(locals: u64, instructions: impl FnOnce(&mut Function)) -> Function {
    let mut function = Function::new((locals > 0).then(|| (small(locals), ValType::I32)));
    instructions(&mut function);
    function.instruction(&Instruction::End);
    function
}

// What is not an action at all.

/// Bytes without sense, the same for the same seed.
pub(crate) fn noise(n: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(n).collect()
}

/// A header with noise behind it.
pub(crate) fn noise_in_a_component(n: usize, seed: u64) -> Vec<u8> {
    [&Component::HEADER[..], &noise(n, seed)].concat()
}

/// A module without a component around it.
pub(crate) fn core_module() -> Vec<u8> {
    Module::new().finish()
}

/// A component that imports instances of these names.
pub(crate) fn importing(names: &[&str]) -> Vec<u8> {
    let imports: Vec<String> = names
        .iter()
        .map(|name| format!("(import {name:?} (instance))"))
        .collect();
    with_text(&imports.concat())
}

// Much code, or code that is expensive to compile.

/// Loops inside one another.
pub(crate) fn nested_loops(n: u64) -> Vec<u8> {
    nested(n, &Instruction::Loop(BlockType::Empty))
}

/// Blocks inside one another.
pub(crate) fn nested_blocks(n: u64) -> Vec<u8> {
    nested(n, &Instruction::Block(BlockType::Empty))
}

fn nested(n: u64, block: &Instruction<'_>) -> Vec<u8> {
    with_function(&function(0, |code| {
        for _ in 0..n {
            code.instruction(block);
        }
        for _ in 0..n {
            code.instruction(&Instruction::End);
        }
    }))
}

/// Functions that do nothing.
pub(crate) fn tiny_functions(n: u64) -> Vec<u8> {
    let nothing = function(0, |_| {});
    with_functions(repeat_n(
        &nothing,
        usize::try_from(n).expect("tests ask for less"),
    ))
}

/// One function with these locals, all of them set in each of these ifs.
pub(crate) fn locals_and_ifs(locals: u64, ifs: u64) -> Vec<u8> {
    functions_of_locals_and_ifs(1, locals, ifs)
}

/// So many functions with so many locals and so many ifs.
pub(crate) fn functions_of_locals_and_ifs(n: u64, locals: u64, ifs: u64) -> Vec<u8> {
    let ifs = function(locals, |code| {
        for index in 0..ifs {
            code.instruction(&Instruction::I32Const(0));
            code.instruction(&Instruction::If(BlockType::Empty));
            if locals > 0 {
                code.instruction(&Instruction::I32Const(1));
                code.instruction(&Instruction::LocalSet(small(index % locals)));
            }
            code.instruction(&Instruction::End);
        }
    });
    with_functions(repeat_n(
        &ifs,
        usize::try_from(n).expect("tests ask for less"),
    ))
}

/// One function whose code, with its declaration of no locals, takes so many bytes.
pub(crate) fn straight_line(n: u64) -> Vec<u8> {
    with_function(&function(0, |code| {
        for _ in 2..n {
            code.instruction(&Instruction::Nop);
        }
    }))
}

/// One branch to so many targets.
pub(crate) fn branch_table(n: u64) -> Vec<u8> {
    let targets = vec![0; usize::try_from(n).expect("tests ask for less")];
    with_function(&function(0, |code| {
        code.instruction(&Instruction::I32Const(0));
        code.instruction(&Instruction::BrTable(targets.into(), 0));
    }))
}

/// One function that calls another so often, which has no locals and hands over a thousand values.
pub(crate) fn calls_with_many_results(n: u64) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([], repeat_n(ValType::I32, 1_000));
    let mut functions = FunctionSection::new();
    functions.function(0).function(1);
    let mut code = CodeSection::new();
    code.function(&function(0, |code| {
        for _ in 0..n {
            code.instruction(&Instruction::Call(1));
        }
        // Behind this nobody asks what is on the stack.
        code.instruction(&Instruction::Unreachable);
    }));
    code.function(&function(0, |code| {
        code.instruction(&Instruction::Unreachable);
    }));
    with_module(
        Module::new()
            .section(&types)
            .section(&functions)
            .section(&code),
    )
}

// Much of other things in a core module.

/// Elements that are null, each by an expression.
pub(crate) fn null_elements(n: u64) -> Vec<u8> {
    let nulls = vec![
        ConstExpr::ref_null(wasm_encoder::HeapType::FUNC);
        usize::try_from(n).expect("tests ask for less")
    ];
    let mut elements = ElementSection::new();
    elements.passive(Elements::Expressions(RefType::FUNCREF, nulls.into()));
    with_module(Module::new().section(&elements))
}

/// Segments of no data.
pub(crate) fn data_segments(n: u64) -> Vec<u8> {
    let mut data = DataSection::new();
    for _ in 0..n {
        data.passive([]);
    }
    with_module(Module::new().section(&data))
}

/// Globals.
pub(crate) fn globals(n: u64) -> Vec<u8> {
    let mut globals = GlobalSection::new();
    for _ in 0..n {
        globals.global(constant(), &ConstExpr::i32_const(0));
    }
    with_module(Module::new().section(&globals))
}

/// A global whose first value is a sum that takes so many bytes to write down, at least 3.
pub(crate) fn constant_expression(n: u64) -> Vec<u8> {
    // i32.const 0, in as many bytes as leave a multiple of three.
    let padding = usize::try_from((n - 3) % 3).expect("it is below three");
    let mut sum = vec![0x41];
    sum.extend(repeat_n(0x80, padding));
    sum.push(0);
    (0..(n - 3) / 3).for_each(|_| sum.extend([0x41, 0x00, 0x6a]));
    let mut globals = GlobalSection::new();
    globals.global(constant(), &ConstExpr::raw(sum));
    with_module(Module::new().section(&globals))
}

fn constant() -> GlobalType {
    GlobalType {
        val_type: ValType::I32,
        mutable: false,
        shared: false,
    }
}

/// Core modules with one memory each, of so many pages of 64 KiB at the start.
pub(crate) fn memories(n: u64, pages: u64) -> Vec<u8> {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: pages,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut module = Module::new();
    module.section(&memories);
    let mut component = harmless();
    for _ in 0..n {
        ModuleSection(&module).append_to_component(&mut component);
    }
    component
}

/// Tables of so many elements each at the start.
pub(crate) fn tables(n: u64, elements: u64) -> Vec<u8> {
    let mut tables = TableSection::new();
    for _ in 0..n {
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: elements,
            maximum: None,
            shared: false,
        });
    }
    with_module(Module::new().section(&tables))
}

/// Exports of one function.
pub(crate) fn core_exports(n: u64) -> Vec<u8> {
    exports((0..n).map(|index| format!("f{index}")))
}

/// Imports of functions, from nowhere.
pub(crate) fn core_imports(n: u64) -> Vec<u8> {
    let mut imports = ImportSection::new();
    for index in 0..n {
        imports.import("m", &format!("f{index}"), EntityType::Function(0));
    }
    with_module(Module::new().section(&nullary()).section(&imports))
}

/// A name of so many bytes.
pub(crate) fn long_name(n: u64) -> Vec<u8> {
    named(&"n".repeat(usize::try_from(n).expect("tests ask for less")))
}

/// A core export of this name.
pub(crate) fn named(name: &str) -> Vec<u8> {
    exports([name.to_owned()])
}

fn exports(names: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut exports = ExportSection::new();
    for name in names {
        exports.export(&name, ExportKind::Func, 0);
    }
    let mut code = CodeSection::new();
    code.function(&function(0, |_| {}));
    with_module(
        Module::new()
            .section(&nullary())
            .section(&of_type_0(1))
            .section(&exports)
            .section(&code),
    )
}

// Many parts.

/// Empty core modules.
pub(crate) fn modules(n: u64) -> Vec<u8> {
    let mut component = harmless();
    for _ in 0..n {
        ModuleSection(&Module::new()).append_to_component(&mut component);
    }
    component
}

/// Empty components beside one another.
pub(crate) fn components(n: u64) -> Vec<u8> {
    let mut component = harmless();
    for _ in 0..n {
        NestedComponentSection(&Component::new()).append_to_component(&mut component);
    }
    component
}

/// Components inside one another, `n` with the outermost.
pub(crate) fn nested_components(n: u64) -> Vec<u8> {
    let innermost = Component::new().finish();
    let nested = (2..n).fold(innermost, |inner, _| {
        let mut outer = Component::HEADER.to_vec();
        component_section(&inner).append_to_component(&mut outer);
        outer
    });
    if n < 2 {
        harmless()
    } else {
        with(&component_section(&nested))
    }
}

fn component_section(component: &[u8]) -> RawSection<'_> {
    RawSection {
        id: wasm_encoder::ComponentSectionId::Component.into(),
        data: component,
    }
}

/// Core instances of one module.
pub(crate) fn core_instances(n: u64) -> Vec<u8> {
    let mut instances = wasm_encoder::InstanceSection::new();
    for _ in 0..n {
        instances.instantiate::<[(&str, _); 0], _>(0, []);
    }
    with(&instances)
}

/// Components that each instantiate the one before twice, the first a core module: 2^n core instances, and the harmless
/// one.
pub(crate) fn doubling_components(n: u64) -> Vec<u8> {
    let first = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    let others = (1..=n).map(|index| {
        let before = index - 1;
        format!(
            "(component $c{index}
                (alias outer 1 $c{before} (component $c))
                (instance (instantiate $c)) (instance (instantiate $c)))"
        )
    });
    let last = format!("(instance (instantiate $c{n}))");
    let text: Vec<String> = [first].into_iter().chain(others).chain([last]).collect();
    with_text(&text.concat())
}

/// A component that is given a component and instantiates it, so that what it comes to depends on who gives what.
pub(crate) fn components_as_values() -> Vec<u8> {
    with_text(
        r#"(component $given)
        (component $taker (import "c" (component $c)) (instance (instantiate $c)))
        (instance (instantiate $taker (with "c" (component $given))))"#,
    )
}

/// Aliases of one core function.
pub(crate) fn aliases(n: u64) -> Vec<u8> {
    let mut aliases = ComponentAliasSection::new();
    for _ in 0..n {
        aliases.alias(wasm_encoder::Alias::CoreInstanceExport {
            instance: 0,
            kind: ExportKind::Func,
            name: "f",
        });
    }
    with(&aliases)
}

// Types.

/// Component types that are but names for one.
pub(crate) fn types(n: u64) -> Vec<u8> {
    with_types(n, |_, ty| ty.primitive(PrimitiveValType::U8))
}

/// A tuple of two tuples of two tuples …: it comes to 2^n.
pub(crate) fn tuple_bomb(n: u64) -> Vec<u8> {
    with_types(n, |before, ty| ty.tuple([before, before]))
}

/// A list of lists of lists …, `n` types inside one another with the innermost.
pub(crate) fn type_chain(n: u64) -> Vec<u8> {
    with_types(n - 1, |before, ty| ty.list(before))
}

/// So many records of so many fields.
pub(crate) fn wide_records(n: u64, fields: u64) -> Vec<u8> {
    let names: Vec<String> = (0..fields).map(|field| format!("f{field}")).collect();
    with_types(n, |_, ty| {
        ty.record(
            names
                .iter()
                .map(|name| (name.as_str(), PrimitiveValType::U8)),
        );
    })
}

/// A tuple that comes to so many types when it is spelt out, between 16,001 and 26,000.
pub(crate) fn heavy_type(n: u64) -> Vec<u8> {
    // Itself, two of 8,000, and what is missing.
    let missing = usize::try_from(n - 16_001).expect("tests ask for less");
    let mut parts = vec![ComponentValType::Type(FIRST_TYPE); 2];
    parts.extend(repeat_n(
        ComponentValType::from(PrimitiveValType::U8),
        missing,
    ));
    let mut types = ComponentTypeSection::new();
    types
        .ty()
        .defined_type()
        .tuple(repeat_n(PrimitiveValType::U8, 7_999));
    types.ty().defined_type().tuple(parts);
    with(&types)
}

/// Sections of types that take so many bytes in all.
pub(crate) fn sections_of_types(n: u64) -> Vec<u8> {
    let mut component = harmless();
    let mut left = usize::try_from(n).expect("tests ask for less");
    while left > 0 {
        // The number of types, what it is, and two bytes for its length.
        let take = if left > 9_000 { 5_000 } else { left };
        left -= take;
        let mut types = ComponentTypeSection::new();
        types
            .ty()
            .defined_type()
            .tuple(repeat_n(PrimitiveValType::U8, take - 4));
        types.append_to_component(&mut component);
    }
    component
}

/// Imports, of a component that is not instantiated, of types that come to so many in all.
pub(crate) fn uses_of_types(n: u64) -> Vec<u8> {
    let tuple = |size: u64| {
        let parts = " u8".repeat(usize::try_from(size - 1).expect("tests ask for less"));
        format!("(type (tuple{parts}))")
    };
    let large = 10_000;
    let mut text = vec!["(component".to_owned(), tuple(large)];
    text.extend((0..n / large).map(|index| format!("(import \"t{index}\" (type (eq 0)))")));
    if n % large > 1 {
        text.push(tuple(n % large));
        text.push(format!("(import \"rest\" (type (eq {})))", n / large + 1));
    }
    text.push(")".to_owned());
    with_text(&text.concat())
}

/// Imports of an instance that has a resource and so many functions, each with a type of its own, by a component that is
/// not instantiated: each import has all of those anew.
pub(crate) fn imports_of_instances(n: u64, functions: u64) -> Vec<u8> {
    let exports = (0..functions).map(|index| {
        format!("(type $o{index} (own $r)) (export \"f{index}\" (func (result $o{index})))")
    });
    let imports = (0..n).map(|index| format!("(import \"i{index}\" (instance (type $i)))"));
    let text: Vec<String> =
        ["(component (type $i (instance (export \"r\" (type $r (sub resource)))".to_owned()]
            .into_iter()
            .chain(exports)
            .chain(["))".to_owned()])
            .chain(imports)
            .chain([")".to_owned()])
            .collect();
    with_text(&text.concat())
}

/// Types of instances inside one another.
pub(crate) fn nested_instance_types(n: u64) -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    let innermost = wasm_encoder::InstanceType::new();
    let nested = (1..n).fold(innermost, |inner, _| {
        let mut outer = wasm_encoder::InstanceType::new();
        outer.ty().instance(&inner);
        outer
    });
    types.ty().instance(&nested);
    with(&types)
}

/// A section that says it has so many types of core, in a recursive group, and has none.
pub(crate) fn promised_types(n: u64) -> Vec<u8> {
    let mut section = vec![1, 0x4e];
    wasm_encoder::Encode::encode(&small(n), &mut section);
    with_module(Module::new().section(&RawSection {
        id: wasm_encoder::SectionId::Type.into(),
        data: &section,
    }))
}

fn with_types(
    n: u64,
    ty: impl Fn(ComponentValType, wasm_encoder::ComponentDefinedTypeEncoder<'_>),
) -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    let mut before = ComponentValType::from(PrimitiveValType::U8);
    for index in 0..n {
        ty(before, types.ty().defined_type());
        before = ComponentValType::Type(FIRST_TYPE + small(index));
    }
    with(&types)
}

// Ballast.

/// A custom section.
pub(crate) fn custom_section(name: &str, data: &[u8]) -> Vec<u8> {
    with(&CustomSection {
        name: name.into(),
        data: data.into(),
    })
}

/// A custom section, in the core module that is added.
pub(crate) fn custom_section_in_module(name: &str, data: &[u8]) -> Vec<u8> {
    with_module(Module::new().section(&CustomSection {
        name: name.into(),
        data: data.into(),
    }))
}

/// A component of so many bytes in all, at least 100 KB, filled with data.
pub(crate) fn sized(n: u64) -> Vec<u8> {
    let filled = |length: usize| {
        let mut data = DataSection::new();
        data.passive(repeat_n(0, length));
        with_module(Module::new().section(&data))
    };
    let n = usize::try_from(n).expect("tests ask for less");
    let around = filled(n - 1_000).len() - (n - 1_000);
    filled(n - around)
}

// What is off in the sandbox.

/// A component for each proposal that is off: the word for it, and the component.
pub(crate) fn disabled() -> Vec<(&'static str, Vec<u8>)> {
    let module = |text: &str| with_text(&format!("(core module {text})"));
    vec![
        ("threads", module("(memory 1 1 shared)")),
        (
            "threads",
            module("(memory 1) (func (drop (i32.atomic.load (i32.const 0))))"),
        ),
        ("threads", module("(func (atomic.fence))")),
        ("64-bit", module("(memory i64 1)")),
        ("64-bit", module("(table i64 1 funcref)")),
        ("more than one memory", module("(memory 1) (memory 1)")),
        ("pages of another size", module("(memory 1 (pagesize 1))")),
        ("garbage-collected", module("(type (struct (field i32)))")),
        ("garbage-collected", module("(type (array i8))")),
        (
            "garbage-collected",
            module("(rec (type (func)) (type (func)))"),
        ),
        ("garbage-collected", module("(func (param i31ref))")),
        ("externref", module("(func (param externref))")),
        ("externref", module("(table 1 externref)")),
        ("externref", module("(global externref (ref.null extern))")),
        (
            "garbage-collected",
            module("(func (drop (ref.i31 (i32.const 0))))"),
        ),
        (
            "typed references",
            module("(type $t (func)) (func (param (ref $t)))"),
        ),
        (
            "typed references",
            module("(type $t (func)) (func (param (ref null $t)) (call_ref $t (local.get 0)))"),
        ),
        ("exceptions", module("(tag)")),
        ("exceptions", module("(func (try_table))")),
        ("exceptions", module("(func try end)")),
        ("exceptions", module("(func (param exnref))")),
        ("tail calls", module("(func (return_call 0))")),
        (
            "relaxed SIMD",
            module(
                "(func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))",
            ),
        ),
        (
            "128-bit",
            module(
                "(func (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)) drop drop)",
            ),
        ),
        (
            "stack switching",
            module(
                "(type $f (func)) (type $c (cont $f)) (func (param (ref null $c)) (resume $c (local.get 0)))",
            ),
        ),
        ("asynchronous", with_text("(type (stream u8))")),
        ("asynchronous", with_text("(type (future))")),
        ("asynchronous", with_text("(type (func async))")),
        (
            "asynchronous",
            with_text("(canon backpressure.inc (core func))"),
        ),
        ("error contexts", with_text("(type error-context)")),
        ("lists of fixed length", with_text("(type (list u8 4))")),
        ("maps", with_text("(type (map string u8))")),
    ]
}
