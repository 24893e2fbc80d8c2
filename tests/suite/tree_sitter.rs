//! The tree-sitter grammar of `editors/` reads what the parser reads, and sees the same in it.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use cachelang::diag;
use cachelang::source::{SourceMap, Span};
use cachelang::syntax;
use cachelang::syntax::ast::{
    Argument, Attribute, Binder, Entry, Expr, ExprKind, Item, ItemKind, Name, StageEntry, Step, StepKind,
    StringPart, WaveEntry,
};
use tree_sitter::{Node, Parser, Tree};

use crate::generate;

/// What stands where, sorted.
type Places = Vec<(usize, usize, String)>;

pub(crate) fn tree(text: &str) -> Tree {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_cachefile::LANGUAGE.into()).expect("the language fits tree-sitter");
    parser.parse(text, None).expect("parsing is not cancelled")
}

/// The syntax tree, if the parser has nothing against the text.
fn parsed(text: &str) -> Option<syntax::ast::File> {
    let mut sources = SourceMap::new();
    let id = sources.add("a", "/a", text);
    let (file, diagnostics) = syntax::parse(&sources, id);
    (!diag::has_errors(&diagnostics)).then_some(file)
}

/// The golden inputs and the examples.
fn files() -> Vec<PathBuf> {
    let mut files: Vec<_> = Path::new("examples").read_dir().expect("the examples are there").collect();
    for stage in ["parse", "check", "plan", "format"] {
        files.extend(Path::new("tests/golden").join(stage).read_dir().expect("the golden tests are there"));
    }
    let folders = files.into_iter().map(|entry| entry.expect("an entry can be read").path());
    let texts = folders.flat_map(|folder| [folder.join(".cachefile"), folder.join("in.cachefile")]);
    texts.filter(|path| path.is_file()).collect()
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).expect("a file can be read")).replace('\u{feff}', "")
}

// ---- What the parser sees

#[derive(Default)]
struct Seen(Places);

impl Seen {
    fn add(&mut self, span: Span, what: impl Into<String>) {
        let Range { start, end } = span.range();
        self.0.push((start, end, what.into()));
    }

    fn name(&mut self, name: &Name) {
        self.add(name.span, "name");
    }

    fn names(&mut self, names: &[Name]) {
        names.iter().for_each(|name| self.name(name));
    }

