//! What was announced to the receiver, by id: the stats sent → the paths it may request. An id is the ordinal of an
//! entry among all stats, so every entry is kept, as its name and the directory it is in: 12 bytes beside the name.

use crate::buildkit::walk::Content;

/// The entries sent so far.
#[derive(Debug, Default)]
pub(super) struct Sent {
    entries: Vec<Entry>,
    /// The names of all entries, one after the other.
    names: Vec<u8>,
    /// The directories from the top to the last entry: the length of each one's path, and its id.
    open: Vec<(usize, u32)>,
}

#[derive(Debug)]
struct Entry {
    /// The id of the directory it is in, or `NO_PARENT`.
    parent: u32,
    name_end: u32,
    content: Content,
}

const NO_PARENT: u32 = u32::MAX;

impl Sent {
    /// Notes the next entry. `None` when there are more than ids or more than 4 GiB of names.
    pub(super) fn push(&mut self, path: &str, content: Content) -> Option<()> {
        let parent_length = path.rfind('/').unwrap_or(0);
        // Entries come depth first: what is not around this one is done with.
        while self.open.last().is_some_and(|(length, _)| *length > parent_length) {
            self.open.pop();
        }
        let parent = match self.open.last() {
            Some((length, id)) if *length == parent_length && parent_length > 0 => *id,
            _ => NO_PARENT,
        };
        let name = path.get(parent_length..).unwrap_or_default().trim_start_matches('/');
        self.names.extend_from_slice(name.as_bytes());
        let id = u32::try_from(self.entries.len()).ok().filter(|id| *id != NO_PARENT)?;
        let name_end = u32::try_from(self.names.len()).ok()?;
        self.entries.push(Entry { parent, name_end, content });
        if content == Content::None {
            self.open.push((path.len(), id));
        }
        Some(())
    }

    /// What the entry `id` holds, unless it is none that can be requested. A second request is refused, as the reference
    /// sender does (fsutil, send.go).
    pub(super) fn take(&mut self, id: u32) -> Option<Content> {
        let entry = self.entries.get_mut(usize::try_from(id).ok()?)?;
        let content = std::mem::replace(&mut entry.content, Content::None);
        (content != Content::None).then_some(content)
    }

    /// The path of the entry `id`, put together from its name and those of the directories it is in.
    pub(super) fn path(&self, id: u32) -> Option<String> {
        let mut names = Vec::new();
        let mut at = id;
        while at != NO_PARENT {
            let index = usize::try_from(at).ok()?;
            let start = match index.checked_sub(1) {
                Some(before) => self.entries.get(before)?.name_end,
                None => 0,
            };
            let entry = self.entries.get(index)?;
            let name = self.names.get(usize::try_from(start).ok()?..usize::try_from(entry.name_end).ok()?)?;
            names.push(std::str::from_utf8(name).ok()?);
            at = entry.parent;
        }
        names.reverse();
        Some(names.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::Sent;
    use crate::buildkit::walk::Content;

    #[test]
    fn knows_paths_and_gives_each_file_once() {
        let mut sent = Sent::default();
        let entries = [
            ("a", Content::None),
            ("a/b", Content::None),
            ("a/b/c", Content::File),
            ("a/b/d", Content::File),
            // A symbolic link is no directory, but looks the same here.
            ("a/l", Content::None),
            ("a/m", Content::File),
            ("a-b", Content::File),
            ("b", Content::None),
            ("b/s", Content::Socket),
            ("z", Content::File),
        ];
        for (path, content) in entries {
            sent.push(path, content).expect("there are ids left");
        }
        for (id, (path, content)) in (0..).zip(entries) {
            assert_eq!(sent.path(id).as_deref(), Some(path));
            assert_eq!(sent.take(id), Some(content).filter(|content| *content != Content::None), "{path}");
            assert_eq!(sent.take(id), None, "{path}");
        }
        assert_eq!((sent.take(99), sent.path(99)), (None, None));
    }
}
