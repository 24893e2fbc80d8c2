//! What differs between two plans as JSON.

use serde_json::{Map, Value};

/// The most that is said.
const MOST: usize = 5;
/// Characters of a value that are shown.
const SHOWN: usize = 60;

/// The differences in words, at most five.
pub(super) fn of(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", old, new, &mut found);
    // What came from outside is the cause of what else differs.
    found.sort_by_key(|difference| !difference.starts_with("`inputs"));
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

fn compare(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    if old == new {
        return;
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
                let value = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                compare(&below(key), &value(old), &value(new), found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                let path = match (name(old), name(new)) {
                    (Some(old), Some(new)) if old == new => below(old),
                    _ => format!("{path}[{index}]"),
                };
                compare(&path, old, new, found);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            found.push(format!("`{path}` had {} entries, has {}", old.len(), new.len()));
        }
        _ => found.push(format!("`{path}` was {}, is {}", shown(old), shown(new))),
    }
}

/// What an item of a list is called.
fn name(value: &Value) -> Option<&str> {
    value.get("name").or_else(|| value.get("item")).and_then(Value::as_str)
}

fn shown(value: &Value) -> String {
    let text = if value.is_null() { "not set".to_owned() } else { value.to_string() };
    if text.chars().count() <= SHOWN {
        return text;
    }
    format!("{}…", text.chars().take(SHOWN).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;

    #[test]
    fn differences_have_names() {
        let old = json!({"inputs": [{"name": "param commit", "value": "a"}], "waves": [1, 2], "same": [1]});
        let new = json!({"inputs": [{"name": "param commit", "value": "b"}], "waves": [1], "same": [1], "more": true});
        assert_eq!(
            of(&old, &new),
            [
                "`inputs.param commit.value` was \"a\", is \"b\"",
                "`waves` had 2 entries, has 1",
                "`more` was not set, is true"
            ]
        );
        assert_eq!(of(&json!(vec![0; 9]), &json!(vec![1; 9])).last().map(String::as_str), Some("and 4 more"));
    }
}
