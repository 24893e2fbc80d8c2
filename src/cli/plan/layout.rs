//! Lines of labels and values, wrapped to a width.

use std::fmt::Write as _;

use crate::diag::render::printable;

/// How text is laid out.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Layout {
    pub(in crate::cli) width: usize,
    pub(in crate::cli) color: bool,
}

impl Layout {
    pub(in crate::cli) fn of_stdout() -> Self {
        let terminal = console::Term::stdout();
        // A log has no width; this is what fits most of them.
        let width = if terminal.features().is_attended() { terminal.size().1.into() } else { 100 };
        Self { width, color: console::colors_enabled() }
    }
}

/// What a text is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Paint {
    Plain,
    /// A heading.
    Bold,
    /// The name of an item.
    Name,
    /// What is beside the point.
    Dim,
    /// What will not be done.
    Skipped,
}

/// A text that grows line by line.
#[derive(Debug)]
pub(in crate::cli) struct Page {
    layout: Layout,
    text: String,
}

impl Page {
    pub(in crate::cli) fn new(layout: Layout) -> Self {
        Self { layout, text: String::new() }
    }

    pub(in crate::cli) fn finish(self) -> String {
        self.text
    }

    /// An empty line, unless the page is empty.
    pub(in crate::cli) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// A line of pieces, at an indentation. It is wrapped at blanks; what follows is indented by `hang` more.
    pub(in crate::cli) fn line(&mut self, indent: usize, hang: usize, pieces: &[(Paint, &str)]) {
        let mut column = indent;
        let mut line = " ".repeat(indent);
        let mut is_start = true;
        for (paint, text) in pieces {
            for (index, word) in printable(text).split(' ').enumerate() {
                let blank = usize::from(index > 0);
                let length = word.chars().count();
                if index > 0 && !is_start && column + blank + length > self.layout.width {
                    let _ = writeln!(self.text, "{}", line.trim_end());
                    column = indent + hang;
                    line = " ".repeat(column);
                } else if blank > 0 {
                    line.push(' ');
                    column += 1;
                }
                line.push_str(&self.painted(*paint, word));
                column += length;
                is_start = false;
            }
        }
        let _ = writeln!(self.text, "{}", line.trim_end());
    }

    /// A label of a fixed width and a value beside it.
    pub(in crate::cli) fn field(&mut self, indent: usize, label: &str, value: &[(Paint, &str)]) {
        const WIDTH: usize = 14;
        let padded = format!("{label:WIDTH$}");
        let pieces: Vec<_> =
            std::iter::once((Paint::Dim, padded.as_str())).chain(value.iter().copied()).collect();
        self.line(indent, WIDTH, &pieces);
    }

    fn painted(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            _ if !self.layout.color || text.is_empty() => return text.to_owned(),
            Paint::Plain => return text.to_owned(),
            Paint::Bold => "1",
            Paint::Name => "36",
            Paint::Dim => "2",
            Paint::Skipped => "33",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{Layout, Page, Paint};

    #[test]
    fn lines_are_wrapped_and_coloured() {
        let mut page = Page::new(Layout { width: 30, color: false });
        page.field(
            2,
            "tags",
            &[(Paint::Plain, "registry.example.com/team/app:latest and more words than fit")],
        );
        page.line(0, 2, &[(Paint::Name, "a\u{1b}[31m\nb"), (Paint::Dim, " is printable")]);
        expect![[r#"
              tags          registry.example.com/team/app:latest
                            and more words
                            than fit
            a\u{1b}[31m\nb is printable
        "#]]
        .assert_eq(&page.finish());
        let mut page = Page::new(Layout { width: 30, color: true });
        page.line(0, 0, &[(Paint::Bold, "waves")]);
        assert_eq!(page.finish(), "\u{1b}[1mwaves\u{1b}[0m\n");
    }
}
