//! What to build: [`BuildRequest`] → `SolveRequest`.

use std::collections::HashMap;
use std::path::Path;

use bollard_buildkit_proto::moby::buildkit::v1::{CacheOptions, CacheOptionsEntry, Exporter, SolveRequest};
use indexmap::IndexMap;
use serde::Serialize;
use uuid::Uuid;

use crate::cache::{AwsLogin, CacheExport, CacheImport, GhaService};
use crate::host::{BuildRequest, ImageStore};
use crate::plan::{Attest, Bucket, Build, CacheMode, Context, Network};

/// The name of the local directory that holds the build context (buildkit, frontend/dockerui/config.go).
pub(super) const CONTEXT_DIR: &str = "context";
/// The name of the local directory that holds the Dockerfile.
pub(super) const DOCKERFILE_DIR: &str = "dockerfile";
/// The name of a Dockerfile that is written in the file of the program.
pub(super) const INLINE_DOCKERFILE: &str = "Dockerfile";

/// The name of the local directory of a named context. The prefix keeps it apart from the two above.
pub(super) fn named_dir(name: &str) -> String {
    format!("context-{name}")
}

/// The name of the context that a local directory holds.
pub(super) fn context_of_dir(dir: &str) -> Option<&str> {
    dir.strip_prefix("context-")
}