    fn item(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Param(param) => {
                self.name(&param.name);
                param.default.iter().for_each(|value| self.value(value));
                self.attributes(&param.attributes);
            }
            ItemKind::Let(item) => {
                self.name(&item.name);
                self.value(&item.value);
            }
            ItemKind::Secret(item) => {
                self.name(&item.name);
                self.value(&item.source);
            }
            ItemKind::Registry(block) | ItemKind::Repository(block) | ItemKind::Builder(block) => {
                self.name(&block.name);
                self.entries(&block.entries);
            }
            ItemKind::Template(image) | ItemKind::Image(image) => {
                self.name(&image.name);
                self.names(&image.extends);
                self.binders(&image.binders);
                self.entries(&image.entries);
            }
            ItemKind::Wave(wave) => {
                self.name(&wave.name);
                wave.entries.iter().for_each(|entry| self.wave_entry(entry));
            }
            ItemKind::Include(path) => self.value(path),
            ItemKind::Poisoned(_) => {}
        }
    }

    fn entries(&mut self, entries: &[Entry]) {
        for entry in entries {
            match entry {
                Entry::Attribute(attribute) => self.attribute(attribute),
                Entry::Block(block) => {
                    self.name(&block.name);
                    self.entries(&block.entries);
                }
            }
        }
    }

    fn wave_entry(&mut self, entry: &WaveEntry) {
        match entry {
            WaveEntry::Attribute(attribute) => self.attribute(attribute),
            WaveEntry::Step(step) => self.step(step),
            WaveEntry::Pre(block) | WaveEntry::Post(block) => {
                self.add(block.keyword, "name");
                block.steps.iter().for_each(|step| self.step(step));
            }
            WaveEntry::Stage(stage) => {
                self.name(&stage.name);
                self.binders(&stage.binders);
                self.names(&stage.after);
                for entry in &stage.entries {
                    match entry {
                        StageEntry::Attribute(attribute) => self.attribute(attribute),
                        StageEntry::Step(step) => self.step(step),
                    }
                }
            }
        }
    }

    fn step(&mut self, step: &Step) {
        self.add(step.keyword, "step");
        match &step.kind {
            StepKind::Build(values) | StepKind::Push(values) | StepKind::Run(values) => self.values(values),
            StepKind::Promote { image, to } => {
                self.value(image);
                self.values(to);
            }
            StepKind::Sh(value) | StepKind::Approve(value) => self.value(value),
        }
        self.attributes(&step.options);
    }

    fn attribute(&mut self, attribute: &Attribute) {
        self.name(&attribute.name);
        self.value(&attribute.value);
    }

    fn attributes(&mut self, attributes: &[Attribute]) {
        attributes.iter().for_each(|attribute| self.attribute(attribute));
    }

    fn binders(&mut self, binders: &[Binder]) {
        for binder in binders {
            self.name(&binder.name);
            self.value(&binder.list);
        }
    }

    fn values(&mut self, values: &[Expr]) {
        values.iter().for_each(|value| self.value(value));
    }

    fn arguments(&mut self, arguments: &[Argument]) {
        for argument in arguments {
            argument.name.iter().for_each(|name| self.name(name));
            self.value(&argument.value);
        }
    }

    #[expect(clippy::too_many_lines, reason = "a case for each kind of expression")]
    fn value(&mut self, value: &Expr) {
        let what = match &value.kind {
            ExprKind::String(parts) => {
                for part in parts {
                    if let StringPart::Hole(value) = part {
                        self.value(value);
                    }
                }
                "string"
            }
            ExprKind::Int(_) => "integer",
            ExprKind::Bool(_) => "boolean",
            ExprKind::Duration(_) => "duration",
            ExprKind::Size(_) => "size",
            ExprKind::List(values) => {
                self.values(values);
                "list"
            }
            ExprKind::Map(entries) => {
                for entry in entries {
                    self.name(&entry.key);
                    self.value(&entry.value);
                }
                "map"
            }
            ExprKind::Comprehension { value, binder, condition } => {
                self.value(value);
                self.binders(std::slice::from_ref(binder));
                condition.iter().for_each(|condition| self.value(condition));
                "list"
            }
            ExprKind::Name(_) => "identifier",
            ExprKind::Field { base, field } => {
                self.value(base);
                self.name(field);
                "field"
            }
            ExprKind::Index { base, index } => {
                self.value(base);
                self.value(index);
                "index"
            }
            ExprKind::Call { callee, arguments } => {
                self.value(callee);
                self.arguments(arguments);
                "call"
            }
            ExprKind::Tag { repository, tag } => {
                self.value(repository);
                self.value(tag);
                "tag"
            }
            ExprKind::If { condition, then, otherwise } => {
                [condition, then, otherwise].into_iter().for_each(|value| self.value(value));
                "conditional"
            }
            ExprKind::Not(value) => {
                self.value(value);
                "not"
            }
            ExprKind::Binary { operator, left, right } => {
                self.value(left);
                self.add(operator.span, operator.value.to_string());
                self.value(right);
                "binary"
            }
            ExprKind::Error => "error",
        };
        self.add(value.span, what);
    }
}

// ---- What tree-sitter sees

const VALUES: [&str; 12] = [
    "integer",
    "boolean",
    "duration",
    "size",
    "list",
    "map",
    "field",
    "index",
    "call",
    "tag",
    "conditional",
    "not",
];

fn seen_by_tree_sitter(node: Node<'_>, field: Option<&str>, parent: &str, places: &mut Places) {
    // The place of a value in parentheses is that of the parentheses.
    let mut whole = node;
    while let Some(outer) = whole.parent().filter(|outer| outer.kind() == "parentheses") {
        whole = outer;
    }
    let mut add = |what: &str| places.push((whole.start_byte(), whole.end_byte(), what.to_owned()));
    match node.kind() {
        "string" | "identifier" if matches!(field, Some("name" | "key")) => add("name"),
        "identifier" if matches!(parent, "extends" | "after") => add("name"),
        "identifier" if parent == "type" => {}
        "identifier" => add("identifier"),
        "string" | "multiline_string" => add("string"),
        "integer" if parent == "version" => {}
        "binary" => add("binary"),
        "build" | "push" | "promote" | "run" | "sh" | "approve" if !node.is_named() => add("step"),
        operator if field == Some("operator") => add(operator),
        value if VALUES.contains(&value) && node.is_named() => add(value),
        _ => {}
    }
    let mut cursor = node.walk();
    for (index, child) in node.children(&mut cursor).enumerate() {
        let index = u32::try_from(index).expect("there are few children");
        seen_by_tree_sitter(child, node.field_name_for_child(index), node.kind(), places);
    }
}

