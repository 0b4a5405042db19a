use std::fmt;

use wasmparser::{KnownCustom, Name, Parser, Payload};

/// How much of a name is shown, in characters.
const SHOWN: usize = 120;

/// A place in a component, counted as `wasm-tools` counts.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Place {
    /// The core module, in the order in which they stand in the file.
    pub module: u32,
    /// The function in it, by index; imported functions come first.
    pub function: Option<u32>,
    /// The function's name, if the component has it.
    pub name: Option<String>,
}

impl Place {
    pub(crate) fn module(module: u32) -> Self {
        Self {
            module,
            function: None,
            name: None,
        }
    }

    pub(crate) fn function(module: u32, function: u32) -> Self {
        Self {
            function: Some(function),
            ..Self::module(module)
        }
    }

    /// The same place with its function's name, looked up in the module's name section.
    pub(crate) fn named(mut self, component: &[u8]) -> Self {
        self.name = self
            .function
            .and_then(|function| name(component, self.module, function));
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(function) = self.function {
            write!(f, "function {function} ")?;
        }
        if let Some(name) = &self.name {
            write!(f, "({name}) ")?;
        }
        if self.function.is_some() {
            f.write_str("of ")?;
        }
        write!(f, "core module {}", self.module)
    }
}

/// The name of a function, in so far as the component is well-formed up to there.
fn name(component: &[u8], module: u32, function: u32) -> Option<String> {
    let (mut modules, mut inside) = (0, false);
    for payload in Parser::new(0).parse_all(component) {
        match payload.ok()? {
            Payload::ModuleSection { .. } => {
                inside = modules == module;
                modules += 1;
            }
            // A module has none inside.
            Payload::End(_) if inside => return None,
            Payload::CustomSection(section) if inside => {
                if let KnownCustom::Name(names) = section.as_known() {
                    return names.into_iter().map_while(Result::ok).find_map(|names| {
                        let Name::Function(names) = names else {
                            return None;
                        };
                        let mut names = names.into_iter().map_while(Result::ok);
                        let name = names.find(|naming| naming.index == function)?.name;
                        Some(demangled(name))
                    });
                }
            }
            _ => {}
        }
    }
    None
}

fn demangled(name: &str) -> String {
    rustc_demangle::try_demangle(name)
        .map_or_else(|_| shown(name), |name| shown(&format!("{name:#}")))
}

/// A name as it can be shown to people: short, on one line, with nothing invisible in it.
pub(crate) fn shown(name: &str) -> String {
    let mut shown: String = name
        .chars()
        .take(SHOWN)
        .map(|c| {
            if hides(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect();
    if name.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// What a parser says, which may quote the component, as it can be shown to people.
pub(crate) fn one_line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let line = words.join(" ");
    line.replace(hides, "\u{fffd}")
}

/// Whether a character is a control character, or one of those that reorder or hide what stands beside them.
pub(crate) fn hides(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}
