//! Keys that must not be in a file: finding them, and keeping them out of what is shown.

use std::borrow::Cow;

/// How long the id of an access key is, and how long its secret part.
const ID_LENGTH: usize = 20;
const SECRET_LENGTH: usize = 40;

/// What a text looks like, if it holds a key of AWS.
///
/// Ids start with `AKIA` or `ASIA`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>); secret parts are 40 characters of
/// base64, which a commit id is too: only those with letters of both cases and a digit count.
pub fn looks_like_aws_key(text: &str) -> Option<&'static str> {
    words(text).find_map(|(_, word)| kind(word))
}

/// A text with every key in it as `*`, as long as it was.
pub(super) fn without_keys(text: &str) -> Cow<'_, str> {
    let keys: Vec<_> = words(text).filter(|(_, word)| kind(word).is_some()).collect();
    if keys.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = text.to_owned();
    for (start, word) in keys {
        shown.replace_range(start..start + word.len(), &"*".repeat(word.len()));
    }
    Cow::Owned(shown)
}

fn kind(word: &str) -> Option<&'static str> {
    let is_id = |word: &str| {
        word.len() == ID_LENGTH
            && (word.starts_with("AKIA") || word.starts_with("ASIA"))
            && word.chars().all(|one| one.is_ascii_uppercase() || one.is_ascii_digit())
    };
    let is_secret = |word: &str| {
        word.len() == SECRET_LENGTH
            && word.contains(|one: char| one.is_ascii_uppercase())
            && word.contains(|one: char| one.is_ascii_lowercase())
            && word.contains(|one: char| one.is_ascii_digit())
            // A path has many slashes and few digits.
            && word.matches('/').count() <= 4
    };
    match word {
        _ if is_id(word) => Some("an access key id"),
        _ if is_secret(word) => Some("a secret access key"),
        _ => None,
    }
}

/// The longest pieces of a text that are made of characters that keys are made of, each with its place.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let other = |one: char| !(one.is_ascii_alphanumeric() || one == '/' || one == '+');
    let mut at = 0;
    text.split_inclusive(other).map(move |piece| {
        let start = at;
        at += piece.len();
        (start, piece.trim_end_matches(other))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_form() {
        let secret = ["wJalrXUtnFEMI/K7MDENG", "/bPxRfiCYEXAMPLEKEY"].concat();
        let id = ["AKIA", "IOSFODNN7EXAMPLE"].concat();
        for (text, found) in [
            (id.as_str(), true),
            (&secret, true),
            (&format!("key={secret};"), true),
            ("da39a3ee5e6b4b0d3255bfef95601890afd80709", false),
            ("AKIA", false),
            ("./services/api/with/a/path/of/40/letters", false),
        ] {
            assert_eq!(looks_like_aws_key(text).is_some(), found, "{text}");
        }
    }

    #[test]
    fn keys_are_not_shown() {
        let id = ["AKIA", "IOSFODNN7EXAMPLE"].concat();
        assert_eq!(without_keys(&format!("é = \"{id}\"")), format!("é = \"{}\"", "*".repeat(20)));
        assert_eq!(without_keys("nothing"), "nothing");
    }
}
