//! Docker contexts: the engines that `docker context use` switches between
//! (<https://docs.docker.com/engine/manage-resources/contexts/>; docker/cli, cli/context/store).

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{Address, AddressError, Tls};
use crate::environment::Environment;
use crate::plan::BuilderKind;

/// A configuration with a thousand logins has a tenth of it.
const MAX_FILE: usize = 1 << 20;

/// The context that stands for `DOCKER_HOST` and the local engine.
const DEFAULT: &str = "default";

/// Why the current Docker context cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    #[error("the Docker context `{name}`, which {origin} names, does not exist")]
    Missing {
        /// The name of the context.
        name: String,
        /// `DOCKER_CONTEXT`, or the file that names it.
        origin: String,
    },
    #[error("the Docker context `{name}`, which {origin} names, is not one of a Docker Engine")]
    NoEngine {
        /// The name of the context.
        name: String,
        /// `DOCKER_CONTEXT`, or the file that names it.
        origin: String,
    },
    #[error("cannot read {} ({cause})", .file.display())]
    Unreadable {
        /// A file of the Docker configuration.
        file: PathBuf,
        /// Why not.
        cause: String,
    },
    #[error("the Docker context `{name}` has no usable address: {cause}")]
    Address {
        /// The name of the context.
        name: String,
        /// What is wrong with it.
        cause: Box<AddressError>,
    },
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    #[serde(default)]
    endpoints: HashMap<String, Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skips_verification: bool,
}

/// The address of the current context, `None` if it is the default one.
pub(super) fn current(environment: &dyn Environment) -> Result<Option<Address>, ContextError> {
    let Some(folder) = folder(environment) else { return Ok(None) };
    let Some((name, origin)) = name(environment, &folder)? else { return Ok(None) };
    let id = hex(&Sha256::digest(&name));
    let file = folder.join("contexts/meta").join(&id).join("meta.json");
    let meta: Option<Meta> = read(environment, &file)?;
    let Some(mut meta) = meta else { return Err(ContextError::Missing { name, origin }) };
    let Some(endpoint) = meta.endpoints.remove("docker") else {
        return Err(ContextError::NoEngine { name, origin });
    };
    let certificates = folder.join("contexts/tls").join(&id).join("docker");
    let has_certificates = environment.path_kind(&certificates).is_some();
    let by = format!("the Docker context `{name}`");
    let tls = match has_certificates {
        true => Tls::in_folder(&certificates, &by, environment).map(Some),
        // Who checks no certificate still encrypts. Here both is done.
        false => Ok(endpoint.skips_verification.then(Tls::default)),
    };
    let address = tls.and_then(|tls| Address::parse(&endpoint.host, BuilderKind::Docker, tls));
    address.map(Some).map_err(|cause| ContextError::Address { name, cause: Box::new(cause) })
}

/// Where the `docker` program keeps its configuration.
fn folder(environment: &dyn Environment) -> Option<PathBuf> {
    let usual = || Some(PathBuf::from(environment.var("HOME")?).join(".docker"));
    environment.var("DOCKER_CONFIG").map(PathBuf::from).or_else(usual)
}

/// The name of the current context and who says so; `None` for the default one.
fn name(environment: &dyn Environment, folder: &Path) -> Result<Option<(String, String)>, ContextError> {
    let (name, origin) = match environment.var("DOCKER_CONTEXT") {
        Some(name) => (name, "DOCKER_CONTEXT".to_owned()),
        None => {
            let file = folder.join("config.json");
            let config: Config = read(environment, &file)?.unwrap_or_default();
            (config.current_context.unwrap_or_default(), file.display().to_string())
        }
    };
    Ok(Some((name, origin)).filter(|(name, _)| !matches!(name.as_str(), "" | DEFAULT)))
}

