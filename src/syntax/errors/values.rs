//! Messages about values: numbers, strings, tags, and expressions of other languages.

use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::Name;
use crate::syntax::lower::NumberProblem;

/// Words that later versions may give a meaning.
const RESERVED_FOR_LATER: [&str; 12] =
    ["and", "or", "not", "match", "fn", "use", "import", "include", "template", "module", "as", "with"];

pub(in crate::syntax) fn is_reserved_for_later(word: &str) -> bool {
    word == "null" || RESERVED_FOR_LATER.contains(&word)
}

pub(in crate::syntax) fn malformed_number(source: &str, problem: &NumberProblem, span: Span) -> Diagnostic {
    let new = |label: &str| {
        Diagnostic::new(Code::MalformedNumber, format!("`{source}` is not a number"), span, label)
    };
    let units = "numbers are whole; durations end in `ms`, `s`, `m`, `h` or `d`";
    match problem {
        NumberProblem::Version => {
            let text = format!("\"{source}\"");
            new("versions are strings")
                .with_note(units)
                .with_help(format!("write `{text}`"))
                .with_edit(span, text)
        }
        NumberProblem::Fraction(whole) => {
            new("durations are whole numbers").with_note(units).with_help(format!("write `{whole}`"))
        }
        NumberProblem::Unit(written) => new("not a unit")
            .with_note("durations end in `ms`, `s`, `m`, `h` or `d`, sizes in `KiB`, `MiB`, `GiB` or `TiB`")
            .with_help(format!("write `{written}`"))
            .with_edit_if(span, is_same_unit(source, written).then_some(written.as_str())),
        NumberProblem::SeveralUnits(sum) => {
            new("a duration has one unit").with_help(format!("write `{sum}`")).with_edit(span, sum.as_str())
        }
        NumberProblem::UnknownUnit => new("letters follow the number")
            .with_note("durations end in `ms`, `s`, `m`, `h` or `d`, sizes in `KiB`, `MiB`, `GiB` or `TiB`")
            .with_help(format!("write `\"{source}\"` if this is a string")),
        NumberProblem::Underscore(digits) => {
            new("numbers have no `_`").with_help(format!("write `{digits}`")).with_edit(span, digits.as_str())
        }
        NumberProblem::LeadingZero => new("numbers do not start with 0")
            .with_note("an account ID is a string, because it can start with 0")
            .with_help(format!("write `\"{source}\"`"))
            .with_edit_if(span, (source.len() == 12).then(|| format!("\"{source}\""))),
        NumberProblem::TooLarge => new("too large").with_note("numbers fit into 64 bits"),
        NumberProblem::Negative => new("durations and sizes are not negative").with_help("remove the `-`"),
    }
}

/// Whether the unit that is written can mean no other: `64MB` is not 64 MiB everywhere, and `5M` may be minutes.
fn is_same_unit(source: &str, written: &str) -> bool {
    written.ends_with(['s', 'm', 'h', 'd']) || source.ends_with('i')
}

/// `5 m`
pub(in crate::syntax) fn blank_before_unit(number: &str, unit: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::MalformedNumber,
        format!("`{number} {unit}` is not a number"),
        span,
        "a unit follows its number directly",
    )
    .with_help(format!("remove the space: `{number}{unit}`"))
}

pub(in crate::syntax) fn unknown_escape(escape: &str, multiline: bool, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnknownEscape,
        format!("unknown escape `{escape}` in string"),
        span,
        "not an escape",
    );
    match escape {
        "\\u" => diagnostic.with_help("write `\\u{…}` with the hexadecimal number of a character"),
        _ if escape.starts_with("\\u{") => {
            diagnostic.with_help("a character number has 1 to 6 hexadecimal digits, up to `\\u{10ffff}`")
        }
        "\\r" | "\\0" | "\\e" => diagnostic.with_help("write `\\u{…}` with the number of the character"),
        "\\'" => diagnostic.with_help("write `'`; it needs no escape").with_edit(span, "'"),
        "\\" if multiline => diagnostic
            .with_note("the lines of a `\"\"\"` text are kept as they are")
            .with_help("write `\\\\` for a backslash at the end of a line, such as the shell's"),
        "\\" => {
            diagnostic.with_help("a string cannot go on in the next line; use `\"\"\"` for several lines")
        }
        _ => diagnostic.with_help("write `\\\\` for a backslash, or use `/` in paths"),
    }
}

