//! Liquid, as far as Auth0 has it in messages to phones, by a crate that trusts who writes templates; here nobody is trusted.
//!
//! What a template may have is counted before it is parsed, so that nothing nests deeper than a stack is; loops and filters
//! spend of a budget while it is rendered, so that it ends within milliseconds and holds no more than some megabytes.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use liquid_core::model::{KString, KStringCow, ScalarCow};
use liquid_core::parser::{self, FilterArguments};
use liquid_core::runtime::{PartialStore, Registers, RuntimeBuilder};
use liquid_core::{
    BlockReflection, Error, Expression, Filter, FilterReflection, Language, Object, ParseBlock,
    ParseFilter, Renderable, Result, Runtime, TagBlock, TagTokenIter, Template, Value, ValueCow,
    ValueView,
};
use liquid_lib::stdlib;

use super::each::Each;

/// Longest template, in characters.
pub(super) const LONGEST: usize = 20_000;
/// Longest message that is made of one, in characters: as long as a notification's may be.
pub(super) const LONGEST_MESSAGE: usize = 1_024;
/// Most tags and outputs of a template.
const TAGS: usize = 200;
/// Longest tag or output, in bytes.
const LONGEST_TAG: usize = 500;
/// How deep blocks, and how deep brackets may be nested.
const DEEPEST: usize = 16;
/// What loops and filters may spend: the bytes that a filter reads and makes, and more for each round of a loop.
const BUDGET: usize = 256 << 10;
/// Longest text that a filter takes or makes, in bytes.
const LONGEST_VALUE: usize = 4 << 10;

/// A template that was parsed.
pub(super) struct Parsed(Template);

/// The language: the tags and filters that Auth0 names, but for `include`, `layout` and `tablerow`, which messages have no use
/// for.
static LANGUAGE: LazyLock<Language> = LazyLock::new(|| {
    let mut language = Language::empty();
    let blocks: [Box<dyn ParseBlock>; 6] = [
        stdlib::IfBlock.into(),
        stdlib::UnlessBlock.into(),
        stdlib::CaseBlock.into(),
        stdlib::CommentBlock.into(),
        stdlib::RawBlock.into(),
        Each.into(),
    ];
    for block in blocks {
        let name = block.reflection().start_tag().to_owned();
        language.blocks.register(name, Nested(block).into());
    }
    let tags = &mut language.tags;
    tags.register("assign".to_owned(), stdlib::AssignTag.into());
    tags.register("cycle".to_owned(), stdlib::CycleTag.into());
    tags.register("increment".to_owned(), stdlib::IncrementTag.into());
    tags.register("decrement".to_owned(), stdlib::DecrementTag.into());
    let filters: [Box<dyn ParseFilter>; 42] = [
        stdlib::Abs.into(),
        stdlib::Append.into(),
        stdlib::AtLeast.into(),
        stdlib::AtMost.into(),
        stdlib::Capitalize.into(),
        stdlib::Ceil.into(),
        stdlib::Date.into(),
        stdlib::Default.into(),
        stdlib::DividedBy.into(),
        stdlib::Downcase.into(),
        stdlib::Escape.into(),
        stdlib::EscapeOnce.into(),
        stdlib::First.into(),
        stdlib::Floor.into(),
        stdlib::Join.into(),
        stdlib::Last.into(),
        stdlib::Lstrip.into(),
        stdlib::Map.into(),
        stdlib::Minus.into(),
        stdlib::Modulo.into(),
        stdlib::NewlineToBr.into(),
        stdlib::Plus.into(),
        stdlib::Prepend.into(),
        stdlib::Remove.into(),
        stdlib::RemoveFirst.into(),
        stdlib::Replace.into(),
        stdlib::ReplaceFirst.into(),
        stdlib::Reverse.into(),
        stdlib::Round.into(),
        stdlib::Rstrip.into(),
        stdlib::Size.into(),
        stdlib::Slice.into(),
        stdlib::Sort.into(),
        stdlib::SortNatural.into(),
        stdlib::Split.into(),
        stdlib::Strip.into(),
        stdlib::StripHtml.into(),
        stdlib::StripNewlines.into(),
        stdlib::Times.into(),
        stdlib::Truncate.into(),
        stdlib::TruncateWords.into(),
        stdlib::Upcase.into(),
    ];
    let urls: [Box<dyn ParseFilter>; 2] = [stdlib::UrlDecode.into(), stdlib::UrlEncode.into()];
    for filter in filters.into_iter().chain(urls) {
        let name = filter.reflection().name().to_owned();
        language.filters.register(name, Box::new(Bounded(filter)));
    }
    language
});

