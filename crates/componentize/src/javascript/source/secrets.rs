//! Which secrets are read.

use super::ORIGINS;
use super::reader::{Reader, Token};

/// The secrets that a source reads: `event.secrets.NAME`, `secrets['NAME']`, `const { NAME } = event.secrets`, and
/// `{ secrets: { NAME } }` in a pattern.
pub(super) struct Reads<'a> {
    /// What has the secrets: `event`, or a module's `actions`.
    of: &'static str,
    pub(super) found: Vec<(&'a str, usize)>,
    /// Of each brace that is open, whether it is that of secrets, and the names that stand first in it.
    open: Vec<(bool, Vec<(&'a str, usize)>)>,
    /// The names in the brace that has just been closed, and the token that must come next for them to be of secrets.
    closed: Option<(Vec<(&'a str, usize)>, Token<'static>)>,
}

impl<'a> Reads<'a> {
    pub(super) fn of(object: &'static str) -> Self {
        Self {
            of: object,
            found: Vec::new(),
            open: Vec::new(),
            closed: None,
        }
    }

    pub(super) fn see(
        &mut self,
        before: [Token<'a>; 4],
        token: Token<'a>,
        at: usize,
        reader: &Reader<'a>,
    ) {
        const SECRETS: Token<'static> = Token::Name("secrets");
        if let Some((names, next)) = self.closed.take() {
            match (next, token) {
                (Token::Sign(b'='), Token::Sign(b'=')) | (SECRETS, Token::Sign(b'.')) => {
                    self.closed = Some((names, SECRETS));
                }
                (SECRETS, Token::Name(object)) if object == self.of => {
                    self.closed = Some((names, SECRETS));
                }
                (SECRETS, SECRETS) if reader.peek(0) != Some(b'.') => self.add(names),
                _ => {}
            }
        }
        match token {
            Token::Sign(b'{') => {
                let of_secrets = matches!(before, [.., SECRETS, Token::Sign(b':')]);
                self.open.push((of_secrets, Vec::new()));
            }
            Token::Sign(b'}') => {
                if let Some((of_secrets, names)) = self.open.pop() {
                    if of_secrets {
                        self.add(names);
                    } else {
                        self.closed = Some((names, Token::Sign(b'=')));
                    }
                }
            }
            Token::Name(name) => match before {
                [
                    Token::Name(object),
                    Token::Sign(b'.'),
                    SECRETS,
                    Token::Sign(b'.'),
                ] if object == self.of && reader.peek(0) != Some(b'(') => {
                    self.add(vec![(name, at)]);
                }
                [_, last, SECRETS, Token::Sign(b'.')]
                    if last != Token::Sign(b'.') && reader.peek(0) != Some(b'(') =>
                {
                    self.add(vec![(name, at)]);
                }
                [.., Token::Sign(b'{' | b',')] => {
                    if let Some((_, names)) = self.open.last_mut()
                        && names.len() < ORIGINS
                    {
                        names.push((name, at));
                    }
                }
                _ => {}
            },
            Token::Text(name) if matches!(before, [.., SECRETS, Token::Sign(b'[')]) => {
                self.add(vec![(name, at)]);
            }
            _ => {}
        }
    }

    fn add(&mut self, names: Vec<(&'a str, usize)>) {
        for (name, at) in names {
            if self.found.len() < ORIGINS && !self.found.iter().any(|(known, _)| *known == name) {
                self.found.push((name, at));
            }
        }
    }
}
