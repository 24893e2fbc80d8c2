//! `cachelang plan`

mod dot;
pub(super) mod human;
mod layout;
mod words;

use clap::{Args, ValueEnum};

use super::WRONG;
use super::load::{self, FileArgs, Loaded, Params, show_diagnostics};
use super::say::{print, print_json};

pub(super) use layout::{Layout, Page, Paint};

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    file: FileArgs,

    /// How to show the plan
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text for people
    Human,
    /// JSON for programs
    Json,
    /// A graph for Graphviz: `cachelang plan --format dot | dot -Tsvg`
    Dot,
}

/// Shows what a run would do and returns the exit code.
pub(super) fn plan(args: PlanArgs) -> u8 {
    shown(args).unwrap_or_else(|code| code)
}

fn shown(args: PlanArgs) -> Result<u8, u8> {
    let PlanArgs { file, format } = args;
    let input = file.into_input();
    let Loaded { checked, plan } = load::plan(load::check(&input)?, Params::Required);
    show_diagnostics(&checked, &input);
    let plan = plan.ok_or(WRONG)?.portable();
    match format {
        Format::Human => print(&human::plan(&plan, checked.name(), Layout::of_stdout())),
        Format::Json => {
            print_json(&plan);
        }
        Format::Dot => print(&dot::graph(&plan, checked.name())),
    }
    // The process ends here; to take apart what a large file became would only take time.
    std::mem::forget((checked, plan));
    Ok(0)
}
