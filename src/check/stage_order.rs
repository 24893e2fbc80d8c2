//! Which stages of a wave wait for which others, however far `after` has to be followed.
//!
//! Nothing here recurses, and what follows a stage is found once: a wave may have a thousand stages in a row.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The order of the stages of one wave.
#[derive(Debug, Default)]
pub(crate) struct StageOrder {
    /// By stage: those that it names behind `after`.
    after: Vec<Vec<usize>>,
    /// By stage: those that name it.
    followers: Vec<Vec<usize>>,
    /// By stage, when it was asked for: all that start after it has ended, a bit for each.
    reached: RefCell<HashMap<usize, Rc<Vec<u64>>>>,
}

impl StageOrder {
    pub(crate) fn new(after: Vec<Vec<usize>>) -> Self {
        let mut followers = vec![Vec::new(); after.len()];
        for (stage, before) in after.iter().enumerate() {
            for one in before {
                if let Some(followers) = followers.get_mut(*one) {
                    followers.push(stage);
                }
            }
        }
        Self { after, followers, reached: RefCell::default() }
    }

    /// Whether a stage has ended when another one starts.
    pub(crate) fn precedes(&self, first: usize, second: usize) -> bool {
        let known = self.reached.borrow().get(&first).cloned();
        let reached = known.unwrap_or_else(|| {
            let reached = Rc::new(self.reach(vec![first]));
            self.reached.borrow_mut().insert(first, Rc::clone(&reached));
            reached
        });
        is_set(&reached, second)
    }

    /// The stages that start after any of these has ended.
    pub(super) fn followers(&self, first: Vec<usize>) -> Followers {
        Followers(self.reach(first))
    }

    fn reach(&self, mut pending: Vec<usize>) -> Vec<u64> {
        let mut reached = vec![0; self.followers.len().div_ceil(64)];
        while let Some(stage) = pending.pop() {
            for next in self.followers.get(stage).into_iter().flatten() {
                if set(&mut reached, *next) {
                    pending.push(*next);
                }
            }
        }
        reached
    }

    /// The stages, each behind those that it waits for; without those of a circle and what waits for it.
    pub(crate) fn sorted(&self) -> Vec<usize> {
        let mut waiting: Vec<usize> = self.after.iter().map(Vec::len).collect();
        let is_free = |stage: &usize| waiting.get(*stage) == Some(&0);
        let mut sorted: Vec<usize> = (0..self.after.len()).filter(is_free).collect();
        let mut next = 0;
        while let Some(stage) = sorted.get(next).copied() {
            next += 1;
            for follower in self.followers.get(stage).into_iter().flatten() {
                let Some(count) = waiting.get_mut(*follower) else { continue };
                *count -= 1;
                if *count == 0 {
                    sorted.push(*follower);
                }
            }
        }
        sorted
    }

    /// Circles, each stage waiting for the next one and the last for the first. A stage is in one at most: mending one
    /// circle often mends the other.
    pub(crate) fn circles(&self) -> Vec<Vec<usize>> {
        let mut circles: Vec<Vec<usize>> = Vec::new();
        let mut reported: HashSet<usize> = HashSet::new();
        // `None`: not seen; `false`: on the stack; `true`: done.
        let mut done: Vec<Option<bool>> = vec![None; self.after.len()];
        let mut mark = |stage: usize, value| done.get_mut(stage).and_then(|slot| slot.replace(value));
        for first in 0..self.after.len() {
            let mut stack = match mark(first, false) {
                None => vec![(first, 0)],
                Some(was) => {
                    mark(first, was);
                    continue;
                }
            };
            while let Some((stage, position)) = stack.last_mut() {
                let Some(next) = self.after.get(*stage).and_then(|after| after.get(*position)).copied()
                else {
                    mark(*stage, true);
                    stack.pop();
                    continue;
                };
                *position += 1;
                match mark(next, false) {
                    None => stack.push((next, 0)),
                    Some(true) => {
                        mark(next, true);
                    }
                    Some(false) if reported.contains(&next) => {}
                    Some(false) => {
                        let members = stack.iter().map(|(one, _)| *one).skip_while(|one| *one != next);
                        let circle: Vec<usize> = members.collect();
                        if circle.iter().all(|one| !reported.contains(one)) {
                            reported.extend(&circle);
                            circles.push(circle);
                        }
                    }
                }
            }
        }
        circles
    }
}

/// The stages that start after one of some stages has ended.
#[derive(Debug, Default)]
pub(super) struct Followers(Vec<u64>);

impl Followers {
    pub(super) fn contains(&self, stage: usize) -> bool {
        is_set(&self.0, stage)
    }
}

/// Sets a bit; whether it was not set before.
fn set(bits: &mut [u64], index: usize) -> bool {
    let Some(word) = bits.get_mut(index / 64) else { return false };
    let bit = 1 << (index % 64);
    let is_new = *word & bit == 0;
    *word |= bit;
    is_new
}

fn is_set(bits: &[u64], index: usize) -> bool {
    bits.get(index / 64).is_some_and(|word| *word & (1 << (index % 64)) != 0)
}

#[cfg(test)]
mod tests {
    use super::StageOrder;

    #[test]
    fn order_is_followed_to_the_end() {
        let order = StageOrder::new(vec![vec![], vec![0], vec![1], vec![], vec![2, 3]]);
        assert!(order.precedes(0, 2) && order.precedes(0, 4) && order.precedes(3, 4));
        assert!(!order.precedes(2, 0) && !order.precedes(0, 0) && !order.precedes(3, 2));
        assert_eq!(order.sorted(), [0, 3, 1, 2, 4]);
        assert_eq!(order.circles(), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn circles_are_found_once() {
        let order = StageOrder::new(vec![vec![2], vec![0], vec![1], vec![3], vec![0]]);
        assert_eq!(order.circles(), [vec![0, 2, 1], vec![3]]);
        assert_eq!(order.sorted(), Vec::<usize>::new());
        assert!(order.precedes(0, 0));
    }

    #[test]
    fn a_long_row_needs_no_deep_stack() {
        let row = |start: Vec<usize>| {
            let rest = (1..5_000).map(|index| vec![index - 1]);
            StageOrder::new(std::iter::once(start).chain(rest).collect())
        };
        let order = row(vec![]);
        assert!((0..4_999).all(|index| order.precedes(index, 4_999)));
        assert_eq!(order.sorted().len(), 5_000);
        assert_eq!(row(vec![4_999]).circles().first().map(Vec::len), Some(5_000));
    }
}
