//! Progress as plain lines, for logs.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::HumanBytes;

use super::{RunObserver, prefix, print_output};
use crate::cache::proof::CacheProof;
use crate::cli::ci::Ci;
use crate::cli::say::{say_command, say_line};
use crate::cli::table::seconds;
use crate::host::{BuildProgress, BuildStep, Drift, Event, Observer, StepState};

/// Finding out what a base image is takes less.
const PULL: Duration = Duration::from_millis(500);

/// A line on standard error for each thing that happened, with the image or wave it belongs to.
pub(super) struct Plain {
    ci: Option<Ci>,
    /// The title of the group that the lines are in.
    group: Mutex<Option<String>>,
}

impl Plain {
    /// With groups, if the lines go to the log of a CI service.
    pub(super) fn new(ci: Option<Ci>) -> Self {
        Self { ci, group: Mutex::new(None) }
    }

    fn begin_group(&self, ci: Ci, wave: &str) {
        let title = format!("wave {wave}");
        say_command(&ci.group(&title));
        *self.group() = Some(title);
    }

    fn end_group(&self) {
        if let Some((ci, title)) = self.ci.zip(self.group().take()) {
            say_command(&ci.end_group(&title));
        }
    }

    fn group(&self) -> MutexGuard<'_, Option<String>> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Plain {
    fn observe(&self, event: &Event) {
        if let Event::CommandOutput { place, stream, line } = event {
            return print_output(place, *stream, line);
        }
        match (event, self.ci) {
            (Event::WaveStarted { wave }, Some(ci)) => return self.begin_group(ci, wave),
            (Event::WaveFinished { .. }, Some(_)) => return self.end_group(),
            _ => {}
        }
        if let Some(line) = line(event) {
            say_line(format_args!("{line}"));
        }
    }
}

impl RunObserver for Plain {
    fn finish(&self) {
        self.end_group();
    }
}

/// The words for an event, `None` for those that a log does not need.
pub(super) fn line(event: &Event) -> Option<String> {
    let line = match event {
        Event::WaveStarted { wave } => format!("wave {wave}"),
        Event::WaveSkipped { wave, reason } => format!("wave {wave}: skipped, {reason}"),
        Event::StateNotKept { cause } => {
            format!(
                "warning: the state of the run cannot be kept ({cause}): nothing can go on where this run ends"
            )
        }
        Event::Resumed { steps, images } => resumed(*steps, images),
        Event::StageStarted { stage, .. } => format!("  stage {stage}"),
        Event::StageSkipped { stage, reason, .. } => format!("  stage {stage}: skipped, {reason}"),
        Event::StageFinished { stage, succeeded, elapsed, .. } => {
            format!("  stage {stage}: {} {}", ended_in(*succeeded), seconds(*elapsed))
        }
        Event::RepositoryCreated { repository } => format!("  created repository {repository}"),
        Event::RepositoryDiffers { repository, drift } => differs(repository, drift),
        Event::Approved { place, question } => format!("  {place}: {question} Yes"),
        Event::CommandStarted { place, command } => format!("  {}$ {command}", prefix(place)),
        Event::CommandRetried { place, command, cause, attempt, attempts } => {
            format!("  {}$ {command}: {cause}; again, attempt {attempt} of {attempts}", prefix(place))
        }
        Event::CommandFinished { place, command, succeeded, elapsed } => {
            format!("  {}$ {command}: {} {}", prefix(place), ended_in(*succeeded), seconds(*elapsed))
        }
        // The question is asked where it is answered.
        Event::ApprovalAwaited { .. }
        | Event::WaveFinished { .. }
        | Event::StepStarted { .. }
        | Event::StepFinished { .. }
        | Event::CommandOutput { .. } => return None,
        of_image => return image_line(of_image),
    };
    Some(line)
}

