//! What of a directory is sent: include patterns, exclude patterns and paths to follow → `Filter`, which judges each
//! path of a walk. The engine does not filter again, so this decides what a build sees (fsutil, filter.go).

use std::path::Path;

use super::WalkError;
use super::follow::{Followed, follow};
use crate::buildkit::patterns::{BadPattern, Matched, Matcher, Pattern};

/// What the engine asked for of a directory.
#[derive(Debug, Default, Clone)]
pub(crate) struct Selection {
    /// Patterns of what to send; everything, if there are none.
    pub(crate) include: Vec<String>,
    /// Patterns of what not to send, as in `.dockerignore`.
    pub(crate) exclude: Vec<String>,
    /// Further paths to send, and what they link to.
    pub(crate) follow: Vec<String>,
}

/// A selection, ready to judge.
#[derive(Debug)]
pub(super) struct Filter {
    include: Option<Rules>,
    exclude: Option<Rules>,
}

/// Which patterns matched a directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Matches {
    include: Matched,
    exclude: Matched,
}

/// What becomes of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Send,
    /// A directory not sent for itself, in which something may be.
    Search,
    Skip,
}

impl Filter {
    /// The filter for `selection`; `root` is where links are followed.
    pub(super) fn new(root: &Path, selection: &Selection) -> Result<Self, WalkError> {
        let mut include = selection.include.clone();
        if let Followed::Paths(paths) = follow(root, &selection.follow)? {
            include.extend(paths);
            // A root among paths to follow means everything (fsutil, followlinks.go, dedupePaths).
            if include.iter().any(|path| path == ".") {
                include.clear();
            }
        }
        Ok(Self {
            include: Rules::new(&include, Opens::Match)?,
            exclude: Rules::new(&selection.exclude, Opens::Exception).map_err(WalkError::Ignore)?,
        })
    }

    /// What becomes of `path`, given what matched the directory it is in.
    pub(super) fn judge(&self, path: &str, directory: bool, parent: &Matches) -> (Verdict, Matches) {
        let mut matches = Matches::default();
        let mut verdict = Verdict::Send;
        if let Some(include) = &self.include {
            let (included, matched) = include.matcher.matches(path, &parent.include);
            matches.include = matched;
            if !included {
                verdict =
                    if directory && include.may_open_below(path) { Verdict::Search } else { Verdict::Skip };
            }
        }
        if let (Some(exclude), true) = (&self.exclude, verdict != Verdict::Skip) {
            let (excluded, matched) = exclude.matcher.matches(path, &parent.exclude);
            matches.exclude = matched;
            if excluded {
                verdict =
                    if directory && exclude.may_open_below(path) { Verdict::Search } else { Verdict::Skip };
            }
        }
        (verdict, matches)
    }
}

/// Which patterns of a list can make a path be sent.
#[derive(Clone, Copy)]
enum Opens {
    /// Those without `!`, of an include list.
    Match,
    /// Those with `!`, of an exclude list.
    Exception,
}

#[derive(Debug)]
struct Rules {
    matcher: Matcher,
    /// The literal starts of the patterns that can make a path be sent.
    heads: Vec<String>,
    /// Those starts are all there is to these patterns, but for wildcards at the end.
    literal: bool,
}

impl Rules {
    fn new(patterns: &[String], opens: Opens) -> Result<Option<Self>, BadPattern> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let matcher = Matcher::new(patterns.iter().map(String::as_str))?;
        let opening = matcher.patterns().iter().filter(|pattern| match opens {
            Opens::Match => !pattern.is_exception(),
            Opens::Exception => pattern.is_exception(),
        });
        let (heads, literal): (Vec<_>, Vec<_>) = opening.map(Pattern::literal_head).unzip();
        let heads = heads.into_iter().map(str::to_owned).collect();
        let literal = literal.into_iter().all(|literal| literal);
        Ok(Some(Self { matcher, heads, literal }))
    }

    /// Whether something below `directory`, which itself is not sent, could be. A directory that cannot hold anything is
    /// not read: this is what keeps a walk out of `node_modules`. The reference client looks into every directory if any
    /// of these patterns has a wildcard before its end; the literal starts settle more, and the outcome is the same.
    /// Its oddity is kept: with `*` and `!a/*/**` nothing of `a` is sent, as the starts then say that only `a` may be.
    fn may_open_below(&self, directory: &str) -> bool {
        self.heads
            .iter()
            .any(|head| is_at_or_below(head, directory) || (!self.literal && is_at_or_below(directory, head)))
    }
}

fn is_at_or_below(path: &str, directory: &str) -> bool {
    directory.is_empty()
        || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
