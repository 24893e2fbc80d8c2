//! What must hold for any values of a file: checking and planning end, whatever their number.

use std::path::Path;

use cachelang::diag::{Diagnostic, Severity};
use cachelang::environment::{Environment, Nothing, PathKind};
use cachelang::plan::{self, Inputs};
use cachelang::source::SourceMap;
use indexmap::IndexMap;

/// The errors of checking and, if there are none, of planning.
fn errors(text: &str) -> Vec<Diagnostic> {
    let mut sources = SourceMap::new();
    let file = sources.add("test", "test", &format!("cachelang 1\n{text}"));
    let (program, mut found) = cachelang::check(&mut sources, file, &Nothing);
    found.retain(|one| one.severity() == Severity::Error);
    if !found.is_empty() {
        return found;
    }
    let params = IndexMap::new();
    let inputs = Inputs { params: &params, environment: &Nothing };
    plan::plan(&mut sources, &program, &inputs).err().unwrap_or_default()
}

fn codes(text: &str) -> Vec<&'static str> {
    errors(text).iter().map(|one| one.code.as_str()).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_long_chain_of_values_needs_no_deep_stack() {
    let chain = |last: &str, value: &dyn Fn(usize) -> String| -> String {
        let lets = (0..10_000).map(|index| format!("let v{index} = {}\n", value(index + 1)));
        lets.collect::<String>() + last
    };
    let next = |index: usize| format!("v{index}");
    assert_eq!(codes(&chain("let v10000 = \"x\"\n", &next)), NONE);
    assert_eq!(
        codes(&chain("let v10000 = env(\"X\") ?? \"a\"\n", &|index| format!("\"${{v{index}}}\""))),
        NONE
    );
    assert_eq!(codes(&chain("let v10000 = [\"x\"]\n", &|index| format!("v{index} + []"))), NONE);
    assert_eq!(codes(&chain("let v10000 = v0\n", &next)), ["E0207"]);
    assert_eq!(codes(&chain("let v10000 = 3\nlet bad = \"x\" + v0\n", &next)), ["E0301"]);
}

#[test]
fn lets_do_not_nest_values_without_end() {
    let nested = |count: usize, open: &str, close: &str| -> String {
        let next = (1..count).map(|index| format!("let v{index} = {open}v{}{close}\n", index - 1));
        std::iter::once("let v0 = [\"x\"]\n".to_owned()).chain(next).collect()
    };
    let uses = |last: usize| format!("let count = length(v{last})\n");
    assert_eq!(codes(&(nested(64, "[", "]") + &uses(63))), NONE);
    // Once, however many levels follow, and without a deep stack.
    for (open, close) in [("[", "]"), ("{ k = ", " }"), ("[x for x in [", "]]")] {
        assert_eq!(codes(&(nested(5_000, open, close) + &uses(4_999))), ["E0012"], "{open}");
    }
}

#[test]
fn many_cycles_are_reported_once() {
    let names: Vec<String> = (0..60).map(|index| format!("v{index}")).collect();
    let all = names.join(", ");
    let text: String = names.iter().map(|name| format!("let {name} = [{all}]\n")).collect();
    assert!(codes(&text).len() <= names.len(), "{:?}", codes(&text).len());
}

#[test]
fn the_longest_values_are_checked_and_evaluated() {
    for (operator, operand, ty) in [
        ("??", "env(\"X\")", "string?"),
        ("+", "[\"a\"]", "list"),
        ("&&", "flag", "bool"),
        ("||", "flag", "bool"),
    ] {
        let value = vec![operand; 120].join(&format!(" {operator} "));
        let text = format!("param flag: bool = true\nlet value = {value}\n");
        assert_eq!(codes(&text), NONE, "{ty}");
        let text = format!(
            "param flag: bool = true\nlet value = {}\n",
            vec![operand; 10_000].join(&format!(" {operator} "))
        );
        assert_eq!(codes(&text), ["E0012"], "{ty}");
    }
    let conditionals =
        format!("param flag: bool = true\nlet value = {}1\n", "if flag then 1 else ".repeat(120));
    assert_eq!(codes(&conditionals), NONE);
    // The shapes that nest most calls of the checker in one level of a value.
    for (open, close) in
        [("if ", " then true else false"), ("!", ""), ("lower(\"${", "}\") == \"x\""), ("[", "]")]
    {
        let depth = if close.contains(['"', ']']) { 15 } else { 120 };
        let text = format!("let value = {}true{}\n", open.repeat(depth), close.repeat(depth));
        assert_eq!(codes(&text), NONE, "{open}");
    }
}

