//! What goes wrong with a request to a registry, and whether it may pass.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::host::root_cause;

/// How much of an error's text is read.
const MESSAGE_LIMIT: usize = 16 * 1024;

/// Why a request has failed, after how many attempts.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    pub(super) attempts: u32,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// No connection could be opened.
    Unreachable(String),
    /// The connection broke.
    Broken(String),
    /// Nothing has moved for so long.
    Stalled(Duration),
    /// The registry says no.
    Status { status: StatusCode, message: String, retry_after: Option<Duration> },
    /// What came is not what its digest says.
    Corrupt { expected: String, found: String },
    /// The answer is not one of the distribution API.
    Malformed(String),
}

impl From<Kind> for Failure {
    fn from(kind: Kind) -> Self {
        Self { kind, attempts: 1 }
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        let final_one = error.is_connect() || error.is_builder() || error.is_redirect();
        // An address can have a signature in it.
        let cause = root_cause(&error.without_url());
        if final_one { Kind::Unreachable(cause).into() } else { Kind::Broken(cause).into() }
    }
}

impl Failure {
    pub(super) fn malformed(cause: impl Into<String>) -> Self {
        Kind::Malformed(cause.into()).into()
    }

    /// What the registry says in an answer that is not the one expected.
    pub(super) async fn of(response: Response) -> Self {
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        let message = message(&beginning(response).await);
        Kind::Status { status, message, retry_after }.into()
    }

    /// Whether the same request may succeed when it is made again.
    pub(super) fn may_pass(&self) -> bool {
        match &self.kind {
            Kind::Broken(_) | Kind::Stalled(_) => true,
            Kind::Status { status, .. } => matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504),
            Kind::Unreachable(_) | Kind::Corrupt { .. } | Kind::Malformed(_) => false,
        }
    }

    /// Whether content was damaged on its way.
    pub(super) fn is_corrupt(&self) -> bool {
        match &self.kind {
            Kind::Corrupt { .. } => true,
            Kind::Status { status, message, .. } => {
                *status == StatusCode::BAD_REQUEST && message.starts_with("DIGEST_INVALID")
            }
            _ => false,
        }
    }

    /// How long the registry asks to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match &self.kind {
            Kind::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    fn status(&self) -> Option<StatusCode> {
        match &self.kind {
            Kind::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        self.status() == Some(StatusCode::NOT_FOUND)
    }

    pub(super) fn is_unauthorized(&self) -> bool {
        self.status() == Some(StatusCode::UNAUTHORIZED)
    }

    pub(super) fn is_denied(&self) -> bool {
        self.is_unauthorized() || self.status() == Some(StatusCode::FORBIDDEN)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Unreachable(cause) | Kind::Malformed(cause) => write!(f, "{cause}")?,
            Kind::Broken(cause) => write!(f, "the connection broke: {cause}")?,
            Kind::Stalled(limit) => write!(f, "nothing has moved for {limit:?}")?,
            Kind::Status { status, message, .. } if message.is_empty() => write!(f, "{status}")?,
            Kind::Status { status, message, .. } => write!(f, "{status}: {message}")?,
            Kind::Corrupt { expected, found } => {
                write!(f, "it is damaged: its digest is {found} and not {expected}")?;
            }
        }
        if self.attempts > 1 { write!(f, ", tried {} times", self.attempts) } else { Ok(()) }
    }
}

impl Error for Failure {}

/// In seconds; the other form of the header, a date, no registry is known to send.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// As much of a text as is worth showing.
async fn beginning(mut response: Response) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < MESSAGE_LIMIT
        && let Ok(Some(piece)) = response.chunk().await
    {
        text.extend_from_slice(&piece);
    }
    text
}

/// The first error of an answer, as the distribution specification writes them, on one line. Other texts, such as the
/// pages of proxies, say nothing that the status does not.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        code: String,
        #[serde(default)]
        message: String,
    }
    let entries = serde_json::from_slice::<Body>(body).map(|body| body.errors).unwrap_or_default();
    let Some(Entry { code, message }) = entries.into_iter().next() else { return String::new() };
    let text = if message.is_empty() { code } else { format!("{code}: {message}") };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Failure {
        let status = StatusCode::from_u16(status).expect("it is one");
        Kind::Status { status, message: String::new(), retry_after: None }.into()
    }

    #[test]
    fn what_may_pass_is_what_a_registry_can_recover_from() {
        for passing in [408, 429, 500, 502, 503, 504] {
            assert!(status(passing).may_pass(), "{passing}");
        }
        for last_word in [400, 401, 403, 404, 405, 409, 413, 416, 501] {
            assert!(!status(last_word).may_pass(), "{last_word}");
        }
    }

    #[test]
    fn the_first_error_of_the_registry_is_the_message() {
        let body =
            br#"{"errors":[{"code":"DENIED","message":"not\n for you","detail":{}},{"code":"OTHER"}]}"#;
        assert_eq!(message(body), "DENIED: not for you");
        assert_eq!(message(br#"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#), "TOOMANYREQUESTS");
        assert_eq!(message(b"<html>Bad Gateway</html>"), "");
    }
}
