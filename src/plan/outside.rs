//! Functions that look outside the file: `read` and `hash_files`.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use sha2::{Digest, Sha256};

use super::errors;
use super::eval::{Evaluator, Value};
use super::limits::{MAX_TEXT, Size};
use crate::environment::PathKind;
use crate::source::Span;

impl Evaluator<'_> {
    /// The text of a file without the newline at its end.
    pub(super) fn read_file(&self, written: &str, span: Span) -> Value {
        let path = self.path(written, span);
        let bytes = match self.inputs().environment.read(&path, MAX_TEXT) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::FileTooLarge => {
                self.exceeds(Size::text(MAX_TEXT + 1), span);
                return Value::Error;
            }
            Err(cause) => {
                self.report(errors::cannot_read(written, &path, &cause, span));
                return Value::Error;
            }
        };
        if self.spend(bytes.len() / 64, span) {
            return Value::Error;
        }
        let Ok(mut text) = String::from_utf8(bytes) else {
            self.report(errors::not_a_text(written, span));
            return Value::Error;
        };
        if text.ends_with('\n') {
            text.truncate(text.len() - 1);
        }
        if text.ends_with('\r') {
            text.truncate(text.len() - 1);
        }
        Value::String(text)
    }

    /// One SHA-256 over the names and contents of the files that any of the patterns matches.
    pub(super) fn hash_files(&self, patterns: &[Value], span: Span) -> Value {
        let mut globs = Vec::new();
        for pattern in patterns {
            let Value::String(pattern) = pattern else { return Value::Error };
            match Pattern::new(pattern) {
                Ok(glob) => globs.push(glob),
                Err(error) => {
                    self.report(errors::bad_glob(pattern, &error.kind().to_string(), span));
                    return Value::Error;
                }
            }
        }
        let folder = self.program().folder(span);
        let Some(files) = self.matching(folder, &globs, span) else { return Value::Error };
        if files.is_empty() {
            self.report(errors::no_file_matches(span));
            return Value::Error;
        }
        let mut hash = Sha256::new();
        for file in files {
            let Some(contents) = self.hash_file(folder, &file, span) else { return Value::Error };
            let name = file.as_os_str().as_encoded_bytes();
            // With its length, so that no name goes on in what follows it.
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
            hash.update(contents);
        }
        Value::String(hex(&hash.finalize()))
    }

    /// The files below a folder that a pattern matches, relative to it and sorted. Only folders in which one can match
    /// are looked into.
    fn matching(&self, folder: &Path, patterns: &[Pattern], span: Span) -> Option<Vec<PathBuf>> {
        let mut files = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(below) = folders.pop() {
            let path = folder.join(&below);
            let entries = match self.inputs().environment.entries(&path) {
                Ok(entries) => entries,
                Err(cause) => {
                    let written = if below.as_os_str().is_empty() { Path::new(".") } else { &below };
                    self.report(errors::cannot_read(&written.display().to_string(), &path, &cause, span));
                    return None;
                }
            };
            if self.spend(FOLDER_STEPS + entries.len(), span) {
                return None;
            }
            for entry in entries {
                let path = below.join(entry.name);
                match entry.kind {
                    PathKind::Folder if patterns.iter().any(|one| one.can_match_below(&path)) => {
                        folders.push(path);
                    }
                    PathKind::File if patterns.iter().any(|one| one.whole.is_match(&path)) => {
                        files.push(path)
                    }
                    _ => {}
                }
            }
        }
        files.sort();
        Some(files)
    }

    /// The SHA-256 of a file, which is never held as a whole.
    fn hash_file(&self, folder: &Path, file: &Path, span: Span) -> Option<[u8; 32]> {
        let path = folder.join(file);
        let failed = |cause: &io::Error| {
            self.report(errors::cannot_read(&file.display().to_string(), &path, cause, span));
        };
        let mut contents = self.inputs().environment.open(&path).map_err(|cause| failed(&cause)).ok()?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; PIECE];
        loop {
            let length = match contents.read(&mut piece) {
                Ok(0) => return Some(hash.finalize().into()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    failed(&error);
                    return None;
                }
            };
            // A kilobyte is a step.
            if self.spend(length.div_ceil(1024), span) {
                return None;
            }
            hash.update(piece.get(..length).unwrap_or_default());
        }
    }
}

/// How many bytes of a file are in the memory at once.
const PIECE: usize = 64 * 1024;
/// What it takes to look into a folder, besides what is in it.
const FOLDER_STEPS: usize = 16;

/// A pattern of `hash_files`.
struct Pattern {
    whole: GlobMatcher,
    /// Its first parts, each of which stands for one folder or file.
    parts: Vec<GlobMatcher>,
    /// Whether something stands behind them that can be any number of folders, or is not looked at part by part.
    goes_on: bool,
}

impl Pattern {
    fn new(pattern: &str) -> Result<Self, globset::Error> {
        let matcher = |glob: &str| {
            GlobBuilder::new(glob).literal_separator(true).build().map(|glob| glob.compile_matcher())
        };
        let is_one_name = |part: &&str| !part.contains(['{', '}', '[', ']', '\\']) && !part.contains("**");
        let all = pattern.split('/');
        let parts = all.clone().take_while(is_one_name).map(matcher).collect::<Result<Vec<_>, _>>()?;
        let goes_on = parts.len() < all.count();
        Ok(Self { whole: matcher(pattern)?, parts, goes_on })
    }

    /// Whether a file in a folder, or in one below it, can match.
    fn can_match_below(&self, folder: &Path) -> bool {
        let mut parts = self.parts.iter();
        for name in folder.iter() {
            match parts.next() {
                Some(part) if !part.is_match(name) => return false,
                Some(_) => {}
                None => return self.goes_on,
            }
        }
        self.goes_on || parts.next().is_some()
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Pattern;

    #[test]
    fn only_folders_that_can_match_are_looked_into() {
        for (pattern, folders, others) in [
            ("src/**/*.rs", &["src", "src/a", "src/a/b"][..], &["target", "a/src"][..]),
            ("*.txt", &[], &["src"]),
            ("*/a/*.txt", &["x", "x/a"], &["x/b", "x/a/y"]),
            ("**", &["x", "x/y"], &[]),
            ("{a,b/c}/x", &["z", "z/z"], &[]),
            ("a/[bc]/x", &["a", "a/z"], &["z"]),
            ("/etc/*", &[], &["etc"]),
            ("../*", &[], &["a"]),
        ] {
            let pattern = Pattern::new(pattern).expect("it is a pattern");
            for folder in folders {
                assert!(pattern.can_match_below(Path::new(folder)), "{folder}");
            }
            for other in others {
                assert!(!pattern.can_match_below(Path::new(other)), "{other}");
            }
        }
    }
}
