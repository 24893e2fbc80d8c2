//! BuildKit's record of a build: which keys have results, and in which layers these are (buildkit,
//! cache/remotecache/v1/types/spec.go). Whoever can push to a repository can write one, so nothing of it is believed
//! before it was checked.

use serde::{Deserialize, Deserializer, Serialize};

/// More records than this are those of no Dockerfile.
const MAX_RECORDS: usize = 20_000;
/// More inputs than this either.
const MAX_LINKS: usize = 100_000;

/// The records of one image or cache. No link leads out of them, and none leads back to where it came from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records {
    all: Vec<Record>,
    /// Every record behind its inputs.
    order: Vec<usize>,
}

/// A key, and where its result is.
///
/// The key is the digest of an operation together with the keys of its inputs. The digest alone says little: it is the
/// same for every `COPY` of one path, whatever is copied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// The result is what the layers from the base up to one of these make together.
    #[serde(default, deserialize_with = "or_nothing", skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerResult>,
    /// The result is what the layers of one of these lists make together, in its order. Since BuildKit 0.10.
    #[serde(default, deserialize_with = "or_nothing", skip_serializing_if = "Vec::is_empty")]
    pub chains: Vec<ChainResult>,
    pub digest: String,
    /// For each input, by which keys it is known: any of them will do.
    #[serde(default, deserialize_with = "lists_or_nothing", skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Vec<Input>>,
    /// What a newer BuildKit has added.
    #[serde(flatten)]
    pub(super) other: serde_json::Map<String, serde_json::Value>,
}

/// A layer of the image that the record belongs to, by its position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LayerResult {
    pub layer: usize,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// Layers of the image that the record belongs to, by their positions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChainResult {
    pub layers: Vec<usize>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// A key of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Input {
    /// Which part of the input is used.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub selector: String,
    /// The record with the key, by its position.
    pub link: usize,
}

/// Why records are not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRecords {
    #[error("it is not what BuildKit writes: {0}")]
    Malformed(String),
    #[error("it has more than {MAX_RECORDS} records")]
    TooMany,
    #[error("record {0} is linked to a record that is not there")]
    LinkOutOfRange(usize),
    #[error("record {0} names a layer that is not there")]
    LayerOutOfRange(usize),
    #[error("records are linked in a circle")]
    Circle,
    #[error("record {0} was created at a time that is none")]
    Time(usize),
}

impl Record {
    /// Whether a build can use the record in place of executing anything.
    pub fn has_result(&self) -> bool {
        !self.layers.is_empty() || !self.chains.is_empty()
    }

    /// A step of a Dockerfile has inputs; a base image and the content of files have none.
    pub fn is_step(&self) -> bool {
        !self.inputs.is_empty()
    }
}

impl Records {
    /// Reads records of an image with so many layers.
    ///
    /// # Errors
    /// [`BadRecords`] for what BuildKit would not take either, and for what is larger than any build.
    pub fn parse(json: &[u8], layers: usize) -> Result<Self, BadRecords> {
        let all = serde_json::from_slice(json).map_err(|error| BadRecords::Malformed(error.to_string()))?;
        Self::new(all, layers)
    }

    /// The same for records that are values already.
    ///
    /// # Errors
    /// As [`Records::parse`].
    pub fn new(all: Vec<Record>, layers: usize) -> Result<Self, BadRecords> {
        let links: usize = all.iter().flat_map(|record| &record.inputs).map(Vec::len).sum();
        if all.len() > MAX_RECORDS || links > MAX_LINKS {
            return Err(BadRecords::TooMany);
        }
        for (index, record) in all.iter().enumerate() {
            check(index, record, all.len(), layers)?;
        }
        let order = order(&all).ok_or(BadRecords::Circle)?;
        Ok(Self { all, order })
    }

    pub fn all(&self) -> &[Record] {
        &self.all
    }

    pub fn get(&self, index: usize) -> Option<&Record> {
        self.all.get(index)
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The positions of all records, each behind those of its inputs.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Puts results into a record that has none. Positions of layers are not checked again.
    pub(super) fn fill(&mut self, index: usize, layers: Vec<LayerResult>, chains: Vec<ChainResult>) {
        if let Some(record) = self.all.get_mut(index).filter(|record| !record.has_result()) {
            record.layers = layers;
            record.chains = chains;
        }
    }

    /// As BuildKit reads them.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.all).expect("records are texts and numbers")
    }
}

