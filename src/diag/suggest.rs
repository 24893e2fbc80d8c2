//! "A similar name exists": finding the name that was meant.

use std::cell::Cell;

/// The longest name that is looked at, in characters: nobody mistypes one letter of a longer one and wonders which.
const LONGEST: usize = 64;

/// How many more messages of a pass look for the name that was meant. A file with thousands of unknown names would
/// compare each with every name there is, for messages that nobody reads.
#[derive(Debug)]
pub(crate) struct Searches {
    left: Cell<usize>,
}

impl Default for Searches {
    fn default() -> Self {
        Self { left: Cell::new(Self::MOST) }
    }
}

impl Searches {
    /// More than the messages that are shown.
    const MOST: usize = 50;

    /// How many names one more message compares: all or none.
    pub(crate) fn limit(&self) -> usize {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        if left > 0 { usize::MAX } else { 0 }
    }
}

/// The candidate that is similar, if no other one is nearly as similar and the name is more than a letter or two: then it
/// is certain which was meant.
pub fn only_similar<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut search = Search::new(name)?;
    let near = candidates.into_iter().filter_map(|candidate| search.near(candidate, search.limit));
    let near: Vec<_> = near.collect();
    let (distance, found) = *near.iter().min()?;
    if distance * 3 > name.chars().count() {
        return None;
    }
    let is_nearly_as_similar = |(other, one): &(usize, &str)| *one != found && *other <= distance + 1;
    (!near.iter().any(is_nearly_as_similar)).then_some(found)
}

/// The candidate that `name` was probably meant to be: the same word in another case, else the nearest by the number of
/// edits (a character more, less or another one, or two that have changed places), at most one in three of its
/// characters; none for a name of one or two. Ties go to the first in the alphabet.
pub fn similar<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut search = Search::new(name)?;
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        // Farther ones than the best so far are not measured.
        let limit = best.map_or(search.limit, |(distance, _)| distance);
        let found = search.near(candidate, limit);
        best = best.into_iter().chain(found).min();
    }
    best.map(|(_, candidate)| candidate)
}

/// A name to compare others with.
struct Search<'n> {
    name: &'n str,
    /// In lower case.
    letters: Vec<char>,
    /// How many edits may lie between it and another one.
    limit: usize,
    /// Of the candidate; kept, so that its memory is used again.
    other: Vec<char>,
    rows: [Vec<usize>; 3],
}

impl<'n> Search<'n> {
    /// `None` for a name that is too long.
    fn new(name: &'n str) -> Option<Self> {
        let length = name.chars().take(LONGEST + 1).count();
        let letters = name.chars().flat_map(char::to_lowercase);
        (length <= LONGEST).then(|| Self {
            name,
            letters: letters.collect(),
            // Any one letter is one edit away from any other, and two letters are half of each other.
            limit: if length <= 2 { 0 } else { length / 3 },
            other: Vec::new(),
            rows: Default::default(),
        })
    }

    /// The candidate with its distance, if that is not more than the limit.
    fn near<'a>(&mut self, candidate: &'a str, limit: usize) -> Option<(usize, &'a str)> {
        // A character has at most four bytes, so that longer ones need not be counted.
        if candidate == self.name || candidate.len() > LONGEST * 4 {
            return None;
        }
        let length = candidate.chars().count();
        if length > LONGEST || length.abs_diff(self.letters.len()) > limit {
            return None;
        }
        self.other.clear();
        self.other.extend(candidate.chars().flat_map(char::to_lowercase));
        let distance = distance(&self.letters, &self.other, limit, &mut self.rows)?;
        Some((distance, candidate))
    }
}

/// The number of edits between two words (optimal string alignment), unless it is more than the limit.
///
/// It is computed row by row, a row for each letter of the first word, and only as far from the diagonal as the limit
/// allows.
fn distance(one: &[char], other: &[char], limit: usize, rows: &mut [Vec<usize>; 3]) -> Option<usize> {
    let start = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.get(start..)?, other.get(start..)?);
    let end = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.get(..one.len() - end)?, other.get(..other.len() - end)?);
    if one.len().abs_diff(other.len()) > limit {
        return None;
    }
    let too_far = limit + 1;
    let [before, last, row] = rows;
    for row in [&mut *before, &mut *last, &mut *row] {
        row.clear();
        row.resize(other.len() + 1, too_far);
    }
    for (index, cell) in last.iter_mut().enumerate() {
        *cell = index.min(too_far);
    }
    for (i, a) in one.iter().enumerate() {
        row.fill(too_far);
        if let Some(first) = row.first_mut() {
            *first = (i + 1).min(too_far);
        }
        for (j, b) in other.iter().enumerate().take(i + limit + 1).skip(i.saturating_sub(limit)) {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(too_far);
            let mut least = at(last, j) + usize::from(a != b);
            least = least.min(at(last, j + 1) + 1).min(at(row, j) + 1);
            let changed_places = i > 0 && j > 0 && one.get(i - 1) == Some(b) && other.get(j - 1) == Some(a);
            if changed_places {
                least = least.min(at(before, j - 1) + 1);
            }
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = least.min(too_far);
            }
        }
        std::mem::swap(before, last);
        std::mem::swap(last, row);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::{Searches, distance, only_similar, similar};

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

    #[test]
    fn edits_are_counted_up_to_the_limit() {
        for (one, other, edits) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("abcd", "acbd", 1),
            ("kitten", "sitting", 3),
            ("regoin_12", "region_12", 1),
            ("ca", "abc", 3),
            ("abcdef", "badcfe", 3),
        ] {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            for limit in 0..5 {
                let found = distance(&letters(one), &letters(other), limit, &mut Default::default());
                assert_eq!(found, (edits <= limit).then_some(edits), "{one} {other} {limit}");
            }
        }
    }

    #[test]
    fn only_the_first_messages_of_a_pass_compare_names() {
        let searches = Searches::default();
        let compared = (0..4_000).filter(|_| searches.limit() > 0).count();
        assert_eq!(compared, Searches::MOST);
    }

    #[test]
    fn long_names_are_not_compared() {
        let long = "a".repeat(1_000_000);
        assert_eq!(similar(&format!("{long}b"), [long.as_str()]), None);
        assert_eq!(
            similar(&"a".repeat(63), ["b".repeat(63).as_str(), &"a".repeat(64)]),
            Some("a".repeat(64).as_str())
        );
    }
}
