//! Where a builder listens: what `DOCKER_HOST`, Docker contexts and `builder` items say.

mod context;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::environment::Environment;
use crate::plan::{self, BuilderKind};

pub use context::ContextError;

/// Where a builder listens and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// `unix:///var/run/docker.sock`
    Unix(PathBuf),
    /// `tcp://host:port`
    Tcp {
        /// `host:port`
        authority: String,
        /// `None`: the connection is not encrypted.
        tls: Option<Tls>,
    },
    /// `ssh://user@host:port`: through the program `ssh` and what it starts on the other machine.
    Ssh(Ssh),
}

/// The files, in PEM form, with which two sides prove who they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tls {
    /// Who has signed the certificate of the builder; `None`: an authority that the machine trusts.
    pub ca: Option<PathBuf>,
    /// The certificate and the key of this side.
    pub identity: Option<Identity>,
}

/// A certificate and the key that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, then those that lead to the authority.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// A machine that is reached over SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ssh {
    /// `None`: as the configuration of `ssh` says.
    pub user: Option<String>,
    /// A name or an address, without brackets.
    pub host: String,
    /// `None`: as the configuration of `ssh` says.
    pub port: Option<u16>,
    /// The socket on the other machine; `None`: where it usually is.
    pub socket: Option<String>,
}

/// Why a text is not the address of a builder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    #[error(
        "`{0}` is not the address of a builder; write `unix:///path`, `tcp://host:port` or `ssh://user@host`"
    )]
    Malformed(String),
    #[error("DOCKER_HOST: {0}")]
    DockerHost(Box<AddressError>),
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error("builder `{0}` needs an `endpoint`: only the Docker Engine has a usual place")]
    NoEndpoint(String),
    /// As the `docker` program, which does not fall back to the authorities of the machine either.
    #[error("{origin} asks for TLS, but {} is not there", .file.display())]
    NoCertificate {
        /// The variable or the context that asks for it.
        origin: String,
        /// `ca.pem`, `cert.pem` or `key.pem`.
        file: PathBuf,
    },
}

/// The port of an engine without and with TLS (<https://docs.docker.com/reference/cli/dockerd/>), and the one that
/// the documents of BuildKit use.
const fn usual_port(kind: BuilderKind, encrypted: bool) -> u16 {
    match (kind, encrypted) {
        (BuilderKind::Docker, false) => 2375,
        (BuilderKind::Docker, true) => 2376,
        (BuilderKind::Buildkit, _) => 1234,
    }
}

impl Default for Address {
    /// Where the Docker Engine of a machine listens unless told otherwise.
    fn default() -> Self {
        Address::Unix(PathBuf::from("/var/run/docker.sock"))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads the form that the variable `DOCKER_HOST` has.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Address::parse(text, BuilderKind::Docker, None)
    }
}

