use std::path::Path;

use serde::Serialize;

use crate::args::{self, Language};
use crate::embedded;
use crate::failure::{Code, Failure};
use crate::output::{BOLD, Output};

#[derive(Serialize)]
struct Made<'a> {
    name: &'a str,
    folder: String,
}

pub(super) fn run(arguments: &args::New, output: Output) -> Result<Code, Failure> {
    let name = &arguments.name;
    let is_letter =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if name.len() > 64
        || !name.chars().all(is_letter)
        || !name.starts_with(|first: char| first.is_ascii_lowercase())
    {
        return Err(
            Failure::new(format!("`{name}` is not a name for an action"))
                .hint(
                    "use small letters, digits and dashes, and begin with a letter, as in acme-sms",
                )
                .code(Code::Usage),
        );
    }
    let folder = Path::new(name);
    if folder.exists() {
        return Err(
            Failure::new(format!("there is something called {name} here already"))
                .hint("choose another name, or remove it")
                .code(Code::Conflict),
        );
    }
    let Some((template, was)) = embedded::template(arguments.template, arguments.lang) else {
        return Err(Failure::new(
            "there is only the template twilio in JavaScript and in TypeScript",
        )
        .hint("leave --template out, or begin with --lang rust")
        .code(Code::Usage));
    };
    let failed = |error| Failure::file("cannot write", folder, &error);
    template
        .write(folder, |path, content| match path {
            // The first line with the name is the package's own.
            "Cargo.toml" | "Cargo.lock" | "action.toml" => {
                let text = String::from_utf8_lossy(content);
                let (from, to) = (
                    format!("name = \"{was}\"\n"),
                    format!("name = \"{name}\"\n"),
                );
                text.replacen(&from, &to, 1).into_bytes()
            }
            "jsconfig.json" | "tsconfig.json" => String::from_utf8_lossy(content)
                .replace(embedded::TYPES_OF_EXAMPLES, "./types")
                .into_bytes(),
            _ => content.to_vec(),
        })
        .map_err(failed)?;
    let (handler, first) = match arguments.lang {
        Language::Rust => {
            embedded::lead_cargo(folder, &embedded::sdk()?).map_err(failed)?;
            ("src/lib.rs", "")
        }
        Language::Javascript => ("action.js", ""),
        Language::Typescript => ("action.ts", "npm install && "),
    };
    if arguments.lang != Language::Rust {
        embedded::write_types(&folder.join("types")).map_err(failed)?;
    }

    let text = format!(
        "made {BOLD}{name}{BOLD:#}: the handler is in {name}/{handler}, what it may reach in {name}/action.toml\n\
         try it:  cd {name} && {first}phonebox dev\n\
         test it: phonebox test {name}"
    );
    output.result(
        text,
        &Made {
            name,
            folder: folder.display().to_string(),
        },
    );
    Ok(Code::Ok)
}
