//! The IAM policies that a plan needs on AWS: [`Plan`] → [`Policy`]. Nothing outside is asked.

mod uses;

use indexmap::IndexMap;
use serde::Serialize;

use crate::plan::{Identity, Partition, Plan, Registry, RegistryKind, Repository};
use uses::Uses;

/// What a policy allows to whom in one request, and no more:
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html>
const PUSH: &[&str] = &[
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
];
const PULL: &[&str] = &["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
const RETAG: &[&str] = &["ecr:BatchGetImage", "ecr:PutImage"];
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html>
const USE_KEY: &[&str] = &["kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"];
/// <https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html>
const PUBLIC_LOGIN: &[&str] = &["ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"];
const PUBLIC_PUSH: &[&str] = &[
    "ecr-public:BatchCheckLayerAvailability",
    "ecr-public:CompleteLayerUpload",
    "ecr-public:InitiateLayerUpload",
    "ecr-public:PutImage",
    "ecr-public:UploadLayerPart",
];

/// Who is allowed something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Principal {
    /// As whom the AWS tools use AWS on this machine.
    Machine,
    /// A profile of the AWS configuration.
    Profile(String),
    /// The ARN of a role.
    Role(String),
}

impl Principal {
    /// Who uses the ECR API.
    fn of(identity: &Identity) -> Self {
        identity.role.clone().map_or_else(|| Self::before_role(identity), Self::Role)
    }

    /// Who assumes the role, if there is one.
    fn before_role(identity: &Identity) -> Self {
        identity.profile.clone().map_or(Self::Machine, Self::Profile)
    }
}

/// An IAM policy: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Policy {
    /// Of the policy language.
    pub version: &'static str,
    /// Each kind of use once.
    pub statement: Vec<Statement>,
}

/// Actions that a policy allows on some resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Statement {
    /// What it is for. `None` in a statement that stands alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// `Allow`
    pub effect: &'static str,
    /// `ecr:PutImage`
    pub action: Vec<String>,
    /// ARNs, or `*`.
    pub resource: Vec<String>,
    /// By operator and key.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub condition: IndexMap<&'static str, IndexMap<&'static str, String>>,
}

impl Statement {
    /// A statement of its own.
    pub fn allow(actions: &[&str], resource: impl Into<String>) -> Self {
        Self {
            sid: None,
            effect: "Allow",
            action: actions.iter().map(|action| (*action).to_owned()).collect(),
            resource: vec![resource.into()],
            condition: IndexMap::new(),
        }
    }

    /// The use of a KMS key by its id, its alias or its ARN. Policies know keys by their id only, and aliases by a
    /// condition.
    fn use_key(key: &str, partition: Partition, region: &str, account: &str) -> Self {
        let arn = |id: &str| format!("arn:{}:kms:{region}:{account}:key/{id}", partition.name);
        let alias = key.rsplit_once(":alias/").map(|(_, name)| name).or(key.strip_prefix("alias/"));
        let Some(alias) = alias else {
            let is_arn = key.starts_with("arn:");
            return Self::allow(USE_KEY, if is_arn { key.to_owned() } else { arn(key) });
        };
        let mut statement = Self::allow(USE_KEY, arn("*"));
        let is_alias = IndexMap::from([("kms:ResourceAliases", format!("alias/{alias}"))]);
        statement.condition.insert("ForAnyValue:StringEquals", is_alias);
        statement
    }

    /// As JSON on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts can be written as JSON")
    }
}

/// The least that each principal must be allowed for the waves and images of a plan, those included whose `when` does
/// not hold in it. Empty if the plan does not use AWS.
pub fn policies(plan: &Plan) -> IndexMap<Principal, Policy> {
    let mut grants = Grants::default();
    for registry in &plan.registries {
        grants.login(registry);
    }
    let uses = Uses::of(plan);
    for (index, repository) in plan.repositories.iter().enumerate() {
        let registry = plan.registry(repository.registry);
        grants.repository(registry, repository, uses.of_repository(index));
    }
    let policy = |statements: Vec<Statement>| Policy { version: "2012-10-17", statement: statements };
    grants.0.into_iter().map(|(principal, statements)| (principal, policy(statements))).collect()
}

/// What is allowed so far.
#[derive(Default)]
struct Grants(IndexMap<Principal, Vec<Statement>>);

