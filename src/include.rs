//! Parses a file and everything that it includes: the files of one program.

use std::collections::HashSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::diag::{Code, Diagnostic};
use crate::environment::Environment;
use crate::source::{FileId, SourceMap, Span};
use crate::syntax;
use crate::syntax::ast::{self, ExprKind, ItemKind};

/// How deep includes may lead, so that a link that points back into its own folder ends.
const MAX_DEPTH: usize = 64;
/// How many files a program has.
const MAX_FILES: usize = 1_000;

/// One parsed file of a program.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ParsedFile {
    /// Its text in the [`SourceMap`].
    pub id: FileId,
    /// What it says.
    pub ast: ast::File,
}

/// Parses `entry` and what it includes, each file once; the entry is the first one. A file that cannot be read is
/// reported and left out.
pub fn parse(
    sources: &mut SourceMap,
    entry: FileId,
    environment: &dyn Environment,
) -> (Vec<ParsedFile>, Vec<Diagnostic>) {
    let mut includer = Includer {
        sources,
        environment,
        files: Vec::new(),
        diagnostics: Vec::new(),
        known: HashSet::new(),
        too_many: false,
    };
    let file = includer.sources.file(entry);
    let (path, name) = (normal(file.path()), file.name().to_owned());
    includer.known.insert(path.clone());
    includer.file(entry, &mut vec![Open { path, name, at: None }]);
    (includer.files, includer.diagnostics)
}

struct Includer<'a> {
    sources: &'a mut SourceMap,
    environment: &'a dyn Environment,
    files: Vec<ParsedFile>,
    diagnostics: Vec<Diagnostic>,
    known: HashSet<PathBuf>,
    /// Whether it was said that there are too many files.
    too_many: bool,
}

/// A file whose includes are followed.
struct Open {
    path: PathBuf,
    /// What messages call it.
    name: String,
    /// Where it is included; `None` for the entry.
    at: Option<Span>,
}

impl Includer<'_> {
    /// Parses one file and follows its includes; `open` are the files that wait for this one, itself the last.
    fn file(&mut self, id: FileId, open: &mut Vec<Open>) {
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

    fn include(&mut self, from: FileId, include: &ast::Expr, open: &mut Vec<Open>) {
        let Some(written) = include.literal() else {
            if !matches!(include.kind, ExprKind::Error) {
                self.diagnostics.push(hole_in_path(include.span));
            }
            return;
        };
        let file = self.sources.file(from);
        let path = normal(&file.path().parent().unwrap_or(Path::new("")).join(written));
        if let Some(start) = open.iter().position(|one| one.path == path) {
            let circle = open.get(start..).unwrap_or_default();
            self.diagnostics.push(cyclic(written, circle, include.span));
            return;
        }
        if !self.known.insert(path.clone()) {
            return;
        }
        if open.len() > MAX_DEPTH {
            self.diagnostics.push(too_deep(include.span));
            return;
        }
        if self.files.len() >= MAX_FILES {
            if !self.too_many {
                self.diagnostics.push(too_many(include.span));
            }
            self.too_many = true;
            return;
        }
        let name = Path::new(file.name()).parent().unwrap_or(Path::new("")).join(written);
        match self.environment.read(&path, SourceMap::MAX_FILE_BYTES) {
            Ok(bytes) => {
                let name = normal(&name).display().to_string();
                let id = self.sources.add(name.as_str(), &path, &String::from_utf8_lossy(&bytes));
                open.push(Open { path, name, at: Some(include.span) });
                self.file(id, open);
                open.pop();
            }
            Err(cause) => self.diagnostics.push(unreadable(written, &path, &cause, include.span)),
        }
    }
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

fn hole_in_path(span: Span) -> Diagnostic {
    Diagnostic::new(Code::MissingPath, "an `include` needs a plain path", span, "has a `${…}` hole")
        .with_note("files are included before anything is evaluated")
        .with_help("write the path without a hole")
}

/// The files of a circle; the include at `span`, in the last of them, names the first.
fn cyclic(written: &str, circle: &[Open], span: Span) -> Diagnostic {
    let name = circle.first().map_or("", |first| first.name.as_str());
    let shown = shown(name);
    let (message, label) = match circle {
        [_] => (format!("{shown} includes itself"), "this is the same file"),
        _ => (format!("{shown} includes itself through other files"), "closes the circle"),
    };
    let mut diagnostic = Diagnostic::new(Code::CyclicInclude, message, span, label);
    for one in circle.iter().skip(1).take(3) {
        if let Some(at) = one.at {
            diagnostic = diagnostic.with_label(at, "leads there");
        }
    }
    if circle.len() > 1 {
        let names = circle.iter().map(|one| one.name.as_str()).chain([name]);
        let path: Vec<_> = names.map(|name| format!("`{name}`")).collect();
        diagnostic = diagnostic.with_note(path.join(" → "));
    }
    diagnostic
        .with_note("the items of all files are known in each of them")
        .with_help(format!("remove `include \"{written}\"`"))
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::NestingTooDeep,
        format!("files include each other more than {MAX_DEPTH} deep"),
        span,
        "this file is not read",
    )
    .with_note("a link to a folder above can make a circle that has another path in each round")
    .with_help("include the files from the file that is run")
}

fn too_many(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::NestingTooDeep,
        format!("more than {MAX_FILES} files are included"),
        span,
        "this file and those after it are not read",
    )
    .with_help("write what belongs together into one file")
}

/// A path in a headline.
fn shown(name: &str) -> String {
    const LONGEST: usize = 32;
    match name.char_indices().rev().nth(LONGEST) {
        Some((at, _)) => format!("`…{}`", name.get(at..).unwrap_or(name)),
        None => format!("`{name}`"),
    }
}

fn unreadable(written: &str, path: &Path, cause: &io::Error, span: Span) -> Diagnostic {
    let looked_up = format!("looked up as `{}`", path.display());
    let diagnostic = match cause.kind() {
        io::ErrorKind::NotFound => Diagnostic::new(
            Code::MissingPath,
            format!("{} does not exist", shown(written)),
            span,
            "no such file",
        ),
        io::ErrorKind::IsADirectory => Diagnostic::new(
            Code::MissingPath,
            format!("{} is not a file", shown(written)),
            span,
            "this is a folder",
        ),
        _ => Diagnostic::new(
            Code::MissingPath,
            format!("{} cannot be read", shown(written)),
            span,
            "not readable",
        )
        .with_note(cause.to_string()),
    };
    diagnostic.with_note(looked_up).with_note("paths are relative to the file that names them")
}