#[test]
fn mistakes_with_values() {
    for (text, expected) in [
        // A param whose rule needs the param itself.
        ("param a: string = \"x\" { oneof = [a] }", vec!["E0207"]),
        ("param a: string = \"x\" { oneof = [b] }\nparam b: string = a", vec!["E0207"]),
        // Branches with one type in common.
        ("param c: bool = true\nlet a = if c then [] else [\"a\"]", vec![]),
        ("param c: bool = true\nlet a = if c then \"a\" else env(\"X\")", vec![]),
        ("param c: bool = true\nlet a = if c then env(\"X\") else \"a\"\nlet b = \"${a}\"", vec!["E0302"]),
        ("let a = [] + [\"a\"]", vec![]),
        ("let a = [env(\"X\"), \"a\"]", vec![]),
        ("let a = [[], [\"a\"], [1]]", vec!["E0304"]),
        // What an unset value may meet.
        ("let a = env(\"X\") == env(\"Y\")", vec![]),
        ("let a = \"x\" == env(\"Y\")", vec![]),
        ("let a = \"${env(\"X\") ?? env(\"Y\") ?? \"z\"}\"", vec![]),
        ("let a = \"${env(\"X\") ?? env(\"Y\")}\"", vec!["E0302"]),
        ("let a = !env(\"X\")", vec!["E0301"]),
        ("let a = env(\"X\") && true", vec!["E0301"]),
        ("let a = if env(\"X\") then 1 else 2", vec!["E0301"]),
        // Only values can be compared.
        ("image a { }\nlet b = a == a", vec!["E0301"]),
        ("secret a = env(\"X\")\nlet b = a == a", vec!["E0301"]),
        // One cause is reported once.
        ("let a = unknown\nlet b = \"${a}\" == a\nlet c = [a, a + a]", vec!["E0201"]),
        ("let a = b\nlet b = a\nlet c = a + b\nlet d = \"${c}\"", vec!["E0207"]),
        ("let a = 1\nlet a = \"x\"\nlet b = \"${a}\"", vec!["E0203"]),
    ] {
        assert_eq!(codes(text), expected, "{text}");
    }
}

/// Any one mistake in a real file is a few reports at most, whichever pass finds it.
#[test]
fn one_wrong_token_is_not_many_reports() {
    let text = include_str!("../../examples/lambda/.cachefile").trim_start_matches("cachelang 1");
    let tokens = crate::syntax::tokens(text);
    for index in 0..tokens.len() {
        for replacement in ["", "x"] {
            let mut changed = tokens.clone();
            *changed.get_mut(index).expect("the index is one of them") = replacement;
            let mut found = errors(&changed.concat());
            // What the parser reports is counted by the tests of the syntax.
            found.retain(|one| !["E00", "E01"].iter().any(|family| one.code.as_str().starts_with(family)));
            assert!(found.len() <= 3, "{} reports:\n{}\n{found:#?}", found.len(), changed.concat());
        }
    }
}

#[test]
fn values_that_use_values_twice_are_looked_at_once() {
    // Followed through every use, these would be 2^60 steps.
    let doubled = |value: &dyn Fn(usize) -> String, last: &str| -> String {
        let lets = (0..60).map(|index| format!("let v{index} = {}\n", value(index + 1)));
        lets.collect::<String>() + &format!("let v60 = {last}\n")
    };
    let rest = "registry r {\n kind = \"oci\"\n host = \"h\"\n}\nrepository app { registry = r }\n\
                image api { tags = [app:v0] }\nwave w { push api }\n";
    let text = doubled(&|next| format!("if true then v{next} else \"${{v{next}}}${{v{next}}}\""), "\"x\"");
    assert_eq!(codes(&(text + rest)), ["E0411"], "only the folder is missing");
}

