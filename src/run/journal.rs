//! What a run writes down while it goes on, so that another run can go on where it ended.

mod differences;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::RunError;
use crate::host::{Event, Observer, StateFolder};
use crate::plan::Plan;

/// The plan of the run, to say what differs.
const PLAN: &str = "plan.json";
/// What was done of it.
const STATE: &str = "state.json";
/// Of the form of [`Record`].
const VERSION: u32 = 1;

/// What was done. The file is replaced as a whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    /// The SHA-256 of the plan as JSON, which has no values of secrets.
    plan: String,
    /// The steps that have ended well.
    pub(super) steps: BTreeSet<String>,
    /// By name, those whose tags are all pushed.
    pub(super) images: IndexMap<String, PushedImage>,
}

/// An image that is in its registries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PushedImage {
    pub(super) digest: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) pushed: Vec<String>,
}

/// The record of a run with the folder that it is kept in.
pub(super) struct Journal {
    folder: Arc<StateFolder>,
    observer: Arc<dyn Observer>,
    latest: Mutex<Latest>,
    /// The number of the last change that is in the file. Whoever holds it is the one who writes.
    written: Arc<tokio::sync::Mutex<u64>>,
    /// A change could not be written; that was said.
    is_lost: AtomicBool,
}

struct Latest {
    record: Record,
    /// How many changes it has seen.
    number: u64,
}

impl Journal {
    /// Starts a record, or goes on with that of the last run in this folder.
    ///
    /// # Errors
    /// When the last run had another plan.
    pub(super) async fn begin(
        plan: &Plan,
        folder: Arc<StateFolder>,
        resume: bool,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, RunError> {
        let plan = serde_json::to_value(plan.portable()).expect("a plan can be written as JSON");
        let text = plan.to_string();
        let hash = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let last = if resume { last(&folder) } else { None };
        let record = match last {
            Some(last) if last.version == VERSION && last.plan == hash => last,
            Some(last) => {
                return Err(RunError::PlanDiffers { differences: differences(&folder, &last, &plan) });
            }
            None => Record { version: VERSION, plan: hash, ..Record::default() },
        };
        let journal = Self {
            folder,
            observer,
            latest: Mutex::new(Latest { record, number: 0 }),
            written: Arc::default(),
            is_lost: AtomicBool::new(false),
        };
        let written = journal.folder.write(PLAN, text.as_bytes());
        written.unwrap_or_else(|error| journal.lost(&error));
        journal.change(|_| {}).await;
        Ok(journal)
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        // Every change is complete when the lock is given back.
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Record) -> T) -> T {
        read(&self.latest().record)
    }

    /// Changes the record, and waits until the change is safe on the disk. Changes that come while another one is
    /// written are written together.
    pub(super) async fn change(&self, change: impl FnOnce(&mut Record)) {
        let number = {
            let mut latest = self.latest();
            change(&mut latest.record);
            latest.number += 1;
            latest.number
        };
        let mut written = Arc::clone(&self.written).lock_owned().await;
        if *written >= number {
            return;
        }
        let (record, number) = {
            let latest = self.latest();
            (serde_json::to_vec(&latest.record).expect("a record can be written as JSON"), latest.number)
        };
        let folder = Arc::clone(&self.folder);
        // The writer keeps the right to write, also if nobody waits for it any more: an older record must not replace
        // a newer one.
        let write = tokio::task::spawn_blocking(move || {
            let result = folder.write(STATE, &record);
            *written = number;
            result
        });
        if let Ok(Err(error)) = write.await {
            self.lost(&error);
        }
    }

    fn lost(&self, error: &std::io::Error) {
        if !self.is_lost.swap(true, Ordering::Relaxed) {
            self.observer.observe(&Event::StateNotKept { cause: error.to_string() });
        }
    }
}

/// The record of the last run; `None` if there is none that can be read.
fn last(folder: &StateFolder) -> Option<Record> {
    serde_json::from_slice(&folder.read(STATE).ok()??).ok()
}

/// What differs from the plan of the last run, in words.
fn differences(folder: &StateFolder, last: &Record, plan: &Value) -> Vec<String> {
    let old = folder.read(PLAN).ok().flatten();
    let is_of_last = |text: &Vec<u8>| {
        let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        hash == last.plan
    };
    let old = old.filter(is_of_last).and_then(|old| serde_json::from_slice::<Value>(&old).ok());
    old.map_or_else(Vec::new, |old| differences::of(&old, plan))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Observer for Nobody {
        fn observe(&self, _: &Event) {}
    }

    #[tokio::test]
    async fn changes_are_written_in_their_order() {
        let place = tempfile::tempdir().expect("a folder can be made");
        let folder = Arc::new(StateFolder::open(place.path()).expect("it is free"));
        let plan = crate::run::tests::plan_of("cachelang 1\nwave w { run \"true\" }\n");
        let begin = |resume| Journal::begin(&plan, folder.clone(), resume, Arc::new(Nobody));
        let journal = begin(false).await.expect("it begins");
        let changes = (0..100).map(|step: usize| {
            journal.change(move |record| {
                record.steps.insert(step.to_string());
            })
        });
        futures_util::future::join_all(changes).await;
        assert_eq!(last(&folder).map(|record| record.steps.len()), Some(100));
        let resumed = begin(true).await.expect("the plan is the same");
        assert_eq!(resumed.read(|record| record.steps.len()), 100);
        let again = begin(false).await.expect("it begins");
        assert_eq!(again.read(|record| record.steps.len()), 0);

        let other = crate::run::tests::plan_of("cachelang 1\nwave w { run \"false\" }\n");
        let error = Journal::begin(&other, folder.clone(), true, Arc::new(Nobody)).await.err();
        let Some(RunError::PlanDiffers { differences }) = error else { panic!("it is another plan") };
        assert_eq!(differences, ["`waves.w.steps[0].program.run[0][0].literal` was \"true\", is \"false\""]);
    }
}
