//! "A similar name exists": finding the name that was meant.

/// The candidate that is similar, if no other one is nearly as similar and the name is more than a letter or two: then it
/// is certain which was meant.
pub fn only_similar<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<_> = candidates.into_iter().collect();
    let found = similar(name, candidates.iter().copied())?;
    let lower = name.to_lowercase();
    let distance = |one: &str| strsim::damerau_levenshtein(&lower, &one.to_lowercase());
    if distance(found) * 3 > name.chars().count() {
        return None;
    }
    let mut others = candidates.into_iter().filter(|one| *one != found && similar(name, [*one]).is_some());
    (!others.any(|one| distance(one) <= distance(found) + 1)).then_some(found)
}

/// The candidate that `name` was probably meant to be: the same word in another case, else the nearest by
/// Damerau-Levenshtein distance within a third of its length (at least one edit). Ties go to the first in the
/// alphabet.
pub fn similar<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::{only_similar, similar};

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let names = ["image", "registry", "repository", "wave"];
        for (typed, meant) in [
            ("imgae", Some("image")),
            ("Image", Some("image")),
            ("repositry", Some("repository")),
            ("waves", Some("wave")),
            ("x", None),
            ("stage", None),
            ("image", None),
        ] {
            assert_eq!(similar(typed, names), meant, "{typed}");
            assert_eq!(only_similar(typed, names), meant, "{typed}");
        }
        assert_eq!(similar("bar", ["baz", "car"]), Some("baz"));
        assert_eq!(only_similar("bar", ["baz", "car"]), None, "either could be meant");
        assert_eq!(only_similar("x", ["y"]), None, "any letter is as similar");
        assert_eq!(only_similar("barnes", ["bornes", "burned"]), None, "nearly as similar");
    }
}
