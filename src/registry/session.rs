//! Logins of registries, kept for as long as they are valid, each with the client that uses it.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use oci_client::Client;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::credentials;
#[cfg(feature = "ecr")]
use super::ecr;
use crate::host::{Login, RegistryError};
use crate::plan::{Registry, RegistryKind};

/// A registry that has not answered by then will not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A login that is valid now, and a client that uses it. The client keeps the registry's tokens.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) login: Option<Login>,
    /// The API of a private registry of Amazon ECR.
    #[cfg(feature = "ecr")]
    pub(super) ecr: Option<ecr::Api>,
    renew_at: Option<Instant>,
}

impl Session {
    async fn open(registry: &Registry) -> Result<Self, RegistryError> {
        let logged_in = log_in(registry).await?;
        // What starts with the login must be able to end with it: a push may take a while.
        let renew_at = logged_in.valid_for.map(|valid_for| Instant::now() + valid_for * 3 / 4);
        Ok(Self {
            client: client(registry),
            login: logged_in.login,
            #[cfg(feature = "ecr")]
            ecr: logged_in.ecr,
            renew_at,
        })
    }

    pub(super) fn auth(&self) -> RegistryAuth {
        match &self.login {
            Some(Login { credentials, .. }) => {
                RegistryAuth::Basic(credentials.username.clone(), credentials.password.clone())
            }
            None => RegistryAuth::Anonymous,
        }
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
    open: Mutex<IndexMap<Registry, Slot>>,
}

impl Sessions {
    /// The session of a registry, with a new login if that of the last one is running out.
    pub(super) async fn get(&self, registry: &Registry) -> Result<Arc<Session>, RegistryError> {
        let slot = Arc::clone(self.open.lock().await.entry(registry.clone()).or_default());
        // Held during the login, so that many who ask at the same time log in once.
        let mut slot = slot.lock().await;
        if let Some(session) = slot.as_ref().filter(|session| session.is_valid()) {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(Session::open(registry).await?);
        *slot = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Forgets a session whose login is not accepted any more.
    pub(super) async fn close(&self, registry: &Registry, refused: &Arc<Session>) {
        let slot = self.open.lock().await.get(registry).cloned();
        let Some(slot) = slot else { return };
        let mut slot = slot.lock().await;
        if slot.as_ref().is_some_and(|session| Arc::ptr_eq(session, refused)) {
            *slot = None;
        }
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

fn client(registry: &Registry) -> Client {
    let insecure = match &registry.kind {
        RegistryKind::Oci { insecure, .. } => *insecure,
        RegistryKind::Ecr { .. } | RegistryKind::EcrPublic { .. } => false,
    };
    let plain = insecure || is_loopback(&registry.host());
    let protocol = if plain { ClientProtocol::Http } else { ClientProtocol::Https };
    Client::new(ClientConfig {
        protocol,
        user_agent: "cachelang",
        connect_timeout: Some(CONNECT_TIMEOUT),
        read_timeout: Some(READ_TIMEOUT),
        ..ClientConfig::default()
    })
}

/// Registries of this machine are spoken to without TLS, as Docker Engines do.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_this_machine_is_loopback() {
        for (host, expected) in [
            ("127.0.0.1:5000", true),
            ("localhost:5000", true),
            ("localhost", true),
            ("[::1]:5000", true),
            ("10.0.0.1:5000", false),
            ("registry.example.com", false),
            ("127.0.0.1.example.com", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
