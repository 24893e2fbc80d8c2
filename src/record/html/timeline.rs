//! The timeline of the page: a row for each wave, stage, step, task and step of a build, with a bar for its time.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use super::{escape, lapse_word, state_class, task_word};
use crate::record::form::seconds_text;
use crate::record::{
    BuildStepRecord, BuildStepState, Lapse, RunRecord, StageRecord, State, StepRecord, TaskKind, TaskRecord,
    WaveRecord,
};

/// With more rows than this, the steps of builds are folded away at first.
const UNFOLDED: usize = 80;

pub(super) fn timeline(page: &mut String, record: &RunRecord) {
    page.push_str(
        "<section class=\"timeline\" aria-labelledby=\"timeline\">\n<h2 id=\"timeline\">Timeline</h2>\n",
    );
    legend(page);
    let tasks = record.waves.iter().flat_map(|wave| &wave.stages).flat_map(|stage| &stage.steps);
    let rows: usize = tasks.flat_map(|step| &step.tasks).map(|task| task.steps.len()).sum();
    let mut timeline =
        Timeline { page, started: record.started, whole: record.elapsed, unfolded: rows <= UNFOLDED };
    timeline.scale();
    for wave in &record.waves {
        timeline.wave(wave);
    }
    page.push_str("</section>\n");
}

/// What the colours mean. The rows say it in words too.
fn legend(page: &mut String) {
    page.push_str("<p class=\"legend\" aria-hidden=\"true\">");
    for (class, word) in [
        ("group", "wave, stage, step"),
        ("cached", "cached"),
        ("executed", "executed"),
        ("pushed", "pushed or copied"),
        ("failed", "failed"),
        ("cancelled", "interrupted"),
    ] {
        let _ = write!(page, "<span><i class=\"bar {class}\"></i>{word}</span> ");
    }
    page.push_str("</p>\n");
}

struct Timeline<'a> {
    page: &'a mut String,
    started: SystemTime,
    whole: Duration,
    unfolded: bool,
}

/// What one row says.
struct Row<'a> {
    /// How far it is moved to the right.
    depth: usize,
    /// What it is: `wave`, `push`, …
    kind: &'a str,
    name: &'a str,
    /// How it ended, in words.
    ended: String,
    /// The kind of its bar.
    class: &'a str,
    lapse: Option<Lapse>,
}

