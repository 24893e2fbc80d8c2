//! Text that a terminal shows and never obeys.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters that a terminal or an editor obeys instead of showing: control characters, and those that change the
/// direction of the text around them.
pub(super) fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// The text on one line, with `\n` or `\u{1b}` where a terminal would obey: names of files, values from outside.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            _ if !is_obeyed(character) => shown.push(character),
            '\n' | '\r' | '\t' => shown.extend(character.escape_default()),
            _ => shown.extend(character.escape_unicode()),
        }
    }
    Cow::Owned(shown)
}

/// JSON with `\u009b` where a terminal would obey, which means the same. JSON itself does this only below U+0020.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    // Between values it has new lines.
    let is_obeyed = |character: char| character != '\n' && is_obeyed(character);
    if !json.contains(is_obeyed) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 8);
    for character in json.chars() {
        if is_obeyed(character) {
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::{printable, printable_json};

    #[test]
    fn nothing_is_obeyed_and_nothing_else_changes() {
        assert_eq!(printable("plain `é` 日本"), "plain `é` 日本");
        assert_eq!(printable("a\u{1b}[31m\n\u{9b}\u{202e}\0b"), r"a\u{1b}[31m\n\u{9b}\u{202e}\u{0}b");
        let json = serde_json::json!("\u{1b}\u{9b}\u{7f}\u{202e}é").to_string();
        let shown = printable_json(&json);
        assert_eq!(shown, r#""\u001b\u009b\u007f\u202eé""#);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).ok(),
            serde_json::from_str::<serde_json::Value>(&json).ok()
        );
    }
}
