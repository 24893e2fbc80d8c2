//! The variables in which CI services say what they build.

use super::{Fact, GitFact};

/// How a variable's value is taken.
enum Form {
    /// Only if it is the id of a commit: some services write `HEAD` or the version of an archive.
    Id,
    AsIs,
    /// What follows the text, if the value starts with it.
    After(&'static str),
    /// The value without the text in front of it, if it is there.
    Without(&'static str),
    /// If another variable has this value.
    When(&'static str, &'static str),
    /// Unless another variable is set.
    Unless(&'static str),
}

/// What each variable says; the first of a fact that applies counts. Services that set no variable of another one may
/// stand in any order.
const VARIABLES: &[(GitFact, &str, Form)] = &[
    // AWS CodeBuild: https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
    (GitFact::Commit, "CODEBUILD_RESOLVED_SOURCE_VERSION", Form::Id),
    (GitFact::Branch, "CODEBUILD_WEBHOOK_HEAD_REF", Form::After("refs/heads/")),
    (GitFact::Branch, "CODEBUILD_WEBHOOK_TRIGGER", Form::After("branch/")),
    (GitFact::Tag, "CODEBUILD_WEBHOOK_HEAD_REF", Form::After("refs/tags/")),
    (GitFact::Tag, "CODEBUILD_WEBHOOK_TRIGGER", Form::After("tag/")),
    // GitHub Actions: https://docs.github.com/en/actions/reference/workflows-and-actions/variables
    (GitFact::Commit, "GITHUB_SHA", Form::Id),
    // The name of a pull request's reference is `12/merge`; its branch is in this one.
    (GitFact::Branch, "GITHUB_HEAD_REF", Form::AsIs),
    (GitFact::Branch, "GITHUB_REF_NAME", Form::When("GITHUB_REF_TYPE", "branch")),
    (GitFact::Tag, "GITHUB_REF_NAME", Form::When("GITHUB_REF_TYPE", "tag")),
    // GitLab: https://docs.gitlab.com/ci/variables/predefined_variables/
    (GitFact::Commit, "CI_COMMIT_SHA", Form::Id),
    (GitFact::Branch, "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", Form::AsIs),
    (GitFact::Branch, "CI_COMMIT_BRANCH", Form::AsIs),
    (GitFact::Tag, "CI_COMMIT_TAG", Form::AsIs),
    // CircleCI: https://circleci.com/docs/reference/variables/
    (GitFact::Commit, "CIRCLE_SHA1", Form::Id),
    (GitFact::Branch, "CIRCLE_BRANCH", Form::AsIs),
    (GitFact::Tag, "CIRCLE_TAG", Form::AsIs),
    // Buildkite: https://buildkite.com/docs/pipelines/configure/environment-variables
    (GitFact::Commit, "BUILDKITE_COMMIT", Form::Id),
    // For a tag this is its name.
    (GitFact::Branch, "BUILDKITE_BRANCH", Form::Unless("BUILDKITE_TAG")),
    (GitFact::Tag, "BUILDKITE_TAG", Form::AsIs),
    // Bitbucket: https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/
    (GitFact::Commit, "BITBUCKET_COMMIT", Form::Id),
    (GitFact::Branch, "BITBUCKET_BRANCH", Form::AsIs),
    (GitFact::Tag, "BITBUCKET_TAG", Form::AsIs),
    // Jenkins and its Git and multibranch plugins, last because their names are not theirs alone:
    // https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables
    (GitFact::Commit, "GIT_COMMIT", Form::Id),
    // Of a pull request the branch is `PR-12`, and its own branch is in this one.
    (GitFact::Branch, "CHANGE_BRANCH", Form::AsIs),
    (GitFact::Branch, "BRANCH_NAME", Form::Unless("TAG_NAME")),
    (GitFact::Branch, "GIT_BRANCH", Form::Without("origin/")),
    (GitFact::Tag, "TAG_NAME", Form::AsIs),
];

/// What the CI says, if anything. No service says whether files were changed, or a remote without credentials.
pub(super) fn fact(fact: GitFact, var: &dyn Fn(&str) -> Option<String>) -> Option<Fact> {
    let wanted = if fact == GitFact::Short { GitFact::Commit } else { fact };
    VARIABLES.iter().filter(|(fact, ..)| *fact == wanted).find_map(|(_, name, form)| {
        let value = form.take(var(name)?, var).filter(|value| !value.is_empty())?;
        Some(Fact { value, source: (*name).to_owned() })
    })
}

impl Form {
    fn take(&self, value: String, var: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        match self {
            Form::Id => is_id(&value).then_some(value),
            Form::AsIs => Some(value),
            Form::After(start) => value.strip_prefix(start).map(str::to_owned),
            Form::Without(start) => Some(value.strip_prefix(start).unwrap_or(&value).to_owned()),
            Form::When(other, wanted) => (var(other).as_deref() == Some(wanted)).then_some(value),
            Form::Unless(other) => var(other).is_none().then_some(value),
        }
    }
}

/// SHA-1 or SHA-256.
fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
