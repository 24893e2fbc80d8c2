//! Which tags the images of a plan are given: no two of them may have one.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::errors::{self, Claimed};
use super::lower::Lowering;
use super::trace::Trace;
use super::{ImageId, Plan, RepositoryId, Tag};
use crate::source::Span;

/// How an image comes to a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Push,
    Cache,
    Promote,
}

/// A tag that is to name an image, or to hold its cache.
struct Claim<'t> {
    image: ImageId,
    way: Way,
    tag: &'t Tag,
    span: Span,
}

impl Claim<'_> {
    /// A promotion replaces even the cache of the very image that is promoted.
    fn conflicts_with(&self, other: &Claim<'_>) -> bool {
        self.image != other.image || matches!((self.way, other.way), (Way::Cache, Way::Promote))
    }
}

impl<'a> Lowering<'a> {
    /// Reports each tag that is given to several images once. Two items can be one repository of a registry.
    pub(super) fn check_tags(&self, plan: &Plan, trace: &Trace<'a>) {
        let same = same_repositories(plan);
        let mut by_tag: IndexMap<(RepositoryId, &str), Vec<Claim<'_>>> = IndexMap::new();
        for claim in claims(plan, trace) {
            let Tag { repository, tag } = claim.tag;
            let repository = same.get(repository.0).copied().unwrap_or(*repository);
            by_tag.entry((repository, tag.as_str())).or_default().push(claim);
        }
        // Two families can share a tag for each of their members.
        let mut reported = HashSet::new();
        for found in by_tag.values() {
            let Some((first, rest)) = found.split_first() else { continue };
            let Some(second) = rest.iter().find(|one| first.conflicts_with(one)) else { continue };
            let spans = places(trace, first, second);
            if !reported.insert(spans) {
                continue;
            }
            let images: HashSet<ImageId> = found.iter().map(|one| one.image).collect();
            let repository = |claim: &Claim<'_>| plan.repository(claim.tag.repository).item.as_str();
            let claimed = |claim: &Claim<'_>, span| {
                let (way, image) = (claim.way, plan.image(claim.image).name.as_str());
                (way, image, span)
            };
            let diagnostic = errors::tag_claimed_twice(&Claimed {
                repository: repository(first),
                tag: &first.tag.tag,
                first: claimed(first, spans.0),
                second: claimed(second, spans.1),
                more: images.len().saturating_sub(2),
                source: self.eval.program().short(spans.1),
            });
            let is_one_item = first.tag.repository == second.tag.repository;
            self.eval.report(if is_one_item {
                diagnostic
            } else {
                let address = plan.repository_reference(first.tag.repository);
                errors::one_repository(diagnostic, (repository(first), repository(second)), &address)
            });
        }
    }
}

/// For each repository the first one of the same address.
fn same_repositories(plan: &Plan) -> Vec<RepositoryId> {
    let mut by_address: HashMap<String, RepositoryId> = HashMap::new();
    let ids = (0..plan.repositories.len()).map(RepositoryId);
    ids.map(|id| {
        let has_host = !plan.registry(plan.repository(id).registry).host().is_empty();
        // What has no host was reported.
        if has_host { *by_address.entry(plan.repository_reference(id)).or_insert(id) } else { id }
    })
    .collect()
}

/// What is pushed first, then caches, then promotions.
fn claims<'t>(plan: &'t Plan, trace: &'t Trace<'_>) -> Vec<Claim<'t>> {
    let operands = |pushes: bool| {
        let steps = trace.steps.iter().filter(move |step| !pushes || step.is_push());
        steps.flat_map(|step| &step.images).map(|(id, _)| *id).collect::<HashSet<_>>()
    };
    let (pushed, built) = (operands(true), operands(false));
    let mut claims = Vec::new();
    let images = || trace.images.iter().enumerate().map(|(index, image)| (ImageId(index), image));
    for (image, traced) in images().filter(|(id, _)| pushed.contains(id)) {
        let push = |(tag, span): &'t (Tag, Span)| Claim { image, way: Way::Push, tag, span: *span };
        claims.extend(traced.tags.iter().map(push));
    }
    // An image that is only built writes its cache too.
    for (image, traced) in images().filter(|(id, _)| built.contains(id)) {
        let to = traced.item.attributes.block("cache").and_then(|cache| cache.get("to"));
        let span = to.map_or(traced.item.name.span, |expr| expr.span);
        let caches = plan.image(image).cache.written().into_iter();
        claims.extend(caches.map(|tag| Claim { image, way: Way::Cache, tag, span }));
    }
    // Waves that are skipped are often the other way to go: back to an earlier image.
    for step in trace.steps.iter().filter(|step| step.runs) {
        let Some((image, ..)) = step.uses.last() else { continue };
        let promote = |(tag, _, span): &'t (Tag, bool, Span)| Claim {
            image: *image,
            way: Way::Promote,
            tag,
            span: *span,
        };
        claims.extend(step.promotes.iter().map(promote));
    }
    claims
}

/// Where two claims are written; the same place for members of one family.
fn places(trace: &Trace<'_>, first: &Claim<'_>, second: &Claim<'_>) -> (Span, Span) {
    if first.span != second.span {
        return (first.span, second.span);
    }
    let item = |claim: &Claim<'_>| trace.images.get(claim.image.0).map(|image| image.item);
    let (Some(one), Some(other)) = (item(first), item(second)) else { return (first.span, second.span) };
    if std::ptr::eq(one, other) || first.way == Way::Promote {
        return (first.span, second.span);
    }
    // Both images may take the tag from one `let` or template: then their lists or names say which they are.
    let list = |item: &crate::check::program::Image| item.attributes.get("tags").map(|list| list.span);
    match (list(one), list(other)) {
        (Some(first_list), Some(second_list)) if first_list != second_list && first.way == Way::Push => {
            (first_list, second_list)
        }
        _ => (one.name.span, other.name.span),
    }
}
