//! What registries accept as names and tags.

/// The longest tag.
pub(super) const MAX_TAG: usize = 128;

/// What is wrong with a tag, in words that follow "`TAG` is not a tag: ".
///
/// The rule is that of the OCI distribution specification: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(super) fn tag_problem(tag: &str) -> Option<String> {
    if tag.is_empty() {
        return Some("it is empty".to_owned());
    }
    if tag.len() > MAX_TAG {
        return Some(format!("it has {} characters, {MAX_TAG} are allowed", tag.len()));
    }
    let allowed = |index: usize, character: char| {
        character.is_ascii_alphanumeric() || character == '_' || (index > 0 && matches!(character, '.' | '-'))
    };
    bad_character(tag, allowed)
}

/// What is wrong with the name of a repository.
///
/// Lower-case words joined by `.`, `_`, `__` or dashes, in parts joined by `/`; at most 255 characters with the host
/// for any registry (OCI distribution specification), 2 to 256 for Amazon ECR.
pub(super) fn repository_name_problem(name: &str, ecr: bool) -> Option<String> {
    let length = name.len();
    if ecr && !(2..=256).contains(&length) {
        return Some(format!("its length is {length}, Amazon ECR takes 2 to 256"));
    }
    if !ecr && length > 255 {
        return Some(format!("it has {length} characters, 255 are allowed"));
    }
    let allowed = |_, character: char| matches!(character, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | '/');
    if name.is_empty() {
        return Some("it is empty".to_owned());
    }
    let upper = name.chars().enumerate().find(|(_, character)| character.is_uppercase());
    if let Some((index, character)) = upper {
        return Some(format!("upper-case `{character}` at position {}", index + 1));
    }
    bad_character(name, allowed).or_else(|| {
        let part = name.split('/').find(|part| !is_name_part(part))?;
        let ends = |part: &str| part.starts_with(['.', '_', '-']) || part.ends_with(['.', '_', '-']);
        Some(if part.is_empty() {
            "a part between slashes is empty".to_owned()
        } else if ends(part) {
            "a part starts or ends with a separator".to_owned()
        } else {
            "separators follow each other".to_owned()
        })
    })
}

/// Whether a text matches a pattern in which `*` stands for any text.
pub(crate) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        // The first place leaves the most for what follows.
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

fn is_name_part(part: &str) -> bool {
    let alphanumeric = |character: char| character.is_ascii_alphanumeric();
    let separators = part.split(alphanumeric).filter(|separator| !separator.is_empty());
    let valid =
        |separator: &str| matches!(separator, "." | "_" | "__") || separator.chars().all(|c| c == '-');
    part.starts_with(alphanumeric) && part.ends_with(alphanumeric) && separators.into_iter().all(valid)
}

fn bad_character(text: &str, allowed: impl Fn(usize, char) -> bool) -> Option<String> {
    let (index, character) =
        text.chars().enumerate().find(|(index, character)| !allowed(*index, *character))?;
    Some(format!("`{}` is at position {}", character.escape_default(), index + 1))
}

/// Whether a text is `os/architecture` or `os/architecture/variant`.
pub(super) fn is_platform(text: &str) -> bool {
    let parts: Vec<_> = text.split('/').collect();
    let word =
        |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    // What `uname` calls these two is not what images call them.
    (2..=3).contains(&parts.len())
        && parts.iter().all(word)
        && !text.contains("x86")
        && !text.contains("aarch64")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    /// The patterns that Amazon ECR documents, each for the whole text:
    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>,
    /// <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>
    const NAME: &str = "[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*";
    const TAG: &str = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}";

    fn fits(pattern: &str, text: &str) -> bool {
        Regex::new(&format!("^(?:{pattern})$")).expect("the pattern is one").is_match(text)
    }

    proptest! {
        /// Made by the pattern: none is refused.
        #[test]
        fn names_of_the_pattern_are_names(name in NAME) {
            let problem = repository_name_problem(&name, true);
            prop_assert_eq!(problem.is_none(), (2..=256).contains(&name.len()), "{}: {:?}", name, problem);
        }

        /// Made of its characters, and some others: accepted when the pattern fits, and only then.
        #[test]
        fn names_are_what_the_pattern_says(name in "[a-c0._/-]{1,12}|[a-zA-Z_. /:é-]{1,8}|(a[._-]{1,3}b/?){1,4}|[a-z/]{250,260}") {
            let expected = fits(NAME, &name) && (2..=256).contains(&name.len());
            prop_assert_eq!(repository_name_problem(&name, true).is_none(), expected, "{}", name);
        }

        #[test]
        fn tags_of_the_pattern_are_tags(tag in TAG) {
            prop_assert_eq!(tag_problem(&tag), None);
        }

        #[test]
        fn tags_are_what_the_pattern_says(tag in "[a-zA-Z0-9_. /:é-]{0,10}|[a-z._-]{120,135}") {
            prop_assert_eq!(tag_problem(&tag).is_none(), fits(TAG, &tag), "{}", tag);
        }
    }

    #[test]
    fn tags() {
        for (tag, problem) in [
            ("latest", None),
            ("_a.b-c", None),
            ("feature/x", Some("`/` is at position 8")),
            (".a", Some("`.` is at position 1")),
            ("", Some("it is empty")),
            ("é", Some("`\\u{e9}` is at position 1")),
        ] {
            assert_eq!(tag_problem(tag).as_deref(), problem, "{tag}");
        }
        assert!(tag_problem(&"a".repeat(128)).is_none());
        assert!(tag_problem(&"a".repeat(129)).is_some());
    }

    #[test]
    fn patterns() {
        for (pattern, text, fits) in [
            ("latest", "latest", true),
            ("latest", "latest2", false),
            ("cache-*", "cache-api", true),
            ("cache-*", "cache-", true),
            ("*", "x", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*a", "a", false),
            ("*-rc", "v1-rc2", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn repository_names() {
        for (name, fine) in [
            ("my-lambda", true),
            ("team/app__x", true),
            ("a--b", true),
            ("a", true),
            ("My_Lambda", false),
            ("a..b", false),
            ("a/", false),
            ("-a", false),
            ("", false),
        ] {
            assert_eq!(repository_name_problem(name, false).is_none(), fine, "{name}");
        }
        assert!(repository_name_problem("a", true).is_some());
    }

    #[test]
    fn platforms() {
        for (text, fine) in [
            ("linux/amd64", true),
            ("linux/arm/v7", true),
            ("amd64", false),
            ("linux/", false),
            ("linux/x86_64", false),
            ("linux/aarch64", false),
        ] {
            assert_eq!(is_platform(text), fine, "{text}");
        }
    }
}
