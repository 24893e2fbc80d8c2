//! What to build: [`BuildRequest`] → `SolveRequest`.

use std::collections::HashMap;
use std::path::Path;

use bollard_buildkit_proto::moby::buildkit::v1::{CacheOptions, CacheOptionsEntry, Exporter, SolveRequest};
use serde::Serialize;

use crate::cache::{CacheExport, CacheImport};
use crate::host::BuildRequest;
use crate::plan::{Build, CacheMode, Network};

/// The name of the local directory that holds the build context (buildkit, frontend/dockerui/config.go).
pub(super) const CONTEXT_DIR: &str = "context";
/// The name of the local directory that holds the Dockerfile.
pub(super) const DOCKERFILE_DIR: &str = "dockerfile";

/// The exporter that puts the image into the engine's own store; every dockerd has it.
const EXPORTER: &str = "moby";

/// The request for one build. `reference` identifies the solve, `session` is who serves its files.
pub(super) fn request(wanted: &BuildRequest, reference: &str, session: &str) -> SolveRequest {
    let mut exporter_attrs = HashMap::new();
    if !wanted.references.is_empty() {
        exporter_attrs.insert("name".to_owned(), wanted.references.join(","));
    }
    let imports: Vec<_> = wanted.cache_from.iter().map(import).collect();
    let exports = wanted.cache_to.iter().map(export).collect();
    SolveRequest {
        r#ref: reference.to_owned(),
        // The two deprecated fields are the only ones that engines before Docker 26 read.
        exporter_deprecated: EXPORTER.to_owned(),
        exporter_attrs_deprecated: exporter_attrs.clone(),
        exporters: vec![Exporter { r#type: EXPORTER.to_owned(), attrs: exporter_attrs }],
        session: session.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: frontend_attrs(&wanted.build, &imports),
        entitlements: entitlements(&wanted.build),
        cache: Some(CacheOptions { imports, exports, ..CacheOptions::default() }),
        ..SolveRequest::default()
    }
}

/// The name of the Dockerfile inside [`DOCKERFILE_DIR`].
fn file_name(dockerfile: &str) -> &str {
    Path::new(dockerfile).file_name().and_then(|name| name.to_str()).unwrap_or(dockerfile)
}

fn frontend_attrs(build: &Build, imports: &[CacheOptionsEntry]) -> HashMap<String, String> {
    let mut attrs = HashMap::from([("filename".to_owned(), file_name(&build.dockerfile).to_owned())]);
    let mut set = |key: &str, value: String| {
        attrs.insert(key.to_owned(), value);
    };
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
    if build.no_cache {
        // Present but empty: every stage.
        set("no-cache", String::new());
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
    if !imports.is_empty() {
        // The frontend reads the imports from here, not from the request's own field.
        set("cache-imports", frontend_imports(imports));
    }
    attrs
}

fn entitlements(build: &Build) -> Vec<String> {
    match build.network {
        Network::Host => vec!["network.host".to_owned()],
        Network::Default | Network::None => Vec::new(),
    }
}

fn entry<const N: usize>(kind: &str, attrs: [(&str, &str); N]) -> CacheOptionsEntry {
    let attrs = attrs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    CacheOptionsEntry { r#type: kind.to_owned(), attrs }
}

fn import(import: &CacheImport) -> CacheOptionsEntry {
    let CacheImport::Registry { reference } = import;
    entry("registry", [("ref", reference)])
}

fn export(export: &CacheExport) -> CacheOptionsEntry {
    match export {
        CacheExport::Inline => entry("inline", []),
        CacheExport::Registry { reference, mode } => {
            let mode = match mode {
                CacheMode::Min => "min",
                CacheMode::Max => "max",
            };
            let attrs = [
                ("ref", reference.as_str()),
                ("mode", mode),
                ("image-manifest", "true"),
                ("oci-mediatypes", "true"),
            ];
            entry("registry", attrs)
        }
    }
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

    use indexmap::IndexMap;

    use super::*;
    use crate::host::Logins;
    use crate::plan::{Attest, Context};

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
            references: vec!["r.io/a:1".into(), "r.io/a:latest".into()],
            cache_from: vec![CacheImport::Registry { reference: "r.io/a:cache".into() }],
            cache_to: vec![
                CacheExport::Inline,
                CacheExport::Registry { reference: "r.io/a:cache".into(), mode: CacheMode::Max },
            ],
            logins: Logins::new(IndexMap::new(), Arc::new(crate::registry::Registries::new())),
        }
    }

    #[test]
    fn every_setting_reaches_the_frontend() {
        let request = request(&wanted(), "solve-1", "session-1");
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
        let request = request(&wanted(), "solve-1", "session-1");
        let [exporter] = request.exporters.as_slice() else { panic!("one exporter") };
        assert_eq!(exporter.r#type, request.exporter_deprecated);
        assert_eq!(exporter.attrs, request.exporter_attrs_deprecated);
        assert_eq!(exporter.attrs.get("name").map(String::as_str), Some("r.io/a:1,r.io/a:latest"));
    }

    #[test]
    fn an_image_without_a_tag_gets_no_name() {
        let unnamed = BuildRequest { references: Vec::new(), ..wanted() };
        assert_eq!(request(&unnamed, "solve-1", "session-1").exporter_attrs_deprecated.get("name"), None);
    }

    #[test]
    fn a_registry_cache_has_the_form_that_ecr_accepts() {
        let request = request(&wanted(), "solve-1", "session-1");
        let cache = request.cache.expect("cache options are always sent");
        let [inline, registry] = cache.exports.as_slice() else { panic!("two exports") };
        assert_eq!(inline.r#type, "inline");
        assert_eq!(registry.attrs.get("image-manifest").map(String::as_str), Some("true"));
        assert_eq!(registry.attrs.get("mode").map(String::as_str), Some("max"));
    }
}
