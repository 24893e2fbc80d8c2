//! Where the distribution API of a registry is.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Client, Url};

use crate::host::root_cause;
use crate::plan::{Registry, RegistryKind};

/// How long a registry of this machine is waited for until it has said whether it speaks TLS.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The host that answers for a name. Docker Hub's own is not the one that images carry.
pub(super) fn api_host(host: &str) -> &str {
    if is_docker_hub(host) { "registry-1.docker.io" } else { host }
}

/// A repository's name in the API: `docker.io/redis` is `library/redis` there.
pub(super) fn api_name(host: &str, name: &str) -> String {
    if is_docker_hub(host) && !name.contains('/') { format!("library/{name}") } else { name.to_owned() }
}

/// The key of a host in Docker's configuration.
pub(super) fn config_key(host: &str) -> &str {
    if is_docker_hub(host) { "https://index.docker.io/v1/" } else { host }
}

fn is_docker_hub(host: &str) -> bool {
    matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io")
}

/// `https://host/`, or with `http` where the file says so, or where a registry on this machine speaks without TLS.
/// `None` if the host is no name of one.
pub(super) async fn base(registry: &Registry, client: &Client) -> Option<Url> {
    let host = registry.host();
    let insecure = matches!(registry.kind, RegistryKind::Oci { insecure: true, .. });
    let plain = insecure || (is_loopback(&host) && !speaks_tls(&host, client).await);
    let scheme = if plain { "http" } else { "https" };
    Url::parse(&format!("{scheme}://{}/", api_host(&host))).ok()
}

/// Registries of this machine need no TLS, as with Docker Engines.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Also if its certificate is not accepted: that is an error then, and no reason to do without.
async fn speaks_tls(host: &str, client: &Client) -> bool {
    match client.get(format!("https://{host}/v2/")).timeout(PROBE_TIMEOUT).send().await {
        Ok(_) => true,
        Err(error) => {
            let cause = root_cause(&error);
            ["certificate", "fatal alert"].iter().any(|word| cause.contains(word))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn docker_hub_has_other_names_for_its_api() {
        assert_eq!(
            (api_host("docker.io"), &*api_name("docker.io", "redis")),
            ("registry-1.docker.io", "library/redis")
        );
        assert_eq!(api_name("docker.io", "team/app"), "team/app");
        assert_eq!(config_key("docker.io"), "https://index.docker.io/v1/");
    }

    #[test]
    fn other_registries_are_where_their_names_say() {
        for host in ["ghcr.io", "registry.gitlab.com", "example.jfrog.io", "registry.example.com:5000"] {
            assert_eq!((api_host(host), &*api_name(host, "app"), config_key(host)), (host, "app", host));
        }
    }
}
