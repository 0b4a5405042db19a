//! A platform in one page: an action is deployed, a code is sent, and what became of it is told.
//!
//! ```sh
//! cargo run -p phonebox --example minimal -- target/acme-sms.wasm +14155550100 SMS_TOKEN=0123456789abcdef
//! ```

#![allow(clippy::print_stdout, reason = "it speaks to whoever started it")]

use std::error::Error;

use phonebox::{Action, DeliveryOptions, Event, Keys, Phonebox, Status, Store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(component), Some(number)) = (arguments.next(), arguments.next()) else {
        return Err("give a component, a number, and the action's secrets as NAME=VALUE".into());
    };
    let action = Action::from_component(std::fs::read(component)?)?;
    // The action has those revealed that its manifest asks to have; we trust its author.
    let secrets = action.manifest().grant(arguments.filter_map(|secret| {
        let (name, value) = secret.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    }));

    // Once for each process. What is in the store is encrypted; keep the keys elsewhere.
    let store = Store::sqlite("phonebox.db").await?;
    let keys = Keys::from_file_or_new("phonebox.keys")?;
    let phonebox = Phonebox::builder().build()?;
    let deliveries = phonebox
        .start(store, keys, DeliveryOptions::default())
        .await?;

    // Once for each version of a tenant's action.
    let acme = deliveries.tenant("acme");
    acme.deploy(&action, secrets).await?;

    // On disk as soon as it is sent, and tried until it is settled.
    let event = format!(
        r#"{{"notification": {{"recipient": "{number}", "code": "492016", "as_text": "Your code is 492016"}}}}"#
    );
    let sent = acme.send(Event::from_json(&event)?).await?;
    match sent.settled().await? {
        Status::Sent => println!("the provider has it"),
        other => println!("{other}: {:#?}", sent.notification().await?),
    }
    deliveries.shutdown().await;
    Ok(())
}
