//! `phonebox open`: where a server's page is.

use serde_json::json;

use crate::api;
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::Output;

pub(super) fn run(arguments: &args::Open, output: Output) -> Result<Code, Failure> {
    let (url, _) = api::address(&arguments.server)?;
    let described = url
        .join("openapi.json")
        .map_err(|error| Failure::chain(&error))?;
    output.say(format!(
        "this phonebox has no page yet: this is where its API is, which {described} describes"
    ));
    output.result(
        &url,
        &json!({ "url": url.as_str(), "page": null, "openapi": described.as_str() }),
    );
    Ok(Code::Ok)
}
