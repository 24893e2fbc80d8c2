//! Text from a build, without what a terminal would take as an order.

use std::iter::Peekable;
use std::str::Chars;

const ESCAPE: char = '\u{1b}';
const BELL: char = '\u{7}';

/// The text without escape sequences and control characters; tabs stay.
///
/// What a build prints is not trusted: it could set the title of the terminal, fill its clipboard or overwrite lines.
pub(super) fn printable(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            ESCAPE => skip_sequence(&mut rest),
            // The same introducers as one C1 character.
            '\u{9b}' => skip_control(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut rest),
            '\t' => kept.push('\t'),
            _ if character.is_control() => {}
            _ => kept.push(character),
        }
    }
    kept
}

/// What follows an escape character.
fn skip_sequence(rest: &mut Peekable<Chars<'_>>) {
    match rest.peek().copied() {
        Some('[') => {
            rest.next();
            skip_control(rest);
        }
        // OSC, and its relatives DCS, SOS, PM and APC.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            skip_string(rest);
        }
        Some(_) => {
            // `ESC ( B` and the like: intermediate characters, then one that is final.
            while rest.next_if(|character| (' '..='/').contains(character)).is_some() {}
            rest.next_if(|character| ('0'..='~').contains(character));
        }
        None => {}
    }
}

/// Parameters up to the final character; one that cannot be part of the sequence ends it and is text.
fn skip_control(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|character| (' '..='?').contains(character)).is_some() {}
    rest.next_if(|character| ('@'..='~').contains(character));
}

/// Everything up to BEL or ST.
fn skip_string(rest: &mut Peekable<Chars<'_>>) {
    while let Some(character) = rest.next() {
        match character {
            BELL | '\u{9c}' => return,
            ESCAPE => {
                // `ESC \` ends the string; any other sequence interrupts it.
                if rest.next_if_eq(&'\\').is_none() {
                    skip_sequence(rest);
                }
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn only_text_is_left() {
        for (text, expected) in [
            ("plain text, größer ✓", "plain text, größer ✓"),
            ("a\tb", "a\tb"),
            ("\u{1b}[1;31merror\u{1b}[0m: x", "error: x"),
            ("\u{1b}[2J\u{1b}[Hgone", "gone"),
            ("\u{1b}[?25lhidden", "hidden"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]52;c;aGk=\u{1b}\\text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}Pdevice\u{1b}\\text", "text"),
            ("\u{1b}ctext", "text"),
            ("\u{1b}(Btext", "text"),
            ("\u{1b}7text\u{1b}8", "text"),
            ("\u{9b}31mtext\u{9d}0;title\u{9c}!", "text!"),
            ("a\u{8}b\u{7}c\rd\ne\u{7f}f\u{0}g\u{85}h", "abcdefgh"),
            ("\u{1b}]0;a\u{1b}[31mtext", "text"),
            ("cut \u{1b}[31", "cut "),
            ("cut \u{1b}]0;title", "cut "),
            ("cut \u{1b}", "cut "),
            ("\u{1b}\u{1b}[31mtext", "text"),
            ("\u{1b}[3é", "é"),
        ] {
            assert_eq!(printable(text), expected, "{text:?}");
        }
    }
}
