//! Values in scripts, through real shells.

use std::path::Path;
use std::process::Stdio;

use indexmap::IndexMap;

use super::request;
use crate::environment::{Environment, PathKind};
use crate::host::CommandRequest;
use crate::plan::{self, Inputs, Step};
use crate::run::ledger::Ledger;
use crate::source::SourceMap;

struct Nothing;

impl Environment for Nothing {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn path_kind(&self, _: &Path) -> Option<PathKind> {
        None
    }

    fn now(&self) -> std::time::SystemTime {
        std::time::SystemTime::UNIX_EPOCH
    }
}

/// The request for a step, with a value for the param `v`; or the codes of what is wrong with the file.
fn request_of(step: &str, value: &str) -> Result<CommandRequest, Vec<&'static str>> {
    let text = format!("cachelang 1\nparam v: string\nlet known = \"x\"\nwave w {{ {step} }}\n");
    let mut sources = SourceMap::new();
    let file = sources.add(".cachefile", "/p/.cachefile", &text);
    let (program, diagnostics) = crate::check(&mut sources, file, &Nothing);
    let errors: Vec<_> =
        diagnostics.iter().map(|one| one.code.as_str()).filter(|code| code.starts_with('E')).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let params = [("v".to_owned(), value.to_owned())].into_iter().collect();
    let inputs = Inputs { params: &params, environment: &Nothing };
    let (plan, _) = plan::plan(&mut sources, &program, &inputs).expect("the file can be planned");
    let Some(Step::Command(command)) = plan.waves[0].steps().next() else { panic!("a command") };
    Ok(request(command, IndexMap::new(), &Ledger::new(&plan)))
}

/// A step with a script, as it is written in a file.
fn sh(script: &str) -> String {
    let script = script.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
    format!("sh \"{}\"", script.replace('\n', "\\n").replace('\t', "\\t").replace('@', "${v}"))
}

/// What a request prints, with each of the shells that this machine has.
#[expect(clippy::disallowed_methods, reason = "the test needs a shell")]
fn outputs(request: &CommandRequest) -> Vec<String> {
    let shells: [&[&str]; 4] =
        [&["/bin/sh"], &["/bin/bash", "--posix"], &["/bin/bash"], &["/bin/busybox", "sh"]];
    let shells = shells.into_iter().filter(|shell| Path::new(shell[0]).exists());
    let run = |shell: &[&str]| {
        let output = std::process::Command::new(shell[0])
            .args(&shell[1..])
            .args(&request.arguments)
            .envs(&request.env)
            .current_dir("/")
            .stdin(Stdio::null())
            .output();
        let output = output.expect("a shell can be started");
        let text = String::from_utf8(output.stdout).expect("the output is UTF-8");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{shell:?} with {request:?}: {errors}");
        text
    };
    shells.map(run).collect()
}

const HOSTILE: &[&str] = &[
    "",
    " ",
    "plain",
    "two words",
    "it's",
    "\"; echo PWNED; \"",
    "'; echo PWNED; '",
    "x$(echo${IFS}PWNED)",
    "`echo PWNED`",
    "$HOME ${HOME} $$ $1",
    "\\",
    "\\\\\"\\$",
    "a\nEOF\necho PWNED\n#",
    "\nEOF\n",
    "* ? [a-z] ~ {a,b}",
    "#",
    ") ; echo PWNED; (",
    "}; echo PWNED; {",
    "-n",
    "() { :; }; echo PWNED",
    "a[$(echo PWNED >&2)]",
    "\u{1f680} \t tab\r",
    "$'a\\nb'",
    "&& echo PWNED || | ; < > &",
];

/// Scripts in which `@` is the hole, with what stands around the value in the output.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("printf '[%s]' @", "[", "]"),
    ("printf '[%s]' a@b", "[a", "b]"),
    ("printf '[%s]' 'a'@\"b\"", "[a", "b]"),
    ("printf '[%s]' 'a'\\''b'@", "[a'b", "]"),
    ("printf '[%s]' \\\\@", "[\\", "]"),
    ("printf '[%s]' \"@\"", "[", "]"),
    ("printf '[%s]' \"it's @ \\\"here\\\"\"", "[it's ", " \"here\"]"),
    ("printf '[%s]' \"a\\$@\"", "[a$", "]"),
    ("x=@; printf '[%s]' \"$x\"", "[", "]"),
    ("x=\"$(printf '%s.' @)\"; printf '[%s]' \"$x\"", "[", ".]"),
    ("printf '[%s]' \"$(printf '%s.' \"@\")\"", "[", ".]"),
    ("cat <<EOF\n@EOF\nEOF", "", "EOF\n"),
    ("cat <<-EOF\n\t[@] it's \"q\"\n\tEOF\n", "[", "] it's \"q\"\n"),
    ("cat <<'A' <<EOF\nit's\nA\n[@]\nEOF\nprintf end", "[", "]\nend"),
    ("cat <<EOF\n$(printf '%s.' @)\nEOF", "", ".\n"),
    ("f() { printf '[%s]' @; }; f other", "[", "]"),
    ("set -- one; shift; (printf '[%s]' @)", "[", "]"),
    ("if [ a = a ]; then printf '[%s]' @; fi", "[", "]"),
    ("case x in x) printf '[%s]' @;; esac", "[", "]"),
    ("i=$((1 + (2 * 3))); printf '%s[%s]' \"${i}\" @", "7[", "]"),
    ("a#b=1 2>/dev/null || printf '[%s]' @ # it's a comment", "[", "]"),
    ("true # it's @\nprintf '[%s]' @", "[", "]"),
    ("case @ in '') printf '[%s]' @;; @) printf '[%s]' @;; esac", "[", "]"),
    ("printf \\\n'[%s]' \\\n@", "[", "]"),
];

