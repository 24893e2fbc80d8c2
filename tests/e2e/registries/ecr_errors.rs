//! What is said when AWS refuses, and how often it is asked.

use std::time::{Duration, Instant};

use cachelang::host::{Registry as _, RegistryError};
use cachelang::registry::Registries;
use tokio::runtime::Runtime;

use super::aws::{Aws, plan_of, registry};
use crate::harness::{Project, unique};

const ROLE: &str = "arn:aws:iam::123456789012:role/push";

/// Why a repository with these settings could not be prepared.
#[track_caller]
fn failure(aws: &Aws, more: &str, settings: &str) -> RegistryError {
    let text = registry(aws, more)
        + &format!("repository app {{ registry = main, name = \"team/app\", {settings} }}\n");
    let plan = plan_of(&text);
    let prepare = async { Registries::new().prepare(&plan.registries[0], &plan.repositories[0]).await };
    let prepared = Runtime::new().expect("threads can be started").block_on(prepare);
    prepared.expect_err("AWS has refused")
}

#[track_caller]
fn says(error: &RegistryError, message: &str, help: &str) {
    assert_eq!(error.to_string(), message);
    assert_eq!(error.help().as_deref(), Some(help));
}

#[test]
fn a_call_that_is_not_allowed_comes_with_the_statement_that_allows_it() {
    let aws = Aws::start();
    aws.fail("DescribeRepositories", 1, 400, "RepositoryNotFoundException", "no");
    let message = "User: arn:aws:sts::123456789012:assumed-role/ci/job is not authorized to perform: \
        ecr:CreateRepository on resource: arn:aws:ecr:eu-west-1:123456789012:repository/team/app because no \
        identity-based policy allows the ecr:CreateRepository action";
    aws.fail("CreateRepository", 1, 400, "AccessDeniedException", message);
    let error = failure(&aws, "", "create = true");
    says(
        &error,
        &format!("ecr:CreateRepository failed (AccessDeniedException: {message})"),
        r#"add this to the policy of these credentials: {"Effect":"Allow","Action":["ecr:CreateRepository"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/team/app"]}"#,
    );
    assert_eq!(aws.requests("CreateRepository").len(), 1, "what is final is not tried again");
}

