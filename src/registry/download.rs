//! Reads a blob piece by piece, and goes on where it was when the connection breaks.

use hyper::body::Bytes;
use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use super::auth::Access;
use super::distribution::{Remote, same};
use super::failure::{Failure, Kind};
use super::manifest::written;
use super::request::Call;
use super::retry::Attempts;

/// After so many bytes, a connection that breaks again is counted anew.
const PROGRESS: u64 = 1024 * 1024;

/// The rest of a blob. What a registry sends is hashed on its way; the last piece is followed by an error if it is not
/// what its digest says.
pub(super) struct Download {
    remote: Remote,
    digest: String,
    hash: Sha256,
    /// How many bytes of the blob were read.
    read: u64,
    /// Of these, those that nobody wants: somebody else has them already.
    unwanted: u64,
    connection: Option<Connection>,
    attempts: Attempts,
    /// Where the last connection broke.
    broken_at: u64,
}

struct Connection {
    response: Response,
    /// Bytes at its beginning that were read before.
    repeated: u64,
    /// How many bytes follow.
    rest: Option<u64>,
}

impl Download {
    /// A blob from its byte `from` on. The bytes before are read too: the digest is that of the whole.
    pub(super) fn new(remote: Remote, digest: &str, from: u64) -> Self {
        let attempts = Attempts::new(&remote.session.patience);
        Self {
            remote,
            digest: digest.to_owned(),
            hash: Sha256::new(),
            read: 0,
            unwanted: from,
            connection: None,
            attempts,
            broken_at: 0,
        }
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match self.receive().await {
                Ok(Some(mut piece)) => {
                    self.hash.update(&piece);
                    self.read += piece.len() as u64;
                    let unwanted = self.unwanted.min(piece.len() as u64);
                    self.unwanted -= unwanted;
                    let piece = piece.split_off(usize::try_from(unwanted).unwrap_or(usize::MAX));
                    if !piece.is_empty() {
                        return Ok(Some(piece));
                    }
                }
                Ok(None) => return same(written(self.hash.clone()), Some(&self.digest)).map(|()| None),
                Err(failure) => {
                    self.connection = None;
                    if self.read >= self.broken_at + PROGRESS {
                        self.attempts.progressed();
                    }
                    self.broken_at = self.read;
                    self.attempts.again(failure).await?;
                }
            }
        }
    }

    /// What comes next on the connection, which is opened if there is none.
    async fn receive(&mut self) -> Result<Option<Bytes>, Failure> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(open(&self.remote, &self.digest, self.read).await?),
        };
        loop {
            let piece = self.remote.session.piece(&mut connection.response).await?;
            let Some(mut piece) = piece else {
                return match connection.rest {
                    Some(1..) => Err(Kind::Broken("the answer ended too early".to_owned()).into()),
                    _ => Ok(None),
                };
            };
            let length = piece.len() as u64;
            connection.rest = connection.rest.map(|rest| rest.saturating_sub(length));
            let repeated = connection.repeated.min(length);
            connection.repeated -= repeated;
            let piece = piece.split_off(usize::try_from(repeated).unwrap_or(usize::MAX));
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }
}

/// Asks for a blob from a byte on. Registries may answer with the whole blob all the same.
async fn open(remote: &Remote, digest: &str, from: u64) -> Result<Connection, Failure> {
    let mut call = Call::new(Method::GET, remote.url("blobs", digest), Access::pull(&remote.api_name));
    if from > 0 {
        let range = HeaderValue::from_str(&format!("bytes={from}-")).expect("it is plain text");
        call = call.with(RANGE, range);
    }
    let response = remote.session.request(&call).await?;
    let start = match response.status() {
        StatusCode::PARTIAL_CONTENT => first_byte(response.headers()),
        _ => Some(0),
    };
    let start = start.filter(|start| *start <= from);
    let start =
        start.ok_or_else(|| Failure::malformed("it sends another part of the blob than it was asked for"))?;
    let rest = response.content_length();
    Ok(Connection { response, repeated: from - start, rest })
}

/// Of `Content-Range: bytes 100-199/200`.
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}
