//! What went wrong with a call of AWS, and what to do about it.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

use super::config::ATTEMPTS;
use crate::host::{RegistryError, root_cause};
use crate::iam::Statement;
use crate::plan::{Identity, Registry, RegistryKind};

/// What AWS calls an action that is not allowed; services differ.
const DENIED: &[&str] = &["AccessDeniedException", "AccessDenied", "UnauthorizedOperation"];

/// The error of a call, such as `ecr:CreateRepository`, which is also the name of the IAM action. `resource` is an ARN,
/// or `*`.
pub(super) fn failed<E>(
    registry: &Registry,
    call: &'static str,
    resource: &str,
    error: &SdkError<E>,
) -> RegistryError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    // The role is assumed before the call.
    let failure = match (find::<SdkError<AssumeRoleError>>(error), role(registry)) {
        (Some(error), Some(role)) => Failure::of(registry, "sts:AssumeRole", role, error),
        _ => Failure::of(registry, call, resource, error),
    };
    failure.into_error()
}

/// An answer that is not one of AWS.
pub(super) fn malformed(registry: &Registry, call: &'static str, cause: &str) -> RegistryError {
    RegistryError::Aws { call, cause: cause.to_owned(), help: settings_help(registry) }
}

/// Whether the credentials may not do what was asked.
pub(super) fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.code().is_some_and(|code| DENIED.contains(&code))
}

/// A call that was refused, or not answered.
struct Failure<'a> {
    registry: &'a Registry,
    call: &'static str,
    resource: &'a str,
    /// The service's own name for it.
    code: Option<String>,
    message: Option<String>,
    /// What is behind a call without an answer.
    root: String,
    /// There was nothing to sign the call with.
    has_no_credentials: bool,
}

impl<'a> Failure<'a> {
    fn of<E>(registry: &'a Registry, call: &'static str, resource: &'a str, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let root = root_cause(error);
        let (code, message) = (error.code().map(str::to_owned), error.message().map(str::to_owned));
        let has_no_credentials =
            matches!(find::<CredentialsError>(error), Some(CredentialsError::CredentialsNotLoaded(_)));
        Self { registry, call, resource, code, message, root, has_no_credentials }
    }

    fn into_error(self) -> RegistryError {
        let cause = match (&self.code, &self.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            // The whole text lists every place that was looked at, with the reason why there is nothing.
            _ if self.has_no_credentials => match profile(self.registry) {
                Some(profile) => format!("the AWS configuration has no profile `{profile}` with credentials"),
                None => "no AWS credentials were found".to_owned(),
            },
            _ => self.root.clone(),
        };
        RegistryError::Aws { call: self.call, cause, help: self.help() }
    }

    fn help(&self) -> String {
        let item = &self.registry.name;
        match self.code.as_deref() {
            Some(code) if DENIED.contains(&code) => self.denied_help(),
            Some("ExpiredTokenException" | "ExpiredToken" | "RequestExpired") => {
                "these credentials have expired: get new ones, for example with `aws sso login`, or start the job again"
                    .to_owned()
            }
            Some("UnrecognizedClientException" | "InvalidClientTokenId") => format!(
                "AWS does not know this access key: check the credentials of this machine and the `region` of \
                 `registry {item}`; one that is off by default must be enabled for the account"
            ),
            Some("InvalidSignatureException" | "SignatureDoesNotMatch" | "IncompleteSignature") => {
                "check the secret access key, and the clock of this machine".to_owned()
            }
            Some("ThrottlingException" | "TooManyRequestsException" | "RequestLimitExceeded") => {
                format!("AWS was busy {ATTEMPTS} times in a row: run it again later")
            }
            Some("ServerException" | "InternalFailure" | "ServiceUnavailable") => {
                format!("AWS failed {ATTEMPTS} times in a row: run it again later")
            }
            Some("KmsException") => {
                "check `kms_key` of the `repository` item: the key must be enabled, and in the same region".to_owned()
            }
            Some("LimitExceededException" | "TooManyTagsException") => {
                "ask AWS for a higher quota, or delete what is not needed".to_owned()
            }
            None if self.has_no_credentials && profile(self.registry).is_some() => format!(
                "add the profile to ~/.aws/config, or to the file of AWS_CONFIG_FILE; or leave `profile` of `registry \
                 {item}` out, where the machine has credentials of its own"
            ),
            None if self.has_no_credentials => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, log in with `aws sso login`, or give this machine \
                 a role"
                    .to_owned()
            }
            _ => settings_help(self.registry),
        }
    }

    /// With the statement that would allow the call.
    fn denied_help(&self) -> String {
        let message = self.message.as_deref().unwrap_or_default();
        if let Some((_, policy)) = message.split_once("explicit deny in ") {
            let policy = policy.trim_end_matches('.');
            return format!("{policy} denies it, and no other policy can allow it: change that one");
        }
        // The message may be about an action that goes with the call, such as `ecr:TagResource`.
        let action = word_after(message, "not authorized to perform: ").unwrap_or(self.call);
        let resource = word_after(message, "on resource: ").unwrap_or(self.resource);
        let statement = Statement::allow(&[action], resource).to_json();
        if self.call == "sts:AssumeRole" {
            return format!(
                "both must hold: the trust policy of the role names these credentials, with the external ID if it asks \
                 for one, and their own policy has {statement}"
            );
        }
        let foreign = caller_account(message).filter(|caller| Some(*caller) != account(self.registry));
        let Some((caller, account)) = foreign.zip(account(self.registry)) else {
            return format!("add this to the policy of these credentials: {statement}");
        };
        format!(
            "these credentials are of account {caller}, and the registry is of account {account}: give `registry {}` \
             a `role` or a `profile` of {account}. Or let the policy of the repository name account {caller}, and add \
             this to that of the credentials: {statement}",
            self.registry.name
        )
    }
}

fn settings_help(registry: &Registry) -> String {
    format!(
        "check the AWS credentials of this machine, and `account`, `region` and `endpoint` of `registry {}`",
        registry.name
    )
}

fn identity(registry: &Registry) -> Option<&Identity> {
    match &registry.kind {
        RegistryKind::Ecr { identity, .. } | RegistryKind::EcrPublic { identity } => Some(identity),
        RegistryKind::Oci { .. } => None,
    }
}

fn role(registry: &Registry) -> Option<&str> {
    identity(registry)?.role.as_deref()
}

fn profile(registry: &Registry) -> Option<&str> {
    identity(registry)?.profile.as_deref()
}

fn account(registry: &Registry) -> Option<&str> {
    match &registry.kind {
        RegistryKind::Ecr { account, .. } => Some(account),
        RegistryKind::EcrPublic { .. } | RegistryKind::Oci { .. } => None,
    }
}

/// The account in `User: arn:aws:sts::123456789012:assumed-role/…`.
fn caller_account(message: &str) -> Option<&str> {
    word_after(message, "User: arn:")?.split(':').nth(3).filter(|account| account.len() == 12)
}

fn word_after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_whitespace().next()
}

/// An error of a type among the causes of another.
fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
