//! Repositories: looked at, made, and brought back to what the file says.

use std::error::Error;

use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::types::{ImageScanningConfiguration, Repository as Described, Tag};
use indexmap::IndexMap;

use super::Api;
use super::error::{failed, is_denied};
use super::lifecycle::Policy;
use super::settings::{Change, Difference, Settings, mutability, tag_rules};
use crate::host::{Drift, RegistryError, RepositoryState, TagRules};
use crate::plan::Repository;

/// Looks at a repository; makes it where the file says so, and gives it the settings of the file with `manage`.
pub(in crate::registry) async fn prepare(
    api: &Api,
    repository: &Repository,
) -> Result<RepositoryState, RegistryError> {
    let prepared = Prepared { api, repository, wanted: Settings::wanted(repository), may_change: true };
    match prepared.describe().await? {
        Look::Found(found) => prepared.compare(&found).await,
        Look::Missing if repository.create => prepared.create().await,
        Look::Missing => Err(prepared.missing()),
        Look::NotAllowed => Ok(RepositoryState::default()),
    }
}

/// The same without a change.
pub(in crate::registry) async fn look(
    api: &Api,
    repository: &Repository,
) -> Result<RepositoryState, RegistryError> {
    let prepared = Prepared { api, repository, wanted: Settings::wanted(repository), may_change: false };
    match prepared.describe().await? {
        Look::Found(found) => prepared.compare(&found).await,
        Look::Missing if !repository.create => Err(prepared.missing()),
        Look::Missing | Look::NotAllowed => Ok(RepositoryState::default()),
    }
}

/// A repository with what it shall be.
struct Prepared<'a> {
    api: &'a Api,
    repository: &'a Repository,
    wanted: Settings,
    /// Whether `manage` counts.
    may_change: bool,
}

/// What is to be seen of a repository.
enum Look {
    Found(Box<Described>),
    Missing,
    /// The credentials may push and pull, but not look.
    NotAllowed,
}

