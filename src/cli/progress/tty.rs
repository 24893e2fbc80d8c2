//! Progress on a terminal: what has ended scrolls up, what is running has a live line at the bottom.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use console::style;
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};

use super::{RunObserver, plain, print_output};
use crate::host::{BuildProgress, BuildStep, Event, Observer, OutputStream, Place, StepState};

/// How often spinners turn and elapsed times are drawn.
const TICK: Duration = Duration::from_millis(100);

/// Live lines on standard error.
pub(super) struct Tty {
    bars: MultiProgress,
    /// By what runs: an image and a step of it, an image and a reference, a place and a command.
    running: Mutex<HashMap<(String, String), ProgressBar>>,
}

impl Tty {
    pub(super) fn new() -> Self {
        Self { bars: MultiProgress::new(), running: Mutex::default() }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), ProgressBar>> {
        // Bars stay usable even if a thread panicked while it held them.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, owner: &str, id: &str, text: &str) {
        let mut running = self.running();
        let key = (owner.to_owned(), id.to_owned());
        if running.contains_key(&key) {
            return;
        }
        let template = "  {spinner:.cyan} {prefix:.bold} {elapsed:>4} {wide_msg}";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.bars.add(ProgressBar::new_spinner().with_style(style).with_prefix(owner.to_owned()));
        bar.set_message(text.to_owned());
        bar.enable_steady_tick(TICK);
        running.insert(key, bar);
    }

    fn stop(&self, owner: &str, id: &str) {
        if let Some(bar) = self.running().remove(&(owner.to_owned(), id.to_owned())) {
            bar.finish_and_clear();
        }
    }

    fn message(&self, owner: &str, id: &str, text: String) {
        if let Some(bar) = self.running().get(&(owner.to_owned(), id.to_owned())) {
            bar.set_message(text);
        }
    }

    fn print(&self, line: &str) {
        // Fails only if standard error is gone, and then there is nobody to tell.
        let _ = self.bars.println(line);
    }

    /// Shows a line of a command above the live lines.
    fn output(&self, place: &Place, stream: OutputStream, line: &str) {
        // `suspend` panics if it cannot draw, as on a terminal that was closed.
        if self.bars.clear().is_ok() {
            self.bars.suspend(|| print_output(place, stream, line));
        } else {
            print_output(place, stream, line);
        }
    }

    fn build(&self, image: &str, progress: &BuildProgress) {
        match progress {
            BuildProgress::Step(step) => self.build_step(image, step),
            BuildProgress::Output { step, line } => {
                let line = console::strip_ansi_codes(line);
                self.append(image, step, line.trim());
            }
            BuildProgress::Warning(_) => {}
        }
    }

    fn build_step(&self, image: &str, step: &BuildStep) {
        match step.state {
            StepState::Running => self.start(image, &step.id, &plain::step_name(&step.name)),
            StepState::Waiting => {}
            StepState::Cached | StepState::Executed | StepState::Failed => self.stop(image, &step.id),
        }
    }

    /// Shows a step's last line of output behind its name, which gives way to it.
    fn append(&self, owner: &str, id: &str, line: &str) {
        if let Some(bar) = self.running().get(&(owner.to_owned(), id.to_owned())) {
            let message = bar.message();
            let name = message.split(" │ ").next().unwrap_or_default();
            let half = usize::from(console::Term::stderr().size().1) / 2;
            bar.set_message(format!("{} │ {line}", console::truncate_str(name, half, "…")));
        }
    }
}

impl Observer for Tty {
    fn observe(&self, event: &Event) {
        match event {
            Event::CommandOutput { place, stream, line } => self.output(place, *stream, line),
            Event::Build { image, progress } => self.build(image, progress),
            Event::PushStarted { image, reference } => {
                self.start(image, reference, &format!("pushing {reference}"))
            }
            Event::Push { image, reference, progress } => {
                let (sent, total) = (HumanBytes(progress.sent), HumanBytes(progress.total));
                self.message(image, reference, format!("pushing {reference} │ {sent} of {total}"));
            }
            Event::PushFinished { image, reference, .. } | Event::PushFailed { image, reference, .. } => {
                self.stop(image, reference);
            }
            Event::CopyStarted { image, repository } => {
                self.start(image, repository, &format!("copying to {repository}"));
            }
            Event::Copy { image, repository, progress } => {
                let (sent, total) = (HumanBytes(progress.sent), HumanBytes(progress.total));
                self.message(image, repository, format!("copying to {repository} │ {sent} of {total}"));
            }
            Event::CopyFinished { image, repository, .. } | Event::CopyFailed { image, repository, .. } => {
                self.stop(image, repository);
            }
            Event::CommandStarted { place, command } => self.start(&place.to_string(), command, command),
            Event::CommandFinished { place, command, .. } => self.stop(&place.to_string(), command),
            _ => {}
        }
        if let Some(line) = lasting(event) {
            self.print(&line);
        }
    }
}

impl RunObserver for Tty {
    fn finish(&self) {
        for (_, bar) in self.running().drain() {
            bar.finish_and_clear();
        }
    }
}

/// What stays on the screen.
fn lasting(event: &Event) -> Option<String> {
    match event {
        Event::WaveStarted { .. } | Event::WaveSkipped { .. } => {
            plain::line(event).map(|line| style(line).for_stderr().bold().to_string())
        }
        // Their output is seen in the live line, and again with the error if they fail.
        Event::Build { progress: BuildProgress::Output { .. }, .. } => None,
        Event::Build { progress: BuildProgress::Step(step), .. } if step.state == StepState::Cached => {
            plain::line(event).map(|line| style(line).for_stderr().green().to_string())
        }
        Event::BuildStarted { .. }
        | Event::PushStarted { .. }
        | Event::CopyStarted { .. }
        | Event::CommandStarted { .. }
        | Event::StageStarted { .. } => None,
        _ => plain::line(event),
    }
}
