//! Words of commands as a shell would want them, so that their ends can be seen.

use crate::plan::{Plan, ScriptPiece, Text, TextPiece};

/// A text; what only the run knows is shown as `<lambda.ref>`.
pub(super) fn text(plan: &Plan, text: &Text) -> String {
    pieces(plan, text, str::to_owned)
}

/// One word of a command.
pub(super) fn word(plan: &Plan, text: &Text) -> String {
    if text.0.iter().all(|piece| matches!(piece, TextPiece::Literal(literal) if literal.is_empty())) {
        return "''".to_owned();
    }
    pieces(plan, text, single_quoted)
}

/// A script with its values: not the text that the shell is given, but one that does the same.
pub(super) fn script(plan: &Plan, script: &[ScriptPiece]) -> String {
    let piece = |piece: &ScriptPiece| match piece {
        ScriptPiece::Script(script) => script.clone(),
        ScriptPiece::Word(value) => word(plan, value),
        ScriptPiece::Quoted(value) => pieces(plan, value, escaped),
    };
    script.iter().map(piece).collect()
}

fn pieces(plan: &Plan, text: &Text, literal: fn(&str) -> String) -> String {
    let piece = |piece: &TextPiece| match piece {
        TextPiece::Literal(text) => literal(text),
        TextPiece::Ref(id) => format!("<{}.ref>", plan.image(*id).name),
        TextPiece::Digest(id) => format!("<{}.digest>", plan.image(*id).name),
    };
    text.0.iter().map(piece).collect()
}

fn single_quoted(text: &str) -> String {
    let is_plain = |c: char| {
        c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | ',' | '@' | '+' | '%')
    };
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Between double quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if matches!(character, '"' | '\\' | '$' | '`') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{escaped, single_quoted};

    #[test]
    fn values_stay_values() {
        assert_eq!(single_quoted("a/b:c"), "a/b:c");
        assert_eq!(single_quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(escaped(r#"a "b" $(c) `d` \"#), r#"a \"b\" \$(c) \`d\` \\"#);
    }
}
