//! `cachelang run --dry-run`: the plan, and what the registries have of it.

use std::fmt::Write as _;

use crate::cli::plan::Layout;
use crate::cli::plan::human;
use crate::cli::say::print;
use crate::plan::Plan;
use crate::registry::Registries;
use crate::run::{ImagePreview, TagPreview, preview};

/// Shows what a run would do and returns the exit code. Registries are read; engines are not asked.
pub(super) async fn show(plan: &Plan, name: &str) -> u8 {
    print(&human::plan(&plan.portable(), name, Layout::of_stdout()));
    let images = preview(plan, &Registries::new()).await;
    if !images.is_empty() {
        print(&text(&images));
    }
    0
}

fn text(images: &[ImagePreview]) -> String {
    let mut text = "\nin the registries now\n".to_owned();
    for image in images {
        let what = |text: &mut String, kind: &str, tags: &[TagPreview]| {
            for tag in tags {
                // A text takes every line.
                let _ = writeln!(text, "  {}: {kind} {} {}", image.name, tag.reference, state(tag));
            }
        };
        what(&mut text, "tag", &image.tags);
        what(&mut text, "cache", &image.caches);
    }
    text
}

fn state(tag: &TagPreview) -> String {
    match &tag.digest {
        Ok(Some(digest)) => format!("is {digest}"),
        Ok(None) => "does not exist".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    }
}
