//! A source as a row of tokens.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Token<'a> {
    /// Before the first.
    Start,
    /// A name or a keyword.
    Name(&'a str),
    /// What stands between quotes, or a part of a template.
    Text(&'a str),
    Sign(u8),
    /// A number or a regular expression.
    Other,
}

/// What a brace opened.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Open {
    Brace,
    Try,
    /// A value in a template.
    Value,
    Parenthesis,
    /// The parameters of a function.
    Parameters,
}

pub(super) struct Reader<'a> {
    source: &'a str,
    at: usize,
    last: Token<'a>,
    before_last: Token<'a>,
    open: Vec<Open>,
    /// How many of what is open are [`Open::Try`].
    tries: usize,
    /// Whether the text that was read last goes on with a value.
    goes_on: bool,
    /// What stands around the text that was read last, if that is no template.
    pub(super) quote: Option<u8>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self {
            source,
            at: 0,
            last: Token::Start,
            before_last: Token::Start,
            open: Vec::new(),
            tries: 0,
            goes_on: false,
            quote: None,
        }
    }

    pub(super) fn goes_on(&self) -> bool {
        self.goes_on
    }

    pub(super) fn within_try(&self) -> bool {
        self.tries > 0
    }

    pub(super) fn in_parameters(&self) -> bool {
        self.open.last() == Some(&Open::Parameters)
    }

    /// Whether it is in no braces and no parentheses.
    pub(super) fn is_in_nothing(&self) -> bool {
        self.open.is_empty()
    }

    /// The next token, and where it begins.
    pub(super) fn next(&mut self) -> Option<(Token<'a>, usize)> {
        self.skip();
        let begin = self.at;
        let first = self.peek(0)?;
        let token = match first {
            b'\'' | b'"' => self.quoted(first),
            b'`' => {
                self.at += 1;
                self.template()
            }
            b'}' if self.open.last() == Some(&Open::Value) => {
                self.open.pop();
                self.at += 1;
                self.template()
            }
            b'/' if self.may_be_expression() => self.regular_expression(),
            b'0'..=b'9' => {
                self.while_is(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
                Token::Other
            }
            _ if is_name(first) => {
                self.while_is(is_name);
                Token::Name(self.source.get(begin..self.at).unwrap_or_default())
            }
            sign => {
                self.at += 1;
                self.sign(sign);
                Token::Sign(sign)
            }
        };
        self.before_last = self.last;
        self.last = token;
        Some((token, begin))
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.as_bytes().get(self.at + ahead).copied()
    }

    fn while_is(&mut self, is: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&is) {
            self.at += 1;
        }
    }

    /// Passes over blanks and comments.
    fn skip(&mut self) {
        loop {
            self.while_is(|byte| byte.is_ascii_whitespace());
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'/')) => self.while_is(|byte| byte != b'\n'),
                (Some(b'/'), Some(b'*')) => {
                    let rest = self.source.get(self.at + 2..).unwrap_or_default();
                    let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
                    self.at += 2 + end;
                }
                _ => return,
            }
        }
    }

    fn sign(&mut self, sign: u8) {
        match sign {
            b'{' if self.last == Token::Name("try") => {
                self.tries += 1;
                self.open.push(Open::Try);
            }
            b'{' => self.open.push(Open::Brace),
            b'(' => {
                let function = matches!(self.last, Token::Name("function"))
                    || matches!(
                        (self.before_last, self.last),
                        (Token::Name("function"), Token::Name(_))
                    );
                self.open.push(if function {
                    Open::Parameters
                } else {
                    Open::Parenthesis
                });
            }
            b'}' | b')' if self.open.pop() == Some(Open::Try) => self.tries -= 1,
            _ => {}
        }
    }

    fn quoted(&mut self, quote: u8) -> Token<'a> {
        self.at += 1;
        let begin = self.at;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.at += 2,
                b'\n' => break,
                byte if byte == quote => break,
                _ => self.at += 1,
            }
        }
        self.goes_on = false;
        self.quote = Some(quote);
        self.cut(begin)
    }

    /// A part of a template: up to its end, or to a value in it.
    fn template(&mut self) -> Token<'a> {
        let begin = self.at;
        self.goes_on = false;
        self.quote = None;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.at += 2,
                b'`' => break,
                b'$' if self.peek(1) == Some(b'{') => {
                    self.goes_on = true;
                    self.open.push(Open::Value);
                    let text = self.source.get(begin..self.at).unwrap_or_default();
                    self.at += 2;
                    return Token::Text(text);
                }
                _ => self.at += 1,
            }
        }
        self.cut(begin)
    }

    /// The text from there to here, past its end.
    fn cut(&mut self, begin: usize) -> Token<'a> {
        let end = self.at.min(self.source.len());
        self.at = end + 1;
        Token::Text(self.source.get(begin..end).unwrap_or_default())
    }

    fn may_be_expression(&self) -> bool {
        match self.last {
            Token::Start => true,
            Token::Name(name) => matches!(
                name,
                "await"
                    | "case"
                    | "delete"
                    | "do"
                    | "else"
                    | "in"
                    | "instanceof"
                    | "new"
                    | "of"
                    | "return"
                    | "throw"
                    | "typeof"
                    | "void"
                    | "yield"
            ),
            Token::Sign(sign) => !matches!(sign, b')' | b']' | b'}'),
            Token::Text(_) | Token::Other => false,
        }
    }

    fn regular_expression(&mut self) -> Token<'a> {
        self.at += 1;
        let mut in_class = false;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => break,
                b'\n' => break,
                _ => {}
            }
        }
        self.while_is(is_name);
        Token::Other
    }
}

/// Whatever is not ASCII is taken for part of a name.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}
