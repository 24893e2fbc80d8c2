//! Tasks that need each other: each is started as soon as those that it needs have ended well.

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::ledger::{Done, Failed};

/// Tasks by number, with what each needs and what needs it. There are no circles: the plan has none.
pub(super) struct Order {
    /// How many needs of a task have not ended.
    open: Vec<usize>,
    followers: Vec<Vec<usize>>,
}

impl Order {
    /// For each task the numbers of those that it needs, each once.
    pub(super) fn new(needs: &[Vec<usize>]) -> Self {
        let mut followers = vec![Vec::new(); needs.len()];
        for (task, needs) in needs.iter().enumerate() {
            for need in needs {
                if let Some(followers) = followers.get_mut(*need) {
                    followers.push(task);
                }
            }
        }
        Self { open: needs.iter().map(Vec::len).collect(), followers }
    }

    /// Runs the tasks, up to the end of the last that was started. Behind a task that fails, those that need it are not
    /// started; `may_start` says whether the others are.
    pub(super) async fn run<F>(mut self, may_start: impl Fn() -> bool, start: impl Fn(usize) -> F) -> Done
    where
        F: Future<Output = Done>,
    {
        let mut running = FuturesUnordered::new();
        let mut ready: Vec<usize> = self.with_all_needs((0..self.open.len()).collect());
        let mut done = 0;
        loop {
            for task in ready.drain(..).filter(|_| may_start()) {
                let ended = start(task);
                running.push(async move { (task, ended.await) });
            }
            let Some((task, ended)) = running.next().await else { break };
            if ended.is_ok() {
                done += 1;
                ready = self.ended(task);
            }
        }
        if done == self.open.len() { Ok(()) } else { Err(Failed) }
    }

    /// Takes note of the end of a task. Returns the tasks that it was the last need of.
    fn ended(&mut self, task: usize) -> Vec<usize> {
        let followers = self.followers.get_mut(task).map(std::mem::take).unwrap_or_default();
        for follower in &followers {
            if let Some(open) = self.open.get_mut(*follower) {
                *open -= 1;
            }
        }
        self.with_all_needs(followers)
    }

    fn with_all_needs(&self, tasks: Vec<usize>) -> Vec<usize> {
        tasks.into_iter().filter(|task| self.open.get(*task) == Some(&0)).collect()
    }
}
