//! The folder that keeps the state of a run, for another run that goes on where it ended.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a lock is tried to get.
const PATIENCE: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(20);

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    #[error("another run is going on here{}: {}", .process.as_ref().map(|id| format!(", process {id}")).unwrap_or_default(), folder.display())]
    Busy { folder: PathBuf, process: Option<String> },
    #[error("the state of the run cannot be kept in {} ({cause})", folder.display())]
    Folder { folder: PathBuf, cause: io::Error },
}

/// How names of files start that are being written.
const UNFINISHED: &str = ".unfinished-";

/// A folder that belongs to this process until it ends, however it ends. Its files are replaced as a whole.
#[derive(Debug)]
pub struct StateFolder {
    folder: PathBuf,
    /// Locked; the system unlocks it with the end of the process.
    _lock: File,
}

impl StateFolder {
    /// Takes a folder, which is made if it does not exist.
    ///
    /// # Errors
    /// When another process has it, or when it cannot be written to.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let failed = |cause| StateError::Folder { folder: folder.to_owned(), cause };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let options = || {
            let mut options = File::options();
            options.read(true).write(true).create(true).truncate(false);
            options
        };
        let mut lock = options().open(folder.join("lock")).map_err(failed)?;
        match try_lock(&lock) {
            Ok(()) => {}
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                // It has not written its number yet, or never will: then there is none to say.
                let read = lock.take(20).read_to_string(&mut process);
                let process = read.ok().map(|_| process.trim().to_owned()).filter(|id| !id.is_empty());
                return Err(StateError::Busy { folder: folder.to_owned(), process });
            }
        }
        lock.set_len(0).map_err(failed)?;
        lock.write_all(std::process::id().to_string().as_bytes()).map_err(failed)?;
        let state = Self { folder: folder.to_owned(), _lock: lock };
        state.remove_unfinished();
        if !folder.join(".gitignore").exists() {
            state.write(".gitignore", b"*\n").map_err(failed)?;
        }
        Ok(state)
    }

    /// Removes what a process was writing when it was killed.
    fn remove_unfinished(&self) {
        let entries = self.folder.read_dir().into_iter().flatten().flatten();
        let unfinished =
            entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()));
        // One that stays does no harm.
        unfinished.for_each(|entry| drop(std::fs::remove_file(entry.path())));
    }

    /// The content of a file, `None` if there is none.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut content = Vec::new();
        match File::open(self.folder.join(name)) {
            Ok(mut file) => file.read_to_end(&mut content).map(|_| Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces a file: whoever reads it, even after a crash of the machine, finds the old content or the new one.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(self.folder.join(name)).map_err(|error| error.error)?;
        // The name is safe when the folder is.
        File::open(&self.folder)?.sync_all()
    }
}

/// A process that was killed while it started a command leaves the lock to the command, up to the moment in which this has
/// become another program.
fn try_lock(lock: &File) -> Result<(), TryLockError> {
    let started = Instant::now();
    loop {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => std::thread::sleep(POLL),
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_and_whole_files() {
        let place = tempfile::tempdir().expect("a folder can be made");
        let folder = place.path().join("state");
        let state = StateFolder::open(&folder).expect("it is free");
        assert_eq!(state.read("a").expect("it can be read"), None);
        for content in ["one", "two"] {
            state.write("a", content.as_bytes()).expect("it can be written");
            assert_eq!(state.read("a").expect("it can be read").as_deref(), Some(content.as_bytes()));
        }
        let error = StateFolder::open(&folder).expect_err("it is taken");
        let expected =
            format!("another run is going on here, process {}: {}", std::process::id(), folder.display());
        assert_eq!(error.to_string(), expected);
        drop(state);
        StateFolder::open(&folder).expect("it is free again");
        let mut names: Vec<_> = folder
            .read_dir()
            .expect("it can be listed")
            .filter_map(Result::ok)
            .map(|one| one.file_name())
            .collect();
        names.sort();
        assert_eq!(names, [".gitignore", "a", "lock"], "nothing else is left");
    }
}
