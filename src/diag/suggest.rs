//! "A similar name exists": finding the name that was meant.

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
    use super::similar;

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
        }
    }
}
