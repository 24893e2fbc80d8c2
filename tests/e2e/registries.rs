//! Registries that need no engine: copies, faults, TLS and logins. Images come into the registries by a few requests.

mod aws;
mod copies;
mod ecr;
mod ecr_errors;
mod ecr_logins;
mod faults;
mod logins;
mod tls;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use cachelang::environment::Nothing;
use cachelang::host::{Copied, CopyProgress, CopyRequest, Location, Registry as _};
use cachelang::plan::{self, Inputs};
use cachelang::registry::{Patience, Registries};
use cachelang::source::SourceMap;
use indexmap::IndexMap;

use super::harness::faults::Faults;
use super::harness::images::text;
use super::harness::registry::Registry;
use super::harness::{part, unique};

/// A repository without a login.
fn location(host: &str, repository: &str) -> Location {
    planned(&format!(
        "registry main {{ kind = \"oci\", host = \"{host}\" }}\n\
         repository _repo {{ registry = main, name = \"{repository}\" }}\n"
    ))
}

/// The one repository of a file.
fn planned(items: &str) -> Location {
    let mut sources = SourceMap::new();
    let file = sources.add(".cachefile", ".cachefile", &format!("cachelang 1\n{items}"));
    let (program, _) = cachelang::check(&mut sources, file, &Nothing);
    let inputs = Inputs { params: &IndexMap::new(), environment: &Nothing };
    let (plan, _) = plan::plan(&mut sources, &program, &inputs).expect("the file can be planned");
    let repository = plan.repositories.first().expect("the file has one").clone();
    Location { registry: plan.registry(repository.registry).clone(), repository }
}

/// Registries whose pauses are as short as tests need them. How often is tried is what users have.
fn registries() -> Registries {
    let mut patience = Patience::default();
    patience.first_pause = Duration::from_millis(20);
    patience.stall = Duration::from_secs(1);
    Registries::with_patience(patience)
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().expect("threads can be started").block_on(work)
}

/// A copy that has ended.
struct Ended {
    result: Result<Copied, String>,
    progress: Option<CopyProgress>,
    elapsed: Duration,
}

fn copy(from: &Location, digest: &str, to: &Location) -> Ended {
    let progress = Mutex::new(None);
    let request = CopyRequest { from: from.clone(), digest: digest.to_owned(), to: to.clone() };
    let (registries, start) = (registries(), Instant::now());
    let report = |bytes| *progress.lock().expect("nobody panics") = Some(bytes);
    let result = wait(registries.copy(&request, &report));
    let result = result.map_err(|error| error.to_string());
    Ended { result, progress: progress.into_inner().expect("nobody panics"), elapsed: start.elapsed() }
}

/// An image in the registry without a password, to be copied into the one with tokens that stand for a password: both
/// are behind proxies that fail when they are told to.
struct Journey {
    from: Faults,
    to: Faults,
    target: Registry,
    repository: String,
    /// Of the image.
    digest: String,
    /// Of its layer, of 3 MB.
    layer: String,
    size: u64,
}

impl Journey {
    fn prepare() -> Self {
        let (here, there) = (part("CACHELANG_E2E_REGISTRY"), part("CACHELANG_E2E_REGISTRY_OTHER"));
        let repository = unique("faults");
        let source = Registry::at(&here);
        let layer = text(&repository, 3_000_000);
        let digest = source.put_image(&repository, None, std::slice::from_ref(&layer));
        let size = source.sizes(&repository, &digest);
        let layer = source.layers(&repository, &digest)[0].0.clone();
        let (from, to) = (Faults::before(&here), Faults::before(&there));
        Self { from, to, target: Registry::at(&there), repository, digest, layer, size }
    }

    fn copy(&self) -> Ended {
        let from = location(&self.from.host(), &self.repository);
        copy(&from, &self.digest, &location(&self.to.host(), &self.repository))
    }

    /// Copies it all the same.
    #[track_caller]
    fn arrives(&self) -> Ended {
        let ended = self.copy();
        let copied = ended.result.as_ref().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((copied.sent, copied.skipped), (self.size, 0));
        assert_eq!(self.target.digest(&self.repository, &self.digest), Some(self.digest.clone()));
        let whole = CopyProgress { sent: self.size, total: self.size };
        assert_eq!(ended.progress, Some(whole));
        ended
    }

    /// Fails with this error; neither the image nor a tag is to be seen.
    #[track_caller]
    fn fails(&self, error: &str) {
        let ended = self.copy();
        let found = ended.result.expect_err("it cannot be copied");
        let found = found.replace(&self.from.host(), "FROM").replace(&self.to.host(), "TO");
        let found = found.replace(&self.repository, "REPO").replace(&self.digest, "IMAGE");
        assert_eq!(found.replace(&self.layer, "LAYER"), error);
        assert_eq!(self.target.digest(&self.repository, &self.digest), None);
        assert_eq!(self.target.tags(&self.repository), Vec::<String>::new());
    }

    /// `/blobs/sha256:…`
    fn blob(&self) -> String {
        format!("/blobs/{}", self.layer)
    }
}
