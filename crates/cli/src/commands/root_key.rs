//! `phonebox root-key`: what the store is encrypted with is replaced while the server runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use phonebox::{Keys, RootKeyId};
use serde_json::{Value, json};

use super::serve::KEYS;
use crate::api::{Api, Ask, all, number, part, text};
use crate::args;
use crate::config::Config;
use crate::failure::{Code, Failure};
use crate::output::Output;

/// How long is waited between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);

pub(super) async fn run(arguments: args::RootKey, output: Output) -> Result<Code, Failure> {
    match arguments {
        args::RootKey::List { server } => {
            let api = Api::new(&server, output)?;
            show(&api.ask(Ask::get(&["root-keys"])).await?, output);
        }
        args::RootKey::Add { file, data } => {
            let path = path(&file, &data)?;
            let id = Keys::add_to_file(&path)?;
            output.say("`phonebox root-key rotate` has the server use it");
            output.result(
                format!("the root key {id} stands first in {}", path.display()),
                &json!({ "id": id.to_string(), "file": path }),
            );
        }
        args::RootKey::Rotate { server } => {
            let api = Api::new(&server, output)?;
            let mut told = api.ask(Ask::post(&["root-keys", "rotate"])).await?;
            let mut before = None;
            loop {
                let left = needed_by_others(&told);
                if left == 0 {
                    break;
                }
                // Nothing else needs an earlier key more and more.
                if before != Some(left) {
                    output.step("rotating", format!("{left} texts need an earlier key"));
                    before = Some(left);
                }
                tokio::time::sleep(LOOK).await;
                told = api.ask(Ask::get(&["root-keys"])).await?;
            }
            show(&told, output);
        }
        args::RootKey::Remove { id, file, server } => {
            let id: RootKeyId = id
                .parse()
                .map_err(|invalid| Failure::chain(&invalid).code(Code::Usage))?;
            let path = path(&file, &server.data)?;
            let api = Api::new(&server, output)?;
            let told = api.ask(Ask::get(&["root-keys"])).await?;
            may_go(&told, id)?;
            Keys::remove_from_file(&path, id)?;
            api.ask(Ask::post(&["root-keys", "rotate"])).await?;
            output.result(
                format!("the root key {id} is gone from {}", path.display()),
                &json!({ "removed": id.to_string(), "file": path }),
            );
        }
    }
    Ok(Code::Ok)
}

fn show(told: &Value, output: Output) {
    let row = |key: &Value| {
        let state = match (part(key, "active") == true, part(key, "present") == true) {
            (true, _) => "encrypts",
            (false, true) => "decrypts",
            (false, false) => "missing",
        };
        [text(key, "id"), state.to_owned(), number(key, "needed_by")]
    };
    let rows = all(told, "root_keys").iter().map(row);
    output.list(["ROOT KEY", "STATE", "NEEDED BY"], rows, told);
}

fn needed_by_others(told: &Value) -> u64 {
    let others = all(told, "root_keys")
        .iter()
        .filter(|key| part(key, "active") != true);
    others
        .filter_map(|key| part(key, "needed_by").as_u64())
        .sum()
}

/// Nothing is encrypted with a key that the server has and that is not the active one: what is needed by nothing stays so.
fn may_go(told: &Value, id: RootKeyId) -> Result<(), Failure> {
    let named = |key: &&Value| text(key, "id") == id.to_string();
    let Some(key) = all(told, "root_keys").iter().find(named) else {
        return Err(Failure::new(format!("the server has no root key {id}"))
            .hint("see `phonebox root-key list`")
            .code(Code::NotFound));
    };
    if part(key, "active") == true {
        return Err(
            Failure::new(format!("the root key {id} is the one that encrypts"))
                .hint("`phonebox root-key add` another one, and rotate, first")
                .code(Code::Conflict),
        );
    }
    match part(key, "needed_by").as_u64() {
        Some(0) => Ok(()),
        _ => Err(Failure::new(format!(
            "{} texts in the store cannot be read without the root key {id}",
            number(key, "needed_by")
        ))
        .hint("`phonebox root-key rotate` first")
        .code(Code::Conflict)),
    }
}

/// The file of keys that the server reads.
fn path(named: &args::KeyFile, data: &Path) -> Result<PathBuf, Failure> {
    if let Some(path) = &named.file {
        return Ok(path.clone());
    }
    let config = Config::read(named.config.as_deref())?;
    let keys = config.keys();
    if keys.command.is_some() {
        return Err(
            Failure::new("the keys come from a command, and not from a file")
                .hint(
                    "change what it prints, the new key first, and then `phonebox root-key rotate`",
                )
                .code(Code::Usage),
        );
    }
    Ok(keys.file.clone().unwrap_or_else(|| data.join(KEYS)))
}
