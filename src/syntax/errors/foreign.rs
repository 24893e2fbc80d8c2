//! E0108: attributes as other tools call them.

use crate::diag::{Code, Diagnostic};
use crate::source::Span;

/// `cache-from` and other names that only other tools have.
pub(in crate::syntax) fn dashed_attribute(name: &str, span: Span) -> Diagnostic {
    let help = match name {
        "build-arg" | "build-args" => Some("write `args`"),
        "cache-from" => Some("use a `cache { from = […] }` block"),
        "cache-to" => Some("use a `cache { to = […] }` block"),
        "dockerfile-inline" => Some("write `dockerfile_inline`"),
        "no-cache" => Some("write `no_cache`"),
        "no-cache-filter" => Some("write `no_cache_stages`"),
        "extra-hosts" => Some("write `extra_hosts`"),
        "shm-size" => Some("write `shm_size`"),
        "working-directory" => Some("write `dir`"),
        "timeout-minutes" => Some("write `timeout = …` with a unit, such as `20m`"),
        _ => None,
    };
    let meant = match help {
        Some(help) => {
            let name = help.strip_prefix("write `").and_then(|name| name.strip_suffix('`'));
            name.map(str::to_owned)
        }
        None => Some(name.replace('-', "_")),
    };
    let label = match help {
        Some(_) if name.starts_with("build-arg") => "this is an option of `docker build`",
        Some(_) if name.contains("cache") => "names use `_`, and this is `docker-bake` syntax",
        Some(_) => "a name of other tools",
        None => "names use `_`",
    };
    Diagnostic::new(Code::NotAnAttributeName, format!("`{name}` is not an attribute name"), span, label)
        .with_edit_if(span, meant)
        .with_help(help.map_or_else(|| format!("write `{}`", name.replace('-', "_")), str::to_owned))
}

/// Attributes of other tools that are something else here; `place` is the word of the block.
pub(in crate::syntax) fn foreign_attribute(name: &str, place: &str, span: Span) -> Option<Diagnostic> {
    let help = match place {
        "image" | "template" => foreign_in_image(name),
        "wave" | "stage" => foreign_in_wave(name, place),
        _ => None,
    }?;
    let diagnostic = Diagnostic::new(
        Code::NotAnAttributeName,
        format!("`{name}` is not an attribute name"),
        span,
        if name == "after" { "not inside the block" } else { "a name of other tools" },
    );
    Some(diagnostic.with_help(help))
}

fn foreign_in_image(name: &str) -> Option<&'static str> {
    Some(match name {
        "attests" | "provenance" | "sbom" => "write `attest = \"max\"`, or leave it out for none",
        "build" => "write what it holds into the `image` itself, such as `context = \".\"`",
        "build_arg" | "build_args" => "write `args = { … }`",
        "cache_from" => "use a `cache { from = […] }` block",
        "cache_to" => "use a `cache { to = […] }` block",
        "command" | "entrypoint" | "environment" | "expose" | "ports" | "volumes" => {
            "remove it; how a container runs is not part of how its image is built"
        }
        "depends_on" | "needs" => "name the image in `contexts`; a `stage` waits with `after`",
        "file" => "write `dockerfile = …`, which is relative to `context`",
        "if" => "write `when = …`",
        "image" => "write `tags = [app:\"…\"]` with the `repository app` that it goes to",
        "inherits" => "write `image NAME extends template { … }`",
        "matrix" => "write `image NAME for x in list { … }`",
        "output" | "outputs" => "write `push` in a `wave`, or `load = true` for the engine's image store",
        "push" => "write `push` and the name of the image in a `wave`",
        _ => return None,
    })
}

fn foreign_in_wave(name: &str, place: &str) -> Option<&'static str> {
    Some(match (name, place) {
        ("if" | "condition" | "only" | "rules", _) => "write `when = …`",
        ("needs" | "depends_on" | "after" | "dependencies", "wave") => {
            "waves run in the order of the file; only a `stage` waits with `after`"
        }
        ("needs" | "depends_on" | "after" | "dependencies", _) => {
            "write it before the `{`: `stage NAME after OTHER { … }`"
        }
        ("steps" | "script" | "commands" | "run_commands", _) => {
            "write each step on a line of its own: `sh \"…\"`"
        }
        ("environment", "wave") => "write `approve \"…\"` for what a person decides",
        ("environment" | "variables", _) => "write `env = { … }`",
        _ => return None,
    })
}
