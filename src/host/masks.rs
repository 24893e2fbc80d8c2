//! Hides the values of secrets in what commands and builds print.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};

/// What stands in place of a value.
const MASK: &str = "***";
/// A shorter line of a secret that has several, such as a brace, is no secret by itself.
const SHORTEST_LINE: usize = 4;

/// The values that a run has read so far. Clones share them.
#[derive(Clone, Default)]
pub struct Masks(Arc<RwLock<Values>>);

#[derive(Default)]
struct Values {
    values: Vec<String>,
    search: Option<AhoCorasick>,
}

impl Masks {
    /// Hides a value from now on. Output is looked at line by line, so of a value of several lines each is hidden.
    pub fn add(&self, value: &str) {
        let is_long = value.trim_end().contains('\n');
        let lines = value.lines().map(str::trim_end);
        let lines = lines.filter(|line| !line.is_empty() && (!is_long || line.len() >= SHORTEST_LINE));
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<_> = lines.filter(|line| !known.values.iter().any(|value| value == line)).collect();
        if new.is_empty() {
            return;
        }
        known.values.extend(new.into_iter().map(str::to_owned));
        let search = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&known.values);
        known.search = Some(search.expect("the values of a run are far below the limit of 2^31 states"));
    }

    /// The text without the values.
    pub fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match &known.search {
            Some(search) if search.is_match(text) => {
                Cow::Owned(search.replace_all(text, &vec![MASK; known.values.len()]))
            }
            _ => Cow::Borrowed(text),
        }
    }

    /// The bytes without the values.
    pub(super) fn hide_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match &known.search {
            Some(search) => search.replace_all_bytes(bytes, &vec![MASK; known.values.len()]),
            None => bytes.to_vec(),
        }
    }

    /// How many bytes of the beginning of a line can be shown before the rest is known: what comes next cannot make a
    /// value of them.
    pub(super) fn complete(&self, line: &[u8]) -> usize {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(search) = &known.search else { return line.len() };
        let begins = |value: &String| {
            let longest = value.len().saturating_sub(1).min(line.len());
            let tails = (1..=longest).rev().map(|length| line.len() - length);
            tails
                .into_iter()
                .find(|start| line.get(*start..).is_some_and(|tail| value.as_bytes().starts_with(tail)))
        };
        let end = known.values.iter().filter_map(begins).min().unwrap_or(line.len());
        // A value that is whole is not cut in two.
        let cut = search.find_iter(line).find(|found| found.start() < end && end < found.end());
        cut.map_or(end, |found| found.start())
    }
}

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masks")
    }
}

#[cfg(test)]
mod tests {
    use super::Masks;

    fn masks(values: &[&str]) -> Masks {
        let masks = Masks::default();
        values.iter().for_each(|value| masks.add(value));
        masks
    }

    #[test]
    fn values_are_hidden_the_longest_first() {
        let masks = masks(&["abc", "abcdef", "x"]);
        assert_eq!(masks.hide("-abcdefabcx-"), "-*********-");
        assert_eq!(masks.hide("nothing"), "nothing");
        assert_eq!(format!("{masks:?}"), "Masks");
    }

    #[test]
    fn each_line_of_a_long_value_is_hidden() {
        let masks = masks(&["{\n  \"key\": \"v\"\n}\n", "one line\n"]);
        assert_eq!(masks.hide("{ it } is one line"), "{ it } is ***");
        assert_eq!(masks.hide(">  \"key\": \"v\"<"), ">***<");
    }

    #[test]
    fn what_may_become_a_value_waits() {
        let masks = masks(&["sesame", "ame!"]);
        for (line, complete) in
            [("open", 4), ("open ses", 5), ("s", 0), ("open sesame", 5), ("sesame ", 7), ("same", 1)]
        {
            assert_eq!(masks.complete(line.as_bytes()), complete, "{line}");
        }
    }
}
