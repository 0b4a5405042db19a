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
/// So much of changes is kept, in bytes. Each idle action holds its own, and each run has them twice.
const MOST: usize = 1 << 20;
/// A place and a length, in bytes.
const HEADER: usize = 8;

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

    /// A module that makes this memory of another one, and how many pages that has to have: it puts at 0 what is different,
    /// each time with its place and length, and the engine copies that to its places. Where there is no room for it below
    /// where the memory begins, it is put behind the memory. None if it is too much, or the memories are not of one engine.
    pub(super) fn loaded(&self, started: &Self) -> Option<(Vec<u8>, usize)> {
        let differences =
            (self.at == started.at).then(|| differences(&self.bytes, &started.bytes))?;
        let mut changes = Vec::new();
        for range in differences {
            changes.extend(header(self.at + range.start, range.len())?);
            changes.extend(self.bytes.get(range)?);
            if changes.len() > MOST {
                return None;
            }
        }
        // Without more, zeros follow.
        let (end, mut pages) = (self.pages() * PAGE, self.pages());
        let mut data = DataSection::new();
        if changes.len() + HEADER > self.at {
            data.active(0, &place(0), header(end, 0)?);
            pages += (changes.len() + HEADER).div_ceil(PAGE);
            data.active(0, &place(end), changes);
        } else {
            data.active(0, &place(0), changes);
        }
        let mut module = changing();
        module.section(&data);
        Some((module.finish(), pages))
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

/// What stands before a change. None if it is not in a memory of 32 bits.
fn header(place: usize, length: usize) -> Option<[u8; HEADER]> {
    let word = |number: usize| u32::try_from(number).ok().map(u64::from);
    Some((word(place)? | word(length)? << 32).to_le_bytes())
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

    /// Does to a memory, which begins at [`AT`], what a module's data segments do where it has so many pages.
    fn apply(module: &[u8], pages: usize, memory: &mut Vec<u8>) {
        let length = memory.len();
        memory.splice(..0, vec![0; AT]);
        memory.resize(pages * PAGE, 0);
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
        loop {
            let (place, length) = (word(memory, from), word(memory, from + 4));
            if length > 0 {
                memory.copy_within(from + HEADER..from + HEADER + length, place);
                from += HEADER + length;
            } else if place > 0 {
                from = place;
            } else {
                break;
            }
        }
        memory.drain(..AT);
        memory.truncate(length);
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
            apply(&started.started(2), 2, &mut from_nothing);
            prop_assert!(from_nothing == was, "{was:x?}");
            for is in [is, grown] {
                let mut memory = was.clone();
                memory.resize(is.len(), 0);
                let loaded = Memory::new(at, is.clone()).unwrap().loaded(&started);
                let (loaded, pages) = loaded.unwrap();
                apply(&loaded, pages, &mut memory);
                prop_assert!(memory == is, "{was:x?} {is:x?}");
            }
        }
    }

    #[test]
    fn what_has_no_room_below_is_put_behind() {
        let memory = |changed: usize| {
            let mut bytes = vec![0; MOST];
            bytes.iter_mut().take(changed).for_each(|byte| *byte = 1);
            Memory::new(u32::try_from(AT).unwrap(), bytes).unwrap()
        };
        let started = memory(0);
        for (changed, needed) in [(AT - 2 * HEADER, 17), (AT - HEADER, 19)] {
            let is = memory(changed);
            let (loaded, pages) = is.loaded(&started).unwrap();
            assert_eq!(pages, needed, "{changed}");
            let mut bytes = started.bytes.clone();
            apply(&loaded, pages, &mut bytes);
            assert!(bytes == is.bytes, "{changed}");
        }
        assert!(memory(MOST - HEADER).loaded(&started).is_some());
        assert!(memory(MOST).loaded(&started).is_none());
    }

    #[test]
    fn what_is_no_memory_of_the_engine_is_refused() {
        let memory =
            |at: usize, length: usize| Memory::new(u32::try_from(at).unwrap(), vec![0; length]);
        assert!(memory(0, PAGE + 1).is_none());
        assert!(memory(8, PAGE - 8).is_none());
        let [one, other] = [AT, 2 * AT].map(|at| memory(at, PAGE).unwrap());
        assert!(one.loaded(&other).is_none());
    }
}
