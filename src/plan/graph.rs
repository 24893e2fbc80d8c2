//! Circles in what depends on what.

use std::collections::HashSet;

/// Who needs whom: for each member those that it needs, each with what says so.
pub(super) type Needs<E> = Vec<Vec<(usize, E)>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// Waits for what it needs.
    Open,
    Done,
}

/// The circles of a graph: each member with what makes it need the next one. A member is in one of them at most:
/// mending one circle often mends the others. The walk keeps its own stack.
pub(super) fn circles<E: Copy>(needs: &Needs<E>) -> Vec<Vec<(usize, E)>> {
    let mut states = vec![State::New; needs.len()];
    let mut in_circle: HashSet<usize> = HashSet::new();
    let mut circles = Vec::new();
    let mut set = |index: usize, state: State| match states.get_mut(index) {
        Some(slot) => std::mem::replace(slot, state),
        None => State::Done,
    };
    for first in 0..needs.len() {
        if set(first, State::Open) != State::New {
            set(first, State::Done);
            continue;
        }
        // Each with how many of its needs were looked at, and the last of these.
        let mut open: Vec<(usize, usize, Option<E>)> = vec![(first, 0, None)];
        while let Some((index, seen, last)) = open.last_mut() {
            let Some((next, edge)) = needs.get(*index).and_then(|needs| needs.get(*seen)) else {
                set(*index, State::Done);
                open.pop();
                continue;
            };
            *seen += 1;
            *last = Some(*edge);
            match set(*next, State::Open) {
                State::New => open.push((*next, 0, None)),
                State::Done => {
                    set(*next, State::Done);
                }
                State::Open if in_circle.contains(next) => {}
                State::Open => {
                    let members = open.iter().skip_while(|(index, ..)| index != next);
                    let circle: Vec<_> =
                        members.filter_map(|(index, _, edge)| Some((*index, (*edge)?))).collect();
                    if circle.iter().all(|(index, _)| !in_circle.contains(index)) {
                        in_circle.extend(circle.iter().map(|(index, _)| *index));
                        circles.push(circle);
                    }
                }
            }
        }
    }
    circles
}

#[cfg(test)]
mod tests {
    use super::circles;

    fn found(edges: &[(usize, usize)], count: usize) -> Vec<Vec<usize>> {
        let mut needs = vec![Vec::new(); count];
        for (from, to) in edges {
            needs[*from].push((*to, ()));
        }
        circles(&needs).iter().map(|circle| circle.iter().map(|(index, ())| *index).collect()).collect()
    }

    #[test]
    fn circles_are_found_once() {
        assert!(found(&[(0, 1), (1, 2), (0, 2)], 3).is_empty());
        assert_eq!(found(&[(0, 0)], 1), [[0]]);
        assert_eq!(found(&[(0, 1), (1, 2), (2, 1)], 3), [[1, 2]]);
        assert_eq!(found(&[(0, 1), (1, 0), (0, 2), (2, 0)], 3), [[0, 1]]);
        assert_eq!(found(&[(0, 1), (1, 0), (2, 3), (3, 2)], 4), [[0, 1], [2, 3]]);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let chain: Vec<_> = (0..100_000).map(|index| (index, (index + 1) % 100_000)).collect();
        assert_eq!(found(&chain, 100_000).first().map(Vec::len), Some(100_000));
    }
}