impl Address {
    /// Reads an address; `tls` is for those that a connection over TCP goes to.
    ///
    /// # Errors
    /// [`AddressError::Malformed`] for what is no address.
    pub fn parse(text: &str, kind: BuilderKind, tls: Option<Tls>) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(without_login(text));
        let (scheme, rest) = text.split_once("://").ok_or_else(malformed)?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Address::Unix(PathBuf::from(rest))),
            "tcp" | "http" | "https" => {
                let tls = if scheme == "https" { Some(tls.unwrap_or_default()) } else { tls };
                let (host, port) =
                    host_and_port(rest.strip_suffix('/').unwrap_or(rest)).ok_or_else(malformed)?;
                let port = port.unwrap_or(usual_port(kind, tls.is_some()));
                Ok(Address::Tcp { authority: format!("{host}:{port}"), tls })
            }
            "ssh" => Ok(Address::Ssh(ssh(rest).ok_or_else(malformed)?)),
            _ => Err(malformed()),
        }
    }

    /// The builder that the machine offers: the Docker Engine of `DOCKER_HOST`, else that of the current Docker
    /// context, else the local one, as the `docker` program chooses
    /// (<https://docs.docker.com/engine/manage-resources/contexts/>).
    ///
    /// # Errors
    /// When a variable or the context is not one that an engine can be found by.
    pub fn of_machine(environment: &dyn Environment) -> Result<Self, AddressError> {
        match environment.var("DOCKER_HOST") {
            Some(text) => {
                docker_host(&text, environment).map_err(|error| AddressError::DockerHost(Box::new(error)))
            }
            None => Ok(context::current(environment)?.unwrap_or_default()),
        }
    }

    /// The address of a `builder` item; `machine` is what [`Address::of_machine`] says.
    ///
    /// # Errors
    /// When its `endpoint` is no address, or it has none and is not a Docker Engine.
    pub fn of_builder(
        builder: &plan::Builder,
        machine: &Result<Address, AddressError>,
    ) -> Result<Self, AddressError> {
        let Some(endpoint) = &builder.endpoint else {
            return match builder.kind {
                BuilderKind::Docker => machine.clone(),
                BuilderKind::Buildkit => Err(AddressError::NoEndpoint(builder.name.clone())),
            };
        };
        let tls = builder.tls.as_ref().map(|tls| Tls {
            ca: Some(tls.ca.clone()),
            identity: tls.cert.clone().zip(tls.key.clone()).map(|(cert, key)| Identity { cert, key }),
        });
        Address::parse(endpoint, builder.kind, tls)
    }
}

/// What `DOCKER_HOST` may say beside whole addresses: `host:port`, and parts left out (docker/cli, opts/hosts.go).
fn docker_host(text: &str, environment: &dyn Environment) -> Result<Address, AddressError> {
    let text =
        if text.contains("://") || text.starts_with('/') { text.to_owned() } else { format!("tcp://{text}") };
    match text.split_once("://") {
        Some(("unix", "")) => Ok(Address::default()),
        Some((scheme @ ("tcp" | "http" | "https"), rest)) => {
            let host = if rest.is_empty() || rest.starts_with(':') { "localhost" } else { "" };
            let tls = tls_of_machine(environment)?;
            Address::parse(&format!("{scheme}://{host}{rest}"), BuilderKind::Docker, tls)
        }
        _ => Address::parse(&text, BuilderKind::Docker, None),
    }
}

/// `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`: <https://docs.docker.com/reference/cli/docker/#environment-variables>
fn tls_of_machine(environment: &dyn Environment) -> Result<Option<Tls>, AddressError> {
    const ORIGIN: &str = "DOCKER_TLS_VERIFY";
    if environment.var(ORIGIN).is_none() {
        return Ok(None);
    }
    let usual = || Some(PathBuf::from(environment.var("HOME")?).join(".docker"));
    let folder = environment.var("DOCKER_CERT_PATH").map(PathBuf::from).or_else(usual).unwrap_or_default();
    let tls = Tls::in_folder(&folder, ORIGIN, environment)?;
    match tls.ca {
        Some(_) => Ok(Some(tls)),
        None => Err(AddressError::NoCertificate { origin: ORIGIN.to_owned(), file: folder.join("ca.pem") }),
    }
}

impl Tls {
    /// The files `ca.pem`, `cert.pem` and `key.pem` of a folder, those of them that are there. Of the last two, one
    /// is of no use without the other.
    fn in_folder(folder: &Path, origin: &str, environment: &dyn Environment) -> Result<Self, AddressError> {
        let file = |name| Some(folder.join(name)).filter(|file| environment.path_kind(file).is_some());
        let missing =
            |name| AddressError::NoCertificate { origin: origin.to_owned(), file: folder.join(name) };
        let identity = match (file("cert.pem"), file("key.pem")) {
            (Some(cert), Some(key)) => Some(Identity { cert, key }),
            (None, None) => None,
            (Some(_), None) => return Err(missing("key.pem")),
            (None, Some(_)) => return Err(missing("cert.pem")),
        };
        Ok(Self { ca: file("ca.pem"), identity })
    }
}

