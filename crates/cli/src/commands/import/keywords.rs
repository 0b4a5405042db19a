//! What stands in an export for something that is another in each environment: `##NAME##` for a text, and `@@NAME@@`, with or
//! without quotes, for a value of JSON.

use std::path::Path;

use serde_json::{Map, Value};

use crate::commands::secrets;
use crate::dirs;
use crate::failure::{Code, Failure};

/// Under which name auth0-deploy-cli's own settings have them.
const SETTING: &str = "AUTH0_KEYWORD_REPLACE_MAPPINGS";

/// What they stand for. There may be secrets in it.
pub(super) struct Keywords {
    mappings: Map<String, Value>,
    /// Whether what is not in there is in the environment.
    environment: bool,
}

impl Keywords {
    /// Reads a file of them, where there is one.
    pub(super) fn read(path: Option<&Path>, environment: bool) -> Result<Self, Failure> {
        let mappings = path.map(mappings).transpose()?.unwrap_or_default();
        Ok(Self {
            mappings,
            environment,
        })
    }

    /// Puts in their place what they stand for. What nobody has said of stays.
    pub(super) fn replace(&self, text: &str) -> String {
        let text = replace(text, "@@", |name| Some(self.get(name)?.to_string()));
        replace(&text, "##", |name| match self.get(name)? {
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        })
    }

    fn get(&self, name: &str) -> Option<Value> {
        let environment = || {
            let value = self.environment.then(|| dirs::variable(name));
            Some(value??.to_string_lossy().into_owned().into())
        };
        self.mappings.get(name).cloned().or_else(environment)
    }
}

fn mappings(path: &Path) -> Result<Map<String, Value>, Failure> {
    let text = secrets::file(path)?;
    // What is wrong is told without what is there.
    let read = serde_json::from_str(text.reveal()).map_err(|error| {
        Failure::new(format!(
            "{} is no object of JSON: line {}, column {}",
            path.display(),
            error.line(),
            error.column()
        ))
        .hint(r#"write it so: {"NAME": "what it stands for"}"#)
        .code(Code::Usage)
    });
    let mut mappings: Map<String, Value> = read?;
    Ok(match mappings.remove(SETTING) {
        Some(Value::Object(mappings)) => mappings,
        _ => mappings,
    })
}

/// The name that a whole text stands for.
pub(super) fn name(text: &str) -> Option<&str> {
    let name = text.strip_prefix("##")?.strip_suffix("##")?;
    is_name(name).then_some(name)
}

/// The first of them in a text.
pub(super) fn first(text: &str) -> Option<String> {
    let mut first = None;
    for mark in ["@@", "##"] {
        replace(text, mark, |name| {
            first.get_or_insert_with(|| format!("{mark}{name}{mark}"));
            None
        });
    }
    first
}

fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

fn replace(text: &str, mark: &str, mut with: impl FnMut(&str) -> Option<String>) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(mark) {
        let named = after.split_once(mark).filter(|(name, _)| is_name(name));
        let Some((value, after)) = named.and_then(|(name, after)| Some((with(name)?, after)))
        else {
            done.push_str(before);
            done.push_str(mark);
            rest = after;
            continue;
        };
        // A value of JSON brings its own quotes.
        let quotes: &[char] = if mark == "@@" { &['"', '\''] } else { &[] };
        let mut unquoted = quotes
            .iter()
            .filter_map(|quote| Some((before.strip_suffix(*quote)?, after.strip_prefix(*quote)?)));
        let (before, after) = unquoted.next().unwrap_or((before, after));
        done.push_str(before);
        done.push_str(&value);
        rest = after;
    }
    done + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_keyword_is_replaced_as_auth0_deploy_cli_does() {
        let mappings = json!({ "SID": "AC1", "METHODS": ["text"], "OFF": false, "MONEY": "$&" });
        let keywords = Keywords {
            mappings: mappings.as_object().unwrap().clone(),
            environment: false,
        };
        for (text, replaced) in [
            ("{\"sid\":\"##SID##\"}", "{\"sid\":\"AC1\"}"),
            ("{\"m\":\"@@METHODS@@\"}", "{\"m\":[\"text\"]}"),
            ("m: '@@METHODS@@'", "m: [\"text\"]"),
            ("{\"m\":@@METHODS@@}", "{\"m\":[\"text\"]}"),
            ("{\"off\":##OFF##}", "{\"off\":false}"),
            ("##MONEY####SID##", "$&AC1"),
            ("##NOBODY_SAID## ##SID##", "##NOBODY_SAID## AC1"),
            ("### heading ##SID##", "### heading AC1"),
            ("a ## b", "a ## b"),
        ] {
            assert_eq!(keywords.replace(text), replaced, "{text}");
        }
        assert_eq!(first("x ##A## @@B@@").as_deref(), Some("@@B@@"));
        assert_eq!(first("# of ## something"), None);
        assert_eq!(name("##A##"), Some("A"));
        assert_eq!(name("##A## "), None);
    }
}
