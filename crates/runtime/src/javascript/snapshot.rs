//! Memories that are kept, as core modules that are data and no code.

use std::ops::Range;

use wasm_encoder::{
    ConstExpr, DataSection, EntityType, ExportKind, ExportSection, GlobalSection, GlobalType,
    ImportSection, MemorySection, MemoryType, Module, ValType,
};

/// What the engine imports: a module with the memory that it begins with, and one that changes it.
pub(super) const STARTED: &str = "started";
pub(super) const LOADED: &str = "loaded";
const MEMORY: &str = "memory";
const STACK: &str = "stack";

/// A page of memory, in bytes.
const PAGE: usize = 1 << 16;
/// Memories are compared in blocks, and those that differ in grains, both in bytes.
const BLOCK: usize = 1 << 12;
const GRAIN: usize = 8;
/// So many bytes that are the same are taken along rather than begin anew.
const GAP: usize = 32;

/// A memory that the engine gave away.
pub(super) struct Memory {
    /// Where it begins. Below are stacks, with nothing on them.
    at: usize,
    bytes: Vec<u8>,
}

impl Memory {
    /// None if no memory is like that.
    pub(super) fn new(at: u32, bytes: Vec<u8>) -> Option<Self> {
        let at = usize::try_from(at).ok()?;
        let whole = at.is_multiple_of(BLOCK) && (at + bytes.len()).is_multiple_of(PAGE);
        whole.then_some(Self { at, bytes })
    }

    pub(super) fn pages(&self) -> usize {
        (self.at + self.bytes.len()) / PAGE
    }

    /// A module that exports the memory, with so many pages, and the stack pointer.
    pub(super) fn started(&self, pages: usize) -> Vec<u8> {
        let mut memories = MemorySection::new();
        memories.memory(of_pages(pages));
        let pointer = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        let mut globals = GlobalSection::new();
        globals.global(pointer, &place(self.at));
        let mut exports = ExportSection::new();
        exports.export(MEMORY, ExportKind::Memory, 0);
        exports.export(STACK, ExportKind::Global, 0);
        let mut module = Module::new();
        module
            .section(&memories)
            .section(&globals)
            .section(&exports)
            .section(&self.data(&differences(&self.bytes, &[])));
        module.finish()
    }

    /// A module that makes this memory of another one, which has at least as many pages: it puts at 0 what is different, each
    /// time with its place and length, and the engine copies that to its places. None if there is no room for it, below where
    /// the memory begins.
    pub(super) fn loaded(&self, started: &Self) -> Option<Vec<u8>> {
        let differences =
            (self.at == started.at).then(|| differences(&self.bytes, &started.bytes))?;
        let mut changes = Vec::new();
        for range in differences {
            let place = u32::try_from(self.at + range.start).ok()?;
            let bytes = self.bytes.get(range)?;
            changes.extend(place.to_le_bytes());
            changes.extend(u32::try_from(bytes.len()).ok()?.to_le_bytes());
            changes.extend(bytes);
            // A length of 0 is there after the last.
            if changes.len() + 8 > self.at {
                return None;
            }
        }
        let mut data = DataSection::new();
        data.active(0, &place(0), changes);
        let mut module = changing();
        module.section(&data);
        Some(module.finish())
    }

    fn data(&self, ranges: &[Range<usize>]) -> DataSection {
        let mut data = DataSection::new();
        for range in ranges {
            let bytes = self.bytes.get(range.clone()).unwrap_or_default();
            data.active(0, &place(self.at + range.start), bytes.iter().copied());
        }
        data
    }
}

/// A module that changes nothing.
pub(super) fn unchanged() -> Vec<u8> {
    changing().finish()
}

/// A module that imports a memory. How large it is shows when data is put there.
fn changing() -> Module {
    let mut imports = ImportSection::new();
    imports.import(STARTED, MEMORY, EntityType::Memory(of_pages(0)));
    let mut module = Module::new();
    module.section(&imports);
    module
}

fn of_pages(pages: usize) -> MemoryType {
    MemoryType {
        minimum: pages as u64,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    }
}

/// A place in a memory of 32 bits.
fn place(at: usize) -> ConstExpr {
    let at = u32::try_from(at).expect("such a memory has at most 4 GiB");
    ConstExpr::i32_const(at.cast_signed())
}

