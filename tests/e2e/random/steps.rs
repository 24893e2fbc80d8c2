//! Random instructions of a Dockerfile, each of which does the same whenever it is executed.
//!
//! So that none of them fails, names have kinds: `d0` to `d2` are folders and are never removed, `f0` to `f3` and
//! `h0` are files or links.

use fastrand::Rng;

use super::case::{pick, word};

const FOLDERS: [&str; 3] = ["d0", "d1", "d2"];
const FILES: [&str; 7] = ["f0", "f1", "f2", "f3", "d0/f0", "d1/f1", "/w/d2/f2"];
const OWNERS: [&str; 4] = ["0:0", "1:2", "1000:1000", "65534"];
const MODES: [&str; 6] = ["600", "755", "4755", "1777", "0", "g+w"];

/// An instruction of the stage with this number.
pub fn random(random: &mut Rng, stage: usize) -> String {
    let folder = *pick(random, &FOLDERS);
    match random.u8(..16) {
        0..=5 => run(random, stage),
        6 | 7 => copy(random),
        8 | 9 if stage > 0 => copy_from(random, stage),
        10 => {
            format!("ADD {} /w/{folder}/", pick(random, &["a.txt", "dir", "pack.tar", "--chown=3:4 b.txt"]))
        }
        11 => format!("WORKDIR {}", pick(random, &["/w", "d0", "d1", "/w/d2/d0"])),
        12 => format!("ENV E={} F=${{A}}", word(random).trim()),
        13 => format!("USER {}", pick(random, &["root", "1000:1000", "0", "1"])),
        14 => format!("ARG B={}", word(random).trim()),
        15 => format!("LABEL l={} m=\"$E$B\"", word(random).trim()),
        _ => copy(random),
    }
}

fn run(random: &mut Rng, stage: usize) -> String {
    let commands: Vec<_> = (0..random.usize(1..=3)).map(|_| command(random)).collect();
    let (mount, read) = match random.u8(..6) {
        0 => ("--mount=type=bind,target=/m ".to_owned(), "cat /m/a.txt /m/dir/* >>f3; "),
        1 if stage > 0 => {
            let from = random.usize(..stage);
            (format!("--mount=type=bind,from=s{from},source=/w,target=/m "), "cat /m/f* /m/d0/* >>f3; ")
        }
        _ => (String::new(), ""),
    };
    // A user who is not root may do less.
    format!("RUN {mount}{{ {read}{}; }} 2>/dev/null; true", commands.join("; "))
}

fn command(random: &mut Rng) -> String {
    let (file, other) = (*pick(random, &FILES), *pick(random, &FILES));
    let (folder, into) = (*pick(random, &FOLDERS), *pick(random, &FOLDERS));
    match random.u8(..14) {
        0 | 1 => format!("echo {} >>{file}", word(random).trim()),
        2 => format!("echo \"$A $B $E $F\" >>{file}"),
        3 => format!("chmod {} {file}", pick(random, &MODES)),
        4 => format!("chmod {} {folder}", pick(random, &["755", "700", "1777", "2775"])),
        5 => format!("chown {} {file}", pick(random, &OWNERS)),
        6 => format!("chown -R {} {folder}", pick(random, &OWNERS)),
        7 => format!("ln -sf {} {file}", pick(random, &["f0", "d0", "/w/f1", "nowhere"])),
        8 => format!("ln -f {file} h0"),
        9 => format!("rm -rf {folder}/*"),
        10 => format!("rm -f {file}"),
        11 => format!("mv {file} {other}"),
        12 => format!("cp -a {folder}/. {into}/"),
        _ => format!("ls -R . >{file}"),
    }
}

fn copy(random: &mut Rng) -> String {
    let sources =
        ["a.txt", "a.txt b.txt", "*.txt", "dir", "dir/sub", "run.sh dir/sub/e.txt", "dir/c.txt", "."];
    let sources = pick(random, &sources);
    let owner = match random.u8(..3) {
        0 => format!("--chown={} ", pick(random, &OWNERS)),
        _ => String::new(),
    };
    format!("COPY {owner}{sources} /w/{}/", pick(random, &FOLDERS))
}

fn copy_from(random: &mut Rng, stage: usize) -> String {
    let (from, folder) = (random.usize(..stage), *pick(random, &FOLDERS));
    let source = *pick(random, &["/w/d0", "/w/d1/", "/w", "/w/d2/."]);
    let owner = if random.bool() { "--chown=5:6 " } else { "" };
    format!("COPY --from=s{from} {owner}{source} /w/{folder}/")
}
