//! Dockerfiles, and what is read from them.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use indexmap::IndexMap;
use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> (SourceMap, Result<Dockerfile, Unreadable>) {
    let mut sources = SourceMap::new();
    let file = sources.add("Dockerfile", "Dockerfile", text);
    let dockerfile = parse(&sources, file);
    (sources, dockerfile)
}

fn readable(text: &str) -> (SourceMap, Dockerfile) {
    let (sources, dockerfile) = parsed(text);
    (sources, dockerfile.expect("the Dockerfile can be read"))
}

/// Everything with a span as `value @ text under the span`.
fn show(text: &str, expected: &Expect) {
    expected.assert_eq(&shown(text));
}

fn shown(text: &str) -> String {
    let (sources, dockerfile) = parsed(text);
    let at = |span: Span| format!("{:?}", sources.slice(span));
    let mut shown = String::new();
    match dockerfile {
        Err(Unreadable { span, words }) => {
            let position = sources.file(span.file).position(span.start);
            _ = writeln!(shown, "{words} @ {} {}:{}", at(span), position.line, position.column);
        }
        Ok(dockerfile) => {
            let spanned = |word: &Spanned<String>| format!("{} @ {}", word.value, at(word.span));
            let arg = |arg: &Arg| {
                format!("arg {} = {:?}", spanned(&arg.name), arg.default.as_deref().unwrap_or("-"))
            };
            let body = |shown: &mut String, indent: &str, body: &Body| {
                let mounts = |word, mounts: &[HostMount]| -> Vec<_> {
                    let line = |mount: &HostMount| {
                        let required = if mount.required { " required" } else { "" };
                        format!("{word} {}{required} @ {}", mount.id, at(mount.span))
                    };
                    mounts.iter().map(line).collect()
                };
                let lines = body.args.iter().map(arg);
                let lines =
                    lines.chain(body.copies_from.iter().map(|from| format!("copy {}", spanned(from))));
                let lines =
                    lines.chain(body.mounts_from.iter().map(|from| format!("mount {}", spanned(from))));
                let lines = lines.chain(mounts("secret", &body.secrets)).chain(mounts("ssh", &body.ssh));
                lines.for_each(|line| _ = writeln!(shown, "{indent}{line}"));
            };
            frontend(text).iter().for_each(|image| _ = writeln!(shown, "frontend {image}"));
            dockerfile.args.iter().map(arg).for_each(|line| _ = writeln!(shown, "{line}"));
            for stage in &dockerfile.stages {
                _ = write!(shown, "stage {}", spanned(&stage.from));
                stage.name.iter().for_each(|name| _ = write!(shown, " as {}", spanned(name)));
                stage.platform.iter().for_each(|platform| _ = write!(shown, " on {}", spanned(platform)));
                shown.push('\n');
                body(&mut shown, "  ", &stage.body);
                stage.onbuild.iter().for_each(|onbuild| body(&mut shown, "  onbuild ", onbuild));
            }
        }
    }
    shown
}

