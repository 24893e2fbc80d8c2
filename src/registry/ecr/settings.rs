//! The settings of a repository: what the file wants, what the registry has, and where they differ.

use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability,
    ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType, Repository as Described,
};
use indexmap::{IndexMap, IndexSet};

use super::lifecycle::Policy;
use crate::host::TagRules;
use crate::plan::Repository;

/// Settings as far as they are wanted, or were found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Settings {
    pub(super) tags: Option<TagRules>,
    pub(super) scan_on_push: Option<bool>,
    pub(super) encryption: Option<Encryption>,
    pub(super) lifecycle: Option<Policy>,
    pub(super) resource_tags: IndexMap<String, String>,
}

/// With what the images are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Encryption {
    /// A key of Amazon S3.
    Aes256,
    /// A key of AWS KMS: its id, alias or ARN.
    Kms(String),
}

/// A setting that is not as it is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    pub(super) change: Change,
    /// In the words of the language.
    pub(super) found: String,
}

/// What would make it as it is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    Tags(TagRules),
    ScanOnPush(bool),
    Lifecycle(Policy),
    /// A name and its value.
    ResourceTag(String, String),
    /// It is decided when a repository is made, and never again.
    Encryption(Encryption),
}

impl Settings {
    /// What the file says; the rest may be as the registry has it.
    pub(super) fn wanted(repository: &Repository) -> Self {
        Self {
            tags: repository.immutable.map(|_| TagRules::of(repository)),
            scan_on_push: repository.scan_on_push,
            encryption: repository.kms_key.clone().map(Encryption::Kms),
            lifecycle: repository.lifecycle.as_ref().and_then(Policy::wanted),
            resource_tags: repository.resource_tags.clone(),
        }
    }

    /// What the description of a repository tells: all but its lifecycle policy and its tags.
    pub(super) fn described(repository: &Described) -> Self {
        let scanning = repository.image_scanning_configuration();
        Self {
            tags: Some(tag_rules(repository)),
            scan_on_push: Some(scanning.is_some_and(ImageScanningConfiguration::scan_on_push)),
            encryption: Some(encryption(repository.encryption_configuration())),
            ..Self::default()
        }
    }

    /// Whether nothing is wanted.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Where `found` is not as these settings want it.
    pub(super) fn differences(&self, found: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut differs = |change: Change, found: String| differences.push(Difference { change, found });
        if let (Some(wanted), Some(found)) = (&self.tags, &found.tags)
            && !is_same_rule(wanted, found)
        {
            differs(Change::Tags(wanted.clone()), rule_words(found));
        }
        if let (Some(wanted), Some(found)) = (self.scan_on_push, found.scan_on_push)
            && wanted != found
        {
            differs(Change::ScanOnPush(wanted), found.to_string());
        }
        if let (Some(wanted), Some(found)) = (&self.encryption, &found.encryption)
            && !wanted.may_be(found)
        {
            differs(Change::Encryption(wanted.clone()), found.words());
        }
        if let Some(wanted) = &self.lifecycle {
            let found = found.lifecycle.clone().unwrap_or_default();
            if *wanted != found {
                differs(Change::Lifecycle(wanted.clone()), found.words());
            }
        }
        for (name, wanted) in &self.resource_tags {
            let found = found.resource_tags.get(name);
            if found != Some(wanted) {
                let found = found.map_or_else(|| "not set".to_owned(), |found| format!("{found:?}"));
                differs(Change::ResourceTag(name.clone(), wanted.clone()), found);
            }
        }
        differences
    }
}

impl Change {
    /// The attribute of the `repository` item.
    pub(super) fn setting(&self) -> String {
        match self {
            Change::Tags(_) => "immutable".to_owned(),
            Change::ScanOnPush(_) => "scan_on_push".to_owned(),
            Change::Lifecycle(_) => "lifecycle".to_owned(),
            Change::ResourceTag(name, _) => format!("resource_tags[{name:?}]"),
            Change::Encryption(_) => "kms_key".to_owned(),
        }
    }

    /// What is wanted, in the words of the language.
    pub(super) fn wanted(&self) -> String {
        match self {
            Change::Tags(rules) => rule_words(rules),
            Change::ScanOnPush(scan) => scan.to_string(),
            Change::Lifecycle(policy) => policy.words(),
            Change::ResourceTag(_, value) => format!("{value:?}"),
            Change::Encryption(encryption) => encryption.words(),
        }
    }
}

impl Encryption {
    /// Whether a repository that is encrypted with `found` is as wanted. The registry names keys by their ARN: which
    /// key an alias stands for is not asked.
    fn may_be(&self, found: &Self) -> bool {
        let (Encryption::Kms(wanted), Encryption::Kms(found)) = (self, found) else { return self == found };
        let is_alias = wanted.starts_with("alias/") || wanted.contains(":alias/");
        is_alias || wanted == found || found.rsplit_once(":key/").is_some_and(|(_, id)| id == wanted)
    }

    fn words(&self) -> String {
        match self {
            Encryption::Aes256 => "not set".to_owned(),
            Encryption::Kms(key) => format!("{key:?}"),
        }
    }

    pub(super) fn configuration(&self) -> Option<EncryptionConfiguration> {
        let Encryption::Kms(key) = self else { return None };
        EncryptionConfiguration::builder().encryption_type(EncryptionType::Kms).kms_key(key).build().ok()
    }
}

fn encryption(found: Option<&EncryptionConfiguration>) -> Encryption {
    match found.map(|found| (found.encryption_type(), found.kms_key())) {
        Some((EncryptionType::Kms | EncryptionType::KmsDsse, key)) => {
            Encryption::Kms(key.unwrap_or("the key of AWS for ECR").to_owned())
        }
        _ => Encryption::Aes256,
    }
}

