//! Writes blobs: an upload is opened, the content is sent, and the upload is closed with the digest.

use std::time::Duration;

use hyper::body::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE};
use reqwest::{Body, Method, Response, StatusCode, Url};

use super::auth::Access;
use super::distribution::{Remote, answered_digest, same};
use super::failure::Failure;
use super::request::Call;

/// Registries may copy a blob to its place when its upload is closed.
const CLOSE_LIMIT: Duration = Duration::from_secs(300);

/// A blob that is being written.
pub(super) struct Upload<'a> {
    remote: &'a Remote,
    access: Access,
    location: Url,
}

/// What came of opening an upload.
pub(super) enum Opened<'a> {
    /// The repository has the blob now.
    Mounted,
    Upload(Upload<'a>),
}

impl<'a> Upload<'a> {
    /// Opens an upload. If another repository of the registry has the blob, the registry may take it from there.
    pub(super) async fn open(
        remote: &'a Remote,
        digest: &str,
        other: Option<&Remote>,
    ) -> Result<Opened<'a>, Failure> {
        let mut url = remote.url("blobs", "uploads/");
        let mut access = Access::push(&remote.api_name);
        if let Some(other) = other {
            url.query_pairs_mut().append_pair("mount", digest).append_pair("from", &other.api_name);
            access = Access::mount(&other.api_name, &remote.api_name);
        }
        let call =
            Call::new(Method::POST, url.clone(), access).with(CONTENT_LENGTH, HeaderValue::from_static("0"));
        let response = remote.session.request(&call).await?;
        if response.status() == StatusCode::CREATED {
            return Ok(Opened::Mounted);
        }
        let location = location(&url, response.headers())?;
        Ok(Opened::Upload(Self { remote, access: Access::push(&remote.api_name), location }))
    }

    /// Sends the rest of the content: `length` bytes from the byte `from` on.
    pub(super) async fn send(&mut self, body: Body, from: u64, length: u64) -> Result<(), Failure> {
        let mut call =
            self.call(Method::PATCH).with(CONTENT_TYPE, octets()).with(CONTENT_LENGTH, number(length));
        if from > 0 {
            let range =
                HeaderValue::from_str(&format!("{from}-{}", from + length - 1)).expect("it is plain text");
            call = call.with(HeaderName::from_static("content-range"), range);
        }
        let response = self.remote.session.request_stream(&call, body).await?;
        self.moved(&response)
    }

    /// How many bytes have arrived.
    pub(super) async fn arrived(&mut self) -> Result<u64, Failure> {
        let response = self.remote.session.request(&self.call(Method::GET)).await?;
        self.moved(&response)?;
        let range = response.headers().get(RANGE).and_then(|range| range.to_str().ok());
        // `0-99`, `bytes=0-99`; nothing yet may be said as `0-0`, which would be one byte.
        let last =
            range.and_then(|range| range.rsplit_once('-')).and_then(|(_, last)| last.parse::<u64>().ok());
        Ok(last.filter(|last| *last > 0).map_or(0, |last| last + 1))
    }

    /// Ends the upload; what has arrived must have the digest.
    pub(super) async fn close(self, digest: &str, content: Bytes) -> Result<(), Failure> {
        let mut call = self.call(Method::PUT).with(CONTENT_TYPE, octets());
        call = call.with(CONTENT_LENGTH, number(content.len() as u64));
        call.url.query_pairs_mut().append_pair("digest", digest);
        call.limit = Some(CLOSE_LIMIT);
        call.body = content;
        let response = self.remote.session.request(&call).await?;
        same(digest.to_owned(), answered_digest(response.headers()))
    }

    fn call(&self, method: Method) -> Call {
        Call::new(method, self.location.clone(), self.access.clone())
    }

    /// Each answer says where the next request goes.
    fn moved(&mut self, response: &Response) -> Result<(), Failure> {
        if response.headers().contains_key(LOCATION) {
            self.location = location(&self.location, response.headers())?;
        }
        Ok(())
    }
}

/// Writes a blob that is in memory.
pub(super) async fn whole(remote: &Remote, content: &Bytes, digest: &str) -> Result<(), Failure> {
    match Upload::open(remote, digest, None).await? {
        Opened::Mounted => Ok(()),
        Opened::Upload(upload) => upload.close(digest, content.clone()).await,
    }
}

/// It may be relative to the address of the request.
fn location(request: &Url, headers: &HeaderMap) -> Result<Url, Failure> {
    let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
    let location = location.ok_or_else(|| Failure::malformed("it does not say where the upload goes on"))?;
    request.join(location).map_err(|error| Failure::malformed(format!("{location} is no address: {error}")))
}

fn octets() -> HeaderValue {
    HeaderValue::from_static("application/octet-stream")
}

fn number(number: u64) -> HeaderValue {
    HeaderValue::from(number)
}
