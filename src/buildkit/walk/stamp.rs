//! The time that is sent for a file: its metadata → nanoseconds since 1970, which differ whenever its content may.
//!
//! An engine that has a copy of a context asks only for the files whose size, time, mode or link target differ from
//! that copy (fsutil, diff_containerd.go, sameFile). The true time does not tell enough: tools set it back, and two
//! files that are written within a tick of the kernel's clock have the same. What no tool can set is the time of the
//! last change of the inode. So the whole seconds are those of the file, as an image's layers keep no more, and in
//! place of the nanoseconds stands a hash of all that identifies this state of the file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What was changed less than this long ago may change again without another time: file systems with the coarsest
/// clock count in steps of two seconds.
const SETTLED: Duration = Duration::from_secs(2);

const SECOND: u64 = 1_000_000_000;

/// Gives the files of one session their times.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    nonce: Uuid,
}

impl Stamp {
    pub(crate) fn new() -> Self {
        Self { nonce: Uuid::new_v4() }
    }

    /// The time for a file.
    #[expect(clippy::disallowed_methods, reason = "how old a file is, not an input of the pipeline")]
    pub(super) fn of_file(&self, metadata: &Metadata) -> i64 {
        self.of_file_at(metadata, SystemTime::now())
    }

    /// A file that has not settled at `now` gets a time that no other session gives it, so that the next build asks for
    /// it again.
    fn of_file_at(&self, metadata: &Metadata, now: SystemTime) -> i64 {
        let mut hash = Sha256::new();
        for number in [metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()] {
            hash.update(number.to_le_bytes());
        }
        for number in [metadata.dev(), metadata.ino(), metadata.size()] {
            hash.update(number.to_le_bytes());
        }
        if !has_settled(metadata, now) {
            hash.update(self.nonce.as_bytes());
        }
        let nanoseconds = first_number(&hash.finalize()) % SECOND;
        whole_seconds(metadata.mtime()).saturating_add_unsigned(nanoseconds)
    }
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

    use super::{SECOND, SETTLED, Stamp, of_content};

    fn metadata(file: &Path) -> Metadata {
        fs::symlink_metadata(file).expect("the file is there")
    }

    /// As if the file had been left alone for a while.
    fn later() -> SystemTime {
        SystemTime::now() + 2 * SETTLED
    }

    #[test]
    fn the_seconds_are_those_of_the_file() {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        for seconds in [0, 1, 1_700_000_000] {
            let time = SystemTime::UNIX_EPOCH + Duration::new(seconds, 999_999_999);
            file.as_file().set_modified(time).expect("times can be set");
            let stamp = Stamp::new().of_file_at(&metadata(file.path()), later());
            assert_eq!(stamp.cast_unsigned() / SECOND, seconds);
        }
    }

    #[test]
    fn a_file_left_alone_has_the_same_time_in_each_session() {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        let metadata = metadata(file.path());
        let times = [Stamp::new(), Stamp::new()].map(|stamp| stamp.of_file_at(&metadata, later()));
        assert_eq!(times[0], times[1]);
    }

    #[test]
    fn a_file_changed_just_now_has_another_time_in_each_session() {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        let metadata = metadata(file.path());
        for now in [SystemTime::now(), SystemTime::UNIX_EPOCH] {
            let [first, second] = [Stamp::new(), Stamp::new()];
            assert_ne!(first.of_file_at(&metadata, now), second.of_file_at(&metadata, now));
            assert_eq!(first.of_file_at(&metadata, now), first.of_file_at(&metadata, now));
        }
    }

    #[test]
    fn content_of_the_same_size_written_with_the_same_time_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("file");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let write = |content: &str| {
            fs::write(&path, content).expect("the file can be written");
            let file = File::options().write(true).open(&path).expect("the file can be opened");
            file.set_modified(time).expect("times can be set");
            Stamp::new().of_file_at(&metadata(&path), later())
        };
        let first = write("one");
        std::thread::sleep(Duration::from_millis(50));
        assert_ne!(first, write("two"));
    }

    #[test]
    fn a_folder_put_in_the_place_of_another_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let [old, new] = ["old", "new"].map(|name| folder.path().join(name));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for place in [&old, &new] {
            fs::create_dir(place).expect("a folder can be made");
            fs::write(place.join("file"), "same size").expect("a file can be written");
            let file = File::options().write(true).open(place.join("file")).expect("it can be opened");
            file.set_modified(time).expect("times can be set");
        }
        let stamp = |place: &Path| Stamp::new().of_file_at(&metadata(&place.join("file")), later());
        let before = stamp(&old);
        fs::rename(&old, folder.path().join("gone")).expect("a folder can be renamed");
        fs::rename(&new, &old).expect("a folder can be renamed");
        assert_ne!(before, stamp(&old));
    }

    #[test]
    fn contents_are_told_apart() {
        assert_eq!(of_content(b"FROM a"), of_content(b"FROM a"));
        assert_ne!(of_content(b"FROM a"), of_content(b"FROM b"));
        assert!(of_content(b"") > 0);
    }
}
