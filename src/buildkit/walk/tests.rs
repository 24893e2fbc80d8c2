//! Walks of real directories.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use proptest::collection::{btree_map, vec};
use proptest::prelude::{ProptestConfig, Strategy, any, prop, proptest};
use tempfile::TempDir;

use super::validator::Validator;
use super::{Content, Entry, Selection, Stamp, Step, Walk, WalkError};
use crate::buildkit::patterns::{Matched, Matcher};

/// A directory with these files, `path/` being a directory and `path -> target` a symbolic link.
fn tree(paths: &[&str]) -> TempDir {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    for path in paths {
        make(root.path(), path);
    }
    root
}

fn make(root: &Path, path: &str) {
    let (path, target) = path.split_once(" -> ").map_or((path, None), |(path, target)| (path, Some(target)));
    let file = root.join(path);
    let parent = if path.ends_with('/') { &file } else { file.parent().expect("a file is in a directory") };
    fs::create_dir_all(parent).expect("a directory can be made");
    match target {
        Some(target) => symlink(target, &file).expect("a link can be made"),
        None if path.ends_with('/') => {}
        None => fs::write(&file, path).expect("a file can be written"),
    }
}

fn walk(root: &Path, selection: &Selection) -> Result<Vec<Entry>, WalkError> {
    let mut walk = Walk::new(root, selection, Stamp::new())?;
    let mut entries = Vec::new();
    let mut validator = Validator::new();
    while let Some(step) = walk.step()? {
        if let Step::Found(entry) = step {
            validator.accept(&entry.stat).expect("the receiver accepts the walk");
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn paths(root: &Path, selection: &Selection) -> Vec<String> {
    let entries = walk(root, selection).expect("the directory can be walked");
    entries.into_iter().map(|entry| entry.stat.path).collect()
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn include(patterns: &[&str]) -> Selection {
    Selection { include: strings(patterns), ..Selection::default() }
}

fn exclude(patterns: &[&str]) -> Selection {
    Selection { exclude: strings(patterns), ..Selection::default() }
}

fn follow(paths: &[&str]) -> Selection {
    Selection { follow: strings(paths), ..Selection::default() }
}

#[test]
fn siblings_are_ordered_by_name_and_directories_come_first() {
    let root = tree(&["a/b", "a-b", "a.b", "a/-", "A", "a/b c", "ab/", "ä"]);
    let all = ["A", "a", "a/-", "a/b", "a/b c", "a-b", "a.b", "ab", "ä"];
    assert_eq!(paths(root.path(), &Selection::default()), all);
}

#[test]
fn a_directory_is_sent_for_what_is_in_it() {
    let root = tree(&["docs/a.md", "docs/de/b.md", "docs/de/c.txt", "src/main.rs", "src/x/", "README.md"]);
    for (selection, expected) in [
        (include(&["docs/de/c.txt"]), &["docs", "docs/de", "docs/de/c.txt"][..]),
        (include(&["**/*.md"]), &["README.md", "docs", "docs/a.md", "docs/de", "docs/de/b.md"]),
        (include(&["docs", "!docs/de"]), &["docs", "docs/a.md"]),
        (include(&["docs", "!docs/de", "docs/de/c*"]), &["docs", "docs/a.md", "docs/de", "docs/de/c.txt"]),
        (include(&["src/x"]), &["src", "src/x"]),
        (include(&["src/*"]), &["src", "src/main.rs", "src/x"]),
        (include(&["nothing"]), &[]),
        (exclude(&["docs", "src"]), &["README.md"]),
        (exclude(&["**"]), &[]),
        (exclude(&["*", "!docs/de/c.txt"]), &["docs", "docs/de", "docs/de/c.txt"]),
        (
            exclude(&["*", "!docs", "docs/de", "!docs/de/b*"]),
            &["docs", "docs/a.md", "docs/de", "docs/de/b.md"],
        ),
        (exclude(&["*", "!docs/*"]), &["docs", "docs/a.md", "docs/de", "docs/de/b.md", "docs/de/c.txt"]),
        // Not what the patterns say, but what the reference client does.
        (exclude(&["*", "!docs/*/**"]), &[]),
        (exclude(&["*", "!docs/*/**", "!x/*/y"]), &["docs", "docs/de", "docs/de/b.md", "docs/de/c.txt"]),
        (exclude(&["docs/de/*.txt", "src"]), &["README.md", "docs", "docs/a.md", "docs/de", "docs/de/b.md"]),
        (exclude(&["**/x", "**/*.md", "docs/**/*.txt"]), &["docs", "docs/de", "src", "src/main.rs"]),
    ] {
        assert_eq!(paths(root.path(), &selection), expected, "{selection:?}");
    }
    let both =
        Selection { include: strings(&["docs"]), exclude: strings(&["**/de"]), ..Selection::default() };
    assert_eq!(paths(root.path(), &both), ["docs", "docs/a.md"]);
}

#[test]
fn the_ignore_file_is_served_although_it_excludes_itself() {
    // The frontend reads it by include patterns and paths to follow, before it knows of any exclude pattern.
    let root = tree(&[".dockerignore", "Dockerfile", "Dockerfile.dockerignore", "a"]);
    fs::write(root.path().join(".dockerignore"), "**\n").expect("the file can be written");
    let request = Selection {
        include: strings(&[".dockerignore"]),
        follow: strings(&[".dockerignore"]),
        ..Selection::default()
    };
    assert_eq!(paths(root.path(), &request), [".dockerignore"]);
    let request = include(&["Dockerfile", "Dockerfile.dockerignore", "dockerfile"]);
    assert_eq!(paths(root.path(), &request), ["Dockerfile", "Dockerfile.dockerignore"]);
}

#[test]
fn links_are_followed_within_the_directory() {
    let root = tree(&[
        "abs -> /real/file",
        "chain -> chain2",
        "chain2 -> real/other",
        "circle -> circle",
        "deep/up -> ../real/file",
        "deep/out -> ../../../../real/file",
        "dir -> real",
        "grow -> grow/x",
        "odd -> [x]",
        "[x]",
        "real/file",
        "real/other",
        "top -> .",
        "dangling -> nowhere",
        "x",
    ]);
    for (request, expected) in [
        (&["abs"][..], &["abs", "real", "real/file"][..]),
        (&["/abs"], &["abs", "real", "real/file"]),
        (&["../abs"], &["abs", "real", "real/file"]),
        (&["chain"], &["chain", "chain2", "real", "real/other"]),
        (&["circle"], &["circle"]),
        (&["grow"], &["grow"]),
        (&["deep/up"], &["deep", "deep/up", "real", "real/file"]),
        (&["deep/out"], &["deep", "deep/out", "real", "real/file"]),
        (&["dir/file", "dir/other"], &["dir", "real", "real/file", "real/other"]),
        (&["d*/file"], &["dangling", "dir", "real", "real/file"]),
        (&["dee*/u?"], &["deep", "deep/up", "real", "real/file"]),
        (&["odd"], &["[x]", "odd"]),
        (&["dangling"], &["dangling"]),
        (&["missing/*/x"], &[]),
        (&["x/below"], &[]),
    ] {
        assert_eq!(paths(root.path(), &follow(request)), expected, "{request:?}");
    }
    let all = paths(root.path(), &Selection::default());
    for request in [&["."][..], &["/"], &[""], &["top"], &["abs", "top/x/.."]] {
        assert_eq!(paths(root.path(), &follow(request)), all, "{request:?}");
    }
}

#[test]
fn a_further_name_of_a_file_is_a_link_to_the_first_one_sent() {
    let root = tree(&["a/one"]);
    for name in ["a/two", "z"] {
        fs::hard_link(root.path().join("a/one"), root.path().join(name)).expect("a link can be made");
    }
    let links = |selection: &Selection| -> Vec<(String, String, i64)> {
        let entries = walk(root.path(), selection).expect("the directory can be walked");
        let files = entries.into_iter().filter(|entry| entry.content == Content::File);
        files.map(|Entry { stat, .. }| (stat.path, stat.linkname, stat.size)).collect()
    };
    let link = |path: &str, to: &str| (path.to_owned(), to.to_owned(), 5);
    assert_eq!(links(&Selection::default()), [link("a/one", ""), link("a/two", "a/one"), link("z", "a/one")]);
    assert_eq!(links(&exclude(&["a/one"])), [link("a/two", ""), link("z", "a/two")]);
}

#[test]
fn modes_are_those_of_go() {
    let root = tree(&["dir/", "file", "link -> some/target", "setuid", "tmp/"]);
    let at = |name: &str| root.path().join(name);
    for (name, mode) in [("dir", 0o755), ("file", 0o640), ("setuid", 0o6711), ("tmp", 0o1777)] {
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).expect("the mode can be set");
    }
    let _socket = UnixListener::bind(at("socket")).expect("a socket can be bound");
    fs::set_permissions(at("socket"), fs::Permissions::from_mode(0o755)).expect("the mode can be set");
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .expect("a pipe can be made");
    let entries = walk(root.path(), &Selection::default()).expect("the directory can be walked");
    let found: BTreeMap<_, _> = entries.iter().map(|entry| (entry.stat.path.as_str(), entry)).collect();
    for (path, mode, content) in [
        ("dir", 1 << 31 | 0o755, Content::None),
        ("file", 0o640, Content::File),
        ("link", 1 << 27 | 0o777, Content::None),
        ("pipe", 1 << 25 | 0o600, Content::None),
        ("setuid", 1 << 23 | 1 << 22 | 0o711, Content::File),
        ("socket", 0o755, Content::Socket),
        ("tmp", 1 << 31 | 1 << 20 | 0o777, Content::None),
    ] {
        let entry = found[path];
        assert_eq!((entry.stat.mode, entry.content), (mode, content), "{path}: {:#o}", entry.stat.mode);
        let metadata = fs::symlink_metadata(at(path)).expect("it is there");
        assert_eq!(entry.stat.mod_time / 1_000_000_000, metadata.mtime(), "{path}");
        assert_eq!((entry.stat.uid, entry.stat.gid), (0, 0), "{path}");
    }
    assert_eq!(found["link"].stat.linkname, "some/target");
    assert_eq!((found["dir"].stat.size, found["file"].stat.size), (0, 4));
}

#[test]
fn extended_attributes_are_sent() {
    let root = tree(&["file"]);
    let long = vec![b'x'; 3000];
    for (name, value) in [("user.short", &b"v"[..]), ("user.long", &long), ("user.empty", b"")] {
        match rustix::fs::lsetxattr(root.path().join("file"), name, value, rustix::fs::XattrFlags::empty()) {
            Ok(()) => {}
            Err(rustix::io::Errno::NOTSUP) => return, // The file system of the temporary directory has none.
            Err(error) => panic!("{error}"),
        }
    }
    let entries = walk(root.path(), &Selection::default()).expect("the directory can be walked");
    let xattrs = &entries[0].stat.xattrs;
    assert_eq!(xattrs["user.short"], b"v");
    assert_eq!(xattrs["user.long"], long);
    assert_eq!(xattrs["user.empty"], b"");
}

#[test]
fn names_that_are_not_text_are_an_error_unless_excluded() {
    use std::os::unix::ffi::OsStrExt;
    let root = tree(&["a/x", "b"]);
    let odd = root.path().join("a").join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    if fs::create_dir(&odd).is_err() {
        return; // macOS has no such names.
    }
    fs::write(odd.join("y"), "").expect("a file can be written");
    let error = walk(root.path(), &Selection::default()).expect_err("the name cannot be sent");
    assert!(error.to_string().starts_with("failed to send `a/caf\u{fffd}`"), "{error}");
    assert_eq!(paths(root.path(), &exclude(&["a/caf*"])), ["a", "a/x", "b"]);
    assert!(walk(root.path(), &exclude(&["a/caf*", "!**/y"])).is_err());
}

#[test]
fn errors_say_where() {
    let root = tree(&["a"]);
    for (selection, text) in [
        (exclude(&["[a"]), "`.dockerignore` has an invalid pattern `[a`: `[` is not closed"),
        (include(&["!"]), "invalid pattern `!`: nothing follows the `!`"),
        (follow(&["[a-"]), "invalid pattern `[a-`: `[` is not closed"),
    ] {
        let error = walk(root.path(), &selection).expect_err("the pattern is bad");
        assert_eq!(error.to_string(), text);
    }
    let missing = root.path().join("missing");
    let error = walk(&missing, &Selection::default()).expect_err("there is no such directory");
    assert!(error.to_string().contains(&missing.display().to_string()), "{error}");
}

/// Names of which some sort differently as paths than as strings.
fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "a-b", "a.b", "ab", "A", "b", "-", "ä", "a b"])
}

