//! Texts of users in the sentences of messages.

use std::borrow::Cow;

use super::Diagnostic;

/// The longest name that a sentence repeats, in characters.
const LONGEST_NAME: usize = 40;
/// How many characters headlines and labels have.
const MAX_HEADLINE: usize = 72;
const MAX_LABEL: usize = 50;
/// How many characters a word in backticks has; fewer where there is no room.
const WORD_LENGTHS: [usize; 4] = [64, 32, 24, 12];

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

/// Shortens the words in backticks that are too long: names, keys and types. In headlines and labels they are as short
/// as it takes.
pub(crate) fn shorten(diagnostic: &mut Diagnostic) {
    shorten_to(&mut diagnostic.message, MAX_HEADLINE);
    for label in diagnostic.secondary.iter_mut().chain([&mut diagnostic.primary]) {
        shorten_to(&mut label.text, MAX_LABEL);
    }
    for text in diagnostic.notes.iter_mut().chain(&mut diagnostic.help) {
        if text.len() > WORD_LENGTHS[0] {
            *text = with_short_words(text, WORD_LENGTHS[0]);
        }
    }
}

fn shorten_to(text: &mut String, room: usize) {
    for longest in WORD_LENGTHS {
        if text.chars().count() > room {
            *text = with_short_words(text, longest);
        }
    }
}

fn with_short_words(text: &str, longest: usize) -> String {
    let piece = |(index, piece): (usize, &str)| {
        let is_code = index % 2 == 1;
        let words =
            piece.split(' ').map(|word| if is_code { short_word(word, longest) } else { word.to_owned() });
        words.collect::<Vec<_>>().join(" ")
    };
    text.split('`').enumerate().map(piece).collect::<Vec<_>>().join("`")
}

/// A word without its middle, if it is too long: the end may be what was asked of a name, as in `name.ref`.
fn short_word(word: &str, longest: usize) -> String {
    let count = word.chars().count();
    if count <= longest {
        return word.to_owned();
    }
    let start = word.chars().take(longest / 2);
    let end = word.chars().skip(count + 1 - longest / 2);
    start.chain(['…']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::{quoted, short_word, shorten_to, shortened, with_short_words};

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

    #[test]
    fn long_names_lose_their_middle() {
        let long = "k".repeat(64);
        assert_eq!(short_word(&long, 64), long);
        let short = short_word(&format!("{long}é.ref"), 64);
        assert_eq!(short.chars().count(), 64);
        assert!(short.starts_with("kkk") && short.contains("k…k") && short.ends_with("ké.ref"));
        let text = format!("{long}{long} `image {long}{long}` has");
        let shown = with_short_words(&text, 64);
        assert!(shown.starts_with(&format!("{long}{long} `image kk")), "only what is quoted");
        assert!(shown.ends_with("k` has") && shown.chars().count() < text.len());
        let mut headline = format!("`{long}` is `{long}`");
        shorten_to(&mut headline, 72);
        assert!(headline.chars().count() <= 72 && headline.contains("…"), "{headline}");
    }
}
