//! Messages about tags that several images are given.

use crate::diag::{Code, Diagnostic};
use crate::plan::claims::Way;
use crate::source::Span;

/// A tag that two images, or more, are given; each with how, its name and where.
pub(in crate::plan) struct Claimed<'a> {
    pub(in crate::plan) repository: &'a str,
    pub(in crate::plan) tag: &'a str,
    pub(in crate::plan) first: (Way, &'a str, Span),
    pub(in crate::plan) second: (Way, &'a str, Span),
    /// How many images beside these two.
    pub(in crate::plan) more: usize,
    /// What is written at the second one, if it is short.
    pub(in crate::plan) source: Option<&'a str>,
}

impl Claimed<'_> {
    fn shown(&self) -> String {
        let tag: String = self.tag.chars().take(32).collect();
        format!("{}:{tag}", self.repository)
    }

    /// `` `a` and `b` ``, `` `a`, `b` and 3 more ``
    fn images(&self) -> String {
        let (first, second) = (self.first.1, self.second.1);
        match self.more {
            0 => format!("`{first}` and `{second}`"),
            more => format!("`{first}`, `{second}` and {more} more"),
        }
    }

    fn count(&self) -> String {
        if self.more == 0 { "two".to_owned() } else { (self.more + 2).to_string() }
    }

    fn headline(&self) -> String {
        let (tag, count) = (self.shown(), self.count());
        match (self.first.0, self.second.0) {
            (Way::Push, Way::Push) => format!("tag `{tag}` is pushed by {count} images"),
            (Way::Cache, Way::Cache) => format!("tag `{tag}` is the cache of {count} images"),
            (Way::Push, Way::Cache) => format!("tag `{tag}` is pushed and is a cache"),
            (Way::Cache, _) => format!("tag `{tag}` is promoted to and is a cache"),
            _ => format!("tag `{tag}` is given to {count} images"),
        }
    }

    fn is_second(&self) -> bool {
        self.first.0 == self.second.0
    }
}

pub(in crate::plan) fn tag_claimed_twice(one: &Claimed<'_>) -> Diagnostic {
    // The place where a tag is used for something else than a cache is the one to edit.
    let (primary, other) = match (one.first.0, one.second.0) {
        (_, Way::Cache) if !one.is_second() => (one.first, one.second),
        _ => (one.second, one.first),
    };
    let label = match primary.0 {
        _ if primary.2 == other.2 => "the same for several images",
        Way::Push if one.is_second() => "pushed a second time",
        Way::Push => "pushed here",
        Way::Cache => "keeps its cache there too",
        Way::Promote => "promoted here",
    };
    let diagnostic = Diagnostic::new(Code::TagPushedTwice, one.headline(), primary.2, label);
    let label = match other.0 {
        Way::Push => "pushed here first",
        Way::Cache => "keeps its cache there",
        Way::Promote => "promoted here first",
    };
    let diagnostic = if primary.2 == other.2 { diagnostic } else { diagnostic.with_label(other.2, label) };
    explain(one, diagnostic, primary, other)
}

/// Why it is wrong, and what to write.
fn explain(
    one: &Claimed<'_>,
    diagnostic: Diagnostic,
    primary: (Way, &str, Span),
    other: (Way, &str, Span),
) -> Diagnostic {
    let (tag, images) = (one.shown(), one.images());
    match (one.first.0, one.second.0) {
        (Way::Cache, Way::Cache) => diagnostic
            .with_note(format!("the later build wins: {images} overwrite each other's cache"))
            .with_help("either give each image a cache tag of its own")
            .with_help("or remove the `cache` blocks: each image then has one by itself"),
        (Way::Cache, _) | (_, Way::Cache) => diagnostic
            .with_note(format!(
                "the tag is the cache of image `{}`: `{}` would overwrite it",
                other.1, primary.1
            ))
            .with_help(format!("either give `{}` another tag", primary.1))
            .with_help(format!("or keep the cache of `{}` elsewhere with a `cache` block", other.1)),
        _ if primary.2 == other.2 => diagnostic
            .with_note(format!("{images} give the same tag; the later push wins"))
            .with_help("put what tells them apart into the tag"),
        (Way::Push, Way::Push) => {
            let expression = one.source.and_then(|source| source.split_once(':')).map(|(_, text)| text);
            let distinct = match expression {
                Some(expression) if !expression.contains('"') => format!("${{{expression}}}"),
                _ => one.tag.chars().take(32).collect(),
            };
            diagnostic.with_note(format!("the later push wins: {images} overwrite each other")).with_help(
                format!("make it distinct, such as `{}:\"{}-{distinct}\"`", one.repository, primary.1),
            )
        }
        _ => diagnostic
            .with_note(format!("the tag names the one that comes last: {images} overwrite each other"))
            .with_help(format!("promote `{}` to another tag than `{tag}`", primary.1)),
    }
}

/// Two items that are one repository, with its address.
pub(in crate::plan) fn one_repository(
    diagnostic: Diagnostic,
    (first, second): (&str, &str),
    address: &str,
) -> Diagnostic {
    diagnostic.with_note(format!("`{first}` and `{second}` are both the repository `{address}`"))
}
