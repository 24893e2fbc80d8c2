//! Paths to follow: the sources of a Dockerfile's `COPY`s → those paths, the symbolic links on them and what the links
//! lead to, as include patterns. A link that is sent without its target would be a dangling one in the engine (fsutil,
//! followlinks.go). Links stay in the directory: an absolute target starts at its root, and `..` ends there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::{WalkError, is_gone};
use crate::buildkit::patterns::{Matched, Matcher, clean, escape, has_wildcard, unescape};

/// Linux gives up on a path after this many links.
const MAX_LINKS: u32 = 40;

/// What following paths came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// Nothing was to be followed, or the root was among it: no restriction.
    Everything,
    /// Patterns, cleaned.
    Paths(BTreeSet<String>),
}

/// Follows `paths`, which may have wildcards, in the directory `root`.
pub(super) fn follow(root: &Path, paths: &[String]) -> Result<Followed, WalkError> {
    let mut follower = Follower { root, found: BTreeSet::new() };
    for path in paths {
        follower.start(Vec::new(), path.split('/').map(str::to_owned).collect(), MAX_LINKS)?;
    }
    if follower.found.is_empty() || follower.found.contains(".") {
        return Ok(Followed::Everything);
    }
    Ok(Followed::Paths(follower.found))
}

struct Follower<'a> {
    root: &'a Path,
    found: BTreeSet<String>,
}

impl Follower<'_> {
    /// Takes the pattern `rest` below the directory `at`, a path of names, into the result and follows it.
    fn start(&mut self, mut at: Vec<String>, rest: Vec<String>, links: u32) -> Result<(), WalkError> {
        let mut patterns: Vec<String> = Vec::new();
        for pattern in rest {
            match pattern.as_str() {
                "" | "." => {}
                ".." if patterns.pop().is_none() => drop(at.pop()),
                ".." => {}
                _ => patterns.push(pattern),
            }
        }
        let whole: Vec<String> = at.iter().map(|name| escape(name)).chain(patterns.iter().cloned()).collect();
        // What is known already has been followed: this ends a circle of links.
        if self.found.insert(clean(&whole.join("/"))) { self.walk(at, &patterns, links) } else { Ok(()) }
    }

    fn walk(&mut self, mut at: Vec<String>, mut rest: &[String], links: u32) -> Result<(), WalkError> {
        while let Some((pattern, below)) = rest.split_first() {
            rest = below;
            if has_wildcard(pattern) {
                for (name, kind) in self.matching(&at, pattern)? {
                    let mut path = at.clone();
                    path.push(name);
                    if kind.is_symlink() {
                        self.link(path, rest, links)?;
                    } else if kind.is_dir() && !rest.is_empty() {
                        self.walk(path, rest, links)?;
                    }
                }
                return Ok(());
            }
            at.push(unescape(pattern));
            let metadata = fs::symlink_metadata(self.root.join(at.join("/")));
            match metadata.map(|metadata| metadata.file_type()) {
                Ok(kind) if kind.is_symlink() => return self.link(at, rest, links),
                Ok(kind) if kind.is_dir() => {}
                Ok(_) => return Ok(()),
                Err(error) => return unless_gone(&at, error),
            }
        }
        Ok(())
    }

    /// Goes on where the symbolic link `path` leads to, with `rest` below it.
    fn link(&mut self, mut path: Vec<String>, rest: &[String], links: u32) -> Result<(), WalkError> {
        let target = match fs::read_link(self.root.join(path.join("/"))) {
            Ok(target) => target,
            Err(error) => return unless_gone(&path, error),
        };
        let names: Vec<String> = path.iter().map(|name| escape(name)).collect();
        self.found.insert(names.join("/"));
        // The target is a path of names, also where these look like patterns.
        let target = target.to_string_lossy();
        if target.starts_with('/') {
            path.clear();
        } else {
            path.pop();
        }
        let target = target.split('/').map(|name| if name == ".." { name.to_owned() } else { escape(name) });
        let rest = target.chain(rest.iter().cloned()).collect();
        match links.checked_sub(1) {
            Some(links) => self.start(path, rest, links),
            None => Ok(()),
        }
    }

    /// The names in the directory `at` that match `pattern`.
    fn matching(&self, at: &[String], pattern: &str) -> Result<Vec<(String, fs::FileType)>, WalkError> {
        let matcher = Matcher::new([pattern])?;
        let read = || {
            let mut names = Vec::new();
            for entry in fs::read_dir(self.root.join(at.join("/")))? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if matcher.matches(&name, &Matched::default()).0 {
                    names.push((name, entry.file_type()?));
                }
            }
            Ok(names)
        };
        match read() {
            Ok(names) => Ok(names),
            Err(error) => unless_gone(at, error).map(|()| Vec::new()),
        }
    }
}

/// What is not there is not followed; the frontend will say that it is missing.
fn unless_gone(at: &[String], error: io::Error) -> Result<(), WalkError> {
    if is_gone(&error) { Ok(()) } else { Err(WalkError::read(&at.join("/"), error)) }
}
