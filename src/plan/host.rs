//! Calls of functions of the embedding program, and their values.

use std::sync::Arc;

use super::errors;
use super::eval::{Evaluator, Value};
use super::limits::Size;
use super::value::{listed, quoted};
use crate::check::program::Expr;
use crate::language::{self, Function};
use crate::source::Span;

impl Evaluator<'_> {
    /// Asks the embedding program. What it says may be another thing in the next run, so the plan lists it.
    pub(super) fn call_host(&self, function: &Arc<Function>, arguments: &[Expr], span: Span) -> Value {
        let arguments: Option<Vec<_>> =
            arguments.iter().map(|argument| to_host(&self.value(argument))).collect();
        // What has no value was reported.
        let Some(arguments) = arguments else { return Value::Error };
        match function.call(&arguments) {
            Ok(value) => {
                let texts: Vec<_> = arguments.iter().map(written).collect();
                let name = format!("{}({})", function.name, texts.join(", "));
                self.note(name, Some(listed(&text(&value))), "the embedding program");
                let value = from_host(value);
                let size = Size::of(&value);
                if self.exceeds(size, span) || self.spend(size.steps(), span) {
                    return Value::Error;
                }
                self.made(value, span)
            }
            Err(reason) => {
                self.report(errors::host_function_failed(&function.name, &reason, span));
                Value::Error
            }
        }
    }
}

fn to_host(value: &Value) -> Option<language::Value> {
    Some(match value {
        Value::String(text) => language::Value::String(text.clone()),
        Value::Int(number) => language::Value::Int(*number),
        Value::Bool(value) => language::Value::Bool(*value),
        Value::List(items) => language::Value::List(items.iter().map(to_host).collect::<Option<_>>()?),
        Value::Map(entries) => {
            let entry = |(key, value): (&String, &Value)| Some((key.clone(), to_host(value)?));
            language::Value::Map(entries.iter().map(entry).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn from_host(value: language::Value) -> Value {
    match value {
        language::Value::String(text) => Value::String(text),
        language::Value::Int(number) => Value::Int(number),
        language::Value::Bool(value) => Value::Bool(value),
        language::Value::List(items) => Value::list(items.into_iter().map(from_host).collect()),
        language::Value::Map(entries) => {
            Value::Map(Arc::new(entries.into_iter().map(|(key, value)| (key, from_host(value))).collect()))
        }
    }
}

/// A value as it would be written.
fn written(value: &language::Value) -> String {
    match value {
        language::Value::String(text) => quoted(text),
        other => text(other),
    }
}

fn text(value: &language::Value) -> String {
    match value {
        language::Value::String(text) => text.clone(),
        language::Value::Int(number) => number.to_string(),
        language::Value::Bool(value) => value.to_string(),
        language::Value::List(items) => {
            format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", "))
        }
        language::Value::Map(entries) => {
            let entry =
                |(key, value): (&String, &language::Value)| format!("{} = {}", quoted(key), written(value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}
