//! The command line: arguments, progress, tables and exit codes. Nothing here is needed by a program that embeds the
//! library.

mod approve;
mod cache;
mod check;
mod ci;
mod doctor;
mod explain;
mod fmt;
mod iam;
mod list;
mod load;
mod plan;
mod progress;
mod report;
mod run;
mod say;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

/// The pipeline failed.
const FAILED: u8 = 1;
/// The file or the command line is wrong; clap uses the same.
const WRONG: u8 = 2;
/// An approval is missing.
const NOT_APPROVED: u8 = 3;
/// Interrupted by Ctrl-C, SIGTERM or SIGHUP.
const INTERRUPTED: u8 = 130;

/// Cached container image builds and pushes, described in a `.cachefile`.
#[derive(Debug, Parser)]
#[command(name = "cachelang", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Say more; twice for the conversation with the engine
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

const EXAMPLES: &str = "\
Examples:
  cachelang run                          run the pipeline of this folder
  cachelang run -f deploy/.cachefile     of another file
  cachelang run deploy.staging           a part of it
  cachelang run --param commit=abc123    with a value for a param
  cachelang check --fix                  correct what has one sure correction
  cachelang explain E0201                what a code means
  cachelang plan                         what a run would do
  cachelang list                         what the file declares
  cachelang iam                          what AWS must allow a run of the file
  cachelang doctor                       whether a run could start here

Environment:
  DOCKER_HOST    the Docker Engine (default: that of the current Docker context); with DOCKER_TLS_VERIFY and
                 DOCKER_CERT_PATH for TLS
  DOCKER_CONTEXT another Docker context than the current one
  DOCKER_CONFIG  the folder of Docker's config.json with registry logins (default: ~/.docker)
  NO_COLOR       no colours

Exit codes:
  0 done, 1 the pipeline failed, 2 the file or the command line is wrong, 3 an approval is missing, 130 interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the file, build its images, push their tags and run its commands
    #[command(after_help = "\
Examples:
  cachelang run                              every wave, in the order of the file
  cachelang run deploy                       one wave; images that it uses are built and pushed first
  cachelang run deploy.staging               one stage, with those that it waits for
  cachelang run lambda 'worker[\"api\"]'       images
  cachelang run --from deploy                a wave and all behind it
  cachelang run --dry-run                    what would be done
  cachelang run --resume                     go on where the last run ended
  cachelang run --approve deploy.prod        say yes beforehand, as in CI
  cachelang run --param commit=$(git rev-parse HEAD) --progress plain 2> build.log
  cachelang run --require-cached 'RUN pip *' fail if the dependencies were installed anew
  cachelang run --report report.html --report report.json
  cachelang run --events - | jq -r .event    docs/report-schema.md describes the lines

On GitHub Actions and GitLab, waves are groups of the log; on GitHub, errors are annotations, and the
job gets a summary.

Exit codes:
  0 done, 1 the pipeline failed, 2 the file or the command line is wrong, 3 an approval is missing,
  130 interrupted")]
    Run(run::RunArgs),

    /// Check the file and say what is wrong with it; nothing runs
    #[command(after_help = "\
A param without a value is no error here: the file is right without it.

Examples:
  cachelang check
  cachelang check --fix
  cachelang check --deny warnings --format github
  cachelang check --format json - < .cachefile

Exit codes:
  0 nothing found, or only warnings; 2 errors, or warnings with `--deny warnings`")]
    Check(check::CheckArgs),

    /// Say what a code such as E0201 means and what to write instead
    Explain(explain::ExplainArgs),

    /// Write files in the one layout
    #[command(after_help = "\
Examples:
  cachelang fmt                      the file that `cachelang run` would run
  cachelang fmt a.cachefile b.cachefile
  cachelang fmt --check              change nothing, and fail if something would change
  cachelang fmt - < in > out

Exit codes:
  0 done, 1 something would change (--check), 2 a file cannot be read, formatted or written")]
    Fmt(fmt::FmtArgs),

    /// Show what a run would do: waves, steps, images and what came from outside
    #[command(after_help = "\
Examples:
  cachelang plan
  cachelang plan --param commit=abc123
  cachelang plan --format json > plan.json        docs/plan-schema.md describes it
  cachelang plan --format dot | dot -Tsvg > plan.svg

