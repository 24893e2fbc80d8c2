//! How long `check` and `plan` take for generated files, as whole processes, and how much memory they need.
//!
//! `cargo bench` prints a table; nothing here fails because something is slow. The columns "per image" and "ratio"
//! compare sizes within one run, which is all that can be compared between machines.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement starts the program, and prints what it finds"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

/// How often each command runs; the table has the median.
const RUNS: usize = 11;
const SIZES: [usize; 4] = [1, 100, 1_000, 10_000];

/// A file with `count` images of seven lines: args, two tags and a cache block each.
fn cachefile(count: usize) -> String {
    let mut text = String::from(
        "cachelang 1\n\nparam commit: string = \"dev\"\n\
         registry main {\n  kind = \"oci\"\n  host = \"registry.example:5000\"\n}\n\
         repository app { registry = main }\n",
    );
    for index in 0..count {
        let _ = write!(
            text,
            "\nimage service_{index} {{\n  context = \"services\"\n  \
             args = {{ SERVICE = \"service-{index}\", COMMIT = commit, PYTHON_VERSION = \"3.12\" }}\n  \
             tags = [app:\"service-{index}-${{commit}}\", app:\"service-{index}-latest\"]\n  \
             cache {{ from = [cache.registry(app:\"cache-{index}\"), app:\"service-{index}-latest\"], \
             to = [cache.registry(app:\"cache-{index}\", mode = \"max\")] }}\n}}\n"
        );
    }
    let _ = write!(text, "\nwave build {{ push ");
    for index in 0..count {
        let _ = write!(text, "{}service_{index}", if index == 0 { "" } else { ", " });
    }
    text.push_str(" }\n");
    text
}

struct Measured {
    median: Duration,
    peak_bytes: u64,
}

fn measure(folder: &Path, arguments: &[&str]) -> Measured {
    let mut times = Vec::new();
    let mut peak_bytes = 0;
    for _ in 0..RUNS {
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_cachelang"))
            .args(arguments)
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let usage = child.wait4().expect("the program ends");
        times.push(started.elapsed());
        assert!(usage.status.success(), "{arguments:?} fails in {}", folder.display());
        peak_bytes = peak_bytes.max(usage.rusage.maxrss);
    }
    times.sort();
    Measured { median: times[RUNS / 2], peak_bytes }
}

fn main() {
    println!(
        "{:<8} {:>7} {:>8} {:>10} {:>11} {:>9}",
        "command", "images", "KiB", "median", "per image", "peak"
    );
    for (name, arguments) in
        [("check", &["check"][..]), ("plan", &["plan", "--format", "json"]), ("fmt", &["fmt", "--check"])]
    {
        for count in SIZES {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let services = folder.path().join("services");
            std::fs::create_dir(&services).expect("a folder can be made");
            let dockerfile = "ARG PYTHON_VERSION\nFROM python:${PYTHON_VERSION}\nARG SERVICE\nARG COMMIT\n\
                              COPY . .\nRUN make $SERVICE\n";
            std::fs::write(services.join("Dockerfile"), dockerfile).expect("a file can be written");
            let text = cachefile(count);
            std::fs::write(folder.path().join(".cachefile"), &text).expect("a file can be written");
            // What `fmt` would change is its own business.
            let formatted =
                Command::new(env!("CARGO_BIN_EXE_cachelang")).arg("fmt").current_dir(folder.path()).output();
            assert!(formatted.is_ok_and(|formatted| formatted.status.success()), "the file can be formatted");
            let Measured { median, peak_bytes } = measure(folder.path(), arguments);
            println!(
                "{name:<8} {count:>7} {:>8.1} {:>7.2} ms {:>8.1} µs {:>5.1} MiB",
                text.len() as f64 / 1024.0,
                median.as_secs_f64() * 1e3,
                median.as_secs_f64() * 1e6 / count as f64,
                peak_bytes as f64 / f64::from(1 << 20),
            );
        }
    }
}
