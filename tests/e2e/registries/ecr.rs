//! Repositories of Amazon ECR: made, compared and brought back, by the API of an emulator.

use std::collections::BTreeSet;

use cachelang::host::{Drift, Registry as _, RegistryError, RepositoryState};
use cachelang::iam;
use cachelang::plan::Plan;
use cachelang::registry::Registries;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::aws::{Aws, ask, plan_of, registry};
use crate::harness::{Project, http, part, unique};

const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/0123abcd-0000-4000-8000-0123456789ab";

/// All settings that there are.
const SETTINGS: &str = r#"
  immutable     = true
  mutable_tags  = ["latest", "cache-*"]
  scan_on_push  = true
  lifecycle { keep_last = 50, untagged_after = 7d }
  resource_tags = { team = "billing", "cost center" = "47/11" }
"#;

/// What uses the repository.
const IMAGE: &str = "image api { dockerfile_inline = \"FROM scratch\", tags = [app:(env(\"V\") ?? \"1\")], cache { from = [], to = [] } }\n\
    wave build { push api }\n";

/// A repository of the emulator that no other test uses.
struct Repository {
    aws: Aws,
    name: String,
}

impl Repository {
    fn new() -> Self {
        Self { aws: Aws::start(), name: unique("repository") }
    }

    /// One that is there already, as the API makes it.
    fn made(settings: Value) -> Self {
        let repository = Self::new();
        let mut body = settings;
        body["repositoryName"] = json!(repository.name);
        let answer = ask("CreateRepository", &body);
        assert!(answer.get("repository").is_some(), "{answer}");
        repository
    }

    /// Prepares it as a file with these settings says.
    fn try_prepare(&self, settings: &str) -> Result<RepositoryState, RegistryError> {
        let text = registry(&self.aws, "");
        let item =
            format!("repository app {{\n  registry = main\n  name = {:?}\n{settings}\n}}\n", self.name);
        let plan = plan_of(&(text + &item + IMAGE));
        let prepare = async { Registries::new().prepare(&plan.registries[0], &plan.repositories[0]).await };
        let prepared = Runtime::new().expect("threads can be started").block_on(prepare);
        self.needs_no_more_than(&plan);
        prepared
    }

    /// What AWS was asked for must be allowed by the policy that `cachelang iam` prints.
    #[track_caller]
    fn needs_no_more_than(&self, plan: &Plan) {
        let policies = iam::policies(plan);
        let statements = policies.values().flat_map(|policy| &policy.statement);
        let allowed: BTreeSet<_> = statements.flat_map(|statement| statement.action.clone()).collect();
        let asked = self.aws.actions();
        assert!(asked.is_subset(&allowed), "asked for {asked:?}, allowed are {allowed:?}");
    }