Exit codes:
  0 there is a plan, 2 the file or the command line is wrong")]
    Plan(plan::PlanArgs),

    /// Look at the engines and registries that a run would use, and change nothing
    #[command(after_help = "\
Without a .cachefile, only the engine of this machine is looked at.

Examples:
  cachelang doctor
  cachelang doctor -f deploy/.cachefile --param target=ecr

Exit codes:
  0 a run could start, 1 it could not, 2 the file or the command line is wrong")]
    Doctor(load::InputArgs),

    /// Print the IAM policy that a run of the file needs on AWS
    #[command(after_help = "\
The least policy for all waves of the file, as JSON that can be pasted into IAM. Nothing is asked of AWS. Where the file \
uses several profiles or roles, each has a policy of its own, and a line on standard error says whose it is.

Examples:
  cachelang iam
  cachelang iam --param target=ecr > policy.json
  cachelang iam > policy.json && aws iam put-role-policy --role-name ci --policy-name cachelang \
--policy-document file://policy.json

Exit codes:
  0 done, 2 the file or the command line is wrong")]
    Iam(load::FileArgs),
    /// Look at caches
    #[command(subcommand)]
    Cache(cache::CacheCommand),

    /// List what a file declares: params with their values, images, waves
    #[command(after_help = "\
Descriptions are the `##` lines above an item.

Examples:
  cachelang list
  cachelang list -f deploy/.cachefile
  cachelang list --format json

Exit codes:
  0 done, 2 the file or the command line is wrong; what could be read is listed even then")]
    List(list::ListArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Progress {
    /// `tty` on a terminal, else `plain`
    Auto,
    /// A live line for each running step
    Tty,
    /// A line for each thing that happened
    Plain,
    /// Only the output of commands, the table and errors
    Quiet,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    ignore_empty_no_color();
    log_to_stderr(cli.verbose);
    let is_run = matches!(cli.command, Command::Run(_));
    let code = match cli.command {
        Command::Run(args) => block_on(run::run(&args)),
        Command::Check(args) => check::check(args),
        Command::Doctor(args) => block_on(doctor::doctor(&args)),
        Command::Explain(args) => explain::explain(&args),
        Command::Fmt(args) => fmt::fmt(&args),
        Command::Iam(args) => iam::iam(args),
        Command::Plan(args) => plan::plan(args),
        Command::List(args) => list::list(args),
        Command::Cache(command) => block_on(cache::cache(command)),
    };
    ExitCode::from(with_lost_output(code, is_run))
}

/// The exit code of a command whose output may not have been written. That of a run says how the pipeline ended.
fn with_lost_output(code: u8, is_run: bool) -> u8 {
    let Some(error) = say::lost_output() else { return code };
    say::say_line(format_args!("error: cannot write to standard output ({error})"));
    if code == 0 && !is_run { FAILED } else { code }
}

fn block_on(command: impl Future<Output = u8>) -> u8 {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say::say_line(format_args!("error: cannot start the runtime ({error})"));
            return FAILED;
        }
    };
    let code = runtime.block_on(command);
    // A build that was given up may still have a file open; there is nothing left to wait for.
    runtime.shutdown_background();
    code
}

/// `NO_COLOR=` is as if it were unset (<https://no-color.org>); the console crate takes it as set.
#[expect(clippy::disallowed_methods, reason = "colours are a setting of the program, not of a plan")]
fn ignore_empty_no_color() {
    let variable = |name| std::env::var_os(name).unwrap_or_default();
    let is_empty = std::env::var_os("NO_COLOR").is_some_and(|value| value.is_empty());
    if is_empty && variable("CLICOLOR") != "0" && variable("TERM") != "dumb" {
        console::set_colors_enabled(console::Term::stdout().is_term() || console::colors_enabled());
        console::set_colors_enabled_stderr(
            console::Term::stderr().is_term() || console::colors_enabled_stderr(),
        );
    }
}

fn log_to_stderr(verbose: u8) {
    let filter = match verbose {
        0 => "off",
        1 => "cachelang=debug",
        _ => "cachelang=trace,tonic=debug,bollard=debug,aws_config=debug",
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(console::colors_enabled_stderr())
        // It would say with `eprintln!` that standard error is gone, and panic.
        .log_internal_errors(false)
        .init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
