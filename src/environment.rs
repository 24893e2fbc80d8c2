//! What a `.cachefile` may know of the world outside: variables, files, the repository it is in, the time.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

/// What is outside of the file. [`crate::load::ProcessEnvironment`] is the one of this process. What an
/// implementation does not say is not there.
pub trait Environment {
    /// An environment variable; one that is empty counts as unset.
    fn var(&self, name: &str) -> Option<String>;

    /// What stands at a path, `None` for nothing. Links are followed.
    fn path_kind(&self, path: &Path) -> Option<PathKind>;

    /// The contents of a file, piece by piece. What is no file, such as a FIFO, is an error and never waited for.
    ///
    /// # Errors
    /// Whatever keeps it from being opened.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        let _ = path;
        Err(io::ErrorKind::NotFound.into())
    }

    /// The contents of a file that has at most so many bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::FileTooLarge`] if it has more, or whatever keeps it from being read.
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        read_at_most(self.open(path)?, limit)
    }

    /// What is in a folder, in any order.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn entries(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let _ = folder;
        Err(io::ErrorKind::NotFound.into())
    }

    /// What the repository around a folder, or the CI system, says.
    fn git(&self, folder: &Path, fact: GitFact) -> Option<Fact> {
        let _ = (folder, fact);
        None
    }

    /// The time of the run. Plans that must be the same every time are made at the same time.
    fn now(&self) -> SystemTime;
}

/// All that a source has, unless it has more than so many bytes; an endless one is given up there.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`], or what the source says.
pub fn read_at_most(source: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more, so that a longer text is not taken for a shorter one.
    source.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        let limit = size_text(limit);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than the limit of {limit}")));
    }
    Ok(bytes)
}

/// A number of bytes, in MiB if it is a number of them.
fn size_text(bytes: usize) -> String {
    const MIB: usize = 1024 * 1024;
    if bytes != 0 && bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{bytes} bytes")
    }
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PathKind {
    /// A file with contents.
    File,
    /// A folder.
    Folder,
    /// A device, a FIFO, a socket, a link that leads nowhere.
    Other,
}

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Without the folder.
    pub name: OsString,
    /// A link to a file is a file. A link to a folder is [`PathKind::Other`]: it may lead back into a folder above.
    pub kind: PathKind,
}

/// A field of `git`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GitFact {
    /// The id of the commit that is checked out.
    Commit,
    /// Its first seven digits, always seven: the length that `git` shows grows with the repository.
    Short,
    /// The branch that is checked out, also before its first commit; unset when there is none.
    Branch,
    /// A tag of this very commit, annotated or not. Of several the one with the highest version.
    Tag,
    /// `true` if a tracked file was changed or staged, else `false`. Untracked files do not count.
    Dirty,
    /// The URL of `origin`, without credentials.
    Remote,
}

impl GitFact {
    /// Every fact with its name in the language.
    pub const ALL: [(&'static str, GitFact); 6] = [
        ("branch", GitFact::Branch),
        ("commit", GitFact::Commit),
        ("dirty", GitFact::Dirty),
        ("remote", GitFact::Remote),
        ("short", GitFact::Short),
        ("tag", GitFact::Tag),
    ];

    /// Its name behind `git.`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, fact)| *fact == self).map_or("", |(name, _)| name)
    }
}

/// A value from outside and where it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Of [`GitFact::Dirty`]: `true` or `false`.
    pub value: String,
    /// `.git/HEAD`, `GITHUB_SHA`
    pub source: String,
}

/// Where a run keeps its state, beside the file that is run. A folder of this name is no part of what a program reads: it
/// changes with every run.
pub const STATE_FOLDER: &str = ".cachelang";

/// Nothing: no variable is set, no file is there, and time has not begun. For checks of a text alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Environment for Nothing {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn path_kind(&self, _: &Path) -> Option<PathKind> {
        None
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::read_at_most;

    #[test]
    fn endless_sources_are_given_up() {
        assert_eq!(read_at_most(&b"1234"[..], 4).ok().as_deref(), Some(&b"1234"[..]));
        let found = read_at_most(io::repeat(0), 2 * 1024 * 1024).map_err(|error| error.to_string());
        assert_eq!(found, Err("larger than the limit of 2 MiB".to_owned()));
        let found = read_at_most(&b"12345"[..], 4).map_err(|error| (error.kind(), error.to_string()));
        assert_eq!(found, Err((io::ErrorKind::FileTooLarge, "larger than the limit of 4 bytes".to_owned())));
    }
}