/// Where a memory is not as it was. What there was not is zero.
fn differences(is: &[u8], was: &[u8]) -> Vec<Range<usize>> {
    const ZERO: [u8; BLOCK] = [0; BLOCK];
    let was = was.chunks(BLOCK).chain(std::iter::repeat(&ZERO[..]));
    let mut differences: Vec<Range<usize>> = Vec::new();
    for (block, (is, was)) in is.chunks(BLOCK).zip(was).enumerate() {
        if is == was {
            continue;
        }
        for (grain, (is, was)) in is.chunks(GRAIN).zip(was.chunks(GRAIN)).enumerate() {
            if is == was {
                continue;
            }
            let start = block * BLOCK + grain * GRAIN;
            let end = start + is.len();
            match differences.last_mut() {
                Some(last) if start - last.end <= GAP => last.end = end,
                _ => differences.push(start..end),
            }
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasmparser::{DataKind, Operator, Parser, Payload};

    use super::*;

    const AT: usize = PAGE;
    const LENGTH: usize = PAGE;

    /// A memory of two pages, most of it zero.
    fn memory() -> impl Strategy<Value = Vec<u8>> {
        let write = (0..LENGTH, prop::collection::vec(any::<u8>(), 1..600));
        prop::collection::vec(write, 0..8).prop_map(|writes| {
            let mut memory = vec![0; LENGTH];
            for (place, bytes) in writes {
                for (to, byte) in memory.iter_mut().skip(place).zip(bytes) {
                    *to = byte;
                }
            }
            memory
        })
    }

    /// Does to a memory, which begins at [`AT`], what a module's data segments do.
    fn apply(module: &[u8], memory: &mut Vec<u8>) {
        memory.splice(..0, vec![0; AT]);
        for payload in Parser::new(0).parse_all(module) {
            let Payload::DataSection(section) = payload.unwrap() else {
                continue;
            };
            for segment in section {
                let segment = segment.unwrap();
                let DataKind::Active { offset_expr, .. } = segment.kind else {
                    panic!("{:?}", segment.kind);
                };
                let place = offset_expr.get_operators_reader().read().unwrap();
                let Operator::I32Const { value } = place else {
                    panic!("{place:?}");
                };
                let start = usize::try_from(value).unwrap();
                memory[start..start + segment.data.len()].copy_from_slice(segment.data);
            }
        }
        let mut from = 0;
        let word = |memory: &[u8], at: usize| {
            u32::from_le_bytes(memory[at..at + 4].try_into().unwrap()) as usize
        };
        while word(memory, from + 4) > 0 {
            let (place, length) = (word(memory, from), word(memory, from + 4));
            memory.copy_within(from + 8..from + 8 + length, place);
            from += 8 + length;
        }
        memory.drain(..AT);
    }

    proptest! {
        #[test]
        fn what_is_kept_comes_back(was in memory(), is in memory(), more in 0..PAGE) {
            let at = u32::try_from(AT).unwrap();
            let mut grown = is.clone();
            grown.resize(LENGTH + PAGE, 0);
            grown[LENGTH + more] = 1;
            let started = Memory::new(at, was.clone()).unwrap();
            let mut from_nothing = vec![0; LENGTH];
            apply(&started.started(2), &mut from_nothing);
            prop_assert!(from_nothing == was, "{was:x?}");
            for is in [is, grown] {
                let mut memory = was.clone();
                memory.resize(is.len(), 0);
                let loaded = Memory::new(at, is.clone()).unwrap().loaded(&started);
                apply(&loaded.unwrap(), &mut memory);
                prop_assert!(memory == is, "{was:x?} {is:x?}");
            }
        }
    }

    #[test]
    fn what_is_too_much_is_not_kept() {
        let memory = |changed: usize| {
            let mut bytes = vec![0; 2 * PAGE];
            bytes.iter_mut().take(changed).for_each(|byte| *byte = 1);
            Memory::new(u32::try_from(AT).unwrap(), bytes).unwrap()
        };
        let started = memory(0);
        assert!(memory(AT - 16).loaded(&started).is_some());
        assert!(memory(AT).loaded(&started).is_none());
        assert!(Memory::new(0, vec![0; PAGE + 1]).is_none());
        assert!(Memory::new(8, vec![0; PAGE - 8]).is_none());
    }
}
