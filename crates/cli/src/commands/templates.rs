//! `phonebox templates`: what is said where a notification comes without words.

use std::path::Path;

use http::Method;
use serde_json::{Map, Value, json};

use super::change::Change;
use super::{provider, secrets};
use crate::api::{Api, Ask, all, part, shown, text};
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::{BOLD, DIM, Output};

/// Where they are.
const TEMPLATES: [&str; 3] = ["branding", "phone", "templates"];

/// A template as it should be. What is none stays as it is.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) text: Option<String>,
    pub(super) voice: Option<String>,
    pub(super) from: Option<String>,
    pub(super) disabled: Option<bool>,
}

pub(super) async fn run(arguments: args::Templates, output: Output) -> Result<Code, Failure> {
    match arguments {
        args::Templates::List { server } => {
            let api = Api::new(&server, output)?;
            let templates = list(&api).await?;
            let row = |template: &Value| {
                let own = part(template, "id").is_string();
                let disabled = part(template, "disabled") == true;
                [
                    text(template, "type"),
                    if own { "its own" } else { "phonebox's" }.to_owned(),
                    if disabled { "no" } else { "yes" }.to_owned(),
                    text(part(template, "content"), "from"),
                    text(template, "updated_at"),
                ]
            };
            output.list(
                ["TYPE", "WORDS", "SENT", "FROM", "UPDATED"],
                templates.iter().map(row),
                &json!({ "templates": templates }),
            );
        }
        args::Templates::Show { of, server } => {
            let api = Api::new(&server, output)?;
            let template = find(&api, of.as_str()).await?;
            output.result(whole(&template), &template);
        }
        args::Templates::Set(set) => {
            let api = Api::new(&set.server, output)?;
            let words = |path: Option<&Path>| path.map(words).transpose();
            let wanted = Wanted {
                text: words(set.text.as_deref())?,
                voice: words(set.voice.as_deref())?,
                from: set.from,
                disabled: match (set.enable, set.disable) {
                    (false, false) => None,
                    (_, disable) => Some(disable),
                },
            };
            let is = find(&api, set.of.as_str()).await?;
            let change = put(&api, &is, &wanted, false).await?;
            output.result(change.sentence(), &change);
        }
        args::Templates::Reset { of, server } => {
            let api = Api::new(&server, output)?;
            let is = find(&api, of.as_str()).await?;
            let kind = of.as_str();
            if part(&is, "id").is_null() {
                output.result(format!("the template {kind} is so already"), &is);
                return Ok(Code::Ok);
            }
            let ask = one(Method::PATCH, &is, &["reset"]).json(&json!({}));
            let reset = api.ask(ask).await?;
            output.result(
                format!("the template {kind} says what phonebox says by itself"),
                &reset,
            );
        }
        args::Templates::Test {
            of,
            number,
            channel,
            server,
        } => {
            let api = Api::new(&server, output)?;
            let is = find(&api, of.as_str()).await?;
            let ask = one(Method::POST, &is, &["try"]).json(&provider::to(&number, channel));
            provider::tried(&api.ask(ask).await?, output);
        }
    }
    Ok(Code::Ok)
}

/// What is in a file, but for the end of its last line.
fn words(path: &Path) -> Result<String, Failure> {
    let text = secrets::file(path)?;
    let text = text.reveal();
    Ok(text.strip_suffix('\n').unwrap_or(text).to_owned())
}

pub(super) async fn list(api: &Api) -> Result<Vec<Value>, Failure> {
    let listed = api.ask(Ask::management(Method::GET, &TEMPLATES)).await?;
    Ok(all(&listed, "templates").to_vec())
}

async fn find(api: &Api, kind: &str) -> Result<Value, Failure> {
    let templates = list(api).await?.into_iter();
    let mut templates = templates.filter(|template| part(template, "type") == kind);
    templates.next().ok_or_else(|| {
        Failure::new(format!("the server has no template {kind}")).code(Code::NotFound)
    })
}

fn one(method: Method, template: &Value, more: &[&str]) -> Ask {
    let id = part(template, "id").as_str().unwrap_or_default();
    Ask::management(method, &[&TEMPLATES, &[id][..], more].concat())
}

/// Has a template be so, as it `is` by the server; if `dry`, says what there is to do, alone.
pub(super) async fn put(
    api: &Api,
    is: &Value,
    wanted: &Wanted,
    dry: bool,
) -> Result<Change, Failure> {
    let kind = part(is, "type").as_str().unwrap_or_default();
    let what = format!("the template {kind}");
    let was = part(is, "content");
    let mut changes = Vec::new();
    // It is all of it that is sent.
    let mut words = Map::new();
    for (key, wanted) in [("text", &wanted.text), ("voice", &wanted.voice)] {
        let is = part(part(was, "body"), key).as_str();
        if wanted.is_some() && wanted.as_deref() != is {
            changes.push(format!("its {key}"));
        }
        if let Some(words_of) = wanted.as_deref().or(is) {
            words.insert(key.into(), words_of.into());
        }
    }
    let mut content = Map::new();
    content.insert("body".into(), words.into());
    let from = part(was, "from").as_str().filter(|from| !from.is_empty());
    if wanted.from.is_some() && wanted.from.as_deref() != from {
        changes.push("its sender".to_owned());
    }
    if let Some(from) = wanted.from.as_deref().or(from) {
        content.insert("from".into(), from.into());
    }
    let disabled = part(is, "disabled") == true;
    if let Some(wanted) = wanted.disabled.filter(|wanted| disabled != *wanted) {
        changes.push(if wanted { "disabled" } else { "enabled" }.to_owned());
    }
    let disabled = wanted.disabled.unwrap_or(disabled);
    let is_new = part(is, "id").is_null();
    if !dry && !changes.is_empty() {
        let ask = if is_new {
            content.insert("syntax".into(), "liquid".into());
            let new = json!({ "type": kind, "disabled": disabled, "content": content });
            Ask::management(Method::POST, &TEMPLATES).json(&new)
        } else {
            let put = json!({ "disabled": disabled, "content": content });
            one(Method::PATCH, is, &[]).json(&put)
        };
        api.ask(ask).await?;
    }
    Ok(if is_new && !changes.is_empty() {
        Change::created(what)
    } else {
        Change::updated(what, changes)
    })
}

/// A template, as lines.
fn whole(template: &Value) -> String {
    let content = part(template, "content");
    let mut heading = vec![format!("{BOLD}{}{BOLD:#}", text(template, "type"))];
    if part(template, "disabled") == true {
        heading.push("disabled: nothing is sent".to_owned());
    }
    if part(content, "from").is_string() {
        heading.push(format!("{DIM}from {}{DIM:#}", text(content, "from")));
    }
    let mut lines = vec![heading.join("  ")];
    for key in ["text", "voice"] {
        let body = part(part(content, "body"), key).as_str();
        lines.push(format!("{BOLD}{key}{BOLD:#}"));
        let body = body.unwrap_or_default().lines();
        lines.extend(body.map(|line| format!("  {}", shown(line))));
    }
    lines.join("\n")
}