fn pattern() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "a-b", "ab", "b", "*", "a*", "?", "**", "[ab]", "a b"]);
    let parts = vec(part, 1..4).prop_filter("the reference client has its own idea of `x/*/**`", |parts| {
        !parts.ends_with(&["*", "**"])
    });
    (any::<bool>(), parts)
        .prop_map(|(exception, parts)| format!("{}{}", if exception { "!" } else { "" }, parts.join("/")))
}

/// What should be sent of `all`, found out without a walk: each path for itself, and the directories around it.
fn expected(all: &[String], selection: &Selection) -> BTreeSet<String> {
    let matcher = |patterns: &[String]| {
        Matcher::new(patterns.iter().map(String::as_str)).expect("the patterns are valid")
    };
    let (include, exclude) = (matcher(&selection.include), matcher(&selection.exclude));
    let matches = |matcher: &Matcher, path: &str| {
        let ends = path.match_indices('/').map(|(index, _)| index).chain([path.len()]);
        ends.fold((false, Matched::default()), |(_, parent), end| matcher.matches(&path[..end], &parent)).0
    };
    let sent = all
        .iter()
        .filter(|path| (selection.include.is_empty() || matches(&include, path)) && !matches(&exclude, path));
    sent.flat_map(|path| {
        let ends = path.match_indices('/').map(|(index, _)| index).chain([path.len()]);
        ends.map(|end| path[..end].to_owned())
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_sent_in_order_and_as_selected(
        files in btree_map(vec(name(), 1..5), any::<bool>(), 0..24),
        include in vec(pattern(), 0..3),
        exclude in vec(pattern(), 0..5),
    ) {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        for (path, directory) in files {
            // A file and a directory of one name: whichever comes first.
            let file = root.path().join(path.join("/"));
            let _ = if directory {
                fs::create_dir_all(&file)
            } else {
                fs::create_dir_all(file.parent().expect("it has one")).and_then(|()| fs::write(&file, ""))
            };
        }
        let all = paths(root.path(), &Selection::default());
        let selection = Selection { include, exclude, follow: Vec::new() };
        let sent = paths(root.path(), &selection);
        let sorted: BTreeSet<String> = sent.iter().cloned().collect();
        assert_eq!(sorted.len(), sent.len());
        assert_eq!(sorted, expected(&all, &selection), "{selection:?} of {all:?}");
    }
}
