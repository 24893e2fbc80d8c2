//! What the built-in functions compute. Their arguments have the types of [`Function::signature`].

use std::time::{Duration, SystemTime};

use sha2::Digest as _;

use super::eval::Value;
use crate::check::functions::Function;

/// The longest text that `slug` makes: a tag's limit.
const SLUG_LIMIT: usize = 128;
/// How many characters `short` keeps: what git shows of a commit id.
const SHORT: usize = 7;

pub(super) fn apply(function: Function, arguments: &[Value]) -> Value {
    match (function, arguments) {
        (Function::Lower, [Value::String(text)]) => Value::String(text.to_lowercase()),
        (Function::Upper, [Value::String(text)]) => Value::String(text.to_uppercase()),
        (Function::Trim, [Value::String(text)]) => Value::String(text.trim().to_owned()),
        (Function::Slug, [Value::String(text)]) => Value::String(slug(text)),
        (Function::Short, [Value::String(text)]) => Value::String(text.chars().take(SHORT).collect()),
        (Function::Replace, [Value::String(text), Value::String(from), Value::String(to)]) => {
            Value::String(text.replace(from.as_str(), to))
        }
        (Function::StartsWith, [Value::String(text), Value::String(start)]) => {
            Value::Bool(text.starts_with(start.as_str()))
        }
        (Function::EndsWith, [Value::String(text), Value::String(end)]) => {
            Value::Bool(text.ends_with(end.as_str()))
        }
        (Function::Contains, [Value::String(text), Value::String(part)]) => {
            Value::Bool(text.contains(part.as_str()))
        }
        (Function::Join, [Value::List(items), Value::String(separator)]) => {
            let texts = items.iter().filter_map(|item| match item {
                Value::String(text) => Some(text.as_str()),
                _ => None,
            });
            Value::String(texts.collect::<Vec<_>>().join(separator))
        }
        (Function::Split, [Value::String(text), Value::String(separator)]) => {
            Value::list(text.split(separator.as_str()).map(|part| Value::String(part.to_owned())).collect())
        }
        (Function::Basename, [Value::String(path)]) => {
            Value::String(path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned())
        }
        (Function::Git, [Value::String(url)]) => Value::GitContext(url.clone()),
        (Function::Keys, [Value::Map(entries)]) => {
            Value::list(entries.keys().map(|key| Value::String(key.clone())).collect())
        }
        (Function::Length, [value]) => length(value),
        (Function::Sha256, [Value::String(text)]) => {
            Value::String(super::outside::hex(&sha2::Sha256::digest(text.as_bytes())))
        }
        _ => Value::Error,
    }
}

/// Items, entries or characters.
fn length(value: &Value) -> Value {
    let count = match value {
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        Value::String(text) => text.chars().count(),
        _ => return Value::Error,
    };
    i64::try_from(count).map_or(Value::Error, Value::Int)
}

/// A time in the basic form of ISO 8601, in UTC, which is a tag too: `20261123T224203Z`.
pub(super) fn time_text(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text as a tag: lower case, other characters than `a-z 0-9 . _ -` as one `-`, none of them at the start.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for character in text.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() || character == '_' {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with(['-', '.']) {
            slug.push(if character == '.' { '.' } else { '-' });
        }
    }
    slug.truncate(SLUG_LIMIT);
    slug.trim_end_matches(['-', '.']).to_owned()
}

/// `300ms`, `90s`, `5m`, `2h`, `7d`
pub(super) fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(60 * 60).map(Duration::from_secs),
        "d" => number.checked_mul(24 * 60 * 60).map(Duration::from_secs),
        _ => None,
    }
}

/// A duration as people write it, in the largest unit that needs no fraction.
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_millis() != 0 {
        return format!("{}ms", duration.as_millis());
    }
    for (unit, size) in [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60)] {
        if seconds != 0 && seconds.is_multiple_of(size) {
            return format!("{}{unit}", seconds / size);
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use super::{duration, duration_text, slug};

    #[test]
    fn slugs_are_tags() {
        for (text, expected) in [
            ("feature/Login page", "feature-login-page"),
            ("v1.2.3", "v1.2.3"),
            ("//--x--//", "x"),
            ("Ünïcode", "n-code"),
            ("", ""),
        ] {
            assert_eq!(slug(text), expected, "{text}");
        }
        assert_eq!(slug(&"a".repeat(300)).len(), 128);
    }

    #[test]
    fn durations_are_shown_as_they_are_written() {
        for text in ["300ms", "90s", "5m", "2h", "7d", "0s"] {
            assert_eq!(duration(text).map(duration_text).as_deref(), Some(text));
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("5m"), Some(std::time::Duration::from_secs(300)));
        assert_eq!(duration("5"), None);
        assert_eq!(duration("5min"), None);
        assert_eq!(duration("99999999999999999999d"), None);
    }
}
