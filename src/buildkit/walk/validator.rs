//! What a receiver checks of the stats it gets, for tests: their order (fsutil, validator.go) and that a hard link
//! leads to a file sent before (fsutil, hardlinks.go).

use std::collections::BTreeSet;

use bollard_buildkit_proto::fsutil::types::Stat;

use super::super::patterns::clean;

const DIR: u32 = 1 << 31;
const SYMLINK: u32 = 1 << 27;

#[derive(Debug)]
pub(crate) struct Validator {
    /// The directories open to the last path, with the last name seen in each.
    open: Vec<(String, String)>,
    files: BTreeSet<String>,
}

impl Validator {
    pub(crate) fn new() -> Self {
        Self { open: vec![(String::new(), String::new())], files: BTreeSet::new() }
    }

    pub(crate) fn accept(&mut self, stat: &Stat) -> Result<(), String> {
        let path = &stat.path;
        if *path != clean(path) || path.starts_with('/') || path == ".." || path.starts_with("../") {
            return Err(format!("invalid path {path:?}"));
        }
        let (dir, base) = path.rsplit_once('/').unwrap_or(("", path));
        while self.open.len() > 1 && self.open.last().is_some_and(|(open, _)| open.as_str() > dir) {
            self.open.pop();
        }
        // A receiver only checks that the directory is not above; that it is the very one follows for clean trees.
        match self.open.last_mut() {
            Some((open, last)) if open == dir && last.as_str() < base => *last = base.to_owned(),
            other => return Err(format!("changes out of order: {path:?} after {other:?}")),
        }
        if stat.mode & DIR != 0 {
            self.open.push((path.clone(), String::new()));
        } else if stat.mode & SYMLINK != 0 || stat.linkname.is_empty() {
            self.files.insert(path.clone());
        } else if !self.files.contains(&stat.linkname) {
            return Err(format!("invalid link {path:?} to unknown path {:?}", stat.linkname));
        }
        Ok(())
    }
}