impl Timeline<'_> {
    /// The times that stand above the bars.
    fn scale(&mut self) {
        self.page.push_str("<div class=\"row scale\" aria-hidden=\"true\"><span></span><span>started</span><span>took</span><span class=\"ticks\">");
        for quarter in 0..=4_u32 {
            let _ = write!(self.page, "<i>{}</i>", seconds_text(self.whole * quarter / 4));
        }
        self.page.push_str("</span></div>\n");
    }

    fn wave(&mut self, wave: &WaveRecord) {
        let ended = ended(wave.state, wave.lapse.as_ref(), wave.reason.as_deref());
        let class = if wave.state == State::Done { "group" } else { state_class(wave.state) };
        let row = Row { depth: 0, kind: "wave", name: &wave.name, ended, class, lapse: wave.lapse };
        self.group(&row, !wave.stages.is_empty(), |timeline| {
            wave.stages.iter().for_each(|stage| timeline.stage(stage));
        });
    }

    fn stage(&mut self, stage: &StageRecord) {
        let Some(name) = &stage.name else {
            return stage.steps.iter().for_each(|step| self.step(step, 1));
        };
        let ended = ended(stage.state, stage.lapse.as_ref(), stage.reason.as_deref());
        let class = if stage.state == State::Done { "group" } else { state_class(stage.state) };
        let kind = if matches!(name.as_str(), "pre" | "post") { "" } else { "stage" };
        let row = Row { depth: 1, kind, name, ended, class, lapse: stage.lapse };
        self.group(&row, !stage.steps.is_empty(), |timeline| {
            stage.steps.iter().for_each(|step| timeline.step(step, 2));
        });
    }

    fn step(&mut self, step: &StepRecord, depth: usize) {
        let mut ended = ended(step.state, step.lapse.as_ref(), None);
        if step.attempts > 1 {
            let _ = write!(ended, ", {} attempts", step.attempts);
        }
        let class = match step.state {
            State::Done if step.tasks.is_empty() => "executed",
            State::Done => "group",
            other => state_class(other),
        };
        let row = Row { depth, kind: "", name: &step.text, ended, class, lapse: step.lapse };
        self.group(&row, !step.tasks.is_empty(), |timeline| {
            step.tasks.iter().for_each(|task| timeline.task(task, depth + 1));
        });
    }

    fn task(&mut self, task: &TaskRecord, depth: usize) {
        let mut ended = lapse_word(task.state, task.lapse.elapsed);
        if task.attempts > 1 {
            let _ = write!(ended, ", {} attempts", task.attempts);
        }
        let target = task.target.as_deref().unwrap_or_default();
        let (name, class) = match task.kind {
            TaskKind::Build => (task.image.clone(), "group"),
            TaskKind::Push => (target.to_owned(), "pushed"),
            TaskKind::Copy => (format!("{} to {target}", task.image), "pushed"),
        };
        let kind = task_word(task.kind);
        let class = if task.state == State::Done { class } else { state_class(task.state) };
        let row = Row { depth, kind, name: &name, ended, class, lapse: Some(task.lapse) };
        if task.steps.is_empty() {
            return self.row(&row);
        }
        let open = if self.unfolded || task.state == State::Failed { " open" } else { "" };
        let _ = write!(self.page, "<details{open}><summary>");
        self.row(&row);
        self.page.push_str("</summary>\n");
        task.steps.iter().for_each(|step| self.build_step(step, depth + 1));
        self.page.push_str("</details>\n");
    }

    fn build_step(&mut self, step: &BuildStepRecord, depth: usize) {
        let elapsed = seconds_text(step.lapse.elapsed);
        let (class, ended) = match step.state {
            BuildStepState::Cached => ("cached", "cached".to_owned()),
            BuildStepState::Executed if step.instruction => ("executed", elapsed),
            BuildStepState::Executed => ("around", elapsed),
            BuildStepState::Failed => ("failed", format!("failed, {elapsed}")),
            BuildStepState::Cancelled => ("cancelled", format!("interrupted, {elapsed}")),
        };
        self.row(&Row { depth, kind: "", name: &step.name, ended, class, lapse: Some(step.lapse) });
    }

    /// A row with others below it, which can be folded away.
    fn group(&mut self, row: &Row<'_>, has_rows: bool, rows: impl FnOnce(&mut Self)) {
        if !has_rows {
            return self.row(row);
        }
        self.page.push_str("<details open><summary>");
        self.row(row);
        self.page.push_str("</summary>\n");
        rows(self);
        self.page.push_str("</details>\n");
    }

    fn row(&mut self, row: &Row<'_>) {
        let _ =
            write!(self.page, "<span class=\"row\"><span class=\"name\" style=\"--depth:{}\">", row.depth);
        if !row.kind.is_empty() {
            let _ = write!(self.page, "<b>{}</b> ", row.kind);
        }
        let began = match &row.lapse {
            Some(lapse) => seconds_text(self.since_start(lapse.started)),
            None => String::new(),
        };
        let _ = write!(
            self.page,
            "{}</span><span class=\"number\">{began}</span><span class=\"number\">{}</span><span class=\"track\" aria-hidden=\"true\">",
            escape(row.name),
            escape(&row.ended)
        );
        if let Some(lapse) = &row.lapse {
            let left = self.percent(self.since_start(lapse.started));
            let width = self.percent(lapse.elapsed).min(100.0 - left);
            let _ = write!(
                self.page,
                "<i class=\"bar {}\" style=\"left:{left:.2}%;width:{width:.2}%\"></i>",
                row.class
            );
        }
        self.page.push_str("</span></span>\n");
    }

    fn since_start(&self, time: SystemTime) -> Duration {
        time.duration_since(self.started).unwrap_or_default()
    }

    fn percent(&self, part: Duration) -> f64 {
        let whole = self.whole.as_secs_f64().max(0.001);
        (part.as_secs_f64() / whole * 100.0).clamp(0.0, 100.0)
    }
}

/// How a wave, a stage or a step ended.
fn ended(state: State, lapse: Option<&Lapse>, reason: Option<&str>) -> String {
    match (lapse, reason) {
        (Some(lapse), _) => lapse_word(state, lapse.elapsed),
        (None, Some(reason)) => format!("{}: {reason}", state.word()),
        (None, None) => state.word().to_owned(),
    }
}
