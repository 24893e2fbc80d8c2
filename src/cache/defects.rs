//! What is known to go wrong with the cache of an engine: facts by version, for `cachelang doctor`.

use crate::host::{Engine, Feature, ImageStore};
use crate::plan::BuilderKind;

/// A defect of some versions.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Defect {
    /// The Docker Engines that have it, from the first version to the one that has it no more.
    from: (u32, u32),
    until: Option<(u32, u32)>,
    /// What a user sees of it.
    pub effect: &'static str,
    /// The public account of it.
    pub source: &'static str,
}

/// Defects of Docker Engines with a classic image store, but for those of a single patch release.
const OF_CLASSIC_STORES: &[Defect] = &[
    Defect {
        from: (20, 10),
        until: Some((27, 0)),
        effect: "a build that finds its cache in the registry leaves the found steps out of the record it writes; under \
                 the tag of its cache, cachelang puts them back",
        source: "https://github.com/moby/buildkit/issues/2274",
    },
    Defect {
        from: (27, 0),
        until: Some((27, 2)),
        effect: "no inline cache is written at all",
        source: "https://github.com/moby/buildkit/issues/5242",
    },
    Defect {
        from: (20, 10),
        until: None,
        effect: "a local image with the name of a cache is read in place of the registry, even when it is older; \
                 cachelang names caches by their digests, so that none is",
        source: "https://github.com/moby/moby/tree/master/daemon/internal/builder-next/adapters/localinlinecache",
    },
];

/// Of every BuildKit before 0.12, which Docker 25.0 brought.
const OF_OLD_BUILDKITS: &Defect = &Defect {
    from: (0, 0),
    until: None,
    effect: "a registry cache in the form of an image, which newer engines write, is read as an empty one",
    source: "https://github.com/moby/buildkit/pull/3724",
};

/// The defects that an engine has.
pub fn of(engine: &Engine) -> impl Iterator<Item = &'static Defect> {
    let old = (!engine.can(Feature::CacheAsImage)).then_some(OF_OLD_BUILDKITS);
    of_classic_store(engine).chain(old)
}

fn of_classic_store(engine: &Engine) -> impl Iterator<Item = &'static Defect> {
    let is_concerned = engine.kind == BuilderKind::Docker && engine.store == ImageStore::Graphdriver;
    let has = move |defect: &&Defect| {
        let is_later = |version: (u32, u32)| engine.is_at_least(version.0, version.1);
        is_concerned && is_later(defect.from) && !defect.until.is_some_and(is_later)
    };
    OF_CLASSIC_STORES.iter().filter(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(version: &str, store: ImageStore) -> usize {
        of(&Engine::new("unix:///x", BuilderKind::Docker, version, store)).count()
    }

    #[test]
    fn defects_depend_on_the_version_and_the_store() {
        assert_eq!(count("20.10.24", ImageStore::Graphdriver), 3);
        assert_eq!(count("26.1.5+dfsg1", ImageStore::Graphdriver), 2);
        assert_eq!(count("27.1.2", ImageStore::Graphdriver), 2);
        assert_eq!(count("28.5.2", ImageStore::Graphdriver), 1);
        assert_eq!(count("24.0.9", ImageStore::Containerd), 1);
        assert_eq!(count("28.5.2", ImageStore::Containerd), 0);
        let buildkitd =
            |version| of(&Engine::new("tcp://x", BuilderKind::Buildkit, version, ImageStore::None)).count();
        assert_eq!((buildkitd(""), buildkitd("v0.11.6"), buildkitd("v0.12.0")), (1, 1, 0));
    }
}
