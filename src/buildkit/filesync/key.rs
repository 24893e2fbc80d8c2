//! The shared key of a session: the folders it serves, on this machine → a name for the copies of them that the engine
//! has from earlier sessions. The engine compares with such a copy and asks only for what differs.

use std::collections::BTreeMap;
use std::fs;

use sha2::{Digest, Sha256};

use super::Source;

/// The key for `dirs`. It is one for all folders of a session, so each enters into it: a name that stood for another
/// folder before must not lead to the copy of that folder.
pub(super) fn shared_key(dirs: &BTreeMap<String, Source>) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    add(machine().as_bytes());
    for (name, source) in dirs {
        add(name.as_bytes());
        match source {
            Source::Directory(root) => {
                // A folder that is not there is reported when it is read.
                let root = fs::canonicalize(root).unwrap_or_else(|_| root.clone());
                add(root.as_os_str().as_encoded_bytes());
            }
            Source::Inline(file) => add(file.name.as_bytes()),
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What tells this machine from others: its id, which Linux has, else the name of the host. Containers may share an id
/// and a path; they send more than they must then, as the stamps of their files differ.
#[expect(clippy::disallowed_methods, reason = "a property of this machine, not an input of the pipeline")]
fn machine() -> String {
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    match id.trim() {
        "" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        id => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::LocalDirs;

    #[test]
    fn the_key_is_that_of_the_folders() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        for place in [&one, &two] {
            std::fs::create_dir(place).expect("a folder can be made");
        }
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&one, &link).expect("a link can be made");
        let key = |pairs: &[(&str, &std::path::Path)]| {
            let dirs =
                pairs.iter().fold(LocalDirs::new(), |dirs, (name, at)| dirs.with_directory(*name, *at));
            dirs.shared_key()
        };
        let first = key(&[("context", &one)]);
        assert_eq!(first, key(&[("context", &link)]), "a folder is the same by any path");
        assert_eq!(first, key(&[("context", &one.join("../one/."))]));
        let others = [
            key(&[("context", &two)]),
            key(&[("dockerfile", &one)]),
            key(&[("context", &one), ("context-lib", &one)]),
            key(&[("context", &one), ("context-lib", &two)]),
            key(&[("context", &folder.path().join("missing"))]),
        ];
        let all: std::collections::BTreeSet<_> = others.iter().chain([&first]).collect();
        assert_eq!(all.len(), 6);
    }
}
