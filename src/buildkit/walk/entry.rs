//! One thing of a directory tree as the protocol describes it: a path and its metadata → `Entry`. Owners are always 0:0,
//! as with the engine's own client (buildkit, client/solve.go, resetUIDAndGID): whose files they are on this machine
//! means nothing in an image.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use bollard_buildkit_proto::fsutil::types::Stat;
use rustix::fs::{lgetxattr, llistxattr, major, minor};
use rustix::io::Errno;

use super::stamp::{self, Stamp, Time};

/// A path to be sent.
#[derive(Debug)]
pub(crate) struct Entry {
    /// If `set_time` is there, with a time that is not complete yet.
    pub(crate) stat: Stat,
    pub(crate) content: Content,
    /// Of a file whose time was set by a tool, a hash of its state.
    pub(crate) set_time: Option<u64>,
}

/// What can be asked for of an entry after its stat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// It is not a file.
    None,
    /// Its bytes.
    File,
    /// A socket: the protocol takes it for an empty file (fsutil, stat.go).
    Socket,
}

impl Entry {
    /// The entry of `file`, named `path` in the protocol. `InvalidData` is text that is not UTF-8.
    pub(crate) fn new(path: &str, file: &Path, metadata: &Metadata, stamp: &Stamp) -> io::Result<Self> {
        let kind = metadata.file_type();
        let device = kind.is_char_device() || kind.is_block_device();
        let time =
            if kind.is_file() { stamp.of_file(metadata) } else { Time::Whole(stamp::true_time(metadata)) };
        let (mod_time, set_time) = match time {
            Time::Whole(time) => (time, None),
            Time::Set { time, state } => (time, Some(state)),
        };
        let stat = Stat {
            path: path.to_owned(),
            mode: go_mode(metadata),
            uid: 0,
            gid: 0,
            size: if kind.is_dir() { 0 } else { metadata.size().cast_signed() },
            mod_time,
            linkname: if kind.is_symlink() { link_target(file)? } else { String::new() },
            devmajor: if device { major(metadata.rdev()).into() } else { 0 },
            devminor: if device { minor(metadata.rdev()).into() } else { 0 },
            xattrs: xattrs(file)?,
        };
        let content = match () {
            () if kind.is_file() => Content::File,
            () if kind.is_socket() => Content::Socket,
            () => Content::None,
        };
        Ok(Self { stat, content, set_time })
    }
}

/// The identity of a file that has further names, unless it is of a kind which is never sent as a link.
pub(crate) fn several_names(metadata: &Metadata) -> Option<(u64, u64)> {
    let linkable = !metadata.is_dir() && !metadata.is_symlink();
    (linkable && metadata.nlink() > 1).then(|| (metadata.dev(), metadata.ino()))
}

/// Go's `os.FileMode`. A socket has no bit: archive/tar, which the engine uses, knows none (fsutil, stat.go).
fn go_mode(metadata: &Metadata) -> u32 {
    const DIR: u32 = 1 << 31;
    const SYMLINK: u32 = 1 << 27;
    const DEVICE: u32 = 1 << 26;
    const NAMED_PIPE: u32 = 1 << 25;
    const SETUID: u32 = 1 << 23;
    const SETGID: u32 = 1 << 22;
    const CHAR_DEVICE: u32 = 1 << 21;
    const STICKY: u32 = 1 << 20;
    let mode = metadata.mode();
    let kind = metadata.file_type();
    let mut bits = mode & 0o777;
    for (set, bit) in [
        (kind.is_dir(), DIR),
        (kind.is_symlink(), SYMLINK),
        (kind.is_block_device(), DEVICE),
        (kind.is_char_device(), DEVICE | CHAR_DEVICE),
        (kind.is_fifo(), NAMED_PIPE),
        (mode & 0o4000 != 0, SETUID),
        (mode & 0o2000 != 0, SETGID),
        (mode & 0o1000 != 0, STICKY),
    ] {
        if set {
            bits |= bit;
        }
    }
    bits
}

fn link_target(file: &Path) -> io::Result<String> {
    fs::read_link(file)?.into_os_string().into_string().map_err(|_| io::ErrorKind::InvalidData.into())
}

/// All extended attributes but macOS's own; one that cannot be read is left out (fsutil, stat_unix.go).
fn xattrs(file: &Path) -> io::Result<HashMap<String, Vec<u8>>> {
    let names = match fill(|buffer| llistxattr(file, buffer)) {
        Ok(names) => names,
        Err(Errno::NOTSUP) => return Ok(HashMap::new()),
        Err(error) => return Err(error.into()),
    };
    let mut xattrs = HashMap::new();
    for name in names.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        if name.to_bytes().starts_with(b"com.apple.") {
            continue;
        }
        if let Ok(value) = fill(|buffer| lgetxattr(file, name, buffer)) {
            let name = name.to_str().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            xattrs.insert(name.to_owned(), value);
        }
    }
    Ok(xattrs)
}

/// What `call` writes, in a buffer that grows until it is large enough.
fn fill(call: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    // Nearly every file has none, or few that are short.
    let mut short = [0; 256];
    let mut filled = call(&mut short);
    if let Ok(length) = filled {
        return Ok(short.get(..length).unwrap_or_default().to_vec());
    }
    let mut long = vec![0; 4096];
    loop {
        filled = call(&mut long);
        match filled {
            // The kernel's limit for both names and values is 64 KiB.
            Err(Errno::RANGE) if long.len() < 1 << 17 => long.resize(long.len() * 2, 0),
            _ => break,
        }
    }
    long.truncate(filled?);
    Ok(long)
}
