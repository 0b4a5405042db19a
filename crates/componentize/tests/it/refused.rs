//! What is refused, and in which words.

use phonebox_componentize::{Limit, Refusal, check};

use crate::hostile;

fn refusal(what: &str, component: &[u8]) -> Refusal {
    let refusal = check(component).expect_err(what);
    assert!(!refusal.hint().is_empty(), "{what}: {refusal}");
    refusal
}

#[track_caller]
fn exceeds(limit: Limit, component: &[u8]) {
    match check(component) {
        Err(Refusal::Exceeded { limit: of, .. }) if of == limit => {}
        other => panic!("{limit:?} expected: {other:?}"),
    }
}

#[test]
fn bytes_without_sense() {
    for seed in 1..100 {
        let noise = hostile::noise(1 << 10, seed);
        assert!(matches!(refusal("noise", &noise), Refusal::NotWasm));
        let noise = hostile::noise_in_a_component(1 << 10, seed);
        refusal("noise behind a header", &noise);
    }
    assert!(matches!(refusal("nothing", b""), Refusal::NotWasm));
    assert!(matches!(
        refusal("a header cut short", b"\0asm"),
        Refusal::Invalid { .. }
    ));
}

#[test]
fn a_component_cut_short() {
    for whole in [
        hostile::tiny_functions(1_000),
        hostile::wide_records(3, 100),
        hostile::doubling_components(3),
    ] {
        check(&whole).unwrap();
        for sixteenth in 0..16 {
            let end = whole.len() * sixteenth / 16;
            let refusal = refusal("a part", &whole[..end]);
            assert!(
                matches!(
                    refusal,
                    Refusal::NotWasm | Refusal::Invalid { .. } | Refusal::NoDeliver
                ),
                "{sixteenth}/16: {refusal:?}"
            );
        }
    }
}

#[test]
fn a_module_without_a_component() {
    let refusal = refusal("a module", &hostile::core_module());
    assert!(matches!(refusal, Refusal::CoreModule));
    assert_eq!(
        refusal.to_string(),
        "this is a core WebAssembly module, and an action is a component"
    );
}

#[test]
fn what_is_outside_the_world() {
    let imports = [
        "wasi:sockets/tcp@0.2.0",
        "wasi:io/poll@0.2.0",
        "wasi:filesystem/types@0.2.6",
    ];
    assert_eq!(
        refusal("sockets", &hostile::importing(&imports)).to_string(),
        "the component imports what actions may not use: wasi:filesystem/types@0.2.6, wasi:sockets/tcp@0.2.0"
    );
    let other = refusal(
        "a version",
        &hostile::importing(&["phonebox:action/http@2.0.0"]),
    );
    assert!(
        matches!(other, Refusal::WorldVersion { ref found } if found == "2.0.0"),
        "{other:?}"
    );
    let empty = wat::parse_str("(component)").unwrap();
    assert!(matches!(refusal("no export", &empty), Refusal::NoDeliver));
}

#[test]
fn code_that_is_expensive_to_compile() {
    exceeds(Limit::LoopNesting, &hostile::nested_loops(11_000));
    exceeds(Limit::BlockNesting, &hostile::nested_blocks(11_000));
    exceeds(Limit::Functions, &hostile::tiny_functions(1_000_000));
    exceeds(Limit::Locals, &hostile::locals_and_ifs(49_000, 3_000));
    exceeds(Limit::Work, &hostile::locals_and_ifs(4_900, 20_000));
    exceeds(Limit::Elements, &hostile::null_elements(100_000));
    exceeds(Limit::BranchTable, &hostile::branch_table(100_000));
    exceeds(Limit::FunctionSize, &hostile::branch_table(2_000_000));
    exceeds(Limit::FunctionSize, &hostile::straight_line(3 << 20));
    exceeds(
        Limit::ConstantExpression,
        &hostile::constant_expression(1 << 20),
    );
}

#[test]
fn types_that_explode() {
    exceeds(Limit::TypeWeight, &hostile::tuple_bomb(30));
    exceeds(Limit::TypeWeight, &hostile::tuple_bomb(14));
    exceeds(Limit::TypeSize, &hostile::wide_records(100, 10_000));
    exceeds(Limit::TypeSize, &hostile::type_chain(100_000));
    exceeds(Limit::Types, &hostile::type_chain(20_000));
    exceeds(Limit::TypeNesting, &hostile::type_chain(9_000));
    exceeds(Limit::TypeNesting, &hostile::nested_instance_types(21));
    exceeds(Limit::TypeNesting, &hostile::nested_instance_types(5_000));
    exceeds(
        Limit::TypeUses,
        &hostile::imports_of_instances(1_000, 1_000),
    );
    let promised = refusal("a promise", &hostile::promised_types(1_000_000));
    assert!(matches!(promised, Refusal::Invalid { .. }), "{promised:?}");
}

#[test]
fn proposals_that_are_off() {
    for (index, (word, component)) in hostile::disabled().into_iter().enumerate() {
        match check(&component) {
            Err(Refusal::Feature { feature, .. }) => {
                assert!(feature.contains(word), "{index}, {word}: {feature}");
            }
            other => panic!("{index}, {word}: {other:?}"),
        }
    }
}

#[test]
fn names_that_deceive() {
    for (what, name) in [
        ("a new line", "a\nb"),
        ("an escape", "\u{1b}[31mred"),
        ("right to left", "a\u{202e}b"),
        ("an isolate", "a\u{2066}b"),
        ("of no width", "a\u{200b}b"),
    ] {
        let refusal = refusal(what, &hostile::named(name));
        let Refusal::Name { name, place } = &refusal else {
            panic!("{what}: {refusal:?}")
        };
        assert!(name.contains('\u{fffd}'), "{what}: {name:?}");
        assert_eq!(place.as_ref().map(|place| place.module), Some(1), "{what}");
        assert!(
            !refusal.to_string().contains(char::is_control),
            "{what}: {refusal}"
        );
    }
    for name in [
        "",
        "größe",
        "名前",
        "cabi_post_phonebox:action/http@1.0.0#send",
    ] {
        check(&hostile::named(name)).unwrap_or_else(|refusal| panic!("{name:?}: {refusal}"));
    }
}

#[test]
fn a_refusal_says_where() {
    let loops = "(loop ".repeat(33) + &")".repeat(33);
    for (what, name, body, said) in [
        (
            "a plain name",
            "slow",
            loops.as_str(),
            "loops inside one another: 33 levels, and the limit is 32, in function 1 (slow) of core module 1",
        ),
        (
            "a mangled name",
            "_ZN8my_crate4slow17h0123456789abcdefE",
            loops.as_str(),
            "loops inside one another: 33 levels, and the limit is 32, in function 1 (my_crate::slow) of core \
             module 1",
        ),
        (
            "a body that is not valid",
            "slow",
            "drop",
            "the component is not valid: type mismatch: expected a type but nothing on stack, in function 1 (slow) of \
             core module 1",
        ),
        (
            "a feature",
            "slow",
            "atomic.fence",
            "the component uses threads (shared memories and atomics), which the sandbox does not have, in function 1 \
             (slow) of core module 1",
        ),
    ] {
        let component = hostile::with_text(&format!(
            r#"(core module (import "m" "f" (func)) (func ${name} {body}))"#
        ));
        assert_eq!(refusal(what, &component).to_string(), said, "{what}");
    }
    let memory = refusal("memory", &hostile::memories(1, 1_025));
    assert_eq!(
        memory.to_string(),
        "memory at the start: 67174400 bytes, and the limit is 67108864, in core module 1"
    );
}
