//! The policies that `cachelang iam` prints.

use std::path::Path;
use std::time::SystemTime;

use cachelang::environment::{Environment, PathKind};
use cachelang::iam::{self, Principal};
use cachelang::plan::{self, Inputs};
use cachelang::source::SourceMap;
use expect_test::{Expect, expect};
use indexmap::IndexMap;

const REGISTRY: &str =
    "registry main { kind = \"ecr\", account = \"123456789012\", region = \"eu-west-1\" }\n";

/// Every path is a folder.
struct Folders;

impl Environment for Folders {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn path_kind(&self, _: &Path) -> Option<PathKind> {
        Some(PathKind::Folder)
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

/// The policies of a file, each with a line for whom it is, and a line for each statement.
fn policies(text: &str) -> String {
    let mut sources = SourceMap::new();
    let file = sources.add("test", "test", &format!("cachelang 1\n{text}"));
    let (program, diagnostics) = cachelang::check(&mut sources, file, &Folders);
    let inputs = Inputs { params: &IndexMap::new(), environment: &Folders };
    let (plan, _) = plan::plan(&mut sources, &program, &inputs)
        .unwrap_or_else(|found| panic!("{diagnostics:?} {found:?}"));
    let mut lines = Vec::new();
    for (principal, policy) in iam::policies(&plan) {
        if principal != Principal::Machine {
            lines.push(format!("{principal:?}"));
        }
        lines.extend(policy.statement.iter().map(iam::Statement::to_json));
    }
    lines.join("\n")
}

#[track_caller]
fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&policies(text));
}

