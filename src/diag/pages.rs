//! The pages of docs/errors, one for each code. A new page is a file there and a line in [`PAGES`].

use super::Code;

/// The table below from the codes alone: the name of a page is its code.
macro_rules! pages {
    ($($code:literal,)*) => {
        &[$(($code, include_str!(concat!("../../docs/errors/", $code, ".md")))),*]
    };
}

/// Every page with its code, in the order of the codes.
pub const PAGES: &[(&str, &str)] = pages![
    "E0001", "E0002", "E0003", "E0004", "E0005", "E0006", "E0007", "E0008", "E0009", "E0010", "E0011",
    "E0012", "W0013", "E0014", "W0015", "W0016", "E0101", "E0102", "E0103", "E0104", "E0105", "E0106",
    "E0107", "E0108", "E0109", "E0110", "E0111", "E0112", "E0113", "E0114", "E0115", "E0116", "E0201",
    "E0202", "E0203", "E0204", "E0205", "E0206", "E0207", "E0208", "W0209", "W0210", "E0211", "E0301",
    "E0302", "E0303", "E0304", "E0305", "E0306", "E0307", "E0308", "E0309", "E0311", "E0312", "W0313",
    "E0401", "E0402", "E0403", "E0404", "W0405", "W0406", "E0407", "E0408", "E0409", "W0410", "E0411",
    "E0412", "W0413", "W0414", "W0415", "W0416", "W0418", "W0419", "E0420", "E0501", "E0502", "E0503",
    "E0504", "W0505", "E0506", "W0507", "W0508", "W0510", "E0511", "E0601", "E0602", "E0603", "W0604",
];

impl Code {
    /// The page about the code, in Markdown.
    pub fn explanation(self) -> &'static str {
        let page = PAGES.iter().find(|(code, _)| *code == self.as_str());
        // A test fails while a code has no page.
        page.map_or("", |(_, page)| page)
    }

    /// What the code is about, in a few words: the title of its page.
    pub fn title(self) -> &'static str {
        let first = self.explanation().lines().next().unwrap_or_default();
        first.split_once(": ").map_or("", |(_, title)| title)
    }
}
