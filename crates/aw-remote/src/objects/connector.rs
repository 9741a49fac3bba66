//! The stores' requests, made by this program's own HTTP client.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService};

use super::ANSWER_BYTES_MAX;
use crate::net::{Client, Network};

/// Gives every part of a store the same client.
#[derive(Clone, Debug)]
pub(super) struct Connector(Arc<Client>);

impl Connector {
    pub(super) fn new() -> Self {
        // Which hosts those are is the settings' business: an endpoint here, an identity service of the machine there.
        Self(Arc::new(Client::streaming(Network { allowed: None, elsewhere: true, private: true, plain: true })))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Connector {
    fn call<'a, 'call>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'call>>
    where
        'a: 'call,
        Self: 'call,
    {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await?.to_bytes();
            let failed = |error| HttpError::new(HttpErrorKind::Request, error);
            let request = ureq::http::Request::from_parts(parts, bytes.to_vec());
            let (parts, bytes) = self.0.raw(request, ANSWER_BYTES_MAX).map_err(failed)?;
            Ok(HttpResponse::from_parts(parts, bytes.into()))
        })
    }
}
