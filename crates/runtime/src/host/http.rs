use std::time::Duration;

use phonebox_egress as egress;

use crate::bindings::phonebox::action::http::{Error, Host, Request, Response};
use crate::sandbox::{Record, State, lock};

/// Exchanges that a report keeps.
const EXCHANGES: usize = 16;
/// Points for one request, beside the one for the call.
pub(super) const POINTS: u64 = 500;

impl Host for State {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        self.calls.charge(POINTS)?;
        let sent = send(&self.record, request.into()).await;
        Ok(sent.map(Response::from).map_err(Error::from))
    }
}

impl From<Request> for egress::Request {
    fn from(request: Request) -> Self {
        Self {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body.into(),
            timeout: request
                .timeout_ms
                .map(|timeout| Duration::from_millis(timeout.into())),
        }
    }
}

impl From<egress::Response> for Response {
    fn from(response: egress::Response) -> Self {
        Self {
            status: response.status,
            headers: response.headers,
            body: response.body.into(),
        }
    }
}

/// The one way out of a sandbox, for both kinds of request.
pub(crate) async fn send(
    record: &Record,
    request: egress::Request,
) -> Result<egress::Response, egress::Error> {
    let (exchange, mut result) = record.trip.send(request).await;
    record.note(&exchange);
    if let Ok(response) = &mut result {
        record.scrub(response);
    }
    let mut exchanges = lock(&record.exchanges);
    // Requests beyond the budget are refused, and recorded up to here.
    if exchanges.len() < EXCHANGES {
        exchanges.push(exchange);
    }
    result
}

impl From<egress::Error> for Error {
    fn from(error: egress::Error) -> Self {
        use egress::Error as E;
        match error {
            E::BudgetExceeded(_) => Self::BudgetExceeded,
            E::ConnectionRefused => Self::ConnectionRefused,
            E::ConnectionTerminated => Self::ConnectionTerminated,
            E::ConnectionTimeout => Self::ConnectionTimeout,
            E::DestinationIpProhibited { .. } => Self::DestinationIpProhibited,
            E::DnsError => Self::DnsError,
            E::DnsTimeout => Self::DnsTimeout,
            E::HeaderForbidden { name, .. } => Self::HeaderForbidden(name),
            E::HttpProtocolError => Self::HttpProtocolError,
            E::InternalError => Self::InternalError,
            E::RequestBodySize(limit) => Self::RequestBodySize(limit),
            E::RequestDenied(_) => Self::RequestDenied,
            E::RequestHeaderSectionSize => Self::RequestHeaderSectionSize,
            E::RequestMethodInvalid => Self::RequestMethodInvalid,
            E::RequestUriInvalid(_) => Self::RequestUriInvalid,
            E::ResponseBodySize(limit) => Self::ResponseBodySize(limit),
            E::ResponseContentCoding => Self::ResponseContentCoding,
            E::ResponseHeaderSectionSize => Self::ResponseHeaderSectionSize,
            E::ResponseTimeout => Self::ResponseTimeout,
            E::TlsCertificateError => Self::TlsCertificateError,
            E::TlsProtocolError => Self::TlsProtocolError,
        }
    }
}
