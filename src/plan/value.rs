//! The values of expressions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use super::outside::hex;
use super::{Bucket, BuilderId, CacheMode, ImageId, RegistryId, RepositoryId, Tag, functions};
use crate::check::program::SecretId;
use crate::check::types::Type;
use crate::source::Span;

/// A value of the language.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Of a `T?` that has none; an attribute with it is absent.
    Unset,
    String(String),
    Int(i64),
    Bool(bool),
    Duration(Duration),
    Size(u64),
    /// Shared, as each use of a name is a copy of its value.
    List(Arc<Vec<Value>>),
    Map(Arc<IndexMap<String, Value>>),
    Secret(SecretId),
    Registry(RegistryId),
    Repository(RepositoryId),
    Tag(Box<WrittenTag>),
    /// Resolved, so that a family is several.
    Images(Vec<ImageId>),
    Builder(BuilderId),
    /// The URL of a repository.
    GitContext(String),
    Cache(Box<(CachePlace, CacheMode)>),
    /// Was reported.
    Error,
}

impl Value {
    pub(super) fn list(items: Vec<Value>) -> Self {
        Value::List(Arc::new(items))
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum CachePlace {
    Inline,
    Registry(WrittenTag),
    Local(PathBuf),
    Gha { scope: Option<String> },
    S3(Bucket),
}

/// A tag and what is known of its text besides this run's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WrittenTag {
    pub(super) tag: Tag,
    /// Its text can be another one in another run.
    pub(super) varies: bool,
    pub(super) form: TagForm,
    /// Where it is written.
    pub(super) span: Span,
}

/// Which texts a tag can have in other runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum TagForm {
    /// The one that it has.
    Fixed,
    /// Any that starts and ends like this.
    Around(String, String),
    /// The id of a commit, a hash or a time, or a text with one in it: never a word that people write.
    Unique,
    Any,
}

impl TagForm {
    /// Whether some other run may give a tag this text.
    pub(super) fn can_be(&self, text: &str) -> bool {
        match self {
            TagForm::Fixed => false,
            TagForm::Around(start, end) => {
                text.len() >= start.len() + end.len()
                    && text.starts_with(start.as_str())
                    && text.ends_with(end.as_str())
            }
            TagForm::Unique => text.split(|one: char| !one.is_ascii_alphanumeric()).any(is_unique),
            TagForm::Any => true,
        }
    }
}

/// Whether a word is the id of a commit, short or long, a hash, or a time as `now()` gives it.
fn is_unique(word: &str) -> bool {
    let is_id = word.len() >= 7 && word.chars().all(|one| one.is_ascii_hexdigit());
    let has_digits = |text: &str, count| text.len() == count && text.chars().all(|one| one.is_ascii_digit());
    let time = word.strip_suffix('Z').and_then(|time| time.split_once('T'));
    is_id || time.is_some_and(|(date, time)| has_digits(date, 8) && has_digits(time, 6))
}

/// A value as a plan shows it, if it is a simple one.
pub(super) fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Duration(duration) => Some(functions::duration_text(*duration)),
        Value::List(items) => Some(items.iter().filter_map(shown).collect::<Vec<_>>().join(",")),
        _ => None,
    }
}

/// A text as the list of inputs has it: one that is long or has several lines is known by its hash.
pub(super) fn listed(text: &str) -> String {
    const LONGEST: usize = 80;
    if text.len() <= LONGEST && !text.contains(char::is_control) {
        return text.to_owned();
    }
    format!("sha256:{}", hex(&Sha256::digest(text)))
}

/// A text as a string of the language.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '$' if characters.peek() == Some(&'{') => quoted.push_str("\\$"),
            // Quotes of the other kind need no escape.
            '\'' => quoted.push('\''),
            other if other.escape_debug().len() > 1 => {
                quoted.push_str(&format!("\\u{{{:x}}}", u32::from(other)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A param's value from the command line.
pub(super) fn parse(text: &str, ty: &Type) -> Option<Value> {
    match ty {
        Type::String => Some(Value::String(text.to_owned())),
        Type::Int => text.parse().ok().map(Value::Int),
        Type::Bool => text.parse().ok().map(Value::Bool),
        Type::Duration => functions::duration(text).map(Value::Duration),
        Type::List(_) => {
            let items = text.split(',').filter(|item| !item.is_empty());
            Some(Value::list(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{TagForm, Value, listed, quoted};

    #[test]
    fn values_are_small() {
        // What the steps of a plan are worth in memory rests on it.
        assert!(size_of::<Value>() <= 32, "{}", size_of::<Value>());
    }

    #[test]
    fn ids_and_times_are_told_from_words() {
        let can_be = |text| TagForm::Unique.can_be(text);
        assert!(["4f2a1c9", "20260131T224203Z", "api-4f2a1c9", "v1.4f2a1c9_b"].into_iter().all(can_be));
        assert!(!["latest", "cache", "fade", "2026T01Z", "stable-2"].into_iter().any(can_be));
    }

    #[test]
    fn texts_are_shown_as_they_are_written() {
        for (text, expected) in [
            ("api", r#""api""#),
            ("it's", r#""it's""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\n\t\r", r#""a\n\t\u{d}""#),
            ("$x ${y}", r#""$x \${y}""#),
            ("é\u{200b}", r#""é\u{200b}""#),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn long_inputs_are_listed_by_their_hash() {
        assert_eq!(listed("1.4.2"), "1.4.2");
        assert!(listed("a\nb").starts_with("sha256:"));
        assert!(listed(&"a".repeat(81)).starts_with("sha256:"));
    }
}
