//! Functions and values of an embedding program.

use cachelang::diag::{Diagnostic, render};
use cachelang::environment::Nothing;
use cachelang::language::{Language, LanguageError, Type, Value};
use cachelang::plan::{Inputs, Plan, plan};
use cachelang::source::SourceMap;
use expect_test::{Expect, expect};
use indexmap::IndexMap;

fn language() -> Language {
    let owner = |arguments: &[Value]| match arguments {
        [Value::String(service)] if service.is_empty() => Err("no service\nwithout a name".to_owned()),
        [Value::String(service)] => Ok(format!("{service}@example.com").into()),
        other => Err(format!("not declared like that: {other:?}")),
    };
    let list_of_strings = || Type::List(Box::new(Type::String));
    Language::new()
        .with_value("team", Type::String, "payments")
        .and_then(|language| language.with_value("regions", list_of_strings(), vec!["eu", "us"]))
        .and_then(|language| language.with_function("owner", [Type::String], Type::String, owner))
        .and_then(|language| {
            language.with_function("services", [], list_of_strings(), |_| Ok(vec!["api", "cron"].into()))
        })
        .and_then(|language| language.with_function("broken", [], Type::Int, |_| Ok("no number".into())))
        .expect("the names are free")
}

fn planned(text: &str) -> (SourceMap, Result<Plan, Vec<Diagnostic>>) {
    let mut sources = SourceMap::new();
    let file = sources.add(".cachefile", ".cachefile", text);
    let (program, found) = language().check(&mut sources, file, &Nothing);
    if !found.is_empty() {
        return (sources, Err(found));
    }
    let inputs = Inputs { params: &IndexMap::new(), environment: &Nothing };
    let result = plan(&mut sources, &program, &inputs);
    (sources, result.map(|(plan, _)| plan))
}

#[track_caller]
fn fails(text: &str, expected: Expect) {
    let (sources, result) = planned(text);
    let found = result.expect_err("it is wrong");
    expected.assert_eq(&render::human(&sources, &found, render::Style::PLAIN));
}

#[test]
fn functions_and_values_are_used_like_others() {
    let text = r#"cachelang 1
wave w {
  run "notify" owner(team) "${owner("${team}-${join(regions, "+")}")}"
  run "deploy" { env = { SERVICES = join([upper(s) for s in services()], " ") } }
}
"#;
    let (_, result) = planned(text);
    let json = serde_json::to_value(result.expect("it is right")).expect("a plan can be written");
    expect![[r#"
        [{"name":"owner(\"payments\")","source":"the embedding program","value":"payments@example.com"},{"name":"owner(\"payments-eu+us\")","source":"the embedding program","value":"payments-eu+us@example.com"},{"name":"services()","source":"the embedding program","value":"[\"api\", \"cron\"]"}]
        [[{"literal":"notify"}],[{"literal":"payments@example.com"}],[{"literal":"payments-eu+us@example.com"}]]
        {"SERVICES":[{"literal":"API CRON"}]}"#]]
    .assert_eq(&format!(
        "{}\n{}\n{}",
        json["inputs"], json["waves"][0]["steps"][0]["program"]["run"], json["waves"][0]["steps"][1]["env"]
    ));
}

#[test]
fn an_item_of_the_file_wins_over_a_value() {
    let (_, result) = planned("cachelang 1\nlet team = \"own\"\nwave w { run \"x\" team }\n");
    let plan = serde_json::to_string(&result.expect("it is right").waves).expect("a plan can be written");
    assert!(plan.contains("own") && !plan.contains("payments"), "{plan}");
}

#[test]
fn their_types_are_checked() {
    fails(
        "cachelang 1\nwave w { run \"x\" owner(regions) ownr(\"x\") owner() }\n",
        expect![[r#"
        error[E0301]: an argument of `owner` must be `string`, found `list<string>`
           ╭─[.cachefile:2:24]
         1 │ cachelang 1
         2 │ wave w { run "x" owner(regions) ownr("x") owner() }
           ·                        ───┬───
           ·                           ╰── this is a `list<string>`
           ╰────
          help: join the items: `join(regions, ",")`

        error[E0201]: no function named `ownr`
           ╭─[.cachefile:2:33]
         1 │ cachelang 1
         2 │ wave w { run "x" owner(regions) ownr("x") owner() }
           ·                                 ──┬─
           ·                                   ╰── unknown function
           ╰────
          help: a function with a similar name exists: `owner`

        error[E0208]: `owner` takes 1 argument but none was given
           ╭─[.cachefile:2:43]
         1 │ cachelang 1
         2 │ wave w { run "x" owner(regions) ownr("x") owner() }
           ·                                           ───┬───
           ·                                              ╰── no arguments
           ╰────
          note: `owner(string) -> string`
          help: write `owner("…")`

        3 errors in .cachefile
    "#]],
    );
}

#[test]
fn a_failure_is_said_where_the_function_is_called() {
    fails(
        "cachelang 1\nwave w { run \"x\" owner(\"\") \"${broken()}\" }\n",
        expect![[r#"
        error[E0208]: `owner` failed: no service\nwithout a name
           ╭─[.cachefile:2:18]
         1 │ cachelang 1
         2 │ wave w { run "x" owner("") "${broken()}" }
           ·                  ────┬────
           ·                      ╰── called here
           ╰────
          note: `owner` is a function of the program that runs this file

        error[E0208]: `broken` failed: the embedding program returned a value that is not of the type `int`
           ╭─[.cachefile:2:31]
         1 │ cachelang 1
         2 │ wave w { run "x" owner("") "${broken()}" }
           ·                               ────┬───
           ·                                   ╰── called here
           ╰────
          note: `broken` is a function of the program that runs this file

        2 errors in .cachefile
    "#]],
    );
}

#[test]
fn names_that_mean_something_are_refused() {
    let add = |name: &str| language().with_value(name, Type::Bool, true).map(|_| ());
    for name in ["owner", "team", "env", "cache", "git", "true", "import"] {
        assert_eq!(add(name), Err(LanguageError::Taken { name: name.to_owned() }));
    }
    for name in ["", "1st", "a-b", "é"] {
        assert_eq!(add(name), Err(LanguageError::NotAName { name: name.to_owned() }));
    }
    let wrong =
        Language::new().with_value("n", Type::Int, "one").map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(wrong, Err("the value of `n` is not of the type `int`".to_owned()));
}