/// The words for what happens to an image.
fn image_line(event: &Event) -> Option<String> {
    let line = match event {
        Event::BuildStarted { image } => format!("  {image}: building"),
        Event::Build { image, progress: BuildProgress::Step(step) } => format!("  {image}: {}", ended(step)?),
        Event::Build { image, progress: BuildProgress::Output { line, .. } } => {
            format!("  {image}: │ {line}")
        }
        Event::Build { image, progress: BuildProgress::Warning(text) } => {
            format!("  {image}: warning: {text}")
        }
        Event::BuildFinished { image, built, elapsed } => {
            let (cached, all) = (built.cached(), built.steps.len());
            format!("  {image}: built in {}, {cached} of {all} steps cached", seconds(*elapsed))
        }
        Event::BuildFailed { image, elapsed } => format!("  {image}: failed after {}", seconds(*elapsed)),
        Event::BuildRetried { image, cause, attempt, attempts } => {
            format!("  {image}: {cause}; building again, attempt {attempt} of {attempts}")
        }
        Event::ImageSkipped { image, reason } => format!("  {image}: skipped, {reason}"),
        Event::PushStarted { image, reference } => format!("  {image}: pushing {reference}"),
        Event::PushFinished { image, reference, bytes, elapsed, .. } => {
            format!("  {image}: pushed {reference} in {}, sent {}", seconds(*elapsed), HumanBytes(*bytes))
        }
        Event::PushFailed { image, reference, elapsed } => {
            format!("  {image}: pushing {reference} failed after {}", seconds(*elapsed))
        }
        Event::PushRetried { image, reference, cause, attempt, attempts } => {
            format!("  {image}: pushing {reference}: {cause}; again, attempt {attempt} of {attempts}")
        }
        Event::TagExists { image, reference, digest } => format!(
            "  {image}: warning: {reference} exists and cannot be moved: this run can only end well if the build gives \
             the same image again, {digest}"
        ),
        Event::TagKept { image, reference, .. } => {
            format!("  {image}: {reference} is there already, with this image")
        }
        Event::CopyStarted { image, repository } => format!("  {image}: copying to {repository}"),
        Event::CopyFinished { image, repository, copied, elapsed } => format!(
            "  {image}: copied to {repository} in {}, sent {}, {} were there",
            seconds(*elapsed),
            HumanBytes(copied.sent),
            HumanBytes(copied.skipped)
        ),
        Event::CopyFailed { image, repository, elapsed } => {
            format!("  {image}: copying to {repository} failed after {}", seconds(*elapsed))
        }
        Event::CacheProven { image, proof } => proven(image, proof),
        Event::Promoted { image, reference, .. } => format!("  {image}: promoted to {reference}"),
        _ => return None,
    };
    Some(line)
}

fn resumed(steps: usize, images: &[String]) -> String {
    let steps = if steps == 1 { "1 step was".to_owned() } else { format!("{steps} steps were") };
    let images = if images.is_empty() { String::new() } else { format!("; pushed: {}", images.join(", ")) };
    format!("going on with the last run: {steps} done already{images}")
}

/// What the next machine finds, and why it does not find the rest.
fn proven(image: &str, proof: &CacheProof) -> String {
    let (found, all) = (proof.found(), proof.steps.len());
    let first = format!("  {image}: the next machine finds {found} of {all} steps in {}", proof.reference);
    let missing = proof.steps.iter().filter_map(|step| {
        let (name, why) = (step_name(&step.name), step.missing.as_ref()?);
        Some(format!("  {image}: warning: it will execute {name}: {why}"))
    });
    [first].into_iter().chain(missing).collect::<Vec<_>>().join("\n")
}

fn ended_in(succeeded: bool) -> &'static str {
    if succeeded { "done in" } else { "failed after" }
}

/// A setting that is not as the file says, as a difference.
fn differs(repository: &str, drift: &Drift) -> String {
    let Drift { setting, found, wanted, mended, is_final, .. } = drift;
    if *mended {
        return format!("  repository {repository}: `{setting}` was {found}, is now {wanted}");
    }
    let remedy = if *is_final {
        "it is decided when a repository is created, and cannot be changed"
    } else {
        "`manage = true` lets cachelang change it"
    };
    format!(
        "  repository {repository}: warning: `{setting}` is {found} in the registry and {wanted} in the file; {remedy}"
    )
}

/// An instruction that has ended; a base image only if getting it took long enough to be a pull.
fn ended(step: &BuildStep) -> Option<String> {
    let base = step.name.contains("] FROM ");
    if (base && step.elapsed < PULL) || (!base && step.again) {
        return None;
    }
    let name = step_name(&step.name);
    match step.state {
        StepState::Cached if step.instruction => Some(format!("{name} cached")),
        StepState::Executed if step.instruction => Some(format!("{name} done in {}", seconds(step.elapsed))),
        StepState::Failed if step.instruction => Some(format!("{name} failed")),
        _ => None,
    }
}

/// The name of a step without the digest that BuildKit adds to the name of a base image.
pub(in crate::cli) fn step_name(name: &str) -> String {
    match name.split_once("@sha256:") {
        Some((before, after)) => {
            format!("{before}{}", after.trim_start_matches(|character: char| character.is_ascii_hexdigit()))
        }
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::step_name;

    #[test]
    fn digests_are_left_out_of_names() {
        assert_eq!(step_name("[1/4] FROM r.io/base:1@sha256:0123abcd"), "[1/4] FROM r.io/base:1");
        assert_eq!(step_name("[2/4] RUN make"), "[2/4] RUN make");
    }
}
