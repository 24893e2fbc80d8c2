//! What a `.cachefile` may know of the world outside: variables, files, the repository it is in, the time.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is outside of the file. [`crate::load::ProcessEnvironment`] is the one of this process. What an
/// implementation does not say is not there.
pub trait Environment {
    /// An environment variable; one that is empty counts as unset.
    fn var(&self, name: &str) -> Option<String>;

    /// What stands at a path, `None` for nothing.
    fn path_kind(&self, path: &Path) -> Option<PathKind>;

    /// The contents of a file.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let _ = path;
        Err(io::ErrorKind::NotFound.into())
    }

    /// The files below a folder, relative to it, sorted by name. Links are not followed.
    ///
    /// # Errors
    /// Whatever keeps a folder from being read.
    fn files_below(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let _ = folder;
        Err(io::ErrorKind::NotFound.into())
    }

    /// What the repository around a folder, or the CI system, says.
    fn git(&self, folder: &Path, fact: GitFact) -> Option<Fact> {
        let _ = (folder, fact);
        None
    }

    /// The time of the run.
    #[expect(clippy::disallowed_methods, reason = "the one place where the time is read")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    File,
    Folder,
    Other,
}

/// A field of `git`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// Nothing: no variable is set, no file is there. For checks of a text alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Environment for Nothing {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn path_kind(&self, _: &Path) -> Option<PathKind> {
        None
    }
}
