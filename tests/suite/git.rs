//! What `git.…` is in a real repository, and without one.

use std::fs;
use std::path::Path;
#[cfg(feature = "cli")]
use std::process::Command;

use cachelang::environment::{Environment, GitFact};
use cachelang::load::{self, ProcessEnvironment};
use cachelang::plan::{self, Inputs};
use cachelang::source::SourceMap;
use indexmap::IndexMap;

const TEXT: &str = "cachelang 1\nparam commit: string = git.commit ?? \"none\"\nlet branch = git.branch ?? \"none\"\n\
                    image api { args = { A = \"${commit} ${branch}\" } }\nwave build { build api }\n";

/// A repository on the branch `main` with one commit, whose id is returned.
fn repository(folder: &Path) -> String {
    let repository = gix::init(folder).expect("a repository can be made");
    fs::write(folder.join(".git/HEAD"), "ref: refs/heads/main\n").expect("HEAD can be written");
    let author = gix::actor::SignatureRef { name: "a".into(), email: "a@b".into(), time: "1 +0000" };
    let tree = gix::objs::Tree { entries: Vec::new() };
    let tree = repository.write_object(tree).expect("a tree can be written").detach();
    let none = Vec::<gix::ObjectId>::new();
    repository.commit_as(author, author, "HEAD", "one", tree, none).expect("a commit can be made").to_string()
}

#[test]
fn the_plan_has_the_commit_and_says_where_it_is_from() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let id = repository(folder.path());
    let below = folder.path().join("services/api");
    fs::create_dir_all(&below).expect("a folder can be made");
    fs::write(below.join(".cachefile"), TEXT).expect("a file can be written");
    fs::write(below.join("Dockerfile"), "ARG A\nFROM scratch\n").expect("a file can be written");

    let environment = ProcessEnvironment::new();
    let mut sources = SourceMap::new();
    let file = load::load(&mut sources, &below.join(".cachefile"), ".cachefile").expect("it is there");
    let (program, found) = cachelang::check(&mut sources, file, &environment);
    assert_eq!(found, [], "the file is fine");
    let inputs = Inputs { params: &IndexMap::new(), environment: &environment };
    let (plan, found) = plan::plan(&mut sources, &program, &inputs).expect("it can be planned");
    assert_eq!(found, [], "the plan is fine");
    let read = |name: &str| {
        let input = plan.inputs.iter().find(|input| input.name == name).expect("it was asked for");
        (input.value.clone().unwrap_or_default(), input.source.clone())
    };
    assert_eq!(read("git.commit"), (id.clone(), ".git/HEAD".to_owned()));
    assert_eq!(read("git.branch"), ("main".to_owned(), ".git/HEAD".to_owned()));
    assert_eq!(plan.images[0].build.args["A"], format!("{id} main"));
}

#[test]
fn a_repository_is_looked_for_once() {
    fn shared<T: Send + Sync>(value: T) -> T {
        value
    }
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let id = repository(folder.path());
    let environment = shared(ProcessEnvironment::new());
    let commit = || environment.git(folder.path(), GitFact::Commit).map(|fact| fact.value);
    assert_eq!(commit(), Some(id.clone()));
    fs::remove_dir_all(folder.path().join(".git")).expect("it can be removed");
    assert_eq!(commit(), Some(id), "a run sees one commit, whatever happens meanwhile");
}

#[cfg(feature = "cli")]
#[test]
fn without_a_repository_the_ci_is_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let id = "0123456789".repeat(4);
    let text = format!(
        "cachelang 1\nparam commit: string = git.commit ?? \"none\" {{ oneof = [\"{id}\"] }}\n\
         image api {{ args = {{ A = commit }} }}\nwave build {{ build api }}\n"
    );
    fs::write(folder.path().join(".cachefile"), text).expect("a file can be written");
    fs::write(folder.path().join("Dockerfile"), "ARG A\nFROM scratch\n").expect("a file can be written");
    let check = |variable: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cachelang"));
        command.arg("check").current_dir(folder.path()).env_clear().env(variable, &id);
        command.status().expect("the program was built").code()
    };
    assert_eq!(check("CI_COMMIT_SHA"), Some(0));
    assert_eq!(check("OTHER"), Some(2), "the commit is not known");
}