impl Prepared<'_> {
    async fn describe(&self) -> Result<Look, RegistryError> {
        let Self { api, repository, .. } = self;
        let call = api.client.describe_repositories().registry_id(&api.account);
        match call.repository_names(&repository.name).send().await {
            Ok(answer) => {
                let found = answer.repositories.unwrap_or_default().into_iter().next();
                Ok(found.map_or(Look::Missing, |found| Look::Found(Box::new(found))))
            }
            Err(error)
                if error.as_service_error().is_some_and(|one| one.is_repository_not_found_exception()) =>
            {
                Ok(Look::Missing)
            }
            // Where the file says nothing of the repository, there is nothing that had to be known.
            Err(error) if is_denied(&error) && !self.is_described() => Ok(Look::NotAllowed),
            Err(error) => Err(self.failed("ecr:DescribeRepositories", &error)),
        }
    }

    /// Whether the file says more of the repository than its name.
    fn is_described(&self) -> bool {
        self.repository.create || self.repository.manage || !self.wanted.is_empty()
    }

    fn missing(&self) -> RegistryError {
        RegistryError::NoRepository {
            name: self.repository.name.clone(),
            item: self.repository.item.clone(),
            registry: Box::new(self.api.registry.clone()),
        }
    }

    async fn create(&self) -> Result<RepositoryState, RegistryError> {
        let Self { api, repository, wanted, .. } = self;
        let rules = wanted.tags.clone().unwrap_or_default();
        let (mutability, filters) = mutability(&rules);
        let scan = wanted.scan_on_push.map(|scan| ImageScanningConfiguration::builder().scan_on_push(scan));
        let tags: Vec<_> = wanted.resource_tags.iter().filter_map(|(name, value)| tag(name, value)).collect();
        let created = api
            .client
            .create_repository()
            .registry_id(&api.account)
            .repository_name(&repository.name)
            .image_tag_mutability(mutability)
            .set_image_tag_mutability_exclusion_filters(filters)
            .set_image_scanning_configuration(scan.map(|scan| scan.build()))
            .set_encryption_configuration(wanted.encryption.as_ref().and_then(|one| one.configuration()))
            .set_tags((!tags.is_empty()).then_some(tags))
            .send()
            .await;
        match created {
            Ok(_) => {}
            // Another deploy was faster.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|one| one.is_repository_already_exists_exception()) =>
            {
                return match self.describe().await? {
                    Look::Found(found) => self.compare(&found).await,
                    Look::Missing | Look::NotAllowed => Err(self.missing()),
                };
            }
            Err(error) => return Err(self.failed("ecr:CreateRepository", &error)),
        }
        if let Some(policy) = &wanted.lifecycle {
            self.put_lifecycle(policy).await?;
        }
        Ok(RepositoryState { created: true, tags: Some(rules), ..RepositoryState::default() })
    }

    /// Finds where the repository is not as the file says and, with `manage`, makes it so if it may.
    async fn compare(&self, described: &Described) -> Result<RepositoryState, RegistryError> {
        let mut found = Settings::described(described);
        if self.wanted.lifecycle.is_some() {
            found.lifecycle = self.lifecycle().await?;
        }
        if !self.wanted.resource_tags.is_empty() {
            found.resource_tags = self.resource_tags().await?;
        }
        let mut state = RepositoryState { tags: Some(tag_rules(described)), ..RepositoryState::default() };
        for Difference { change, found } in self.wanted.differences(&found) {
            let is_final = matches!(change, Change::Encryption(_));
            let mended = self.may_change && self.repository.manage && !is_final;
            if mended {
                self.apply(&change).await?;
            }
            state
                .drift
                .push(Drift { is_final, ..Drift::new(change.setting(), found, change.wanted(), mended) });
            if let (true, Change::Tags(rules)) = (mended, change) {
                state.tags = Some(rules);
            }
        }
        Ok(state)
    }

    async fn apply(&self, change: &Change) -> Result<(), RegistryError> {
        match change {
            Change::Tags(rules) => self.put_mutability(rules).await,
            Change::ScanOnPush(scan) => self.put_scanning(*scan).await,
            Change::Lifecycle(policy) => self.put_lifecycle(policy).await,
            Change::ResourceTag(name, value) => self.put_tag(name, value).await,
            Change::Encryption(_) => Ok(()),
        }
    }

    async fn put_mutability(&self, rules: &TagRules) -> Result<(), RegistryError> {
        let (mutability, filters) = mutability(rules);
        let call = self.api.client.put_image_tag_mutability().registry_id(&self.api.account);
        let call = call.repository_name(&self.repository.name).image_tag_mutability(mutability);
        let answer = call.set_image_tag_mutability_exclusion_filters(filters).send().await;
        answer.map(drop).map_err(|error| self.failed("ecr:PutImageTagMutability", &error))
    }

    async fn put_scanning(&self, scan: bool) -> Result<(), RegistryError> {
        let scan = ImageScanningConfiguration::builder().scan_on_push(scan).build();
        let call = self.api.client.put_image_scanning_configuration().registry_id(&self.api.account);
        let call = call.repository_name(&self.repository.name).image_scanning_configuration(scan);
        let answer = call.send().await;
        answer.map(drop).map_err(|error| self.failed("ecr:PutImageScanningConfiguration", &error))
    }

    async fn put_lifecycle(&self, policy: &Policy) -> Result<(), RegistryError> {
        let call = self.api.client.put_lifecycle_policy().registry_id(&self.api.account);
        let call = call.repository_name(&self.repository.name).lifecycle_policy_text(policy.to_text());
        let answer = call.send().await;
        answer.map(drop).map_err(|error| self.failed("ecr:PutLifecyclePolicy", &error))
    }

    async fn put_tag(&self, name: &str, value: &str) -> Result<(), RegistryError> {
        let call = self
            .api
            .client
            .tag_resource()
            .resource_arn(self.arn())
            .set_tags(tag(name, value).map(|tag| vec![tag]));
        let answer = call.send().await;
        answer.map(drop).map_err(|error| self.failed("ecr:TagResource", &error))
    }

    /// `None`: it has none.
    async fn lifecycle(&self) -> Result<Option<Policy>, RegistryError> {
        let call = self.api.client.get_lifecycle_policy().registry_id(&self.api.account);
        match call.repository_name(&self.repository.name).send().await {
            Ok(answer) => Ok(answer.lifecycle_policy_text().map(Policy::parse)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|one| one.is_lifecycle_policy_not_found_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.failed("ecr:GetLifecyclePolicy", &error)),
        }
    }

    async fn resource_tags(&self) -> Result<IndexMap<String, String>, RegistryError> {
        let answer = self.api.client.list_tags_for_resource().resource_arn(self.arn()).send().await;
        let answer = answer.map_err(|error| self.failed("ecr:ListTagsForResource", &error))?;
        let tags = answer.tags.unwrap_or_default().into_iter();
        Ok(tags.map(|tag| (tag.key, tag.value)).collect())
    }

    fn arn(&self) -> String {
        self.api.arn(&self.repository.name)
    }

    fn failed<E>(&self, call: &'static str, error: &SdkError<E>) -> RegistryError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        failed(&self.api.registry, call, &self.arn(), error)
    }
}

fn tag(name: &str, value: &str) -> Option<Tag> {
    Tag::builder().key(name).value(value).build().ok()
}
