//! What a plan has read from outside the file, which it lists.

use std::path::{Path, PathBuf};

use super::eval::{Evaluator, Value};
use super::portable::relative;
use super::value::{listed, quoted};
use super::{Input, functions};
use crate::check::functions::Function;
use crate::source::Span;

impl Evaluator<'_> {
    pub(super) fn note(&self, name: String, value: Option<String>, source: &str) {
        self.read.borrow_mut().insert(Input { name, value, source: source.to_owned() });
    }

    /// What functions say that look outside the file.
    pub(super) fn read_outside(&self, function: Function, arguments: &[Value], span: Span) -> Option<Value> {
        let (value, name, source) = match (function, arguments) {
            (Function::Now, _) => (Value::String(self.now()), "now()".to_owned(), "clock".to_owned()),
            (Function::Read, [Value::String(path)]) => {
                let source = self.seen_path(&self.path(path, span));
                (self.read_file(path, span), format!("read({})", quoted(path)), source)
            }
            (Function::HashFiles, [Value::List(patterns)]) => {
                let written = patterns.iter().filter_map(Value::as_text).map(quoted).collect::<Vec<_>>();
                let name = format!("hash_files([{}])", written.join(", "));
                let source = format!("files below {}", self.seen_path(self.program().folder(span)));
                (self.hash_files(patterns, span), name, source)
            }
            _ => return None,
        };
        if let Value::String(text) = &value {
            self.note(name, Some(listed(text)), &source);
        }
        Some(value)
    }

    fn now(&self) -> String {
        self.now.get_or_init(|| functions::time_text(self.inputs().environment.now())).clone()
    }

    /// A path as it is seen from the folder of the file that is run.
    fn seen_path(&self, path: &Path) -> String {
        let path: PathBuf = path.components().collect();
        relative(&path, &self.entry_folder()).display().to_string()
    }
}