/// `\u{0}`
pub(in crate::syntax) fn nul_escape(escape: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnknownEscape,
        format!("NUL character `{escape}` in string"),
        span,
        "a NUL character cannot be used",
    )
    .with_note("no command takes an argument with this character, and no registry a name")
    .with_help("remove it")
}

pub(in crate::syntax) fn empty_hole(span: Span) -> Diagnostic {
    Diagnostic::new(Code::UnexpectedToken, "`${}` is empty", span, "expected a value inside")
        .with_help("write `\\${}` for the text itself")
}

pub(in crate::syntax) fn unquoted_tag(repository: &str, tag: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::UnquotedTag, format!("tag `{tag}` must be quoted"), span, "not a name")
        .with_help(format!("write `{repository}:\"{tag}\"`"))
        .with_edit(span, format!("\"{tag}\""))
}

pub(in crate::syntax) fn spaced_tag(repository: &str, tag: &str, colon: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnquotedTag,
        format!("blank beside the `:` of a tag of `{repository}`"),
        colon,
        "no blanks around this",
    )
    .with_help(format!("write `{repository}:{tag}` without the space"))
    .with_edit(colon, ":")
}

pub(in crate::syntax) fn named_argument_colon(name: &str, value: &str, colon: Span) -> Diagnostic {
    Diagnostic::new(
        Code::ExpectedEquals,
        format!("expected `=` after `{name}`"),
        colon,
        "named arguments use `=`",
    )
    .with_help(format!("write `{name} = {value}`"))
    .with_edit(colon, " =")
}

pub(in crate::syntax) fn chained_comparison(operator: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        "comparisons do not chain",
        span,
        "the left side is a comparison already",
    )
    .with_help(format!("write `a {operator} b && b {operator} c`, or put one of them into `( )`"))
}

fn foreign(source: &str, span: Span, label: &str) -> Diagnostic {
    Diagnostic::new(Code::ForeignExpression, format!("`{source}` is not an expression"), span, label)
}

pub(in crate::syntax) fn shell_variable(source: &str, span: Span) -> Diagnostic {
    let variable = source.trim_matches(['$', '{', '}']);
    let name = variable.to_lowercase();
    foreign(source, span, "shell syntax")
        .with_help(format!("declare `param {name}: string = env(\"{variable}\")` and write `{name}`"))
}

pub(in crate::syntax) fn stray_dollar(span: Span) -> Diagnostic {
    foreign("$", span, "shell syntax").with_help("write a name; `${ }` stands only inside strings")
}

pub(in crate::syntax) fn terraform_prefix(prefix: &Name, field: &str) -> Diagnostic {
    let source = format!("{}.{field}", prefix.value);
    let range = prefix.span.range();
    let with_dot = Span::new(prefix.span.file, range.start..range.end + 1);
    foreign(&source, prefix.span, "Terraform syntax")
        .with_help(format!("write `{field}`"))
        .with_edit(with_dot, "")
}

