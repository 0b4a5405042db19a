//! `wasi:http`, for libraries that need it. Its requests are read whole and then take the road of our own import.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use phonebox_egress as egress;
use wasmtime::component::Linker;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::http::send;
use crate::sandbox::{Record, State, UnderWay};

/// What a guest may write to a request's body at once, in bytes.
const BODY_CHUNK: usize = 64 << 10;

/// What is read of a request's body at the most, in bytes. Egress has a tighter limit.
const BODY_LIMIT: usize = 1 << 20;

/// Links `wasi:http/types` and `wasi:http/outgoing-handler`.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

/// Where wasi:http sends its requests. Its crate is built without a sender of its own.
pub(crate) struct Hooks(pub(crate) Arc<Record>);

impl WasiHttpHooks for Hooks {
    fn set_host_header(&mut self) -> bool {
        // The host header is egress's to set, from the very URL that it checked.
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Answer, Error>> + Send> {
        let under_way = UnderWay::new(self.0.clone());
        let record = self.0.clone();
        Box::new(async move {
            let _under_way = under_way;
            let (parts, body) = request.into_parts();
            let body = Limited::new(body, BODY_LIMIT)
                .collect()
                .await
                .map_err(|error| {
                    if error.is::<LengthLimitError>() {
                        Error::HttpRequestBodySize(Some(BODY_LIMIT as u64))
                    } else {
                        Error::HttpProtocolError
                    }
                })?;
            let headers = parts
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
            let request = egress::Request {
                method: parts.method.to_string(),
                url: parts.uri.to_string(),
                // Computed anew from the body. The guest may set it, and wasi:http has checked that it is right.
                headers: headers
                    .filter(|(name, _)| name != "content-length")
                    .collect(),
                body: body.to_bytes(),
                timeout: options.and_then(|options| {
                    let first = options.first_byte_timeout?;
                    Some(first.saturating_add(options.connect_timeout.unwrap_or_default()))
                }),
            };
            let response = send(&record, request).await.map_err(error_code)?;
            Ok((answer(response)?, Box::new(async { Ok(()) }) as Box<_>))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }
}

/// A response, and what drives the connection it comes over: nothing, since it is here whole.
type Answer = (
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

fn answer(response: egress::Response) -> Result<http::Response<WasiBody>, Error> {
    let mut answer = http::Response::builder().status(response.status);
    for (name, value) in response.headers {
        answer = answer.header(name, value);
    }
    let body = Full::new(response.body).map_err(|never: std::convert::Infallible| match never {});
    answer
        .body(body.boxed_unsync())
        .map_err(|_| Error::HttpProtocolError)
}

/// The error as `wasi:http` names it.
fn error_code(error: egress::Error) -> Error {
    use egress::Error as E;
    match error {
        E::BudgetExceeded(_) => Error::ConnectionLimitReached,
        E::ConnectionRefused => Error::ConnectionRefused,
        E::ConnectionTerminated => Error::ConnectionTerminated,
        E::ConnectionTimeout => Error::ConnectionTimeout,
        E::DestinationIpProhibited { .. } => Error::DestinationIpProhibited,
        E::DnsError => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        E::DnsTimeout => Error::DnsTimeout,
        E::HeaderForbidden { name, .. } => Error::HttpRequestHeaderSize {
            field_name: Some(name),
            field_size: None,
        },
        E::HttpProtocolError => Error::HttpProtocolError,
        E::InternalError => Error::InternalError(None),
        E::RequestBodySize(limit) => Error::HttpRequestBodySize(Some(limit)),
        E::RequestDenied(_) => Error::HttpRequestDenied,
        E::RequestHeaderSectionSize => Error::HttpRequestHeaderSectionSize(None),
        E::RequestMethodInvalid => Error::HttpRequestMethodInvalid,
        E::RequestUriInvalid(_) => Error::HttpRequestUriInvalid,
        E::ResponseBodySize(limit) => Error::HttpResponseBodySize(Some(limit)),
        E::ResponseContentCoding => Error::HttpResponseContentCoding(None),
        E::ResponseHeaderSectionSize => Error::HttpResponseHeaderSectionSize(None),
        E::ResponseTimeout => Error::HttpResponseTimeout,
        E::TlsCertificateError => Error::TlsCertificateError,
        E::TlsProtocolError => Error::TlsProtocolError,
    }
}
