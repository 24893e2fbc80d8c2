//! `docs/plan-schema.md` describes every key of a plan, and no other.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

/// What stands at several places and is described once.
const SHARED: [(&str, &str); 18] = [
    ("waves[].pre[]", "steps[]"),
    ("waves[].post[]", "steps[]"),
    ("waves[].stages[].steps[]", "steps[]"),
    ("waves[].steps[]", "steps[]"),
    ("steps[].question[]", "text[]"),
    ("steps[].program.run[][]", "text[]"),
    ("steps[].program.sh[].word[]", "text[]"),
    ("steps[].program.sh[].quoted[]", "text[]"),
    ("steps[].env{}[]", "text[]"),
    ("waves[].stages[].env{}[]", "text[]"),
    ("steps[].env{}.secret", "secret"),
    ("waves[].stages[].env{}.secret", "secret"),
    ("images[].secrets{}", "secret"),
    ("registries[].password", "secret"),
    ("images[].context", "context"),
    ("images[].contexts{}", "context"),
    ("images[].cache.automatic", "tag"),
    ("steps[].to[]", "images[].tags[]"),
];
/// The same, by their ends.
const SHARED_ENDS: [(&str, &str); 2] = [(".from[].registry", "tag"), (".to[].registry.tag", "tag")];

/// The paths of all keys, those of `maps` with `{}` in place of what the user writes.
fn keys(value: &Value, path: &str, maps: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    let whole = SHARED.iter().find(|(from, _)| *from == path);
    let path =
        whole.or_else(|| SHARED_ENDS.iter().find(|(end, _)| path.ends_with(end))).map_or(path, |(_, to)| to);
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let key =
                    if maps.contains(&format!("{path}{{}}")) { "{}".to_owned() } else { format!(".{key}") };
                let inner = format!("{path}{key}");
                let inner = inner.trim_start_matches('.').to_owned();
                found.insert(inner.clone());
                keys(value, &inner, maps, found);
            }
        }
        Value::Array(items) => {
            items.iter().for_each(|item| keys(item, &format!("{path}[]"), maps, found));
        }
        _ => {}
    }
}

#[test]
fn every_key_is_documented() {
    let document = fs::read_to_string("docs/plan-schema.md").expect("the document is there");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let documented: BTreeSet<String> = rows.map(str::to_owned).collect();
    let golden = fs::read_to_string("tests/golden/plan/good-everything/out.txt").expect("the case is there");
    let json = golden.find("\n{").map_or(golden.as_str(), |at| golden.get(at..).unwrap_or_default());
    let plan: Value = serde_json::from_str(json).expect("the case ends with a plan");
    let maps = documented.iter().filter(|path| path.ends_with("{}")).cloned().collect();
    let mut found = BTreeSet::new();
    keys(&plan, "", &maps, &mut found);
    let missing: Vec<_> = found.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&found).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not documented: {missing:#?}\nnot in the plan: {gone:#?}"
    );
}
