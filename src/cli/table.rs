//! The table at the end of a run.

use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::HumanBytes;

use crate::run::{ImageReport, Report};

/// A line for each image that was built, `None` if none was.
pub(super) fn images(report: &Report) -> Option<String> {
    let built: Vec<_> = report.images.iter().filter(|image| image.built.is_some()).collect();
    if built.is_empty() {
        return None;
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["image", "cached", "build", "push", "sent", "digest"]);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if (1..=4).contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.add_rows(built.into_iter().map(row));
    let lines = table.to_string();
    Some(lines.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
}

fn row(image: &ImageReport) -> [String; 6] {
    let steps = image.built.as_ref();
    let cached =
        steps.map_or_else(String::new, |built| format!("{} of {}", built.cached(), built.steps.len()));
    let pushed = !image.pushed.is_empty();
    let if_pushed = |text: String| if pushed { text } else { "–".to_owned() };
    [
        image.name.clone(),
        cached,
        seconds(image.build_time),
        if_pushed(seconds(image.push_time)),
        if_pushed(HumanBytes(image.bytes_pushed).to_string()),
        if_pushed(image.digest.clone().unwrap_or_default()),
    ]
}

/// `0.4 s`, `93.0 s`
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
