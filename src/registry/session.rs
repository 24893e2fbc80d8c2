//! Logins of registries, kept for as long as they are valid, each with the client that uses it.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use reqwest::{Client, Url};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::auth::Authorizations;
#[cfg(feature = "ecr")]
use super::ecr;
use super::retry::Patience;
use super::{certificates, credentials, endpoint};
use crate::host::{Login, RegistryError, root_cause};
use crate::plan::{Registry, RegistryKind};

/// A registry that takes no connection by then will not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// A login that is valid now, and what it has been exchanged for.
pub(super) struct Session {
    pub(super) client: Client,
    /// `https://host/`
    pub(super) base: Url,
    pub(super) login: Option<Login>,
    pub(super) authorizations: Mutex<Authorizations>,
    pub(super) patience: Patience,
    /// The API of a private registry of Amazon ECR.
    #[cfg(feature = "ecr")]
    pub(super) ecr: Option<ecr::Api>,
    renew_at: Option<Instant>,
}

impl Session {
    async fn open(registry: &Registry, patience: &Patience) -> Result<Self, RegistryError> {
        let logged_in = log_in(registry).await?;
        // What starts with the login must be able to end with it: a push may take a while.
        let renew_at = logged_in.valid_for.map(|valid_for| Instant::now() + valid_for * 3 / 4);
        let host = registry.host();
        let unusable = |cause: String| RegistryError::Unreachable { host: host.clone(), cause };
        let client = Client::builder().user_agent("cachelang").connect_timeout(CONNECT_TIMEOUT);
        let client = certificates::trust(&host, client)?.build();
        let client = client.map_err(|error| unusable(root_cause(&error)))?;
        let base = endpoint::base(registry, &client).await;
        let base = base.ok_or_else(|| unusable("this is no name of a host".to_owned()))?;
        let (authorizations, patience) = (Mutex::default(), patience.clone());
        Ok(Self {
            client,
            base,
            login: logged_in.login,
            authorizations,
            patience,
            #[cfg(feature = "ecr")]
            ecr: logged_in.ecr,
            renew_at,
        })
    }

    /// Whether another login may be accepted where this one is refused.
    pub(super) fn is_renewable(&self) -> bool {
        self.renew_at.is_some()
    }

    fn is_valid(&self) -> bool {
        self.renew_at.is_none_or(|renew_at| Instant::now() < renew_at)
    }
}

/// What a login has brought.
pub(super) struct LoggedIn {
    pub(super) login: Option<Login>,
    /// `None`: for as long as nobody takes it back.
    pub(super) valid_for: Option<Duration>,
    #[cfg(feature = "ecr")]
    pub(super) ecr: Option<ecr::Api>,
}

/// Where a registry's session is kept; locked while it is opened.
type Slot = Arc<Mutex<Option<Arc<Session>>>>;

/// The sessions of all registries: one for each item, opened when it is first needed.
#[derive(Default)]
pub(super) struct Sessions {
    patience: Patience,
    open: Mutex<IndexMap<Registry, Slot>>,
}

impl Sessions {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, open: Mutex::default() }
    }

    /// The session of a registry, with a new login if that of the last one is running out.
    pub(super) async fn get(&self, registry: &Registry) -> Result<Arc<Session>, RegistryError> {
        let slot = Arc::clone(self.open.lock().await.entry(registry.clone()).or_default());
        // Held during the login, so that many who ask at the same time log in once.
        let mut slot = slot.lock().await;
        if let Some(session) = slot.as_ref().filter(|session| session.is_valid()) {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(Session::open(registry, &self.patience).await?);
        *slot = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Opens another session in place of one whose login was refused; `None` if it would be with the same login.
    pub(super) async fn renew(
        &self,
        registry: &Registry,
        refused: &Arc<Session>,
    ) -> Result<Option<Arc<Session>>, RegistryError> {
        let slot = self.open.lock().await.get(registry).cloned();
        if let Some(slot) = slot {
            let mut slot = slot.lock().await;
            if slot.as_ref().is_some_and(|session| Arc::ptr_eq(session, refused)) {
                *slot = None;
            }
        }
        let session = self.get(registry).await?;
        // A token that was issued anew may look the same; and what a credential helper says may change.
        Ok(Some(session).filter(|session| session.is_renewable() || session.login != refused.login))
    }
}

async fn log_in(registry: &Registry) -> Result<LoggedIn, RegistryError> {
    match &registry.kind {
        RegistryKind::Oci { host, username, password, .. } => {
            let login = credentials::oci(host, username.as_deref(), password.as_ref()).await?;
            Ok(LoggedIn {
                login,
                valid_for: None,
                #[cfg(feature = "ecr")]
                ecr: None,
            })
        }
        #[cfg(feature = "ecr")]
        RegistryKind::Ecr { .. } | RegistryKind::EcrPublic { .. } => ecr::log_in(registry).await,
        #[cfg(not(feature = "ecr"))]
        RegistryKind::Ecr { .. } | RegistryKind::EcrPublic { .. } => {
            Err(RegistryError::Unsupported("Amazon ECR (feature `ecr`)"))
        }
    }
}