#[test]
fn values_stop_growing() {
    let growing = |value: &dyn Fn(usize) -> String, last: &str| -> String {
        let lets = (0..40).map(|index| format!("let v{index} = {}\n", value(index + 1)));
        lets.collect::<String>() + &format!("let v40 = {last}\n")
    };
    let text = "\"0123456789\"";
    for (value, last) in [
        ("\"${NEXT}${NEXT}\"", text),
        ("NEXT + NEXT", "[\"x\"]"),
        ("[NEXT, NEXT]", "[\"x\"]"),
        ("{ A = NEXT, B = NEXT }", "{ A = \"x\" }"),
        ("replace(NEXT, \"0\", NEXT)", text),
        ("join([NEXT, NEXT], NEXT)", text),
        ("join(split(NEXT, \"\"), NEXT)", text),
    ] {
        let text = growing(&|next| value.replace("NEXT", &format!("v{next}")), last);
        assert_eq!(codes(&text), ["E0312"], "{value}");
    }
}

/// A file of a few hundred bytes must not keep a machine busy, whatever it multiplies.
#[test]
fn evaluation_ends() {
    let digits = "let digits = split(\"0123456789abcdefghijklmnopqrstuvwxyz\", \"\")\n";
    let nested = |depth: usize, inner: &str| -> String {
        let fors: Vec<_> = (0..depth).map(|index| format!(" for v{index} in digits]")).collect();
        format!("{}{inner}{}", "[".repeat(depth), fors.concat())
    };
    for text in [
        format!("{digits}let a = {}\n", nested(14, "v0")),
        format!("{digits}let a = {}\n", nested(14, "[c for c in digits if c == \"none\"]")),
        // Large values that are copied for each item and then thrown away.
        format!(
            "{digits}let big = join([join(digits, v) for v in [join([w for w in digits], x) for x in digits]], \"\")\n\
             let a = {}\n",
            nested(4, "length([big, big, big, big])")
        ),
        "let list = split(\"0,1,2,3,4,5,6,7,8,9,a,b,c,d,e,f\", \",\")\n\
         image api for a in list, b in list, c in list, d in list { }\nwave w { build api }\n"
            .to_owned(),
    ] {
        let started = std::time::Instant::now();
        assert_eq!(codes(&text), ["E0312"], "{text}");
        assert!(started.elapsed().as_secs() < 30, "{:?}: {text}", started.elapsed());
    }
}

/// Runs where the stack is as small as that of a thread.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread =
        std::thread::Builder::new().stack_size(2 << 20).spawn(test).expect("a thread can be started");
    thread.join().expect("the test ends well");
}

#[test]
fn templates_of_any_number_are_merged() {
    on_a_small_stack(|| {
        let chain = |count: usize| -> String {
            let templates = (0..count).map(|index| {
                format!("template t{index} extends t{} {{ args = {{ A{index} = \"x\" }} }}\n", index + 1)
            });
            let last = format!(
                "template t{count} {{ pull = true }}\nimage api extends t0 {{ context = \"x\" }}\nwave w {{ build api }}\n"
            );
            templates.collect::<String>() + &last
        };
        assert_eq!(codes(&chain(63)), ["E0411"], "only the folder is missing");
        assert_eq!(codes(&chain(10_000)), ["E0012"]);
        let circle = chain(10_000).replace("{ pull = true }", "extends_");
        let circle = circle.replace("template t10000 extends_", "template t10000 extends t0 { pull = true }");
        assert_eq!(codes(&circle), ["E0207"]);
        // Each doubles what it extends, if nothing is shared.
        let doubling: String = (0..60)
            .map(|index| {
                let next = index + 1;
                format!(
                    "template a{index} extends a{next}, b{next} {{ args = {{ A = \"x\" }} }}\n\
                     template b{index} extends a{next}, b{next} {{ args = {{ B = \"x\" }} }}\n"
                )
            })
            .collect();
        let last = "template a60 { args = { C = \"x\" } }\ntemplate b60 { args = { D = \"x\" } }\n\
                    image api extends a0, b0 { context = \"x\" }\nwave w { build api }\n";
        assert_eq!(codes(&(doubling + last)), ["E0411"], "only the folder is missing");
    });
}