#[test]
fn the_message_may_be_about_an_action_that_goes_with_the_call() {
    let aws = Aws::start();
    aws.fail("DescribeRepositories", 1, 400, "RepositoryNotFoundException", "no");
    let message = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ecr:TagResource";
    aws.fail("CreateRepository", 1, 400, "AccessDeniedException", message);
    let error = failure(&aws, "", "create = true, resource_tags = { team = \"a\" }");
    let help = error.help().expect("there is help");
    assert!(help.contains(r#""Action":["ecr:TagResource"]"#), "{help}");
    assert!(help.contains("arn:aws:ecr:eu-west-1:123456789012:repository/team/app"), "{help}");
}

#[test]
fn credentials_of_another_account_are_named() {
    let aws = Aws::start();
    let message = "User: arn:aws:iam::210987654321:user/ci is not authorized to perform: ecr:DescribeRepositories \
        on resource: arn:aws:ecr:eu-west-1:123456789012:repository/team/app";
    aws.fail("DescribeRepositories", 1, 400, "AccessDeniedException", message);
    let help = failure(&aws, "", "immutable = true").help().expect("there is help");
    let start = "these credentials are of account 210987654321, and the registry is of account 123456789012: give \
        `registry main` a `role` or a `profile` of 123456789012.";
    assert!(help.starts_with(start), "{help}");
}

#[test]
fn a_policy_that_denies_is_named() {
    let aws = Aws::start();
    let message = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ecr:DescribeRepositories \
        on resource: x with an explicit deny in a service control policy";
    aws.fail("DescribeRepositories", 1, 400, "AccessDeniedException", message);
    let help = failure(&aws, "", "create = true").help();
    let expected = "a service control policy denies it, and no other policy can allow it: change that one";
    assert_eq!(help.as_deref(), Some(expected));
}

/// Who may only push and pull can do so, where the file says no more than the name.
#[test]
fn who_must_not_look_can_still_push() {
    let aws = Aws::start();
    aws.fail("DescribeRepositories", 1, 400, "AccessDeniedException", "no");
    let plan = plan_of(&(registry(&aws, "") + "repository app { registry = main }\n"));
    let prepare = async { Registries::new().prepare(&plan.registries[0], &plan.repositories[0]).await };
    let state =
        Runtime::new().expect("threads can be started").block_on(prepare).expect("nothing was needed");
    assert!(state.tags.is_none(), "what is not known is not claimed");
}

#[test]
fn a_repository_that_is_missing_is_named_with_its_place() {
    let aws = Aws::start();
    let error = failure(&aws, "", "scan_on_push = true");
    says(
        &error,
        "there is no repository `team/app` in account 123456789012, region eu-west-1",
        "create it, or write `create = true` in `repository app`; if it is elsewhere, correct `account` and `region` \
         of `registry main`",
    );
    assert_eq!(aws.changes(), [""; 0]);
}

#[test]
fn a_busy_api_is_asked_again() {
    let aws = Aws::start();
    let name = unique("busy");
    aws.fail("DescribeRepositories", 2, 400, "ThrottlingException", "Rate exceeded");
    aws.fail("CreateRepository", 1, 500, "ServerException", "oops");
    let text = registry(&aws, "")
        + &format!("repository app {{ registry = main, name = {name:?}, create = true }}\n");
    let plan = plan_of(&text);
    let prepare = async { Registries::new().prepare(&plan.registries[0], &plan.repositories[0]).await };
    let state = Runtime::new().expect("threads can be started").block_on(prepare).expect("it passes");
    assert!(state.created);
    assert_eq!(aws.requests("DescribeRepositories").len(), 3);
    assert_eq!(aws.requests("CreateRepository").len(), 2);
}

#[test]
fn an_api_that_stays_busy_is_given_up() {
    let aws = Aws::start();
    aws.fail("DescribeRepositories", 100, 400, "ThrottlingException", "Rate exceeded");
    let started = Instant::now();
    let error = failure(&aws, "", "create = true");
    says(
        &error,
        "ecr:DescribeRepositories failed (ThrottlingException: Rate exceeded)",
        "AWS was busy 5 times in a row: run it again later",
    );
    assert_eq!(aws.requests("DescribeRepositories").len(), 5);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn a_role_that_cannot_be_assumed_is_an_error_of_its_own() {
    let aws = Aws::start();
    let body = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
        <Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/ci is not authorized to perform: \
        sts:AssumeRole on resource: arn:aws:iam::123456789012:role/push</Message></Error></ErrorResponse>";
    aws.answer_text("AssumeRole", 1, 403, body);
    let error = failure(&aws, &format!(", role = {ROLE:?}"), "create = true");
    says(
        &error,
        "sts:AssumeRole failed (AccessDenied: User: arn:aws:iam::123456789012:user/ci is not authorized to perform: \
         sts:AssumeRole on resource: arn:aws:iam::123456789012:role/push)",
        r#"both must hold: the trust policy of the role names these credentials, with the external ID if it asks for one, and their own policy has {"Effect":"Allow","Action":["sts:AssumeRole"],"Resource":["arn:aws:iam::123456789012:role/push"]}"#,
    );
    assert_eq!(aws.requests("GetAuthorizationToken").len(), 0);
}

#[test]
fn credentials_that_have_expired_or_are_unknown_say_so() {
    for (code, help) in [
        ("ExpiredTokenException", "these credentials have expired: get new ones"),
        ("UnrecognizedClientException", "AWS does not know this access key"),
        ("InvalidSignatureException", "check the secret access key, and the clock of this machine"),
    ] {
        let aws = Aws::start();
        aws.fail("GetAuthorizationToken", 1, 400, code, "no");
        let error = failure(&aws, "", "create = true");
        assert_eq!(error.to_string(), format!("ecr:GetAuthorizationToken failed ({code}: no)"));
        assert!(error.help().is_some_and(|found| found.starts_with(help)), "{:?}", error.help());
    }
}

/// A profile of the file wins over variables of the machine: whose credentials are used is what the file says.
#[test]
fn a_profile_that_is_missing_is_not_replaced_by_other_credentials() {
    let aws = Aws::start();
    let error = failure(&aws, ", profile = \"deploy\"", "create = true");
    says(
        &error,
        "ecr:GetAuthorizationToken failed (the AWS configuration has no profile `deploy` with credentials)",
        "add the profile to ~/.aws/config, or to the file of AWS_CONFIG_FILE; or leave `profile` of `registry main` \
         out, where the machine has credentials of its own",
    );
    assert_eq!(aws.requests("GetAuthorizationToken").len(), 0, "the variables of the machine were not used");
}

#[test]
fn no_credentials_are_told_with_what_to_do() {
    let text = registry(&Aws::start(), "");
    let file = format!(
        "cachelang 1\n{text}repository app {{ registry = main }}\nimage a {{ dockerfile_inline = \"FROM scratch\", tags = [app:\"1\"] }}\nwave w {{ push a }}\n"
    );
    let project = Project::new(&file);
    let none = project.cachelang(&["doctor"]).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    let said = none.run().with_code(1);
    said.prints("ecr:GetAuthorizationToken failed (no AWS credentials were found)")
        .prints("help: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
}
