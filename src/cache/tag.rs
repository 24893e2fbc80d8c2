//! A cache tag in its registry: what it holds, and how new images come to it.

use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::{Value, json};

use super::exported::{self, Exported};
use super::image::{BadImage, CacheImage, MAX_DOCUMENT, Note, document};
use super::keep::keep;
use super::merge::{merge, merge_exported};
use super::whole::whole;
use crate::host::{Document, Engine, Feature, Location, Registry, RegistryError};

/// An index with more entries is none of cachelang's.
const MAX_ENTRIES: usize = 64;

/// A tag for caches, in its repository.
#[derive(Clone)]
pub struct CacheTag<'a> {
    pub registry: &'a dyn Registry,
    pub at: Location,
    pub tag: String,
}

/// What a cache tag holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Contents {
    /// `sha256:…` of what the tag names.
    pub digest: String,
    /// `sha256:…` of the image that has all of them, if there are several.
    pub whole: Option<String>,
    /// Images with a record: one that was pushed with an inline cache, or cache images, the newest first.
    pub images: Vec<CacheImage>,
    /// What an engine has exported as registry cache.
    pub exported: Option<Exported>,
    /// What is there and cannot be used.
    pub bad: Vec<BadImage>,
}

impl Contents {
    /// What an engine should read: all of it, or the one image that stands for all.
    pub fn digest_for(&self, engine: &Engine) -> &str {
        let whole = self.whole.as_deref().filter(|_| !engine.can(Feature::SeveralCacheImages));
        whole.unwrap_or(&self.digest)
    }

    /// Whether there is anything that a build can use.
    pub fn is_usable(&self) -> bool {
        self.exported.is_some() || !self.images.is_empty()
    }

    /// Why an engine must not read it: it would crash.
    pub fn danger(&self) -> Option<&BadImage> {
        self.bad.iter().find(|bad| bad.is_dangerous())
    }
}

/// The part of a manifest or an index that says what it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    manifests: Option<Vec<Entry>>,
    config: Option<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    media_type: String,
    digest: String,
}

