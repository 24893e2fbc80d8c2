//! Real repositories, made by gix and by hand.

use std::fs;
use std::path::Path;

use gix::refs::transaction::PreviousValue;

use super::*;

fn author() -> gix::actor::SignatureRef<'static> {
    gix::actor::SignatureRef { name: "a".into(), email: "a@b".into(), time: "1 +0000" }
}

fn no_variables(_: &str) -> Option<String> {
    None
}

fn ask(folder: &Path, fact: GitFact) -> Option<String> {
    Repository::of(folder).fact(fact, &no_variables).map(|fact| fact.value)
}

/// A repository on `main` with one commit of the file `a`, which is checked out.
fn repository(folder: &Path) -> gix::Repository {
    let repository = gix::init(folder).expect("a repository can be made");
    commit(&repository, "one");
    repository
}

/// Commits the file `a` with this text, and writes it and the index.
fn commit(repository: &gix::Repository, text: &str) -> gix::ObjectId {
    let blob = repository.write_blob(text).expect("a blob can be written").detach();
    let mode = gix::objs::tree::EntryKind::Blob.into();
    let entry = gix::objs::tree::Entry { mode, filename: "a".into(), oid: blob };
    let tree = repository.write_object(gix::objs::Tree { entries: vec![entry] }).expect("a tree").detach();
    let parents: Vec<_> = repository.head_id().ok().map(gix::Id::detach).into_iter().collect();
    let commit =
        repository.commit_as(author(), author(), "HEAD", text, tree, parents).expect("a commit").detach();
    fs::write(repository.workdir().expect("it has files").join("a"), text).expect("a file can be written");
    let mut index = repository.index_from_tree(&tree).expect("an index");
    index.write(gix::index::write::Options::default()).expect("the index can be written");
    commit
}

fn tag(repository: &gix::Repository, name: &str) {
    let head = repository.head_id().expect("it has a commit").detach();
    repository.tag_reference(name, head, PreviousValue::Any).expect("a tag can be made");
}

#[test]
fn commits_and_branches() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("sub/folder")).expect("a folder");
    let unborn = gix::init(folder.path()).expect("a repository");
    let branch = ask(folder.path(), GitFact::Branch).expect("there is a branch before a commit");
    assert_eq!(ask(folder.path(), GitFact::Commit), None);
    assert_eq!(ask(folder.path(), GitFact::Tag), None);
    let id = commit(&unborn, "one").to_string();
    let repository = Repository::of(folder.path().join("sub/folder"));
    let fact = |fact| repository.fact(fact, &no_variables);
    let in_head = |value: &str| Some(Fact { value: value.to_owned(), source: ".git/HEAD".to_owned() });
    assert_eq!(fact(GitFact::Commit), in_head(&id));
    assert_eq!(fact(GitFact::Short), in_head(&id[..7]));
    assert_eq!(fact(GitFact::Branch), in_head(&branch));

    fs::write(folder.path().join(".git/HEAD"), "ref: refs/heads/feature/x\n").expect("HEAD can be written");
    fs::create_dir_all(folder.path().join(".git/refs/heads/feature")).expect("a folder");
    fs::write(folder.path().join(".git/refs/heads/feature/x"), format!("{id}\n")).expect("a reference");
    assert_eq!(ask(folder.path(), GitFact::Branch).as_deref(), Some("feature/x"));
    fs::write(folder.path().join(".git/HEAD"), &id).expect("HEAD can be written");
    assert_eq!(ask(folder.path(), GitFact::Commit), Some(id));
    assert_eq!(ask(folder.path(), GitFact::Branch), None, "HEAD is detached");
}

#[test]
fn tags_of_the_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = repository(folder.path());
    assert_eq!(ask(folder.path(), GitFact::Tag), None);
    tag(&repository, "v1.9.0");
    assert_eq!(ask(folder.path(), GitFact::Tag).as_deref(), Some("v1.9.0"));
    let head = repository.head_id().expect("a commit").detach();
    let kind = gix::objs::Kind::Commit;
    repository.tag("v1.10.0", head, kind, Some(author()), "text", PreviousValue::Any).expect("a tag");
    tag(&repository, "v1.10.0-rc1");
    assert_eq!(ask(folder.path(), GitFact::Tag).as_deref(), Some("v1.10.0"));
    commit(&repository, "two");
    assert_eq!(ask(folder.path(), GitFact::Tag), None, "the tags are of the commit before");
}

