//! URLs and forms, by the crates that browsers have them from.

use ::url::{Url, quirks};
use rquickjs::function::{Func, Opt};
use rquickjs::{Ctx, Object, Result};

use crate::host::wrong;

pub(crate) fn add(object: &Object<'_>) -> Result<()> {
    object.set("urlParse", Func::from(parse))?;
    object.set("urlGet", Func::from(get))?;
    object.set("urlSet", Func::from(set))?;
    object.set("formParse", Func::from(form_parse))?;
    object.set("formSerialize", Func::from(form_serialize))
}

/// The URL as it is written, or none if it is none.
fn parse(url: String, base: Opt<Option<String>>) -> Option<String> {
    let parsed = match base.0.flatten() {
        Some(base) => Url::parse(&base).and_then(|base| base.join(&url)),
        None => Url::parse(&url),
    };
    parsed.ok().map(String::from)
}

/// One part of a URL that was parsed.
fn get(ctx: Ctx<'_>, href: String, part: String) -> Result<String> {
    let url = Url::parse(&href).map_err(|_| wrong(&ctx, "Invalid URL"))?;
    let found = match part.as_str() {
        "origin" => return Ok(quirks::origin(&url)),
        "protocol" => quirks::protocol(&url),
        "username" => quirks::username(&url),
        "password" => quirks::password(&url),
        "host" => quirks::host(&url),
        "hostname" => quirks::hostname(&url),
        "port" => quirks::port(&url),
        "pathname" => quirks::pathname(&url),
        "search" => quirks::search(&url),
        "hash" => quirks::hash(&url),
        _ => return Err(wrong(&ctx, "unknown part")),
    };
    Ok(found.to_owned())
}

/// The URL with another part. What cannot be that part is passed over, as the standard has it.
fn set(ctx: Ctx<'_>, href: String, part: String, value: String) -> Result<String> {
    let mut url = Url::parse(&href).map_err(|_| wrong(&ctx, "Invalid URL"))?;
    let url_ = &mut url;
    let done = match part.as_str() {
        "protocol" => quirks::set_protocol(url_, &value),
        "username" => quirks::set_username(url_, &value),
        "password" => quirks::set_password(url_, &value),
        "host" => quirks::set_host(url_, &value),
        "hostname" => quirks::set_hostname(url_, &value),
        "port" => quirks::set_port(url_, &value),
        "pathname" => {
            quirks::set_pathname(url_, &value);
            Ok(())
        }
        "search" => {
            quirks::set_search(url_, &value);
            Ok(())
        }
        "hash" => {
            quirks::set_hash(url_, &value);
            Ok(())
        }
        _ => return Err(wrong(&ctx, "unknown part")),
    };
    // What cannot be set is as it was.
    done.unwrap_or(());
    Ok(url.into())
}

/// Names and values, one after the other.
fn form_parse(form: String) -> Vec<String> {
    let pairs = form_urlencoded::parse(form.as_bytes());
    pairs
        .flat_map(|(name, value)| [name.into_owned(), value.into_owned()])
        .collect()
}

fn form_serialize(pairs: Vec<String>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for pair in pairs.chunks_exact(2) {
        form.append_pair(&pair[0], &pair[1]);
    }
    form.finish()
}
