//! `cachelang plan`

mod dot;
mod human;
mod layout;

use clap::{Args, ValueEnum};

use super::WRONG;
use super::pipeline::{PipelineArgs, load};
use super::run::show_diagnostics;
use super::say::print;
use crate::diag::{self, has_errors};
use crate::load::ProcessEnvironment;
use crate::plan::Inputs;

pub(super) use layout::{Layout, Page, Paint};

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,

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
pub(super) fn plan(args: &PlanArgs) -> u8 {
    shown(args).unwrap_or_else(|code| code)
}

fn shown(args: &PlanArgs) -> Result<u8, u8> {
    let mut pipeline = load(&args.pipeline)?;
    if has_errors(&pipeline.diagnostics) {
        show_diagnostics(&pipeline.sources, &pipeline.diagnostics);
        return Err(WRONG);
    }
    let inputs = Inputs { params: &pipeline.params, environment: &ProcessEnvironment };
    let (plan, found) = match crate::plan::plan(&pipeline.program, &inputs) {
        Ok((plan, found)) => (Some(plan.portable()), found),
        Err(found) => (None, found),
    };
    pipeline.diagnostics.extend(found);
    diag::sort(&mut pipeline.diagnostics);
    show_diagnostics(&pipeline.sources, &pipeline.diagnostics);
    let plan = plan.ok_or(WRONG)?;
    match args.format {
        Format::Human => print(&human::plan(&plan, &pipeline.name, Layout::of_stdout())),
        Format::Json => {
            let json = serde_json::to_string_pretty(&plan).expect("plans have no key that is not a text");
            print(&format!("{json}\n"));
        }
        Format::Dot => print(&dot::graph(&plan, &pipeline.name)),
    }
    Ok(0)
}
