//! The tables at the end of a run.

use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::HumanBytes;

use super::progress::step_name;
use crate::record::{ImageRecord, RunRecord, State};

/// How many of the slowest parts are listed, and how slow they have to be.
const SLOWEST: usize = 5;
const SLOW: Duration = Duration::from_secs(1);

/// A line for each image that was built, `None` if none was.
pub(super) fn images(record: &RunRecord) -> Option<String> {
    let built: Vec<_> = record.images.iter().filter(|image| image.built).collect();
    if built.is_empty() {
        return None;
    }
    let with_saved = built.iter().any(|image| image.saved.is_some());
    let mut columns = vec!["image", "cached", "build", "saved", "push", "sent", "digest"];
    columns.retain(|column| with_saved || *column != "saved");
    let mut table = table(&columns);
    for image in built {
        table.add_row(columns.iter().map(|column| cell(image, column)).collect::<Vec<_>>());
    }
    Some(lines(&table))
}

fn cell(image: &ImageRecord, column: &str) -> String {
    let unless = |missing: bool, text: String| if missing { "–".to_owned() } else { text };
    let not_pushed = image.pushed.is_empty();
    match column {
        "image" => image.name.clone(),
        "cached" => format!("{} of {}", image.cached, image.steps),
        "build" => seconds(image.build_time),
        "saved" => image.saved.map_or_else(|| "–".to_owned(), seconds),
        "push" => unless(not_pushed, seconds(image.push_time)),
        "sent" => unless(not_pushed, HumanBytes(image.bytes_pushed).to_string()),
        _ => unless(not_pushed, image.digest.clone().unwrap_or_default()),
    }
}

/// A line for each wave, `None` if none was started.
pub(super) fn waves(record: &RunRecord) -> Option<String> {
    record.waves.iter().find(|wave| wave.lapse.is_some())?;
    let mut table = table(&["wave", "ended", "time"]);
    for wave in &record.waves {
        let ended = match wave.state {
            State::Done => "done",
            State::Failed => "failed",
            State::Skipped => "skipped",
            State::Cancelled | State::Running => "interrupted",
        };
        let time = wave.lapse.map_or_else(|| "–".to_owned(), |lapse| seconds(lapse.elapsed));
        table.add_row([wave.name.as_str(), ended, time.as_str()]);
    }
    Some(lines(&table))
}

/// What took longest, longest first; `None` if all was quick.
pub(super) fn slowest(record: &RunRecord) -> Option<String> {
    let slowest = record.slowest(SLOWEST);
    let slow: Vec<_> = slowest.iter().filter(|slow| slow.elapsed >= SLOW).collect();
    slow.first()?;
    let mut table = table(&["time", "what took longest"]);
    for slow in slow {
        let image = slow.image.map(|image| format!("{image}: ")).unwrap_or_default();
        table.add_row([seconds(slow.elapsed), format!("{image}{}", step_name(slow.name))]);
    }
    Some(lines(&table))
}

/// What was sent, and what caches have saved as far as that is known; `None` if nothing was.
pub(super) fn sums(record: &RunRecord) -> Option<String> {
    let sent = Some(record.bytes_sent()).filter(|bytes| *bytes > 0);
    let sent = sent.map(|bytes| format!("{} sent to registries", HumanBytes(bytes)));
    let saved = record.saved().map(|saved| format!("{} saved by caches", seconds(saved)));
    let sums: Vec<_> = sent.into_iter().chain(saved).collect();
    (!sums.is_empty()).then(|| sums.join(", "))
}

/// Columns of numbers stand to the right.
const NUMBERS: [&str; 6] = ["cached", "build", "saved", "push", "sent", "time"];

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for (column, name) in table.column_iter_mut().zip(header) {
        column.set_padding((0, 2));
        if NUMBERS.contains(name) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn lines(table: &Table) -> String {
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// `0.4 s`, `93.0 s`
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
