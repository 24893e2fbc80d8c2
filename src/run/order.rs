//! Tasks that need each other: each is started as soon as those that it needs have ended well.

use std::cmp::Reverse;

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::ledger::{Done, Failed};

/// Tasks by number, with what each needs and what needs it. There are no circles: the plan has none.
pub(super) struct Order {
    /// How many needs of a task have not ended.
    open: Vec<usize>,
    followers: Vec<Vec<usize>>,
    lengths: Vec<usize>,
    /// The length of the longest way from the end of a task to the end of all.
    behind: Vec<usize>,
}

impl Order {
    /// For each task the numbers of those that it needs, each once, and how long it is.
    pub(super) fn new(needs: &[Vec<usize>], lengths: Vec<usize>) -> Self {
        let mut followers = vec![Vec::new(); needs.len()];
        for (task, needs) in needs.iter().enumerate() {
            for need in needs {
                if let Some(followers) = followers.get_mut(*need) {
                    followers.push(task);
                }
            }
        }
        let open = needs.iter().map(Vec::len).collect();
        let mut order = Self { open, followers, lengths, behind: vec![0; needs.len()] };
        for task in order.sorted().into_iter().rev() {
            let longest = order.followers(task).iter().map(|follower| order.way(*follower)).max();
            if let Some(behind) = order.behind.get_mut(task) {
                *behind = longest.unwrap_or_default();
            }
        }
        order
    }

    /// How much there is at least behind a task.
    pub(super) fn behind(&self, task: usize) -> usize {
        self.behind.get(task).copied().unwrap_or_default()
    }

    /// The longest way from the start of a task to the end of all.
    fn way(&self, task: usize) -> usize {
        self.behind(task) + self.lengths.get(task).copied().unwrap_or_default()
    }

    /// Whether two tasks can run at the same time: not if each needs the one before it.
    pub(super) fn is_parallel(&self) -> bool {
        let sorted = self.sorted();
        let needs = |before: &usize, after: &usize| self.followers(*before).contains(after);
        sorted.iter().zip(sorted.iter().skip(1)).any(|(before, after)| !needs(before, after))
    }

    /// The tasks, those first that others need.
    fn sorted(&self) -> Vec<usize> {
        let mut open = self.open.clone();
        let mut sorted: Vec<usize> = (0..open.len()).filter(|task| open.get(*task) == Some(&0)).collect();
        let mut next = 0;
        while let Some(task) = sorted.get(next).copied() {
            next += 1;
            for follower in self.followers(task) {
                if let Some(open) = open.get_mut(*follower) {
                    *open -= 1;
                    if *open == 0 {
                        sorted.push(*follower);
                    }
                }
            }
        }
        sorted
    }

    fn followers(&self, task: usize) -> &[usize] {
        self.followers.get(task).map(Vec::as_slice).unwrap_or_default()
    }

    /// Runs the tasks, up to the end of the last that was started; of those that can start, the one first that is in
    /// front of the longest way. Behind a task that fails, those that need it are not started; `may_start` says whether
    /// the others are.
    pub(super) async fn run<F>(&self, may_start: impl Fn() -> bool, start: impl Fn(usize) -> F) -> Done
    where
        F: Future<Output = Done>,
    {
        let mut open = self.open.clone();
        let mut ready: Vec<usize> = (0..open.len()).filter(|task| open.get(*task) == Some(&0)).collect();
        let mut running = FuturesUnordered::new();
        let mut done = 0;
        loop {
            ready.sort_by_key(|task| Reverse(self.way(*task)));
            for task in ready.drain(..).filter(|_| may_start()) {
                let ended = start(task);
                running.push(async move { (task, ended.await) });
            }
            let Some((task, ended)) = running.next().await else { break };
            if ended.is_ok() {
                done += 1;
                ready.extend(self.without_last_need(task, &mut open));
            }
        }
        if done == open.len() { Ok(()) } else { Err(Failed) }
    }

    /// Takes note of the end of a task. Returns the tasks that it was the last need of.
    fn without_last_need(&self, task: usize, open: &mut [usize]) -> Vec<usize> {
        let followers = self.followers(task).iter().copied();
        let mut is_ready = |follower: &usize| {
            open.get_mut(*follower).is_some_and(|open| {
                *open -= 1;
                *open == 0
            })
        };
        followers.filter(|follower| is_ready(follower)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn the_longest_way_counts() {
        // 0 is needed by 1, which 2 needs; 3 is needed by 2; nothing needs 4.
        let order = Order::new(&[vec![], vec![0], vec![1, 3], vec![], vec![]], vec![1, 2, 3, 1, 9]);
        assert_eq!(order.behind, [5, 3, 0, 3, 0]);
    }

    #[test]
    fn a_chain_is_not_parallel() {
        let is_parallel = |needs: &[Vec<usize>]| Order::new(needs, vec![1; needs.len()]).is_parallel();
        assert!(!is_parallel(&[]) && !is_parallel(&[vec![]]));
        assert!(!is_parallel(&[vec![1], vec![2], vec![]]));
        assert!(is_parallel(&[vec![], vec![]]) && is_parallel(&[vec![], vec![0], vec![0]]));
    }

    #[tokio::test]
    async fn tasks_start_behind_their_needs_and_not_behind_a_failure() {
        let started = Mutex::new(Vec::new());
        let start = |task: usize| {
            started.lock().expect("no test thread panicked").push(task);
            async move { if task == 1 { Err(Failed) } else { Ok(()) } }
        };
        let order = Order::new(&[vec![3], vec![3], vec![1], vec![], vec![0]], vec![1; 5]);
        assert_eq!(order.run(|| true, start).await, Err(Failed));
        assert_eq!(*started.lock().expect("no test thread panicked"), [3, 0, 1, 4]);
    }
}
