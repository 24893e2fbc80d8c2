//! The command `cachelang`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cachelang::cli::main()
}
