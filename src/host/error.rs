//! What goes wrong outside of this program: in engines, registries and commands.

use std::path::PathBuf;

use super::Masks;
use crate::plan::{BuilderKind, Registry, RegistryKind};

/// Why an engine could not build.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    #[error("cannot reach {} at {address} ({cause})", kind_in_words(*.kind))]
    Unreachable {
        kind: BuilderKind,
        address: String,
        cause: String,
        /// The item of the file that has the address; `None`: the machine says where its engine is.
        builder: Option<String>,
    },
    #[error("the connection to the engine was lost{} ({cause})", during(.step))]
    ConnectionLost {
        cause: String,
        /// The step that was running.
        step: Option<String>,
    },
    #[error("step `{step}` failed: {cause}")]
    Step {
        step: String,
        cause: String,
        /// The last lines that the step printed.
        output: Vec<String>,
        /// Its instruction, if the engine has said which.
        place: Option<Box<DockerfilePlace>>,
    },
    #[error("the engine has no space left on its disk ({0})")]
    DiskFull(String),
    /// A folder of this machine cannot be sent to the engine.
    #[error("{0}")]
    Context(String),
    /// The engine does not know a setting, or has no way to do what it asks for.
    #[error("{engine} does not support {what}")]
    Unsupported {
        engine: String,
        what: String,
        /// What would work.
        help: String,
    },
    #[error("this machine does not say where the cache service of GitHub Actions is")]
    NoCacheService,
    /// An entry of `ssh` that leads to no agent.
    #[error("the SSH agent `{id}` cannot be used: {cause}")]
    Agent { id: String, cause: String, help: String },
    #[error("{0}")]
    Address(String),
    /// The Dockerfile is wrong.
    #[error("{cause}")]
    Dockerfile { cause: String, place: Box<DockerfilePlace> },
    #[error("{0}")]
    Engine(String),
}

impl BuildError {
    /// The same error without the values that are hidden.
    #[must_use]
    pub(crate) fn hidden(mut self, masks: &Masks) -> Self {
        if let BuildError::Step { output, .. } = &mut self {
            output.iter_mut().for_each(|line| *line = masks.hide(line).into_owned());
        }
        self
    }

    /// Whether the same build may succeed when it is started again: not if it is the Dockerfile that is wrong, or the
    /// engine that lacks something.
    pub fn may_pass(&self) -> bool {
        match self {
            BuildError::Unreachable { .. }
            | BuildError::ConnectionLost { .. }
            | BuildError::Step { .. }
            // Files come and go.
            | BuildError::Context(_)
            | BuildError::Engine(_) => true,
            BuildError::DiskFull(_)
            | BuildError::Unsupported { .. }
            | BuildError::NoCacheService
            | BuildError::Agent { .. }
            | BuildError::Address(_)
            | BuildError::Dockerfile { .. } => false,
        }
    }

    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<String> {
        const DISK: &str =
            "free disk space where the engine keeps its data, for example with `docker system prune`";
        let help = match self {
            BuildError::Unsupported { help, .. } | BuildError::Agent { help, .. } => help.clone(),
            BuildError::NoCacheService => "`cache.gha` works in jobs of GitHub Actions: there, let the action \
                 `crazy-max/ghaction-github-runtime` hand ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL to the step \
                 that runs cachelang; without a `cache` block, the cache is in the registry"
                .to_owned(),
            BuildError::Unreachable { kind, address, cause, builder } => {
                unreachable_help(*kind, address, cause, builder.as_deref())
            }
            BuildError::DiskFull(_) => DISK.to_owned(),
            BuildError::Context(why) if why.contains("failed to") => {
                "leave out what no step needs: write it into `.dockerignore`".to_owned()
            }
            // What BuildKit says where it found no such program when it started: seen with Docker 28.5.
            BuildError::Step { cause, .. } if cause.contains("unknown scheme git") => {
                "the engine fetches repositories with the program `git`: install it on the engine's machine"
                    .to_owned()
            }
            BuildError::Step { cause, output, .. }
                if cause.contains("no space left")
                    || output.iter().any(|line| line.contains("No space left")) =>
            {
                DISK.to_owned()
            }
            // What Linux and BuildKit say of a program of another processor.
            BuildError::Step { output, .. }
                if output.iter().any(|line| line.contains("exec format error")) =>
            {
                "the engine cannot run programs of this platform: set up emulation (binfmt_misc) for it, or build \
                 on another `builder`"
                    .to_owned()
            }
            _ => return None,
        };
        Some(help)
    }

