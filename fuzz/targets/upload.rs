//! The check of what is uploaded: whatever the bytes are, it ends in an answer; what it takes keeps every limit, is valid to
//! `wasmparser` at large, and imports nothing outside of the world; more of what was too much is not taken either.
//!
//! Input: `(` and the rest of a component in the text format, and behind a NUL the changes to its bytes. Or a byte that says
//! how to make a component, the number of changes, the changes, and bytes to make it from. A change is four bytes.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use phonebox_componentize::{Checked, Refusal, check, embed_manifest};
use phonebox_contract::world;
use phonebox_fuzz::is_sayable;
use wasm_encoder::{ComponentSection, ComponentSectionId, RawSection};
use wasmparser::{ComponentExternalKind, Parser, Payload, Validator, WasmFeatures};

#[path = "../../crates/componentize/tests/it/hostile.rs"]
mod hostile;

static HARMLESS: LazyLock<Vec<u8>> = LazyLock::new(hostile::harmless);

/// How to make much of something, and how much of it at most, so that making it takes milliseconds.
type Maker = (fn(u64) -> Vec<u8>, u64);

const MAKERS: &[Maker] = &[
    (hostile::nested_loops, 100),
    (hostile::nested_blocks, 2_000),
    (hostile::tiny_functions, 40_000),
    (|n| hostile::locals_and_ifs(n, 1_100), 6_000),
    (|n| hostile::locals_and_ifs(1_100, n), 6_000),
    (|n| hostile::functions_of_locals_and_ifs(n, 100, 100), 6_000),
    (|n| hostile::straight_line(n + 2), 600_000),
    (hostile::branch_table, 6_000),
    (hostile::calls_with_many_results, 6_000),
    (hostile::null_elements, 30_000),
    (hostile::data_segments, 12_000),
    (hostile::globals, 3_000),
    (|n| hostile::memories(n, 100), 10),
    (|n| hostile::memories(1, n), 70_000),
    (|n| hostile::tables(n, 100), 20),
    (|n| hostile::tables(1, n), 30_000),
    (hostile::core_exports, 30_000),
    (hostile::core_imports, 30_000),
    (|n| hostile::long_name(n + 1), 400),
    (hostile::modules, 30),
    (hostile::components, 30),
    (hostile::nested_components, 120),
    (hostile::core_instances, 30),
    (hostile::doubling_components, 30),
    (hostile::aliases, 30_000),
    (hostile::types, 12_000),
    (hostile::tuple_bomb, 120),
    (|n| hostile::type_chain(n + 1), 120),
    (|n| hostile::wide_records(n, 20), 2_000),
    (|n| hostile::wide_records(3, n + 1), 12_000),
    (|n| hostile::heavy_type(n + 16_001), 9_000),
    (|n| hostile::sections_of_types(n + 5), 300_000),
    (hostile::uses_of_types, 300_000),
    (|n| hostile::imports_of_instances(n, 100), 300),
    (|n| hostile::nested_instance_types(n + 1), 120),
];

/// Sections to fill with bytes as they come.
const SECTIONS: [ComponentSectionId; 8] = [
    ComponentSectionId::Alias,
    ComponentSectionId::CanonicalFunction,
    ComponentSectionId::Export,
    ComponentSectionId::Import,
    ComponentSectionId::Instance,
    ComponentSectionId::Type,
    ComponentSectionId::CoreInstance,
    ComponentSectionId::CoreType,
];

/// What the sandbox has switched on.
fn features() -> WasmFeatures {
    let features =
        WasmFeatures::WASM2 | WasmFeatures::EXTENDED_CONST | WasmFeatures::COMPONENT_MODEL;
    features - WasmFeatures::GC_TYPES
}

/// Modules of what the sandbox has, so that most of them come as far as to be validated.
fn plain() -> wasm_smith::Config {
    wasm_smith::Config {
        compact_imports_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..wasm_smith::Config::default()
    }
}

/// The harmless component with a section more in it.
fn with(section: ComponentSectionId, data: &[u8]) -> Vec<u8> {
    let mut component = HARMLESS.clone();
    let id = section.into();
    RawSection { id, data }.append_to_component(&mut component);
    component
}

/// Changes bytes behind the header, where there is anything.
fn change(bytes: &mut Vec<u8>, changes: &[u8]) {
    for change in changes.as_chunks::<4>().0.iter().take(16) {
        let [how, high, low, byte] = *change;
        if bytes.len() <= 8 {
            return;
        }
        let at = 8 + usize::from(u16::from_be_bytes([high, low])) % (bytes.len() - 8);
        let end = (at + usize::from(how / 8)).min(bytes.len());
        match how % 8 {
            0..3 => bytes[at] = byte,
            3 => bytes.insert(at, byte),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let more = bytes[at..end].repeat(usize::from(byte));
                drop(bytes.splice(at..at, more));
            }
            // A number that promises much.
            6 => drop(bytes.splice(at..=at, [0xff, 0xff, 0xff, 0xff, 0x0f])),
            _ => bytes.truncate(at),
        }
    }
}

