//! The services of this machine that keep caches: what the variables of a CI job say of them.

use std::fmt;

use crate::environment::Environment;

/// How caches outside of registries are reached from this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheServices {
    /// `None`: this is no job of GitHub Actions, or its variables are not handed on.
    pub gha: Option<GhaService>,
    /// `None`: builders use their own.
    pub aws: Option<AwsLogin>,
}

/// The cache service of a job of GitHub Actions. `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq)]
pub struct GhaService {
    /// Where its first version is.
    pub url: Option<String>,
    /// Where its second version is.
    pub url_v2: Option<String>,
    /// What the job shows to be let in.
    pub token: String,
}

/// A key for AWS. `Debug` does not show the secret parts.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsLogin {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

impl CacheServices {
    /// Reads the variables that GitHub Actions and the AWS tools use.
    pub fn of_machine(environment: &dyn Environment) -> Self {
        Self { gha: gha(environment), aws: aws(environment) }
    }
}

/// As the official client of the service reads them:
/// <https://github.com/actions/toolkit/blob/main/packages/cache/src/internal/config.ts>
fn gha(environment: &dyn Environment) -> Option<GhaService> {
    let var = |name| environment.var(name);
    let token = var("ACTIONS_RUNTIME_TOKEN")?;
    let is_v2 =
        var("ACTIONS_CACHE_SERVICE_V2").is_some_and(|value| !matches!(&*value, "0" | "false" | "False"));
    let url_v2 = is_v2.then(|| var("ACTIONS_RESULTS_URL")).flatten();
    let url = var("ACTIONS_CACHE_URL");
    (url.is_some() || url_v2.is_some()).then_some(GhaService { url, url_v2, token })
}

fn aws(environment: &dyn Environment) -> Option<AwsLogin> {
    let var = |name| environment.var(name);
    Some(AwsLogin {
        access_key_id: var("AWS_ACCESS_KEY_ID")?,
        secret_access_key: var("AWS_SECRET_ACCESS_KEY")?,
        session_token: var("AWS_SESSION_TOKEN"),
    })
}

impl fmt::Debug for GhaService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, url_v2, token: _ } = self;
        f.debug_struct("GhaService").field("url", url).field("url_v2", url_v2).field("token", &"***").finish()
    }
}

impl fmt::Debug for AwsLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.access_key_id;
        f.debug_struct("AwsLogin").field("access_key_id", id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::environment::PathKind;

    struct Variables(&'static [(&'static str, &'static str)]);

    impl Environment for Variables {
        fn now(&self) -> std::time::SystemTime {
            std::time::SystemTime::UNIX_EPOCH
        }

        fn var(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        }

        fn path_kind(&self, _: &Path) -> Option<PathKind> {
            None
        }
    }

    fn gha_of(
        variables: &'static [(&'static str, &'static str)],
    ) -> Option<(Option<String>, Option<String>)> {
        let found = CacheServices::of_machine(&Variables(variables)).gha?;
        assert_eq!(found.token, "t0ken");
        Some((found.url, found.url_v2))
    }

    #[test]
    fn a_job_says_which_version_of_the_service_it_has() {
        let one = || Some("https://one/".to_owned());
        let two = || Some("https://two/".to_owned());
        assert_eq!(
            gha_of(&[("ACTIONS_RUNTIME_TOKEN", "t0ken"), ("ACTIONS_CACHE_URL", "https://one/")]),
            Some((one(), None))
        );
        assert_eq!(
            gha_of(&[
                ("ACTIONS_RUNTIME_TOKEN", "t0ken"),
                ("ACTIONS_CACHE_SERVICE_V2", "True"),
                ("ACTIONS_RESULTS_URL", "https://two/")
            ]),
            Some((None, two()))
        );
        // Every job has the last one; it is not the place of the first version.
        assert_eq!(
            gha_of(&[("ACTIONS_RUNTIME_TOKEN", "t0ken"), ("ACTIONS_RESULTS_URL", "https://two/")]),
            None
        );
        assert_eq!(gha_of(&[("ACTIONS_CACHE_URL", "https://one/")]), None);
    }

    #[test]
    fn keys_are_not_shown() {
        let services = CacheServices::of_machine(&Variables(&[
            ("ACTIONS_RUNTIME_TOKEN", "t0ken"),
            ("ACTIONS_CACHE_URL", "https://one/"),
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("AWS_SESSION_TOKEN", "se55ion"),
        ]));
        let shown = format!("{services:?}");
        for secret in ["t0ken", "hunter2", "se55ion"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("AKIA"));
    }
}
