//! Lifecycle policies: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html>

use std::time::Duration;

use serde_json::{Value, json};

use crate::plan::{Lifecycle, duration_text};

const DAY: u64 = 24 * 60 * 60;

/// The rules of a policy, the one first that is applied first. Priorities and descriptions are left out: they say
/// nothing of what happens to images.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Policy {
    rules: Vec<Value>,
}

impl Policy {
    /// `None` if no rule is wanted: what the registry has is then not looked at.
    pub(super) fn wanted(lifecycle: &Lifecycle) -> Option<Self> {
        // A rule for `any` images must come last.
        let untagged = lifecycle.untagged_after.map(|age| untagged_rule(age.as_secs().div_ceil(DAY)));
        let rules: Vec<_> = untagged.into_iter().chain(lifecycle.keep_last.map(count_rule)).collect();
        (!rules.is_empty()).then_some(Self { rules })
    }

    /// That of a policy's text. One that cannot be understood is one rule, which is equal to no other.
    pub(super) fn parse(text: &str) -> Self {
        let parsed: Option<Value> = serde_json::from_str(text).ok();
        let rules = parsed.as_ref().and_then(|policy| policy.get("rules")?.as_array()).cloned();
        let mut rules = rules.unwrap_or_else(|| vec![Value::String(text.to_owned())]);
        rules.sort_by_key(|rule| rule.get("rulePriority").and_then(Value::as_u64));
        for rule in rules.iter_mut().filter_map(Value::as_object_mut) {
            rule.remove("rulePriority");
            rule.remove("description");
        }
        Self { rules }
    }

    /// The text of the policy.
    pub(super) fn to_text(&self) -> String {
        let rules = self.rules.iter().enumerate().map(|(index, rule)| {
            let mut rule = rule.clone();
            if let Some(rule) = rule.as_object_mut() {
                rule.insert("rulePriority".to_owned(), Value::from(index + 1));
                rule.insert("description".to_owned(), Value::from("set by cachelang"));
            }
            rule
        });
        json!({ "rules": rules.collect::<Vec<_>>() }).to_string()
    }

    /// In the words of the language, if it has words for all rules.
    pub(super) fn words(&self) -> String {
        let words: Option<Vec<_>> = self.rules.iter().map(rule_words).collect();
        match (words, self.rules.len()) {
            (Some(words), 1..) => format!("{{ {} }}", words.join(", ")),
            (_, 0) => "not set".to_owned(),
            (None, 1) => "a rule of another kind".to_owned(),
            (None, count) => format!("{count} rules, some of another kind"),
        }
    }
}

fn untagged_rule(days: u64) -> Value {
    json!({
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": days,
        },
        "action": { "type": "expire" },
    })
}

fn count_rule(count: u32) -> Value {
    json!({
        "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count },
        "action": { "type": "expire" },
    })
}

/// `None` for a rule that the language does not have.
fn rule_words(rule: &Value) -> Option<String> {
    let number = rule.get("selection")?.get("countNumber")?.as_u64()?;
    if *rule == untagged_rule(number) {
        let age = Duration::from_secs(number.checked_mul(DAY)?);
        return Some(format!("untagged_after = {}", duration_text(age)));
    }
    let count = u32::try_from(number).ok()?;
    (*rule == count_rule(count)).then(|| format!("keep_last = {count}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(keep_last: Option<u32>, days: Option<u64>) -> Option<Policy> {
        let untagged_after = days.map(|days| Duration::from_secs(days * DAY));
        Policy::wanted(&Lifecycle { keep_last, untagged_after })
    }

    #[test]
    fn the_text_means_what_was_wanted() {
        let policy = wanted(Some(50), Some(7)).expect("there are rules");
        assert_eq!(Policy::parse(&policy.to_text()), policy);
        assert_eq!(policy.words(), "{ untagged_after = 7d, keep_last = 50 }");
        let first: Value = serde_json::from_str(&policy.to_text()).expect("it is JSON");
        assert_eq!(first["rules"][0]["rulePriority"], 1);
        assert_eq!(first["rules"][1]["selection"]["tagStatus"], "any");
        assert_eq!(wanted(None, None), None);
    }

    #[test]
    fn order_blanks_numbers_and_descriptions_do_not_matter() {
        let text = r#"{ "rules" : [
            { "rulePriority": 90, "action": { "type": "expire" },
              "selection": { "countNumber": 50, "tagStatus": "any", "countType": "imageCountMoreThan" } },
            { "rulePriority": 10, "description": "by hand", "action": { "type": "expire" },
              "selection": { "countUnit": "days", "countNumber": 7, "countType": "sinceImagePushed",
                             "tagStatus": "untagged" } } ] }"#;
        assert_eq!(Some(Policy::parse(text)), wanted(Some(50), Some(7)));
    }

    #[test]
    fn other_policies_are_told_apart() {
        let other = r#"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"tagged","tagPrefixList":["v"],
            "countType":"imageCountMoreThan","countNumber":5},"action":{"type":"expire"}}]}"#;
        assert_eq!(Policy::parse(other).words(), "a rule of another kind");
        assert_eq!(Policy::parse("not JSON").words(), "a rule of another kind");
        assert_eq!(Policy::default().words(), "not set");
        assert_ne!(Some(Policy::parse(other)), wanted(Some(5), None));
    }
}
