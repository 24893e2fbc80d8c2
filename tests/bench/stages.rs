//! What a step costs besides its command: 1,000 stages of `true`, beside the same commands in `make -j` and `just`.
//!
//! `cargo bench --bench stages` prints a table; nothing here fails because something is slow. A program that is not in `PATH`
//! is left out. `cargo install just` gets the other one.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const STAGES: usize = 1_000;
/// How often each program runs, in turns; the table has the median and the extremes.
const RUNS: usize = 9;

/// The same commands for each program, which start at the same time as far as there are jobs.
fn files(folder: &Path) {
    let (mut cachefile, mut makefile, mut justfile) =
        ("cachelang 1\nwave w {\n".to_owned(), ".PHONY: all\nall:".to_owned(), "[parallel]\nall:".to_owned());
    for index in 0..STAGES {
        let _ = writeln!(cachefile, "  stage s{index} {{ run \"true\" }}");
        let _ = write!(makefile, " s{index}");
        let _ = write!(justfile, " s{index}");
    }
    cachefile.push_str("}\n");
    makefile.push_str("\ns%:\n\t@true\n");
    justfile.push('\n');
    (0..STAGES).for_each(|index| {
        let _ = write!(justfile, "s{index}:\n    @true\n");
    });
    for (name, text) in [(".cachefile", cachefile), ("Makefile", makefile), ("justfile", justfile)] {
        std::fs::write(folder.join(name), text).expect("a file can be written");
    }
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Option<Duration> {
    let started = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    let elapsed = started.elapsed();
    assert!(status.success(), "{program} fails in {}", folder.display());
    Some(elapsed)
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    files(folder.path());
    let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let program = env!("CARGO_BIN_EXE_cachelang");
    let programs: [(&str, &str, &[&str]); 3] = [
        ("cachelang", program, &["run", "--jobs", &cores, "--progress", "quiet"]),
        ("make", "make", &["-j", &cores]),
        ("just", "just", &["all"]),
    ];
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..RUNS {
        for ((_, program, arguments), times) in programs.iter().zip(&mut times) {
            times.extend(run(folder.path(), program, arguments));
        }
    }
    println!("{:<10} {:>10} {:>10} {:>10} {:>12}", "program", "median", "least", "most", "per stage");
    for ((name, ..), mut times) in programs.into_iter().zip(times) {
        times.sort();
        let (Some(median), Some(least), Some(most)) =
            (times.get(times.len() / 2), times.first(), times.last())
        else {
            println!("{name:<10} not in PATH");
            continue;
        };
        let ms = |time: &Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
        let per_stage = median.as_secs_f64() * 1e6 / STAGES as f64;
        println!("{name:<10} {:>10} {:>10} {:>10} {per_stage:>9.0} µs", ms(median), ms(least), ms(most));
    }
}
