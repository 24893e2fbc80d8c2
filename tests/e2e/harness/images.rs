//! Images that need no engine: layers are texts, and a few requests bring them into a registry.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::http;
use super::registry::Registry;

/// `sha256:…` of a text.
pub fn digest(text: &str) -> String {
    let hash = Sha256::digest(text);
    hash.iter().fold("sha256:".to_owned(), |digest, byte| format!("{digest}{byte:02x}"))
}

/// A text of so many bytes that no other seed gives.
pub fn text(seed: &str, length: usize) -> String {
    let blocks =
        (0..length.div_ceil(64)).map(|index| digest(&format!("{seed}{index}")).replace("sha256:", ""));
    let mut text: String = blocks.collect();
    text.truncate(length);
    text
}

impl Registry {
    pub fn put_blob(&self, repository: &str, content: &str) -> String {
        let opened = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], "");
        let location = opened.header("Location").expect("an upload has a location");
        let path = location.split_once(&self.host).map_or(location, |(_, path)| path);
        let digest = digest(content);
        let octets = [("Content-Type", "application/octet-stream")];
        let written = self.send("PUT", &format!("{path}&digest={digest}"), &octets, content);
        assert_eq!(written.status, 201, "{written:?}");
        digest
    }

    pub fn put_manifest(&self, repository: &str, reference: &str, manifest: &serde_json::Value) -> String {
        let media_type = manifest["mediaType"].as_str().expect("it says its type");
        let text = manifest.to_string();
        let path = format!("/v2/{repository}/manifests/{reference}");
        let written = self.send("PUT", &path, &[("Content-Type", media_type)], &text);
        assert_eq!(written.status, 201, "{written:?}");
        digest(&text)
    }

    /// Writes an image with these layers under a tag or, without one, under its digest. Returns the digest.
    pub fn put_image(&self, repository: &str, tag: Option<&str>, layers: &[String]) -> String {
        let describe = |media_type: &str, content: &str| {
            let digest = self.put_blob(repository, content);
            json!({ "mediaType": media_type, "digest": digest, "size": content.len() })
        };
        let config = describe("application/vnd.oci.image.config.v1+json", &format!("{{\"of\":{layers:?}}}"));
        let layer = |content: &String| describe("application/vnd.oci.image.layer.v1.tar", content);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": layers.iter().map(layer).collect::<Vec<_>>(),
        });
        let digest = digest(&manifest.to_string());
        self.put_manifest(repository, tag.unwrap_or(&digest), &manifest)
    }

    /// Writes an index of images that are in the repository.
    pub fn put_index(&self, repository: &str, tag: &str, images: &[String]) -> String {
        let describe = |image: &String| {
            let size = self.manifest_text(repository, image).len();
            json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": image, "size": size })
        };
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": images.iter().map(describe).collect::<Vec<_>>(),
        });
        self.put_manifest(repository, tag, &index)
    }

    pub fn delete_manifest(&self, repository: &str, digest: &str) {
        let deleted = self.send("DELETE", &format!("/v2/{repository}/manifests/{digest}"), &[], "");
        assert_eq!(deleted.status, 202, "{deleted:?}");
    }

    pub fn has_blob(&self, repository: &str, digest: &str) -> bool {
        self.send("HEAD", &format!("/v2/{repository}/blobs/{digest}"), &[], "").status == 200
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> http::Response {
        let authorization = self.authorization.as_deref().map(|value| ("Authorization", value));
        let headers: Vec<_> = headers.iter().copied().chain(authorization).collect();
        http::over_tcp(&self.host, method, path, &headers, body)
    }
}
