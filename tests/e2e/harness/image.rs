//! An image as a registry has it: its config, and the files that its layers are together.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display, Formatter};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use flate2::read::GzDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tar::{Archive, EntryType};

use super::registry::Registry;

/// Contents that are not longer than this are kept as they are, so that a failing test can show them.
const SHOWN: usize = 200;

/// All but the time of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub kind: EntryType,
    pub mode: u32,
    pub owner: (u64, u64),
    /// The text of a file, its hash if it is long, or where a symbolic link leads.
    pub content: String,
}

impl Display for File {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { kind, mode, owner: (user, group), content } = self;
        write!(f, "{kind:?} {mode:o} {user}:{group} {content:?}")
    }
}

/// By their paths, without the root folder.
pub type Files = BTreeMap<PathBuf, File>;

#[derive(Debug)]
pub struct Image {
    pub config: Value,
    pub files: Files,
}

impl Image {
    /// What a file of the image says.
    #[track_caller]
    pub fn text(&self, path: &str) -> &str {
        let file = self.files.get(Path::new(path));
        &file.unwrap_or_else(|| panic!("{path} is not in the image: {:?}", self.files.keys())).content
    }
}

/// An entry of a layer; a hard link has the path that it leads to.
type Layer = Vec<(PathBuf, Option<PathBuf>, File)>;

/// Reads images of a registry, each layer once.
pub struct Images<'a> {
    registry: &'a Registry,
    layers: RefCell<HashMap<String, Rc<Layer>>>,
}

impl<'a> Images<'a> {
    pub fn of(registry: &'a Registry) -> Self {
        Self { registry, layers: RefCell::default() }
    }

    pub fn image(&self, repository: &str, tag: &str) -> Image {
        let manifest = self.registry.manifest(repository, tag);
        let digest = manifest["config"]["digest"].as_str().unwrap_or_else(|| panic!("no image: {manifest}"));
        let config = self.registry.blob(repository, digest);
        let mut files = Files::new();
        for (digest, _) in self.registry.layers(repository, tag) {
            put(&mut files, &self.layer(repository, &digest));
        }
        Image { config: serde_json::from_slice(&config).expect("a config is JSON"), files }
    }

    fn layer(&self, repository: &str, digest: &str) -> Rc<Layer> {
        if let Some(known) = self.layers.borrow().get(digest) {
            return Rc::clone(known);
        }
        let layer = Rc::new(unpack(&self.registry.blob(repository, digest)));
        self.layers.borrow_mut().insert(digest.to_owned(), Rc::clone(&layer));
        layer
    }
}

fn unpack(blob: &[u8]) -> Layer {
    let mut archive = Archive::new(GzDecoder::new(blob));
    let mut layer = Layer::new();
    for entry in archive.entries().expect("a layer is a tar archive") {
        let mut entry = entry.expect("a layer is whole");
        let path = clean(&entry.path().expect("a layer has paths"));
        let link = entry.link_name().expect("a layer has paths").map(std::borrow::Cow::into_owned);
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("a layer is whole");
        let header = entry.header();
        let (kind, hard) = match (header.entry_type(), link) {
            (EntryType::Link, link) => (EntryType::Regular, link.map(|link| clean(&link))),
            (kind, link) => {
                content.extend(link.into_iter().flat_map(|link| link.into_os_string().into_encoded_bytes()));
                (kind, None)
            }
        };
        let number = "a header has numbers";
        let file = File {
            kind,
            mode: header.mode().expect(number) & 0o7777,
            owner: (header.uid().expect(number), header.gid().expect(number)),
            content: shown(content),
        };
        layer.push((path, hard, file));
    }
    layer
}

fn shown(content: Vec<u8>) -> String {
    match String::from_utf8(content) {
        Ok(text) if text.len() <= SHOWN => text,
        other => {
            let bytes = other.map_or_else(std::string::FromUtf8Error::into_bytes, String::into_bytes);
            Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
        }
    }
}

/// `./a/b/` and `/a/b` are `a/b`.
fn clean(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

/// Puts a layer on top of the files below it. What it takes away is of those files only, wherever it stands.
/// (<https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts>)
fn put(files: &mut Files, layer: &Layer) {
    for (path, ..) in layer {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == ".wh..wh..opq" {
            let folder = path.parent().expect("a whiteout is in a folder");
            files.retain(|found, _| found == folder || !found.starts_with(folder));
        } else if let Some(name) = name.strip_prefix(".wh.") {
            let gone = path.with_file_name(name);
            files.retain(|found, _| !found.starts_with(&gone));
        }
    }
    for (path, hard, file) in layer {
        let is_root = path.as_os_str().is_empty();
        if is_root || path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".wh.")) {
            continue;
        }
        let file = match hard {
            Some(first) => files.get(first).expect("a hard link leads to a file in front of it").clone(),
            None => file.clone(),
        };
        if file.kind != EntryType::Directory {
            files.retain(|found, _| !found.starts_with(path));
        }
        files.insert(path.clone(), file);
    }
}
