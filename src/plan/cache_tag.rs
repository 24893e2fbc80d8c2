//! The tag that an image without a `cache` block keeps its cache under.

use sha2::{Digest, Sha256};

use super::functions::slug;
use super::outside::hex;
use super::rules::MAX_TAG;

/// How many characters of a hash tell two tags apart.
const HASH: usize = 8;

/// `cache-worker-api` of `worker["api"]`.
///
/// No two members have the same tag, and a tag depends on nothing but its member: it stays when others are added. So
/// keys that cannot be read back from the tag leave a hash of themselves in it, behind a `--`, which no slug has.
pub(super) fn cache_tag(image: &str, keys: &[&str]) -> String {
    // With several keys, a `-` of their own would hide where one of them ends.
    let is_plain =
        |key: &&str| !key.is_empty() && slug(key) == **key && (keys.len() == 1 || !key.contains('-'));
    let slugs = keys.iter().map(|key| slug(key)).filter(|slug| !slug.is_empty());
    let tag = [format!("cache-{image}")].into_iter().chain(slugs).collect::<Vec<_>>().join("-");
    if keys.iter().all(is_plain) && tag.len() <= MAX_TAG {
        return tag;
    }
    let mut hash = Sha256::new();
    for part in [&image].into_iter().chain(keys) {
        // The lengths keep `ab` + `c` and `a` + `bc` apart.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let (hash, room) = (hex(&hash.finalize()), MAX_TAG - HASH - 2);
    // All characters are ASCII, so each is a byte.
    format!("{:.room$}--{:.HASH$}", tag, hash)
}

/// The tag by which a stage comes to the repository of a cache tag: `cache-api--stage-builder`. What stands behind the
/// `--` of a cache tag is eight digits of a hash, so it is none of an image.
pub fn stage_tag(cache_tag: &str, stage: &str) -> String {
    let tag = format!("{cache_tag}--stage-{}", slug(stage));
    if slug(stage) == stage && tag.len() <= MAX_TAG {
        return tag;
    }
    let mut hash = Sha256::new();
    for part in [cache_tag, stage] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let (hash, room) = (hex(&hash.finalize()), MAX_TAG - HASH - 9);
    format!("{cache_tag:.room$}--stage--{hash:.HASH$}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{cache_tag, stage_tag};
    use crate::plan::rules::tag_problem;

    #[test]
    fn plain_keys_are_readable() {
        assert_eq!(cache_tag("api", &[]), "cache-api");
        assert_eq!(cache_tag("worker", &["my-api"]), "cache-worker-my-api");
        assert_eq!(cache_tag("service", &["api", "arm64"]), "cache-service-api-arm64");
    }

    #[test]
    fn other_keys_leave_a_hash() {
        // These stay as they are: another tag is a lost cache.
        assert_eq!(cache_tag("worker", &["API"]), "cache-worker-api--7a27611f");
        assert_eq!(cache_tag("b", &["é"]), "cache-b--d55e56d0");
        assert_eq!(cache_tag("a", &["a-b", "c"]), "cache-a-a-b-c--39f9965d");
    }

    #[test]
    fn no_two_members_share_a_tag() {
        let long = "x".repeat(200);
        let longer = "x".repeat(201);
        let keys: [&[&str]; 13] = [
            &["a-b", "c"],
            &["a", "b-c"],
            &["API"],
            &["api"],
            &["a.b"],
            &["a/b"],
            &["a b"],
            &["a--b"],
            &["a-b"],
            &[""],
            &["-"],
            &[&long],
            &[&longer],
        ];
        let tags: HashSet<_> = keys.iter().map(|keys| cache_tag("a", keys)).collect();
        assert_eq!(tags.len(), keys.len(), "{tags:?}");
        assert_ne!(cache_tag(&long, &[]), cache_tag(&longer, &[]));
        for tag in tags.into_iter().chain([cache_tag(&long, &[]), cache_tag("a", &[&long, "b"])]) {
            assert_eq!(tag_problem(&tag), None, "{tag}");
        }
    }

    #[test]
    fn stages_have_tags_of_their_own() {
        assert_eq!(stage_tag("cache-api", "builder"), "cache-api--stage-builder");
        let long = "x".repeat(120);
        let tags = [("cache-a", "b__c"), ("cache-a", "b--c"), (&long, "b"), (&long, "c"), ("cache-a", &long)];
        let tags: HashSet<_> = tags.iter().map(|(tag, stage)| stage_tag(tag, stage)).collect();
        assert_eq!(tags.len(), 5, "{tags:?}");
        assert!(tags.iter().all(|tag| tag_problem(tag).is_none()), "{tags:?}");
    }
}
