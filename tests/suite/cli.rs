//! `cachelang plan` and `cachelang list`, as they are called: full outputs, exit codes, streams.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use expect_test::expect;

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachelang"));
    command.args(arguments).current_dir(folder).env_remove("CLICOLOR_FORCE").env("COMMIT_ID", "abc1234");
    command
}

/// Runs the program in a folder with these files and a Dockerfile.
fn run(files: &[(&str, &str)], arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    fs::write(folder.path().join("Dockerfile"), "FROM scratch\nARG VERSION\n")
        .expect("the file can be written");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }
    let output = command(folder.path(), arguments).output().expect("the program was built");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

const FILE: &str = r#"cachelang 1

include "infra/names.cachefile"

## The commit this deploy belongs to
param commit: string = env("COMMIT_ID") ?? "dev"
param channel: string = "staging" {
  description = "where it goes"
  oneof       = ["staging", "prod"]
}
secret token = env("TOKEN")

## Serves requests.
## Twice a day.
image lambda {
  args = { VERSION = "1" }
  tags = [app:commit, app:"latest"]
}
image worker for name in ["api", "cron"] { tags = [app:"${name}-${commit}"] }

wave build { push lambda, worker }

## Brings it to the people
wave deploy {
  when = channel == "prod"
  pre { run "pytest" "-q" }
  stage staging { run "./deploy.sh" lambda.ref { env = { TOKEN = token } } }
  stage prod for region in ["eu", "us"] after staging {
    approve "Ship ${commit} to ${region}?"
    sh "echo ${lambda.digest}"
  }
  post { promote lambda to app:"stable" }
}
"#;

const INFRA: &str = r#"cachelang 1

registry main {
  kind = "oci"
  host = "registry.example.com"
}
repository app { registry = main }
"#;

const FILES: [(&str, &str); 2] = [(".cachefile", FILE), ("infra/names.cachefile", INFRA)];

