//! Amazon ECR: its API is an emulator, which hands out a token for a registry with a password.

use super::harness::registry::Registry;
use super::harness::{Cachelang, Ended, Parts, Project, http, part};

const TO_ECR: &str = r#"cachelang 1
registry main {
  kind     = "ecr"
  account  = env("ACCOUNT") ?? ""
  region   = "eu-west-1"
  endpoint = env("ENDPOINT") ?? ""
  host     = env("ECR_HOST") ?? ""
}
repository repo { registry = main, name = env("REPOSITORY") ?? "", create = true }
image app { args = { BASE = env("BASE") ?? "" }, tags = [repo:"1"] }
wave build { push app }
wave deploy { run "echo" app.ref }
"#;

/// What to do when the API does not answer as it should.
const CHECK: &str =
    "check the AWS credentials of this machine, and `account`, `region` and `endpoint` of `registry main`";

fn command(project: &Project) -> Cachelang {
    let account = part("CACHELANG_E2E_ECR_ACCOUNT");
    let command =
        project.command(&["-vv"]).env("ACCOUNT", account).env("ENDPOINT", part("CACHELANG_E2E_ECR"));
    command.env("ECR_HOST", part("CACHELANG_E2E_ECR_HOST"))
}

/// The registry that the emulator's tokens are for.
fn registry() -> Registry {
    Registry::with_login(&part("CACHELANG_E2E_ECR_HOST"), "AWS", &token_password())
}

fn token_password() -> String {
    format!("{}-auth-token", part("CACHELANG_E2E_ECR_ACCOUNT"))
}

/// The repositories that were created through the API.
fn repositories() -> Vec<String> {
    let host = part("CACHELANG_E2E_ECR").replace("http://", "");
    let headers = [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"),
        (
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/ecr/aws4_request, SignedHeaders=host, Signature=0",
        ),
    ];
    let answer = http::over_tcp(&host, "POST", "/", &headers, "{}").json();
    let repositories = answer["repositories"].as_array().expect("a list");
    let name = |found: &serde_json::Value| found["repositoryName"].as_str().expect("a name").to_owned();
    repositories.iter().map(name).collect()
}

#[track_caller]
fn fails_before_the_build(run: Ended, project: &Project, cause: &str, help: &str) {
    let run = run.with_code(1);
    let repository = format!("{}/{}", part("CACHELANG_E2E_ECR_HOST"), project.repository);
    assert_eq!(run.errors(), [format!("image `app` cannot use `{repository}`: {cause}")]);
    assert_eq!(run.stdout, "");
    run.says(&format!("help: {help}")).does_not_say("building");
}

#[test]
fn the_first_push_creates_the_repository() {
    let _parts = Parts::take();
    let project = Project::with_steps(TO_ECR, "RUN true");
    assert!(!repositories().contains(&project.repository));

    let run = command(&project).run().succeeded();

    assert!(repositories().contains(&project.repository));
    let digest = registry().digest(&project.repository, "1").expect("the tag is there");
    let reference = format!("{}/{}@{digest}", part("CACHELANG_E2E_ECR_HOST"), project.repository);
    assert_eq!(run.stdout.lines().next(), Some(reference.as_str()));
    assert!(!run.stderr.contains(&token_password()), "{}", run.stderr);
}

#[test]
fn a_repository_that_exists_is_pushed_to_again() {
    let _parts = Parts::take();
    let project = Project::with_steps(TO_ECR, "RUN true");
    command(&project).run().succeeded();
    let run = command(&project).run().succeeded();
    assert_eq!(run.cell("app", "cached"), "1 of 1");
    assert_eq!(repositories().iter().filter(|name| **name == project.repository).count(), 1);
}

#[test]
fn without_create_a_missing_repository_is_an_error_before_the_build() {
    let _parts = Parts::take();
    let project = Project::with_steps(&TO_ECR.replace(", create = true", ""), "RUN true");
    let run = command(&project).run();
    let account = part("CACHELANG_E2E_ECR_ACCOUNT");
    let cause =
        format!("there is no repository `{}` in account {account}, region eu-west-1", project.repository);
    fails_before_the_build(run, &project, &cause, "create it, or write `create = true` in `repository repo`");
    assert!(!repositories().contains(&project.repository));
    assert!(registry().digest(&project.repository, "1").is_none());
}

/// What the registry has and the file does not say so: told with both sides, and changed only where the file says it.
#[test]
fn settings_that_differ_are_told_and_brought_back() {
    let _parts = Parts::take();
    let project = Project::with_steps(TO_ECR, "RUN true");
    command(&project).run().succeeded().says("created repository ");
    let reference = format!("{}/{}", part("CACHELANG_E2E_ECR_HOST"), project.repository);

    let with = |settings: &str| TO_ECR.replace("create = true", &format!("create = true, {settings}"));
    project.file(".cachefile", &with("scan_on_push = true"));
    command(&project).run().succeeded().says(&format!(
        "repository {reference}: warning: `scan_on_push` is false in the registry and true in the file; \
         `manage = true` lets cachelang change it"
    ));
    project.file(".cachefile", &with("manage = true, scan_on_push = true"));
    let mended = format!("repository {reference}: `scan_on_push` was false, is now true");
    command(&project).run().succeeded().says(&mended);
    command(&project).run().succeeded().does_not_say("scan_on_push");
}

#[test]
fn an_endpoint_where_nothing_listens_is_an_error_of_the_call() {
    let _parts = Parts::take();
    let project = Project::with_steps(TO_ECR, "RUN true");
    let run = command(&project).env("ENDPOINT", "http://127.0.0.1:9").run();
    let cause = "ecr:GetAuthorizationToken failed (Connection refused (os error 111))";
    fails_before_the_build(run, &project, cause, CHECK);
}

#[test]
fn an_endpoint_that_is_something_else_is_an_error_of_the_call() {
    let parts = Parts::take();
    let project = Project::with_steps(TO_ECR, "RUN true");
    let run = command(&project).env("ENDPOINT", format!("http://{}", parts.registry.host)).run();
    let cause = "ecr:GetAuthorizationToken failed (the answer has no token)";
    fails_before_the_build(run, &project, cause, CHECK);
}

#[test]
fn without_aws_credentials_the_error_says_so() {
    let _parts = Parts::take();
    let project = Project::with_steps(TO_ECR, "RUN true");
    let run = command(&project).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY").run();
    let cause = "ecr:GetAuthorizationToken failed (no AWS credentials were found)";
    fails_before_the_build(run, &project, cause, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
}