thread_local! {
    /// How deep in blocks the parser is.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

impl Parsed {
    /// Parses a template. What is wrong with it is said with its line.
    pub(super) fn new(text: &str) -> std::result::Result<Self, String> {
        measure(text)?;
        DEPTH.set(0);
        // The parser takes some of what it does not understand for its own mistake.
        let parsed = catch_unwind(AssertUnwindSafe(|| parser::parse(text, &LANGUAGE)));
        let parsed = parsed.map_err(|_| "a number in it is too large".to_owned())?;
        let elements = parsed.map_err(|error| told(&error.to_string(), text))?;
        Ok(Self(Template::new(elements)))
    }

    /// The message that it makes. What is wrong with it says nothing of the variables.
    pub(super) fn render(&self, variables: &Object) -> std::result::Result<String, String> {
        let mut message = Message::default();
        let runtime = RuntimeBuilder::new().set_globals(variables).build();
        let render = || self.0.render_to(&mut message, &Lenient(runtime));
        let rendered = catch_unwind(AssertUnwindSafe(render));
        let too_long = || format!("it makes more than {LONGEST_MESSAGE} characters");
        if message.is_too_long {
            return Err(too_long());
        }
        match rendered {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                // The lines below the first have values.
                let error = error.to_string();
                let first = error.lines().next().unwrap_or_default();
                return Err(first.trim_start_matches("liquid: ").to_owned());
            }
            Err(_) => return Err("it calculates with numbers that are too large".to_owned()),
        }
        let text = String::from_utf8(message.text).map_err(|_| too_long())?;
        match text.chars().count() {
            0 => Err("it makes nothing".to_owned()),
            1..=LONGEST_MESSAGE => Ok(text),
            _ => Err(too_long()),
        }
    }
}

/// Refuses what is too much to be parsed.
fn measure(text: &str) -> std::result::Result<(), String> {
    let length = text.chars().count();
    if !(1..=LONGEST).contains(&length) {
        return Err(format!(
            "it has {length} characters, and may have 1 to {LONGEST}"
        ));
    }
    let (mut tags, mut brackets, mut line) = (0, 0_usize, 1);
    // Where the tag began that this is in, and what quotes the text that this is in.
    let (mut tag, mut quote) = (None, None);
    let bytes = text.as_bytes();
    for (at, pair) in bytes.windows(2).enumerate() {
        let &[byte, next] = pair else { continue };
        line += usize::from(byte == b'\n');
        match (tag, quote) {
            (None, _) if byte == b'{' && (next == b'{' || next == b'%') => {
                (tag, quote, brackets) = (Some(at), None, 0);
                tags += 1;
            }
            (Some(_), Some(open)) => quote = (byte != open).then_some(open),
            (Some(_), None) if matches!(byte, b'\'' | b'"') => quote = Some(byte),
            (Some(_), None) if next == b'}' && (byte == b'}' || byte == b'%') => tag = None,
            (Some(_), None) if matches!(byte, b'[' | b'(') => brackets += 1,
            _ => {}
        }
        if tag.is_some_and(|began| at - began > LONGEST_TAG) {
            return Err(format!(
                "line {line}: a tag is longer than {LONGEST_TAG} bytes"
            ));
        }
        if brackets > DEEPEST {
            return Err(format!(
                "line {line}: a tag has more than {DEEPEST} brackets"
            ));
        }
    }
    if tags > TAGS {
        return Err(format!("it has {tags} tags, and may have {TAGS}"));
    }
    Ok(())
}