#[test]
fn ten_thousand_images_are_planned() {
    let images: String = (0..10_000)
        .map(|index| {
            format!(
                "image i{index} extends common {{\n  tags = [app:\"i{index}-${{commit}}\", app:\"i{index}\"]\n  \
                 args = {{ A = commit, B = index }}\n  contexts = {{ base = base }}\n}}\n"
            )
        })
        .collect();
    let names: Vec<_> = (0..10_000).map(|index| format!("i{index}")).collect();
    let text = format!(
        "param commit: string = \"x\"\nlet index = 1\nregistry r {{\n kind = \"oci\"\n host = \"h\"\n}}\n\
         repository app {{ registry = r }}\ntemplate common {{ args = {{ C = commit }} }}\n\
         image base {{ tags = [app:\"base\"] }}\n{images}\
         wave w {{ push base, {} }}\n",
        names.join(", "),
    );
    let started = std::time::Instant::now();
    let found = codes(&text);
    assert!(found.iter().all(|code| *code == "E0411"), "only the folders are missing: {:?}", found.first());
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

struct WithSecret;

impl Environment for WithSecret {
    fn var(&self, name: &str) -> Option<String> {
        (name == "PASSWORD").then(|| "hunter2-value".to_owned())
    }

    fn path_kind(&self, path: &Path) -> Option<PathKind> {
        Some(if path.ends_with("Dockerfile") { PathKind::File } else { PathKind::Folder })
    }

    fn now(&self) -> std::time::SystemTime {
        std::time::SystemTime::UNIX_EPOCH
    }
}

#[test]
fn a_plan_has_no_value_of_a_secret() {
    let text = "cachelang 1\nsecret password = env(\"PASSWORD\")\n\
                registry main {\n kind = \"oci\"\n host = \"h\"\n username = \"u\"\n password = password\n}\n\
                repository app { registry = main }\nimage api { tags = [app:\"x\"] }\nwave w { push api }\n";
    let mut sources = SourceMap::new();
    let file = sources.add("test", "test", text);
    let (program, _) = cachelang::check(&mut sources, file, &Nothing);
    let params = IndexMap::new();
    let inputs = Inputs { params: &params, environment: &WithSecret };
    let (plan, _) = plan::plan(&mut sources, &program, &inputs).expect("the file has no mistake");
    let json = serde_json::to_string(&plan).expect("plans can be written as JSON");
    for shown in [json, format!("{plan:?}")] {
        assert!(shown.contains("PASSWORD"), "the plan says where the secret is: {shown}");
        assert!(!shown.contains("hunter2-value"), "{shown}");
    }
}

#[test]
fn many_stages_and_images_are_checked() {
    let registry = "registry r {\n kind = \"oci\"\n host = \"h\"\n}\nrepository app { registry = r }\n";
    let image = |index: usize| {
        format!("image i{index} {{\n dockerfile_inline = \"FROM scratch\"\n tags = [app:\"t{index}\"]\n}}\n")
    };
    let stage = |index: usize| {
        let after = if index == 0 { String::new() } else { format!("after s{} ", index - 1) };
        format!(
            " stage s{index} {after}{{ push i{index}; run \"x\" i0.ref i{index}.ref i{}.ref }}\n",
            index / 2
        )
    };
    let images: String = (0..1_000).map(image).collect();
    let stages: String = (0..1_000).map(stage).collect();
    let text = format!("{registry}{images}wave w {{\n{stages} post {{ run \"x\" i999.ref }}\n}}\n");
    assert_eq!(only(&codes(&text), "E0411"), NONE, "the context is not there, and nothing else is wrong");
    let images: String = (0..10_000).map(image).collect();
    let names: Vec<_> = (0..10_000).map(|index| format!("i{index}")).collect();
    let text = format!("{registry}{images}wave w {{ push {} }}\n", names.join(", "));
    assert_eq!(only(&codes(&text), "E0411"), NONE);
    let regions: Vec<_> = (0..1_000).map(|index| format!("\"r{index}\"")).collect();
    let list = regions.join(", ");
    let text = format!(
        "{registry}let all = [{list}]\nimage i for x in all {{\n dockerfile_inline = \"FROM scratch\"\n \
         tags = [app:x]\n}}\nwave w {{\n stage a for x in all {{ push i[x]; run \"x\" i[x].ref }}\n \
         stage b for x in all after a {{ run \"x\" i[x].ref i[\"r7\"].ref }}\n}}\n"
    );
    assert_eq!(only(&codes(&text), "E0411"), NONE);
}

/// The first codes besides one.
fn only(codes: &[&'static str], except: &str) -> Vec<&'static str> {
    codes.iter().copied().filter(|code| *code != except).take(3).collect()
}
