//! Settings of Amazon ECR and of those who use it, each of a form that AWS would refuse late.

use indexmap::IndexMap;

use super::Lowering;
use super::settings::Rule;
use crate::check::program::{Attributes, Expr};
use crate::plan::{Identity, errors};

/// How many patterns a repository can have, and how many `*` one of them:
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html>
const MAX_MUTABLE_TAGS: usize = 5;
const MAX_STARS: usize = 2;
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-using-tags.html>
const MAX_RESOURCE_TAGS: usize = 50;

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageTagMutabilityExclusionFilter.html>
const MUTABLE_TAG: Rule = Rule {
    what: "a pattern for tags",
    is_fine: |_, text| {
        let fits = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '.' | '-' | '*');
        (1..=128).contains(&text.len()) && text.chars().all(fits)
    },
    help: "write letters, digits, `.`, `_`, `-`, and `*` for any text",
};

const STARS: Rule = Rule {
    what: "a pattern for tags in Amazon ECR",
    is_fine: |_, text| text.matches('*').count() <= MAX_STARS,
    help: "write at most two `*`",
};

const REGION: Rule = Rule {
    what: "an AWS region",
    is_fine: |_, text| {
        let parts: Vec<_> = text.split('-').collect();
        let letters = |part: &&str| !part.is_empty() && part.chars().all(|one| one.is_ascii_lowercase());
        match parts.as_slice() {
            [words @ .., number] => {
                words.len() >= 2 && words.iter().all(letters) && number.parse::<u8>().is_ok()
            }
            [] => false,
        }
    },
    help: "write it as AWS does: `\"eu-west-1\"`",
};

const ROLE: Rule = Rule {
    what: "the ARN of a role",
    is_fine: |_, text| {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        matches!(parts.as_slice(), ["arn", _, "iam", "", account, role]
            if account.len() == 12 && role.starts_with("role/"))
    },
    help: "write `\"arn:aws:iam::123456789012:role/NAME\"`",
};

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const EXTERNAL_ID: Rule = Rule {
    what: "an external ID",
    is_fine: |_, text| {
        let fits = |one: char| one.is_ascii_alphanumeric() || "_+=,.@:/-".contains(one);
        (2..=1224).contains(&text.len()) && text.chars().all(fits)
    },
    help: "write 2 to 1224 letters, digits and `_+=,.@:/-`",
};

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const SESSION_NAME: Rule = Rule {
    what: "the name of a session",
    is_fine: |_, text| {
        let fits = |one: char| one.is_ascii_alphanumeric() || "_+=,.@-".contains(one);
        (2..=64).contains(&text.len()) && text.chars().all(fits)
    },
    help: "write 2 to 64 letters, digits and `_+=,.@-`",
};

const API: Rule = Rule {
    what: "the address of an API",
    is_fine: |_, text| {
        let rest = text.strip_prefix("https://").or(text.strip_prefix("http://"));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
    },
    help: "write `\"https://…\"`",
};

/// An id, an alias or an ARN: <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_EncryptionConfiguration.html>
const KMS_KEY: Rule = Rule {
    what: "a KMS key",
    is_fine: |_, text| {
        let id =
            |text: &str| text.chars().all(|one| one.is_ascii_hexdigit() || one == '-') && text.len() >= 32;
        let key = text.strip_prefix("mrk-").unwrap_or(text);
        id(key)
            || text.strip_prefix("alias/").is_some_and(|name| !name.is_empty())
            || text.starts_with("arn:") && text.contains(":kms:")
    },
    help: "write the key's id, its `alias/…` or its ARN",
};

/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-using-tags.html>
const RESOURCE_TAG: Rule = Rule {
    what: "a tag of AWS",
    is_fine: |name, text| {
        let fits = |one: char| one.is_alphanumeric() || one == ' ' || "_.:/=+-@".contains(one);
        (1..=128).contains(&name.chars().count())
            && text.chars().count() <= 256
            && name.chars().chain(text.chars()).all(fits)
            && !name.to_ascii_lowercase().starts_with("aws:")
    },
    help: "write up to 128 characters for the name and 256 for the value: letters, digits, blanks and `_.:/=+-@`; \
           no name may start with `aws:`",
};

impl Lowering<'_> {
    pub(super) fn identity(&self, registry: &Attributes) -> Identity {
        Identity {
            profile: self.optional_string(registry.get("profile")),
            role: self.checked(registry.get("role"), &ROLE),
            external_id: self.checked(registry.get("external_id"), &EXTERNAL_ID),
            session_name: self.checked(registry.get("session_name"), &SESSION_NAME),
        }
    }

    pub(super) fn region(&self, expr: Option<&Expr>) -> Option<String> {
        self.checked(expr, &REGION)
    }

    pub(super) fn api(&self, expr: Option<&Expr>) -> Option<String> {
        self.checked(expr, &API)
    }

    pub(super) fn kms_key(&self, expr: Option<&Expr>) -> Option<String> {
        self.checked(expr, &KMS_KEY)
    }

    pub(super) fn mutable_tags(&self, expr: Option<&Expr>, ecr: bool) -> Vec<String> {
        let patterns = self.checked_list(expr, &MUTABLE_TAG);
        if let (true, Some(expr)) = (ecr, expr) {
            self.checked_list(Some(expr), &STARS);
            if patterns.len() > MAX_MUTABLE_TAGS {
                self.eval.report(errors::too_many(
                    "`mutable_tags`",
                    patterns.len(),
                    MAX_MUTABLE_TAGS,
                    expr.span,
                ));
            }
        }
        patterns
    }

    pub(super) fn resource_tags(&self, expr: Option<&Expr>) -> IndexMap<String, String> {
        let tags = self.checked_map(expr, &RESOURCE_TAG);
        if let (true, Some(expr)) = (tags.len() > MAX_RESOURCE_TAGS, expr) {
            self.eval.report(errors::too_many("`resource_tags`", tags.len(), MAX_RESOURCE_TAGS, expr.span));
        }
        tags
    }
}
