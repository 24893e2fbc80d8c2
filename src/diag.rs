//! What is wrong with a file, where, why, and what to do about it.
//!
//! Every pass returns [`Diagnostic`]s and goes on where it can. A diagnostic holds spans and words, never source
//! text; [`render`] turns it into what people and programs read.

mod code;
pub mod fix;
mod keys;
pub mod pages;
pub mod render;
mod suggest;
mod words;

use crate::source::Span;

pub use code::{Code, Severity};
pub use keys::looks_like_aws_key;
pub(crate) use suggest::Searches;
pub use suggest::{only_similar, similar};
pub(crate) use words::shorten;
pub use words::{quoted, shortened};

/// A place in a source and what is true there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// A change of a text: `replacement` instead of what `span` covers; an empty span inserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub span: Span,
    pub replacement: String,
}

/// One finding: what (`message`), where (`primary`), why (`secondary`, `notes`), and what to do (`help`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Diagnostic {
    pub code: Code,
    /// One lower-case line that is understood without the source, names in backticks, no full stop.
    pub message: String,
    /// The smallest token that one would edit.
    pub primary: Label,
    /// The reason elsewhere; may point into other files.
    pub secondary: Vec<Label>,
    /// Facts that the file does not show.
    pub notes: Vec<String>,
    /// One action, with code that can be pasted.
    pub help: Vec<String>,
    /// What the help says, done: only where the meaning of the text is certain. They belong together; [`fix`]
    /// applies all of them or none.
    pub edits: Vec<Edit>,
}

impl Diagnostic {
    pub fn new(code: Code, message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Self {
            code,
            message: one_line(message.into()),
            primary: Label { span, text: label.into() },
            secondary: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
            edits: Vec::new(),
        }
    }

    pub fn with_label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    pub fn with_edit(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.edits.push(Edit { span, replacement: replacement.into() });
        self
    }

    /// As [`Self::with_edit`], for a replacement that is certain only sometimes.
    pub fn with_edit_if(self, span: Span, replacement: Option<impl Into<String>>) -> Self {
        match replacement {
            Some(replacement) => self.with_edit(span, replacement),
            None => self,
        }
    }

    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// A headline stays one line, also when it repeats a quoted key, which can hold anything.
fn one_line(message: String) -> String {
    if message.contains(['\n', '\r']) { message.replace('\r', "").replace('\n', "\\n") } else { message }
}

/// Diagnostics in the order they are shown: by file and position, without repetitions.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics
        .sort_by(|a, b| (a.primary.span, a.code, &a.message).cmp(&(b.primary.span, b.code, &b.message)));
    diagnostics.dedup();
}

/// Whether any of them stops the run.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error)
}
