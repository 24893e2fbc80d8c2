//! A registry behind the program, asked directly, and its log of requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::http::{self, Response};
use super::part;

/// Images, those of several platforms, and the caches that engines with containerd's image store write.
const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json";

pub struct Registry {
    pub host: String,
    pub(super) authorization: Option<String>,
}

impl Registry {
    pub fn at(host: &str) -> Self {
        Self { host: host.to_owned(), authorization: None }
    }

    pub fn with_login(host: &str, user: &str, password: &str) -> Self {
        let login = STANDARD.encode(format!("{user}:{password}"));
        Self { host: host.to_owned(), authorization: Some(format!("Basic {login}")) }
    }

    fn get(&self, path: &str) -> Response {
        let accept = ("Accept", MANIFESTS);
        let authorization = self.authorization.as_deref().map(|value| ("Authorization", value));
        let headers: Vec<_> = std::iter::once(accept).chain(authorization).collect();
        http::over_tcp(&self.host, "GET", path, &headers, "")
    }

    /// The digest that a tag names.
    pub fn digest(&self, repository: &str, tag: &str) -> Option<String> {
        let answer = self.get(&format!("/v2/{repository}/manifests/{tag}"));
        match answer.status {
            200 => Some(answer.header("Docker-Content-Digest").expect("a manifest has a digest").to_owned()),
            404 => None,
            _ => panic!("{answer:?}"),
        }
    }

    /// What a tag names.
    pub fn manifest(&self, repository: &str, tag: &str) -> serde_json::Value {
        self.get(&format!("/v2/{repository}/manifests/{tag}")).json()
    }

    /// The same as the registry has written it.
    pub fn manifest_text(&self, repository: &str, reference: &str) -> String {
        self.get(&format!("/v2/{repository}/manifests/{reference}")).body
    }

    /// The bytes of a blob.
    pub fn blob(&self, repository: &str, digest: &str) -> Vec<u8> {
        let answer = self.get(&format!("/v2/{repository}/blobs/{digest}"));
        assert_eq!(answer.status, 200, "{repository}@{digest}");
        answer.bytes
    }

    /// The layers of a tag, from the base up: digests and sizes.
    pub fn layers(&self, repository: &str, tag: &str) -> Vec<(String, u64)> {
        let manifest = self.manifest(repository, tag);
        let layers = manifest["layers"].as_array().expect("a manifest has layers");
        let digest = |layer: &serde_json::Value| layer["digest"].as_str().expect("a digest").to_owned();
        layers.iter().map(|layer| (digest(layer), layer["size"].as_u64().expect("a size"))).collect()
    }

    /// How many bytes its config and its layers have together.
    pub fn sizes(&self, repository: &str, tag: &str) -> u64 {
        let config = self.manifest(repository, tag)["config"]["size"].as_u64().expect("a size");
        config + self.layers(repository, tag).iter().map(|(_, size)| size).sum::<u64>()
    }

    /// Its tags in alphabetical order; none if there is no such repository.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        let answer = self.get(&format!("/v2/{repository}/tags/list")).json();
        let tags = answer["tags"].as_array().cloned().unwrap_or_default();
        let mut tags: Vec<_> = tags.iter().map(|tag| tag.as_str().expect("a name").to_owned()).collect();
        tags.sort();
        tags
    }
}

/// A request that the registry without a password has answered.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub status: u16,
    pub bytes: u64,
}

/// The requests since a moment.
pub struct Log {
    start: usize,
}

impl Log {
    pub fn from_now() -> Self {
        Self { start: read().len() }
    }

    pub fn requests(&self) -> Vec<Request> {
        let text = read();
        text.get(self.start..).expect("the log only grows").lines().filter_map(request).collect()
    }

    /// The tags whose manifests were written, in this order.
    pub fn tags_pushed(&self, repository: &str) -> Vec<String> {
        let prefix = format!("/v2/{repository}/manifests/");
        let requests = self.requests().into_iter().filter(|request| request.method == "PUT");
        requests.filter_map(|request| Some(request.path.strip_prefix(&prefix)?.to_owned())).collect()
    }

    /// The blobs that were downloaded, from whatever repository, with their sizes.
    pub fn blobs_downloaded(&self) -> Vec<(String, u64)> {
        let requests = self.requests().into_iter();
        let downloads = requests.filter(|request| request.method == "GET" && request.status == 200);
        downloads
            .filter_map(|request| Some((request.path.split_once("/blobs/")?.1.to_owned(), request.bytes)))
            .collect()
    }
}

fn read() -> String {
    let path = part("CACHELANG_E2E_REGISTRY_LOG");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `127.0.0.1 - - [date +0000] "GET /v2/ HTTP/1.1" 200 2 "" "agent"`; other lines are not requests.
fn request(line: &str) -> Option<Request> {
    let mut parts = line.split('"');
    let is_request = parts.next()?.contains(" - - [");
    let (method, rest) = parts.next().filter(|_| is_request)?.split_once(' ')?;
    let (path, _) = rest.split_once(' ')?;
    let (status, bytes) = parts.next()?.trim().split_once(' ')?;
    Some(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        status: status.parse().ok()?,
        bytes: bytes.parse().ok()?,
    })
}
