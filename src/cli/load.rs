//! What every command does with a `.cachefile` first: find it, read it, check it, plan it.

use std::path::{Path, PathBuf};

use clap::Args;
use indexmap::IndexMap;

use super::WRONG;
use super::say::say_line;
use crate::check::Program;
use crate::diag::render::{self, printable};
use crate::diag::{self, Code, Diagnostic, Label, has_errors};
use crate::environment::read_at_most;
use crate::include::{self, ParsedFile};
use crate::load::{self, ProcessEnvironment};
use crate::plan::{self, Inputs, Plan};
use crate::source::{FileId, SourceMap};

/// Which file, with which values.
#[derive(Debug, Args)]
pub(super) struct InputArgs {
    /// The file [default: the `.cachefile` here or in the nearest parent folder]
    #[arg(short, long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,

    /// A value for a `param` of the file; may be repeated
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = name_and_value)]
    params: Vec<(String, String)>,

    /// Show every error and warning, not only the first 25
    #[arg(long)]
    all_errors: bool,
}

impl InputArgs {
    /// How many diagnostics are shown in full.
    fn limit(&self) -> Option<usize> {
        (!self.all_errors).then_some(render::Style::DEFAULT_LIMIT)
    }
}

/// The same for commands that take the file as their argument too.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// The file, `-` for standard input [default: the `.cachefile` here or in the nearest parent folder]
    #[arg(value_name = "FILE", conflicts_with = "file")]
    path: Option<PathBuf>,

    #[command(flatten)]
    input: InputArgs,
}

impl FileArgs {
    pub(super) fn into_input(self) -> InputArgs {
        InputArgs { file: self.path.or(self.input.file), ..self.input }
    }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// Where a pipeline is described.
#[derive(Debug)]
pub(super) enum Entry {
    /// A file: its absolute path.
    File(PathBuf),
    /// Standard input; the path is one in the current folder, for relative paths.
    Stdin(PathBuf),
}

impl Entry {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Stdin(path) => path,
        }
    }
}

/// A pipeline as far as it could be read and checked.
pub(super) struct Checked {
    pub(super) entry: Entry,
    pub(super) environment: ProcessEnvironment,
    pub(super) sources: SourceMap,
    /// The file that the entry names.
    pub(super) file: FileId,
    /// That file and what it includes.
    pub(super) files: Vec<ParsedFile>,
    pub(super) program: Program,
    /// Everything that was found, sorted.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The values of the command line.
    pub(super) params: IndexMap<String, String>,
}

impl Checked {
    /// What messages call the file.
    pub(super) fn name(&self) -> &str {
        self.sources.file(self.file).name()
    }
}

/// A pipeline as far as it could be planned.
pub(super) struct Loaded {
    pub(super) checked: Checked,
    /// `None` if any diagnostic is an error, or if a param has no value and that was not asked for.
    pub(super) plan: Option<Plan>,
}

/// Whether every param must have a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Params {
    /// As for a run.
    Required,
    /// A file is fine without them.
    Optional,
}

/// Reads and checks; `Err` is the exit code of what was already said.
pub(super) fn check(args: &InputArgs) -> Result<Checked, u8> {
    let (entry, name) = locate(args.file.as_deref())?;
    let mut sources = SourceMap::new();
    let file = match &entry {
        Entry::File(path) => load::load(&mut sources, path, &name).map_err(|error| wrong(&error))?,
        Entry::Stdin(path) => {
            let bytes = stdin()?;
            sources.add(name, path, &String::from_utf8_lossy(&bytes))
        }
    };
    examine(entry, sources, file, args)
}

/// The same pipeline with another text of its first file.
pub(super) fn check_again(checked: Checked, text: &str, args: &InputArgs) -> Result<Checked, u8> {
    let mut sources = SourceMap::new();
    let file = sources.add(checked.name(), checked.entry.path(), text);
    examine(checked.entry, sources, file, args)
}

