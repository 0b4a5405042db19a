//! `phonebox provider`: who delivers what a tenant sends.

use http::Method;
use phonebox::Sensitive;
use serde_json::{Map, Value, json};

use super::change::Change;
use super::secrets;
use crate::api::{Api, Ask, all, part, text};
use crate::args::{self, Channel};
use crate::failure::{Code, Failure};
use crate::output::{BAD, BOLD, DIM, GOOD, Output};

/// Where they are.
const PROVIDERS: [&str; 3] = ["branding", "phone", "providers"];

/// A provider as it should be.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    /// None: as it is.
    pub(super) disabled: Option<bool>,
    /// None: as it is.
    pub(super) configuration: Option<Map<String, Value>>,
    /// None: that which it has.
    pub(super) auth_token: Option<Sensitive>,
}

pub(super) async fn run(arguments: args::Provider, output: Output) -> Result<Code, Failure> {
    match arguments {
        args::Provider::Show { server } => {
            let api = Api::new(&server, output)?;
            let provider = there(&api).await?;
            output.result(shown(&provider), &provider);
        }
        args::Provider::Set(args::SetProvider::Twilio(wanted)) => {
            let api = Api::new(&wanted.server, output)?;
            set_twilio(&api, wanted, output).await?;
        }
        args::Provider::Set(args::SetProvider::Custom { channels, server }) => {
            let api = Api::new(&server, output)?;
            let is = find(&api).await?;
            let configuration = json!({ "delivery_methods": methods(&channels, is.as_ref()) });
            let wanted = Wanted {
                name: "custom".to_owned(),
                disabled: None,
                configuration: configuration.as_object().cloned(),
                auth_token: None,
            };
            tell(&put(&api, is.as_ref(), &wanted, false).await?, output);
        }
        args::Provider::Enable { server } => switch(&server, false, output).await?,
        args::Provider::Disable { server } => switch(&server, true, output).await?,
        args::Provider::Remove { server } => {
            let api = Api::new(&server, output)?;
            let is = there(&api).await?;
            api.ask(one(Method::DELETE, &is, &[])).await?;
            let name = text(&is, "name");
            output.result(
                format!("the provider {name} is removed"),
                &json!({ "removed": name }),
            );
        }
        args::Provider::Test {
            number,
            channel,
            server,
        } => {
            let api = Api::new(&server, output)?;
            let is = there(&api).await?;
            let ask = one(Method::POST, &is, &["try"]).json(&to(&number, channel));
            tried(&api.ask(ask).await?, output);
        }
    }
    Ok(Code::Ok)
}

async fn set_twilio(api: &Api, wanted: args::Twilio, output: Output) -> Result<(), Failure> {
    let is = find(api).await?;
    let was = is.as_ref().filter(|is| part(is, "name") == "twilio");
    let configured = |key| was.and_then(|was| part(was, "configuration").get(key)?.as_str());
    let given =
        |value: Option<String>, key| value.or_else(|| configured(key).map(ToOwned::to_owned));
    let sid = given(wanted.sid, "sid").ok_or_else(|| {
        Failure::new("whose account at Twilio it is is not said")
            .hint("give its SID: --sid AC…")
            .code(Code::Usage)
    })?;
    // A token is good for one account.
    let asks = wanted.auth_token_file.is_some() || configured("sid") != Some(&sid);
    let auth_token = if asks {
        let path = wanted.auth_token_file.as_deref();
        Some(secrets::value("the auth token", path, output)?)
    } else {
        None
    };
    let mut configuration = Map::new();
    configuration.insert(
        "delivery_methods".into(),
        methods(&wanted.channels, is.as_ref()),
    );
    configuration.insert("sid".into(), sid.into());
    for (key, value) in [
        ("default_from", wanted.from),
        ("mssid", wanted.messaging_service),
    ] {
        if let Some(value) = given(value, key) {
            configuration.insert(key.into(), value.into());
        }
    }
    let wanted = Wanted {
        name: "twilio".to_owned(),
        disabled: None,
        configuration: Some(configuration),
        auth_token,
    };
    tell(&put(api, is.as_ref(), &wanted, false).await?, output);
    Ok(())
}

/// Those that were named; or that it has; or both that there are.
fn methods(named: &[Channel], is: Option<&Value>) -> Value {
    if !named.is_empty() {
        return named.iter().map(|channel| channel.as_str()).collect();
    }
    let has = is.map(|is| part(part(is, "configuration"), "delivery_methods"));
    let has = has.filter(|has| has.is_array());
    has.cloned().unwrap_or_else(|| json!(["text", "voice"]))
}

