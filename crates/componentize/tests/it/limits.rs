//! Each limit: as much as is allowed passes, and one more is refused for that and nothing else.

use phonebox_componentize::{Limit, MANIFEST_SECTION, Refusal, check};

use crate::hostile;

/// How to have so much of something.
enum Make {
    /// The harmless component, which has some of it already, with so much more.
    More(fn(u64) -> Vec<u8>),
    /// So much of it in one place or in all.
    Just(fn(u64) -> Vec<u8>),
    /// As much as is allowed, and more than that.
    Both(fn() -> Vec<u8>, fn() -> Vec<u8>),
}

fn zeros(n: u64) -> Vec<u8> {
    vec![0; usize::try_from(n).unwrap()]
}

fn make(limit: Limit) -> Make {
    use Make::{Both, Just, More};
    match limit {
        Limit::Size => Just(hostile::sized),
        Limit::Nesting => Just(hostile::nested_components),
        Limit::Components => More(hostile::components),
        Limit::Modules => More(hostile::modules),
        Limit::CoreInstances => More(hostile::core_instances),
        Limit::Definitions => More(hostile::aliases),
        Limit::Manifests => Both(
            || hostile::custom_section(MANIFEST_SECTION, b"name = 1"),
            || {
                let mut twice = hostile::custom_section(MANIFEST_SECTION, b"name = 1");
                let section = twice[hostile::harmless().len()..].to_vec();
                twice.extend(section);
                twice
            },
        ),
        Limit::ManifestSize => Just(|n| hostile::custom_section(MANIFEST_SECTION, &zeros(n))),
        // With the section's own name and its length.
        Limit::Names => Just(|n| hostile::custom_section_in_module("name", &zeros(n - 5))),
        Limit::DebugInfo => {
            Just(|n| hostile::custom_section_in_module(".debug_str", &zeros(n - 11)))
        }
        Limit::CustomSections => Just(|n| hostile::custom_section("anything", &zeros(n - 9))),
        Limit::Types => More(hostile::types),
        Limit::TypeSize => More(hostile::sections_of_types),
        Limit::TypeWeight => Just(hostile::heavy_type),
        Limit::TypeUses => More(hostile::uses_of_types),
        Limit::TypeNesting => Just(hostile::type_chain),
        Limit::CoreExterns => More(hostile::core_exports),
        Limit::NameLength => Just(hostile::long_name),
        Limit::Functions => More(hostile::tiny_functions),
        Limit::FunctionSize => Just(hostile::straight_line),
        Limit::Locals => Just(|n| hostile::locals_and_ifs(n, 0)),
        Limit::BlockNesting => Just(hostile::nested_blocks),
        Limit::LoopNesting => Just(hostile::nested_loops),
        Limit::BranchTable => Just(hostile::branch_table),
        Limit::Work => Both(
            || hostile::locals_and_ifs(5_000, 999),
            || hostile::locals_and_ifs(5_000, 1_000),
        ),
        Limit::TotalWork => Both(
            || hostile::functions_of_locals_and_ifs(10, 5_000, 999),
            || hostile::functions_of_locals_and_ifs(11, 5_000, 999),
        ),
        Limit::Globals => Just(hostile::globals),
        Limit::ConstantExpression => Just(hostile::constant_expression),
        Limit::Memories => Just(|n| hostile::memories(n, 1)),
        Limit::Memory => Just(|n| hostile::memories(1, n.div_ceil(64 << 10))),
        Limit::Tables => Just(|n| hostile::tables(n, 1)),
        Limit::TableElements => Just(|n| hostile::tables(1, n)),
        Limit::Elements => Just(hostile::null_elements),
        Limit::Segments => Just(hostile::data_segments),
        _ => panic!("{limit:?} needs a test"),
    }
}

#[test]
fn each_is_met_at_its_bound() {
    let harmless = check(&hostile::harmless()).unwrap().measures;
    for (index, &limit) in Limit::ALL.iter().enumerate() {
        let (allowed, refused) = match make(limit) {
            Make::More(make) => {
                let more = limit.most() - harmless[index].found;
                (make(more), make(more + 1))
            }
            Make::Just(make) => (make(limit.most()), make(limit.most() + 1)),
            Make::Both(allowed, refused) => (allowed(), refused()),
        };
        let checked = check(&allowed).unwrap_or_else(|refusal| panic!("{limit:?}: {refusal}"));
        let measure = &checked.measures[index];
        assert_eq!(
            (measure.what, measure.found, measure.limit, measure.unit),
            (limit.what(), limit.most(), limit.most(), limit.unit()),
            "{limit:?} at its bound"
        );
        match check(&refused) {
            Err(Refusal::Exceeded {
                limit: of, found, ..
            }) if of == limit => {
                assert!(found > limit.most(), "{limit:?}: {found}");
            }
            other => panic!("{limit:?} above its bound: {other:?}"),
        }
    }
}

#[test]
fn what_is_instantiated_twice_counts_twice() {
    let found = |component: &[u8], limit: Limit| {
        let checked = check(component).unwrap();
        let measure = checked
            .measures
            .iter()
            .find(|measure| measure.what == limit.what());
        measure.unwrap().found
    };
    for n in 0..=4 {
        let component = hostile::doubling_components(n);
        assert_eq!(
            found(&component, Limit::CoreInstances),
            (1 << n) + 1,
            "{n} doublings"
        );
    }
    // Beyond 5 of them there are too many instances, and at 19 too many components to write it down.
    for n in [5, 18] {
        let refusal = check(&hostile::doubling_components(n)).unwrap_err();
        assert!(
            matches!(
                refusal,
                Refusal::Exceeded {
                    limit: Limit::CoreInstances,
                    ..
                }
            ),
            "{n} doublings: {refusal:?}"
        );
    }
    let refusal = check(&hostile::components_as_values()).unwrap_err();
    assert!(matches!(refusal, Refusal::Components), "{refusal:?}");
}

#[test]
fn what_is_handed_over_is_work() {
    let calls = |n| check(&hostile::calls_with_many_results(n));
    assert!(calls(4_999).is_ok());
    let refusal = calls(5_001).unwrap_err();
    assert!(
        matches!(
            refusal,
            Refusal::Exceeded {
                limit: Limit::Work,
                found: 5_001_000,
                ..
            }
        ),
        "{refusal:?}"
    );
}