#[test]
fn a_program_gets_exactly_the_value() {
    for (script, before, after) in ALLOWED {
        for value in HOSTILE {
            let request = request_of(&sh(script), value)
                .unwrap_or_else(|codes| panic!("{script} is allowed, found {codes:?}"));
            assert_eq!(request.arguments, request_of(&sh(script), "other").expect("it is").arguments);
            for output in outputs(&request) {
                assert_eq!(output, format!("{before}{value}{after}"), "{script} with {value:?}");
            }
        }
    }
}

#[test]
fn a_comment_stays_one() {
    for value in HOSTILE {
        let request = request_of(&sh("printf a # it's @\nprintf b"), value).expect("it is allowed");
        outputs(&request).iter().for_each(|output| assert_eq!(output, "ab", "{value:?}"));
    }
}

#[test]
fn what_no_shell_takes_as_a_value_is_refused() {
    for script in [
        "echo '@'",
        "echo 'a\nb @'",
        "echo it's @",
        "echo \\@",
        "echo \"\\@\"",
        "echo `echo @`",
        "echo \"`echo @`\"",
        "echo `echo \\@`",
        "cat <<'EOF'\n@\nEOF",
        "cat <<\\EOF\n@\nEOF",
        "cat <<E\"O\"F\n@\nEOF",
        "cat <<EOF\n\\@\nEOF",
        "cat <<EOF\n@\n",
        "cat <<@\nx\nEOF",
        "cat <<EOF\nEO\\\nF\n@\nEOF",
        "cat <<EOF \"\n\" @\nEOF",
        "echo $@",
        "echo \"$@\"",
        "echo ${@}",
        "echo ${x:-@}",
        "echo \"${x:-@}\"",
        "echo \"${x:-'}\" @",
        "echo $((@))",
        "echo $((1 + @))",
        "echo $[@]",
        "((@))",
        "(\\\n(@))",
        "a[@]=1",
        "a[\"@\"]=1",
        "a[ b[1] + @ ]=1",
        "echo $'\\'' @",
        "echo \"@",
        "echo $(echo @",
        "echo \"$(echo @)",
        "echo $(case a in a) echo @;; esac)",
        "echo $(ca\\\nse a in a) echo @;; esac)",
        "echo $(cat <<EOF\n@\nEOF\n)",
        "echo $(echo a # it's )\n) @",
        "cat <<<@",
    ] {
        let found = request_of(&sh(script), "x").err().unwrap_or_default();
        assert!(!found.is_empty() && found.iter().all(|code| *code == "E0511"), "{script}: {found:?}");
    }
}

#[test]
fn scripts_behind_names_and_choices_have_holes_too() {
    let value = "x; echo PWNED";
    for step in [
        "sh (if known == \"x\" then \"printf '[%s]' ${v}\" else \"true\")",
        "sh (env(\"NONE\") ?? \"printf '[%s]' ${v}\")",
        "sh (env(\"NONE\") ?? env(\"NONE\") ?? (if known == \"x\" then \"printf '[%s]' ${v}\" else known))",
    ] {
        let request = request_of(step, value).expect("it is allowed");
        outputs(&request).iter().for_each(|output| assert_eq!(output, "[x; echo PWNED]", "{step}"));
    }
    for step in [
        "sh command }\nlet command = \"echo '${v}'\"\nwave later {",
        "sh (if known == \"y\" then \"echo '${v}'\" else \"true\")",
        "sh (env(\"NONE\") ?? \"echo '${v}'\")",
    ] {
        assert_eq!(request_of(step, value).err(), Some(vec!["E0511"]), "{step}");
    }
    let named = "sh command }\nlet command = \"printf '[%s]' ${v}\"\nwave later {";
    let request = request_of(named, value).expect("it is allowed");
    outputs(&request).iter().for_each(|output| assert_eq!(output, "[x; echo PWNED]"));
}

#[test]
fn deep_and_long_scripts_are_read_in_linear_time() {
    let many = 20_000;
    for text in ["$(", "\"$(", "(", "a[", "${x:-${", "cat <<E\n", "cat <<E;", "`", "\\\n", "a\\\n", "'a' "] {
        let script = text.repeat(many);
        assert_eq!(crate::shell::holes([Some(script.as_str()), None].into_iter()).len(), 1);
    }
    let holes = crate::shell::holes(std::iter::repeat_n([Some("a"), None], many).flatten());
    assert_eq!(holes.len(), many);
}