#[test]
fn versions_have_an_order() {
    let sorted = [
        "1.0",
        "a",
        "v1.0-rc1",
        "v1.0-rc2",
        "v1.0-rc10",
        "v1.0",
        "v1.0.1",
        "v1.9",
        "v1.10",
        "v01.10.1",
        "v2",
    ];
    for pair in sorted.windows(2) {
        assert_eq!(by_version(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        assert_eq!(by_version(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
    }
    assert_eq!(by_version("v1", "v1"), Ordering::Equal);
    assert_ne!(by_version("v1", "v01"), Ordering::Equal);
}

#[test]
fn changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = repository(folder.path());
    let dirty = || ask(folder.path(), GitFact::Dirty);
    assert_eq!(dirty().as_deref(), Some("false"));
    fs::write(folder.path().join("untracked"), "x").expect("a file can be written");
    assert_eq!(dirty().as_deref(), Some("false"), "untracked files do not count");
    fs::write(folder.path().join("a"), "changed").expect("a file can be written");
    assert_eq!(dirty().as_deref(), Some("true"));
    fs::remove_file(folder.path().join("a")).expect("a file can be removed");
    assert_eq!(dirty().as_deref(), Some("true"));
    fs::write(folder.path().join("a"), "one").expect("a file can be written");
    assert_eq!(dirty().as_deref(), Some("false"), "it is as it was");
    // Staged: the index has no file, and then none is tracked that the files could differ from.
    let empty = gix::ObjectId::empty_tree(repository.object_hash());
    let mut index = repository.index_from_tree(&empty).expect("an index");
    index.write(gix::index::write::Options::default()).expect("the index can be written");
    assert_eq!(dirty().as_deref(), Some("true"));
}

#[test]
fn remotes_have_no_credentials() {
    for (url, expected) in [
        ("https://github.com/a/b.git", Some("https://github.com/a/b.git")),
        ("https://token@github.com/a/b.git", Some("https://github.com/a/b.git")),
        ("https://user:pass%40word@example.com:8443/a", Some("https://example.com:8443/a")),
        ("https://example.com/a?access_token=x#y", Some("https://example.com/a")),
        ("http://x:y@example.com/a", Some("http://example.com/a")),
        ("git@github.com:a/b.git", Some("git@github.com:a/b.git")),
        ("ssh://git:secret@example.com/a", Some("ssh://git@example.com/a")),
        ("/srv/a.git", Some("/srv/a.git")),
        ("helper::https://token@example.com/a", None),
        ("codecommit://profile@a", None),
        ("", None),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        repository(folder.path());
        assert_eq!(ask(folder.path(), GitFact::Remote), None);
        let config = folder.path().join(".git/config");
        let text = fs::read_to_string(&config).expect("there is a configuration");
        fs::write(config, format!("{text}\n[remote \"origin\"]\n\turl = \"{url}\"\n"))
            .expect("it can be written");
        assert_eq!(ask(folder.path(), GitFact::Remote).as_deref(), expected, "{url}");
    }
}

#[test]
fn worktrees_and_bare_repositories() {
    let folder = tempfile::tempdir().expect("a folder");
    let main = folder.path().join("main");
    let repository = repository(&main);
    tag(&repository, "v1");
    let id = repository.head_id().expect("a commit").to_string();
    // As `git worktree add` writes it.
    let linked = folder.path().join("linked");
    let git = main.join(".git/worktrees/linked");
    fs::create_dir_all(&git).expect("a folder");
    fs::create_dir_all(linked.join("sub")).expect("a folder");
    fs::write(git.join("HEAD"), "ref: refs/heads/other\n").expect("a file");
    fs::write(git.join("commondir"), "../..\n").expect("a file");
    fs::write(git.join("gitdir"), format!("{}\n", linked.join(".git").display())).expect("a file");
    fs::write(linked.join(".git"), format!("gitdir: {}\n", git.display())).expect("a file");
    fs::write(main.join(".git/refs/heads/other"), format!("{id}\n")).expect("a file");
    assert_eq!(ask(&linked.join("sub"), GitFact::Branch).as_deref(), Some("other"));
    assert_eq!(ask(&linked, GitFact::Commit), Some(id));
    assert_eq!(ask(&linked, GitFact::Tag).as_deref(), Some("v1"));

    let bare = folder.path().join("bare");
    gix::init_bare(&bare).expect("a repository");
    assert_eq!(ask(&bare, GitFact::Commit), None);
    assert_eq!(ask(&bare, GitFact::Dirty), None);
}

#[test]
fn what_cannot_be_read_is_no_fact() {
    let facts =
        [GitFact::Commit, GitFact::Short, GitFact::Branch, GitFact::Tag, GitFact::Dirty, GitFact::Remote];
    let breaks: [fn(&Path); 6] = [
        |git| fs::write(git.join("HEAD"), "\0").expect("a file"),
        |git| fs::write(git.join("config"), "[[[").expect("a file"),
        |git| fs::write(git.join("index"), "x").expect("a file"),
        |git| fs::remove_dir_all(git.join("objects")).expect("a folder"),
        |git| fs::remove_dir_all(git.join("refs")).expect("a folder"),
        |git| fs::write(git.join("packed-refs"), "x y\nz").expect("a file"),
    ];
    for (number, break_it) in breaks.iter().enumerate() {
        let folder = tempfile::tempdir().expect("a folder");
        tag(&repository(folder.path()), "v1");
        break_it(&folder.path().join(".git"));
        // Some facts may still be there; none may panic.
        let found: Vec<_> = facts.iter().filter_map(|fact| ask(folder.path(), *fact)).collect();
        assert!(found.len() < facts.len(), "{number}: {found:?}");
    }
    let none = tempfile::tempdir().expect("a folder");
    for folder in [none.path(), Path::new("/does/not/exist")] {
        assert_eq!(facts.iter().find_map(|fact| ask(folder, *fact)), None);
    }
}

#[test]
fn the_ci_knows_what_the_repository_does_not() {
    let none = tempfile::tempdir().expect("a folder");
    let sha = "0123456789012345678901234567890123456789";
    let name = |value: &str, source: &str| Some((value.to_owned(), source.to_owned()));
    for (variables, commit, branch, tag) in [
        (&[][..], None, None, None),
        (
            &[("CODEBUILD_RESOLVED_SOURCE_VERSION", sha), ("CODEBUILD_WEBHOOK_HEAD_REF", "refs/heads/a/b")],
            name(sha, "CODEBUILD_RESOLVED_SOURCE_VERSION"),
            name("a/b", "CODEBUILD_WEBHOOK_HEAD_REF"),
            None,
        ),
        (
            &[("CODEBUILD_RESOLVED_SOURCE_VERSION", "not an id"), ("CODEBUILD_WEBHOOK_TRIGGER", "tag/v1")],
            None,
            None,
            name("v1", "CODEBUILD_WEBHOOK_TRIGGER"),
        ),
        (
            &[("GITHUB_SHA", sha), ("GITHUB_REF_NAME", "main"), ("GITHUB_REF_TYPE", "branch")],
            name(sha, "GITHUB_SHA"),
            name("main", "GITHUB_REF_NAME"),
            None,
        ),
        (
            &[("GITHUB_HEAD_REF", "fix"), ("GITHUB_REF_NAME", "1/merge"), ("GITHUB_REF_TYPE", "branch")],
            None,
            name("fix", "GITHUB_HEAD_REF"),
            None,
        ),
        (&[("GITHUB_REF_NAME", "v1"), ("GITHUB_REF_TYPE", "tag")], None, None, name("v1", "GITHUB_REF_NAME")),
        (
            &[("BUILDKITE_COMMIT", "HEAD"), ("BUILDKITE_BRANCH", "v1"), ("BUILDKITE_TAG", "v1")],
            None,
            None,
            name("v1", "BUILDKITE_TAG"),
        ),
        (
            &[("GIT_COMMIT", sha), ("GIT_BRANCH", "origin/a/b")],
            name(sha, "GIT_COMMIT"),
            name("a/b", "GIT_BRANCH"),
            None,
        ),
    ] {
        let var = |wanted: &str| {
            variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
        };
        let repository = Repository::of(none.path());
        let ask = |fact| repository.fact(fact, &var).map(|fact| (fact.value, fact.source));
        assert_eq!(
            (ask(GitFact::Commit), ask(GitFact::Branch), ask(GitFact::Tag)),
            (commit, branch, tag),
            "{variables:?}"
        );
        assert_eq!(ask(GitFact::Short).map(|(value, _)| value.len()), ask(GitFact::Commit).map(|_| 7));
        assert_eq!((ask(GitFact::Dirty), ask(GitFact::Remote)), (None, None));
    }
}

#[test]
fn the_repository_comes_before_the_ci() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = repository(folder.path()).head_id().expect("a commit").to_string();
    let var = |name: &str| (name == "GITHUB_SHA").then(|| "f".repeat(40));
    let found = Repository::of(folder.path()).fact(GitFact::Commit, &var);
    assert_eq!(found.map(|fact| fact.value), Some(id));
}
