//! The pages about the codes: each is there, each shows the mistake and a file without it.
//!
//! A fence ```` ```cachefile wrong ```` must lead to the code of its page and to no other error, a fence
//! ```` ```cachefile ```` to no error. The line `cachelang 1` may be left out, and `␛` stands for the escape character.
//! What such a file needs besides:
//!
//! | fence | holds |
//! |---|---|
//! | `env`, `params` | `NAME=VALUE` lines |
//! | `files` | the paths that exist, one a line; without this fence, every path does |
//! | `dockerfile` | the text of every Dockerfile; without this fence, nothing is known of what is in them |
//! | `include` | the text of `common.cachefile` |
//!
//! With `wrong` behind its name, such a fence is for the wrong files only.

use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use cachelang::diag::pages::PAGES;
use cachelang::diag::{self, Code, Diagnostic, Severity, render};
use cachelang::environment::{Environment, PathKind};
use cachelang::plan::{self, Inputs};
use cachelang::source::SourceMap;
use indexmap::IndexMap;

const FOLDER: &str = "docs/errors";
/// The file that a page may include.
const INCLUDED: &str = "common.cachefile";

/// The fences of a page: what stands behind the backticks, and the text.
fn fences(page: &str) -> Vec<(&str, &str)> {
    let mut fences = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (info, body) = after.split_once('\n').expect("a fence has lines");
        let (text, after) = body.split_once("\n```").expect("a fence is closed");
        fences.push((info, text));
        rest = after;
    }
    fences
}

/// What a page says about the world around its files.
struct PageEnvironment<'a> {
    variables: IndexMap<String, String>,
    files: Option<&'a str>,
    dockerfile: Option<&'a str>,
    include: Option<&'a str>,
}

