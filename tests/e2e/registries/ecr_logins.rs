//! Logins of Amazon ECR: one token for many uses, renewed in time; roles, several accounts, the public gallery.

use std::time::{Duration, SystemTime};

use cachelang::host::Registry as _;
use cachelang::plan::Plan;
use cachelang::registry::Registries;
use futures_util::future::join_all;
use serde_json::json;
use tokio::runtime::Runtime;

use super::aws::{Aws, ask, form_value, plan_of, registry};
use crate::harness::{Project, part, unique};

const OTHER_ACCOUNT: &str = "210987654321";

fn block_on<T>(work: impl Future<Output = T>) -> T {
    Runtime::new().expect("threads can be started").block_on(work)
}

/// A token that is valid for so many seconds.
fn token(aws: &Aws, seconds: u64) {
    let at = SystemTime::now() + Duration::from_secs(seconds);
    let at = at.duration_since(SystemTime::UNIX_EPOCH).expect("the clock is set").as_secs_f64();
    // "AWS:secret"
    let data = json!([{ "authorizationToken": "QVdTOnNlY3JldA==", "expiresAt": at }]);
    aws.answer("GetAuthorizationToken", 1, 200, &json!({ "authorizationData": data }));
}

#[test]
fn many_who_ask_at_the_same_time_get_one_token() {
    let aws = Aws::start();
    let plan = plan_of(&(registry(&aws, "") + "repository app { registry = main }\n"));
    let registries = Registries::new();
    let logins = block_on(join_all((0..20).map(|_| registries.login(&plan.registries[0]))));
    for login in logins {
        let login = login.expect("AWS answers").expect("there is a token");
        assert_eq!(login.credentials.username, "AWS");
        assert_eq!(login.origin, "ecr:GetAuthorizationToken for account 123456789012");
    }
    assert_eq!(aws.requests("GetAuthorizationToken").len(), 1);
}

#[test]
fn a_token_is_renewed_before_it_expires() {
    let aws = Aws::start();
    token(&aws, 8);
    let plan = plan_of(&(registry(&aws, "") + "repository app { registry = main }\n"));
    let registries = Registries::new();
    block_on(async {
        let login =
            || async { registries.login(&plan.registries[0]).await.expect("AWS answers").expect("a token") };
        assert_eq!(login().await.credentials.password, "secret");
        assert_eq!(login().await.credentials.password, "secret");
        assert_eq!(aws.requests("GetAuthorizationToken").len(), 1, "it is still valid");
        // After three quarters of its life, while it would still be accepted for some time.
        tokio::time::sleep(Duration::from_millis(6500)).await;
        assert_ne!(login().await.credentials.password, "secret");
        assert_eq!(aws.requests("GetAuthorizationToken").len(), 2);
    });
}

#[test]
fn a_role_is_assumed_with_its_external_id_and_session_name() {
    let aws = Aws::start();
    let role = "arn:aws:iam::123456789012:role/push";
    let more = format!(", role = {role:?}, external_id = \"deploys-4711\", session_name = \"job-1\"");
    let name = unique("role");
    let text = registry(&aws, &more)
        + &format!("repository app {{ registry = main, name = {name:?}, create = true }}\n");
    let plan = plan_of(&text);
    let registries = Registries::new();
    block_on(registries.prepare(&plan.registries[0], &plan.repositories[0])).expect("the role may do it");

    let assumed = aws.requests("AssumeRole");
    assert_eq!(assumed.len(), 1, "once for all calls");
    assert!(assumed[0].credential.starts_with("test/"), "{:?}", assumed[0]);
    assert_eq!(form_value(&assumed[0].body, "RoleArn"), role);
    assert_eq!(form_value(&assumed[0].body, "ExternalId"), "deploys-4711");
    assert_eq!(form_value(&assumed[0].body, "RoleSessionName"), "job-1");
    for action in ["GetAuthorizationToken", "DescribeRepositories", "CreateRepository"] {
        let request = &aws.requests(action)[0];
        assert!(!request.credential.starts_with("test/"), "{request:?}");
    }
}

