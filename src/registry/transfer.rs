//! Moves one blob from a repository to another: by the registry itself where both are in one, else through this machine,
//! in pieces. When a connection breaks, it goes on with what has not arrived, as far as the registries allow.

use std::io;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use hyper::body::Bytes;
use reqwest::Body;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use super::distribution::Remote;
use super::download::Download;
use super::failure::{Failure, Kind};
use super::manifest::Descriptor;
use super::retry::Attempts;
use super::upload::{Opened, Upload};
use crate::host::{CopyProgress, RegistryError};

/// How many pieces may wait for being sent. A piece is what came in one read from the network.
const PIECES: usize = 4;

/// How a blob has come to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    Sent,
    /// It was there, or the registry has taken it from another repository.
    Skipped,
}

/// Tells how far all blobs of a copy are.
pub(super) struct Progress<'a> {
    bytes: Mutex<CopyProgress>,
    report: &'a (dyn Fn(CopyProgress) + Send + Sync),
}

impl<'a> Progress<'a> {
    pub(super) fn new(report: &'a (dyn Fn(CopyProgress) + Send + Sync)) -> Self {
        Self { bytes: Mutex::new(CopyProgress { sent: 0, total: 0 }), report }
    }

    fn change(&self, change: impl FnOnce(&mut CopyProgress)) {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut bytes);
        (self.report)(*bytes);
    }
}

/// Which registry a failure is of.
enum Side {
    From(Failure),
    To(Failure),
}

/// Moves a blob, and checks on the way that it is what its digest says. The target checks it once more.
pub(super) async fn transfer(
    from: &Remote,
    blob: &Descriptor,
    to: &Remote,
    progress: &Progress<'_>,
) -> Result<Moved, RegistryError> {
    if to.has_blob(&blob.digest).await? {
        return Ok(Moved::Skipped);
    }
    let mut transfer = Transfer { from, blob, to, progress, upload: None, sent: 0, is_counted: false };
    let mut attempts = Attempts::new(&to.session.patience);
    loop {
        let failed = match transfer.attempt().await {
            Ok(moved) => return Ok(moved),
            // Reading has been tried again already, unless it was damaged.
            Err(Side::From(failure)) if !failure.is_corrupt() => Err(Side::From(failure)),
            Err(Side::From(failure)) => attempts.again(failure).await.map_err(Side::From),
            Err(Side::To(failure)) => attempts.again(failure).await.map_err(Side::To),
        };
        failed.map_err(|side| transfer.error(&side))?;
        // The answer may have been all that was lost.
        if to.has_blob(&blob.digest).await? {
            return Ok(Moved::Sent);
        }
    }
}

struct Transfer<'a> {
    from: &'a Remote,
    blob: &'a Descriptor,
    to: &'a Remote,
    progress: &'a Progress<'a>,
    /// The upload of the last attempt.
    upload: Option<Upload<'a>>,
    /// Bytes that this attempt and those before have sent and that have arrived, as far as is known.
    sent: u64,
    /// Whether its size is counted.
    is_counted: bool,
}

impl<'a> Transfer<'a> {
    async fn attempt(&mut self) -> Result<Moved, Side> {
        let (mut upload, arrived) = match self.upload.take() {
            Some(upload) => self.resume(upload).await?,
            None => match self.open().await? {
                Some(upload) => (upload, 0),
                None => return Ok(Moved::Skipped),
            },
        };
        self.count(arrived);
        if arrived < self.blob.size
            && let Err(side) = self.send(&mut upload, arrived).await
        {
            // What is damaged may have arrived: it must not be gone on with.
            let may_resume = matches!(&side, Side::To(failure) if failure.may_pass());
            self.upload = may_resume.then_some(upload);
            return Err(side);
        }
        upload.close(&self.blob.digest, Bytes::new()).await.map_err(known)?;
        Ok(Moved::Sent)
    }