/// A text for a message: what stands before `@` may have a password.
fn without_login(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (scheme, Some(at)) => {
            let scheme = scheme.and_then(|end| text.get(..end + 3)).unwrap_or_default();
            format!("{scheme}…{}", text.get(at..).unwrap_or_default())
        }
        _ => text.to_owned(),
    }
}

/// `host`, `host:port`, `[::1]:port`
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let bracketed = text.starts_with('[').then(|| text.find(']')).flatten();
    let (host, port) = match bracketed {
        Some(end) => (text.get(..=end)?, text.get(end + 1..)?),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match port {
        "" => None,
        port => Some(port.strip_prefix(':')?.parse().ok()?),
    };
    let is_host = !host.is_empty() && !host.contains(['/', ' ', '@']);
    is_host.then_some((host, port))
}

/// `user@host:port/path/to.sock`
fn ssh(text: &str) -> Option<Ssh> {
    let (place, socket) = text.split_at(text.find('/').unwrap_or(text.len()));
    let (user, place) = place.rsplit_once('@').map_or((None, place), |(user, place)| (Some(user), place));
    let (host, port) = host_and_port(place)?;
    let host = host.trim_matches(['[', ']']).to_owned();
    // `ssh` would take these for options.
    let is_option = |word: &str| word.starts_with('-') || word.is_empty();
    // A password would be seen in the list of processes; `ssh` takes none this way.
    let is_bad = is_option(&host) || user.is_some_and(|user| is_option(user) || user.contains(':'));
    let socket = Some(socket).filter(|socket| !matches!(*socket, "" | "/")).map(str::to_owned);
    (!is_bad).then(|| Ssh { user: user.map(str::to_owned), host, port, socket })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Tcp { authority, .. } => write!(f, "tcp://{authority}"),
            Address::Ssh(ssh) => write!(f, "ssh://{ssh}"),
        }
    }
}

impl fmt::Display for Ssh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(&self.host)?
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.socket.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_as_docker_host_writes_them() {
        for (text, expected) in [
            ("unix:///run/docker.sock", Some("unix:///run/docker.sock")),
            ("tcp://10.0.0.7:2375", Some("tcp://10.0.0.7:2375")),
            ("tcp://build.example", Some("tcp://build.example:2375")),
            ("https://build.example", Some("tcp://build.example:2376")),
            ("tcp://[::1]:4000/", Some("tcp://[::1]:4000")),
            ("tcp://[::1]", Some("tcp://[::1]:2375")),
            ("ssh://ci@build.example", Some("ssh://ci@build.example")),
            ("ssh://ci@[::1]:22/run/d.sock", Some("ssh://ci@[::1]:22/run/d.sock")),
            ("ssh://build/", Some("ssh://build")),
            ("ssh://-oProxyCommand=x", None),
            ("ssh://ci:secret@host", None),
            ("tcp://ci:secret@host", None),
            ("ssh://@host", None),
            ("ssh://", None),
            ("unix://relative.sock", None),
            ("/var/run/docker.sock", None),
            ("tcp://:2375", None),
            ("tcp://host:port", None),
            ("tcp://host:1/path", None),
            ("npipe:////./pipe/docker_engine", None),
        ] {
            let address = text.parse::<Address>().ok().map(|address| address.to_string());
            assert_eq!(address.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        for text in ["ssh://ci:secret@host", "tcp://ci:secret@host:1", "ci:secret@host"] {
            let error = text.parse::<Address>().expect_err("it has a password").to_string();
            assert!(!error.contains("secret") && error.contains("@host"), "{error}");
        }
    }

    #[test]
    fn a_buildkitd_has_a_port_of_its_own() {
        let address = Address::parse("tcp://build.example", BuilderKind::Buildkit, Some(Tls::default()));
        assert_eq!(address.map(|address| address.to_string()).as_deref(), Ok("tcp://build.example:1234"));
    }
}
