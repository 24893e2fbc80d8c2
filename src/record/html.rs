//! A record as one page for a browser: a timeline, tables and errors. It has no script and loads nothing, so that it can be
//! read without a network, wherever it was saved.

mod timeline;

use std::fmt::Write as _;
use std::time::Duration;

use super::form::{bytes_text, seconds_text, time_text};
use super::{ErrorRecord, ImageRecord, RunRecord, State, TaskKind};
use crate::diag::render::printable;

const STYLE: &str = include_str!("html/page.css");

/// The whole page.
pub fn page(record: &RunRecord) -> String {
    let title = format!("{}: {}", record.name, record.outcome.word());
    let mut page = String::new();
    // Nothing can be loaded and no script can run, whatever the names of a pipeline contain.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        escape(&title)
    );
    header(&mut page, record);
    errors(&mut page, &record.errors);
    timeline::timeline(&mut page, record);
    images(&mut page, &record.images);
    slowest(&mut page, record);
    let _ = write!(
        page,
        "</main>\n<footer>Written by cachelang {}.</footer>\n</body>\n</html>\n",
        escape(&record.cachelang)
    );
    page
}

fn header(page: &mut String, record: &RunRecord) {
    let state = record.outcome;
    let _ = write!(
        page,
        "<header>\n<h1>{} <span class=\"state {}\">{}</span></h1>\n<dl>\n",
        escape(&record.name),
        state_class(state),
        state.word()
    );
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(value));
    };
    fact("started", &time_text(record.started));
    fact("took", &seconds_text(record.elapsed));
    fact("sent to registries", &bytes_text(record.bytes_sent()));
    if let Some(saved) = record.saved() {
        fact("saved by caches", &seconds_text(saved));
    }
    page.push_str("</dl>\n</header>\n");
}

fn errors(page: &mut String, errors: &[ErrorRecord]) {
    if errors.is_empty() {
        return;
    }
    page.push_str("<section class=\"errors\" aria-labelledby=\"errors\">\n<h2 id=\"errors\">Errors</h2>\n");
    for error in errors {
        let _ = writeln!(page, "<article>\n<p class=\"message\">{}</p>", escape_lines(&error.message));
        if let Some(place) = &error.place {
            let lines = match (place.first_line, place.last_line) {
                (first, last) if first == last => format!("line {first}"),
                (first, last) => format!("lines {first} to {last}"),
            };
            let _ = writeln!(page, "<p>{}, {lines}</p>", escape(&place.file));
        }
        if !error.output.is_empty() {
            let _ = writeln!(
                page,
                "<p>Its last lines:</p>\n<pre>{}</pre>",
                escape_lines(&error.output.join("\n"))
            );
        }
        if let Some(help) = &error.help {
            let _ = writeln!(page, "<p class=\"help\">{}</p>", escape_lines(help));
        }
        page.push_str("</article>\n");
    }
    page.push_str("</section>\n");
}

fn images(page: &mut String, images: &[ImageRecord]) {
    if images.is_empty() {
        return;
    }
    page.push_str("<section aria-labelledby=\"images\">\n<h2 id=\"images\">Images</h2>\n<div class=\"wide\">\n<table>\n<thead><tr>");
    page.push_str("<th scope=\"col\">image</th>");
    for column in ["cached", "build", "saved", "push", "sent", "copied"] {
        let _ = write!(page, "<th scope=\"col\" class=\"number\">{column}</th>");
    }
    page.push_str("<th scope=\"col\">tags</th><th scope=\"col\">digest</th>");
    page.push_str("</tr></thead>\n<tbody>\n");
    for image in images {
        let _ = write!(page, "<tr><th scope=\"row\">{}</th>", escape(&image.name));
        let unless = |missing: bool, text: String| if missing { "–".to_owned() } else { text };
        let not_pushed = image.pushed.is_empty();
        for number in [
            unless(!image.built, format!("{} of {}", image.cached, image.steps)),
            unless(!image.built, seconds_text(image.build_time)),
            image.saved.map_or_else(|| "–".to_owned(), seconds_text),
            unless(not_pushed, seconds_text(image.push_time)),
            unless(not_pushed, bytes_text(image.bytes_pushed)),
            unless(image.promoted.is_empty(), bytes_text(image.bytes_copied)),
        ] {
            let _ = write!(page, "<td class=\"number\">{number}</td>");
        }
        let tags = image.pushed.iter().chain(&image.promoted).map(|tag| escape(tag)).collect::<Vec<_>>();
        let digest = image.digest.as_deref().unwrap_or("–");
        let _ = writeln!(page, "<td>{}</td><td><code>{}</code></td></tr>", tags.join("<br>"), escape(digest));
    }
    page.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

/// How many of the slowest parts are listed.
const SLOWEST: usize = 10;

fn slowest(page: &mut String, record: &RunRecord) {
    let slowest = record.slowest(SLOWEST);
    if slowest.is_empty() {
        return;
    }
    page.push_str(
        "<section aria-labelledby=\"slowest\">\n<h2 id=\"slowest\">What took longest</h2>\n<div class=\"wide\">\n<table>\n\
         <thead><tr><th scope=\"col\" class=\"number\">time</th><th scope=\"col\">image</th><th scope=\"col\">what</th></tr></thead>\n<tbody>\n",
    );
    for slow in slowest {
        let _ = writeln!(
            page,
            "<tr><td class=\"number\">{}</td><td>{}</td><td>{}</td></tr>",
            seconds_text(slow.elapsed),
            escape(slow.image.unwrap_or("–")),
            escape(slow.name)
        );
    }
    page.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

/// A text in HTML, on one line and without what changes the direction of the text around it.
fn escape(text: &str) -> String {
    escape_signs(&printable(text))
}

/// The same for a text of several lines.
fn escape_lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

fn escape_signs(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

pub(super) fn task_word(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Build => "build",
        TaskKind::Push => "push",
        TaskKind::Copy => "copy",
    }
}

fn state_class(state: State) -> &'static str {
    match state {
        State::Skipped => "skipped",
        State::Running | State::Done => "done",
        State::Failed => "failed",
        State::Cancelled => "cancelled",
    }
}

fn lapse_word(state: State, elapsed: Duration) -> String {
    match state {
        State::Done => seconds_text(elapsed),
        other => format!("{}, {}", other.word(), seconds_text(elapsed)),
    }
}
