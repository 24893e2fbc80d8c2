//! A plan as a graph for Graphviz: waves as clusters, their blocks in order, images with what they need.

use std::fmt::Write as _;

use super::words;
use crate::diag::render::printable;
use crate::plan::{Plan, Program, Step, Wave, WaveBody};

/// A block of a wave.
struct Node {
    id: String,
    label: String,
    runs: bool,
    /// The images that it pushes or builds.
    images: Vec<usize>,
    after: Vec<usize>,
}

pub(super) fn graph(plan: &Plan, name: &str) -> String {
    let mut dot = String::new();
    let _ = writeln!(dot, "digraph {} {{", quoted(name));
    dot.push_str("  rankdir=LR;\n  compound=true;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (index, image) in plan.images.iter().enumerate() {
        let mut label = vec![image.name.clone()];
        label.extend(image.tags.iter().map(|pushed| plan.reference(&pushed.tag)));
        let style = if image.when { "rounded" } else { "rounded,dashed" };
        let _ =
            writeln!(dot, "  image{index} [label={}, style={}];", quoted(&label.join("\n")), quoted(style));
    }
    for (index, image) in plan.images.iter().enumerate() {
        for needed in &image.needs {
            let _ = writeln!(dot, "  image{} -> image{index} [label=\"needed by\"];", needed.0);
        }
    }
    let mut last: Option<(String, usize)> = None;
    for (index, wave) in plan.waves.iter().enumerate() {
        let nodes = nodes(plan, index, wave);
        let _ = writeln!(dot, "  subgraph cluster{index} {{");
        let style = if wave.when { "solid" } else { "dashed" };
        let _ = writeln!(dot, "    label={};\n    style={style};", quoted(&wave.name));
        for node in &nodes {
            let style = if node.runs { "solid" } else { "dashed" };
            let _ = writeln!(dot, "    {} [label={}, style={style}];", node.id, quoted(&node.label));
        }
        dot.push_str("  }\n");
        for node in &nodes {
            for before in node.after.iter().filter_map(|before| nodes.get(*before)) {
                let _ = writeln!(dot, "  {} -> {};", before.id, node.id);
            }
            for image in &node.images {
                let _ = writeln!(dot, "  image{image} -> {} [style=dotted, arrowhead=none];", node.id);
            }
        }
        if let Some(first) = nodes.first() {
            if let Some((before, cluster)) = &last {
                let _ = writeln!(
                    dot,
                    "  {before} -> {} [ltail=cluster{cluster}, lhead=cluster{index}];",
                    first.id
                );
            }
            last = nodes.last().map(|last| (last.id.clone(), index));
        }
    }
    dot.push_str("}\n");
    dot
}

/// The blocks of a wave in order; `after` are indices into them.
fn nodes(plan: &Plan, index: usize, wave: &Wave) -> Vec<Node> {
    let node = |name: &str, title: Option<&str>, steps: &[Step], runs: bool, after: Vec<usize>| {
        let lines = title.map(str::to_owned).into_iter().chain(steps.iter().map(|step| line(plan, step)));
        let images = steps.iter().flat_map(|step| match step {
            Step::Build { images } | Step::Push { images } => images.as_slice(),
            _ => &[],
        });
        Node {
            id: format!("wave{index}_{name}"),
            label: lines.collect::<Vec<_>>().join("\n"),
            runs,
            images: images.map(|id| id.0).collect(),
            after,
        }
    };
    match &wave.body {
        WaveBody::Steps { steps } => vec![node("steps", None, steps, wave.when, Vec::new())],
        WaveBody::Stages { pre, stages, post } => {
            let mut nodes = Vec::new();
            if !pre.is_empty() {
                nodes.push(node("pre", Some("pre"), pre, wave.when, Vec::new()));
            }
            let first = nodes.len();
            for (index, stage) in stages.iter().enumerate() {
                let after = match stage.after.as_slice() {
                    [] => (0..first).collect(),
                    after => after.iter().map(|before| first + before).collect(),
                };
                nodes.push(node(
                    &format!("stage{index}"),
                    Some(&stage.name),
                    &stage.steps,
                    stage.runs,
                    after,
                ));
            }
            if !post.is_empty() {
                // Behind the stages that no other waits for.
                let waited: std::collections::HashSet<usize> =
                    nodes.iter().flat_map(|node| node.after.iter().copied()).collect();
                let ends = (0..nodes.len()).filter(|index| !waited.contains(index)).collect();
                nodes.push(node("post", Some("post"), post, wave.when, ends));
            }
            nodes
        }
    }
}

/// A step on one line.
fn line(plan: &Plan, step: &Step) -> String {
    const LONGEST: usize = 60;
    let names = |images: &[crate::plan::ImageId]| {
        images.iter().map(|id| plan.image(*id).name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let line = match step {
        Step::Build { images } => format!("build {}", names(images)),
        Step::Push { images } => format!("push {}", names(images)),
        Step::Promote { image, to } => {
            let tags: Vec<_> = to.iter().map(|to| plan.reference(&to.tag)).collect();
            format!("promote {} to {}", plan.image(*image).name, tags.join(", "))
        }
        Step::Approve { question } => format!("approve {}", words::text(plan, question)),
        Step::Command(command) => match &command.program {
            Program::Run(words) => {
                format!(
                    "run {}",
                    words.iter().map(|word| words::word(plan, word)).collect::<Vec<_>>().join(" ")
                )
            }
            Program::Sh(pieces) => format!("sh {}", words::script(plan, pieces)),
        },
    };
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(LONGEST).collect();
    if short.len() < line.len() { short + "…" } else { line }
}

/// A string of the language DOT. A newline is written `\l`, which ends a line that is aligned to the left; a backslash is
/// doubled, because labels have escapes of their own.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for line in text.split('\n') {
        for character in printable(line).chars() {
            match character {
                '"' => quoted.push_str("\\\""),
                '\\' => quoted.push_str("\\\\"),
                other => quoted.push(other),
            }
        }
        if text.contains('\n') {
            quoted.push_str("\\l");
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn hostile_names_stay_strings() {
        assert_eq!(quoted("a\"b\\"), r#""a\"b\\""#);
        assert_eq!(quoted("one\ntwo"), r#""one\ltwo\l""#);
        assert_eq!(quoted("\u{1b}[0m"), r#""\\u{1b}[0m""#);
    }
}
