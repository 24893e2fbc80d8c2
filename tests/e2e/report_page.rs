//! The page of a report in a browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use cachelang::record::{RunRecord, html};

/// A record with names that try to be HTML.
const EVERYTHING: &str = include_str!("../suite/record/everything.json");

/// The page in a file of its own, in a folder that stays, so that a person can look at it.
fn page() -> PathBuf {
    let record: RunRecord = serde_json::from_str(EVERYTHING).expect("the record has the documented form");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-page");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let path = folder.join("report.html");
    std::fs::write(&path, html::page(&record)).expect("the page can be written");
    path
}

/// What Chromium prints when it opens a page. It reaches no host.
fn chromium(page: &Path, arguments: &[&str]) -> String {
    let profile = tempfile::tempdir().expect("a temporary folder can be made");
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium is installed: `tests/run` does so");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Width and height of a picture, as its header says.
fn size(picture: &Path) -> (u32, u32) {
    let bytes = std::fs::read(picture).expect("the picture was written");
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "it is a PNG");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    (number(16), number(20))
}

#[test]
fn a_browser_shows_the_page_and_no_name_becomes_an_element() {
    let page = page();
    let dom = chromium(&page, &["--dump-dom"]);
    for (tag, count) in [("<script", 0), ("<img", 0), ("<h1", 1), ("<table", 2), ("<details", 14)] {
        assert_eq!(dom.matches(tag).count(), count, "{tag} in {dom}");
    }
    assert!(dom.contains("RUN make ARG=&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"), "{dom}");
    for (name, scheme) in [("light", "1"), ("dark", "0")] {
        let picture = page.with_file_name(format!("{name}.png"));
        let to = format!("--screenshot={}", picture.display());
        let scheme = format!("--blink-settings=preferredColorScheme={scheme}");
        chromium(&page, &[&to, &scheme, "--window-size=1280,1800"]);
        assert_eq!(size(&picture), (1280, 1800));
    }
}
