//! Every `.cachefile` that the documentation or the examples show is one that the program accepts.

use std::path::{Path, PathBuf};

use cachelang::diag::render;
use cachelang::environment::Nothing;
use cachelang::source::SourceMap;

/// The errors and warnings of a text, drawn.
fn problems(name: &str, text: &str) -> String {
    let mut sources = SourceMap::new();
    let file = sources.add(name, name, text);
    let (_, diagnostics) = cachelang::check(&mut sources, file, &Nothing);
    render::human(&sources, &diagnostics, render::Style::PLAIN)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// The contents of the ```` ```cachefile ```` fences of a document.
fn fences(text: &str) -> Vec<&str> {
    let blocks = text.split("\n```cachefile\n").skip(1);
    blocks.map(|block| block.split("\n```").next().unwrap_or_default()).collect()
}

fn documents() -> Vec<PathBuf> {
    let folder = Path::new("docs").read_dir().expect("the documents are there");
    let docs = folder.map(|entry| entry.expect("an entry can be read").path());
    let markdown = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    markdown.chain([PathBuf::from("README.md")]).collect()
}

#[test]
fn examples_in_documents_are_accepted() {
    let mut count = 0;
    for document in documents() {
        for fence in fences(&read(&document)) {
            count += 1;
            let text = format!("{fence}\n");
            assert_eq!(problems(&document.display().to_string(), &text), "", "in {}", document.display());
        }
    }
    assert!(count >= 3, "the documents show examples");
}

#[test]
fn examples_are_accepted() {
    let mut count = 0;
    for entry in Path::new("examples").read_dir().expect("the examples are there") {
        let path = entry.expect("an entry can be read").path().join(".cachefile");
        if path.is_file() {
            count += 1;
            assert_eq!(problems(&path.display().to_string(), &read(&path)), "");
        }
    }
    assert!(count >= 1, "there are examples");
}

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let example = read(Path::new("examples/lambda/.cachefile"));
    assert!(fences(&read(Path::new("README.md"))).contains(&example.trim_end()));
}