/// `${{ github.sha }}`
pub(in crate::syntax) fn github_expression(source: &str, span: Span) -> Diagnostic {
    let content = source.trim_start_matches("${{").trim_end_matches("}}").trim();
    let shown = if source.chars().count() <= 40 { source } else { "${{ … }}" };
    let diagnostic = foreign(shown, span, "GitHub Actions syntax");
    let is_name = |name: &&str| {
        name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_') && name.chars().count() <= 40
    };
    let (context, name) = content.split_once('.').unwrap_or(("", content));
    match (context, name) {
        ("github", "sha") => diagnostic.with_help("write `${git.commit ?? \"none\"}` in a string"),
        ("github", "ref" | "ref_name" | "head_ref") => {
            diagnostic.with_help("write `${git.branch ?? \"none\"}` in a string")
        }
        ("matrix", name) if is_name(&name) => diagnostic
            .with_help(format!("repeat the image or stage: `for {name} in […]`, and write `${{{name}}}`")),
        ("secrets", name) if is_name(&name) => {
            let lower = name.to_lowercase();
            diagnostic.with_help(format!("declare `secret {lower} = env(\"{name}\")` and write `{lower}`"))
        }
        ("env" | "vars" | "inputs", name) if is_name(&name) => {
            let (lower, upper) = (name.to_lowercase(), name.to_uppercase());
            diagnostic.with_help(format!(
                "declare `param {lower}: string = env(\"{upper}\")` and write `${{{lower}}}`"
            ))
        }
        ("github", name) if is_name(&name) => {
            diagnostic.with_help(format!("write `env(\"GITHUB_{}\")`", name.to_uppercase()))
        }
        _ => diagnostic.with_help("set a variable in the workflow, and read it with `env(\"NAME\")`"),
    }
}

/// `a === b`
pub(in crate::syntax) fn triple_equals(is_negated: bool, span: Span) -> Diagnostic {
    let (written, meant) = if is_negated { ("!==", "!=") } else { ("===", "==") };
    Diagnostic::new(
        Code::ForeignExpression,
        format!("`{written}` is not an operator"),
        span,
        "one `=` too many",
    )
    .with_help(format!("write `{meant}`"))
    .with_edit(span, meant)
}

pub(in crate::syntax) fn ternary(condition: &str, then: &str, otherwise: &str, span: Span) -> Diagnostic {
    let is_short = |part: &&str| part.chars().count() <= 40 && !part.contains('`');
    let (condition, then, otherwise) = match [condition, then, otherwise].iter().all(is_short) {
        true => (condition, then, otherwise),
        false => ("a", "b", "c"),
    };
    foreign("? :", span, "conditions are written in words")
        .with_help(format!("write `if {condition} then {then} else {otherwise}`"))
}

pub(in crate::syntax) fn heredoc(span: Span) -> Diagnostic {
    foreign("<<", span, "shell syntax").with_help("write several lines between `\"\"\"` and `\"\"\"`")
}

pub(in crate::syntax) fn word_operator(word: &str, span: Span) -> Diagnostic {
    let operator = match word {
        "and" => "&&",
        "or" => "||",
        _ => "!",
    };
    Diagnostic::new(
        Code::ForeignExpression,
        format!("`{word}` is not an operator"),
        span,
        "operators are signs",
    )
    .with_help(format!("write `{operator}`"))
    .with_edit(span, operator)
}

/// A word that later versions may use, where a value is expected.
pub(in crate::syntax) fn reserved_value(name: &Name) -> Diagnostic {
    match name.value.as_str() {
        "and" | "or" | "not" => word_operator(&name.value, name.span),
        "null" => foreign("null", name.span, "there is no such value")
            .with_help("leave the attribute out, or give a default with `??`"),
        word => Diagnostic::new(
            Code::UnexpectedToken,
            format!("`{word}` is a reserved word"),
            name.span,
            "not a value",
        )
        .with_help(format!("write `\"{word}\"` if this is a string")),
    }
}

/// `[for x in xs: y]`; `source` is the whole list.
pub(in crate::syntax) fn for_before_value(source: &str, span: Span) -> Diagnostic {
    let inner = source.trim_start_matches('[').trim_end_matches(']').trim();
    let parts = inner.strip_prefix("for ").and_then(|rest| rest.split_once(':'));
    let help = match parts {
        Some((clause, value)) => format!("write `[{} for {}]`", value.trim(), clause.trim()),
        None => "write the value first: `[y for x in xs]`".to_owned(),
    };
    foreign("[for …]", span, "the value comes before `for`").with_help(help)
}

pub(in crate::syntax) fn several_values_before_for(span: Span) -> Diagnostic {
    Diagnostic::new(Code::UnexpectedToken, "several values before `for`", span, "this repeats one value only")
        .with_help("write one value before `for`, or add two lists with `+`")
}
