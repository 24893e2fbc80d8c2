//! Finds a `.cachefile` and reads it into a [`SourceMap`].

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::environment::{Entry, Environment, Fact, GitFact, PathKind, STATE_FOLDER, read_at_most};
use crate::git::Repository;
use crate::source::{FileId, SourceMap};

/// The name of the file that describes a pipeline.
pub const FILE_NAME: &str = ".cachefile";

/// Why there is no text to check.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No folder from this one upwards has a `.cachefile`.
    #[error("no `{FILE_NAME}` in {} or a folder above; name one with `-f FILE`", .0.display())]
    NotFound(PathBuf),
    /// A file cannot be read, or has more than [`SourceMap::MAX_FILE_BYTES`].
    #[error("cannot read {} ({cause})", .path.display())]
    #[expect(missing_docs, reason = "the names say it")]
    Unreadable { path: PathBuf, cause: io::Error },
    /// A file cannot be written.
    #[error("cannot write {} ({cause})", .path.display())]
    #[expect(missing_docs, reason = "the names say it")]
    Unwritable { path: PathBuf, cause: io::Error },
    /// A file is not UTF-8, and would lose something if it were written again.
    #[error("{} is not UTF-8 from byte {} on", .path.display(), .valid + 1)]
    NotUtf8 {
        /// Which file.
        path: PathBuf,
        /// How many bytes at its start are.
        valid: usize,
    },
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
    let bytes = bytes(path)?;
    Ok(sources.add(name, path, &String::from_utf8_lossy(&bytes)))
}

/// The text of a file that is to be written again: it must be UTF-8, or something of it would be lost.
///
/// # Errors
/// [`LoadError`] if there is no such text.
pub fn text(path: &Path) -> Result<String, LoadError> {
    utf8(path, bytes(path)?)
}

/// The same for bytes that were read already, such as from standard input.
///
/// # Errors
/// [`LoadError::NotUtf8`]
pub fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String, LoadError> {
    String::from_utf8(bytes).map_err(|error| LoadError::NotUtf8 {
        path: path.to_owned(),
        valid: error.utf8_error().valid_up_to(),
    })
}

/// What is named on purpose may be a pipe, such as that of `-f <(command)`, and is waited for.
fn bytes(path: &Path) -> Result<Vec<u8>, LoadError> {
    let read = File::open(path).and_then(|file| read_at_most(file, SourceMap::MAX_FILE_BYTES));
    read.map_err(|cause| LoadError::Unreadable { path: path.to_owned(), cause })
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

/// Writes a file: all of it or nothing, whatever happens meanwhile. A device or a pipe is written into.
///
/// # Errors
/// [`LoadError::Unwritable`]
pub fn write(path: &Path, text: &str) -> Result<(), LoadError> {
    write_file(path, text).map_err(|cause| LoadError::Unwritable { path: path.to_owned(), cause })
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    match path.metadata() {
        Ok(found) if found.is_file() => return replace_file(path, text),
        Ok(_) => return File::options().write(true).open(path)?.write_all(text.as_bytes()),
        Err(_) => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Those of any new file, and not only for its owner, as temporary files are.
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Opens what is a file; anything else could be endless, or wait for somebody to write to it.
fn open_file(path: &Path) -> io::Result<File> {
    let metadata = path.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a file, but a device, a pipe or a socket",
        ));
    }
    // Nothing is waited for even if another thing has taken its place meanwhile.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(path)
}

/// What an entry of a folder is for those who walk through it; see [`Entry::kind`].
fn kind(entry: &fs::DirEntry) -> io::Result<PathKind> {
    let kind = entry.file_type()?;
    let leads_to_file = || entry.path().metadata().is_ok_and(|target| target.is_file());
    Ok(match kind {
        _ if kind.is_dir() => PathKind::Folder,
        _ if kind.is_file() || (kind.is_symlink() && leads_to_file()) => PathKind::File,
        _ => PathKind::Other,
    })
}

/// The environment and the file system of this process.
#[derive(Debug, Default)]
pub struct ProcessEnvironment {
    /// By a folder inside; each is opened once.
    repositories: Mutex<HashMap<PathBuf, Arc<Repository>>>,
}

impl ProcessEnvironment {
    /// The environment as it is now.
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

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(open_file(path)?))
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let found = fs::read_dir(folder)?;
        let is_state = |entry: &io::Result<fs::DirEntry>| {
            entry.as_ref().is_ok_and(|entry| entry.file_name() == STATE_FOLDER)
        };
        found
            .filter(|entry| !is_state(entry))
            .map(|entry| {
                let entry = entry?;
                Ok(Entry { kind: kind(&entry)?, name: entry.file_name() })
            })
            .collect()
    }

    fn git(&self, folder: &Path, fact: GitFact) -> Option<Fact> {
        self.repository(folder).fact(fact, &|name| self.var(name))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where the time is read")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    use super::{Entry, Environment as _, PathKind, ProcessEnvironment, replace};

    #[test]
    fn only_files_are_read() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "text").expect("a file can be written");
        fs::create_dir(at("folder")).expect("a folder can be made");
        for (name, target) in [("to file", "file"), ("to folder", "folder"), ("to nothing", "nothing")] {
            symlink(target, at(name)).expect("a link can be made");
        }
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .expect("a pipe can be made");

        let environment = ProcessEnvironment::new();
        let read = |path: &Path, limit| environment.read(path, limit).map_err(|error| error.to_string());
        assert_eq!(read(&at("to file"), 4), Ok(b"text".to_vec()));
        assert_eq!(read(&at("file"), 3), Err("larger than the limit of 3 bytes".to_owned()));
        assert_eq!(read(&at("to folder"), 9), Err("is a directory".to_owned()));
        for path in [at("pipe"), "/dev/zero".into()] {
            let found = read(&path, 9);
            assert_eq!(found, Err("not a file, but a device, a pipe or a socket".to_owned()), "{path:?}");
        }

        let mut entries = environment.entries(folder.path()).expect("the folder can be read");
        entries.sort();
        let found = entries.iter().map(|Entry { name, kind }| (name.to_str().unwrap_or_default(), *kind));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [
                ("file", PathKind::File),
                ("folder", PathKind::Folder),
                ("pipe", PathKind::Other),
                ("to file", PathKind::File),
                ("to folder", PathKind::Other),
                ("to nothing", PathKind::Other),
            ]
        );
    }

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