/// Fails unless tree-sitter sees in a text what the parser sees in it.
fn assert_same(name: &str, text: &str, file: &syntax::ast::File) {
    let tree = tree(text);
    assert!(!tree.root_node().has_error(), "{name}: {}\n{text}", tree.root_node().to_sexp());
    let mut expected = Seen::default();
    file.items.iter().for_each(|item| expected.item(item));
    let (mut expected, mut found) = (expected.0, Places::new());
    seen_by_tree_sitter(tree.root_node(), None, "", &mut found);
    expected.sort();
    found.sort();
    let shown = |places: &Places, others: &Places| {
        let only: Vec<_> = places.iter().filter(|place| !others.contains(place)).collect();
        only.iter().map(|(start, end, what)| format!("{what} `{}`", &text[*start..*end])).collect::<Vec<_>>()
    };
    assert!(
        expected == found,
        "{name}: only the parser: {:#?}\nonly tree-sitter: {:#?}\n{text}",
        shown(&expected, &found),
        shown(&found, &expected)
    );
}

#[test]
fn written_files_are_read_alike() {
    let mut count = 0;
    for path in files() {
        let text = read(&path);
        if let Some(file) = parsed(&text) {
            count += 1;
            assert_same(&path.display().to_string(), &text, &file);
        }
    }
    assert!(count > 40, "{count} files were accepted");
}

#[test]
fn generated_files_are_read_alike() {
    let mut state = 1_u32;
    for number in 0..1_000 {
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let tape: Vec<u8> = (0..300).map(|_| byte()).collect();
        let text = generate::file(&tape).replace('\u{feff}', "");
        let file = parsed(&text).expect("generated files are accepted");
        assert_same(&format!("file {number}"), &text, &file);
    }
}

// ---- Corpus

const CORPUS: &str = "editors/tree-sitter-cachefile/test/corpus";

/// A tree as the corpus shows it: every node on a line of its own.
fn drawn(node: Node<'_>, field: Option<&str>, depth: usize, text: &mut String) {
    if depth > 0 {
        text.push('\n');
    }
    text.push_str(&"  ".repeat(depth));
    if let Some(field) = field {
        text.push_str(&format!("{field}: "));
    }
    text.push_str(&format!("({}", node.kind()));
    let mut cursor = node.walk();
    for (index, child) in node.children(&mut cursor).enumerate() {
        let index = u32::try_from(index).expect("there are few children");
        if child.is_named() {
            drawn(child, node.field_name_for_child(index), depth + 1, text);
        }
    }
    text.push(')');
}

/// A file of `tree-sitter test`: a heading between two lines of `=`, a text, a line of `-` and its tree.
fn with_trees(corpus: &str) -> String {
    let rule = format!("{}\n", "=".repeat(32));
    let mut written = String::new();
    let mut parts = corpus.split(&rule).skip(1);
    while let (Some(title), Some(body)) = (parts.next(), parts.next()) {
        let text = body.split("\n---\n").next().unwrap_or_default().trim_matches('\n');
        let mut tree_text = String::new();
        drawn(tree(&format!("{text}\n")).root_node(), None, 0, &mut tree_text);
        written += &format!("{rule}{title}{rule}\n{text}\n\n---\n\n{tree_text}\n\n");
    }
    written
}

#[test]
fn the_corpus_has_its_trees() {
    for entry in Path::new(CORPUS).read_dir().expect("the corpus is there") {
        let path = entry.expect("an entry can be read").path();
        let text = read(&path);
        let expected = with_trees(&text);
        assert!(!expected.contains("(ERROR"), "{}: {expected}", path.display());
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&path, &expected).expect("the corpus can be written");
        } else {
            assert_eq!(text, expected, "{}: UPDATE_EXPECT=1 writes it", path.display());
        }
    }
}

/// Broken and hostile texts: bounded time, and a tree that covers them.
#[test]
fn hostile_texts_are_read_in_time() {
    let many = |part: &str| part.repeat(10_000);
    let mut texts: Vec<String> =
        ["(", "{", "[", "\"${", "\"", "\"\"\"", "\\", "a.", "a:", "={", "!", "#", "run \"a\"\n", "\n"]
            .map(many)
            .into();
    texts.extend(files().iter().map(|path| read(path)));
    for text in texts {
        let start = std::time::Instant::now();
        let tree = tree(&text);
        let spent = start.elapsed();
        let shown: String = text.chars().take(40).collect();
        assert!(spent.as_secs() < 10, "{spent:?} for {} bytes: {shown}", text.len());
        assert!(tree.root_node().end_byte() <= text.len(), "{shown}");
    }
}