    /// `None` if the registry has taken the blob from the other repository.
    async fn open(&self) -> Result<Option<Upload<'a>>, Side> {
        let is_same_registry = self.from.session.base == self.to.session.base;
        let other = is_same_registry.then_some(self.from);
        match Upload::open(self.to, &self.blob.digest, other).await.map_err(Side::To)? {
            Opened::Mounted => Ok(None),
            Opened::Upload(upload) => Ok(Some(upload)),
        }
    }

    /// Goes on with an upload if the registry still has it, else begins with another one.
    async fn resume(&self, mut upload: Upload<'a>) -> Result<(Upload<'a>, u64), Side> {
        match upload.arrived().await {
            Ok(arrived) if arrived <= self.blob.size => Ok((upload, arrived)),
            Err(failure) if failure.may_pass() => Err(Side::To(failure)),
            _ => match Upload::open(self.to, &self.blob.digest, None).await.map_err(Side::To)? {
                Opened::Upload(upload) => Ok((upload, 0)),
                Opened::Mounted => {
                    Err(Side::To(Failure::malformed("it has mounted what it was not asked to")))
                }
            },
        }
    }

    /// Sends what is missing of the blob.
    async fn send(&mut self, upload: &mut Upload<'_>, arrived: u64) -> Result<(), Side> {
        let stall = self.to.session.patience.stall;
        let stalled = || Side::To(Kind::Stalled(stall).into());
        let (pipe, pieces) = mpsc::channel(PIECES);
        let body = Body::wrap_stream(ReceiverStream::new(pieces));
        let mut sending = pin!(upload.send(body, arrived, self.blob.size - arrived));
        let mut reading = pin!(self.read(pipe, arrived));
        tokio::select! {
            read = &mut reading => {
                read?;
                timeout(stall, sending).await.map_err(|_| stalled())?.map_err(known)
            }
            sent = &mut sending => {
                sent.map_err(known)?;
                reading.await
            }
        }
    }

    /// Reads the blob into a pipe, from a byte on.
    async fn read(&mut self, pipe: mpsc::Sender<io::Result<Bytes>>, arrived: u64) -> Result<(), Side> {
        let stall = self.to.session.patience.stall;
        let mut download = Download::new(self.from.clone(), &self.blob.digest, arrived);
        while let Some(piece) = download.next().await.map_err(Side::From)? {
            let sent = self.sent + piece.len() as u64;
            if sent > self.blob.size {
                let cause = format!("it has more bytes than the {} of its manifest", self.blob.size);
                return Err(Side::From(Failure::malformed(cause)));
            }
            match timeout(stall, pipe.send(Ok(piece))).await {
                Ok(Ok(())) => self.count(sent),
                // The request has ended, and says why.
                Ok(Err(_)) => return Ok(()),
                Err(_) => return Err(Side::To(Kind::Stalled(stall).into())),
            }
        }
        Ok(())
    }

    /// Tells how much of the blob is sent.
    fn count(&mut self, sent: u64) {
        let (before, size) = (self.sent, if self.is_counted { 0 } else { self.blob.size });
        (self.sent, self.is_counted) = (sent, true);
        self.progress.change(|bytes| {
            bytes.total += size;
            bytes.sent = bytes.sent + sent - before;
        });
    }

    fn error(&self, side: &Side) -> RegistryError {
        match side {
            Side::From(failure) => {
                self.from.error(&format!("reading {} from", self.from.reference(&self.blob.digest)), failure)
            }
            Side::To(failure) => {
                self.to.error(&format!("writing {} to", self.to.reference(&self.blob.digest)), failure)
            }
        }
    }
}

/// An upload that the registry has forgotten can be begun again.
fn known(failure: Failure) -> Side {
    if failure.is_absent() {
        Side::To(Kind::Broken("the registry has forgotten the upload".to_owned()).into())
    } else {
        Side::To(failure)
    }
}
