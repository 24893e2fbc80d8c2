//! Finds a `.cachefile` and reads it into a [`SourceMap`].

use std::io;
use std::path::{Path, PathBuf};

use crate::environment::{Environment, Fact, GitFact, PathKind};
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
    let bytes = read(path).map_err(|cause| LoadError::Unreadable { path: path.to_owned(), cause })?;
    if bytes.len() > SourceMap::MAX_FILE_BYTES {
        return Err(LoadError::TooLarge { path: path.to_owned(), size: bytes.len() });
    }
    Ok(sources.add(name, path, &String::from_utf8_lossy(&bytes)))
}

#[expect(clippy::disallowed_methods, reason = "the one place where source files are read")]
fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}

fn read_folder(path: &Path) -> io::Result<std::fs::ReadDir> {
    std::fs::read_dir(path)
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

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        read(path)
    }

    fn files_below(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(below) = folders.pop() {
            for entry in read_folder(&folder.join(&below))? {
                let entry = entry?;
                let path = below.join(entry.file_name());
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        Ok(files)
    }

    fn git(&self, _folder: &Path, _fact: GitFact) -> Option<Fact> {
        None
    }
}