    /// The instruction of the Dockerfile that it is about.
    pub fn place(&self) -> Option<&DockerfilePlace> {
        match self {
            BuildError::Step { place, .. } => place.as_deref(),
            BuildError::Dockerfile { place, .. } => Some(place),
            _ => None,
        }
    }
}

/// Lines of a Dockerfile, as the engine has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DockerfilePlace {
    /// The name that the engine has for the file: `Dockerfile`.
    pub file: String,
    /// The whole file.
    pub text: String,
    /// The first line of the instruction, from 1.
    pub first_line: u32,
    /// The last one.
    pub last_line: u32,
}

impl DockerfilePlace {
    /// A place in a file.
    pub fn new(file: impl Into<String>, text: impl Into<String>, first_line: u32, last_line: u32) -> Self {
        Self { file: file.into(), text: text.into(), first_line, last_line }
    }
}

fn unreachable_help(kind: BuilderKind, address: &str, cause: &str, builder: Option<&str>) -> String {
    let says = |words: &[&str]| words.iter().any(|word| cause.contains(word));
    // What rustls says of a certificate that it does not accept, and of one that is not accepted from it.
    if says(&["invalid peer certificate", "received fatal alert", "HandshakeFailure"]) {
        return match builder {
            Some(builder) => format!(
                "check `tls` of `builder {builder}`: `ca` must have signed the certificate of the builder, which must \
                 be valid for the host of `endpoint`; `cert` and `key` must be signed by the authority that the \
                 builder trusts"
            ),
            None => {
                "check ca.pem, cert.pem and key.pem of the engine: they are in DOCKER_CERT_PATH or in the \
                     Docker context"
                    .to_owned()
            }
        };
    }
    // What rustls makes of an answer that is not encrypted.
    if says(&["InvalidContentType", "corrupt message"]) {
        return format!("{address} does not speak TLS: check its port, or do without TLS");
    }
    match (builder, kind) {
        _ if says(&["ermission denied"]) && address.starts_with("unix://") => {
            "let this user use the engine's socket: the group `docker` may".to_owned()
        }
        _ if address.starts_with("ssh://") => {
            let program = match kind {
                BuilderKind::Docker => "docker",
                BuilderKind::Buildkit => "buildctl",
            };
            format!(
                "check that `ssh` comes in there without a password, and that the program `{program}` is there"
            )
        }
        (Some(builder), BuilderKind::Docker) => {
            format!("start the Docker Engine there, or change the `endpoint` of `builder {builder}`")
        }
        (Some(builder), BuilderKind::Buildkit) => {
            format!("check that a buildkitd listens there, and the `endpoint` of `builder {builder}`")
        }
        (None, _) => {
            format!("start the Docker Engine at {address}, or set DOCKER_HOST to the address of another one")
        }
    }
}

fn kind_in_words(kind: BuilderKind) -> &'static str {
    match kind {
        BuilderKind::Docker => "a Docker Engine",
        BuilderKind::Buildkit => "a buildkitd",
    }
}

fn during(step: &Option<String>) -> String {
    step.as_ref().map_or_else(String::new, |step| format!(" during step `{step}`"))
}

/// Why a tag could not be pushed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    #[error("{host} does not accept the credentials ({cause})")]
    Denied { host: String, cause: String },
    #[error("cannot reach the registry {host} ({cause})")]
    Unreachable { host: String, cause: String },
    #[error("{0}")]
    Engine(String),
}

impl PushError {
    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            PushError::Denied { host, .. } => Some(denied_help(host)),
            // Amazon ECR: "name unknown: The repository with name 'x' does not exist in the registry with id '…'"
            PushError::Engine(cause) if cause.contains("name unknown") => {
                Some("create the repository, or write `create = true` in the `repository` item".to_owned())
            }
            _ => None,
        }
    }

    /// Whether the same push may succeed when it is started again: the registry is busy or the connection broke. A
    /// registry that cannot be found or refuses the connection has been tried long enough by the engine.
    pub fn may_pass(&self) -> bool {
        let (PushError::Unreachable { cause, .. } | PushError::Engine(cause)) = self else { return false };
        let cause = cause.to_ascii_lowercase();
        let passing = [
            "toomanyrequests",
            "too many requests",
            "429",
            "status: 5",
            "status code: 5",
            "internal server error",
            "bad gateway",
            "service unavailable",
            "gateway timeout",
            "connection reset",
            "broken pipe",
            "eof",
            "timeout",
            "throttl",
            // What registries say when the containerd image store makes a request again that the registry had no
            // service for: its content is lost then.
            "digest did not match uploaded content",
        ];
        // containerd: `unexpected status from PUT request to http://…/manifests/1: 503 Service Unavailable`
        let status = cause.split_once("unexpected status from ").and_then(|(_, rest)| rest.rsplit_once(": "));
        status.is_some_and(|(_, status)| status.starts_with('5'))
            || passing.iter().any(|word| cause.contains(word))
    }
}