/// A file in JSON, `None` if it is not there.
fn read<T: DeserializeOwned>(environment: &dyn Environment, file: &Path) -> Result<Option<T>, ContextError> {
    let unreadable = |cause: String| ContextError::Unreadable { file: file.to_owned(), cause };
    match environment.read(file, MAX_FILE) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| unreadable(error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::SystemTime;

    use super::*;
    use crate::environment::PathKind;

    /// Variables and files by name.
    struct Machine(BTreeMap<&'static str, &'static str>);

    impl Environment for Machine {
        fn var(&self, name: &str) -> Option<String> {
            self.0.get(name).map(|value| (*value).to_owned())
        }

        fn path_kind(&self, path: &Path) -> Option<PathKind> {
            let inside = |file: &&&str| Path::new(**file).starts_with(path);
            self.0.keys().find(inside).map(|_| PathKind::File)
        }

        fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read + '_>> {
            let found = self.0.get(path.to_str().unwrap_or_default());
            let text = found.ok_or(io::ErrorKind::NotFound)?;
            Ok(Box::new(text.as_bytes()))
        }

        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }
    }

    /// `printf far | sha256sum`
    const META: &str =
        "/h/.docker/contexts/meta/512eea46ceb3921dff4363c7069d89d4964d1d9fccaa0f411851a7aa60a5c868/meta.json";

    fn found(entries: &[(&'static str, &'static str)]) -> Result<String, String> {
        let mut entries: BTreeMap<_, _> = entries.iter().copied().collect();
        entries.insert("HOME", "/h");
        let address = Address::of_machine(&Machine(entries));
        address.map(|address| address.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_engine_is_chosen_as_the_docker_program_does() {
        let local = "unix:///var/run/docker.sock";
        let meta = (META, r#"{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://ci@far"}}}"#);
        let config = ("/h/.docker/config.json", r#"{"auths":{},"currentContext":"far"}"#);
        assert_eq!(found(&[]).as_deref(), Ok(local));
        assert_eq!(found(&[config, meta]).as_deref(), Ok("ssh://ci@far"));
        assert_eq!(found(&[meta, ("DOCKER_CONTEXT", "far")]).as_deref(), Ok("ssh://ci@far"));
        assert_eq!(found(&[config, meta, ("DOCKER_CONTEXT", "default")]).as_deref(), Ok(local));
        assert_eq!(found(&[config, meta, ("DOCKER_HOST", "tcp://x:1")]).as_deref(), Ok("tcp://x:1"));
    }

    #[test]
    fn parts_of_docker_host_may_be_left_out() {
        for (text, expected) in [
            ("10.0.0.7:4000", "tcp://10.0.0.7:4000"),
            ("build.example", "tcp://build.example:2375"),
            (":4000", "tcp://localhost:4000"),
            ("tcp://", "tcp://localhost:2375"),
            ("tcp://:4000", "tcp://localhost:4000"),
            ("unix://", "unix:///var/run/docker.sock"),
        ] {
            assert_eq!(found(&[("DOCKER_HOST", text)]).as_deref(), Ok(expected), "{text}");
        }
        for text in ["/var/run/docker.sock", "fd://", "tcp://ci:secret@x", "ci:secret@x:1"] {
            let error = found(&[("DOCKER_HOST", text)]).expect_err("it is no address of an engine");
            assert!(error.starts_with("DOCKER_HOST: `") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn tls_needs_its_files() {
        let host = ("DOCKER_HOST", "tcp://x");
        let verify = [host, ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/c")];
        let with = |files: &[&'static str]| {
            let files = files.iter().map(|file| (*file, "PEM"));
            found(&verify.into_iter().chain(files).collect::<Vec<_>>())
        };
        let missing = |file: &str| {
            Err(format!("DOCKER_HOST: DOCKER_TLS_VERIFY asks for TLS, but /c/{file} is not there"))
        };
        assert_eq!(with(&[]), missing("ca.pem"));
        assert_eq!(with(&["/c/cert.pem", "/c/key.pem"]), missing("ca.pem"));
        assert_eq!(with(&["/c/ca.pem", "/c/cert.pem"]), missing("key.pem"));
        assert_eq!(with(&["/c/ca.pem", "/c/key.pem"]), missing("cert.pem"));
        assert_eq!(with(&["/c/ca.pem"]).as_deref(), Ok("tcp://x:2376"));
        // A socket of this machine needs none.
        let local = [("DOCKER_HOST", "unix:///run/d.sock"), ("DOCKER_TLS_VERIFY", "1")];
        assert_eq!(found(&local).as_deref(), Ok("unix:///run/d.sock"));
    }

    #[test]
    fn a_context_that_checks_no_certificate_is_encrypted_all_the_same() {
        let config = ("/h/.docker/config.json", r#"{"currentContext":"far"}"#);
        let meta = (META, r#"{"Endpoints":{"docker":{"Host":"tcp://far","SkipTLSVerify":true}}}"#);
        // The port is that of an engine with TLS.
        assert_eq!(found(&[config, meta]).as_deref(), Ok("tcp://far:2376"));
        let meta = (META, r#"{"Endpoints":{"docker":{"Host":"tcp://far","SkipTLSVerify":false}}}"#);
        assert_eq!(found(&[config, meta]).as_deref(), Ok("tcp://far:2375"));
    }

    #[test]
    fn a_context_that_cannot_be_used_is_an_error_that_names_it() {
        let config = ("/h/.docker/config.json", r#"{"currentContext":"far"}"#);
        let missing = "the Docker context `far`, which /h/.docker/config.json names, does not exist";
        assert_eq!(found(&[config]), Err(missing.to_owned()));
        let other = found(&[config, (META, r#"{"Endpoints":{"kubernetes":{}}}"#)]);
        let expected =
            "the Docker context `far`, which /h/.docker/config.json names, is not one of a Docker Engine";
        assert_eq!(other, Err(expected.to_owned()));
        let meta = (META, r#"{"Endpoints":{"docker":{"Host":"npipe://x"}}}"#);
        let error = found(&[config, meta]).expect_err("there is no such address here");
        assert!(error.starts_with("the Docker context `far` has no usable address: `npipe://x`"), "{error}");
        let broken = found(&[("/h/.docker/config.json", "{")]).expect_err("it is not JSON");
        assert!(broken.starts_with("cannot read /h/.docker/config.json (EOF"), "{broken}");
    }
}
