//! Finds a `.cachefile` and reads it into a [`SourceMap`].

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::environment::{Environment, Fact, GitFact, PathKind};
use crate::git::Repository;
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
    #[error("cannot write {} ({cause})", .path.display())]
    Unwritable { path: PathBuf, cause: io::Error },
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
    add(sources, path, name, &bytes(path)?)
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
    check_size(path, &bytes)?;
    Ok(bytes)
}

fn check_size(path: &Path, bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() > SourceMap::MAX_FILE_BYTES {
        return Err(LoadError::TooLarge { path: path.to_owned(), size: bytes.len() });
    }
    Ok(())
}

/// Adds what was read elsewhere, such as from standard input, as [`load`] does.
///
/// # Errors
/// [`LoadError::TooLarge`]
pub fn add(sources: &mut SourceMap, path: &Path, name: &str, bytes: &[u8]) -> Result<FileId, LoadError> {
    check_size(path, bytes)?;
    Ok(sources.add(name, path, &String::from_utf8_lossy(bytes)))
}

/// Writes another text into a file: all of it or nothing, whatever happens meanwhile. The permissions and a symbolic
/// link to the file stay; a file that may not be written is left alone.
///
/// # Errors
/// [`LoadError::Unwritable`]
pub fn replace(path: &Path, text: &str) -> Result<(), LoadError> {
    replace_file(path, text).map_err(|cause| LoadError::Unwritable { path: path.to_owned(), cause })
}

fn replace_file(path: &Path, text: &str) -> io::Result<()> {
    // A link stays one, and the file that it leads to is replaced.
    let path = path.canonicalize()?;
    let permissions = path.metadata()?.permissions();
    if permissions.readonly() {
        // The rename would work: it asks only the folder.
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the one place where source files are read")]
fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}

fn read_folder(path: &Path) -> io::Result<std::fs::ReadDir> {
    std::fs::read_dir(path)
}

/// The environment and the file system of this process.
#[derive(Debug, Default)]
pub struct ProcessEnvironment {
    /// By a folder inside; each is opened once.
    repositories: Mutex<HashMap<PathBuf, Arc<Repository>>>,
}

impl ProcessEnvironment {
    pub fn new() -> Self {
        Self::default()
    }

    fn repository(&self, folder: &Path) -> Arc<Repository> {
        // Nothing panics while it is locked, and the map is whole at all times.
        let mut repositories = self.repositories.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = || Arc::new(Repository::of(folder));
        Arc::clone(repositories.entry(folder.to_owned()).or_insert_with(opened))
    }
}

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

    fn git(&self, folder: &Path, fact: GitFact) -> Option<Fact> {
        self.repository(folder).fact(fact, &|name| self.var(name))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::replace;

    #[test]
    fn a_replaced_file_is_the_same_but_for_its_text() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (file, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&file, "old").expect("a file can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("it is ours");
        symlink(&file, &link).expect("a link can be made");
        replace(&link, "new").expect("it can be replaced");
        assert_eq!(fs::read_to_string(&file).ok().as_deref(), Some("new"));
        assert_eq!(file.metadata().map(|data| data.permissions().mode() & 0o777).ok(), Some(0o640));
        assert!(link.is_symlink());
        assert_eq!(folder.path().read_dir().map(Iterator::count).ok(), Some(2), "nothing else is left");
        assert!(replace(&folder.path().join("missing"), "new").is_err());
    }
}
