use serde::Serialize;

use crate::args;
use crate::failure::{Code, Failure};
use crate::inbox::{Inbox, Options};
use crate::output::Output;

#[derive(Serialize)]
struct Started {
    page: String,
    provider: String,
    certificate: String,
}

pub(super) async fn run(arguments: args::Inbox, output: Output) -> Result<Code, Failure> {
    let inbox = Inbox::start(options(arguments)).await?;
    let (page, provider) = (inbox.page_url(), inbox.provider_address().to_string());
    let text = format!(
        "page      {page}\n\
         provider  {provider} (TLS, and plain HTTP), for {}\n{}",
        Inbox::HOSTS.join(", "),
        inbox.certificate_pem().trim_end()
    );
    output.result(
        text,
        &Started {
            page,
            provider,
            certificate: inbox.certificate_pem(),
        },
    );
    super::dev::stopped().await;
    inbox.stop().await;
    Ok(Code::Ok)
}

pub(super) fn options(ports: args::Inbox) -> Options {
    Options {
        page_port: ports.page_port,
        provider_port: ports.provider_port,
    }
}
