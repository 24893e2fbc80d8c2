//! Makes the parser from the grammar: `generate GRAMMAR-FOLDER OUTPUT-FOLDER`. Needs Node.js.

use std::process::ExitCode;

use tree_sitter_generate::{OptLevel, generate_parser_in_directory};

/// The oldest version of the format that tree-sitter still writes. Every editor reads it; 15 needs Neovim 0.11.
const ABI: usize = 14;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [grammar, output] = arguments.as_slice() else {
        eprintln!("usage: generate GRAMMAR-FOLDER OUTPUT-FOLDER");
        return ExitCode::from(2);
    };
    let mut warnings = Vec::new();
    let made = generate_parser_in_directory(
        grammar,
        Some(output),
        None::<&str>,
        ABI,
        None,
        Some("node"),
        true,
        OptLevel::default(),
        &mut warnings,
    );
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
