//! A Dockerfile with its context, and edits of both.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use fastrand::Rng;

use super::steps;

/// Modes of files in a context.
const MODES: [u32; 4] = [0o644, 0o755, 0o600, 0o444];

#[derive(Debug, Clone)]
pub struct Case {
    /// The files of the context: their content and mode.
    files: BTreeMap<&'static str, (String, u32)>,
    /// Where a symbolic link in the context leads.
    link: &'static str,
    /// The instructions of each stage, without those that every stage has.
    stages: Vec<Vec<String>>,
    /// The value of the build argument `A`.
    pub argument: String,
    /// All files of the context have the same time, however they change.
    same_time: bool,
}

impl Case {
    pub fn random(random: &mut Rng) -> Self {
        let files = ["a.txt", "b.txt", "run.sh", "dir/c.txt", "dir/sub/e.txt"];
        let files = files.map(|name| (name, (word(random), *pick(random, &MODES))));
        let stages = (0..random.usize(1..=3))
            .map(|stage| (0..random.usize(2..=5)).map(|_| steps::random(random, stage)).collect());
        Self {
            stages: stages.collect(),
            files: files.into(),
            link: "c.txt",
            argument: word(random),
            same_time: random.bool(),
        }
    }

    /// The case after one or two edits, or one of its earlier states.
    pub fn edited(&self, random: &mut Rng, earlier: &[Self]) -> Self {
        if random.u8(..8) == 0 {
            return pick(random, earlier).clone();
        }
        let mut edited = self.clone();
        for _ in 0..random.usize(1..=2) {
            edited.edit(random);
        }
        edited
    }

    fn edit(&mut self, random: &mut Rng) {
        let name = *pick(random, &self.files.keys().copied().collect::<Vec<_>>());
        let file = self.files.get_mut(name).expect("the file is one of them");
        match random.u8(..10) {
            // A file of the same length is the hardest to tell from the one before.
            0 | 1 => file.0 = word(random),
            2 => file.0.push_str("more\n"),
            3 => file.1 = *pick(random, &MODES),
            4 => self.link = *pick(random, &["c.txt", "sub/e.txt", "/etc/passwd", "nowhere"]),
            5 => match self.files.remove("dir/new.txt") {
                Some(_) => {}
                None => drop(self.files.insert("dir/new.txt", (word(random), 0o644))),
            },
            6 => self.argument = word(random),
            _ => self.edit_step(random),
        }
    }

    fn edit_step(&mut self, random: &mut Rng) {
        let number = random.usize(..self.stages.len());
        let stage = &mut self.stages[number];
        let (from, to) = (random.usize(..stage.len()), random.usize(..stage.len()));
        match random.u8(..5) {
            0 => stage.insert(from, steps::random(random, number)),
            1 if stage.len() > 1 => drop(stage.remove(from)),
            2 => stage.swap(from, to),
            3 => stage.insert(to, stage[from].clone()),
            _ => stage[from] = steps::random(random, number),
        }
    }

    /// Makes it the context in a folder, in place of what is there.
    pub fn write(&self, folder: &Path) {
        if folder.exists() {
            fs::remove_dir_all(folder).expect("the folder can be removed");
        }
        fs::create_dir_all(folder.join("dir/sub")).expect("folders can be made");
        fs::write(folder.join("Dockerfile"), self.dockerfile()).expect("files can be written");
        fs::write(folder.join("pack.tar"), self.archive()).expect("files can be written");
        symlink(self.link, folder.join("dir/link")).expect("links can be made");
        for (name, (content, mode)) in &self.files {
            let path = folder.join(name);
            fs::write(&path, content).expect("files can be written");
            if self.same_time {
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
                let file = fs::File::options().append(true).open(&path).expect("the file is there");
                file.set_modified(time).expect("times can be set");
            }
            fs::set_permissions(&path, Permissions::from_mode(*mode)).expect("modes can be set");
        }
    }

    /// A file of the context, packed: `ADD` unpacks it.
    fn archive(&self) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        let content = self.files["b.txt"].0.as_bytes();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o640);
        header.set_uid(7);
        header.set_gid(8);
        archive.append_data(&mut header, "packed/b.txt", content).expect("memory can be written");
        archive.into_inner().expect("memory can be written")
    }

    fn dockerfile(&self) -> String {
        let mut text = "ARG BASE\n".to_owned();
        for (number, stage) in self.stages.iter().enumerate() {
            // The same steps in each stage: on the same base they are the same vertex, later ones only look so.
            let begin = format!("FROM ${{BASE}} AS s{number}\nARG A=0\nWORKDIR /w\nRUN mkdir -p d0 d1 d2\n");
            text.push_str(&begin);
            stage.iter().for_each(|step| text.extend([step, "\n"]));
        }
        text
    }
}

/// The Dockerfile and the context, to be read by those who look for a mistake.
impl Display for Case {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (dockerfile, argument) = (self.dockerfile(), &self.argument);
        write!(
            f,
            "{dockerfile}# A={argument:?} {:?} dir/link: {} same_time: {}",
            self.files, self.link, self.same_time
        )
    }
}

/// Six letters of few, so that the same word comes again.
pub fn word(random: &mut Rng) -> String {
    let word = ["apples", "quince", "cherry", "damson"];
    format!("{}\n", pick(random, &word))
}

pub fn pick<'a, T>(random: &mut Rng, from: &'a [T]) -> &'a T {
    &from[random.usize(..from.len())]
}
