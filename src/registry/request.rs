//! Requests of a session: with its login, in time, and once more with a new token if an old one is refused.

use std::time::Duration;

use hyper::body::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Request, Response, StatusCode, Url};
use tokio::time::timeout;

use super::auth::{Access, Asking};
use super::failure::{Failure, Kind};
use super::retry::retried;
use super::session::Session;

/// An answer has at most so many bytes: registries allow manifests of 4 MiB.
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;

/// A request that can be made again.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) access: Access,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// How long the answer may take, if not as long as [`super::retry::Patience::stall`].
    pub(super) limit: Option<Duration>,
}

impl Call {
    pub(super) fn new(method: Method, url: Url, access: Access) -> Self {
        Self { method, url, access, headers: HeaderMap::new(), body: Bytes::new(), limit: None }
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// An answer that was read to its end.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Session {
    /// Makes a request, again if it fails in a way that may pass, and reads the answer.
    pub(super) async fn exchange(&self, call: &Call) -> Result<Answer, Failure> {
        retried(&self.patience, || self.exchange_once(call)).await
    }

    pub(super) async fn exchange_once(&self, call: &Call) -> Result<Answer, Failure> {
        let mut response = self.request(call).await?;
        let headers = response.headers().clone();
        let mut body = Vec::new();
        while let Some(piece) = self.piece(&mut response).await? {
            body.extend_from_slice(&piece);
            if body.len() > ANSWER_LIMIT {
                return Err(Failure::malformed(format!("its answer has more than {ANSWER_LIMIT} bytes")));
            }
        }
        Ok(Answer { headers, body: body.into() })
    }

    /// Makes a request once. The answer is a good one, and not read yet.
    pub(super) async fn request(&self, call: &Call) -> Result<Response, Failure> {
        let body = || Body::from(call.body.clone());
        let (response, sent) = self.send(call, body()).await?;
        if response.status() != StatusCode::UNAUTHORIZED
            || !self.can_renew(&response, sent.as_ref(), call).await
        {
            return good(response).await;
        }
        let (response, _) = self.send(call, body()).await?;
        good(response).await
    }

    /// Makes a request whose body cannot be sent again, and which may take as long as the body moves.
    pub(super) async fn request_stream(&self, call: &Call, body: Body) -> Result<Response, Failure> {
        let header = self.authorization(call).await?;
        let sent = header.clone();
        let response = self.client.execute(built(call, header, body)).await?;
        if response.status() == StatusCode::UNAUTHORIZED
            && self.can_renew(&response, sent.as_ref(), call).await
        {
            return Err(Kind::Broken("the token was not accepted any more".to_owned()).into());
        }
        good(response).await
    }

    /// The next piece of an answer.
    pub(super) async fn piece(&self, response: &mut Response) -> Result<Option<Bytes>, Failure> {
        let limit = self.patience.stall;
        let piece =
            timeout(limit, response.chunk()).await.map_err(|_| Failure::from(Kind::Stalled(limit)))?;
        Ok(piece?)
    }

    async fn send(&self, call: &Call, body: Body) -> Result<(Response, Option<HeaderValue>), Failure> {
        let header = self.authorization(call).await?;
        let limit = call.limit.unwrap_or(self.patience.stall);
        let response = timeout(limit, self.client.execute(built(call, header.clone(), body))).await;
        Ok((response.map_err(|_| Failure::from(Kind::Stalled(limit)))??, header))
    }

    /// Nothing, if the registry has sent the request elsewhere: a login is for nobody but the registry.
    async fn authorization(&self, call: &Call) -> Result<Option<HeaderValue>, Failure> {
        if call.url.origin() != self.base.origin() {
            return Ok(None);
        }
        self.authorizations.lock().await.header(&self.asking(), &call.access).await
    }

    /// Gets ready to use the repository: fails if the login is not accepted for it.
    pub(super) async fn authorize(&self, access: &Access) -> Result<(), Failure> {
        let authorize = || async { self.authorizations.lock().await.header(&self.asking(), access).await };
        retried(&self.patience, authorize).await.map(drop)
    }

    async fn can_renew(&self, answer: &Response, sent: Option<&HeaderValue>, call: &Call) -> bool {
        call.url.origin() == self.base.origin()
            && self.authorizations.lock().await.refused(sent, &call.access, answer.headers())
    }

    fn asking(&self) -> Asking<'_> {
        let credentials = self.login.as_ref().map(|login| &login.credentials);
        Asking { client: &self.client, base: &self.base, credentials, patience: &self.patience }
    }
}

fn built(call: &Call, authorization: Option<HeaderValue>, body: Body) -> Request {
    let mut request = Request::new(call.method.clone(), call.url.clone());
    request.headers_mut().extend(call.headers.clone());
    if let Some(authorization) = authorization {
        request.headers_mut().insert(AUTHORIZATION, authorization);
    }
    *request.body_mut() = Some(body);
    request
}

async fn good(response: Response) -> Result<Response, Failure> {
    if response.status().is_success() { Ok(response) } else { Err(Failure::of(response).await) }
}
