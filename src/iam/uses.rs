//! What a plan does with its repositories, in all of its waves.

use indexmap::IndexSet;

use crate::plan::{BuilderKind, Cache, CacheSource, CacheTarget, ImageId, Plan, PushTag, RepositoryId, Step};

/// The repositories by what is done with them.
#[derive(Debug, Default)]
pub(super) struct Uses {
    pulled: IndexSet<RepositoryId>,
    pushed: IndexSet<RepositoryId>,
    retagged: IndexSet<RepositoryId>,
}

/// What is done with one repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) pulled: bool,
    pub(super) pushed: bool,
    /// An image that is there gets another tag.
    pub(super) retagged: bool,
}

impl Used {
    pub(super) fn is_any(self) -> bool {
        self.pulled || self.pushed || self.retagged
    }
}

impl Uses {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut uses = Self::default();
        let mut built = IndexSet::new();
        for step in plan.waves.iter().flat_map(|wave| wave.steps()) {
            match step {
                Step::Build { images } => built.extend(images.iter().copied()),
                Step::Push { images } => {
                    built.extend(images.iter().copied());
                    images.iter().for_each(|id| uses.push_tags(plan, *id));
                }
                Step::Promote { image, to } => uses.promote(plan, *image, to),
                Step::Command(_) | Step::Approve { .. } => {}
            }
        }
        let mut next = 0;
        while let Some(id) = built.get_index(next).copied() {
            next += 1;
            uses.cache(&plan.image(id).cache);
            for needed in &plan.image(id).needs {
                built.insert(*needed);
                let base = plan.image(*needed);
                let kind = base.builder.map(|builder| plan.builder(builder).kind);
                // A builder without an image store finds the image only in its repository, and so does another builder.
                if kind == Some(BuilderKind::Buildkit) {
                    uses.push_tags(plan, *needed);
                }
                if kind == Some(BuilderKind::Buildkit) || base.builder != plan.image(id).builder {
                    uses.pulled.extend(base.tags.iter().map(|tag| tag.tag.repository));
                }
            }
        }
        uses
    }

    pub(super) fn of_repository(&self, index: usize) -> Used {
        let id = RepositoryId(index);
        Used {
            pulled: self.pulled.contains(&id),
            pushed: self.pushed.contains(&id),
            retagged: self.retagged.contains(&id),
        }
    }

    fn push_tags(&mut self, plan: &Plan, id: ImageId) {
        self.pushed.extend(plan.image(id).tags.iter().map(|tag| tag.tag.repository));
    }

    fn promote(&mut self, plan: &Plan, id: ImageId, to: &[PushTag]) {
        let own: Vec<_> = plan.image(id).tags.iter().map(|tag| tag.tag.repository).collect();
        for target in to.iter().map(|to| to.tag.repository) {
            if own.contains(&target) {
                self.retagged.insert(target);
            } else {
                self.pushed.insert(target);
                self.pulled.extend(own.first());
            }
        }
    }

    fn cache(&mut self, cache: &Cache) {
        match cache {
            Cache::Automatic(tag) => {
                self.pulled.insert(tag.repository);
                self.pushed.insert(tag.repository);
            }
            Cache::Explicit { from, to } => {
                let repository = |tag: &crate::plan::Tag| tag.repository;
                self.pulled.extend(from.iter().filter_map(CacheSource::tag).map(repository));
                self.pushed.extend(to.iter().filter_map(CacheTarget::tag).map(repository));
            }
        }
    }
}