impl CacheTag<'_> {
    /// What the tag holds now, `None` if it does not exist.
    ///
    /// # Errors
    /// When the registry cannot be asked. That what is there is of no use is no error.
    pub async fn read(&self) -> Result<Option<Contents>, RegistryError> {
        let Some(found) = self.registry.document(&self.at, &self.tag).await? else { return Ok(None) };
        let mut contents = Contents {
            digest: found.digest,
            whole: None,
            images: Vec::new(),
            exported: None,
            bad: Vec::new(),
        };
        match serde_json::from_slice::<Listed>(&found.bytes) {
            Err(error) => contents.bad.push(BadImage::Malformed(error.to_string())),
            Ok(Listed { manifests: Some(entries), .. }) => self.read_index(&entries, &mut contents).await?,
            Ok(Listed { config: Some(config), .. }) if config.media_type == exported::CONFIG => {
                self.read_exported(&config, &mut contents).await?;
            }
            Ok(_) => self.read_image(&found.bytes, CacheImage::parse).await?.add_to(&mut contents),
        }
        Ok(Some(contents))
    }

    async fn read_index(&self, entries: &[Entry], contents: &mut Contents) -> Result<(), RegistryError> {
        if let Some(config) = entries.iter().find(|entry| entry.media_type == exported::CONFIG) {
            return self.read_exported(config, contents).await;
        }
        let read = |entry: &Entry| {
            let digest = entry.digest.clone();
            async move {
                match self.registry.document(&self.at, &digest).await? {
                    Some(found) => self.read_image(&found.bytes, CacheImage::parse).await,
                    None => Ok(Read::Bad(BadImage::Malformed(format!("{digest} is not in the repository")))),
                }
            }
        };
        for read in try_join_all(entries.iter().take(MAX_ENTRIES).map(read)).await? {
            read.add_to(contents);
        }
        Ok(())
    }

    async fn read_exported(&self, config: &Entry, contents: &mut Contents) -> Result<(), RegistryError> {
        let bytes = self.registry.small_blob(&self.at, &config.digest, MAX_DOCUMENT).await?;
        match Exported::parse(&bytes) {
            Ok(exported) => contents.exported = Some(exported),
            Err(bad) => contents.bad.push(bad.into()),
        }
        Ok(())
    }

    async fn read_image(&self, manifest: &[u8], parse: Parse) -> Result<Read, RegistryError> {
        let config = match serde_json::from_slice::<Listed>(manifest) {
            Ok(Listed { config: Some(config), .. }) => config,
            Ok(_) => return Ok(Read::Bad(BadImage::Malformed("it has no config".to_owned()))),
            Err(error) => return Ok(Read::Bad(BadImage::Malformed(error.to_string()))),
        };
        let config = match self.registry.small_blob(&self.at, &config.digest, MAX_DOCUMENT).await {
            Ok(config) => config,
            // It was deleted, or is too large for a config.
            Err(RegistryError::Api { cause, .. }) => return Ok(Read::Bad(BadImage::Malformed(cause))),
            Err(error) => return Err(error),
        };
        Ok(parse(manifest, &config).map_or_else(Read::Bad, |image| Read::Image(Box::new(image))))
    }

    /// An image of the repository, with its record if it has one.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn image(&self, digest: &str) -> Result<Result<CacheImage, BadImage>, RegistryError> {
        let Some(found) = self.registry.document(&self.at, digest).await? else {
            return Ok(Err(BadImage::Malformed("it is not in the repository".to_owned())));
        };
        Ok(match self.read_image(&found.bytes, CacheImage::parse_without_records).await? {
            Read::Image(image) => Ok(*image),
            Read::Bad(bad) => Err(bad),
        })
    }

    /// Puts images that were just pushed under the tag, with what the tag holds now: their records are completed from
    /// there, and images that save other work stay. Returns what the tag holds afterwards.
    ///
    /// Of two who write at the same time the last one wins; what each writes is whole.
    ///
    /// # Errors
    /// When the registry does not answer or does not take it.
    pub async fn add(
        &self,
        new: &[(CacheImage, Note)],
        now: Option<Contents>,
    ) -> Result<Contents, RegistryError> {
        let (digest, old, exported) =
            now.map(|now| (now.digest, now.images, now.exported)).unwrap_or_default();
        let mut assembled = Vec::new();
        for (image, note) in new {
            let mut image = image.clone();
            for other in &old {
                image.records = merge(&image, other);
            }
            if let Some(exported) = &exported {
                image.records = merge_exported(&image, exported);
            }
            let written = image.assemble(&image.records, note);
            self.registry.put_blob(&self.at, &written.config.bytes).await?;
            let read = CacheImage::parse(&written.manifest.bytes, &written.config.bytes);
            assembled.push(read.map_err(|bad| RegistryError::Api {
                call: format!("completing the record of {}", image.digest),
                cause: bad.to_string(),
            })?);
        }
        let is_new = |image: &CacheImage| assembled.iter().any(|new| new.digest == image.digest);
        let old = old.into_iter().filter(|image| !is_new(image)).collect();
        let fresh = assembled.len();
        let images = keep(assembled, old);
        let mut listed = images.clone();
        let whole = match whole(&images) {
            None => None,
            Some(written) => {
                self.registry.put_blob(&self.at, &written.config.bytes).await?;
                let (digest, bytes) = (&written.manifest.digest, &written.manifest.bytes);
                self.registry.put_document(&self.at, bytes, digest).await?;
                listed.extend(CacheImage::parse(bytes, &written.config.bytes));
                Some(digest.clone())
            }
        };
        let top = match listed.as_slice() {
            [only] => Document { digest: only.digest.clone(), bytes: only.manifest().to_vec() },
            images => {
                // The others are there.
                let put = |image: &'_ CacheImage| {
                    let (digest, manifest) = (image.digest.clone(), image.manifest().to_vec());
                    async move { self.registry.put_document(&self.at, &manifest, &digest).await }
                };
                try_join_all(images.iter().take(fresh).map(put)).await?;
                index(images)
            }
        };
        if top.digest != digest {
            self.registry.put_document(&self.at, &top.bytes, &self.tag).await?;
        }
        Ok(Contents { digest: top.digest, whole, images, exported: None, bad: Vec::new() })
    }
}

type Parse = fn(&[u8], &[u8]) -> Result<CacheImage, BadImage>;

/// What was found in the place of an image.
enum Read {
    Image(Box<CacheImage>),
    Bad(BadImage),
}

impl Read {
    fn add_to(self, contents: &mut Contents) {
        match self {
            Read::Image(image) if image.note.as_ref().is_some_and(|note| note.whole) => {
                contents.whole = Some(image.digest);
            }
            Read::Image(image) => contents.images.push(*image),
            Read::Bad(bad) => contents.bad.push(bad),
        }
    }
}

/// An index of images, which all engines read one by one. It has the form of the first image's manifest: Docker's or OCI's.
fn index(images: &[CacheImage]) -> Document {
    let is_oci = images.first().is_some_and(|image| image.media_type().contains("vnd.oci."));
    let entry = |image: &CacheImage| {
        let mut parts = image.platform.splitn(3, '/');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let mut platform = json!({"os": part(), "architecture": part()});
        let variant = part();
        if let (false, Value::Object(platform)) = (variant.is_empty(), &mut platform) {
            platform.insert("variant".to_owned(), variant.into());
        }
        json!({
            "mediaType": image.media_type(),
            "size": image.manifest().len(),
            "digest": image.digest,
            "platform": platform,
        })
    };
    let media_type = match is_oci {
        true => "application/vnd.oci.image.index.v1+json",
        false => "application/vnd.docker.distribution.manifest.list.v2+json",
    };
    let entries: Vec<_> = images.iter().map(entry).collect();
    document(&json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}))
}
