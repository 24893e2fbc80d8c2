//! Functions that look outside the file: `read` and `hash_files`.

use std::path::Path;

use globset::{GlobBuilder, GlobSetBuilder};
use sha2::{Digest, Sha256};

use super::errors;
use super::eval::{Evaluator, Value};
use super::limits::{MAX_TEXT, Size};
use crate::source::Span;

impl Evaluator<'_> {
    /// The text of a file without the newline at its end.
    pub(super) fn read_file(&self, written: &str, span: Span) -> Value {
        let path = self.path(written, span);
        let bytes = match self.inputs().environment.read(&path) {
            Ok(bytes) => bytes,
            Err(cause) => {
                self.report(errors::cannot_read(written, &path, &cause, span));
                return Value::Error;
            }
        };
        if self.spend(bytes.len() / 64, span) {
            return Value::Error;
        }
        if bytes.len() > MAX_TEXT && self.exceeds(Size::text(bytes.len()), span) {
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
        let mut globs = GlobSetBuilder::new();
        for pattern in patterns {
            let Value::String(pattern) = pattern else { return Value::Error };
            match GlobBuilder::new(pattern).literal_separator(true).build() {
                Ok(glob) => {
                    globs.add(glob);
                }
                Err(error) => {
                    self.report(errors::bad_glob(pattern, &error.kind().to_string(), span));
                    return Value::Error;
                }
            }
        }
        let Ok(globs) = globs.build() else { return Value::Error };
        let folder = self.program().folder(span);
        let environment = self.inputs().environment;
        let files = match environment.files_below(folder) {
            Ok(files) => files,
            Err(cause) => {
                self.report(errors::cannot_read(".", folder, &cause, span));
                return Value::Error;
            }
        };
        // Each file is looked at, and those that match are read: a kilobyte a step.
        if self.spend(files.len(), span) {
            return Value::Error;
        }
        let mut hash = Sha256::new();
        let mut count = 0_usize;
        for file in files.iter().filter(|file| globs.is_match(file)) {
            match environment.read(&folder.join(file)) {
                Ok(bytes) if self.spend(bytes.len() / 1024, span) => return Value::Error,
                Ok(bytes) => hash_one(&mut hash, file, &bytes),
                Err(cause) => {
                    self.report(errors::cannot_read(&file.display().to_string(), file, &cause, span));
                    return Value::Error;
                }
            }
            count += 1;
        }
        if count == 0 {
            self.report(errors::no_file_matches(span));
            return Value::Error;
        }
        Value::String(hex(&hash.finalize()))
    }
}

/// The lengths keep `ab` + `c` and `a` + `bc` apart.
fn hash_one(hash: &mut Sha256, name: &Path, contents: &[u8]) {
    for part in [name.as_os_str().as_encoded_bytes(), contents] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
