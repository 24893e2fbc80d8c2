//! Which images of a plan are built from which: by `contexts`, and by tags that a Dockerfile names.

use std::collections::{HashMap, HashSet};

use super::places;
use crate::dockerfile::Uses;
use crate::plan::errors::dockerfiles as words;
use crate::plan::graph::{Needs, circles};
use crate::plan::lower::Lowering;
use crate::plan::trace::Trace;
use crate::plan::{Context, Image, ImageId, Plan};
use crate::source::Span;

/// Why an image needs another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// An entry of `contexts`, or a reference in a Dockerfile.
    pub(super) place: Span,
    pub(super) by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Context,
    /// `has_platform`: as `dockerfile` has it.
    Reference {
        has_platform: bool,
    },
}

/// The images by the references of their tags.
pub(super) struct Tags(HashMap<String, Vec<Owner>>);

#[derive(Clone, Copy)]
struct Owner {
    image: ImageId,
    moving: bool,
}

impl Tags {
    /// An image that is not built in this run leaves its tags as the registry has them.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut tags: HashMap<String, Vec<Owner>> = HashMap::new();
        for (index, image) in plan.images.iter().enumerate().filter(|(_, image)| image.when) {
            for pushed in &image.tags {
                let owner = Owner { image: ImageId(index), moving: pushed.moving };
                let reference = whole(&plan.reference(&pushed.tag));
                tags.entry(reference.unwrap_or_default()).or_default().push(owner);
            }
        }
        Self(tags)
    }

    /// The image that a reference in the Dockerfile of `image` names.
    fn image(&self, reference: &str, image: ImageId) -> Option<ImageId> {
        let owners = self.0.get(&whole(reference)?)?;
        match owners.iter().find(|owner| owner.image == image) {
            // An image that starts from what its last build has pushed: `FROM app:latest`. A tag that is new in every
            // run has no last build.
            Some(own) => (!own.moving).then_some(image),
            None => owners.first().map(|owner| owner.image),
        }
    }
}

impl<'a> Lowering<'a> {
    /// What an image needs: the images in its `contexts` first, then those that its Dockerfile names.
    pub(super) fn needs_of(
        &self,
        id: ImageId,
        (image, attributes): (&Image, &crate::check::program::Attributes),
        uses: Option<&Uses<'_>>,
        tags: &Tags,
    ) -> Vec<(usize, Need)> {
        let mut needs = Vec::new();
        for (name, context) in &image.build.contexts {
            if let (Context::Image(base), Some(contexts)) = (context, attributes.get("contexts")) {
                let place = places::value(self.eval.program(), contexts, name);
                needs.push((base.0, Need { place, by: By::Context }));
            }
        }
        for base in uses.iter().flat_map(|uses| &uses.bases) {
            if let Some(needed) = tags.image(&base.image.value, id) {
                let by = By::Reference { has_platform: base.has_platform };
                needs.push((needed.0, Need { place: base.image.span, by }));
            }
        }
        needs
    }

    pub(super) fn check_circles(
        &self,
        plan: &Plan,
        trace: &Trace<'a>,
        needs: &Needs<Need>,
    ) -> Vec<words::Circle> {
        let mut reported = HashSet::new();
        let mut found = Vec::new();
        for circle in circles(needs) {
            let members = circle.iter().filter_map(|(index, need)| {
                let item = trace.images.get(*index)?.item;
                Some(words::Member {
                    name: plan.image(ImageId(*index)).name.clone(),
                    item: item.name.span,
                    place: need.place,
                    is_context: need.by == By::Context,
                })
            });
            let circle = words::Circle::new(members.collect());
            // The members of families make one circle each from the same places.
            if circle.first().is_some_and(|first| reported.insert((first.item, first.place))) {
                found.push(circle);
            }
        }
        found
    }
}

/// A reference with everything that may be left out: `alpine` → `docker.io/library/alpine:latest`. `None` if it has a
/// digest, which no build can give it.
pub(super) fn whole(reference: &str) -> Option<String> {
    if reference.contains('@') {
        return None;
    }
    let (host, rest) = match reference.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
        _ => ("docker.io", reference),
    };
    let host = if matches!(host, "index.docker.io" | "registry-1.docker.io") { "docker.io" } else { host };
    let library = if host == "docker.io" && !rest.contains('/') { "library/" } else { "" };
    let tag = if rest.rsplit('/').next().is_some_and(|name| name.contains(':')) { "" } else { ":latest" };
    Some(format!("{host}/{library}{rest}{tag}"))
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn references_are_completed() {
        for (reference, expected) in [
            ("alpine", Some("docker.io/library/alpine:latest")),
            ("alpine:3", Some("docker.io/library/alpine:3")),
            ("index.docker.io/library/alpine:3", Some("docker.io/library/alpine:3")),
            ("docker.io/me/app", Some("docker.io/me/app:latest")),
            ("me/app:1", Some("docker.io/me/app:1")),
            ("localhost/app", Some("localhost/app:latest")),
            ("127.0.0.1:5000/team/app", Some("127.0.0.1:5000/team/app:latest")),
            ("127.0.0.1:5000/app:1", Some("127.0.0.1:5000/app:1")),
            ("app:1@sha256:0", None),
        ] {
            assert_eq!(whole(reference).as_deref(), expected, "{reference}");
        }
    }
}
