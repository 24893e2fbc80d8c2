//! One transfer: a source, a selection and the receiver's packets → packets, in fsutil's protocol (send.go). Stats go
//! out in the order of the walk, ended by a stat of nothing; meanwhile the receiver requests files by id and gets each as
//! data ended by empty data; it says FIN, and gets FIN. The walk and the reading run on blocking threads, which wait
//! while the queue to the connection is full. Whatever goes wrong ends the transfer with an ERR packet and a status.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags};
use rustix::io::retry_on_intr;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::{Status, Streaming};

use super::sent::Sent;
use super::{FileSync, InlineFile, Source, Transferred, UNSENT};
use crate::buildkit::walk::{Content, Entry, Selection, Stamp, Step, Walk, WalkError, of_content, stamped};

/// Bytes of a file in one packet. The reference sender has an eighth of it, and an engine takes any size; with fewer
/// packets it is faster.
const CHUNK: usize = 256 * 1024;
/// Files read at a time, as the reference sender has it.
const READERS: usize = 4;

type Outgoing = mpsc::Sender<Result<Packet, Status>>;

/// A transfer under way; the threads that work for it share this.
#[derive(Debug)]
pub(super) struct Transfer {
    dir: String,
    source: Source,
    selection: Selection,
    stamp: Stamp,
    transferred: Arc<Transferred>,
    out: Outgoing,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: Sent,
    /// The ids requested and not yet taken up.
    requests: VecDeque<(u32, Content)>,
}

/// Why a transfer ends before it is complete.
#[derive(Debug)]
enum Stop {
    /// Nobody reads what is sent.
    Gone,
    Failed(String),
}

/// A blocking task that is done.
enum Done {
    Walk,
    Reading,
}

/// What waits for the end of the walk: the first file whose time was set by a tool and, as the order counts, all behind
/// it. Files with one and the same such time share one hash, so that they stay equally old, and a change of one of them
/// is one of all.
#[derive(Default)]
struct Held {
    entries: Vec<Entry>,
    /// By the time that was set: one hash of the states of all files that have it.
    states: HashMap<i64, u64>,
}

impl Held {
    fn takes(&self, entry: &Entry) -> bool {
        entry.set_time.is_some() || !self.entries.is_empty()
    }

    fn push(&mut self, entry: Entry) {
        if let Some(state) = entry.set_time {
            let states = self.states.entry(entry.stat.mod_time).or_default();
            *states = states.rotate_left(7) ^ state;
        }
        self.entries.push(entry);
    }

    /// The entries with their times.
    fn into_entries(self) -> impl Iterator<Item = Entry> {
        let states = self.states;
        self.entries.into_iter().map(move |mut entry| {
            if let (Some(_), Some(hash)) = (entry.set_time, states.get(&entry.stat.mod_time)) {
                entry.stat.mod_time = stamped(entry.stat.mod_time, *hash);
            }
            entry
        })
    }
}

impl Transfer {
    pub(super) fn new(
        dir: String,
        source: Source,
        selection: Selection,
        service: &FileSync,
        out: Outgoing,
    ) -> Arc<Self> {
        let stamp = service.stamp.clone();
        let transferred = Arc::clone(&service.transferred);
        Arc::new(Self { dir, source, selection, stamp, transferred, out, state: Mutex::default() })
    }

    /// Runs the transfer to its end, which the receiver sees in any case.
    pub(super) async fn run(self: Arc<Self>, incoming: Streaming<Packet>) {
        if let Err(Stop::Failed(why)) = self.serve(incoming).await {
            let text = format!("{UNSENT}{}`: {why}", self.dir);
            let packet = packet(PacketType::PacketErr, 0, text.clone().into_bytes());
            // A receiver that is gone needs no telling.
            let _ = self.out.send(Ok(packet)).await;
            let _ = self.out.send(Err(Status::unknown(text))).await;
        }
    }

    async fn serve(self: &Arc<Self>, mut incoming: Streaming<Packet>) -> Result<(), Stop> {
        let mut work = JoinSet::new();
        let transfer = Arc::clone(self);
        work.spawn_blocking(move || transfer.send_stats().map(|()| Done::Walk));
        let mut reading = 0;
        loop {
            while reading < READERS.min(reading + self.state().requests.len()) {
                let transfer = Arc::clone(self);
                work.spawn_blocking(move || transfer.send_files().map(|()| Done::Reading));
                reading += 1;
            }
            tokio::select! {
                packet = incoming.message() => {
                    // The connection is lost, or the receiver closed its side without FIN: it wants nothing more.
                    let Ok(Some(packet)) = packet else { return Err(Stop::Gone) };
                    if self.receive(&packet)? {
                        let fin = packet_of(PacketType::PacketFin);
                        return self.out.send(Ok(fin)).await.map_err(|_| Stop::Gone);
                    }
                }
                Some(done) = work.join_next() => match done {
                    Ok(Ok(Done::Walk)) => {}
                    Ok(Ok(Done::Reading)) => reading -= 1,
                    Ok(Err(stop)) => return Err(stop),
                    Err(panic) => return Err(Stop::Failed(format!("internal error: {panic}"))),
                },
                () = self.out.closed() => return Err(Stop::Gone),
            }
        }
    }

