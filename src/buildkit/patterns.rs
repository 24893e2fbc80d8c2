//! Lists of patterns as `.dockerignore` has them: patterns → `Matcher`, which says of a path whether the list matches
//! it. The semantics are those of moby/patternmatcher: the last pattern that matches decides, `!` takes back, and a
//! pattern that matches a directory matches what is in it.

mod glob;

use glob::Glob;

/// A pattern that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid pattern `{pattern}`: {reason}")]
pub(crate) struct BadPattern {
    pattern: String,
    reason: String,
}

/// A list of patterns, in order.
#[derive(Debug)]
pub(crate) struct Matcher {
    patterns: Vec<Pattern>,
}

/// One pattern of a list.
#[derive(Debug)]
pub(crate) struct Pattern {
    text: String,
    exception: bool,
    glob: Glob,
}

/// Which patterns matched a directory: what [`Matcher::matches`] needs to know of a path's parent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matched(Vec<bool>);

impl Matcher {
    /// Blank patterns are left out; a bad one is an error.
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, BadPattern> {
        let patterns = patterns.into_iter().map(str::trim).filter(|text| !text.is_empty()).map(Pattern::new);
        Ok(Self { patterns: patterns.collect::<Result<_, _>>()? })
    }

    pub(crate) fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Whether the list matches `path`, given what matched its parent directory (the default for a path at the top),
    /// and what to hand on to what is below `path` (patternmatcher.go, MatchesUsingParentResults).
    pub(crate) fn matches(&self, path: &str, parent: &Matched) -> (bool, Matched) {
        let mut decided = false;
        let mut matched = Vec::with_capacity(self.patterns.len());
        for (index, pattern) in self.patterns.iter().enumerate() {
            // A pattern that could not change the decision is not tried, and so counts as not matching below either.
            let matches = parent.0.get(index) == Some(&true)
                || (pattern.exception == decided && pattern.glob.matches(path));
            if matches {
                decided = !pattern.exception;
            }
            matched.push(matches);
        }
        (decided, Matched(matched))
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, BadPattern> {
        let bad = |reason: &str| BadPattern { pattern: text.to_owned(), reason: reason.to_owned() };
        // Cleaned before the `!` is looked at, as moby does; the frontend that reads `.dockerignore` has cleaned what
        // follows the `!` before.
        let cleaned = clean(text);
        let (exception, cleaned) = match cleaned.strip_prefix('!') {
            Some("") => return Err(bad("nothing follows the `!`")),
            Some(rest) => (true, rest.to_owned()),
            None => (false, cleaned),
        };
        let glob = Glob::new(&cleaned).map_err(|reason| bad(&reason))?;
        Ok(Self { text: cleaned, exception, glob })
    }

    /// Whether it began with `!`.
    pub(crate) fn is_exception(&self) -> bool {
        self.exception
    }

    /// The leading components without a special character, and whether they are the whole pattern but for a final `/*`,
    /// `/**` or `/*/**` (fsutil, filter.go, patternWithoutTrailingGlob). Nothing outside that path can match.
    pub(crate) fn literal_head(&self) -> (&str, bool) {
        let text = self.text.strip_suffix("/**").unwrap_or(&self.text);
        let text = text.strip_suffix("/*").unwrap_or(text);
        match text.find(is_special) {
            None => (text, true),
            Some(special) => {
                let head = text.get(..special).and_then(|before| before.rsplit_once('/'));
                (head.map_or("", |(head, _)| head), false)
            }
        }
    }
}

/// Whether a name is a pattern for several (`*`, `?` or `[`, not escaped), as followlinks.go asks.
pub(crate) fn has_wildcard(name: &str) -> bool {
    let mut chars = name.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => drop(chars.next()),
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// `name` as a pattern that matches this name only.
pub(crate) fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (index, char) in name.char_indices() {
        if is_special(char) || (index == 0 && char == '!') {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

/// The name that a pattern without wildcards stands for.
pub(crate) fn unescape(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        out.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    out
}

/// Go's filepath.Clean: no empty or `.` components, `..` resolved where it can be; nothing left is `.`.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => drop(kept.pop()),
            ".." if rooted => {}
            other => kept.push(other),
        }
    }
    match (rooted, kept.join("/")) {
        (true, rest) => format!("/{rest}"),
        (false, rest) if rest.is_empty() => ".".to_owned(),
        (false, rest) => rest,
    }
}

fn is_special(char: char) -> bool {
    matches!(char, '*' | '[' | ']' | '?' | '^' | '\\')
}

#[cfg(test)]
mod tests;