/// What a refusal says, and to whom.
fn refused(refusal: &Refusal) {
    is_sayable(&refusal.to_string(), 1);
    is_sayable(refusal.hint(), 1);
}

/// What holds of everything that is taken.
fn taken(bytes: &[u8], checked: &Checked) {
    for measure in &checked.measures {
        assert!(measure.found <= measure.limit, "{measure:?}");
    }
    assert_eq!(checked.size, bytes.len());
    Validator::new_with_features(features())
        .validate_all(bytes)
        .expect("what is taken is valid");

    let (mut depth, mut imports, mut delivers, mut modules) = (0, Vec::new(), false, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.expect("what is taken is well-formed") {
            Payload::ModuleSection { .. } => (depth, modules) = (depth + 1, modules + 1),
            Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                let names = section
                    .into_iter()
                    .map(|import| import.expect("an import").name.name);
                imports.extend(names.map(str::to_owned));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.expect("an export");
                    delivers |=
                        export.name.name == "deliver" && export.kind == ComponentExternalKind::Func;
                }
            }
            _ => {}
        }
    }
    imports.sort_unstable();
    assert_eq!(imports, checked.imports);
    for import in &imports {
        assert!(world::allows(import), "{import}");
        for outside in ["sockets", "filesystem", "http/incoming", "keyvalue"] {
            assert!(!import.contains(outside), "{import}");
        }
    }
    assert!(delivers, "it exports no deliver");
    assert_eq!(modules, checked.modules);

    // With a manifest in it, it is the same action; and the manifest comes out as it was put in.
    let before = "name = \"before\"";
    let after = "name = \"\u{e9}\"\n";
    let embedded = embed_manifest(bytes, before).expect("it is a component");
    match check(&embedded) {
        Ok(again) => {
            assert_eq!(again.manifest.as_deref(), Some(before));
            assert_eq!(
                (again.imports, again.modules, again.functions),
                (checked.imports.clone(), checked.modules, checked.functions)
            );
        }
        // There was room for the component and not for these few bytes.
        Err(Refusal::Exceeded { .. }) => {}
        Err(refusal) => panic!("with a manifest it is refused: {refusal:?}"),
    }
    let twice = embed_manifest(&embedded, after).expect("it is a component");
    assert_eq!(
        twice,
        embed_manifest(bytes, after).expect("it is a component")
    );
}

fn judge(bytes: &[u8]) {
    match check(bytes) {
        Ok(checked) => taken(bytes, &checked),
        Err(refusal) => {
            refused(&refusal);
            // What is called invalid is so, and is not merely new to us.
            if matches!(refusal, Refusal::Invalid { .. } | Refusal::Feature { .. }) {
                let valid = Validator::new_with_features(features()).validate_all(bytes);
                assert!(valid.is_err(), "it is valid, and refused: {refusal:?}");
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    if data.first() == Some(&b'(') {
        let mut parts = data.splitn(2, |byte| *byte == 0);
        let text = parts.next().and_then(|text| std::str::from_utf8(text).ok());
        let Some(Ok(mut bytes)) = text.map(wat::parse_str) else {
            return;
        };
        change(&mut bytes, parts.next().unwrap_or_default());
        judge(&bytes);
        return;
    }
    let [how, count, rest @ ..] = data else {
        return;
    };
    let (changes, rest) = rest.split_at((usize::from(count % 8) * 4).min(rest.len()));
    let mut source = Unstructured::new(rest);
    let mut bytes = match how % 8 {
        0 => [&b"\0asm"[..], rest].concat(),
        1 | 2 => {
            let config = if rest.len() % 2 == 0 {
                plain()
            } else {
                wasm_smith::Config::default()
            };
            let Ok(component) = wasm_smith::Component::new(config, &mut source) else {
                return;
            };
            let component = component.to_bytes();
            if how % 8 == 1 {
                component
            } else {
                with(ComponentSectionId::Component, &component)
            }
        }
        3..6 => {
            let Ok(module) = wasm_smith::Module::new(plain(), &mut source) else {
                return;
            };
            with(ComponentSectionId::CoreModule, &module.to_bytes())
        }
        6 => with(SECTIONS[usize::from(*count / 8) % SECTIONS.len()], rest),
        _ => {
            let (Ok(which), Ok(n)) = (source.arbitrary::<u8>(), source.arbitrary::<u32>()) else {
                return;
            };
            let (make, most) = MAKERS[usize::from(which) % MAKERS.len()];
            let n = u64::from(n) % most;
            let less = make(n);
            if let Err(Refusal::Exceeded { limit, .. }) = check(&less) {
                let more = check(&make(n + 1));
                assert!(more.is_err(), "{n} exceed {limit:?}, and one more is taken");
            }
            less
        }
    };
    change(&mut bytes, changes);
    judge(&bytes);
});
