//! Sources that are no action by themselves.

use super::super::MODULE;
use super::examine;
use super::reader::{Reader, Token};

/// Why a source has to be bundled to be an action, in words that fit `it has to be bundled:`; None if it is one by itself.
pub fn wants_bundling(source: &str) -> Option<String> {
    if is_module(source) {
        return Some("it is an ES module".to_owned());
    }
    let none: [&str; 0] = [];
    let lacking = examine(source, &[], &none).err().into_iter().flatten();
    // Modules of the action's are never bundled.
    let is_package = |message: &str| !message.starts_with(&format!("require('{MODULE}"));
    let mut lacking =
        lacking.filter(|error| error.id == "module_not_found" && is_package(&error.message));
    let line = lacking.next()?.line.unwrap_or_default();
    Some(format!("line {line} requires what phonebox does not have"))
}

/// Whether there is an `import` or an `export` in it.
fn is_module(source: &str) -> bool {
    let mut reader = Reader::new(source);
    let mut last = Token::Start;
    // The keyword before this token, and whether it is in nothing.
    let mut keyword = None;
    while let Some((token, _)) = reader.next() {
        let declares = matches!(token, Token::Name(_) | Token::Sign(b'{' | b'*'));
        match keyword.take() {
            Some(("import", _)) if token == Token::Sign(b'(') => return true,
            Some(("import", true)) if declares || matches!(token, Token::Text(_)) => return true,
            Some(("export", true)) if declares => return true,
            _ => {}
        }
        if let Token::Name(name @ ("import" | "export")) = token
            && last != Token::Sign(b'.')
        {
            keyword = Some((name, reader.is_in_nothing()));
        }
        last = token;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::wants_bundling;

    #[test]
    fn what_wants_bundling_is_told_from_what_does_not() {
        for source in [
            "import axios from 'axios';",
            "import 'x'",
            "import * as x from 'x'",
            "import { a } from 'a'",
            "export const onExecuteCustomPhoneProvider = async () => {};",
            "export default async () => {};",
            "export { x }; export * from 'y';",
            "exports.x = async () => { await import('zod'); };",
            "const { sms } = require('./sms');",
            "const zod = require('zod');",
        ] {
            assert!(wants_bundling(source).is_some(), "{source}");
        }
        for source in [
            "const axios = require('axios'), crypto = require('node:crypto');",
            "// import x from 'x'\nconst text = 'import x'; module.exports = { import: 1, export: 2 }; exports.x = y.import({});",
            "try { require('maybe') } catch {}",
            "const fs = require('fs');",
            "const { send } = require('actions:gateway');",
            "exports.onExecuteCustomPhoneProvider = async (event, api) => { api.export('x'); };",
        ] {
            assert_eq!(wants_bundling(source), None, "{source}");
        }
    }
}
