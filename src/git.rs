//! Facts of the Git repository that a folder is in, read with `gix`: no `git` program is started.
//!
//! What the repository does not say, the variables of the CI say (`ci`): builds often check out a commit without a
//! branch, or have no repository at all. Errors are no facts: a repository that cannot be read is none.
//!
//! Like `git`, gix reads the user's and the system's configuration too, because they decide what counts as a change.

mod ci;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::path::PathBuf;
use std::sync::OnceLock;

use gix::url::Scheme;

use crate::environment::{Fact, GitFact};

/// The repository that a folder is in. It is opened, and each fact looked up, when it is first asked for.
#[derive(Debug)]
pub(crate) struct Repository {
    folder: PathBuf,
    opened: OnceLock<Option<gix::ThreadSafeRepository>>,
    head: OnceLock<Option<Fact>>,
    branch: OnceLock<Option<Fact>>,
    tag: OnceLock<Option<Fact>>,
    dirty: OnceLock<Option<Fact>>,
    remote: OnceLock<Option<Fact>>,
}

const SHORT_DIGITS: usize = 7;

impl Repository {
    /// The one of `folder` or of the nearest folder above it; also a worktree or a submodule.
    pub(crate) fn of(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            opened: OnceLock::new(),
            head: OnceLock::new(),
            branch: OnceLock::new(),
            tag: OnceLock::new(),
            dirty: OnceLock::new(),
            remote: OnceLock::new(),
        }
    }

    /// The answer of the repository or else of the CI; `None` if neither has one. `var` reads the environment.
    pub(crate) fn fact(&self, fact: GitFact, var: &dyn Fn(&str) -> Option<String>) -> Option<Fact> {
        let found = match fact {
            GitFact::Commit | GitFact::Short => self.once(&self.head, head),
            GitFact::Branch => self.once(&self.branch, branch),
            GitFact::Tag => self.once(&self.tag, tag),
            GitFact::Dirty => self.once(&self.dirty, dirty),
            GitFact::Remote => self.once(&self.remote, remote),
        };
        let mut found = found.or_else(|| ci::fact(fact, var))?;
        if fact == GitFact::Short {
            found.value.truncate(SHORT_DIGITS);
        }
        Some(found)
    }

    fn once(
        &self,
        known: &OnceLock<Option<Fact>>,
        look_up: fn(&gix::Repository) -> Option<Fact>,
    ) -> Option<Fact> {
        let opened = || gix::ThreadSafeRepository::discover(&self.folder).ok();
        known.get_or_init(|| look_up(&self.opened.get_or_init(opened).as_ref()?.to_thread_local())).clone()
    }
}

fn fact(value: String, source: &str) -> Fact {
    Fact { value, source: source.to_owned() }
}

fn head(repository: &gix::Repository) -> Option<Fact> {
    let id = repository.head_id().ok()?;
    Some(fact(id.to_hex().to_string(), ".git/HEAD"))
}

fn branch(repository: &gix::Repository) -> Option<Fact> {
    let name = repository.head_name().ok()??;
    let name = std::str::from_utf8(name.as_bstr()).ok()?.strip_prefix("refs/heads/")?;
    Some(fact(name.to_owned(), ".git/HEAD"))
}

fn tag(repository: &gix::Repository) -> Option<Fact> {
    let head = repository.head_id().ok()?.detach();
    let references = repository.references().ok()?;
    let names = references.tags().ok()?.filter_map(|reference| {
        let mut reference = reference.ok()?;
        let commit = reference.peel_to_id().ok()?.detach();
        let name =
            std::str::from_utf8(reference.name().as_bstr()).ok()?.strip_prefix("refs/tags/")?.to_owned();
        (commit == head).then_some(name)
    });
    let value = names.max_by(|one, other| by_version(one, other))?;
    Some(fact(value, ".git/refs/tags"))
}

fn dirty(repository: &gix::Repository) -> Option<Fact> {
    repository.workdir()?;
    let status = repository
        .status(gix::progress::Discard)
        .ok()?
        .untracked_files(gix::status::UntrackedFiles::None)
        .index_worktree_rewrites(None)
        .tree_index_track_renames(gix::status::tree_index::TrackRenames::Disabled);
    // Not `is_dirty()`: to it a file that cannot be read is unchanged.
    let change = status.into_iter(None).ok()?.next().transpose().ok()?;
    Some(fact(change.is_some().to_string(), "the working tree"))
}

fn remote(repository: &gix::Repository) -> Option<Fact> {
    let remote = repository.try_find_remote("origin")?.ok()?;
    let value = without_credentials(remote.url(gix::remote::Direction::Fetch)?)?;
    Some(fact(value, ".git/config"))
}

/// The URL without what may be a secret; `None` for a form of which this is not known.
fn without_credentials(url: &gix::Url) -> Option<String> {
    let mut url = url.clone();
    url.set_password(None);
    // Tokens stand in front of `@` or in the query. To SSH that is a plain name, mostly `git`.
    if matches!(url.scheme, Scheme::Http | Scheme::Https) {
        url.set_user(None);
    }
    let text = String::from_utf8(url.to_bstring().into()).ok()?;
    match url.scheme {
        Scheme::Http | Scheme::Https => text.split(['?', '#']).next().map(str::to_owned),
        Scheme::Ssh | Scheme::Git => Some(text),
        // A path; so counts `helper::https://token@…`.
        Scheme::File => (!text.contains("::")).then_some(text),
        _ => None,
    }
}

/// Numbers compare as numbers: `v1.9` < `v1.10`. What continues with `-` comes before what ends: `v1.0-rc1` < `v1.0`.
fn by_version(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        match (left.is_empty(), right.is_empty()) {
            // Tags like `v01` and `v1` still need an order.
            (true, true) => return one.cmp(other),
            (true, false) if right.starts_with('-') => return Ordering::Greater,
            (false, true) if left.starts_with('-') => return Ordering::Less,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let ((first, left_rest), (second, right_rest)) = (piece(left), piece(right));
        let number = |text: &str| text.trim_start_matches('0').to_owned();
        let order = if first.starts_with(is_digit) && second.starts_with(is_digit) {
            let (first, second) = (number(first), number(second));
            first.len().cmp(&second.len()).then(first.cmp(&second))
        } else {
            first.cmp(second)
        };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
}

/// A number or one other character, and what follows it.
fn piece(text: &str) -> (&str, &str) {
    let digits = text.find(|character| !is_digit(character)).unwrap_or(text.len());
    let end = if digits > 0 { digits } else { text.chars().next().map_or(0, char::len_utf8) };
    text.split_at(end)
}

fn is_digit(character: char) -> bool {
    character.is_ascii_digit()
}