fn examine(entry: Entry, mut sources: SourceMap, file: FileId, args: &InputArgs) -> Result<Checked, u8> {
    let environment = ProcessEnvironment::new();
    let (files, found) = include::parse(&mut sources, file, &environment);
    let (program, diagnostics) = crate::language::Language::new().check_parsed(&sources, &files, found);
    let params: IndexMap<_, _> = args.params.iter().cloned().collect();
    if let Some((name, similar)) = plan::unknown_params(&program, &params).into_iter().next() {
        // The declaration may be in what could not be read.
        show(&sources, &diagnostics, args.limit());
        say_line(format_args!("error: no param named `{}`", printable(name)));
        if let Some(similar) = similar {
            say_line(format_args!("  help: a param with a similar name exists: `{similar}`"));
        }
        return Err(WRONG);
    }
    Ok(Checked { entry, environment, sources, file, files, program, diagnostics, params })
}

/// Plans what was checked without errors.
pub(super) fn plan(mut checked: Checked, params: Params) -> Loaded {
    // The program has all that a plan needs; the trees of a large file are as large as the plan.
    checked.files = Vec::new();
    let mut plan = None;
    if !has_errors(&checked.diagnostics) {
        let inputs = Inputs { params: &checked.params, environment: &checked.environment };
        let found = match plan::plan(&mut checked.sources, &checked.program, &inputs) {
            Ok((done, warnings)) => {
                plan = Some(done);
                warnings
            }
            Err(found) => found,
        };
        checked.diagnostics.extend(found);
        if params == Params::Optional {
            checked.diagnostics.retain(|one| one.code != Code::MissingParamValue);
        }
        diag::sort(&mut checked.diagnostics);
    }
    Loaded { checked, plan }
}

/// What is on standard input, or the exit code of what was said.
pub(super) fn stdin() -> Result<Vec<u8>, u8> {
    read_at_most(std::io::stdin().lock(), SourceMap::MAX_FILE_BYTES).map_err(|error| {
        say_line(format_args!("error: cannot read standard input ({error})"));
        WRONG
    })
}

/// The file and what messages call it.
pub(super) fn locate(file: Option<&Path>) -> Result<(Entry, String), u8> {
    let here = std::env::current_dir().map_err(|error| wrong(&error))?;
    match file {
        Some(file) if file == Path::new("-") => {
            Ok((Entry::Stdin(here.join(load::FILE_NAME)), "<stdin>".to_owned()))
        }
        Some(file) => Ok((Entry::File(here.join(file)), file.display().to_string())),
        None => {
            let path = load::find(&here).map_err(|error| wrong(&error))?;
            let shown = path.strip_prefix(&here).unwrap_or(&path).display().to_string();
            Ok((Entry::File(path), shown))
        }
    }
}

/// Says why a command cannot begin.
pub(super) fn wrong(error: &dyn std::error::Error) -> u8 {
    say_line(format_args!("error: {}", printable(&error.to_string())));
    WRONG
}

/// Everything that was found, on standard error.
pub(super) fn show_diagnostics(checked: &Checked, args: &InputArgs) {
    show(&checked.sources, &checked.diagnostics, args.limit());
}

/// Diagnostics on standard error, at most `limit` of them in full.
pub(super) fn show(sources: &SourceMap, diagnostics: &[Diagnostic], limit: Option<usize>) {
    let error = diagnostics.iter().find(|one| one.severity() == diag::Severity::Error);
    let Some(first) = error.or(diagnostics.first()) else { return };
    let style = stderr_style(limit);
    let shown = render::human(sources, diagnostics, style);
    let more = format!("more about a code: cachelang explain {}", first.code);
    let more = if style.color { console::style(more).for_stderr().dim().to_string() } else { more };
    say_line(format_args!("{}\n{more}", shown.trim_end()));
}

/// The lines under a label as they stand in a message on standard error.
pub(super) fn snippet(sources: &SourceMap, label: &Label) -> String {
    render::snippet(sources, label, stderr_style(None))
}

fn stderr_style(limit: Option<usize>) -> render::Style {
    let terminal = console::Term::stderr();
    // A log has no width; this is what fits most of them.
    let width = if terminal.features().is_attended() { terminal.size().1.into() } else { 100 };
    render::Style { color: console::colors_enabled_stderr(), width, unicode: true, limit }
}
