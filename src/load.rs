//! Finds a `.cachefile` and reads it into a [`SourceMap`].

use std::collections::HashMap;
use std::fs::File;
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
    add(sources, path, name, &bytes)
}

/// Adds what was read elsewhere, such as from standard input, as [`load`] does.
///
/// # Errors
/// [`LoadError::TooLarge`]
pub fn add(sources: &mut SourceMap, path: &Path, name: &str, bytes: &[u8]) -> Result<FileId, LoadError> {
    if bytes.len() > SourceMap::MAX_FILE_BYTES {
        return Err(LoadError::TooLarge { path: path.to_owned(), size: bytes.len() });
    }
    Ok(sources.add(name, path, &String::from_utf8_lossy(bytes)))
}

/// Writes another text into a file: all of it or nothing, whatever happens meanwhile. A byte order mark, the
/// permissions and a symbolic link to the file stay.
///
/// # Errors
/// [`LoadError::Unwritable`]
pub fn replace(path: &Path, text: &str) -> Result<(), LoadError> {
    replace_file(path, text).map_err(|cause| LoadError::Unwritable { path: path.to_owned(), cause })
}

fn replace_file(path: &Path, text: &str) -> io::Result<()> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    let path = path.canonicalize()?;
    let has_mark = read(&path)?.starts_with(MARK);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let mut file = File::options().write(true).create_new(true).open(&temporary)?;
    let written = file
        .write_all(if has_mark { MARK } else { &[] })
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| file.set_permissions(path.metadata()?.permissions()))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, &path));
    if written.is_err() {
        // What could not be finished is of no use, and the first error is the one that counts.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[expect(clippy::disallowed_methods, reason = "the one place where source files are read")]
fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}

#[expect(clippy::disallowed_methods, reason = "the one place where folders are listed for `hash_files`")]
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
        fs::write(&file, "\u{feff}old").expect("a file can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("it is ours");
        symlink(&file, &link).expect("a link can be made");
        replace(&link, "new").expect("it can be replaced");
        assert_eq!(fs::read_to_string(&file).ok().as_deref(), Some("\u{feff}new"));
        assert_eq!(file.metadata().map(|data| data.permissions().mode() & 0o777).ok(), Some(0o640));
        assert!(link.is_symlink());
        assert_eq!(folder.path().read_dir().map(Iterator::count).ok(), Some(2), "nothing else is left");
        assert!(replace(&folder.path().join("missing"), "new").is_err());
    }
}