/// What the parser says of a template, in a line. It shows the place as a picture, but for that of a filter.
fn told(error: &str, text: &str) -> String {
    let filter = error.split_once("requested filter=");
    if let Some(name) = filter.and_then(|(_, rest)| rest.lines().next()) {
        let mut lines = (1..).zip(text.lines());
        let line = lines.find(|(_, line)| line.contains('|') && line.contains(name));
        let line = line.map_or(1, |(line, _)| line);
        return format!("line {line}: there is no filter {name}");
    }
    let place = error
        .split_once("--> ")
        .and_then(|(_, rest)| rest.lines().next());
    let place = place.and_then(|place| place.trim().split_once(':'));
    let what = error.lines().rev().find_map(|line| line.split_once("= "));
    if let (Some((line, column)), Some((_, what))) = (place, what) {
        return format!("line {line}, column {column}: {}", what.trim());
    }
    let lines: Vec<_> = error.lines().map(str::trim).collect();
    lines.join(" ").trim_start_matches("liquid: ").to_owned()
}

/// What is made of a template, until it is too long.
#[derive(Default)]
struct Message {
    text: Vec<u8>,
    is_too_long: bool,
}

impl Write for Message {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A character has at most four bytes.
        self.is_too_long |= self.text.len() + bytes.len() > 4 * LONGEST_MESSAGE;
        if self.is_too_long {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was spent so far.
#[derive(Default)]
struct Spent(usize);

pub(super) fn spend(runtime: &dyn Runtime, much: usize) -> Result<()> {
    let mut spent = runtime.registers().get_mut::<Spent>();
    spent.0 = spent.0.saturating_add(much);
    if spent.0 > BUDGET {
        return Error::with_msg("it does more than a message is worth").into_err();
    }
    Ok(())
}

/// What is not there is nothing, as Liquid has it, and no mistake.
pub(super) struct Lenient<R>(pub(super) R);

impl<R: Runtime> Runtime for Lenient<R> {
    fn partials(&self) -> &dyn PartialStore {
        self.0.partials()
    }

    fn name(&self) -> Option<liquid_core::model::KStringRef<'_>> {
        self.0.name()
    }

    fn roots(&self) -> std::collections::BTreeSet<KStringCow<'_>> {
        self.0.roots()
    }

    fn try_get(&self, path: &[ScalarCow<'_>]) -> Option<ValueCow<'_>> {
        self.0.try_get(path)
    }

    fn get(&self, path: &[ScalarCow<'_>]) -> Result<ValueCow<'_>> {
        Ok(self.0.try_get(path).unwrap_or(ValueCow::Owned(Value::Nil)))
    }

    fn set_global(&self, name: KString, value: Value) -> Option<Value> {
        self.0.set_global(name, value)
    }

    fn set_index(&self, name: KString, value: Value) -> Option<Value> {
        self.0.set_index(name, value)
    }

    fn get_index<'a>(&'a self, name: &str) -> Option<ValueCow<'a>> {
        self.0.get_index(name)
    }

    fn registers(&self) -> &Registers {
        self.0.registers()
    }
}

/// A block that is not nested too deep.
#[derive(Clone)]
struct Nested(Box<dyn ParseBlock>);

impl ParseBlock for Nested {
    fn parse(
        &self,
        arguments: TagTokenIter<'_>,
        block: TagBlock<'_, '_>,
        language: &Language,
    ) -> Result<Box<dyn Renderable>> {
        let depth = DEPTH.get();
        if depth == DEEPEST {
            let told = format!("blocks are nested more than {DEEPEST} deep");
            return Error::with_msg(told).into_err();
        }
        DEPTH.set(depth + 1);
        let parsed = self.0.parse(arguments, block, language);
        DEPTH.set(depth);
        parsed
    }

    fn reflection(&self) -> &dyn BlockReflection {
        self.0.reflection()
    }
}

/// A filter that spends of the budget.
#[derive(Clone)]
struct Bounded(Box<dyn ParseFilter>);

#[derive(Debug)]
struct BoundedFilter {
    filter: Box<dyn Filter>,
    arguments: Vec<Expression>,
    /// Its arguments are a format, which may ask for any width.
    formats: bool,
}

impl ParseFilter for Bounded {
    fn parse(&self, arguments: FilterArguments<'_>) -> Result<Box<dyn Filter>> {
        let FilterArguments {
            positional,
            keyword,
        } = arguments;
        let positional: Vec<_> = positional.collect();
        let keyword: Vec<_> = keyword.collect();
        let named = keyword.iter().map(|(_, argument)| argument);
        let arguments = positional.iter().chain(named).cloned().collect();
        let filter = self.0.parse(FilterArguments {
            positional: Box::new(positional.into_iter()),
            keyword: Box::new(keyword.into_iter()),
        })?;
        Ok(Box::new(BoundedFilter {
            filter,
            arguments,
            formats: self.0.reflection().name() == "date",
        }))
    }

    fn reflection(&self) -> &dyn FilterReflection {
        self.0.reflection()
    }
}

impl Filter for BoundedFilter {
    fn evaluate(&self, input: &dyn ValueView, runtime: &dyn Runtime) -> Result<Value> {
        spend(runtime, size(input)?)?;
        for argument in &self.arguments {
            let argument = argument.evaluate(runtime)?;
            spend(runtime, size(&argument)?)?;
            let width = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
            if self.formats && argument.to_kstr().as_bytes().windows(3).any(width) {
                return Error::with_msg("a date is not that wide").into_err();
            }
        }
        let made = self.filter.evaluate(input, runtime)?;
        spend(runtime, size(&made)?)?;
        Ok(made)
    }
}

impl fmt::Display for BoundedFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.filter, f)
    }
}