/// Which tags can be pushed once only, as the API says it.
pub(super) fn tag_rules(repository: &Described) -> TagRules {
    let filters = repository.image_tag_mutability_exclusion_filters().iter();
    let fixed = matches!(
        repository.image_tag_mutability(),
        Some(ImageTagMutability::Immutable | ImageTagMutability::ImmutableWithExclusion)
    );
    TagRules { fixed, except: filters.map(|filter| filter.filter().to_owned()).collect() }
}

/// The same as the API wants to be told.
pub(super) fn mutability(
    rules: &TagRules,
) -> (ImageTagMutability, Option<Vec<ImageTagMutabilityExclusionFilter>>) {
    let filters = rules.except.iter().filter_map(|pattern| {
        let wildcard = ImageTagMutabilityExclusionFilterType::Wildcard;
        ImageTagMutabilityExclusionFilter::builder().filter_type(wildcard).filter(pattern).build().ok()
    });
    let filters: Vec<_> = filters.collect();
    let mutability = match (rules.fixed, filters.is_empty()) {
        (true, true) => ImageTagMutability::Immutable,
        (true, false) => ImageTagMutability::ImmutableWithExclusion,
        (false, true) => ImageTagMutability::Mutable,
        (false, false) => ImageTagMutability::MutableWithExclusion,
    };
    (mutability, (!filters.is_empty()).then_some(filters))
}

fn is_same_rule(one: &TagRules, other: &TagRules) -> bool {
    let except = |rules: &TagRules| rules.except.iter().cloned().collect::<IndexSet<_>>();
    one.fixed == other.fixed && except(one) == except(other)
}

fn rule_words(rules: &TagRules) -> String {
    let TagRules { fixed, except } = rules;
    let except: Vec<_> = except.iter().map(|pattern| format!("{pattern:?}")).collect();
    if except.is_empty() { fixed.to_string() } else { format!("{fixed} except for {}", except.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(fixed: bool, except: &[&str]) -> TagRules {
        TagRules { fixed, except: except.iter().map(|pattern| (*pattern).to_owned()).collect() }
    }

    fn texts(wanted: &Settings, found: &Settings) -> Vec<(String, String, String)> {
        let differences = wanted.differences(found).into_iter();
        differences.map(|one| (one.change.setting(), one.found, one.change.wanted())).collect()
    }

    fn text(setting: &str, found: &str, wanted: &str) -> (String, String, String) {
        (setting.to_owned(), found.to_owned(), wanted.to_owned())
    }

    #[test]
    fn what_is_not_wanted_may_be_as_it_is() {
        let found = Settings {
            tags: Some(rules(true, &["latest"])),
            scan_on_push: Some(true),
            encryption: Some(Encryption::Kms("arn:aws:kms:eu-west-1:1:key/k".to_owned())),
            lifecycle: Some(Policy::parse("{}")),
            resource_tags: IndexMap::from([("team".to_owned(), "a".to_owned())]),
        };
        assert!(Settings::default().differences(&found).is_empty());
        assert!(Settings::default().is_empty() && !found.is_empty());
        assert!(found.differences(&found).is_empty());
    }

    #[test]
    fn differences_are_told_in_the_words_of_the_language() {
        let wanted = Settings {
            tags: Some(rules(true, &["latest", "cache-*"])),
            scan_on_push: Some(true),
            encryption: Some(Encryption::Kms("alias/images".to_owned())),
            lifecycle: Policy::wanted(&crate::plan::Lifecycle { keep_last: Some(50), ..Default::default() }),
            resource_tags: IndexMap::from([("team".to_owned(), "a".to_owned())]),
        };
        let found = Settings {
            tags: Some(rules(false, &[])),
            scan_on_push: Some(false),
            encryption: Some(Encryption::Aes256),
            ..Settings::default()
        };
        assert_eq!(
            texts(&wanted, &found),
            [
                text("immutable", "false", "true except for \"latest\", \"cache-*\""),
                text("scan_on_push", "false", "true"),
                text("kms_key", "not set", "\"alias/images\""),
                text("lifecycle", "not set", "{ keep_last = 50 }"),
                text("resource_tags[\"team\"]", "not set", "\"a\""),
            ]
        );
    }

    #[test]
    fn patterns_have_no_order_and_keys_several_names() {
        assert!(is_same_rule(&rules(true, &["a", "b"]), &rules(true, &["b", "a"])));
        assert!(!is_same_rule(&rules(true, &["a"]), &rules(false, &["a"])));
        let key = |text: &str| Encryption::Kms(text.to_owned());
        let found = key("arn:aws:kms:eu-west-1:123456789012:key/1234");
        for (wanted, fits) in [("1234", true), ("alias/x", true), ("123", false)] {
            assert_eq!(key(wanted).may_be(&found), fits, "{wanted}");
        }
        assert!(found.may_be(&found) && !key("alias/x").may_be(&Encryption::Aes256));
    }

    #[test]
    fn rules_come_back_as_they_were_sent() {
        for rules in
            [rules(true, &[]), rules(true, &["latest", "cache-*"]), rules(false, &[]), rules(false, &["v*"])]
        {
            let (mutability, filters) = mutability(&rules);
            let described = Described::builder()
                .image_tag_mutability(mutability)
                .set_image_tag_mutability_exclusion_filters(filters)
                .build();
            assert_eq!(tag_rules(&described), rules);
        }
    }
}
