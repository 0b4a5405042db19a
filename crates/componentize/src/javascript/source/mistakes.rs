//! What is likely not meant, and what is often got wrong.

use phonebox_contract::BuildError;

use super::super::{MODULE, Module};
use super::located;
use super::reader::{Reader, Token, is_name};

/// Likely mistakes of one kind that are told of one source.
const MISTAKES: usize = 5;

/// Where a source does what is JavaScript, and likely not meant.
#[derive(Default)]
pub(super) struct Mistakes {
    /// `event.secret`, which there is not.
    secret: Vec<usize>,
    /// `'${name}'`, which is no template.
    template: Vec<usize>,
}

impl Mistakes {
    pub(super) fn see(
        &mut self,
        before: [Token<'_>; 4],
        token: Token<'_>,
        at: usize,
        reader: &Reader<'_>,
    ) {
        match token {
            Token::Name("secret")
                if matches!(before, [.., Token::Name("event"), Token::Sign(b'.')]) =>
            {
                self.secret.push(at);
            }
            Token::Text(text) if reader.quote == Some(b'\'') || reader.quote == Some(b'"') => {
                let is_value = |(at, _): (usize, &str)| {
                    text.as_bytes()
                        .get(at + 2)
                        .is_some_and(|byte| is_name(*byte))
                        && text.get(at..).is_some_and(|rest| rest.contains('}'))
                };
                if text.match_indices("${").any(is_value) {
                    self.template.push(at);
                }
            }
            _ => {}
        }
    }

    pub(super) fn tell(self, source: &str) -> Vec<BuildError> {
        let all = |places: Vec<usize>, id: &'static str, message: &'static str| {
            places
                .into_iter()
                .take(MISTAKES)
                .map(move |at| located(source, at, id, message))
        };
        let secret = all(
            self.secret,
            "event_secret",
            "there is no event.secret: the secrets are in event.secrets",
        );
        let template = all(
            self.template,
            "quoted_template",
            "${…} is a value only in a template, which stands between backticks; between quotes it is sent as it is written",
        );
        secret.chain(template).collect()
    }
}

/// What a handler is written like.
const HANDLER: &str = "exports.onExecuteCustomPhoneProvider = async function(event, api) { }";

/// What an error of the engine's is in words that say how to mend it, where it is one that those who come from Auth0 make often.
pub fn explain(source: &str, modules: &[Module], error: BuildError) -> BuildError {
    let file = error.file.as_deref();
    let name = file.and_then(|file| file.strip_prefix(MODULE));
    let module = modules.iter().find(|module| name == Some(&module.name));
    let source = module.map_or(source, |module| &module.code);
    let Some(line) = error.line.filter(|_| error.id == "syntax_error") else {
        return error;
    };
    let text = source
        .lines()
        .nth(line.saturating_sub(1) as usize)
        .unwrap_or_default();
    let before: String = text
        .chars()
        .take(error.column.unwrap_or(1).saturating_sub(1) as usize)
        .collect();
    let first = text
        .split(|c: char| !c.is_alphanumeric())
        .find(|word| !word.is_empty());
    let (id, message) = if ends_with_word(&before, "await") {
        (
            "await_outside_async",
            format!(
                "`await` is there in async functions only: write `async` before the function that this is in, as in \"{HANDLER}\""
            ),
        )
    } else if matches!(first, Some("import" | "export")) {
        (
            "module_syntax",
            "an action is a CommonJS module: `export` is written `exports.NAME = `, and `import` is written `const NAME = \
             require('PACKAGE')`"
                .to_owned(),
        )
    } else {
        return error;
    };
    BuildError {
        id: id.to_owned(),
        message,
        ..error
    }
}

fn ends_with_word(text: &str, word: &str) -> bool {
    text.trim_end().strip_suffix(word).is_some_and(|rest| {
        !rest.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'))
    })
}
