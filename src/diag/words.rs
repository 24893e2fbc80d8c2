//! Texts of users in the sentences of messages.

use std::borrow::Cow;

/// The longest name that a sentence repeats, in characters.
const LONGEST_NAME: usize = 40;

/// A name or a value of any length in a sentence: in backticks, on one line, its end cut off when it is long.
///
/// ```
/// assert_eq!(cachelang::diag::quoted("api"), "`api`");
/// assert_eq!(cachelang::diag::quoted(&"a".repeat(41)), format!("`{}…`", "a".repeat(39)));
/// ```
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("`");
    for character in shortened(text, LONGEST_NAME).chars() {
        if character.is_control() {
            quoted.extend(character.escape_default());
        } else {
            quoted.push(character);
        }
    }
    quoted.push('`');
    quoted
}

/// A text of at most so many characters, the last of them `…` if there were more.
pub fn shortened(text: &str, longest: usize) -> Cow<'_, str> {
    let cut = text.char_indices().nth(longest).is_some();
    let end = text.char_indices().nth(longest.saturating_sub(1));
    match end.and_then(|(end, _)| text.get(..end)).filter(|_| cut) {
        Some(start) => Cow::Owned(format!("{start}…")),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::{quoted, shortened};

    #[test]
    fn long_texts_are_cut_at_a_character() {
        for (text, longest, expected) in
            [("", 3, ""), ("abc", 3, "abc"), ("abcd", 3, "ab…"), ("ééé", 3, "ééé"), ("éééé", 3, "éé…")]
        {
            assert_eq!(shortened(text, longest), expected, "{text}");
        }
    }

    #[test]
    fn quoted_texts_stay_on_one_line() {
        assert_eq!(quoted("a\nb\u{1b}"), r"`a\nb\u{1b}`");
        assert_eq!(quoted(&"é".repeat(1_000)).chars().count(), 42);
    }
}
