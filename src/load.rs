//! Finds a `.cachefile` and reads it into a [`SourceMap`].

use std::io;
use std::path::{Path, PathBuf};

use crate::plan::{Environment, PathKind};
use crate::source::{FileId, SourceMap};

/// The name of the file that describes a pipeline.
pub const FILE_NAME: &str = ".cachefile";

/// Why there is no text to check.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    #[error("no `{FILE_NAME}` in {} or a folder above; name one with `-f FILE`", .0.display())]
    NotFound(PathBuf),
    #[error("cannot read {} ({cause})", .path.display())]
    Unreadable { path: PathBuf, cause: io::Error },
    #[error("{} has {size} bytes; the limit is {}", .path.display(), SourceMap::MAX_FILE_BYTES)]
    TooLarge { path: PathBuf, size: usize },
    #[error("{} is not UTF-8 from byte {} on", .path.display(), .valid + 1)]
    NotUtf8 { path: PathBuf, valid: usize },
}

/// The `.cachefile` of a folder or of the nearest folder above it.
///
/// # Errors
/// [`LoadError::NotFound`] if there is none.
pub fn find(folder: &Path) -> Result<PathBuf, LoadError> {
    let mut candidates = folder.ancestors().map(|ancestor| ancestor.join(FILE_NAME));
    candidates.find(|path| path.is_file()).ok_or_else(|| LoadError::NotFound(folder.to_owned()))
}

/// Reads a file; `name` is what messages call it. Bytes that are not UTF-8 become U+FFFD, which the
/// parser reports with their position.
///
/// # Errors
/// [`LoadError`] if there is no text at all.
pub fn load(sources: &mut SourceMap, path: &Path, name: &str) -> Result<FileId, LoadError> {
    Ok(sources.add(name, path, &String::from_utf8_lossy(&bytes(path)?)))
}

/// The text of a file that is to be written again: it must be UTF-8, or something of it would be lost.
///
/// # Errors
/// [`LoadError`] if there is no such text.
pub fn text(path: &Path) -> Result<String, LoadError> {
    let not_utf8 = |error: std::string::FromUtf8Error| LoadError::NotUtf8 {
        path: path.to_owned(),
        valid: error.utf8_error().valid_up_to(),
    };
    String::from_utf8(bytes(path)?).map_err(not_utf8)
}

fn bytes(path: &Path) -> Result<Vec<u8>, LoadError> {
    let bytes = read(path).map_err(|cause| LoadError::Unreadable { path: path.to_owned(), cause })?;
    if bytes.len() > SourceMap::MAX_FILE_BYTES {
        return Err(LoadError::TooLarge { path: path.to_owned(), size: bytes.len() });
    }
    Ok(bytes)
}

#[expect(clippy::disallowed_methods, reason = "the one place where source files are read")]
fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// The environment and the file system of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(clippy::disallowed_methods, reason = "the one place where `env(…)` is read")]
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn path_kind(&self, path: &Path) -> Option<PathKind> {
        let metadata = path.metadata().ok()?;
        Some(if metadata.is_dir() {
            PathKind::Folder
        } else if metadata.is_file() {
            PathKind::File
        } else {
            PathKind::Other
        })
    }
}
