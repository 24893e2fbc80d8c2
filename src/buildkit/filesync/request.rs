//! What the engine asks for: the metadata of a `DiffCopy` call → a directory's name and a selection of it (buildkit,
//! session/filesync/filesync.go).

use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::buildkit::walk::Selection;

/// A call for a directory.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) dir: String,
    pub(super) selection: Selection,
}

impl Request {
    pub(super) fn from_metadata(metadata: &MetadataMap) -> Result<Self, Status> {
        Ok(Self {
            dir: values(metadata, "dir-name")?.into_iter().next().unwrap_or_default(),
            selection: Selection {
                include: values(metadata, "include-patterns")?,
                exclude: values(metadata, "exclude-patterns")?,
                follow: values(metadata, "followpaths")?,
            },
        })
    }
}

/// All values of `key`, decoded if the engine says that it encoded them, which it does for what is not ASCII.
fn values(metadata: &MetadataMap, key: &'static str) -> Result<Vec<String>, Status> {
    let flag = metadata.get(format!("{key}-encoded")).and_then(|flag| flag.to_str().ok());
    // What Go's strconv.ParseBool takes for true.
    let encoded = matches!(flag, Some("1" | "t" | "T" | "true" | "TRUE" | "True"));
    metadata
        .get_all(key)
        .iter()
        .map(|value| {
            let raw = value.as_encoded_bytes();
            let bytes = if encoded { query_unescape(raw) } else { Some(raw.to_vec()) };
            bytes
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| Status::invalid_argument(format!("invalid value {value:?} of `{key}`")))
        })
        .collect()
}

/// Go's url.QueryUnescape; `None` for a `%` without two hexadecimal digits.
fn query_unescape(raw: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use tonic::metadata::{MetadataMap, MetadataValue};

    use super::Request;

    fn metadata(pairs: &[(&'static str, &str)]) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        for (key, value) in pairs {
            let value =
                MetadataValue::try_from(value.as_bytes()).expect("the test's values are header values");
            metadata.append(*key, value);
        }
        metadata
    }

    #[test]
    fn decodes_what_is_encoded_and_only_that() {
        let request = Request::from_metadata(&metadata(&[
            ("dir-name", "context"),
            ("include-patterns", "a+b%20"),
            ("include-patterns", "ü"),
            ("exclude-patterns", "%C3%BC+%2B%2a"),
            ("exclude-patterns", "plain"),
            ("exclude-patterns-encoded", "1"),
            ("followpaths-encoded", "false"),
            ("followpaths", "%41"),
        ]))
        .expect("the request is valid");
        assert_eq!(request.dir, "context");
        assert_eq!(request.selection.include, ["a+b%20", "ü"]);
        assert_eq!(request.selection.exclude, ["ü +*", "plain"]);
        assert_eq!(request.selection.follow, ["%41"]);
    }

    #[test]
    fn refuses_what_cannot_be_decoded() {
        for value in ["%", "%4", "%zz", "%FF"] {
            let metadata = metadata(&[("followpaths", value), ("followpaths-encoded", "1")]);
            let status = Request::from_metadata(&metadata).expect_err("the value is invalid");
            assert_eq!(status.code(), tonic::Code::InvalidArgument, "{value}");
        }
    }
}
