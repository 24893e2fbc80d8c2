//! Applies the edits of diagnostics to a text. Pure: what is done with the new text is up to the caller.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Diagnostic, Edit};
use crate::source::{FileId, SourceMap};

/// A text after edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    pub text: String,
    /// How many diagnostics had their edits applied.
    pub count: usize,
}

/// The text of a file with the edits of its diagnostics; `None` if nothing is to be done.
///
/// Of diagnostics whose edits touch each other, the first wins. The others are for the next round: a text that was
/// fixed is checked again, because an edit can reveal another mistake.
pub fn fix(sources: &SourceMap, file: FileId, diagnostics: &[Diagnostic]) -> Option<Fixed> {
    let text = sources.file(file).text();
    let here = |edit: &Edit| edit.span.file == file;
    let groups = diagnostics.iter().filter(|one| one.edits.iter().all(here));
    let groups =
        groups.map(|one| one.edits.iter().map(|edit| (edit.span.range(), edit.replacement.as_str())));
    let (text, count) = apply(text, groups.map(Iterator::collect));
    (count > 0).then_some(Fixed { text, count })
}

/// A text with groups of replacements, and how many groups were applied. A group is left out as a whole if one of
/// its ranges is not a range of the text, touches a range of a group before it, or if it changes nothing.
pub fn apply<'a>(
    text: &str,
    groups: impl IntoIterator<Item = Vec<(Range<usize>, &'a str)>>,
) -> (String, usize) {
    // By start; no two of them touch, so their ends are in the same order.
    let mut applied: BTreeMap<usize, (Range<usize>, &str)> = BTreeMap::new();
    let mut count = 0;
    for group in groups {
        let changes = group.iter().any(|(range, new)| text.get(range.clone()).is_some_and(|old| old != *new));
        let mut added = Vec::new();
        let fits = group.into_iter().all(|(range, new)| {
            let before = applied.range(..=range.start).next_back();
            let after = applied.range(range.start..).next();
            let touched = before.into_iter().chain(after).any(|(_, (other, _))| touch(other, &range));
            let fits = text.get(range.clone()).is_some() && !touched;
            if fits {
                added.push(range.start);
                applied.insert(range.start, (range, new));
            }
            fits
        });
        if fits && changes {
            count += 1;
        } else {
            for start in added {
                applied.remove(&start);
            }
        }
    }
    let mut fixed = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in applied.into_values() {
        fixed.push_str(text.get(at..range.start).unwrap_or_default());
        fixed.push_str(new);
        at = range.end;
    }
    fixed.push_str(text.get(at..).unwrap_or_default());
    (fixed, count)
}

/// Whether the order of two replacements would matter: they share text, or one inserts where the other begins or ends.
fn touch(one: &Range<usize>, other: &Range<usize>) -> bool {
    (one.start < other.end && other.start < one.end)
        || one.start == other.start
        || (one.is_empty() && one.start == other.end)
        || (other.is_empty() && other.start == one.end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{apply, fix};
    use crate::diag::{Code, Diagnostic};
    use crate::source::{SourceMap, Span};

    #[test]
    fn edits_of_one_diagnostic_belong_together() {
        let text = "a 'b' c";
        let (fixed, count) = apply(
            text,
            [vec![(2..3, "\""), (4..5, "\"")], vec![(0..1, "x"), (4..6, "y")], vec![(6..7, "C")]],
        );
        assert_eq!((fixed.as_str(), count), ("a \"b\" C", 2), "the second group touches the first");
    }

    #[test]
    fn what_cannot_be_applied_is_left_out() {
        for group in
            [vec![(0..9, "x")], vec![(1..2, "x")], vec![(0..2, "é")], vec![(0..2, "x"), (0..2, "x")], vec![]]
        {
            assert_eq!(apply("éa", [group.clone()]), ("éa".to_owned(), 0), "{group:?}");
        }
        assert_eq!(apply("ab", [vec![(1..1, "x")], vec![(1..1, "y")]]), ("axb".to_owned(), 1));
    }

    #[test]
    fn only_diagnostics_of_the_file_are_fixed() {
        let mut sources = SourceMap::new();
        let file = sources.add("a", "a", "one");
        let other = sources.add("b", "b", "two");
        let edit = |file| {
            let span = Span::new(file, 0..3);
            Diagnostic::new(Code::UnexpectedToken, "m", span, "l").with_edit(span, "new")
        };
        assert_eq!(fix(&sources, file, &[edit(other)]), None);
        assert_eq!(fix(&sources, file, &[edit(file)]).map(|fixed| fixed.text), Some("new".to_owned()));
    }

    #[test]
    fn many_edits_take_no_quadratic_time() {
        let text = "ab".repeat(100_000);
        let groups = (0..100_000).map(|index| vec![(index * 2..index * 2 + 1, "x")]);
        assert_eq!(apply(&text, groups), ("xb".repeat(100_000), 100_000));
    }

    proptest! {
        /// Whatever the edits are, everything outside of those that were applied is still there, in order.
        #[test]
        fn any_edits_make_a_text(
            text in "[aé日\\n]{0,12}",
            edits in prop::collection::vec(prop::collection::vec((0..20_usize, 0..6_usize, "[xü]{0,3}"), 0..3), 0..6),
        ) {
            let groups: Vec<Vec<_>> = edits
                .iter()
                .map(|group| group.iter().map(|(start, length, new)| (*start..start + length, new.as_str())).collect())
                .collect();
            let (fixed, count) = apply(&text, groups.clone());
            prop_assert!(count <= groups.len());
            prop_assert!(count > 0 || fixed == text);
            let kept: String = fixed.chars().filter(|one| !matches!(one, 'x' | 'ü')).collect();
            let mut rest = text.chars();
            prop_assert!(kept.chars().all(|one| rest.any(|other| other == one)), "{fixed:?} of {text:?}");
        }
    }
}