fn check(index: usize, record: &Record, records: usize, layers: usize) -> Result<(), BadRecords> {
    if record.inputs.iter().flatten().any(|input| input.link >= records) {
        return Err(BadRecords::LinkOutOfRange(index));
    }
    let in_chains = record.chains.iter().flat_map(|chain| &chain.layers);
    if record.layers.iter().map(|result| &result.layer).chain(in_chains).any(|layer| *layer >= layers) {
        return Err(BadRecords::LayerOutOfRange(index));
    }
    let times = record.layers.iter().map(|result| &result.created_at);
    let mut times = times.chain(record.chains.iter().map(|chain| &chain.created_at)).flatten();
    if times.any(|time| time.parse::<jiff::Timestamp>().is_err()) {
        return Err(BadRecords::Time(index));
    }
    Ok(())
}

/// Every record behind its inputs; `None` if there is a circle.
fn order(all: &[Record]) -> Option<Vec<usize>> {
    let mut waits: Vec<usize> = Vec::with_capacity(all.len());
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
    for (index, record) in all.iter().enumerate() {
        let links = record.inputs.iter().flatten();
        waits.push(links.clone().count());
        for input in links {
            users.get_mut(input.link)?.push(index);
        }
    }
    let mut order: Vec<usize> = (0..all.len()).filter(|index| waits.get(*index) == Some(&0)).collect();
    let mut next = 0;
    while let Some(done) = order.get(next).copied() {
        next += 1;
        for user in users.get(done)? {
            let open = waits.get_mut(*user)?;
            *open -= 1;
            if *open == 0 {
                order.push(*user);
            }
        }
    }
    (order.len() == all.len()).then_some(order)
}

/// Go writes an empty list as `null`.
fn or_nothing<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

fn lists_or_nothing<'de, D>(deserializer: D) -> Result<Vec<Vec<Input>>, D::Error>
where
    D: Deserializer<'de>,
{
    let lists = Option::<Vec<Option<Vec<Input>>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(lists.into_iter().map(Option::unwrap_or_default).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Docker 20.10.24 wrote for `COPY req.txt .` on a base image, as far as links go.
    const COPY: &str = r#"[
        {"layers": [{"layer": 1, "createdAt": "2026-11-28T01:03:43.024068816Z"}], "digest": "sha256:a3",
         "inputs": [[{"link": 1}, {"link": 2}], [{"selector": "sha256:a5", "link": 3}]]},
        {"digest": "sha256:a9"}, {"digest": "sha256:cf"}, {"digest": "sha256:d9", "inputs": null}
    ]"#;

    #[test]
    fn what_an_engine_writes_can_be_read_and_written() {
        let records = Records::parse(COPY.as_bytes(), 2).expect("an engine has written it");
        assert_eq!(records.order(), [1, 2, 3, 0]);
        assert!(records.all()[0].has_result() && records.all()[0].is_step());
        assert!(!records.all()[3].is_step());
        assert_eq!(Records::parse(&records.to_json(), 2).as_ref(), Ok(&records));
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let text = br#"[{"digest":"sha256:a","later":{"x":1}}]"#;
        assert_eq!(Records::parse(text, 0).expect("it is fine").to_json(), text);
    }

    #[test]
    fn nothing_that_is_wrong_is_taken() {
        let error = |json: &str| Records::parse(json.as_bytes(), 1).expect_err(json);
        assert!(matches!(error("{}"), BadRecords::Malformed(_)));
        assert!(matches!(error(r#"[{"digest":"a","layers":[{"layer":-1}]}]"#), BadRecords::Malformed(_)));
        assert_eq!(error(r#"[{"digest":"a","inputs":[[{"link":1}]]}]"#), BadRecords::LinkOutOfRange(0));
        assert_eq!(error(r#"[{"digest":"a","layers":[{"layer":1}]}]"#), BadRecords::LayerOutOfRange(0));
        assert_eq!(error(r#"[{"digest":"a","chains":[{"layers":[0,7]}]}]"#), BadRecords::LayerOutOfRange(0));
        assert_eq!(error(r#"[{"digest":"a","inputs":[[{"link":0}]]}]"#), BadRecords::Circle);
        assert_eq!(
            error(r#"[{"digest":"a","layers":[{"layer":0,"createdAt":"today"}]}]"#),
            BadRecords::Time(0)
        );
        let many = format!("[{}]", vec![r#"{"digest":"a"}"#; MAX_RECORDS + 1].join(","));
        assert_eq!(error(&many), BadRecords::TooMany);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let record = |index: usize| Record {
            digest: "a".to_owned(),
            inputs: match index {
                0 => Vec::new(),
                _ => vec![vec![Input { selector: String::new(), link: index - 1 }]],
            },
            ..Record::default()
        };
        assert!(Records::new((0..MAX_RECORDS).map(record).collect(), 0).is_ok());
    }
}