async fn switch(server: &args::Server, disabled: bool, output: Output) -> Result<(), Failure> {
    let api = Api::new(server, output)?;
    let is = there(&api).await?;
    let wanted = Wanted {
        name: text(&is, "name"),
        disabled: Some(disabled),
        configuration: None,
        auth_token: None,
    };
    tell(&put(&api, Some(&is), &wanted, false).await?, output);
    Ok(())
}

fn tell(change: &Change, output: Output) {
    output.result(change.sentence(), change);
}

/// The tenant's provider, if it has one.
pub(super) async fn find(api: &Api) -> Result<Option<Value>, Failure> {
    let listed = api.ask(Ask::management(Method::GET, &PROVIDERS)).await?;
    Ok(all(&listed, "providers").first().cloned())
}

async fn there(api: &Api) -> Result<Value, Failure> {
    find(api).await?.ok_or_else(|| {
        Failure::new("the tenant has no phone provider")
            .hint("set one: `phonebox provider set twilio --sid AC…`, or `phonebox provider set custom` where an action is deployed")
            .code(Code::NotFound)
    })
}

fn one(method: Method, provider: &Value, more: &[&str]) -> Ask {
    let id = part(provider, "id").as_str().unwrap_or_default();
    Ask::management(method, &[&PROVIDERS, &[id][..], more].concat())
}

/// Has the provider be so; if `dry`, says what there is to do, alone.
pub(super) async fn put(
    api: &Api,
    is: Option<&Value>,
    wanted: &Wanted,
    dry: bool,
) -> Result<Change, Failure> {
    let what = format!("the provider {}", wanted.name);
    let Wanted {
        name,
        disabled,
        configuration,
        auth_token,
    } = wanted;
    let mut body = Map::new();
    let mut changes = Vec::new();
    let was = |key| is.map_or(&Value::Null, |is| part(is, key));
    if was("name") != name {
        body.insert("name".into(), name.as_str().into());
        changes.push(format!(
            "it was {}",
            text(is.unwrap_or(&Value::Null), "name")
        ));
    }
    if let Some(configuration) = configuration
        && was("configuration").as_object() != Some(configuration)
    {
        body.insert("configuration".into(), configuration.clone().into());
        changes.push("its configuration".to_owned());
    }
    if let Some(disabled) = *disabled
        && was("disabled").as_bool().unwrap_or(false) != disabled
    {
        body.insert("disabled".into(), disabled.into());
        changes.push(if disabled { "disabled" } else { "enabled" }.to_owned());
    }
    match auth_token {
        Some(token) => {
            body.insert("credentials".into(), json!({ "auth_token": token }));
            changes.push("its credentials".to_owned());
        }
        None if body.contains_key("name") => {
            body.insert("credentials".into(), json!({}));
        }
        None => {}
    }
    let Some(is) = is else {
        if !dry {
            let ask = Ask::management(Method::POST, &PROVIDERS);
            api.ask(ask.json(&body.into())).await?;
        }
        return Ok(Change::created(what));
    };
    if !dry && !changes.is_empty() {
        api.ask(one(Method::PATCH, is, &[]).json(&body.into()))
            .await?;
    }
    Ok(Change::updated(what, changes))
}

/// A provider, as lines.
fn shown(provider: &Value) -> String {
    let (style, state) = match part(provider, "disabled").as_bool() {
        Some(true) => (BAD, "disabled"),
        _ => (GOOD, "enabled"),
    };
    let configuration = part(provider, "configuration");
    let methods = all(configuration, "delivery_methods").iter();
    let methods: Vec<_> = methods.filter_map(Value::as_str).collect();
    let mut lines = vec![format!(
        "{BOLD}{}{BOLD:#}  {style}{state}{style:#}  {}  {DIM}since {}{DIM:#}",
        text(provider, "name"),
        methods.join(" and "),
        text(provider, "updated_at"),
    )];
    for (label, key) in [
        ("account", "sid"),
        ("from", "default_from"),
        ("messaging service", "mssid"),
    ] {
        if part(configuration, key).is_string() {
            lines.push(format!("{label} {}", text(configuration, key)));
        }
    }
    lines.join("\n")
}

/// To whom, and how.
pub(super) fn to(number: &str, channel: Channel) -> Value {
    json!({ "to": number, "delivery_method": channel.as_str() })
}

/// What came of trying.
pub(super) fn tried(answer: &Value, output: Output) {
    output.result(text(answer, "message"), answer);
    output.say("what becomes of it: phonebox logs");
}