/// About how many bytes a value has.
fn size(value: &dyn ValueView) -> Result<usize> {
    const EACH: usize = 16;
    if let Some(scalar) = value.as_scalar() {
        let length = scalar.to_kstr().len();
        if length > LONGEST_VALUE {
            let told =
                format!("a filter takes and makes texts of {LONGEST_VALUE} bytes at the most");
            return Error::with_msg(told).into_err();
        }
        return Ok(EACH + length);
    }
    let mut sum = EACH;
    if let Some(array) = value.as_array() {
        for value in array.values() {
            sum += size(value)?;
        }
    } else if let Some(object) = value.as_object() {
        for value in object.values() {
            sum += size(value)?;
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// On a stack as small as they come.
    fn rendered(text: &str) -> std::result::Result<String, String> {
        let variables = json!({
            "code": "492016", "friendly_name": "Tom & Jerry's", "locale": "de",
            "user": { "name": "Jane", "user_metadata": { "list": ["a", "b", "c"] } },
            "long": "x".repeat(5_000), "many": vec![0; 5_000], "thirty": vec!["é"; 30],
        });
        let text = text.to_owned();
        let render = move || {
            let variables = liquid_core::to_object(&variables).unwrap();
            Parsed::new(&text)?.render(&variables)
        };
        let thread = std::thread::Builder::new().stack_size(1 << 20);
        thread.spawn(render).unwrap().join().unwrap()
    }

    #[test]
    fn what_auth0_has_is_there() {
        for (text, message) in [
            ("@{code} is plain", "@{code} is plain"),
            ("{{ code | escape }}", "492016"),
            ("{{ friendly_name | escape }}", "Tom &amp; Jerry&#39;s"),
            ("{{ nobody }}{{ user.nickname }}{{ pause }}!", "!"),
            ("{{ user.nickname | default: 'you' }}", "you"),
            (
                "{% if locale == 'de' %}Hallo{% elsif locale == 'fr' %}Salut{% else %}Hello{% endif %}",
                "Hallo",
            ),
            ("{% unless user.nickname %}no{% endunless %}", "no"),
            (
                "{% case locale %}{% when 'en' %}Hi{% when 'de', 'at' %}Hallo{% endcase %}",
                "Hallo",
            ),
            (
                "{% for item in user.user_metadata.list reversed %}{{ forloop.index }}{{ item }}{% endfor %}",
                "1c2b3a",
            ),
            (
                "{% for i in (1..9) offset:2 limit:3 %}{{ i }}{{ i.x }}{% endfor %}",
                "345",
            ),
            (
                "{% for i in nobody %}{{ i }}{% else %}none{% endfor %}",
                "none",
            ),
            (
                "{% for i in (1..3) %}{% cycle 'a', 'b' %}{% endfor %}",
                "aba",
            ),
            (
                "{% assign x = code | slice: 0, 3 %}{{ x }}-{% increment n %}{% decrement n %}",
                "492-00",
            ),
            (
                "{% raw %}{{ code }}{% endraw %}{% comment %}{{ code }}{% endcomment %}",
                "{{ code }}",
            ),
            ("{{ 'a,b' | split: ',' | join: '+' | upcase }}", "A+B"),
            ("{{ 7 | divided_by: 2 | plus: 1 | at_most: 3 }}", "3"),
            (
                "{{ '2026-11-26 10:00:00 +0000' | date: '%d.%m.%Y' }}",
                "26.11.2026",
            ),
            ("Code: {{- code -}} .", "Code:492016."),
        ] {
            assert_eq!(rendered(text).as_deref(), Ok(message), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, says) in [
            ("Hello\n{{ code ", "line 2, column"),
            ("Hello\n{% if code %}", "endif"),
            ("{% include 'footer' %}", "line 1, column 4: Unknown tag"),
            ("a\n{{ code | shout }}", "line 2: there is no filter shout"),
            ("{% for x of y %}{% endfor %}", "\"in\" expected"),
            ("{{ 99999999999999999999 }}", "a number in it is too large"),
            ("", "it has 0 characters"),
            ("{{ nobody }}", "it makes nothing"),
            ("{{ code | divided_by: 0 }}", ""),
        ] {
            let fault = rendered(text).unwrap_err();
            assert!(fault.contains(says), "{text}: {fault}");
            assert!(
                !fault.contains('\n') && !fault.contains("492016"),
                "{text}: {fault}"
            );
        }
    }

    #[test]
    fn nobody_is_held_up_by_a_template() {
        let nested = |open: &str, close: &str, times| {
            format!("{}x{}", open.repeat(times), close.repeat(times))
        };
        let loops = |times| nested("{% for i in thirty %}", "{% endfor %}", times);
        for (what, text) in [
            (
                "a range",
                "{% for i in (1..9000000000000000000) %}{% endfor %}".to_owned(),
            ),
            ("a list", "{% for i in many %}{% endfor %}".to_owned()),
            ("loops", loops(4).replace('x', "")),
            ("output", loops(3)),
            ("blocks", nested("{% if code %}", "{% endif %}", 99)),
            ("tags", "{% if code %}a{% endif %}".repeat(101)),
            (
                "elsif",
                format!("{{% if a %}}{}{{% endif %}}", "{% elsif a %}".repeat(1_000)),
            ),
            (
                "brackets",
                format!("{{{{ a{}b{} }}}}", "[a".repeat(100), "]".repeat(100)),
            ),
            (
                "conditions",
                format!("{{% if a{} %}}{{% endif %}}", " or a".repeat(3_000)),
            ),
            (
                "a quoted end",
                format!("{{% if '%}}'{} %}}{{% endif %}}", " or a".repeat(3_000)),
            ),
            (
                "a doubled text",
                format!(
                    "{{% assign a = code %}}{}{{{{ a }}}}",
                    "{% assign a = a | append: a %}".repeat(40)
                ),
            ),
            (
                "replaced",
                "{{ 'xxxxxxxxxx' | split: '' | join: code | replace: '', code | replace: '', code \
                | replace: '', code | replace: '', code | replace: '', code }}"
                    .to_owned(),
            ),
            ("a long text", "{{ long | upcase | size }}".to_owned()),
            (
                "a wide date",
                "{{ '2026-11-26' | date: '%999999999d' }}".to_owned(),
            ),
            ("a long message", "{{ long }}".to_owned()),
            ("a bit too long", "é".repeat(1_025)),
            ("too large", "x".repeat(20_001)),
            (
                "an overflow",
                "{{ 9223372036854775807 | times: 9223372036854775807 | plus: 1 }}{{ long }}"
                    .to_owned(),
            ),
        ] {
            let fault = rendered(&text).expect_err(what);
            assert!(
                fault.len() < 300 && !fault.contains("492016"),
                "{what}: {fault}"
            );
        }
        assert_eq!(rendered(&"é".repeat(1_024)).unwrap().chars().count(), 1_024);
        let most = format!("{{% if a %}}{}{{% endif %}}", "{% elsif a %}".repeat(190));
        assert_eq!(rendered(&(most + "x")).as_deref(), Ok("x"));
        let deepest = nested("{% if code %}", "{% endif %}", DEEPEST);
        assert_eq!(rendered(&deepest).as_deref(), Ok("x"));
    }
}
