//! The time that is sent for a file: its metadata → nanoseconds since 1970, which differ whenever its content may.
//!
//! An engine that has a copy of a context asks only for the files whose size, time, mode or link target differ from
//! that copy (fsutil, diff_containerd.go, sameFile). The true time does not tell enough: tools set it back, and two
//! files that are written within a tick of the kernel's clock have the same. What no tool can set is the time of the
//! last change of the inode. So in place of what is below a millisecond stands a hash of all that identifies this state
//! of the file. Layers keep whole seconds only; a `RUN` of the same build sees the rest, and tools such as `make` look
//! at which file is older, so that the order of times has to stay.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What was changed less than this long ago may change again without another time: file systems with the coarsest
/// clock count in steps of two seconds.
const SETTLED: Duration = Duration::from_secs(2);

const SECOND: u64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;

/// Gives the files of one session their times.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    nonce: Uuid,
}

/// The time of a file, as far as the file alone tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// What is sent.
    Whole(i64),
    /// The true time was set by a tool, perhaps that of many files to one and the same: unpacked archives are like
    /// that, and their files must stay equally old. All with the same time get one hash, of the states of all.
    Set {
        time: i64,
        /// A hash of all that identifies this state of the file.
        state: u64,
    },
}

impl Stamp {
    pub(crate) fn new() -> Self {
        Self { nonce: Uuid::new_v4() }
    }

    /// The time for a file.
    #[expect(clippy::disallowed_methods, reason = "how old a file is, not an input of the pipeline")]
    pub(super) fn of_file(&self, metadata: &Metadata) -> Time {
        self.of_file_at(metadata, SystemTime::now())
    }

    /// Files that have not settled at `now` get a time that no other session gives them, so that the next build asks for
    /// them again.
    fn of_file_at(&self, metadata: &Metadata, now: SystemTime) -> Time {
        let time = true_time(metadata);
        if !has_settled(metadata, now) {
            return Time::Whole(stamped(time, first_number(self.nonce.as_bytes())));
        }
        let state = state(metadata);
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        if changed == (metadata.mtime(), metadata.mtime_nsec()) {
            Time::Whole(stamped(time, state))
        } else {
            Time::Set { time, state }
        }
    }
}

/// A time with a hash in place of what is below a millisecond.
pub(crate) fn stamped(time: i64, hash: u64) -> i64 {
    let below = hash.checked_rem(MILLISECOND.unsigned_abs()).unwrap_or_default();
    time.saturating_sub(time.rem_euclid(MILLISECOND)).saturating_add_unsigned(below)
}

/// All that identifies this state of a file.
fn state(metadata: &Metadata) -> u64 {
    let mut hash = Sha256::new();
    for number in [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()] {
        hash.update(number.to_le_bytes());
    }
    for number in [metadata.dev(), metadata.ino(), metadata.size()] {
        hash.update(number.to_le_bytes());
    }
    first_number(&hash.finalize())
}

/// The time for a file that is only its content. No layer ever gets it, so all of it can tell contents apart; the limit
/// is that of file systems which count seconds in 32 bits.
pub(crate) fn of_content(content: &[u8]) -> i64 {
    let number = first_number(&Sha256::digest(content));
    let seconds = i64::try_from(number % (1 << 31)).unwrap_or_default();
    whole_seconds(seconds).saturating_add_unsigned((number >> 31) % SECOND)
}

/// The true time, of what is compared by more than its time.
pub(super) fn true_time(metadata: &Metadata) -> i64 {
    whole_seconds(metadata.mtime()).saturating_add(metadata.mtime_nsec())
}

fn whole_seconds(seconds: i64) -> i64 {
    seconds.saturating_mul(SECOND.cast_signed())
}

fn has_settled(metadata: &Metadata, now: SystemTime) -> bool {
    let changed = u64::try_from(metadata.ctime()).unwrap_or_default();
    let nanoseconds = u32::try_from(metadata.ctime_nsec()).unwrap_or_default();
    // A change in the future, by a clock that was set back, never settles.
    now.duration_since(UNIX_EPOCH + Duration::new(changed, nanoseconds)).is_ok_and(|age| age >= SETTLED)
}