/// Why a registry could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    #[error("cannot reach the registry {host} ({cause})")]
    Unreachable { host: String, cause: String },
    #[error("{host} does not accept the credentials from {origin} ({cause})")]
    Denied {
        host: String,
        /// Where the credentials were found.
        origin: String,
        cause: String,
    },
    #[error("{host} wants a login, and no credentials for it were found")]
    LoginNeeded { host: String },
    #[error("the credentials for {host} cannot be read ({cause})")]
    Credentials { host: String, cause: String },
    #[error("the certificates in {} cannot be used ({cause})", path.display())]
    Certificates { path: PathBuf, cause: String },
    #[error("{reference} does not exist")]
    NoImage {
        /// `host/name@sha256:…`
        reference: String,
    },
    #[error("{call} failed ({cause})")]
    Api {
        /// What was asked for.
        call: String,
        cause: String,
    },
    #[error("{call} failed ({cause})")]
    Aws {
        /// The API call, which is also the IAM action: `ecr:GetAuthorizationToken`.
        call: &'static str,
        cause: String,
        /// What to do about it.
        help: String,
    },
    #[error("there is no repository `{name}` in {}", place(.registry))]
    NoRepository {
        name: String,
        /// The item in the file.
        item: String,
        registry: Box<Registry>,
    },
    #[error("this build of cachelang has no support for {0}")]
    Unsupported(&'static str),
}

impl RegistryError {
    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            RegistryError::Unreachable { host, cause } if cause.contains("certificate") => Some(format!(
                "if a private authority has signed the certificate of {host}, put the authority's certificate into \
                 /etc/docker/certs.d/{host}/ca.crt, where the Docker Engine looks for it too, or into \
                 ~/.docker/certs.d/{host}/ca.crt"
            )),
            RegistryError::Unreachable { host, .. } => Some(format!(
                "check that a registry answers at {host}, and the `host` of the `registry` item"
            )),
            RegistryError::Denied { host, .. } | RegistryError::LoginNeeded { host } => {
                Some(denied_help(host))
            }
            RegistryError::Aws { help, .. } => Some(help.clone()),
            RegistryError::NoRepository { item, registry, .. } => Some(format!(
                "create it, or write `create = true` in `repository {item}`; if it is elsewhere, correct `account` and \
                 `region` of `registry {}`",
                registry.name
            )),
            RegistryError::Credentials { .. }
            | RegistryError::Certificates { .. }
            | RegistryError::NoImage { .. }
            | RegistryError::Api { .. }
            | RegistryError::Unsupported(_) => None,
        }
    }
}

/// Where a registry of Amazon ECR is.
fn place(registry: &Registry) -> String {
    match &registry.kind {
        RegistryKind::Ecr { account, region, .. } => format!("account {account}, region {region}"),
        RegistryKind::EcrPublic { .. } | RegistryKind::Oci { .. } => registry.host(),
    }
}

fn denied_help(host: &str) -> String {
    if host.contains(".dkr.ecr.") {
        return "`cachelang iam` prints the policy that these credentials need".to_owned();
    }
    format!("log in with `docker login {host}`, or give `username` and `password` in the `registry` item")
}

/// Why a command did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    #[error("cannot start `{program}` ({cause})")]
    Start { program: String, cause: String },
    #[error("exit code {code}")]
    Exit { code: i32 },
    #[error("ended by signal {signal}")]
    Signal { signal: i32 },
    #[error("{0}")]
    Output(std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::BuildError;

    #[test]
    fn an_engine_without_git_is_told_from_other_failures() {
        let failed = |cause: &str| {
            let (step, cause) = ("[internal] load git source https://x/y.git".into(), cause.into());
            BuildError::Step { step, cause, output: Vec::new(), place: None }.help()
        };
        let help = failed("unknown scheme git: not found").expect("it is known what to do");
        assert!(help.contains("install it on the engine's machine"), "{help}");
        assert_eq!(failed("repository does not contain ref main"), None);
    }

    #[test]
    fn only_what_may_pass_is_pushed_again() {
        let status = |status: &str| {
            let cause =
                format!("unexpected status from PUT request to http://r.io/v2/a/manifests/5: {status}");
            super::PushError::Engine(cause).may_pass()
        };
        assert!(status("503 Service Unavailable") && status("502 X"));
        assert!(!status("400 Bad Request") && !status("403 Forbidden"));
    }
}