#[test]
fn everything_that_is_read() {
    show(
        r#"# syntax=docker/dockerfile:1
ARG VERSION=3.20 REGISTRY
ARG FLAVOR="a b"

FROM --platform=$BUILDPLATFORM ${REGISTRY}golang:${VERSION} AS Build
ARG TARGETARCH
ARG VERSION
COPY --link --from=tools /bin/x /bin/
COPY --chown=1:1 . .
COPY --from=$X a b
ADD --from=nothing https://example.com/x /x
RUN --mount=type=secret,id=token,required --mount=type=cache,target=/c \
    --network=none --mount=type=bind,from=tools,target=/t \
    make
RUN --mount=type=ssh --mount=type=ssh,id=git,required=true git clone
RUN ["a", "--mount=type=secret,id=no"]
ONBUILD ARG LATER=1
ONBUILD COPY --from=build /a /b
from scratch
copy --from=0 /a /b
cmd ["/a"]
"#,
        &expect![[r#"
            frontend docker/dockerfile:1
            arg VERSION @ "VERSION" = "3.20"
            arg REGISTRY @ "REGISTRY" = "-"
            arg FLAVOR @ "FLAVOR" = "\"a b\""
            stage ${REGISTRY}golang:${VERSION} @ "${REGISTRY}golang:${VERSION}" as Build @ "Build" on $BUILDPLATFORM @ "$BUILDPLATFORM"
              arg TARGETARCH @ "TARGETARCH" = "-"
              arg VERSION @ "VERSION" = "-"
              copy tools @ "tools"
              mount tools @ "tools"
              secret token required @ "token"
              ssh default @ "type=ssh"
              ssh git required @ "git"
              onbuild arg LATER @ "LATER" = "1"
              onbuild copy build @ "build"
            stage scratch @ "scratch"
              copy 0 @ "0"
        "#]],
    );
}

#[test]
fn lines() {
    // Continuations, with comments and empty lines in them; tabs, and a comment that looks like an instruction.
    show(
        "  # a comment\n\tFROM \\\n# FROM b\n\n  alp\\\nine \\\n  AS x\nARG A=1 \\\n  # é comment\n  B='x \\\n y' \\\n # B C\n C\n# COPY --from=no a b\nRUN a && \\\n   # b\n   COPY --from=no\nCOPY --from=y \\\n a b\n",
        &expect![[r#"
            stage alpine @ "alp\\\nine" as x @ "x"
              arg A @ "A" = "1"
              arg B @ "B" = "'x  y'"
              arg C @ "C" = "-"
              copy y @ "y"
        "#]],
    );
    // Carriage returns, a byte order mark and no newline at the end.
    show(
        "\u{feff}FROM a\r\nRUN a \\\r\n  b\r\nCOPY --from=b \\\r\n c d",
        &expect![[r#"
            stage a @ "a"
              copy b @ "b"
        "#]],
    );
    // Another escape character.
    show(
        "# escape=`\nFROM a\nRUN dir c:\\\nCOPY --from=b `\n c d\n",
        &expect![[r#"
            stage a @ "a"
              copy b @ "b"
        "#]],
    );
}

#[test]
fn heredocs_hold_no_instructions() {
    show(
        "FROM a\nRUN <<A\nCOPY --from=no a b\nA\nRUN cat <<-'B' > /x && cat <<C\n\t\tFROM é\n\tB\nFROM no\nC\nCOPY <<D --from=no /x\nFROM no\nD\nRUN --mount=type=secret,id=yes cat <<E\nRUN --mount=type=secret,id=no\nE\nRUN [\"<<F\"]\nONBUILD RUN cat <<G\nFROM no\nG\nCOPY --from=yes a b\n",
        &expect![[r#"
            stage a @ "a"
              copy yes @ "yes"
              secret yes @ "yes"
        "#]],
    );
    show(
        "FROM a\nRUN cat <<A\nA b\n",
        &expect![[r#"
        the here-document `A` does not end @ "RUN cat <<A\n" 2:1
    "#]],
    );
}

#[test]
fn what_cannot_be_read() {
    let texts = [
        "",
        "# only a comment\n",
        "ARG A\n",
        "RUN é\nFROM a\n",
        "FROM a\nHELLO é world\n",
        "FROM a\n\u{feff}é\n",
        "\u{feff}\u{feff}FROM a\n",
        "FROM a b\n",
        "FROM\n",
        "FROM a\nCOPY a\n",
        "FROM a\nONBUILD ONBUILD RUN x\n",
        "FROM a\nSHELL bash\n",
        "{\"json\": true}\n",
    ];
    let shown: String = texts.iter().map(|text| format!("{text:?}\n  {}", shown(text))).collect();
    expect![[r##"
        ""
          expected at least one FROM instruction @ "" 1:1
        "# only a comment\n"
          expected at least one FROM instruction @ "#" 1:1
        "ARG A\n"
          expected at least one FROM instruction @ "ARG" 1:1
        "RUN é\nFROM a\n"
          expected FROM @ "RUN" 1:1
        "FROM a\nHELLO é world\n"
          unknown instruction 'HELLO' @ "HELLO" 2:1
        "FROM a\n\u{feff}é\n"
          unknown instruction '﻿é' @ "\u{feff}é" 2:1
        "\u{feff}\u{feff}FROM a\n"
          two byte order marks @ "\u{feff}FROM" 1:1
        "FROM a b\n"
          expected AS @ "b" 1:8
        "FROM\n"
          FROM instruction requires at least one argument @ "FROM" 1:1
        "FROM a\nCOPY a\n"
          COPY instruction requires at least two arguments @ "COPY" 2:1
        "FROM a\nONBUILD ONBUILD RUN x\n"
          ONBUILD ONBUILD is not allowed @ "ONBUILD" 2:9
        "FROM a\nSHELL bash\n"
          expected JSON array @ "bash" 2:7
        "{\"json\": true}\n"
          unknown instruction '{"json":' @ "{\"json\":" 1:1
    "##]]
    .assert_eq(&shown);
    let (_, dockerfile) = parsed(&"x".repeat(1000));
    assert!(dockerfile.expect_err("this is no Dockerfile").words.chars().count() <= 121);
}

const STAGES: &str = r#"ARG VERSION=1
ARG BASE=alpine:$VERSION
ARG UNSET
ARG TARGETARCH
FROM golang:$VERSION AS deps
RUN --mount=type=secret,id=deps x
ONBUILD COPY --from=trigger /a /b
ONBUILD ARG TRIGGERED
FROM deps AS build
ARG COMMIT
ARG VERSION
ARG http_proxy
RUN --mount=type=bind,from=cache:$VERSION,target=/x --mount=from=tools:1,target=/y make
FROM scratch AS Docs
COPY --from=build /d /d
FROM $BASE AS test
COPY --from=1 / /
COPY --from=9 / /
COPY --from=DOCS / /
COPY --from=late / /
RUN --mount=type=ssh y
FROM image-$TARGETARCH AS engine
FROM image-${UNSET:-none} AS late
FROM DEPS AS upper
FROM docker.io/library/nginx:latest
COPY --from=nginx /a /b
"#;

/// Targets with their build arguments and named contexts.
type Builds<'a> = &'a [(Option<&'a str>, &'a [(&'a str, &'a str)], &'a [&'a str])];

const BUILDS: Builds<'_> = &[
    (None, &[], &[]),
    (Some("deps"), &[], &[]),
    (Some("BUILD"), &[("VERSION", "2"), ("COMMIT", "")], &[]),
    (Some("test"), &[("BASE", "debian:${VERSION}")], &[]),
    (Some("engine"), &[], &[]),
    (Some("engine"), &[("TARGETARCH", "arm64")], &[]),
    (Some("late"), &[], &[]),
    (Some("late"), &[("UNSET", "one")], &[]),
    // `FROM` knows stages only in lower case.
    (Some("upper"), &[], &[]),
    (Some("7"), &[], &[]),
];

/// Contexts replace stages and images.
const BUILDS_WITH_CONTEXTS: Builds<'_> = &[
    (Some("test"), &[], &["docs", "alpine:1", "scratch", "unused"]),
    (None, &[], &["nginx"]),
    (Some("build"), &[], &["build"]),
];

fn uses(text: &str, target: Option<&str>, args: &[(&str, &str)], contexts: &[&str]) -> String {
    let (sources, dockerfile) = readable(text);
    let args: IndexMap<_, _> =
        args.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let Some(target) = dockerfile.target(target) else { return "no such stage\n".to_owned() };
    let uses = dockerfile.uses(target, &args, contexts);
    let mut shown = format!("stages {:?}\n", uses.stages);
    for base in &uses.bases {
        let platform = if base.has_platform { " for a platform of its own" } else { "" };
        _ = writeln!(shown, "  base {} @ {}{platform}", base.image.value, sources.slice(base.image.span));
    }
    if !uses.beside.is_empty() {
        _ = writeln!(shown, "  beside {:?}", uses.beside);
    }
    if uses.has_unknown_base {
        shown += "  an unknown base\n";
    }
    let mounts = |mounts: &[&HostMount]| mounts.iter().map(|mount| mount.id.clone()).collect();
    let broken = |broken: &BrokenFrom<'_>| {
        let names: Vec<_> = broken.args.iter().map(|arg| arg.name.value.as_str()).collect();
        format!("{}: {}", sources.slice(broken.from), names.join(" "))
    };
    for (word, names) in [
        ("contexts", uses.contexts.iter().cloned().collect()),
        ("secrets", mounts(&uses.secrets)),
        ("ssh", mounts(&uses.ssh)),
        ("broken", uses.broken_froms.iter().map(broken).collect()),
    ] {
        let names: Vec<String> = names;
        if !names.is_empty() {
            _ = writeln!(shown, "  {word} {}", names.join(" "));
        }
    }
    shown
}

fn all_uses(builds: Builds<'_>) -> String {
    let mut shown = String::new();
    for (target, args, contexts) in builds {
        _ = writeln!(shown, "{target:?} {args:?} {contexts:?}");
        shown += &uses(STAGES, *target, args, contexts);
    }
    shown
}

#[test]
fn what_a_target_uses() {
    expect![[r#"
        None [] []
        stages [7]
          base docker.io/library/nginx:latest @ docker.io/library/nginx:latest
          base nginx @ nginx
        Some("deps") [] []
        stages [0]
          base golang:1 @ golang:$VERSION
          secrets deps
        Some("BUILD") [("VERSION", "2"), ("COMMIT", "")] []
        stages [0, 1]
          base golang:2 @ golang:$VERSION
          base trigger @ trigger
          base tools:1 @ tools:1
          secrets deps
        Some("test") [("BASE", "debian:${VERSION}")] []
        stages [0, 1, 2, 3, 5]
          base golang:1 @ golang:$VERSION
          base trigger @ trigger
          base tools:1 @ tools:1
          base debian:${VERSION} @ $BASE
          base image-none @ image-${UNSET:-none}
          beside [0, 1, 2, 5]
          secrets deps
          ssh default
        Some("engine") [] []
        stages [4]
          an unknown base
        Some("engine") [("TARGETARCH", "arm64")] []
        stages [4]
          base image-arm64 @ image-$TARGETARCH
        Some("late") [] []
        stages [5]
          base image-none @ image-${UNSET:-none}
        Some("late") [("UNSET", "one")] []
        stages [5]
          base image-one @ image-${UNSET:-none}
        Some("upper") [] []
        stages [6]
          base DEPS @ DEPS
        Some("7") [] []
        no such stage
    "#]]
    .assert_eq(&all_uses(BUILDS));
}

#[test]
fn named_contexts() {
    expect![[r#"
        Some("test") [] ["docs", "alpine:1", "scratch", "unused"]
        stages [0, 1, 3, 5]
          base golang:1 @ golang:$VERSION
          base trigger @ trigger
          base tools:1 @ tools:1
          base image-none @ image-${UNSET:-none}
          beside [0, 1, 5]
          contexts alpine:1 docs
          secrets deps
          ssh default
        None [] ["nginx"]
        stages [7]
          contexts nginx
        Some("build") [] ["build"]
        stages []
          contexts build
    "#]]
    .assert_eq(&all_uses(BUILDS_WITH_CONTEXTS));
}

#[test]
fn later_stages_of_a_name_and_circles() {
    // `FROM a` means the stage above it, `--from` the last one; a circle is BuildKit's to report.
    let text = "FROM one AS a\nFROM a AS a\nCOPY --from=b / /\nFROM a AS b\nCOPY --from=a / /\nFROM b\n";
    expect![[r#"
        stages [0, 1, 2, 3]
          base one @ one
    "#]]
    .assert_eq(&uses(text, None, &[], &[]));
}

#[test]
fn empty_values_that_break_a_from() {
    let text = "ARG A\nARG B=$A\nARG C\nFROM $A AS all\nFROM x:$A AS tag\nFROM ${A:-x} AS default\nFROM ${A}x AS prefix\n\
                FROM x:${C}-$A AS two\nFROM x:$B AS through\nFROM --platform=$A x AS platform\nFROM $UNDECLARED AS other\n";
    let mut shown = String::new();
    for target in ["all", "tag", "default", "prefix", "two", "through", "platform", "other"] {
        shown += &uses(text, Some(target), &[("UNUSED", "x")], &[]);
    }
    shown += &uses(text, Some("two"), &[("C", "1")], &[]);
    shown += &uses(text, Some("tag"), &[("A", "1")], &[]);
    expect![[r#"
        stages [0]
          an unknown base
          broken $A: A
        stages [1]
          base x: @ x:$A
          broken x:$A: A
        stages [2]
          base x @ ${A:-x}
        stages [3]
          base x @ ${A}x
        stages [4]
          base x:- @ x:${C}-$A
          broken x:${C}-$A: C A
        stages [5]
          base x: @ x:$B
        stages [6]
          base x @ x for a platform of its own
          broken $A: A
        stages [7]
          an unknown base
        stages [4]
          base x:1- @ x:${C}-$A
          broken x:${C}-$A: A
        stages [1]
          base x:1 @ x:$A
    "#]]
    .assert_eq(&shown);
}

#[test]
fn secrets_and_frontends() {
    let ids = |text: &str| {
        let (_, dockerfile) = readable(text);
        let mut ids: Option<Vec<_>> =
            dockerfile.secret_ids().map(|ids| ids.into_iter().map(str::to_owned).collect());
        if let Some(ids) = &mut ids {
            ids.sort();
        }
        ids
    };
    let mount = |id: &str| {
        format!("FROM a\nRUN --mount=type=secret,id=x y\nFROM b\nONBUILD RUN --mount=type=secret,id={id} y\n")
    };
    assert_eq!(ids(&mount("z")), Some(vec!["x".to_owned(), "z".to_owned()]));
    assert_eq!(ids(&mount("$Z")), None);
    for (line, expected) in [
        ("", true),
        ("# syntax=docker/dockerfile:1\n", true),
        ("# syntax=docker.io/docker/dockerfile@sha256:a\n", true),
        ("# syntax=example.com/mine\n", false),
    ] {
        let text = format!("{line}FROM a\n");
        assert_eq!(frontend(&text).is_none_or(is_docker_frontend), expected, "{line}");
    }
}

#[test]
fn declared_names() {
    let (_, dockerfile) = readable(STAGES);
    let args: Vec<_> = dockerfile.declared_args().map(|arg| arg.name.value.as_str()).collect();
    expect!["VERSION BASE UNSET TARGETARCH TRIGGERED COMMIT VERSION http_proxy"].assert_eq(&args.join(" "));
    let names: Vec<_> = dockerfile.stage_names().collect();
    expect!["deps build Docs test engine late upper"].assert_eq(&names.join(" "));
}

/// Reads a text, follows all its stages, and fails when a span does not lie in the text.
fn survive(text: &str) {
    let (sources, dockerfile) = parsed(text);
    let check = |span: Span| _ = sources.slice(span);
    match dockerfile {
        Err(unreadable) => check(unreadable.span),
        Ok(dockerfile) => {
            dockerfile.declared_args().for_each(|arg| check(arg.name.span));
            for (index, stage) in dockerfile.stages.iter().enumerate().take(8) {
                check(stage.from.span);
                let words = stage.name.iter().chain(&stage.platform);
                let bodies = std::iter::once(&stage.body).chain(&stage.onbuild);
                let words =
                    words.chain(bodies.flat_map(|body| body.copies_from.iter().chain(&body.mounts_from)));
                words.for_each(|word| check(word.span));
                let uses = dockerfile.uses(index, &IndexMap::new(), &["a"]);
                uses.bases.iter().for_each(|base| check(base.image.span));
                uses.broken_froms.iter().for_each(|broken| check(broken.from));
                uses.secrets.iter().chain(&uses.ssh).for_each(|mount| check(mount.span));
            }
        }
    }
}

#[test]
fn large_and_hostile_texts_are_read() {
    // In debug builds a megabyte of each takes some seconds.
    const BYTES: usize = 200_000;
    for piece in [
        "FROM a\n",
        "FROM a AS b\nFROM b\n",
        "FROM a\nARG b=$c$c\n",
        "ARG a=$a$a$a\n",
        "ONBUILD ",
        "RUN a \\\n",
        "RUN [\n",
        "RUN [\"a\",\\\n",
        "ARG a \\\n",
        "RUN <<a\n",
        "RUN <<a <<a\na\n",
        "COPY --from=0 \\\n",
        "RUN --mount=\"",
        "\\\n",
        "\r",
        "é",
        "<<",
        "${a:-",
        "#\n",
    ] {
        survive(&format!("FROM a\n{}", piece.repeat(BYTES / piece.len())));
        survive(&piece.repeat(BYTES / piece.len()));
        survive(&format!("ARG {}\nFROM a", piece.repeat(BYTES / piece.len())));
    }
    let many = |piece: &str| piece.repeat(20_000);
    survive(&format!("{}FROM $a\n{}", many("ARG a\n"), many("FROM $a\n")));
    survive(&format!("FROM a AS b\n{}{}", many("ONBUILD COPY --from=c d e\n"), many("FROM b\n")));
}

const TOKENS: &[&str] = &[
    "FROM ",
    "from ",
    "a",
    " AS b",
    "\n",
    "\r\n",
    "\\\n",
    "\\ \n",
    "`\n",
    " ",
    "\t",
    "#",
    "# escape=`\n",
    "ARG ",
    "A=",
    "COPY ",
    "ADD ",
    "--from=",
    "RUN ",
    "--mount=type=secret,id=",
    "<<EOF",
    "EOF",
    "<<-",
    "\"",
    "'",
    "[",
    "]",
    ",",
    "$",
    "${",
    "}",
    ":-",
    "ONBUILD ",
    "HEALTHCHECK ",
    "CMD ",
    "SHELL ",
    "VOLUME ",
    "ENV ",
    "é",
    "\u{feff}",
    "\u{b}",
    "\r",
    "\0",
    "日",
    "\\u12",
    "\\",
    "0",
    "--platform=",
    "LABEL ",
    "EXPOSE ",
    "USER ",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        survive(&text);
        survive(&format!("FROM a\n{text}"));
    }

    #[test]
    fn any_tokens_are_survived(tokens in proptest::collection::vec(proptest::sample::select(TOKENS), 0..60)) {
        let text = tokens.concat();
        survive(&text);
        survive(&format!("FROM a\n{text}"));
    }
}