impl Grants {
    fn login(&mut self, registry: &Registry) {
        let (identity, sid, actions): (_, _, &[&str]) = match &registry.kind {
            RegistryKind::Ecr { identity, .. } => (identity, "Login", &["ecr:GetAuthorizationToken"]),
            RegistryKind::EcrPublic { identity } => (identity, "PublicLogin", PUBLIC_LOGIN),
            RegistryKind::Oci { .. } => return,
        };
        if let Some(role) = &identity.role {
            let assume = Statement::allow(&["sts:AssumeRole"], role);
            self.add(Principal::before_role(identity), "AssumeRole", assume);
        }
        // It is about no resource.
        self.add(Principal::of(identity), sid, Statement::allow(actions, "*"));
    }

    fn repository(&mut self, registry: &Registry, repository: &Repository, used: uses::Used) {
        if !used.is_any() {
            return;
        }
        let Repository { create, manage, .. } = *repository;
        let (identity, arn) = match &registry.kind {
            RegistryKind::Ecr { identity, .. } => (identity, repository_arn(registry, &repository.name)),
            RegistryKind::EcrPublic { identity } => {
                if used.pushed || used.retagged {
                    let name = repository.name.split_once('/').map_or(&*repository.name, |(_, name)| name);
                    let arn = format!("arn:aws:ecr-public::*:repository/{name}");
                    self.add(Principal::of(identity), "PublicPush", Statement::allow(PUBLIC_PUSH, arn));
                }
                return;
            }
            RegistryKind::Oci { .. } => return,
        };
        let has_policy = repository.lifecycle.is_some();
        let has_tags = !repository.resource_tags.is_empty();
        let (has_mutability, has_scan) = (repository.immutable.is_some(), repository.scan_on_push.is_some());
        let kinds: [(_, _, &[&str]); 11] = [
            (used.pulled, "Pull", PULL),
            (used.pushed, "Push", PUSH),
            (used.retagged && !used.pushed, "Retag", RETAG),
            (true, "Look", &["ecr:DescribeRepositories"]),
            (has_policy, "LookAtLifecycle", &["ecr:GetLifecyclePolicy"]),
            (has_tags, "LookAtResourceTags", &["ecr:ListTagsForResource"]),
            (create, "Create", &["ecr:CreateRepository"]),
            (has_policy && (create || manage), "SetLifecycle", &["ecr:PutLifecyclePolicy"]),
            (has_tags && (create || manage), "SetResourceTags", &["ecr:TagResource"]),
            (manage && has_mutability, "SetMutability", &["ecr:PutImageTagMutability"]),
            (manage && has_scan, "SetScanning", &["ecr:PutImageScanningConfiguration"]),
        ];
        let principal = Principal::of(identity);
        for (_, sid, actions) in kinds.into_iter().filter(|(is_used, ..)| *is_used) {
            self.add(principal.clone(), sid, Statement::allow(actions, &arn));
        }
        if let (true, Some(key), RegistryKind::Ecr { account, region, .. }) =
            (create, &repository.kms_key, &registry.kind)
        {
            self.add(principal, "UseKey", Statement::use_key(key, Partition::of(region), region, account));
        }
    }

    /// Joins what differs only in its resource.
    fn add(&mut self, principal: Principal, sid: &str, statement: Statement) {
        let statements = self.0.entry(principal).or_default();
        let same = statements
            .iter_mut()
            .find(|found| found.action == statement.action && found.condition == statement.condition);
        if let Some(found) = same {
            for resource in statement.resource {
                if !found.resource.contains(&resource) {
                    found.resource.push(resource);
                }
            }
            return;
        }
        let is_of_kind = |found: &&Statement| found.sid.as_ref().is_some_and(|found| found.starts_with(sid));
        let number = statements.iter().filter(is_of_kind).count();
        // Each name may stand in a policy once.
        let sid = if number == 0 { sid.to_owned() } else { format!("{sid}{}", number + 1) };
        statements.push(Statement { sid: Some(sid), ..statement });
    }
}

/// The ARN of a repository in a private registry of Amazon ECR.
pub(crate) fn repository_arn(registry: &Registry, name: &str) -> String {
    match &registry.kind {
        RegistryKind::Ecr { account, region, .. } => {
            format!("arn:{}:ecr:{region}:{account}:repository/{name}", Partition::of(region).name)
        }
        RegistryKind::EcrPublic { .. } | RegistryKind::Oci { .. } => "*".to_owned(),
    }
}
