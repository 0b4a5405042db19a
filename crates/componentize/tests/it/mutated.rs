//! Whatever the bytes are, checking ends in an answer, and an answer that takes them keeps every limit.

use std::sync::LazyLock;

use phonebox_componentize::check;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::hostile;

/// What a toolchain makes: imports with types of their own, resources, a memory, a table, names, two instances that need
/// one another, a component inside.
static LIKE_REAL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    wat::parse_str(
        r#"(component
            (type $log (instance
                (type $level' (enum "debug" "info"))
                (export "level" (type $level (eq $level')))
                (type $entry' (record (field "level" $level) (field "more" (list (tuple string u64)))))
                (export "entry" (type $entry (eq $entry')))
                (export "write" (func (param "entry" $entry) (result (result string (error $level)))))))
            (import "phonebox:action/log@1.0.0" (instance $log (type $log)))
            (import "wasi:io/poll@0.2.0" (instance $poll
                (export "pollable" (type $pollable (sub resource)))
                (export "[method]pollable.ready" (func (param "self" (borrow $pollable)) (result bool)))))
            (alias export $log "entry" (type $entry))
            (alias export $poll "pollable" (type $pollable))
            (core module $main
                (import "env" "drop" (func $drop (param i32)))
                (memory (export "memory") 1)
                (table 2 funcref)
                (global $stack (mut i32) (i32.const 1024))
                (elem (i32.const 0) $deliver $drop)
                (data (i32.const 8) "text")
                (func $deliver (export "deliver") (param i32 i32) (result i32)
                    (local $n i32)
                    (block $out (loop $again
                        (br_if $out (i32.eqz (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                        (br_table $again $out (local.get 0))))
                    (call_indirect (param i32) (local.get 0) (i32.const 1))
                    (global.get $stack))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
            (core func $drop (canon resource.drop $pollable))
            (core instance $env (export "drop" (func $drop)))
            (core instance $m (instantiate $main (with "env" (instance $env))))
            (type $outcome' (variant (case "sent" (option string)) (case "drop" string)))
            (export $outcome "outcome" (type $outcome'))
            (component $inner
                (import "f" (func $f (param "text" string)))
                (export "f" (func $f)))
            (func $lifted (export "deliver") (param "text" string) (result string)
                (canon lift (core func $m "deliver") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
            (@producers (language "WAT" "1"))
        )"#,
    )
    .unwrap()
});

#[test]
fn what_toolchains_make_is_taken() {
    let checked = check(&LIKE_REAL).unwrap();
    assert_eq!(
        checked.imports,
        ["phonebox:action/log@1.0.0", "wasi:io/poll@0.2.0"]
    );
    assert_eq!((checked.modules, checked.functions), (1, 2));
}

fn originals() -> Vec<Vec<u8>> {
    let mut originals = vec![
        LIKE_REAL.clone(),
        hostile::doubling_components(4),
        hostile::nested_components(4),
        hostile::tuple_bomb(8),
        hostile::wide_records(3, 20),
        hostile::nested_instance_types(10),
        hostile::locals_and_ifs(20, 20),
        hostile::branch_table(50),
        hostile::null_elements(50),
        hostile::components_as_values(),
    ];
    originals.extend(
        hostile::disabled()
            .into_iter()
            .map(|(_, component)| component),
    );
    originals
}

#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
}

impl Change {
    fn any() -> impl Strategy<Value = Self> {
        // Numbers as WebAssembly writes them, for what is promised and not there.
        let large = prop_oneof![
            Just(vec![0xff, 0xff, 0xff, 0xff, 0x0f]),
            Just(vec![0xc0, 0x84, 0x3d]),
            Just(vec![0x80, 0x80, 0x80, 0x80, 0x00]),
        ];
        let bytes = prop_oneof![large, prop::collection::vec(any::<u8>(), 1..8)];
        prop_oneof![
            4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Self::Set(at, byte)),
            2 => (any::<Index>(), bytes).prop_map(|(at, bytes)| Self::Insert(at, bytes)),
            1 => (any::<Index>(), 1_usize..40).prop_map(|(at, count)| Self::Remove(at, count)),
            1 => (any::<Index>(), 1_usize..40, 1_usize..200).prop_map(|(at, count, times)| Self::Repeat(at, count, times)),
        ]
    }

    fn make(self, bytes: &mut Vec<u8>) {
        // The header stays, or nothing behind it is read.
        let range = |at: Index, count: usize| {
            let start = 8 + at.index(bytes.len() - 8);
            start..(start + count).min(bytes.len())
        };
        match self {
            Self::Set(at, byte) => {
                let range = range(at, 1);
                bytes[range].fill(byte);
            }
            Self::Insert(at, more) => {
                let start = range(at, 0).start;
                drop(bytes.splice(start..start, more));
            }
            Self::Remove(at, count) => {
                let range = range(at, count).start + 1..range(at, count).end;
                drop(bytes.drain(range));
            }
            Self::Repeat(at, count, times) => {
                let range = range(at, count);
                let more = bytes[range.clone()].repeat(times);
                drop(bytes.splice(range.end..range.end, more));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_component_is_answered(original in prop::sample::select(originals()), changes in prop::collection::vec(Change::any(), 1..6)) {
        let mut bytes = original;
        for change in changes {
            change.make(&mut bytes);
        }
        match check(&bytes) {
            Ok(checked) => {
                for measure in checked.measures {
                    prop_assert!(measure.found <= measure.limit, "{measure:?}");
                }
            }
            Err(refusal) => {
                prop_assert!(!refusal.to_string().contains(char::is_control), "{refusal:?}");
            }
        }
    }
}
