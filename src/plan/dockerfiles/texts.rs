//! The Dockerfiles of a plan: each is read and parsed once, however many images are built from it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::check::Program;
use crate::check::program::Image as Item;
use crate::dockerfile::{self, Dockerfile, Unreadable};
use crate::environment::{Environment, PathKind};
use crate::plan::errors::{self, dockerfiles as words};
use crate::plan::lower::Lowering;
use crate::plan::{Context, Image};
use crate::source::{FileId, SourceMap};

/// No Dockerfile that people write is larger. BuildKit's limit is higher.
const MAX_BYTES: usize = 1024 * 1024;

/// A Dockerfile that could be read.
pub(super) struct Text {
    pub(super) dockerfile: Dockerfile,
    /// The names that an `ARG` declares.
    pub(super) declared: HashSet<String>,
}

/// The Dockerfiles of the images.
#[derive(Default)]
pub(super) struct Texts {
    pub(super) texts: Vec<Text>,
    by_path: HashMap<PathBuf, Option<usize>>,
    by_inline: HashMap<String, Option<usize>>,
    /// The texts of `dockerfile_inline`: no file that messages could show.
    pub(super) inline: HashSet<FileId>,
}

impl Texts {
    /// The Dockerfile of an image; `None` for one that is not here (in a repository that the engine fetches), was
    /// reported, or is written for another frontend than Docker's.
    pub(super) fn of(
        &mut self,
        lowering: &Lowering<'_>,
        sources: &mut SourceMap,
        item: &Item,
        image: &Image,
    ) -> Option<usize> {
        if image.build.args.get("BUILDKIT_SYNTAX").is_some_and(|image| !dockerfile::is_docker_frontend(image))
        {
            return None;
        }
        if let Some(text) = &image.build.dockerfile_inline {
            if let Some(known) = self.by_inline.get(text) {
                return *known;
            }
            let file = sources.add("dockerfile_inline", "dockerfile_inline", text);
            self.inline.insert(file);
            let found = self.parse(lowering, sources, file, (item, image));
            self.by_inline.insert(text.clone(), found);
            return found;
        }
        let Context::Folder(folder) = &image.build.context else { return None };
        let path: PathBuf = folder.join(&image.build.dockerfile).components().collect();
        if let Some(known) = self.by_path.get(&path) {
            return *known;
        }
        let found = self.read(lowering, sources, &path, (item, image));
        self.by_path.insert(path, found);
        found
    }

    fn read(
        &mut self,
        lowering: &Lowering<'_>,
        sources: &mut SourceMap,
        path: &Path,
        (item, image): (&Item, &Image),
    ) -> Option<usize> {
        let environment: &dyn Environment = lowering.eval.inputs().environment;
        // What is missing was reported when the image was evaluated.
        if environment.path_kind(path) != Some(PathKind::File) {
            return None;
        }
        let bytes = match environment.read(path, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let reason = format!("it is {error}");
                lowering.eval.report(words::unreadable(words::file_of(image), item, &reason, None));
                return None;
            }
            // An environment that knows names only.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                let at = words::place_of(item);
                lowering.eval.report(errors::cannot_read(&image.build.dockerfile, path, &error, at));
                return None;
            }
        };
        let name = shown_name(lowering.eval.program(), sources, &lowering.eval.entry_folder(), path);
        let file = sources.add(name, path, &String::from_utf8_lossy(&bytes));
        self.parse(lowering, sources, file, (item, image))
    }

    fn parse(
        &mut self,
        lowering: &Lowering<'_>,
        sources: &SourceMap,
        file: FileId,
        (item, image): (&Item, &Image),
    ) -> Option<usize> {
        if !dockerfile::frontend(sources.file(file).text()).is_none_or(dockerfile::is_docker_frontend) {
            return None;
        }
        match dockerfile::parse(sources, file) {
            Ok(dockerfile) => {
                let declared = dockerfile.declared_args().map(|arg| arg.name.value.clone()).collect();
                self.texts.push(Text { dockerfile, declared });
                Some(self.texts.len() - 1)
            }
            Err(Unreadable { span, words: reason }) => {
                let line = sources.file(file).position(span.start).line;
                let reason = format!("line {line}: {reason}");
                let place = (!self.inline.contains(&file)).then_some(span);
                lowering.eval.report(words::unreadable(words::file_of(image), item, &reason, place));
                None
            }
        }
    }
}

/// What messages call a file: as the user would write it who named the `.cachefile` as it is shown.
fn shown_name(program: &Program, sources: &SourceMap, folder: &Path, path: &Path) -> String {
    let entry = program.entry.map_or("", |entry| sources.file(entry).name());
    match (path.strip_prefix(folder), Path::new(entry).parent()) {
        (Ok(relative), Some(before)) => before.join(relative).display().to_string(),
        _ => path.display().to_string(),
    }
}
