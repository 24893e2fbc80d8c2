//! With which credentials AWS is used, how often it is asked again, and for how long it is waited for.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use url::Url;

use crate::plan::{Identity, Partition};

/// How often a call is made at most. The pauses grow up to 0.5, 1, 2 and 4 seconds, each a random part of that, so that
/// many who were turned away together do not come back together.
pub(super) const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Credentials may take several calls: a role, a profile that assumes another, a program.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(90);

/// The name of a session if the file gives none: CloudTrail shows it.
const SESSION_NAME: &str = "cachelang";

/// The settings of a client that calls AWS as `identity`. `endpoint` is the address of the ECR API.
pub(super) async fn load(region: &str, identity: &Identity, endpoint: Option<&str>) -> SdkConfig {
    let region = Region::new(region.to_owned());
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_PAUSE);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region.clone())
        .retry_config(retries)
        .timeout_config(timeouts)
        .identity_cache(IdentityCache::lazy().load_timeout(CREDENTIALS_TIMEOUT).build());
    if let Some(profile) = &identity.profile {
        // A profile of the file wins over variables of the machine, as `--profile` does with the AWS tools.
        let machine = ProviderConfig::default().with_region(Some(region));
        let provider = ProfileFileCredentialsProvider::builder().configure(&machine).profile_name(profile);
        loader = loader.profile_name(profile).credentials_provider(provider.build());
    }
    // An address of AWS itself is that of ECR alone; an emulator speaks for STS too.
    if let Some(endpoint) = endpoint.filter(|endpoint| !is_of_aws(endpoint)) {
        loader = loader.endpoint_url(endpoint);
    }
    let config = loader.load().await;
    let Some(role) = &identity.role else { return config };
    let session = identity.session_name.as_deref().unwrap_or(SESSION_NAME);
    let mut role = AssumeRoleProvider::builder(role).configure(&config).session_name(session);
    if let Some(external_id) = &identity.external_id {
        role = role.external_id(external_id);
    }
    let provider = SharedCredentialsProvider::new(role.build().await);
    config.into_builder().credentials_provider(provider).build()
}

/// Whether an endpoint is one of AWS: a regional one or that of a VPC.
fn is_of_aws(endpoint: &str) -> bool {
    let url = Url::parse(endpoint).ok();
    url.as_ref().and_then(Url::host_str).is_some_and(Partition::has_host)
}

#[cfg(test)]
mod tests {
    use super::is_of_aws;

    #[test]
    fn endpoints_of_aws_are_told_from_emulators() {
        assert!(is_of_aws("https://vpce-0a-1b.api.ecr.eu-west-1.vpce.amazonaws.com"));
        assert!(is_of_aws("https://api.ecr.cn-north-1.amazonaws.com.cn"));
        assert!(!is_of_aws("http://127.0.0.1:5001"));
        assert!(!is_of_aws("https://amazonaws.com.example.com"));
    }
}
