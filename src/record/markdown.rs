//! A record as Markdown: what a CI service shows beside a job.

use std::fmt::Write as _;

use super::RunRecord;
use super::form::{bytes_text, seconds_text};
use crate::diag::render::printable;

/// How many of the slowest parts are listed.
const SLOWEST: usize = 5;
/// How many lines of output a failure shows.
const OUTPUT: usize = 20;

/// A summary: how the run ended, its errors, and tables of images, waves and what took longest.
pub fn summary(record: &RunRecord) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "## cachelang: {} {} in {}\n",
        cell(&record.name),
        record.outcome.word(),
        seconds_text(record.elapsed)
    );
    errors(&mut text, record);
    images(&mut text, record);
    waves(&mut text, record);
    slowest(&mut text, record);
    let saved = record.saved().map(|saved| format!(", {} saved by caches", seconds_text(saved)));
    let _ =
        writeln!(text, "{} sent to registries{}", bytes_text(record.bytes_sent()), saved.unwrap_or_default());
    text
}

fn errors(text: &mut String, record: &RunRecord) {
    for error in &record.errors {
        let _ = writeln!(text, "> **error:** {}", cell(&error.message));
        if let Some(help) = &error.help {
            let _ = writeln!(text, ">\n> help: {}", cell(help));
        }
        text.push('\n');
        if !error.output.is_empty() {
            let from = error.output.len().saturating_sub(OUTPUT);
            // Each line is indented: no text of a build can end such a block.
            for line in error.output.iter().skip(from) {
                let _ = writeln!(text, "    {}", printable(line));
            }
            text.push('\n');
        }
    }
}

fn images(text: &mut String, record: &RunRecord) {
    let built: Vec<_> = record.images.iter().filter(|image| image.built).collect();
    if built.is_empty() {
        return;
    }
    text.push_str(
        "| image | cached | build | saved | push | sent | digest |\n|---|--:|--:|--:|--:|--:|---|\n",
    );
    for image in built {
        let saved = image.saved.map_or_else(|| "–".to_owned(), seconds_text);
        let digest = image.digest.as_deref().map_or_else(|| "–".to_owned(), cell);
        let _ = writeln!(
            text,
            "| {} | {} of {} | {} | {saved} | {} | {} | {digest} |",
            cell(&image.name),
            image.cached,
            image.steps,
            seconds_text(image.build_time),
            seconds_text(image.push_time),
            bytes_text(image.bytes_pushed),
        );
    }
    text.push('\n');
}

fn waves(text: &mut String, record: &RunRecord) {
    if record.waves.is_empty() {
        return;
    }
    text.push_str("| wave | ended | time |\n|---|---|--:|\n");
    for wave in &record.waves {
        let time = wave.lapse.map_or_else(|| "–".to_owned(), |lapse| seconds_text(lapse.elapsed));
        let reason = wave.reason.as_deref().map(|reason| format!(": {}", cell(reason))).unwrap_or_default();
        let _ = writeln!(text, "| {} | {}{reason} | {time} |", cell(&wave.name), wave.state.word());
    }
    text.push('\n');
}

fn slowest(text: &mut String, record: &RunRecord) {
    let slowest = record.slowest(SLOWEST);
    if slowest.is_empty() {
        return;
    }
    text.push_str("| what took longest | image | time |\n|---|---|--:|\n");
    for slow in slowest {
        let image = slow.image.map_or_else(|| "–".to_owned(), cell);
        let _ = writeln!(text, "| {} | {image} | {} |", cell(slow.name), seconds_text(slow.elapsed));
    }
    text.push('\n');
}

/// A text on one line that is no Markdown and no HTML, whatever it contains.
fn cell(text: &str) -> String {
    let text = text.lines().collect::<Vec<_>>().join(" ");
    let mut escaped = String::with_capacity(text.len());
    for character in printable(&text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // Mentions and references to issues notify people.
            '@' => escaped.push_str("&#64;"),
            '#' => escaped.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            other => escaped.push(other),
        }
    }
    escaped
}
