//! The processes of this machine, those inside the engine's containers included.

use std::path::Path;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

/// Whether a process has this argument.
pub fn has_argument(argument: &str) -> bool {
    let folders = std::fs::read_dir("/proc").expect("/proc can be read").flatten();
    let mut lines = folders.filter_map(|folder| std::fs::read(folder.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes()))
}

pub fn send(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a child has an id");
    kill_process(id, signal).expect("the child is still running");
}

/// The most memory that a process had so far, in KiB; `None` once it has ended.
pub fn peak_memory(child: &Child) -> Option<u64> {
    let status = Path::new("/proc").join(child.id().to_string()).join("status");
    let status = std::fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