impl Environment for PageEnvironment<'_> {
    fn var(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn path_kind(&self, path: &Path) -> Option<PathKind> {
        let path: std::path::PathBuf = path.components().collect();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_file = match self.files {
            None => name.contains("Dockerfile") || name.ends_with(".sh") || name == INCLUDED,
            Some(files) => {
                let files = files.lines().map(|line| Path::new("/").join(line));
                let found: Vec<_> = files.filter(|file| file.starts_with(&path)).collect();
                if found.is_empty() {
                    return None;
                }
                found.contains(&path)
            }
        };
        Some(if is_file { PathKind::File } else { PathKind::Folder })
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        let text = match self.path_kind(path) {
            _ if path.ends_with(INCLUDED) => self.include,
            Some(PathKind::File) => self.dockerfile,
            _ => None,
        };
        Ok(Box::new(text.ok_or(io::ErrorKind::NotFound)?.as_bytes().chain(&b"\n"[..])))
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

fn pairs(text: &str) -> IndexMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Everything that checking and planning says about a fence of a page.
fn found(code: Code, page: &str, text: &str, wrong: bool) -> (SourceMap, Vec<Diagnostic>) {
    let fences = fences(page);
    let fence = |name: &str| {
        let marked = format!("{name} wrong");
        let find = |wanted: &str| fences.iter().find(|(info, _)| *info == wanted).map(|(_, text)| *text);
        if wrong { find(&marked).or_else(|| find(name)) } else { find(name) }
    };
    let needs_version = !text.starts_with("cachelang") && code != Code::MissingVersion;
    let version = if needs_version { "cachelang 1\n" } else { "" };
    let mut sources = SourceMap::new();
    let text = format!("{version}{text}\n").replace('␛', "\u{1b}");
    let file = sources.add(".cachefile", "/.cachefile", &text);
    let environment = PageEnvironment {
        variables: pairs(fence("env").unwrap_or_default()),
        files: fence("files"),
        dockerfile: fence("dockerfile"),
        include: fence("include"),
    };
    let (program, mut diagnostics) = cachelang::check(&mut sources, file, &environment);
    if !diag::has_errors(&diagnostics) {
        let params = pairs(fence("params").unwrap_or_default());
        let inputs = Inputs { params: &params, environment: &environment };
        diagnostics.extend(match plan::plan(&mut sources, &program, &inputs) {
            Ok((_, warnings)) => warnings,
            Err(errors) => errors,
        });
    }
    (sources, diagnostics)
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let pages: Vec<_> = PAGES.iter().map(|(code, _)| *code).collect();
    assert_eq!(pages, codes, "src/diag/pages.rs lists every code, in order");
    let mut sorted = codes.clone();
    sorted.sort_by_key(|code| code.trim_start_matches(['E', 'W']));
    assert_eq!(codes, sorted, "codes are in the order of their numbers");
    let folder = Path::new(FOLDER).read_dir().expect("the pages are there");
    let names = folder.map(|entry| entry.expect("an entry can be read").file_name());
    let mut files: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    let mut expected: Vec<_> = codes.iter().map(|code| format!("{code}.md")).collect();
    expected.push("README.md".to_owned());
    files.sort();
    expected.sort();
    assert_eq!(files, expected, "{FOLDER} has a page for each code and nothing else");
}

#[test]
fn pages_have_one_shape() {
    for code in Code::ALL {
        let page = code.explanation();
        let title = code.title();
        assert!(page.starts_with(&format!("# {code}: {title}\n\n")), "{code}: starts with its title");
        assert!(!title.is_empty() && title.chars().count() <= 64, "{code}: the title is short: {title}");
        assert!(!title.ends_with('.') && !title.starts_with(char::is_uppercase), "{code}: {title}");
        let wide = page.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{code}: a line of a page fits into a terminal of 80 columns");
        for (info, _) in fences(page) {
            let kind = info.strip_suffix(" wrong").unwrap_or(info);
            let known = ["cachefile", "env", "params", "files", "dockerfile", "include"];
            assert!(known.contains(&kind), "{code}: a fence of kind `{info}`");
        }
    }
}

#[test]
fn pages_show_their_mistake_and_a_file_without_it() {
    let mut problems = Vec::new();
    for code in Code::ALL {
        let page = code.explanation();
        let fences = fences(page);
        for kind in ["cachefile wrong", "cachefile"] {
            if !fences.iter().any(|(info, _)| *info == kind) {
                problems.push(format!("{code}: no fence `{kind}`"));
            }
        }
        for (info, text) in fences.iter().filter(|(info, _)| info.starts_with("cachefile")) {
            let wrong = *info == "cachefile wrong";
            let (sources, diagnostics) = found(code, page, text, wrong);
            let others = diagnostics.iter().any(|one| one.code != code && one.severity() == Severity::Error);
            if others || wrong != diagnostics.iter().any(|one| one.code == code) {
                let shown = render::human(&sources, &diagnostics, render::Style::PLAIN);
                problems.push(format!("{code}: `{info}` leads to\n{shown}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_index_lists_the_pages() {
    let mut expected = "# Messages\n\n\
        What each code means, why it is so, and what to write instead. `cachelang explain E0201` prints a page, in\n\
        upper or lower case; `cachelang explain` prints this list. Codes that start with `E` are errors: nothing runs.\n\
        Codes that start with `W` are warnings. The second digit tells what a code is about, and no code is ever\n\
        given to something else.\n"
        .to_owned();
    let families = [
        ("0", "Characters, strings, brackets"),
        ("1", "Syntax"),
        ("2", "Names"),
        ("3", "Types and values"),
        ("4", "Images and registries"),
        ("5", "Waves"),
        ("6", "Secrets"),
    ];
    for (digit, family) in families {
        expected += &format!("\n## {family}\n| code | what is wrong |\n|---|---|\n");
        for code in Code::ALL.into_iter().filter(|code| code.as_str().get(2..3) == Some(digit)) {
            expected += &format!("| [{code}]({code}.md) | {} |\n", code.title());
        }
    }
    let path = Path::new(FOLDER).join("README.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &expected).expect("the index can be written");
    }
    let index = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(index, expected, "run with UPDATE_EXPECT=1 to write it");
}