    /// Takes a packet of the receiver; `true` if it is FIN.
    fn receive(&self, packet: &Packet) -> Result<bool, Stop> {
        match packet.r#type() {
            PacketType::PacketReq => {
                let mut state = self.state();
                let Some(content) = state.sent.take(packet.id) else {
                    return Err(Stop::Failed(format!("invalid file id {}", packet.id)));
                };
                state.requests.push_back((packet.id, content));
                Ok(false)
            }
            PacketType::PacketFin => Ok(true),
            PacketType::PacketErr => {
                Err(Stop::Failed(format!("error from receiver: {}", String::from_utf8_lossy(&packet.data))))
            }
            PacketType::PacketStat | PacketType::PacketData => Ok(false),
        }
    }

    /// Sends the stats of everything selected, and that this was all.
    fn send_stats(&self) -> Result<(), Stop> {
        match &self.source {
            Source::Directory(root) => {
                let failed = |error: WalkError| Stop::Failed(error.to_string());
                let mut walk = Walk::new(root, &self.selection, self.stamp.clone()).map_err(failed)?;
                let mut held = Held::default();
                while let Some(step) = walk.step().map_err(failed)? {
                    match step {
                        _ if self.out.is_closed() => return Err(Stop::Gone),
                        Step::Found(entry) if held.takes(&entry) => held.push(entry),
                        Step::Found(entry) => self.send_stat(entry)?,
                        Step::Passed => {}
                    }
                }
                held.into_entries().try_for_each(|entry| self.send_stat(entry))?;
            }
            Source::Inline(file) => self.send_stat(inline_entry(file))?,
        }
        self.send(packet_of(PacketType::PacketStat))
    }

    fn send_stat(&self, Entry { stat, content, .. }: Entry) -> Result<(), Stop> {
        // Noted before it is sent: the request may come at once.
        let noted = self.state().sent.push(&stat.path, content);
        noted.ok_or_else(|| Stop::Failed("there are more files than the protocol can number".to_owned()))?;
        self.send(Packet { stat: Some(stat), ..packet_of(PacketType::PacketStat) })
    }

    /// Sends what is requested until nothing is.
    fn send_files(&self) -> Result<(), Stop> {
        while let Some((id, path, content)) = self.next_request() {
            if content == Content::File {
                self.send_content(id, &path)?;
            }
            self.send(packet(PacketType::PacketData, id, Vec::new()))?;
            self.transferred.add_file();
        }
        Ok(())
    }

    fn next_request(&self) -> Option<(u32, String, Content)> {
        let mut state = self.state();
        let (id, content) = state.requests.pop_front()?;
        Some((id, state.sent.path(id)?, content))
    }

    fn send_content(&self, id: u32, path: &str) -> Result<(), Stop> {
        match &self.source {
            Source::Directory(root) => {
                let failed = |cause: io::Error| Stop::Failed(format!("failed to send `{path}` ({cause})"));
                let (file, size) = open(&root.join(path)).map_err(failed)?;
                self.send_file(id, &file, size, failed)
            }
            Source::Inline(file) => {
                file.content.chunks(CHUNK).try_for_each(|chunk| self.send_data(id, chunk.to_vec()))
            }
        }
    }

    /// Sends `file` as it was when it was opened. What is appended meanwhile is left for the next build, which sees the
    /// later time of the file; a file that gets shorter would be sent torn, so that is an error. The stat may have told
    /// another size: it is what the reference sender does with a file that changed since, and the next build sees it too.
    fn send_file(
        &self,
        id: u32,
        file: &File,
        size: u64,
        failed: impl Fn(io::Error) -> Stop,
    ) -> Result<(), Stop> {
        // Files that a file system makes up have no size.
        let mut left = if size == 0 { u64::MAX } else { size };
        while left > 0 {
            let mut data = Vec::with_capacity(usize::try_from(left).unwrap_or(CHUNK).min(CHUNK));
            retry_on_intr(|| rustix::io::read(file, spare_capacity(&mut data)))
                .map_err(|e| failed(e.into()))?;
            match data.len() {
                0 if size == 0 => break,
                0 => return Err(failed(io::Error::other("it became shorter while it was read"))),
                read => left = left.saturating_sub(read as u64),
            }
            self.send_data(id, data)?;
        }
        Ok(())
    }

    fn send_data(&self, id: u32, data: Vec<u8>) -> Result<(), Stop> {
        let length = data.len();
        self.send(packet(PacketType::PacketData, id, data))?;
        self.transferred.add_bytes(length);
        Ok(())
    }

    /// Waits until there is room in the queue: for blocking threads only.
    fn send(&self, packet: Packet) -> Result<(), Stop> {
        self.out.blocking_send(Ok(packet)).map_err(|_| Stop::Gone)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding it, and what it guards is sound after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a file for reading, with its size. It may have been replaced since its stat: a link is not followed out of the
/// directory, and a pipe not waited for.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok((file, metadata.len()))
    } else {
        Err(io::Error::other("it is no longer a regular file"))
    }
}

fn inline_entry(file: &InlineFile) -> Entry {
    let stat = Stat {
        path: file.name.clone(),
        mode: 0o644,
        size: i64::try_from(file.content.len()).unwrap_or(i64::MAX),
        mod_time: of_content(&file.content),
        ..Stat::default()
    };
    Entry { stat, content: Content::File, set_time: None }
}

fn packet_of(kind: PacketType) -> Packet {
    packet(kind, 0, Vec::new())
}

fn packet(kind: PacketType, id: u32, data: Vec<u8>) -> Packet {
    Packet { r#type: kind.into(), stat: None, id, data }
}