#[test]
fn a_push_with_its_cache() {
    let text = format!(
        "{REGISTRY}repository app {{ registry = main }}\n\
         image api {{ dockerfile_inline = \"FROM scratch\", tags = [app:\"1\"] }}\nwave build {{ push api }}\n"
    );
    check(
        &text,
        &expect![[r#"
        {"Sid":"Login","Effect":"Allow","Action":["ecr:GetAuthorizationToken"],"Resource":["*"]}
        {"Sid":"Pull","Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/app"]}
        {"Sid":"Push","Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:CompleteLayerUpload","ecr:InitiateLayerUpload","ecr:PutImage","ecr:UploadLayerPart"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/app"]}
        {"Sid":"Look","Effect":"Allow","Action":["ecr:DescribeRepositories"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/app"]}"#]],
    );
}

#[test]
fn repositories_that_are_made_and_kept_as_the_file_says() {
    let text = format!(
        "{REGISTRY}repository made {{\n registry = main\n create = true\n immutable = true\n kms_key = \"alias/images\"\n \
         lifecycle {{ keep_last = 5 }}\n resource_tags = {{ team = \"a\" }}\n}}\n\
         repository kept {{ registry = main, manage = true, immutable = true, scan_on_push = true }}\n\
         image api {{\n dockerfile_inline = \"FROM scratch\"\n tags = [made:(env(\"V\") ?? \"1\"), kept:(env(\"V\") ?? \"1\")]\n \
         cache {{ from = [], to = [] }}\n}}\nwave build {{ push api }}\n"
    );
    check(
        &text,
        &expect![[r#"
        {"Sid":"Login","Effect":"Allow","Action":["ecr:GetAuthorizationToken"],"Resource":["*"]}
        {"Sid":"Push","Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:CompleteLayerUpload","ecr:InitiateLayerUpload","ecr:PutImage","ecr:UploadLayerPart"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/made","arn:aws:ecr:eu-west-1:123456789012:repository/kept"]}
        {"Sid":"Look","Effect":"Allow","Action":["ecr:DescribeRepositories"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/made","arn:aws:ecr:eu-west-1:123456789012:repository/kept"]}
        {"Sid":"LookAtLifecycle","Effect":"Allow","Action":["ecr:GetLifecyclePolicy"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/made"]}
        {"Sid":"LookAtResourceTags","Effect":"Allow","Action":["ecr:ListTagsForResource"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/made"]}
        {"Sid":"Create","Effect":"Allow","Action":["ecr:CreateRepository"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/made"]}
        {"Sid":"SetLifecycle","Effect":"Allow","Action":["ecr:PutLifecyclePolicy"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/made"]}
        {"Sid":"SetResourceTags","Effect":"Allow","Action":["ecr:TagResource"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/made"]}
        {"Sid":"UseKey","Effect":"Allow","Action":["kms:CreateGrant","kms:DescribeKey","kms:RetireGrant"],"Resource":["arn:aws:kms:eu-west-1:123456789012:key/*"],"Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/images"}}}
        {"Sid":"SetMutability","Effect":"Allow","Action":["ecr:PutImageTagMutability"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/kept"]}
        {"Sid":"SetScanning","Effect":"Allow","Action":["ecr:PutImageScanningConfiguration"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/kept"]}"#]],
    );
}

/// What is promoted in its own repository gets a tag only; elsewhere it is read here and written there.
#[test]
fn promotions_and_caches_elsewhere() {
    let text = format!(
        "{REGISTRY}registry far {{ kind = \"ecr\", account = \"210987654321\", region = \"cn-north-1\" }}\n\
         repository app {{ registry = main }}\nrepository copy {{ registry = far }}\nrepository caches {{ registry = main }}\n\
         image api {{\n dockerfile_inline = \"FROM scratch\"\n tags = [app:(env(\"V\") ?? \"1\")]\n \
         cache {{ from = [cache.registry(caches:\"main\")], to = [] }}\n}}\n\
         wave build {{ push api }}\nwave release {{ when = false; promote api to app:\"stable\", copy:\"stable\" }}\n"
    );
    check(
        &text,
        &expect![[r#"
        {"Sid":"Login","Effect":"Allow","Action":["ecr:GetAuthorizationToken"],"Resource":["*"]}
        {"Sid":"Pull","Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/app","arn:aws:ecr:eu-west-1:123456789012:repository/caches"]}
        {"Sid":"Push","Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:CompleteLayerUpload","ecr:InitiateLayerUpload","ecr:PutImage","ecr:UploadLayerPart"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/app","arn:aws-cn:ecr:cn-north-1:210987654321:repository/copy"]}
        {"Sid":"Look","Effect":"Allow","Action":["ecr:DescribeRepositories"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/app","arn:aws-cn:ecr:cn-north-1:210987654321:repository/copy","arn:aws:ecr:eu-west-1:123456789012:repository/caches"]}"#]],
    );
}

#[test]
fn each_role_and_profile_has_a_policy_of_its_own() {
    let text = "registry one { kind = \"ecr\", account = \"123456789012\", region = \"eu-west-1\", role = \"arn:aws:iam::123456789012:role/push\" }\n\
        registry two { kind = \"ecr\", account = \"210987654321\", region = \"us-gov-west-1\", profile = \"gov\" }\n\
        registry gallery { kind = \"ecr\", public = true }\n\
        repository app { registry = one }\nrepository copy { registry = two }\nrepository open { registry = gallery, name = \"me/app\" }\n\
        image api { dockerfile_inline = \"FROM scratch\", tags = [app:\"1\", copy:\"1\", open:\"1\"], cache { from = [], to = [] } }\n\
        wave build { push api }\n";
    check(
        text,
        &expect![[r#"
        {"Sid":"AssumeRole","Effect":"Allow","Action":["sts:AssumeRole"],"Resource":["arn:aws:iam::123456789012:role/push"]}
        {"Sid":"PublicLogin","Effect":"Allow","Action":["ecr-public:GetAuthorizationToken","sts:GetServiceBearerToken"],"Resource":["*"]}
        {"Sid":"PublicPush","Effect":"Allow","Action":["ecr-public:BatchCheckLayerAvailability","ecr-public:CompleteLayerUpload","ecr-public:InitiateLayerUpload","ecr-public:PutImage","ecr-public:UploadLayerPart"],"Resource":["arn:aws:ecr-public::*:repository/app"]}
        Role("arn:aws:iam::123456789012:role/push")
        {"Sid":"Login","Effect":"Allow","Action":["ecr:GetAuthorizationToken"],"Resource":["*"]}
        {"Sid":"Push","Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:CompleteLayerUpload","ecr:InitiateLayerUpload","ecr:PutImage","ecr:UploadLayerPart"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/app"]}
        {"Sid":"Look","Effect":"Allow","Action":["ecr:DescribeRepositories"],"Resource":["arn:aws:ecr:eu-west-1:123456789012:repository/app"]}
        Profile("gov")
        {"Sid":"Login","Effect":"Allow","Action":["ecr:GetAuthorizationToken"],"Resource":["*"]}
        {"Sid":"Push","Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:CompleteLayerUpload","ecr:InitiateLayerUpload","ecr:PutImage","ecr:UploadLayerPart"],"Resource":["arn:aws-us-gov:ecr:us-gov-west-1:210987654321:repository/copy"]}
        {"Sid":"Look","Effect":"Allow","Action":["ecr:DescribeRepositories"],"Resource":["arn:aws-us-gov:ecr:us-gov-west-1:210987654321:repository/copy"]}"#]],
    );
}

#[test]
fn without_amazon_ecr_there_is_no_policy() {
    let text = "registry main { kind = \"oci\", host = \"registry.example.com\" }\nrepository app { registry = main }\n\
        image api { dockerfile_inline = \"FROM scratch\", tags = [app:\"1\"] }\nwave build { push api }\n";
    assert_eq!(policies(text), "");
}

/// Exit code, standard output and standard error of `cachelang iam ARGUMENT…` beside a file.
#[cfg(feature = "cli")]
fn run(text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(folder.path().join(".cachefile"), text).expect("the file can be written");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cachelang"));
    // Neither an engine nor credentials are there.
    command.arg("iam").args(arguments).current_dir(folder.path()).env_clear();
    let output = command.output().expect("the program was built");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[cfg(feature = "cli")]
#[test]
fn the_command_prints_one_policy_to_paste() {
    let file = "cachelang 1\nparam target: string = \"none\"\n\
        registry aws { kind = \"ecr\", account = \"123456789012\", region = \"eu-west-1\", role = if target == \"role\" then \"arn:aws:iam::123456789012:role/push\" else env(\"ROLE\") }\n\
        repository app { registry = aws }\n\
        image api { dockerfile_inline = \"FROM scratch\", tags = [app:\"1\"], cache { from = [], to = [] } }\nwave build { push api }\n";
    let (code, stdout, stderr) = run(file, &[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    expect![[r#"
        {
          "Version": "2012-10-17",
          "Statement": [
            {
              "Sid": "Login",
              "Effect": "Allow",
              "Action": [
                "ecr:GetAuthorizationToken"
              ],
              "Resource": [
                "*"
              ]
            },
            {
              "Sid": "Push",
              "Effect": "Allow",
              "Action": [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:CompleteLayerUpload",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart"
              ],
              "Resource": [
                "arn:aws:ecr:eu-west-1:123456789012:repository/app"
              ]
            },
            {
              "Sid": "Look",
              "Effect": "Allow",
              "Action": [
                "ecr:DescribeRepositories"
              ],
              "Resource": [
                "arn:aws:ecr:eu-west-1:123456789012:repository/app"
              ]
            }
          ]
        }
    "#]]
    .assert_eq(&stdout);

    let (code, stdout, stderr) = run(file, &["--param", "target=role"]);
    let whose = "the AWS credentials of the machine:\nrole arn:aws:iam::123456789012:role/push:\n";
    assert_eq!((code, stderr.as_str()), (Some(0), whose));
    assert_eq!(stdout.matches("\"Version\"").count(), 2, "{stdout}");

    let (code, stdout, stderr) = run("cachelang 1\nwave w { run \"true\" }\n", &[]);
    let nothing = ".cachefile uses no registry of Amazon ECR: no policy is needed\n";
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "", nothing));
    assert_eq!(run("cachelang 1\nlet x = y\n", &[]).0, Some(2));
}