    #[track_caller]
    fn prepare(&self, settings: &str) -> RepositoryState {
        self.try_prepare(settings).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As the API describes it.
    fn found(&self) -> Value {
        ask("DescribeRepositories", &json!({ "repositoryNames": [self.name] }))["repositories"][0].clone()
    }

    fn lifecycle(&self) -> Value {
        let answer = ask("GetLifecyclePolicy", &json!({ "repositoryName": self.name }));
        serde_json::from_str(answer["lifecyclePolicyText"].as_str().unwrap_or("null")).expect("it is JSON")
    }

    fn tags(&self) -> Value {
        let mut tags = ask("ListTagsForResource", &json!({ "resourceArn": self.found()["repositoryArn"] }));
        let tags = tags["tags"].take();
        let text = |tag: &Value| {
            let [name, value] = ["Key", "Value"].map(|part| tag[part].as_str().expect("a text"));
            format!("{name}={value}")
        };
        tags.as_array().expect("a list").iter().map(text).collect()
    }
}

fn lines(state: &RepositoryState) -> Vec<String> {
    let line = |drift: &Drift| {
        let end = if drift.mended { "mended" } else { "left" };
        format!("{}: {} -> {}, {end}", drift.setting, drift.found, drift.wanted)
    };
    state.drift.iter().map(line).collect()
}

#[test]
fn a_repository_is_made_with_all_its_settings() {
    let repository = Repository::new();
    let settings = format!("create = true\n{SETTINGS}\n  kms_key = {KEY:?}");
    let state = repository.prepare(&settings);
    assert!(state.created && state.drift.is_empty(), "{state:?}");
    assert_eq!(repository.aws.changes(), ["CreateRepository", "PutLifecyclePolicy"]);

    let found = repository.found();
    assert_eq!(found["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION");
    let filters = json!([
        { "filterType": "WILDCARD", "filter": "latest" },
        { "filterType": "WILDCARD", "filter": "cache-*" },
    ]);
    assert_eq!(found["imageTagMutabilityExclusionFilters"], filters);
    assert_eq!(found["imageScanningConfiguration"]["scanOnPush"], true);
    assert_eq!(found["encryptionConfiguration"], json!({ "encryptionType": "KMS", "kmsKey": KEY }));
    assert_eq!(repository.tags(), json!(["team=billing", "cost center=47/11"]));
    let rules = &repository.lifecycle()["rules"];
    assert_eq!(rules[0]["selection"]["tagStatus"], "untagged");
    assert_eq!(rules[0]["selection"]["countNumber"], 7);
    assert_eq!(rules[1]["selection"]["countType"], "imageCountMoreThan");
    assert_eq!(rules[1]["selection"]["countNumber"], 50);

    let again = repository.prepare(&settings);
    assert!(!again.created && again.drift.is_empty(), "{again:?}");
    let rules = again.tags.expect("the API tells");
    assert!(rules.is_fixed("1.2") && !rules.is_fixed("latest") && !rules.is_fixed("cache-app"));
    assert_eq!(repository.aws.changes().len(), 2, "nothing more was changed");
}

#[test]
fn a_plain_repository_is_made_plain() {
    let repository = Repository::new();
    assert!(repository.prepare("create = true").created);
    let found = repository.found();
    assert_eq!(found["imageTagMutability"], "MUTABLE");
    assert_eq!(found["encryptionConfiguration"]["encryptionType"], "AES256");
    assert_eq!(repository.lifecycle(), Value::Null);
    assert_eq!(repository.aws.changes(), ["CreateRepository"]);
}

#[test]
fn what_differs_is_told_and_left_alone() {
    let repository = Repository::made(json!({}));
    let state = repository.prepare(&format!("create = true\n{SETTINGS}\n  kms_key = {KEY:?}"));
    assert!(!state.created);
    assert_eq!(
        lines(&state),
        [
            "immutable: false -> true except for \"latest\", \"cache-*\", left",
            "scan_on_push: false -> true, left",
            &format!("kms_key: not set -> {KEY:?}, left"),
            "lifecycle: not set -> { untagged_after = 7d, keep_last = 50 }, left",
            "resource_tags[\"team\"]: not set -> \"billing\", left",
            "resource_tags[\"cost center\"]: not set -> \"47/11\", left",
        ]
    );
    assert!(state.drift.iter().all(|drift| drift.is_final == (drift.setting == "kms_key")));
    assert!(!state.tags.expect("the API tells").is_fixed("1.2"), "the registry decides, not the file");
    assert_eq!(repository.aws.changes(), [""; 0]);
}

#[test]
fn manage_brings_everything_back_but_the_key() {
    let repository = Repository::made(json!({
        "imageTagMutability": "IMMUTABLE",
        "tags": [{ "Key": "team", "Value": "growth" }, { "Key": "owner", "Value": "somebody" }],
    }));
    let policy = r#"{"rules":[{"rulePriority":3,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":10},"action":{"type":"expire"}}]}"#;
    ask("PutLifecyclePolicy", &json!({ "repositoryName": repository.name, "lifecyclePolicyText": policy }));
    let settings = format!("manage = true\n{SETTINGS}\n  kms_key = {KEY:?}");
    let state = repository.prepare(&settings);
    assert_eq!(
        lines(&state),
        [
            "immutable: true -> true except for \"latest\", \"cache-*\", mended",
            "scan_on_push: false -> true, mended",
            &format!("kms_key: not set -> {KEY:?}, left"),
            "lifecycle: { keep_last = 10 } -> { untagged_after = 7d, keep_last = 50 }, mended",
            "resource_tags[\"team\"]: \"growth\" -> \"billing\", mended",
            "resource_tags[\"cost center\"]: not set -> \"47/11\", mended",
        ]
    );
    assert!(!state.tags.expect("the API tells").is_fixed("latest"));
    assert_eq!(repository.found()["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION");
    assert_eq!(repository.tags(), json!(["team=billing", "owner=somebody", "cost center=47/11"]));

    let changes = repository.aws.changes().len();
    assert_eq!(lines(&repository.prepare(&settings)), [format!("kms_key: not set -> {KEY:?}, left")]);
    assert_eq!(repository.aws.changes().len(), changes);
}

/// The same policy in other words is no difference.
#[test]
fn a_policy_that_means_the_same_is_left_alone() {
    let repository = Repository::made(json!({}));
    let policy = r#"{ "rules": [ { "description": "by hand", "rulePriority": 7, "action": { "type": "expire" },
        "selection": { "countNumber": 50, "countType": "imageCountMoreThan", "tagStatus": "any" } } ] }"#;
    ask("PutLifecyclePolicy", &json!({ "repositoryName": repository.name, "lifecyclePolicyText": policy }));
    let state = repository.prepare("manage = true\n  lifecycle { keep_last = 50 }");
    assert_eq!(lines(&state), [""; 0]);
    assert_eq!(repository.aws.changes(), [""; 0]);
}