#[test]
fn a_plan_for_people() {
    let ended = run(&FILES, &["plan"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    expect![[r#"
        plan of .cachefile

        from outside
          env("COMMIT_ID") = abc1234 (from the environment)
          param commit     = abc1234 (from its default)
          param channel    = staging (from its default)

        secrets (never shown)
          token from environment variable TOKEN

        waves
          1. build
             push lambda, worker["api"], worker["cron"]
          2. deploy  skipped: `channel == "prod"` does not hold
             pre
               run pytest -q
             stage staging
               run ./deploy.sh <lambda.ref>  [with TOKEN (secret token)]
             stage prod["eu"] after staging
               approve Ship abc1234 to eu?
               sh echo <lambda.digest>
             stage prod["us"] after staging
               approve Ship abc1234 to us?
               sh echo <lambda.digest>
             post
               promote lambda to registry.example.com/app:stable

        images
          lambda
            from          .
            args          VERSION=1
            tags          registry.example.com/app:abc1234
                          registry.example.com/app:latest (moves)
            cache from    registry.example.com/app:cache-lambda (automatic)
            cache to      registry.example.com/app:cache-lambda (automatic)

          worker["api"]
            from          .
            tags          registry.example.com/app:api-abc1234
            cache from    registry.example.com/app:cache-worker-api (automatic)
            cache to      registry.example.com/app:cache-worker-api (automatic)

          worker["cron"]
            from          .
            tags          registry.example.com/app:cron-abc1234
            cache from    registry.example.com/app:cache-worker-cron (automatic)
            cache to      registry.example.com/app:cache-worker-cron (automatic)
    "#]]
    .assert_eq(&ended.stdout);
}

#[test]
fn params_change_the_plan() {
    let ended = run(&FILES, &["plan", "--param", "channel=prod", "-p", "commit=c2"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.contains("param channel = prod (from the command line)"), "{}", ended.stdout);
    assert!(ended.stdout.contains("registry.example.com/app:c2\n"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("skipped"), "{}", ended.stdout);
    let ended = run(&FILES, &["plan", "--param", "chanel=prod"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    expect![[r#"
        error: no param named `chanel`
          help: a param with a similar name exists: `channel`
    "#]]
    .assert_eq(&ended.stderr);
}

#[test]
fn a_plan_for_programs() {
    let ended = run(&FILES, &["plan", "--format", "json"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.starts_with("{\n  \"version\": 1,\n"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("/tmp"), "paths are relative: {}", ended.stdout);
    let plan: serde_json::Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    assert_eq!(plan["waves"][1]["stages"][2]["name"], "prod[\"us\"]");
}

#[test]
fn a_plan_as_a_graph() {
    let ended = run(&FILES, &["plan", "--format", "dot"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    check_dot(&ended.stdout);
    expect![[r#"
        digraph ".cachefile" {
          rankdir=LR;
          compound=true;
          node [shape=box, fontname="sans-serif"];
          image0 [label="lambda\lregistry.example.com/app:abc1234\lregistry.example.com/app:latest\l", style="rounded"];
          image1 [label="worker[\"api\"]\lregistry.example.com/app:api-abc1234\l", style="rounded"];
          image2 [label="worker[\"cron\"]\lregistry.example.com/app:cron-abc1234\l", style="rounded"];
          subgraph cluster0 {
            label="build";
            style=solid;
            wave0_steps [label="push lambda, worker[\"api\"], worker[\"cron\"]", style=solid];
          }
          image0 -> wave0_steps [style=dotted, arrowhead=none];
          image1 -> wave0_steps [style=dotted, arrowhead=none];
          image2 -> wave0_steps [style=dotted, arrowhead=none];
          subgraph cluster1 {
            label="deploy";
            style=dashed;
            wave1_pre [label="pre\lrun pytest -q\l", style=dashed];
            wave1_stage0 [label="staging\lrun ./deploy.sh <lambda.ref>\l", style=dashed];
            wave1_stage1 [label="prod[\"eu\"]\lapprove Ship abc1234 to eu?\lsh echo <lambda.digest>\l", style=dashed];
            wave1_stage2 [label="prod[\"us\"]\lapprove Ship abc1234 to us?\lsh echo <lambda.digest>\l", style=dashed];
            wave1_post [label="post\lpromote lambda to registry.example.com/app:stable\l", style=dashed];
          }
          wave1_pre -> wave1_stage0;
          wave1_stage0 -> wave1_stage1;
          wave1_stage0 -> wave1_stage2;
          wave1_stage1 -> wave1_post;
          wave1_stage2 -> wave1_post;
          wave0_steps -> wave1_pre [ltail=cluster0, lhead=cluster1];
        }
    "#]].assert_eq(&ended.stdout);
    let hostile = "cachelang 1\nimage a for name in [\"x\\\"];\\n}\", \"\\\\\", \"<b>\"] { }\n\
                   wave w {\n build a\n run \"echo\" \"\\\"}\\n{\" \"\\\\\"\n}\n";
    let ended = run(&[(".cachefile", hostile)], &["plan", "--format", "dot"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    check_dot(&ended.stdout);
}

/// Fails unless the text is of the language DOT, as far as `plan` uses it: strings end, brackets match, and a statement
/// is a node, an edge, a subgraph or an attribute.
fn check_dot(text: &str) {
    let mut tokens: Vec<String> = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(first) = characters.next() {
        if first.is_whitespace() {
            continue;
        }
        let mut token = String::from(first);
        if first == '"' {
            loop {
                let next = characters.next().expect("a string ends");
                token.push(next);
                match next {
                    '\\' => token.extend(characters.next()),
                    '"' => break,
                    _ => assert!(!next.is_control(), "{token}"),
                }
            }
        } else if first.is_alphanumeric() {
            while let Some(next) = characters.next_if(|next| next.is_alphanumeric() || *next == '_') {
                token.push(next);
            }
        } else if first == '-' {
            token.extend(characters.next());
        }
        tokens.push(token);
    }
    let is_id = |token: &str| token.starts_with(|first: char| first == '"' || first.is_alphanumeric());
    let is_known = |token: &str| is_id(token) || ["{", "}", "[", "]", "=", ",", ";", "->"].contains(&token);
    assert!(tokens.iter().all(|token| is_known(token)), "{tokens:?}");
    assert_eq!(tokens.first().map(String::as_str), Some("digraph"));
    for (open, close) in [("{", "}"), ("[", "]")] {
        let count = |wanted: &str| tokens.iter().filter(|token| *token == wanted).count();
        assert_eq!(count(open), count(close), "{text}");
    }
    let body = tokens.get(3..tokens.len() - 1).expect("a graph has a body");
    for statement in body.split(|token| [";", "{", "}"].contains(&token.as_str())) {
        let words: Vec<_> = statement.iter().take_while(|token| *token != "[").map(String::as_str).collect();
        let fits = match words.as_slice() {
            [] => true,
            ["subgraph", name] | [name] => is_id(name),
            [one, "->", other] | [one, "=", other] => is_id(one) && is_id(other),
            _ => false,
        };
        assert!(fits, "{words:?}");
    }
}

#[test]
fn warnings_do_not_mix_with_the_plan() {
    let text = "cachelang 1\nlet unused = 1\nwave w { run \"true\" }\n";
    let ended = run(&[("other", text)], &["plan", "other", "--format", "json"]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.starts_with('{') && ended.stderr.starts_with("warning[W0209]"), "{}", ended.stderr);
}

#[test]
fn what_is_wrong_is_said_and_nothing_else() {
    for (text, code) in [
        ("cachelang 1\nwave w { run \"true\" x }\n", "E0201"),
        ("cachelang 1\nparam x: int\nwave w { run \"echo\" \"${x}\" }\n", "E0309"),
    ] {
        let ended = run(&[(".cachefile", text)], &["plan"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        assert!(ended.stderr.contains(code), "{}", ended.stderr);
    }
    for command in ["plan", "list"] {
        let ended = run(&[], &[command, "nothing-here"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        assert!(ended.stderr.starts_with("error: cannot read"), "{}", ended.stderr);
        assert_eq!(run(&[], &[command, "a", "-f", "b"]).code, Some(2));
    }
}

#[test]
fn a_list_for_people() {
    let ended = run(&FILES, &["list"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    expect![[r#"
        .cachefile

        params
          commit: string = env("COMMIT_ID") ?? "dev"  .cachefile:6
              The commit this deploy belongs to
              now "abc1234"
          channel: string = "staging"  .cachefile:7
              where it goes
              one of ["staging", "prod"]

        secrets
          token = env("TOKEN")  .cachefile:11

        registries
          main oci  infra/names.cachefile:3

        repositories
          app in main  infra/names.cachefile:7

        images
          lambda  .cachefile:15
              Serves requests.
              Twice a day.
          worker for name in ["api", "cron"]  .cachefile:19

        waves
          build  .cachefile:21
          deploy when channel == "prod"  .cachefile:24
              Brings it to the people
              stage staging
              stage prod for region in ["eu", "us"] after staging
    "#]]
    .assert_eq(&ended.stdout);
}

#[test]
#[expect(clippy::too_many_lines, reason = "most of them are the output")]
fn a_list_for_programs() {
    let text = "cachelang 1\n## How many\nparam count: int { oneof = [1, 2] }\n\
                template t { target = \"x\" }\nimage a extends t for n in [\"x\"] { }\n\
                wave w {\n when = true\n stage s { build a }\n stage t after s { }\n}\n";
    let ended = run(&[(".cachefile", text)], &["list", "--format", "json"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    expect![[r#"
        {
          "builders": [],
          "file": ".cachefile",
          "images": [
            {
              "description": null,
              "extends": [
                "t"
              ],
              "file": ".cachefile",
              "for": [
                {
                  "in": "[\"x\"]",
                  "name": "n"
                }
              ],
              "line": 5,
              "name": "a"
            }
          ],
          "params": [
            {
              "default": null,
              "description": "How many",
              "file": ".cachefile",
              "line": 3,
              "matches": null,
              "name": "count",
              "oneof": "[1, 2]",
              "source": null,
              "type": "int",
              "value": null
            }
          ],
          "registries": [],
          "repositories": [],
          "secrets": [],
          "templates": [
            {
              "description": null,
              "extends": [],
              "file": ".cachefile",
              "for": [],
              "line": 4,
              "name": "t"
            }
          ],
          "values": [],
          "version": 1,
          "waves": [
            {
              "description": null,
              "file": ".cachefile",
              "line": 6,
              "name": "w",
              "stages": [
                {
                  "after": [],
                  "for": [],
                  "name": "s"
                },
                {
                  "after": [
                    "s"
                  ],
                  "for": [],
                  "name": "t"
                }
              ],
              "when": "true"
            }
          ]
        }
    "#]]
    .assert_eq(&ended.stdout);
}

#[test]
fn what_cannot_be_planned_is_listed() {
    let text = "cachelang 1\nparam needed: string\nparam odd: int = \"x\"\n\nimage a { contxt = \".\" }\n\
                wave w { push a }\nimage 7 { }\n";
    let ended = run(&[(".cachefile", text)], &["list"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("E0204") && ended.stderr.contains("E0301"), "{}", ended.stderr);
    expect![[r#"
        .cachefile

        params
          needed: string  .cachefile:2
              has no value: pass --param needed=…
          odd: int = "x"  .cachefile:3

        images
          a  .cachefile:5

        waves
          w  .cachefile:6
    "#]]
    .assert_eq(&ended.stdout);
}

#[test]
fn a_reader_may_go() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let images: String = (0..3_000).map(|index| format!("image i{index} {{ context = \".\" }}\n")).collect();
    fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").expect("the file can be written");
    fs::write(folder.path().join(".cachefile"), format!("cachelang 1\n{images}")).expect("it can be written");
    for arguments in [["plan", "--format", "json"], ["list", "--format", "human"]] {
        let mut child = command(folder.path(), &arguments);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
fn help_shows_examples() {
    for name in ["plan", "list"] {
        let ended = run(&[], &[name, "--help"]);
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.contains("Examples:\n  cachelang "), "{}", ended.stdout);
    }
}

#[test]
fn values_are_listed_as_they_are_written() {
    let text = "cachelang 1\nparam workers: int = 4 { description = \"say \\\"hi\\\"\" }\n\
                param wait: duration = 90s\nparam names: list<string> = [\"a\", \"b\"]\n\
                wave w { run \"echo\" \"${workers}\" join(names, \",\") { timeout = wait } }\n";
    let ended = run(&[(".cachefile", text)], &["list", "-p", "workers=5", "-p", "names=c"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    expect![[r#"
        .cachefile

        params
          workers: int = 4  .cachefile:2
              say "hi"
              now 5, from the command line
          wait: duration = 90s  .cachefile:3
          names: list<string> = ["a", "b"]  .cachefile:4
              now ["c"], from the command line

        waves
          w  .cachefile:5
    "#]]
    .assert_eq(&ended.stdout);
}

#[test]
fn nothing_that_is_printed_steers_a_terminal() {
    let evil = "\u{1b}[31m\u{9b}2J\u{202e}";
    let text = "cachelang 1\nparam x: string\nwave  w { run \"echo\" x }\n";
    let name = format!("{evil}.cachefile");
    let param = format!("x={evil}");
    for arguments in [
        &["plan", &name, "-p", &param][..],
        &["plan", &name, "-p", &param, "--format", "json"],
        &["plan", &name, "-p", &param, "--format", "dot"],
        &["list", &name, "-p", &param],
        &["list", &name, "-p", &param, "--format", "json"],
        &["check", &name, "--format", "json"],
        &["fmt", &name, "--check"],
        &["fmt", &name],
    ] {
        let ended = run(&[(name.as_str(), text)], arguments);
        for shown in [&ended.stdout, &ended.stderr] {
            let obeyed = |one: char| (one.is_control() && one != '\n') || one == '\u{202e}';
            assert!(!shown.contains(obeyed), "{arguments:?}: {shown:?}");
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    fs::write(folder.path().join(".cachefile"), "cachelang 1\nwave w { run \"true\" }\n")
        .expect("it is written");
    for arguments in [&["plan"][..], &["plan", "--format", "json"], &["list"], &["explain", "E0201"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let output = Command::new(env!("CARGO_BIN_EXE_cachelang"))
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .expect("it was built");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        assert!(errors.contains("error: cannot write to standard output"), "{errors}");
    }
}
