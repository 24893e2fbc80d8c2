//! The session's FileSync service: named local directories → what the engine asks of them during a build. The engine
//! calls, this side sends: `DiffCopy` on `moby.filesync.v1.FileSync`, in fsutil's packets. It serves a directory as the
//! request's patterns select it and nothing outside it, and never a file other than as it is on disk.

mod key;
mod request;
mod sender;
mod sent;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};

pub use file_sync_server::FileSyncServer;

use crate::buildkit::walk::Stamp;
use request::Request;
use sender::Transfer;

/// How the error of a folder that cannot be sent begins; its name, "`: " and the reason follow.
pub(super) const UNSENT: &str = "local directory `";

/// Packets that wait for the connection, at most: what a transfer holds in memory is this many chunks, not files.
const QUEUE: usize = 8;

/// The directories a build may read, by the names it asks for: `context`, `dockerfile` and those of named contexts.
#[derive(Debug, Clone, Default)]
pub struct LocalDirs(BTreeMap<String, Source>);

/// Where the files of a local directory are.
#[derive(Debug, Clone)]
enum Source {
    Directory(PathBuf),
    /// A single file that exists in memory only.
    Inline(Arc<InlineFile>),
}

#[derive(Debug)]
struct InlineFile {
    name: String,
    content: Vec<u8>,
}

impl LocalDirs {
    /// No directories.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves the directory `root` as `name`.
    #[must_use]
    pub fn with_directory(mut self, name: impl Into<String>, root: impl Into<PathBuf>) -> Self {
        self.0.insert(name.into(), Source::Directory(root.into()));
        self
    }

    /// Serves, as `name`, a directory with the one file `file`, for a Dockerfile written in the build file.
    #[must_use]
    pub fn with_file(
        mut self,
        name: impl Into<String>,
        file: impl Into<String>,
        content: impl Into<Vec<u8>>,
    ) -> Self {
        let file = InlineFile { name: file.into(), content: content.into() };
        self.0.insert(name.into(), Source::Inline(Arc::new(file)));
        self
    }

    /// The name by which the engine finds what it has of these directories from earlier sessions.
    #[must_use]
    pub fn shared_key(&self) -> String {
        key::shared_key(&self.0)
    }
}

/// How much was sent, over all transfers of a session.
#[derive(Debug, Default)]
pub struct Transferred {
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Transferred {
    /// Files whose content was sent whole.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// Bytes of content.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn add_file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// The service.
#[derive(Debug)]
pub struct FileSync {
    dirs: LocalDirs,
    stamp: Stamp,
    transferred: Arc<Transferred>,
}

impl FileSync {
    /// The service for `dirs`.
    #[must_use]
    pub fn new(dirs: LocalDirs) -> Self {
        Self { dirs, stamp: Stamp::new(), transferred: Arc::default() }
    }

    /// The name by which the engine finds what it has of the directories from earlier sessions.
    pub(super) fn shared_key(&self) -> String {
        self.dirs.shared_key()
    }

    /// What is counted while the service runs.
    #[must_use]
    pub fn transferred(&self) -> Arc<Transferred> {
        Arc::clone(&self.transferred)
    }

    /// The service as a gRPC server takes it.
    #[must_use]
    pub fn into_server(self) -> FileSyncServer<Self> {
        FileSyncServer::new(self)
    }
}

#[async_trait::async_trait]
impl file_sync_server::FileSync for FileSync {
    type DiffCopyStream = ReceiverStream<Result<Packet, Status>>;
    type TarStreamStream = ReceiverStream<Result<Packet, Status>>;

    async fn diff_copy(
        &self,
        request: tonic::Request<Streaming<Packet>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let Request { dir, selection } = Request::from_metadata(request.metadata())?;
        let Some(source) = self.dirs.0.get(&dir) else {
            return Err(Status::not_found(format!("no access allowed to dir {dir:?}")));
        };
        let (out, packets) = mpsc::channel(QUEUE);
        let transfer = Transfer::new(dir, source.clone(), selection, self, out);
        tokio::spawn(transfer.run(request.into_inner()));
        Ok(Response::new(ReceiverStream::new(packets)))
    }

    async fn tar_stream(
        &self,
        _: tonic::Request<Streaming<Packet>>,
    ) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("this client offers its local directories by DiffCopy only"))
    }
}

#[cfg(test)]
mod tests;