#[test]
fn what_the_file_does_not_say_stays_as_it_is() {
    let repository = Repository::made(json!({
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{ "filterType": "WILDCARD", "filter": "live" }],
        "imageScanningConfiguration": { "scanOnPush": true },
    }));
    let state = repository.prepare("manage = true");
    assert_eq!(lines(&state), [""; 0]);
    let rules = state.tags.expect("the API tells");
    assert!(rules.is_fixed("1.2") && !rules.is_fixed("live"));
    // `false` is something that the file says.
    let state = repository.prepare("manage = true\n  immutable = false");
    assert_eq!(lines(&state), ["immutable: true except for \"live\" -> false, mended"]);
    assert_eq!(repository.found()["imageTagMutability"], "MUTABLE");
}

#[test]
fn a_repository_that_another_deploy_has_made_meanwhile_is_compared() {
    let repository = Repository::made(json!({}));
    let name = &repository.name;
    repository.aws.fail("DescribeRepositories", 1, 400, "RepositoryNotFoundException", &format!("no {name}"));
    let state = repository.prepare("create = true\n  scan_on_push = true");
    assert!(!state.created);
    assert_eq!(lines(&state), ["scan_on_push: false -> true, left"]);
}

/// The doctor finds what a run would stumble over, and changes nothing.
#[test]
fn the_doctor_looks_at_repositories() {
    let repository = Repository::made(json!({}));
    let file = |settings: &str| {
        let text = registry(&repository.aws, "");
        let name = &repository.name;
        format!(
            "cachelang 1\n{text}repository app {{ registry = main, name = {name:?} {settings} }}\n{IMAGE}"
        )
    };
    let doctor = |settings: &str| Project::new(&file(settings)).cachelang(&["doctor"]).run();
    let name = &repository.name;
    doctor(", manage = true, scan_on_push = true")
        .prints(&format!("{name}: reachable\n"))
        .prints("`scan_on_push` is false there, and true in the file");
    ask("DeleteRepository", &json!({ "repositoryName": name }));
    doctor(", create = true").prints(&format!("{name}: reachable\n"));
    doctor("")
        .with_code(1)
        .prints(&format!("there is no repository `{name}` in account 123456789012, region eu-west-1"))
        .prints("help: create it, or write `create = true` in `repository app`");
    assert_eq!(repository.aws.changes(), [""; 0]);
}

/// The emulator takes the policy as IAM would.
#[test]
fn the_policy_of_cachelang_iam_is_one_for_iam() {
    let file = format!(
        "cachelang 1\n{}repository app {{ registry = main, create = true, manage = true, kms_key = \"alias/x\" {SETTINGS} }}\n\
         image api {{ dockerfile_inline = \"FROM scratch\", tags = [app:(env(\"V\") ?? \"1\")], cache {{ from = [], to = [cache.registry(app:\"cache-a\")] }} }}\n\
         wave build {{ push api }}\n",
        registry(&Aws::start(), ""),
    );
    let project = Project::new(&file);
    let printed = project.cachelang(&["iam"]).without("AWS_ACCESS_KEY_ID").run().succeeded();
    let policy: Value = serde_json::from_str(&printed.stdout).expect("one policy and nothing else");
    assert_eq!(policy["Version"], "2012-10-17");

    let host = part("CACHELANG_E2E_ECR").replace("http://", "");
    let mut form = url::Url::parse("http://form/").expect("it is a URL");
    form.query_pairs_mut()
        .append_pair("Action", "CreatePolicy")
        .append_pair("Version", "2010-05-08")
        .append_pair("PolicyName", &unique("policy"))
        .append_pair("PolicyDocument", &printed.stdout);
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        (
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0",
        ),
    ];
    let body = form.query().expect("there are pairs");
    let answer = http::over_tcp(&host, "POST", "/", &headers, body);
    assert_eq!(answer.status, 200, "{answer:?}");
}