/// The request for one build on an engine with this image store; `session` is who serves its files.
pub(super) fn request(wanted: &BuildRequest, store: ImageStore, session: &str) -> SolveRequest {
    let exporter = exporter(wanted, store);
    let imports: Vec<_> = wanted.cache_from.iter().map(import).collect();
    let exports = wanted.cache_to.iter().map(export).collect();
    let (kind, attrs) =
        exporter.clone().map(|exporter| (exporter.r#type, exporter.attrs)).unwrap_or_default();
    SolveRequest {
        // It must be unlike that of every other solve of the engine.
        r#ref: Uuid::new_v4().simple().to_string(),
        // The two deprecated fields are the only ones that engines before Docker 26 read.
        exporter_deprecated: kind,
        exporter_attrs_deprecated: attrs,
        exporters: exporter.into_iter().collect(),
        session: session.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: frontend_attrs(wanted, &imports),
        entitlements: entitlements(&wanted.build),
        cache: Some(CacheOptions { imports, exports, ..CacheOptions::default() }),
        ..SolveRequest::default()
    }
}

/// Where the image goes: into the engine's own store or, when it has none, to its repositories by digest. `None`: it
/// stays in the build cache.
fn exporter(wanted: &BuildRequest, store: ImageStore) -> Option<Exporter> {
    let mut attrs = HashMap::new();
    let mut set = |key: &str, value: String| {
        attrs.insert(key.to_owned(), value);
    };
    let annotations = &wanted.build.annotations;
    for (name, value) in annotations {
        set(&format!("annotation.{name}"), value.clone());
    }
    let kind = match store {
        ImageStore::None if wanted.push_to.is_empty() => return None,
        ImageStore::None => {
            set("name", wanted.push_to.join(","));
            set("push", "true".to_owned());
            set("push-by-digest", "true".to_owned());
            "image"
        }
        ImageStore::Graphdriver | ImageStore::Containerd => {
            if !wanted.references.is_empty() {
                set("name", wanted.references.join(","));
            }
            "moby"
        }
    };
    // Only OCI manifests have annotations. Said in any case: the default differs between versions of BuildKit.
    if store != ImageStore::Graphdriver {
        let is_oci = !annotations.is_empty() || wanted.build.attest != Attest::None;
        set("oci-mediatypes", is_oci.to_string());
    }
    Some(Exporter { r#type: kind.to_owned(), attrs })
}

/// The name of the Dockerfile, inside [`DOCKERFILE_DIR`] if the context is a folder.
fn file_name(build: &Build) -> &str {
    match build.context {
        _ if build.dockerfile_inline.is_some() => INLINE_DOCKERFILE,
        Context::Folder(_) => {
            let path = Path::new(&build.dockerfile);
            path.file_name().and_then(|name| name.to_str()).unwrap_or(&build.dockerfile)
        }
        Context::Git(_) | Context::Image(_) | Context::Reference(_) => &build.dockerfile,
    }
}

/// What the frontend is told, by its names for it (buildkit, frontend/dockerui/config.go).
fn frontend_attrs(wanted: &BuildRequest, imports: &[CacheOptionsEntry]) -> HashMap<String, String> {
    let mut attrs = input_attrs(wanted);
    attrs.extend(setting_attrs(&wanted.build));
    if !imports.is_empty() {
        // The frontend reads the imports from here, not from the request's own field.
        attrs.insert("cache-imports".to_owned(), frontend_imports(imports));
    }
    attrs
}

/// Those that say what is built.
fn input_attrs(wanted: &BuildRequest) -> HashMap<String, String> {
    let build = &wanted.build;
    let mut attrs = HashMap::new();
    let mut set = |key: &str, value: String| {
        attrs.insert(key.to_owned(), value);
    };
    set("filename", file_name(build).to_owned());
    if let Some(target) = &build.target {
        set("target", target.clone());
    }
    for (name, value) in &build.args {
        set(&format!("build-arg:{name}"), value.clone());
    }
    for (name, value) in &build.labels {
        set(&format!("label:{name}"), value.clone());
    }
    if !build.platforms.is_empty() {
        set("platform", build.platforms.join(","));
    }
    if let Context::Git(url) = &build.context {
        set("context", url.clone());
        if build.dockerfile_inline.is_some() {
            // Without this, it is looked for in the repository.
            set("dockerfilekey", DOCKERFILE_DIR.to_owned());
        }
    }
    let contexts = named_contexts(wanted);
    if !contexts.is_empty() {
        set("frontend.caps", "moby.buildkit.frontend.contexts+forward".to_owned());
    }
    for (name, context) in contexts {
        set(&format!("context:{name}"), context);
    }
    attrs
}

/// Those that say how it is built.
fn setting_attrs(build: &Build) -> HashMap<String, String> {
    let mut attrs = HashMap::new();
    let mut set = |key: &str, value: String| {
        attrs.insert(key.to_owned(), value);
    };
    if build.no_cache {
        // Present but empty: every stage.
        set("no-cache", String::new());
    } else if !build.no_cache_stages.is_empty() {
        set("no-cache", build.no_cache_stages.join(","));
    }
    if let Some(bytes) = build.shm_size {
        set("shm-size", bytes.to_string());
    }
    if !build.ulimits.is_empty() {
        let ulimits: Vec<_> = build.ulimits.iter().map(|(name, limit)| format!("{name}={limit}")).collect();
        set("ulimit", ulimits.join(","));
    }
    match build.attest {
        Attest::None => {}
        Attest::Min => set("attest:provenance", "mode=min".to_owned()),
        Attest::Max => set("attest:provenance", "mode=max".to_owned()),
    }
    if build.pull {
        set("image-resolve-mode", "pull".to_owned());
    }
    if !build.extra_hosts.is_empty() {
        let hosts: Vec<_> = build.extra_hosts.iter().map(|(host, ip)| format!("{host}={ip}")).collect();
        set("add-hosts", hosts.join(","));
    }
    match build.network {
        Network::Default => {}
        Network::None => set("force-network-mode", "none".to_owned()),
        Network::Host => set("force-network-mode", "host".to_owned()),
    }
    attrs
}

/// The contexts besides the main one (buildkit, frontend/dockerui/namedcontext.go).
fn named_contexts(wanted: &BuildRequest) -> IndexMap<String, String> {
    let contexts = wanted.build.contexts.iter().filter_map(|(name, context)| {
        let place = match context {
            Context::Folder(_) => format!("local:{}", named_dir(name)),
            Context::Git(url) => url.clone(),
            Context::Reference(reference) => reference.clone(),
            Context::Image(_) => return None,
        };
        Some((name.clone(), place))
    });
    let images = wanted.images.iter().map(|(name, place)| (familiar(name).to_owned(), place.clone()));
    contexts.chain(images).collect()
}

/// The short form of an image's name, under which the frontend looks for its context.
fn familiar(name: &str) -> &str {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    name.strip_suffix(":latest").unwrap_or(name)
}

fn entitlements(build: &Build) -> Vec<String> {
    match build.network {
        Network::Host => vec!["network.host".to_owned()],
        Network::Default | Network::None => Vec::new(),
    }
}

fn entry<'a>(kind: &str, attrs: impl IntoIterator<Item = (&'a str, &'a str)>) -> CacheOptionsEntry {
    let attrs = attrs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    CacheOptionsEntry { r#type: kind.to_owned(), attrs }
}

fn import(import: &CacheImport) -> CacheOptionsEntry {
    match import {
        CacheImport::Registry { reference, .. } => entry("registry", [("ref", reference.as_str())]),
        CacheImport::Gha { scope, service } => gha(service, scope.as_deref(), None),
        CacheImport::S3 { bucket, login } => s3(bucket, login.as_ref(), None),
    }
}

fn export(export: &CacheExport) -> CacheOptionsEntry {
    match export {
        CacheExport::Inline => entry("inline", []),
        CacheExport::Registry { reference, mode } => {
            let attrs = [
                ("ref", reference.as_str()),
                ("mode", mode_name(*mode)),
                ("image-manifest", "true"),
                ("oci-mediatypes", "true"),
            ];
            entry("registry", attrs)
        }
        CacheExport::Gha { scope, mode, service } => gha(service, scope.as_deref(), Some(*mode)),
        CacheExport::S3 { bucket, mode, login } => s3(bucket, login.as_ref(), Some(*mode)),
    }
}

fn mode_name(mode: CacheMode) -> &'static str {
    match mode {
        CacheMode::Min => "min",
        CacheMode::Max => "max",
    }
}

/// <https://docs.docker.com/build/cache/backends/gha/>; `mode` is for exports.
fn gha(service: &GhaService, scope: Option<&str>, mode: Option<CacheMode>) -> CacheOptionsEntry {
    let attrs = [
        ("token", Some(service.token.as_str())),
        ("url", service.url.as_deref()),
        ("url_v2", service.url_v2.as_deref()),
        ("version", service.url_v2.as_ref().map(|_| "2")),
        ("scope", scope),
        ("mode", mode.map(mode_name)),
    ];
    entry("gha", attrs.into_iter().filter_map(|(key, value)| Some((key, value?))))
}

/// <https://docs.docker.com/build/cache/backends/s3/>; `mode` is for exports. Without a login, the builder uses its own.
fn s3(bucket: &Bucket, login: Option<&AwsLogin>, mode: Option<CacheMode>) -> CacheOptionsEntry {
    let attrs = [
        ("bucket", Some(bucket.bucket.as_str())),
        ("region", Some(&bucket.region)),
        ("prefix", bucket.prefix.as_deref()),
        ("mode", mode.map(mode_name)),
        ("access_key_id", login.map(|login| login.access_key_id.as_str())),
        ("secret_access_key", login.map(|login| login.secret_access_key.as_str())),
        ("session_token", login.and_then(|login| login.session_token.as_deref())),
    ];
    entry("s3", attrs.into_iter().filter_map(|(key, value)| Some((key, value?))))
}

/// The imports as the Dockerfile frontend wants them: Go's JSON of `client.CacheOptionsEntry`.
fn frontend_imports(imports: &[CacheOptionsEntry]) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Entry<'a> {
        r#type: &'a str,
        attrs: &'a HashMap<String, String>,
    }
    let entries: Vec<_> =
        imports.iter().map(|entry| Entry { r#type: &entry.r#type, attrs: &entry.attrs }).collect();
    serde_json::to_string(&entries).expect("maps of strings are always valid JSON")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::host::Logins;
    use crate::plan::{RepositoryId, Tag};

    fn wanted() -> BuildRequest {
        BuildRequest {
            build: Build {
                context: Context::Folder("/src".into()),
                dockerfile: "docker/Dockerfile.prod".into(),
                target: Some("runtime".into()),
                args: IndexMap::from([("A".into(), "1".into())]),
                labels: IndexMap::from([("team".into(), "x".into())]),
                platforms: vec!["linux/amd64".into()],
                network: Network::Host,
                extra_hosts: IndexMap::from([("db".into(), "10.0.0.1".into())]),
                dockerfile_inline: None,
                annotations: IndexMap::new(),
                secrets: IndexMap::new(),
                ssh: Vec::new(),
                contexts: IndexMap::new(),
                shm_size: None,
                ulimits: IndexMap::new(),
                no_cache_stages: Vec::new(),
                attest: Attest::None,
                pull: true,
                no_cache: true,
            },
            images: IndexMap::new(),
            references: vec!["r.io/a:1".into(), "r.io/a:latest".into()],
            push_to: vec!["r.io/a".into()],
            cache_from: vec![CacheImport::Registry {
                tag: Tag { repository: RepositoryId(0), tag: "cache".into() },
                reference: "r.io/a:cache".into(),
            }],
            cache_to: vec![
                CacheExport::Inline,
                CacheExport::Registry { reference: "r.io/a:cache".into(), mode: CacheMode::Max },
            ],
            agents: IndexMap::new(),
            logins: Logins::new(Vec::new(), Arc::new(crate::registry::Registries::new())),
        }
    }

    #[test]
    fn every_setting_reaches_the_frontend() {
        let request = request(&wanted(), ImageStore::Graphdriver, "session-1");
        let attrs: std::collections::BTreeMap<_, _> = request.frontend_attrs.into_iter().collect();
        let attrs: Vec<_> = attrs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        expect_test::expect![[r#"
            add-hosts=db=10.0.0.1
            build-arg:A=1
            cache-imports=[{"Type":"registry","Attrs":{"ref":"r.io/a:cache"}}]
            filename=Dockerfile.prod
            force-network-mode=host
            image-resolve-mode=pull
            label:team=x
            no-cache=
            platform=linux/amd64
            target=runtime"#]]
        .assert_eq(&attrs.join("\n"));
        assert_eq!(request.entitlements, ["network.host"]);
    }

    #[test]
    fn old_and_new_engines_find_the_same_exporter() {
        let request = request(&wanted(), ImageStore::Graphdriver, "session-1");
        let [exporter] = request.exporters.as_slice() else { panic!("one exporter") };
        assert_eq!(exporter.r#type, request.exporter_deprecated);
        assert_eq!(exporter.attrs, request.exporter_attrs_deprecated);
        assert_eq!(exporter.attrs.get("name").map(String::as_str), Some("r.io/a:1,r.io/a:latest"));
    }

    #[test]
    fn an_image_without_a_tag_gets_no_name() {
        let unnamed = BuildRequest { references: Vec::new(), ..wanted() };
        assert_eq!(
            request(&unnamed, ImageStore::Graphdriver, "session-1").exporter_attrs_deprecated.get("name"),
            None
        );
    }

    #[test]
    fn caches_of_services_are_told_where_and_as_whom() {
        let service = GhaService {
            url: Some("https://cache".into()),
            url_v2: Some("https://results".into()),
            token: "t0ken".into(),
        };
        let bucket = Bucket { bucket: "b".into(), region: "eu-west-1".into(), prefix: Some("p/".into()) };
        let login = AwsLogin {
            access_key_id: "AKIA".into(),
            secret_access_key: "hunter2".into(),
            session_token: None,
        };
        let shown = |entry: CacheOptionsEntry| {
            let attrs: std::collections::BTreeMap<_, _> = entry.attrs.into_iter().collect();
            format!("{}: {attrs:?}", entry.r#type)
        };
        let gha = CacheExport::Gha { scope: Some("api".into()), mode: CacheMode::Max, service };
        expect_test::expect![[r#"gha: {"mode": "max", "scope": "api", "token": "t0ken", "url": "https://cache", "url_v2": "https://results", "version": "2"}"#]]
            .assert_eq(&shown(export(&gha)));
        let s3 = CacheImport::S3 { bucket, login: Some(login) };
        expect_test::expect![[r#"s3: {"access_key_id": "AKIA", "bucket": "b", "prefix": "p/", "region": "eu-west-1", "secret_access_key": "hunter2"}"#]]
            .assert_eq(&shown(import(&s3)));
    }

    #[test]
    fn an_image_that_a_dockerfile_names_has_the_name_that_the_frontend_looks_for() {
        for (reference, name) in [
            ("r.io/a:1", "r.io/a:1"),
            ("r.io/a:latest", "r.io/a"),
            ("docker.io/library/a:latest", "a"),
            ("docker.io/team/a:2", "team/a:2"),
        ] {
            assert_eq!(familiar(reference), name);
        }
    }

    #[test]
    fn a_registry_cache_has_the_form_that_ecr_accepts() {
        let request = request(&wanted(), ImageStore::Graphdriver, "session-1");
        let cache = request.cache.expect("cache options are always sent");
        let [inline, registry] = cache.exports.as_slice() else { panic!("two exports") };
        assert_eq!(inline.r#type, "inline");
        assert_eq!(registry.attrs.get("image-manifest").map(String::as_str), Some("true"));
        assert_eq!(registry.attrs.get("mode").map(String::as_str), Some("max"));
    }
}