#[test]
fn a_session_without_a_name_is_called_after_the_program() {
    let aws = Aws::start();
    let plan = plan_of(&registry(&aws, ", role = \"arn:aws:iam::123456789012:role/push\""));
    block_on(Registries::new().login(&plan.registries[0])).expect("the role may do it");
    let assumed = &aws.requests("AssumeRole")[0];
    assert_eq!(form_value(&assumed.body, "RoleSessionName"), "cachelang");
    assert_eq!(form_value(&assumed.body, "ExternalId"), "");
}

/// Each with credentials, a token and a region of its own.
#[test]
fn accounts_and_regions_stand_side_by_side() {
    let (aws, name) = (Aws::start(), unique("accounts"));
    let endpoint = aws.endpoint();
    // The registry behind it takes any login: the token of another account is one of the emulator, not of a registry.
    let host = part("CACHELANG_E2E_REGISTRY");
    let registry = |item: &str, account: &str, region: &str, more: &str| {
        format!(
            "registry {item} {{ kind = \"ecr\", account = {account:?}, region = {region:?}, endpoint = {endpoint:?}, \
             host = {host:?}{more} }}\nrepository app_{item} {{ registry = {item}, name = {name:?}, create = true }}\n"
        )
    };
    let role = format!(", role = \"arn:aws:iam::{OTHER_ACCOUNT}:role/push\"");
    let text = registry("one", "123456789012", "eu-west-1", "")
        + &registry("two", "123456789012", "us-east-1", "")
        + &registry("three", OTHER_ACCOUNT, "eu-west-1", &role);
    let plan: Plan = plan_of(&text);
    let registries = Registries::new();
    block_on(async {
        for (registry, repository) in plan.registries.iter().zip(&plan.repositories) {
            let state = registries.prepare(registry, repository).await.expect("the emulator makes it");
            assert!(state.created, "{}", registry.name);
        }
        let login = registries.login(&plan.registries[2]).await.expect("AWS answers").expect("a token");
        assert_eq!(login.credentials.password, format!("{OTHER_ACCOUNT}-auth-token"));
    });
    let regions: Vec<_> =
        aws.requests("CreateRepository").into_iter().map(|request| request.credential).collect();
    let region = |index: usize| regions[index].split('/').nth(2).expect("a region").to_owned();
    assert_eq!([region(0), region(1), region(2)], ["eu-west-1", "us-east-1", "eu-west-1"]);
    assert_eq!(aws.requests("GetAuthorizationToken").len(), 3);
    let here = ask("DescribeRepositories", &json!({ "repositoryNames": [name] }));
    assert_eq!(here["repositories"][0]["registryId"], "123456789012");
}

const GALLERY: &str = "cachelang 1\nregistry gallery { kind = \"ecr\", public = true }\n\
    image a { dockerfile_inline = \"FROM scratch\" }\nwave w { build a }\n";

#[test]
fn the_public_gallery_is_used_with_a_token_or_without() {
    let aws = Aws::start();
    // "AWS:public"
    let data = json!({ "authorizationData": { "authorizationToken": "QVdTOnB1YmxpYw==" } });
    aws.answer("GetAuthorizationToken", 1, 200, &data);
    let project = Project::new(GALLERY);
    let doctor = || project.cachelang(&["doctor"]).env("AWS_ENDPOINT_URL_ECR_PUBLIC", aws.endpoint());
    let report = doctor().run();
    report.prints("from ecr-public:GetAuthorizationToken");
    let request = &aws.requests("GetAuthorizationToken")[0];
    assert!(request.credential.contains("/us-east-1/ecr-public/"), "{request:?}");

    // Without credentials, and with some that are for something else.
    doctor()
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .run()
        .prints("none: it is used without");
    aws.fail("GetAuthorizationToken", 1, 400, "AccessDeniedException", "no");
    doctor().run().prints("none: it is used without");
    assert_eq!(aws.requests("GetAuthorizationToken").len(), 2);
}

#[test]
fn credentials_that_the_file_names_for_the_gallery_must_work() {
    let aws = Aws::start();
    let project = Project::new(&GALLERY.replace("public = true", "public = true, profile = \"deploy\""));
    let doctor = project.cachelang(&["doctor"]).env("AWS_ENDPOINT_URL_ECR_PUBLIC", aws.endpoint());
    doctor.run().prints("ecr-public:GetAuthorizationToken failed");
}
