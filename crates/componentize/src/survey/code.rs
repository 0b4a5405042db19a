use wasmparser::{BlockType, CompositeInnerType, FunctionBody, Operator, RecGroup, WasmFeatures};

use crate::Refusal;
use crate::limits::{Limit, Tally};
use crate::place::Place;

/// A core module that is being read.
pub(super) struct Module {
    pub(super) index: u32,
    /// How many parameters and results there are to each type.
    types: Vec<u64>,
    /// Those of each function, imported ones first.
    functions: Vec<u64>,
    /// The function whose code comes next.
    next: u32,
}

impl Module {
    pub(super) fn new(index: u32) -> Self {
        Self {
            index,
            types: Vec::new(),
            functions: Vec::new(),
            next: 0,
        }
    }

    pub(super) fn rec_group(&mut self, group: &RecGroup) -> Result<(), Refusal> {
        for ty in group.types() {
            let function = match &ty.composite_type.inner {
                CompositeInnerType::Func(function) if !group.is_explicit_rec_group() => function,
                CompositeInnerType::Cont(_) => {
                    return Err(Refusal::feature(WasmFeatures::STACK_SWITCHING));
                }
                _ => return Err(Refusal::feature(WasmFeatures::GC)),
            };
            let arity = function.params().len() + function.results().len();
            self.types.push(arity as u64);
        }
        Ok(())
    }

    /// The next function is imported and has this type.
    pub(super) fn import(&mut self, ty: u32) {
        self.define(ty);
        self.next += 1;
    }

    /// The next function has this type, and code.
    pub(super) fn define(&mut self, ty: u32) {
        let arity = self.types.get(ty as usize).copied().unwrap_or(0);
        self.functions.push(arity);
    }

    /// Measures the next function, and gives what it costs the compiler.
    pub(super) fn body(
        &mut self,
        body: &FunctionBody<'_>,
        tally: &mut Tally,
    ) -> Result<u64, Refusal> {
        let function = self.next;
        self.next += 1;
        self.work(function, body, tally)
            .map_err(|refusal| refusal.at(Some(Place::function(self.index, function))))
    }

    fn work(
        &self,
        function: u32,
        body: &FunctionBody<'_>,
        tally: &mut Tally,
    ) -> Result<u64, Refusal> {
        let range = body.range();
        tally.reach(Limit::FunctionSize, range.end.saturating_sub(range.start))?;
        let arity = |index: u32| self.types.get(index as usize).copied().unwrap_or(0);

        let own = self.functions.get(function as usize).copied().unwrap_or(0);
        let mut locals = own;
        for group in body.get_locals_reader()? {
            locals = locals.saturating_add(group?.0.into());
        }
        tally.reach(Limit::Locals, locals)?;

        let (mut blocks, mut values, mut loops) = (1_u64, 0_u64, 0_u64);
        // What is handed over at each label, and whether it is a loop's; the function's own comes first.
        let mut labels = vec![(own, false)];
        let mut code = body.get_operators_reader()?;
        while !code.eof() {
            let operator = code.read()?;
            let handed = |depth: u32| {
                let label = labels.iter().rev().nth(depth as usize);
                label.map_or(0, |&(handed, _)| handed)
            };
            match operator {
                Operator::Block { blockty }
                | Operator::Loop { blockty }
                | Operator::If { blockty } => {
                    let is_loop = matches!(operator, Operator::Loop { .. });
                    let handed = match blockty {
                        BlockType::Empty => 0,
                        BlockType::Type(_) => 1,
                        BlockType::FuncType(ty) => arity(ty),
                    };
                    labels.push((handed, is_loop));
                    loops += u64::from(is_loop);
                    tally.reach(Limit::BlockNesting, labels.len() as u64 - 1)?;
                    tally.reach(Limit::LoopNesting, loops)?;
                    blocks += 1;
                    values += handed;
                }
                Operator::Else => blocks += 1,
                Operator::End => {
                    if let Some((_, true)) = labels.pop() {
                        loops -= 1;
                    }
                }
                Operator::Br { relative_depth } => values += handed(relative_depth),
                Operator::BrIf { relative_depth } => {
                    blocks += 1;
                    values += handed(relative_depth);
                }
                Operator::BrTable { targets } => {
                    tally.reach(Limit::BranchTable, targets.len().into())?;
                    blocks += u64::from(targets.len()) + 1;
                    for target in targets.targets() {
                        values += handed(target?);
                    }
                }
                Operator::Call { function_index } => {
                    values += self
                        .functions
                        .get(function_index as usize)
                        .copied()
                        .unwrap_or(0);
                }
                Operator::CallIndirect { type_index, .. } => values += arity(type_index),
                _ => {}
            }
        }
        let work = locals.saturating_mul(blocks).saturating_add(values);
        tally.reach(Limit::Work, work)?;
        Ok(work)
    }
}
