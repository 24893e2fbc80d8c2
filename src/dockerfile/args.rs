//! `ARG` instructions, and the names that need none.

use crate::source::{FileId, Span, Spanned};

/// A name that an `ARG` declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arg {
    pub(crate) name: Spanned<String>,
    /// As written, with quotes and variables.
    pub(crate) default: Option<String>,
}

/// Build arguments that BuildKit takes although no `ARG` declares them.
///
/// The lists are those of the Dockerfile reference: "Predefined ARGs", "Automatic platform ARGs in the global scope" and
/// "BuildKit built-in build args" (<https://docs.docker.com/reference/dockerfile/#predefined-args>). `TARGETSTAGE` is in
/// BuildKit's `defaultArgs` (`frontend/dockerfile/dockerfile2llb/convert.go`).
pub(crate) fn is_predefined_arg(name: &str) -> bool {
    let proxies = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];
    // BuildKit compares them without their case.
    proxies.iter().any(|proxy| name.eq_ignore_ascii_case(proxy))
        || name.starts_with("BUILDKIT_")
        || name == "SOURCE_DATE_EPOCH"
        || is_automatic_arg(name)
}

/// Build arguments that have a value in `FROM` without being given or declared: what the engine knows.
pub(super) fn is_automatic_arg(name: &str) -> bool {
    let platform = |side: &str| {
        name.strip_prefix(side).is_some_and(|part| matches!(part, "PLATFORM" | "OS" | "ARCH" | "VARIANT"))
    };
    platform("TARGET") || platform("BUILD") || name == "TARGETSTAGE"
}

/// How many bytes of comments and blanks may stand between two words so that the second one is found.
const MAX_GAP: usize = 1024;

/// The arguments of one `ARG`: `NAME`, `NAME=value`, several of them. `written` is where they stand in `text`, and
/// `value` what stands there without line continuations.
pub(super) fn parse(file: FileId, text: &str, written: Span, value: &str, escape: char) -> Vec<Arg> {
    let mut from = written.range().start;
    let mut args = Vec::new();
    for word in words(value, escape) {
        let (name, default) =
            word.split_once('=').map_or((word, None), |(name, default)| (name, Some(default)));
        if name.is_empty() {
            continue;
        }
        // Behind line continuations the words are not written as they are read: then the name is looked for, and where
        // one cuts it in two the whole instruction stands for it.
        let end = text.floor_char_boundary(from + MAX_GAP + word.len()).min(written.range().end);
        let rest = text.get(from..end).unwrap_or_default();
        let found = rest.find(word).map(|at| (at, at + word.len()));
        let found = found.or_else(|| rest.find(name).map(|at| (at, at + name.len())));
        let span =
            found.map_or(written, |(start, _)| Span::new(file, from + start..from + start + name.len()));
        from += found.map_or(0, |(_, end)| end);
        args.push(Arg { name: Spanned::new(name.to_owned(), span), default: default.map(str::to_owned) });
    }
    args
}

/// The words of a line as written; blanks inside quotes and behind the escape character do not end one.
fn words(line: &str, escape: char) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut characters = line.char_indices();
    while let Some((at, character)) = characters.next() {
        match quote {
            None if character.is_whitespace() => {
                words.extend(start.take().and_then(|start| line.get(start..at)));
                continue;
            }
            None if matches!(character, '\'' | '"') => quote = Some(character),
            Some(open) if open == character => quote = None,
            _ => {}
        }
        start.get_or_insert(at);
        // Nothing is escaped between single quotes.
        if character == escape && quote != Some('\'') {
            characters.next();
        }
    }
    words.extend(start.and_then(|start| line.get(start..)));
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;

    #[test]
    fn names_stand_where_they_are_written() {
        let mut sources = SourceMap::new();
        for (text, starts) in
            [("FOO=B B", &[0, 6][..]), ("A=1 \\\n B=\"x \\\ny\" C", &[0, 7, 17]), ("A\\\nB C", &[0, 5])]
        {
            let file = sources.add("Dockerfile", "Dockerfile", text);
            let value = text.replace("\\\n", "");
            let args = parse(file, text, Span::new(file, 0..text.len()), &value, '\\');
            let found: Vec<_> = args.iter().map(|arg| arg.name.span.start).collect();
            assert_eq!(found, starts, "{text:?}");
        }
    }

    #[test]
    fn words_of_a_line() {
        for (line, expected) in [
            ("A", &["A"][..]),
            ("A=1  B=\t'x y'", &["A=1", "B=", "'x y'"]),
            ("A=\"x \\\" y\" B", &["A=\"x \\\" y\"", "B"]),
            ("A=x\\ y", &["A=x\\ y"]),
            ("A='\\' B", &["A='\\'", "B"]),
            ("A='x y", &["A='x y"]),
            ("A=é\\", &["A=é\\"]),
        ] {
            assert_eq!(words(line, '\\'), expected, "{line}");
        }
    }

    #[test]
    fn predefined() {
        for name in ["HTTP_PROXY", "no_proxy", "BUILDKIT_INLINE_CACHE", "SOURCE_DATE_EPOCH", "TARGETARCH"] {
            assert!(is_predefined_arg(name), "{name}");
        }
        for name in ["VERSION", "TARGET", "BUILDTIME", "PROXY", "buildkit_x"] {
            assert!(!is_predefined_arg(name), "{name}");
        }
    }
}
