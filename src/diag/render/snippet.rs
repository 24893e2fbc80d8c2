//! Lines of source with labels under them, drawn by miette.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::window::Window;
use super::{Style, printable};
use crate::diag::{Label, Severity};
use crate::source::{SourceFile, SourceMap};

/// Draws one snippet; all labels are in one file, the first is the one its header names.
pub(super) fn draw(
    output: &mut String,
    sources: &SourceMap,
    labels: &[&Label],
    severity: Severity,
    style: Style,
) {
    let Some(first) = labels.first() else { return };
    let file = sources.file(first.span.file);
    let window = Window::new(file, labels);
    let shown = labels.iter().enumerate().map(|(index, label)| {
        let range = window.translate(label.span.range());
        let span = SourceSpan::from((range.start, range.len()));
        let text = Some(printable(&label.text).into_owned());
        if index == 0 {
            LabeledSpan::new_primary_with_span(text, span)
        } else {
            LabeledSpan::new_with_span(text, span)
        }
    });
    let labels = shown.collect();
    let report = Report { source: Source { file, window }, labels, severity };
    let mut drawn = String::new();
    if handler(style).render_report(&mut drawn, &report).is_err() {
        return;
    }
    // The headline is printed once, above all snippets; miette's line for it is dropped.
    let start = drawn.find(['╭', ',']).and_then(|at| drawn.get(..at)?.rfind('\n'));
    let snippet = start.and_then(|newline| drawn.get(newline + 1..)).unwrap_or(&drawn);
    for line in snippet.trim_end().lines() {
        output.push_str(line.trim_end());
        output.push('\n');
    }
}

fn handler(style: Style) -> GraphicalReportHandler {
    let theme = GraphicalTheme {
        characters: if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() },
        styles: if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    GraphicalReportHandler::new_themed(theme)
        .with_width(style.width)
        .with_links(false)
        .with_context_lines(1)
        .tab_width(4)
        .without_syntax_highlighting()
}

#[derive(Debug)]
struct Report<'a> {
    source: Source<'a>,
    labels: Vec<LabeledSpan>,
    severity: Severity,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

/// Lines of a file with their numbers in it, and columns counted in characters; miette counts bytes.
#[derive(Debug)]
struct Source<'a> {
    file: &'a SourceFile,
    window: Window,
}

impl SourceCode for Source<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let text = &self.window.text;
        let contents = text.read_span(span, before, after)?;
        let read = text.get(..contents.span().offset()).unwrap_or_default();
        let column = read.rsplit('\n').next().map_or(0, |line| line.chars().count());
        Ok(Box::new(MietteSpanContents::new_named(
            printable(self.file.name()).into_owned(),
            contents.data(),
            *contents.span(),
            self.window.first_line + contents.line(),
            column,
            self.window.first_line + contents.line_count(),
        )))
    }
}
