//! Pushes a tag through the Docker Engine's API.
//!
//! The answer's stream is read here and not by bollard, whose `PushImageInfo` (0.21) drops the `id` of each line:
//! without it nobody can tell which layers were sent.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::address::Address;
use super::transport::{TransportError, message_of};
use crate::host::{Credentials, PushError, PushProgress, PushRequest};

/// What the engine says about a push while it goes on.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    layers: BTreeMap<String, LayerTransfer>,
    digest: Option<String>,
}

#[derive(Debug, Default)]
struct LayerTransfer {
    current: u64,
    total: u64,
    sent: bool,
}

/// A line of the engine's answer (moby, daemon/internal/streamformatter).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: Option<String>,
    #[serde(default)]
    status: String,
    progress_detail: Option<ProgressDetail>,
    error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct ProgressDetail {
    #[serde(default)]
    current: u64,
    #[serde(default)]
    total: u64,
}

impl Transfer {
    /// Takes in one line of the answer.
    fn line(&mut self, line: &[u8], host: &str) -> Result<(), PushError> {
        let Ok(line) = serde_json::from_slice::<Line>(line) else { return Ok(()) };
        if let Some(error) = line.error {
            return Err(failure(host, &error));
        }
        match (line.id, line.status.as_str()) {
            (Some(id), "Pushing") => {
                let detail = line.progress_detail.unwrap_or_default();
                let layer = self.layers.entry(id).or_default();
                layer.current = detail.current;
                layer.total = detail.total.max(detail.current);
            }
            (Some(id), "Pushed") => {
                let layer = self.layers.entry(id).or_default();
                layer.current = layer.total;
                layer.sent = true;
            }
            (Some(id), status)
                if status.starts_with("Layer already exists") || status.starts_with("Mounted") =>
            {
                self.layers.remove(&id);
            }
            // Both image stores end with `TAG: digest: sha256:… size: 123`; only graphdriver has it in `aux` too.
            (_, status) => {
                if let Some((_, rest)) = status.split_once(": digest: ") {
                    self.digest = rest.split(' ').next().map(str::to_owned);
                }
            }
        }
        Ok(())
    }

    fn progress(&self) -> PushProgress {
        PushProgress {
            sent: self.layers.values().map(|layer| layer.current).sum(),
            total: self.layers.values().map(|layer| layer.total).sum(),
        }
    }

    pub(super) fn layers_sent(&self) -> Vec<String> {
        self.layers.iter().filter(|(_, layer)| layer.sent).map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }
}

/// Pushes one tag and follows the answer to its end.
pub(super) async fn push(
    engine: &Address,
    push: &PushRequest,
    report: &(dyn Fn(PushProgress) + Send + Sync),
) -> Result<Transfer, PushError> {
    let host = push.repository.split('/').next().unwrap_or_default();
    let answer = engine.request(request(push)).await.map_err(|error| lost(&error))?;
    if answer.status() != StatusCode::OK {
        return Err(failure(host, &refusal(answer).await));
    }
    let mut transfer = Transfer::default();
    let mut body = answer.into_body();
    let mut buffer: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| lost(&error.into()))?;
        let Some(data) = frame.data_ref() else { continue };
        for byte in data {
            if *byte == b'\n' {
                transfer.line(&std::mem::take(&mut buffer), host)?;
            } else {
                buffer.push(*byte);
            }
        }
        report(transfer.progress());
    }
    transfer.line(&buffer, host)?;
    Ok(transfer)
}

fn request(push: &PushRequest) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri(format!("/images/{}/push?tag={}", push.repository, push.tag))
        .header(HOST, "docker")
        .header(CONTENT_TYPE, "application/json")
        .header("X-Registry-Auth", auth_header(push.credentials.as_ref(), &push.repository))
        .body(Full::default())
        .expect("repository and tag names have no character that a URL does not allow")
}

/// The header is base64url with padding of a JSON object; the engine ignores one that it cannot read
/// (moby, api/pkg/authconfig).
fn auth_header(credentials: Option<&Credentials>, repository: &str) -> String {
    let object = credentials.map_or_else(
        || json!({}),
        |found| {
            let host = repository.split('/').next();
            json!({ "username": found.username, "password": found.password, "serveraddress": host })
        },
    );
    URL_SAFE.encode(object.to_string())
}

/// What the engine says in an answer that is not 200.
async fn refusal(answer: Response<Incoming>) -> String {
    let status = answer.status();
    match message_of(answer.into_body()).await {
        message if message.is_empty() => status.to_string(),
        message => message,
    }
}

fn lost(error: &TransportError) -> PushError {
    PushError::Engine(format!("the connection to the engine was lost ({error})"))
}

/// Sorts the engine's text into what a user can do something about.
fn failure(host: &str, message: &str) -> PushError {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let (host, cause) = (host.to_owned(), message.trim().to_owned());
    if has(&[
        "unauthorized",
        "denied",
        "no basic auth credentials",
        "authentication required",
        "403 Forbidden",
    ]) {
        PushError::Denied { host, cause }
    } else if has(&["connection refused", "no such host", "i/o timeout", "no route to host", "EOF"]) {
        PushError::Unreachable { host, cause }
    } else {
        PushError::Engine(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(lines: &[&str]) -> Result<Transfer, PushError> {
        let mut transfer = Transfer::default();
        for line in lines {
            transfer.line(line.as_bytes(), "r.io")?;
        }
        Ok(transfer)
    }

    #[test]
    fn reads_what_was_sent_and_the_digest() {
        let transfer = transfer(&[
            r#"{"status":"The push refers to repository [r.io/a]"}"#,
            r#"{"status":"Preparing","progressDetail":{},"id":"aaaaaaaaaaaa"}"#,
            r#"{"status":"Pushing","progressDetail":{"current":512,"total":2048},"id":"aaaaaaaaaaaa"}"#,
            r#"{"status":"Layer already exists","progressDetail":{},"id":"bbbbbbbbbbbb"}"#,
            r#"{"status":"Pushing","progressDetail":{"current":3072,"total":2048},"id":"aaaaaaaaaaaa"}"#,
            r#"{"status":"Pushed","progressDetail":{},"id":"aaaaaaaaaaaa"}"#,
            r#"{"status":"1: digest: sha256:cafe size: 739"}"#,
            r#"{"progressDetail":{},"aux":{"Tag":"1","Digest":"sha256:cafe","Size":739}}"#,
        ])
        .expect("the stream has no error");
        assert_eq!(transfer.layers_sent(), ["aaaaaaaaaaaa"]);
        assert_eq!(transfer.digest(), Some("sha256:cafe"));
        assert_eq!(transfer.progress(), PushProgress { sent: 3072, total: 3072 });
    }

    #[test]
    fn an_error_inside_the_stream_is_an_error() {
        let denied = r#"{"errorDetail":{"message":"denied: no"},"error":"denied: no"}"#;
        assert!(matches!(transfer(&[denied]), Err(PushError::Denied { .. })));
        let refused =
            r#"{"error":"Get \"http://r.io/v2/\": dial tcp 127.0.0.1:9: connect: connection refused"}"#;
        assert!(matches!(transfer(&[refused]), Err(PushError::Unreachable { .. })));
        let other = r#"{"error":"blob upload unknown"}"#;
        assert!(matches!(transfer(&[other]), Err(PushError::Engine(_))));
    }

    #[test]
    fn without_credentials_the_header_is_still_readable() {
        assert_eq!(auth_header(None, "r.io/a"), URL_SAFE.encode("{}"));
    }
}
