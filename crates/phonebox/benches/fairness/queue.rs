//! One tenant has ten thousand that wait for a provider that hangs; another one sends, and waits.

use std::net::SocketAddr;

use phonebox::{Deliveries, DeliveryOptions, Keys, Status, Store, Tenant};
use phonebox_test_guests::{Guest, POST, PROBE};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{Sample, action, event, host};

/// Sends, one after another, of which each sample is made.
const SENDS: usize = 200;

pub(crate) async fn report(provider: SocketAddr, loud: usize) {
    let folder = tempfile::tempdir().expect("there is a folder for files that go away");
    let deliveries = start(provider, &folder).await;
    let quiet = tenant(&deliveries, "quiet", POST).await;
    let alone = send(&quiet).await;
    let hung = tenant(&deliveries, "loud", PROBE).await;
    let mut sending = JoinSet::new();
    for _ in 0..100 {
        let hung = hung.clone();
        sending.spawn(async move {
            let event = event("send POST http://provider.example/hang");
            for _ in 0..loud / 100 {
                let sent = hung.send((*event).clone()).await;
                sent.expect("it is accepted");
            }
        });
    }
    sending.join_all().await;
    let under = send(&quiet).await;
    println!(
        "from accepted to settled, while another tenant has {loud} that wait for a provider that hangs: {under}, alone {alone}, \
         {:.1}x, errors {}; the goal: twice",
        under.percentile(50).as_secs_f64() / alone.percentile(50).as_secs_f64(),
        under.errors,
    );
}

async fn start(provider: SocketAddr, folder: &tempfile::TempDir) -> Deliveries {
    let store = Store::sqlite(folder.path().join("phonebox.db")).await;
    let store = store.expect("a new store opens");
    host(provider)
        .start(store, Keys::generate(), DeliveryOptions::default())
        .await
        .expect("deliveries start")
}

async fn tenant(deliveries: &Deliveries, name: &str, guest: Guest) -> Tenant {
    let tenant = deliveries.tenant(name);
    let (action, secrets) = action(guest);
    tenant
        .deploy(&action, secrets)
        .await
        .expect("it can be deployed");
    tenant
}

async fn send(tenant: &Tenant) -> Sample {
    let event = event("Your code is 492016");
    let mut sample = Sample::default();
    for _ in 0..SENDS {
        let began = Instant::now();
        let sent = tenant.send((*event).clone()).await;
        let settled = sent.expect("it is accepted").settled().await;
        sample.latencies.push(began.elapsed());
        sample.errors += usize::from(!matches!(settled, Ok(Status::Sent)));
    }
    sample.latencies.sort_unstable();
    sample
}
