//! Dockerfiles of a plan that are too many or too odd for golden files.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cachelang::diag::Diagnostic;
use cachelang::environment::{Environment, PathKind};
use cachelang::plan::{self, Inputs, Plan};
use cachelang::source::SourceMap;
use indexmap::IndexMap;

/// Dockerfiles by path; folders are there.
#[derive(Default)]
struct Files {
    texts: HashMap<PathBuf, Vec<u8>>,
    read: RefCell<Vec<PathBuf>>,
}

impl Files {
    fn of(texts: &[(&str, &str)]) -> Self {
        let texts = texts.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()));
        Self { texts: texts.collect(), ..Self::default() }
    }
}

impl Environment for Files {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn path_kind(&self, path: &Path) -> Option<PathKind> {
        match self.texts.contains_key(path) {
            true => Some(PathKind::File),
            false => (!path.ends_with("Dockerfile")).then_some(PathKind::Folder),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        self.read.borrow_mut().push(path.to_owned());
        let text = self.texts.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(text.as_slice()))
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

fn planned(text: &str, files: &Files) -> (Option<Plan>, Vec<Diagnostic>) {
    let mut sources = SourceMap::new();
    let file = sources.add("p/.cachefile", "/p/.cachefile", &format!("cachelang 1\n{text}"));
    let (program, found) = cachelang::check(&mut sources, file, files);
    assert_eq!(found, [], "the file is fine");
    match plan::plan(&mut sources, &program, &Inputs { params: &IndexMap::new(), environment: files }) {
        Ok((plan, found)) => (Some(plan), found),
        Err(found) => (None, found),
    }
}

fn codes(text: &str, files: &Files) -> Vec<&'static str> {
    planned(text, files).1.iter().map(|one| one.code.as_str()).collect()
}

#[test]
fn a_shared_dockerfile_is_read_once() {
    let files = Files::of(&[("/p/Dockerfile", "FROM scratch\n")]);
    let mut text = String::new();
    for index in 0..1000 {
        _ = writeln!(text, "image i{index} {{}}");
    }
    text += "wave build { build i0 }\n";
    let (plan, _) = planned(&text, &files);
    assert_eq!(plan.map(|plan| plan.images.len()), Some(1000));
    assert_eq!(files.read.borrow().as_slice(), [PathBuf::from("/p/Dockerfile")]);
}

#[test]
fn a_long_chain_of_images() {
    let mut files = Files::default();
    let mut text =
        "registry main {\n kind = \"oci\"\n host = \"h:1\"\n}\nrepository app { registry = main }\n"
            .to_owned();
    for index in 0..2000_usize {
        let from = index.checked_sub(1).map_or("scratch".to_owned(), |base| format!("h:1/app:t{base}"));
        files
            .texts
            .insert(PathBuf::from(format!("/p/{index}/Dockerfile")), format!("FROM {from}\n").into_bytes());
        _ = writeln!(text, "image i{index} {{\n context = \"{index}\"\n tags = [app:\"t{index}\"]\n}}");
    }
    text += "wave build { build i0 }\n";
    let (plan, _) = planned(&text, &files);
    let plan = plan.expect("there is no circle");
    assert!(plan.images[0].needs.is_empty());
    assert!(plan.images[1..].iter().all(|image| image.needs.len() == 1));
    files.texts.insert(PathBuf::from("/p/0/Dockerfile"), b"FROM h:1/app:t1999\n".to_vec());
    let (plan, found) = planned(&text, &files);
    assert!(plan.is_none());
    assert_eq!(found.iter().filter(|one| one.code.as_str() == "E0407").count(), 1);
}

#[test]
fn a_huge_dockerfile_is_left_to_the_engine() {
    let huge = format!("FROM scratch\n{}", "# text\n".repeat(200_000));
    let files = Files::of(&[("/p/Dockerfile", &huge)]);
    let text = "image api { target = \"any\" }\nimage worker {}\nwave build { build api, worker }\n";
    assert_eq!(codes(text, &files), ["W0419"]);
}

#[test]
fn what_was_reported_is_not_reported_of_the_dockerfile_too() {
    let files = Files::of(&[("/p/Dockerfile", "ARG V\nFROM python:$V AS runtime\n")]);
    let text = "param target: string\nparam v: string\nimage api {\n target = target\n args = { V = v }\n}\n\
                image other { target = \"runtme\" }\nwave build { build api, other }\n";
    let mut found = codes(text, &files);
    found.sort_unstable();
    assert_eq!(found, ["E0309", "E0309", "E0409"]);
}
