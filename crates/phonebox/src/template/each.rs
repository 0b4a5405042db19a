//! `for`, whose rounds are counted. The crate's own makes a list of a range first, however long that is.

use std::collections::HashMap;
use std::io::Write;

use liquid_core::model::{KString, KStringRef};
use liquid_core::parser::{BlockElement, TryMatchToken};
use liquid_core::runtime::StackFrame;
use liquid_core::{
    BlockReflection, Error, Expression, Language, ParseBlock, Renderable, Result, Runtime,
    TagBlock, TagTokenIter, Template, ValueView,
};
use liquid_lib::stdlib::{ForloopObject, Range, RangeExpression};

use super::liquid::{Lenient, spend};

/// Most rounds of one loop.
const ROUNDS: i64 = 1_000;
/// What a round costs.
const ROUND: usize = 256;

#[derive(Clone, Copy, Debug)]
pub(super) struct Each;

#[derive(Debug)]
struct Loop {
    variable: KString,
    range: RangeExpression,
    limit: Option<Expression>,
    offset: Option<Expression>,
    reversed: bool,
    body: Template,
    otherwise: Option<Template>,
}

impl BlockReflection for Each {
    fn start_tag(&self) -> &'static str {
        "for"
    }

    fn end_tag(&self) -> &'static str {
        "endfor"
    }

    fn description(&self) -> &'static str {
        ""
    }
}

impl ParseBlock for Each {
    fn parse(
        &self,
        mut arguments: TagTokenIter<'_>,
        mut block: TagBlock<'_, '_>,
        language: &Language,
    ) -> Result<Box<dyn Renderable>> {
        let variable = arguments
            .expect_next("Identifier expected.")?
            .expect_identifier()
            .into_result()?;
        let variable = KString::from_ref(variable);
        arguments
            .expect_next("\"in\" expected.")?
            .expect_str("in")
            .into_result_custom_msg("\"in\" expected.")?;
        let range = arguments.expect_next("Array or range expected.")?;
        let range = match range.expect_value() {
            TryMatchToken::Matches(array) => RangeExpression::Array(array),
            TryMatchToken::Fails(range) => match range.expect_range() {
                TryMatchToken::Matches((start, stop)) => RangeExpression::Counted(start, stop),
                TryMatchToken::Fails(range) => return range.raise_error().into_err(),
            },
        };
        let (mut limit, mut offset, mut reversed) = (None, None, false);
        while let Some(token) = arguments.next() {
            match token.as_str() {
                "limit" => limit = Some(attribute(&mut arguments)?),
                "offset" => offset = Some(attribute(&mut arguments)?),
                "reversed" => reversed = true,
                _ => {
                    let expected = "\"limit\", \"offset\" or \"reversed\" expected.";
                    return token.raise_custom_error(expected).into_err();
                }
            }
        }
        let (mut body, mut otherwise) = (Vec::new(), None);
        while let Some(element) = block.next()? {
            match element {
                BlockElement::Tag(mut tag) if tag.name() == "else" => {
                    tag.tokens().expect_nothing()?;
                    otherwise = Some(block.parse_all(language)?);
                    break;
                }
                element => body.push(element.parse(&mut block, language)?),
            }
        }
        block.assert_empty();
        Ok(Box::new(Loop {
            variable,
            range,
            limit,
            offset,
            reversed,
            body: Template::new(body),
            otherwise: otherwise.map(Template::new),
        }))
    }

    fn reflection(&self) -> &dyn BlockReflection {
        self
    }
}

impl Renderable for Loop {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        let range = self.range.evaluate(runtime)?;
        let rounds = match &range {
            Range::Counted(start, stop) => stop.saturating_sub(*start).saturating_add(1),
            Range::Array(list) => {
                let list = list.as_view();
                let array = list.as_array().map(liquid_core::model::ArrayView::size);
                let object = list.as_object().map(liquid_core::ObjectView::size);
                array.or(object).unwrap_or_default()
            }
        };
        if rounds > ROUNDS {
            let told = format!("a loop has more than {ROUNDS} rounds");
            return Error::with_msg(told).into_err();
        }
        let all = range.evaluate()?;
        let offset = whole(self.offset.as_ref(), runtime)?.unwrap_or(0);
        let limit = whole(self.limit.as_ref(), runtime)?.unwrap_or(usize::MAX);
        let mut all: Vec<_> = all.into_iter().skip(offset).take(limit).collect();
        if self.reversed {
            all.reverse();
        }
        if all.is_empty() {
            let otherwise = self.otherwise.as_ref();
            return otherwise.map_or(Ok(()), |template| template.render_to(writer, runtime));
        }
        let length = all.len();
        for (index, value) in all.iter().enumerate() {
            spend(runtime, ROUND)?;
            let forloop = ForloopObject::new(index, length);
            let mut variables = HashMap::<KStringRef<'_>, &dyn ValueView>::new();
            variables.insert("forloop".into(), &forloop);
            variables.insert(self.variable.as_ref(), value);
            let scope = Lenient(StackFrame::new(runtime, &variables));
            self.body.render_to(writer, &scope)?;
        }
        Ok(())
    }
}

/// What stands behind the colon.
fn attribute(arguments: &mut TagTokenIter<'_>) -> Result<Expression> {
    arguments
        .expect_next("\":\" expected.")?
        .expect_str(":")
        .into_result_custom_msg("\":\" expected.")?;
    let value = arguments.expect_next("Value expected.")?;
    value.expect_value().into_result()
}

fn whole(attribute: Option<&Expression>, runtime: &dyn Runtime) -> Result<Option<usize>> {
    let Some(attribute) = attribute else {
        return Ok(None);
    };
    let value = attribute.evaluate(runtime)?;
    let number = value.as_scalar().and_then(|scalar| scalar.to_integer());
    let number = number.and_then(|number| usize::try_from(number).ok());
    match number {
        Some(number) => Ok(Some(number)),
        None => Error::with_msg("a loop's limit and offset are whole numbers").into_err(),
    }
}
