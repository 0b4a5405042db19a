//! `phonebox secrets`: values go in, and never come out.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use http::Method;
use phonebox::{Mode, Sensitive};
use serde_json::{Value, json};

use crate::api::{Api, Ask, all, text};
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::Output;

pub(super) async fn run(arguments: args::Secrets, output: Output) -> Result<Code, Failure> {
    match arguments {
        args::Secrets::Set {
            action,
            name,
            file: path,
            revealed,
            origins,
            server,
        } => {
            let api = Api::new(&server, output)?;
            let value = value(&name, path.as_deref(), output)?;
            let mode = if revealed {
                Mode::Revealed
            } else {
                Mode::Sealed
            };
            let set = set(&api, &action, &name, &value, mode, &origins).await?;
            output.result(format!("{name} of {action} is set, {}", shown(&set)), &set);
        }
        args::Secrets::List { action, server } => {
            let api = Api::new(&server, output)?;
            let listed = api.ask(Ask::get(&["actions", &action, "secrets"])).await?;
            let rows = all(&listed, "secrets").iter().map(|secret| {
                [
                    text(secret, "name"),
                    shown(secret),
                    text(secret, "updated_at"),
                ]
            });
            output.list(["SECRET", "THE ACTION HAS IT", "SET AT"], rows, &listed);
        }
        args::Secrets::Remove {
            action,
            name,
            server,
        } => {
            let api = Api::new(&server, output)?;
            let path = ["actions", &action, "secrets", &name];
            api.ask(Ask::new(Method::DELETE, &path)).await?;
            let done = json!({ "action": action, "removed": name });
            output.result(format!("{name} of {action} is forgotten"), &done);
        }
    }
    Ok(Code::Ok)
}

/// Sets a secret of an action's, and gives what is told of it. Without origins, it goes to those that the action asks for.
pub(super) async fn set(
    api: &Api,
    action: &str,
    name: &str,
    value: &Sensitive,
    mode: Mode,
    origins: &[String],
) -> Result<Value, Failure> {
    let path = ["actions", action, "secrets", name];
    let origins = Some(origins).filter(|origins| !origins.is_empty());
    let secret = json!({ "value": value, "mode": mode, "origins": origins });
    api.ask(Ask::new(Method::PUT, &path).json(&secret)).await
}

/// How an action has a secret, and where it may go.
pub(super) fn shown(secret: &Value) -> String {
    let origins: Vec<_> = all(secret, "origins")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    match (text(secret, "mode"), &origins[..]) {
        (mode, []) => format!("{mode}, for what is deployed first"),
        (mode, origins) => format!("{mode}, for {}", origins.join(", ")),
    }
}

/// A value: from a file, or from whoever sits at the terminal, or from standard input. An end of line at its end is not part of it.
pub(super) fn value(name: &str, path: Option<&Path>, output: Output) -> Result<Sensitive, Failure> {
    let value = match path {
        Some(path) => file(path)?,
        None if io::stdin().is_terminal() => typed(name, output)?,
        None => file(Path::new("-"))?,
    };
    let value = value.reveal();
    let value = value.strip_suffix('\n').unwrap_or(value);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() {
        return Err(Failure::new(format!("{name} is empty"))
            .hint("give its value in a file, or by standard input, or type it")
            .code(Code::Usage));
    }
    Ok(value.into())
}

/// What is in a file; in standard input, for `-`.
pub(super) fn file(path: &Path) -> Result<Sensitive, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    text.map(Sensitive::new)
        .map_err(|error| Failure::file("cannot read", path, &error))
}

/// Secrets by name, a line each. What is wrong is told by its line, and not shown.
pub(super) fn lines(text: &Sensitive) -> Result<Vec<(String, Sensitive)>, Failure> {
    let mut secrets = Vec::new();
    for (number, line) in (1..).zip(text.reveal().lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let secret = line.split_once('=');
        let secret = secret.filter(|(name, _)| phonebox::Manifest::is_secret_name(name));
        let (name, value) = secret.ok_or_else(|| {
            Failure::new(format!("line {number} of the secrets is not NAME=VALUE"))
                .hint("a name is of letters, digits and _-.$; the value stands as it is, without quotes")
                .code(Code::Usage)
        })?;
        secrets.push((name.to_owned(), value.into()));
    }
    Ok(secrets)
}

/// Asks whoever sits at the terminal. What they type is not shown.
fn typed(name: &str, output: Output) -> Result<Sensitive, Failure> {
    output.say(format!("the value of {name}, which is not shown:"));
    #[cfg(unix)]
    let _hidden = hidden::Hidden::new();
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::file("cannot read", Path::new("the terminal"), &error))?;
    Ok(line.into())
}

#[cfg(unix)]
mod hidden {
    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    /// A terminal that does not show what is typed. It is set back on drop.
    pub(super) struct Hidden(Termios);

    impl Hidden {
        pub(super) fn new() -> Option<Self> {
            let before = tcgetattr(std::io::stdin()).ok()?;
            let mut mode = before.clone();
            mode.local_modes.remove(LocalModes::ECHO);
            tcsetattr(std::io::stdin(), OptionalActions::Flush, &mode).ok()?;
            Some(Self(before))
        }
    }

    impl Drop for Hidden {
        fn drop(&mut self) {
            // There is nobody to tell, and nothing to be done, if it fails.
            let _stays = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_secret_and_a_wrong_one_is_not_shown() {
        let read = lines(&"# of Acme\nTOKEN=a=b c\n\nSID=\"x\"\n".into()).unwrap();
        let read: Vec<_> = read
            .iter()
            .map(|(name, value)| (&**name, value.reveal()))
            .collect();
        assert_eq!(read, [("TOKEN", "a=b c"), ("SID", "\"x\"")]);
        for text in ["A=1\nhunter22", "A=1\nhunter 22=x"] {
            let failure = lines(&text.into()).unwrap_err();
            assert!(failure.message.contains("line 2"), "{failure:?}");
            assert!(!format!("{failure:?}").contains("hunter"), "{failure:?}");
        }
    }
}
