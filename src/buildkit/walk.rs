//! Walking a directory that is sent to the engine: a root and a `Filter` → `Entry`s in the order the receiver insists
//! on. Depth first, siblings in bytewise order of their names, a directory before what is in it; the root itself is not
//! sent (fsutil, validator.go and fs.go). Only the directories being walked are held, never the tree.

mod entry;
mod filter;
mod follow;
mod stamp;

use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use bollard_buildkit_proto::fsutil::types::Stat;

use super::patterns::BadPattern;
use crate::environment::STATE_FOLDER;
pub(super) use entry::{Content, Entry};
pub(super) use filter::Selection;
use filter::{Filter, Matches, Verdict};
pub(super) use stamp::{Stamp, of_content, stamped};

/// Why a directory cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum WalkError {
    #[error("failed to read `{path}` ({cause})")]
    Read { path: String, cause: io::Error },
    /// The protocol's strings are UTF-8.
    #[error(
        "failed to send `{path}` (its name, the target it links to or the name of an attribute is not UTF-8)"
    )]
    NotUnicode { path: String },
    #[error(transparent)]
    Pattern(#[from] BadPattern),
    /// The frontend takes the patterns of what not to send from there, and from nowhere else.
    #[error("`.dockerignore` has an {0}")]
    Ignore(BadPattern),
}

impl WalkError {
    fn read(path: &str, cause: io::Error) -> Self {
        Self::Read { path: if path.is_empty() { ".".to_owned() } else { path.to_owned() }, cause }
    }
}

/// A walk under way.
pub(super) struct Walk {
    filter: Filter,
    stamp: Stamp,
    /// The directories from the root to where the walk is.
    open: Vec<Directory>,
    /// Entries found, not yet handed out: an entry after the directories that are sent for its sake.
    found: VecDeque<Entry>,
    /// The first path sent of each file that has several: (device, inode) → path.
    links: HashMap<(u64, u64), Arc<str>>,
}

/// What a step of the walk came to.
#[derive(Debug)]
pub(super) enum Step {
    Found(Entry),
    /// Something that is not sent: a chance for the caller to stop.
    Passed,
}

struct Directory {
    /// Relative to the root, of which it is `""`; as patterns see it, what is not UTF-8 being replaced.
    path: String,
    /// Where it really is.
    place: PathBuf,
    names: vec::IntoIter<Name>,
    matches: Matches,
    /// A directory which the filter leaves out is sent once something in it is.
    sent: bool,
}

struct Name {
    name: OsString,
    directory: bool,
}

impl Walk {
    /// A walk of the directory `root`; nothing but its list of names is read yet.
    pub(super) fn new(root: &Path, selection: &Selection, stamp: Stamp) -> Result<Self, WalkError> {
        let root =
            fs::canonicalize(root).map_err(|cause| WalkError::read(&root.display().to_string(), cause))?;
        let filter = Filter::new(&root, selection)?;
        let names = names(&root).map_err(|cause| WalkError::read("", cause))?;
        let top =
            Directory { path: String::new(), place: root, names, matches: Matches::default(), sent: true };
        Ok(Self { filter, stamp, open: vec![top], found: VecDeque::new(), links: HashMap::new() })
    }

    /// The next step; `None` at the end.
    pub(super) fn step(&mut self) -> Result<Option<Step>, WalkError> {
        if let Some(entry) = self.found.pop_front() {
            return Ok(Some(Step::Found(entry)));
        }
        while let Some(directory) = self.open.last_mut() {
            if let Some(name) = directory.names.next() {
                self.visit(&name)?;
                return Ok(Some(self.found.pop_front().map_or(Step::Passed, Step::Found)));
            }
            self.open.pop();
        }
        Ok(None)
    }

    fn visit(&mut self, Name { name, directory }: &Name) -> Result<(), WalkError> {
        let Some(parent) = self.open.last() else { return Ok(()) };
        let text = name.to_string_lossy();
        let path = if parent.path.is_empty() { text.into_owned() } else { format!("{}/{text}", parent.path) };
        let (verdict, matches) = self.filter.judge(&path, *directory, &parent.matches);
        if verdict == Verdict::Skip {
            return Ok(());
        }
        let place = parent.place.join(name);
        let sent = verdict == Verdict::Send;
        if sent {
            let Some(entry) = self.entry(&path, &place)? else { return Ok(()) };
            if !self.send_parents()? {
                return Ok(());
            }
            self.found.push_back(entry);
        }
        if *directory { self.enter(path, place, matches, sent) } else { Ok(()) }
    }

    /// Goes on with what is in `path`. A directory that vanished meanwhile is an empty one.
    fn enter(&mut self, path: String, place: PathBuf, matches: Matches, sent: bool) -> Result<(), WalkError> {
        match names(&place) {
            Ok(names) => self.open.push(Directory { path, place, names, matches, sent }),
            Err(error) if is_gone(&error) => {}
            // What cannot be looked into, and is not asked for, does not stop a build (fsutil, filter.go).
            Err(error) if !sent && error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(WalkError::read(&path, error)),
        }
        Ok(())
    }

    /// Sends the directories around the walk that were held back; `false` if one vanished, and all in it.
    fn send_parents(&mut self) -> Result<bool, WalkError> {
        let held = self.open.iter_mut().filter(|parent| !parent.sent);
        let held: Vec<_> = held
            .map(|parent| {
                parent.sent = true;
                (parent.path.clone(), parent.place.clone())
            })
            .collect();
        for (path, place) in held {
            match self.entry(&path, &place)? {
                Some(entry) => self.found.push_back(entry),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// What is at `place`, sent as `path`; `None` if it vanished meanwhile, and so was never there.
    fn entry(&mut self, path: &str, place: &Path) -> Result<Option<Entry>, WalkError> {
        let entry = fs::symlink_metadata(place).and_then(|found| {
            Ok((entry::several_names(&found), Entry::new(path, place, &found, &self.stamp)?))
        });
        let (inode, mut entry) = match entry {
            // `path` differs from what is there only where that is not UTF-8.
            Ok(_) if !place.as_os_str().as_encoded_bytes().ends_with(path.as_bytes()) => {
                return Err(WalkError::NotUnicode { path: path.to_owned() });
            }
            Ok(entry) => entry,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(WalkError::NotUnicode { path: path.to_owned() });
            }
            Err(error) => return Err(WalkError::read(path, error)),
        };
        if let Some(inode) = inode {
            self.link(inode, &mut entry.stat);
        }
        Ok(Some(entry))
    }

    /// A further name of a file that was sent says so. Its size stays what it is, although the size of a link does not
    /// matter to the receiver: the reference client sends it (fsutil, stat.go), and it enters into the content hash.
    fn link(&mut self, inode: (u64, u64), stat: &mut Stat) {
        match self.links.get(&inode) {
            Some(first) => stat.linkname = first.to_string(),
            None => drop(self.links.insert(inode, Arc::from(stat.path.as_str()))),
        }
    }
}

fn names(directory: &Path) -> io::Result<vec::IntoIter<Name>> {
    let mut names = fs::read_dir(directory)?
        // A state that changes with every run would let no `COPY . .` come from the cache.
        .filter(|entry| !entry.as_ref().is_ok_and(|entry| entry.file_name() == STATE_FOLDER))
        .map(|entry| {
            let entry = entry?;
            // A type that cannot be found out is that of a file which vanished: it shows when the file is looked at.
            let directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            Ok(Name { name: entry.file_name(), directory })
        })
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable_by(|a, b| a.name.as_encoded_bytes().cmp(b.name.as_encoded_bytes()));
    Ok(names.into_iter())
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) mod validator;
