//! Parses a file and everything that it includes: the files of one program.

use std::collections::HashSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::diag::{Code, Diagnostic};
use crate::environment::Environment;
use crate::source::{FileId, SourceMap, Span};
use crate::syntax;
use crate::syntax::ast::{self, ExprKind, ItemKind, StringPart};

/// One parsed file of a program.
#[derive(Debug, Clone)]
pub struct ParsedFile {
    pub id: FileId,
    pub ast: ast::File,
}

/// Parses `entry` and what it includes, each file once; the entry is the first one. A file that cannot be read is
/// reported and left out.
pub fn parse(
    sources: &mut SourceMap,
    entry: FileId,
    environment: &dyn Environment,
) -> (Vec<ParsedFile>, Vec<Diagnostic>) {
    let mut includer =
        Includer { sources, environment, files: Vec::new(), diagnostics: Vec::new(), known: HashSet::new() };
    let path = normal(includer.sources.file(entry).path());
    includer.known.insert(path.clone());
    includer.file(entry, &mut vec![path]);
    (includer.files, includer.diagnostics)
}

struct Includer<'a> {
    sources: &'a mut SourceMap,
    environment: &'a dyn Environment,
    files: Vec<ParsedFile>,
    diagnostics: Vec<Diagnostic>,
    known: HashSet<PathBuf>,
}

impl Includer<'_> {
    /// Parses one file and follows its includes; `open` are the files that wait for this one.
    fn file(&mut self, id: FileId, open: &mut Vec<PathBuf>) {
        let (ast, diagnostics) = syntax::parse(self.sources, id);
        self.diagnostics.extend(diagnostics);
        let includes: Vec<_> = ast
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Include(path) => Some(path.clone()),
                _ => None,
            })
            .collect();
        self.files.push(ParsedFile { id, ast });
        for include in includes {
            self.include(id, &include, open);
        }
    }

    fn include(&mut self, from: FileId, include: &ast::Expr, open: &mut Vec<PathBuf>) {
        let Some(written) = literal(include) else {
            if !matches!(include.kind, ExprKind::Error) {
                self.diagnostics.push(hole_in_path(include.span));
            }
            return;
        };
        let file = self.sources.file(from);
        let path = normal(&file.path().parent().unwrap_or(Path::new("")).join(&written));
        if open.contains(&path) {
            let names: Vec<_> =
                open.iter().skip_while(|one| **one != path).map(|path| name_of(path)).collect();
            self.diagnostics.push(cyclic(&written, &names, &name_of(&path), include.span));
            return;
        }
        if !self.known.insert(path.clone()) {
            return;
        }
        let name = Path::new(file.name()).parent().unwrap_or(Path::new("")).join(&written);
        let text = self.environment.read(&path).and_then(|bytes| {
            let fits = bytes.len() <= SourceMap::MAX_FILE_BYTES;
            fits.then_some(bytes).ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))
        });
        match text {
            Ok(bytes) => {
                let name = normal(&name).display().to_string();
                let id = self.sources.add(name, &path, &String::from_utf8_lossy(&bytes));
                open.push(path);
                self.file(id, open);
                open.pop();
            }
            Err(cause) => self.diagnostics.push(unreadable(&written, &path, &cause, include.span)),
        }
    }
}

/// The text of a string without holes.
fn literal(expr: &ast::Expr) -> Option<String> {
    let ExprKind::String(parts) = &expr.kind else { return None };
    let text = |part: &StringPart| match part {
        StringPart::Text(text) => Some(text.clone()),
        StringPart::Hole(_) => None,
    };
    parts.iter().map(text).collect()
}

/// Without `.` and `..`, so that one file has one path. Links are not looked at.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(normal.components().next_back(), Some(Component::Normal(_))) => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn hole_in_path(span: Span) -> Diagnostic {
    Diagnostic::new(Code::MissingPath, "an `include` needs a plain path", span, "has a `${…}` hole")
        .with_note("files are included before anything is evaluated")
        .with_help("write the path without a hole")
}

fn cyclic(written: &str, open: &[String], name: &str, span: Span) -> Diagnostic {
    let mut chain: Vec<_> = open.iter().map(|file| format!("`{file}`")).collect();
    chain.push(format!("`{name}`"));
    Diagnostic::new(
        Code::CyclicInclude,
        format!("`{name}` includes itself"),
        span,
        if open.len() > 1 { "closes the circle" } else { "this is the same file" },
    )
    .with_note(chain.join(" → "))
    .with_help(format!("remove `include \"{written}\"`"))
}

fn unreadable(written: &str, path: &Path, cause: &io::Error, span: Span) -> Diagnostic {
    let looked_up = format!("looked up as `{}`", path.display());
    let diagnostic = match cause.kind() {
        io::ErrorKind::NotFound => {
            Diagnostic::new(Code::MissingPath, format!("`{written}` does not exist"), span, "no such file")
        }
        _ => Diagnostic::new(Code::MissingPath, format!("`{written}` cannot be read"), span, "not readable")
            .with_note(cause.to_string()),
    };
    diagnostic.with_note(looked_up).with_note("paths are relative to the file that names them")
}