fn first_number(digest: &[u8]) -> u64 {
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Metadata};
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use super::{SECOND, SETTLED, Stamp, Time, of_content, stamped};

    fn metadata(file: &Path) -> Metadata {
        fs::symlink_metadata(file).expect("the file is there")
    }

    /// As if the file had been left alone for a while.
    fn later() -> SystemTime {
        SystemTime::now() + 2 * SETTLED
    }

    /// What is sent for the file, were it the only one whose time was set.
    fn time(metadata: &Metadata, now: SystemTime, stamp: &Stamp) -> i64 {
        match stamp.of_file_at(metadata, now) {
            Time::Whole(time) => time,
            Time::Set { time, state } => stamped(time, state),
        }
    }

    #[test]
    fn times_stay_the_same_to_the_millisecond() {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        for seconds in [0, 1, 1_700_000_000] {
            let modified = SystemTime::UNIX_EPOCH + Duration::new(seconds, 999_999_999);
            file.as_file().set_modified(modified).expect("times can be set");
            let sent = time(&metadata(file.path()), later(), &Stamp::new());
            assert_eq!(sent.cast_unsigned() / (SECOND / 1000), seconds * 1000 + 999);
        }
        assert_eq!(stamped(-1, 5), -999_995);
    }

    #[test]
    fn a_time_that_a_tool_has_set_is_known() {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        let is_set =
            |metadata: Metadata| matches!(Stamp::new().of_file_at(&metadata, later()), Time::Set { .. });
        assert!(!is_set(metadata(file.path())));
        file.as_file().set_modified(SystemTime::UNIX_EPOCH).expect("times can be set");
        assert!(is_set(metadata(file.path())));
    }

    #[test]
    fn a_file_left_alone_has_the_same_time_in_each_session() {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        let metadata = metadata(file.path());
        let times = [Stamp::new(), Stamp::new()].map(|stamp| time(&metadata, later(), &stamp));
        assert_eq!(times[0], times[1]);
    }

    #[test]
    fn files_changed_just_now_have_another_time_in_each_session() {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        let metadata = metadata(file.path());
        for now in [SystemTime::now(), SystemTime::UNIX_EPOCH] {
            let [first, second] = [Stamp::new(), Stamp::new()];
            assert_ne!(time(&metadata, now, &first), time(&metadata, now, &second));
            assert_eq!(time(&metadata, now, &first), time(&metadata, now, &first));
        }
    }

    #[test]
    fn content_of_the_same_size_written_with_the_same_time_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("file");
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let write = |content: &str| {
            fs::write(&path, content).expect("the file can be written");
            let file = File::options().write(true).open(&path).expect("the file can be opened");
            file.set_modified(modified).expect("times can be set");
            time(&metadata(&path), later(), &Stamp::new())
        };
        let first = write("one");
        std::thread::sleep(Duration::from_millis(50));
        assert_ne!(first, write("two"));
    }

    #[test]
    fn a_folder_put_in_the_place_of_another_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let [old, new] = ["old", "new"].map(|name| folder.path().join(name));
        for place in [&old, &new] {
            fs::create_dir(place).expect("a folder can be made");
            fs::write(place.join("file"), "same size").expect("a file can be written");
        }
        let sent = |place: &Path| time(&metadata(&place.join("file")), later(), &Stamp::new());
        let before = sent(&old);
        fs::rename(&old, folder.path().join("gone")).expect("a folder can be renamed");
        fs::rename(&new, &old).expect("a folder can be renamed");
        assert_ne!(before, sent(&old));
    }

    #[test]
    fn contents_are_told_apart() {
        assert_eq!(of_content(b"FROM a"), of_content(b"FROM a"));
        assert_ne!(of_content(b"FROM a"), of_content(b"FROM b"));
        assert!(of_content(b"") > 0);
    }
}
