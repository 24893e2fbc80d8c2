//! Values of expressions: [`Expr`] → [`Value`].

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use regex::Regex;

use super::errors::Origin;
use super::families::{Family, Found};
use super::limits::{MAX_TEXT, Size};
use super::{
    Bucket, BuilderId, CacheMode, ImageId, Input, Inputs, RegistryId, RepositoryId, ScriptPiece, Tag, Text,
    TextPiece,
};
use super::{errors, families, functions};
use crate::check::functions::Function;
use crate::check::program::{self, CacheMethod, DeferredField, Expr, ExprKind, Part, SecretId, ValueId};
use crate::check::types::Type;
use crate::check::{Program, literal_text};
use crate::diag::Diagnostic;
use crate::environment::GitFact;
use crate::source::Span;
use crate::syntax::ast::BinaryOperator;

/// A value of the language.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Of a `T?` that has none; an attribute with it is absent.
    Unset,
    String(String),
    Int(i64),
    Bool(bool),
    Duration(Duration),
    Size(u64),
    List(Vec<Value>),
    Map(IndexMap<String, Value>),
    Secret(SecretId),
    Registry(RegistryId),
    Repository(RepositoryId),
    /// `varies`: its text can be another one in another run; `span`: where it is written.
    Tag {
        tag: Tag,
        varies: bool,
        span: Span,
    },
    /// Resolved, so that a family is several.
    Images(Vec<ImageId>),
    Builder(BuilderId),
    /// The URL of a repository.
    GitContext(String),
    Cache {
        place: CachePlace,
        mode: CacheMode,
    },
    /// Was reported.
    Error,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum CachePlace {
    Inline,
    Registry(Tag),
    Local(PathBuf),
    Gha { scope: Option<String> },
    S3(Bucket),
}

/// Evaluates the expressions of one program, each param and let at most once.
pub(super) struct Evaluator<'a> {
    program: &'a Program,
    inputs: &'a Inputs<'a>,
    values: Vec<OnceCell<Value>>,
    /// Which of them can differ from run to run.
    varying: Vec<bool>,
    /// The values of the names that the `for`s around bind, and whether they vary.
    pub(super) locals: RefCell<Vec<(Value, bool)>>,
    pub(super) families: OnceCell<Vec<Family>>,
    pub(super) found: RefCell<Vec<Found>>,
    /// By name, so that a variable that is read twice is listed once.
    read: RefCell<IndexMap<String, Input>>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(program: &'a Program, inputs: &'a Inputs<'a>) -> Self {
        let mut evaluator = Self {
            program,
            inputs,
            varying: vec![false; program.values.len()],
            values: program.values.iter().map(|_| OnceCell::new()).collect(),
            locals: RefCell::new(vec![(Value::Error, false); program.locals]),
            families: OnceCell::new(),
            found: RefCell::default(),
            read: RefCell::default(),
        };
        for id in &program.order {
            let item = program.values.get(id.0);
            let varies = item.is_some_and(|item| {
                item.param.is_some() || item.expr.as_ref().is_some_and(|expr| evaluator.varies(expr))
            });
            if let Some(slot) = evaluator.varying.get_mut(id.0) {
                *slot = varies;
            }
        }
        evaluator
    }

    pub(super) fn program(&self) -> &'a Program {
        self.program
    }

    pub(super) fn inputs(&self) -> &'a Inputs<'a> {
        self.inputs
    }

    pub(super) fn report(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(Found { diagnostic, members: Vec::new() });
    }

    /// What was found and what was read from outside.
    pub(super) fn finish(self) -> (Vec<Diagnostic>, Vec<Input>) {
        (families::gather(self.found.into_inner()), self.read.into_inner().into_values().collect())
    }

    /// The value of an expression whose every part is known before the run.
    pub(super) fn value(&self, expr: &Expr) -> Value {
        match &expr.kind {
            ExprKind::String(parts) => self.string(parts, expr.span),
            ExprKind::Int(value) => Value::Int(*value),
            ExprKind::Bool(value) => Value::Bool(*value),
            ExprKind::Duration(value) => Value::Duration(*value),
            ExprKind::Size(value) => Value::Size(*value),
            ExprKind::List(items) => self.list(items, expr.span),
            ExprKind::Map(entries) => self.map(entries, expr.span),
            ExprKind::Value(id) => self.named(*id),
            ExprKind::Secret(id) => Value::Secret(*id),
            ExprKind::Registry(id) => Value::Registry(RegistryId(id.0)),
            ExprKind::Repository(id) => Value::Repository(RepositoryId(id.0)),
            ExprKind::Call { function, arguments } => self.call(*function, arguments, expr.span),
            ExprKind::Tag { repository, tag } => self.tag(repository, tag, expr.span),
            ExprKind::Cache { method, arguments } => self.cache(*method, arguments),
            ExprKind::Builder(id) => Value::Builder(BuilderId(id.0)),
            ExprKind::Local(id) => self.local(*id).0,
            ExprKind::Image(image) => self.images(image).map_or(Value::Error, Value::Images),
            ExprKind::Git(fact) => self.git(*fact, expr.span),
            ExprKind::Index { base, index } => self.index(base, index),
            ExprKind::Comprehension { value, binder, condition } => {
                self.comprehension(value, binder, condition.as_deref(), expr.span)
            }
            ExprKind::Merged(first, second) => self.merged(first, second, expr.span),
            ExprKind::If { condition, then, otherwise } => match self.value(condition) {
                Value::Bool(true) => self.value(then),
                Value::Bool(false) => self.value(otherwise),
                _ => Value::Error,
            },
            ExprKind::Not(inner) => match self.value(inner) {
                Value::Bool(value) => Value::Bool(!value),
                _ => Value::Error,
            },
            ExprKind::Binary { operator, left, right } => self.binary(*operator, left, right, expr.span),
            ExprKind::Text(inner) => match self.value(inner) {
                Value::Int(value) => Value::String(value.to_string()),
                Value::Bool(value) => Value::String(value.to_string()),
                other => other,
            },
            ExprKind::Deferred { .. } => {
                self.report(errors::not_known_before_the_run(expr.span));
                Value::Error
            }
            ExprKind::Error => Value::Error,
        }
    }

    /// The value of a text that may hold what only the run knows.
    pub(super) fn text(&self, expr: &Expr) -> Text {
        let mut text = LimitedText::default();
        self.append(expr, &mut text);
        self.exceeds(Size::text(text.length), expr.span);
        text.text
    }

    /// Adds a text; `false` if it is unset.
    fn append(&self, expr: &Expr, text: &mut LimitedText) -> bool {
        match &expr.kind {
            ExprKind::Deferred { image, field } => {
                let ids = self.images(image).unwrap_or_default();
                text.text.0.extend(ids.into_iter().map(|id| match field {
                    DeferredField::Ref => TextPiece::Ref(id),
                    DeferredField::Digest => TextPiece::Digest(id),
                }));
            }
            ExprKind::String(parts) => {
                for part in parts {
                    match part {
                        Part::Text(literal) => text.push_literal(literal),
                        Part::Hole(expr) => {
                            self.append(expr, text);
                        }
                    }
                }
            }
            ExprKind::If { condition, then, otherwise } => match self.value(condition) {
                Value::Bool(true) => return self.append(then, text),
                Value::Bool(false) => return self.append(otherwise, text),
                _ => {}
            },
            ExprKind::Binary { operator: BinaryOperator::Default, left, right } => {
                return self.append(left, text) || self.append(right, text);
            }
            _ => match self.value(expr) {
                Value::String(literal) => text.push_literal(&literal),
                Value::Unset => return false,
                _ => {}
            },
        }
        true
    }

    /// A shell script: the holes that are written in it become words.
    pub(super) fn script(&self, expr: &Expr) -> Vec<ScriptPiece> {
        let ExprKind::String(parts) = &expr.kind else {
            let text = self.text(expr);
            let literal = |piece| match piece {
                TextPiece::Literal(script) => ScriptPiece::Script(script),
                deferred => ScriptPiece::Word(Text(vec![deferred])),
            };
            return text.0.into_iter().map(literal).collect();
        };
        let piece = |part: &Part| match part {
            Part::Text(script) => ScriptPiece::Script(script.clone()),
            Part::Hole(expr) => ScriptPiece::Word(self.text(expr)),
        };
        parts.iter().map(piece).collect()
    }

    /// Reports a value that is too large; nothing may be made of it then.
    pub(super) fn exceeds(&self, size: Size, span: Span) -> bool {
        let excess = size.excess();
        if let Some(excess) = excess {
            self.report(errors::value_too_large(excess, span));
        }
        excess.is_some()
    }

    fn string(&self, parts: &[Part], span: Span) -> Value {
        let mut text = String::new();
        for part in parts {
            let more = match part {
                Part::Text(literal) => Cow::Borrowed(literal.as_str()),
                Part::Hole(expr) => match self.value(expr) {
                    Value::String(value) => Cow::Owned(value),
                    _ => return Value::Error,
                },
            };
            if self.exceeds(Size::text(text.len().saturating_add(more.len())), span) {
                return Value::Error;
            }
            text.push_str(&more);
        }
        Value::String(text)
    }

    fn list(&self, items: &[Expr], span: Span) -> Value {
        let mut size = Size::default();
        let mut values = Vec::new();
        // A list of lists that were too large would grow anew.
        let mut is_reported = false;
        for item in items {
            let value = self.value(item);
            size = size.with_item("", &value);
            if self.exceeds(size, span) {
                return Value::Error;
            }
            is_reported |= value == Value::Error && item.ty.is_collection();
            values.push(value);
        }
        if is_reported { Value::Error } else { Value::List(values) }
    }

    fn map(&self, entries: &IndexMap<String, Expr>, span: Span) -> Value {
        let mut size = Size::default();
        let mut values = IndexMap::new();
        let mut is_reported = false;
        for (key, expr) in entries {
            let value = self.value(expr);
            size = size.with_item(key, &value);
            if self.exceeds(size, span) {
                return Value::Error;
            }
            is_reported |= value == Value::Error && expr.ty.is_collection();
            values.insert(key.clone(), value);
        }
        if is_reported { Value::Error } else { Value::Map(values) }
    }

    fn named(&self, id: ValueId) -> Value {
        let Some((cell, item)) = self.values.get(id.0).zip(self.program.values.get(id.0)) else {
            return Value::Error;
        };
        cell.get_or_init(|| match item.param {
            Some(_) => self.param(item),
            None => item.expr.as_ref().map_or(Value::Error, |expr| self.value(expr)),
        })
        .clone()
    }

    /// Evaluates every param and let, so that each is checked even where nothing uses it.
    pub(super) fn all_values(&self) {
        // In this order no value waits for another one, so that a long chain of them needs no deep stack.
        for id in &self.program.order {
            self.named(*id);
        }
    }

    fn param(&self, item: &program::Value) -> Value {
        let name = &item.name.value;
        let given = self.inputs.params.get(name);
        let value = match (given, &item.expr) {
            (Some(given), _) => match parse(given, &item.ty) {
                Some(value) => value,
                None => {
                    self.report(errors::bad_param_value(&item.name, given, &item.ty));
                    return Value::Error;
                }
            },
            (None, Some(default)) => self.value(default),
            (None, None) => {
                self.report(errors::missing_param(&item.name));
                return Value::Error;
            }
        };
        let source = if given.is_some() { "command line" } else { "default" };
        self.note(format!("param {name}"), shown(&value), source);
        let origin = match (given, &item.expr) {
            (None, Some(default)) => Origin::Default(default.span),
            _ => Origin::CommandLine,
        };
        self.check_param_rules(item, &value, &origin);
        value
    }

    fn check_param_rules(&self, item: &program::Value, value: &Value, origin: &Origin) {
        let Some((rules, text)) = item.param.as_ref().zip(shown(value)) else { return };
        if let Some(expr) = rules.values.get("oneof")
            && let Value::List(allowed) = self.value(expr)
            && !allowed.contains(value)
        {
            let allowed: Vec<_> = allowed.iter().filter_map(shown).collect();
            self.report(errors::param_not_one_of(&item.name, &text, &allowed, expr.span, origin));
        }
        if let Some(expr) = rules.values.get("matches") {
            let Value::String(pattern) = self.value(expr) else { return };
            // The pattern is read on its own first: `a)|(b` must not become one by what is put around it.
            let whole = Regex::new(&pattern).and_then(|_| Regex::new(&format!(r"\A(?:{pattern})\z")));
            match whole {
                Ok(regex) if regex.is_match(&text) => {}
                Ok(_) => {
                    self.report(errors::param_does_not_match(&item.name, &text, &pattern, expr.span, origin));
                }
                Err(error) => self.report(errors::bad_pattern(&pattern, &error.to_string(), expr.span)),
            }
        }
    }

    pub(super) fn note(&self, name: String, value: Option<String>, source: &str) {
        let input = || Input { name: name.clone(), value, source: source.to_owned() };
        self.read.borrow_mut().entry(name.clone()).or_insert_with(input);
    }

    fn call(&self, function: Function, arguments: &[Expr], span: Span) -> Value {
        let arguments: Vec<_> = arguments.iter().map(|argument| self.value(argument)).collect();
        if let (Function::Env, [Value::String(name)]) = (function, arguments.as_slice()) {
            let value = self.inputs.environment.var(name);
            self.note(format!("env(\"{name}\")"), value.clone(), "environment");
            return value.map_or(Value::Unset, Value::String);
        }
        if let Some(value) = self.read_outside(function, &arguments, span) {
            return value;
        }
        if self.exceeds(Size::of_result(function, &arguments), span) {
            return Value::Error;
        }
        let value = functions::apply(function, &arguments);
        // The other case of a letter can be longer than the letter.
        if self.exceeds(Size::of(&value), span) { Value::Error } else { value }
    }

    /// What functions say that look outside the file.
    fn read_outside(&self, function: Function, arguments: &[Value], span: Span) -> Option<Value> {
        match (function, arguments) {
            (Function::Now, _) => Some(Value::String(functions::time_text(self.inputs.environment.now()))),
            (Function::Read, [Value::String(path)]) => Some(self.read_file(path, span)),
            (Function::HashFiles, [Value::List(patterns)]) => Some(self.hash_files(patterns, span)),
            _ => None,
        }
    }

    fn tag(&self, named: &Expr, tag: &Expr, span: Span) -> Value {
        let (Value::Repository(repository), Value::String(text)) = (self.value(named), self.value(tag))
        else {
            return Value::Error;
        };
        if let Some(problem) = super::rules::tag_problem(&text) {
            let source = match literal_text(tag) {
                Some(_) => None,
                None => self.program.short(named.span).zip(self.program.short(tag.span)),
            };
            self.report(errors::bad_tag(&text, tag.span, &problem, source));
            return Value::Error;
        }
        Value::Tag { tag: Tag { repository, tag: text }, varies: self.varies(tag), span }
    }

    fn cache(&self, method: CacheMethod, arguments: &IndexMap<&'static str, Expr>) -> Value {
        let text = |name: &str| match arguments.get(name).map(|expr| self.value(expr)) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let place = match method {
            CacheMethod::Inline => Some(CachePlace::Inline),
            CacheMethod::Registry => match arguments.get("tag").map(|expr| self.value(expr)) {
                Some(Value::Tag { tag, .. }) => Some(CachePlace::Registry(tag)),
                _ => None,
            },
            CacheMethod::Local => arguments
                .get("dir")
                .and_then(|dir| Some(CachePlace::Local(self.path(&text("dir")?, dir.span)))),
            CacheMethod::Gha => Some(CachePlace::Gha { scope: text("scope") }),
            CacheMethod::S3 => text("bucket")
                .zip(text("region"))
                .map(|(bucket, region)| CachePlace::S3(Bucket { bucket, region, prefix: text("prefix") })),
        };
        let mode = match (text("mode").as_deref(), arguments.get("mode")) {
            (None | Some("min"), _) => CacheMode::Min,
            (Some("max"), _) => CacheMode::Max,
            (Some(other), expr) => {
                let expr = expr.expect("a text comes from an expression");
                self.report(errors::not_a_choice("a cache mode", other, expr.span, &["min", "max"]));
                return Value::Error;
            }
        };
        place.map_or(Value::Error, |place| Value::Cache { place, mode })
    }

    /// A path as it is written at `span`, without the `.` components that people write, so that messages show the
    /// plain path.
    pub(super) fn path(&self, written: &str, span: Span) -> PathBuf {
        self.program.folder(span).join(written).components().collect()
    }

    /// The folder of the file that is run.
    pub(super) fn entry_folder(&self) -> PathBuf {
        let entry = self.program.entry.and_then(|entry| self.program.files.get(&entry));
        entry.map_or_else(PathBuf::new, |file| file.folder.components().collect())
    }

    fn git(&self, fact: GitFact, span: Span) -> Value {
        let found = self.inputs.environment.git(self.program.folder(span), fact);
        let name = format!("git.{}", fact.name());
        let Some(found) = found else {
            self.note(name, None, "not found");
            return Value::Unset;
        };
        self.note(name, Some(found.value.clone()), &found.source);
        match fact {
            GitFact::Dirty => Value::Bool(found.value == "true"),
            _ => Value::String(found.value),
        }
    }

    fn index(&self, base: &Expr, index: &Expr) -> Value {
        match (self.value(base), self.value(index)) {
            (Value::List(items), Value::Int(position)) => {
                let item = usize::try_from(position).ok().and_then(|position| items.get(position)).cloned();
                item.unwrap_or_else(|| {
                    self.report(errors::no_item(items.len(), position, index.span));
                    Value::Error
                })
            }
            (Value::Map(entries), Value::String(key)) => entries.get(&key).cloned().unwrap_or_else(|| {
                let known: Vec<_> = entries.keys().map(String::as_str).collect();
                self.report(errors::no_key(self.program.short(base.span), &key, &known, index.span));
                Value::Error
            }),
            _ => Value::Error,
        }
    }

    fn merged(&self, first: &Expr, second: &Expr, span: Span) -> Value {
        match (self.value(first), self.value(second)) {
            (Value::Map(mut entries), Value::Map(more)) => {
                entries.extend(more);
                let value = Value::Map(entries);
                if self.exceeds(Size::of(&value), span) { Value::Error } else { value }
            }
            (Value::Unset, value) | (value, Value::Unset) => value,
            _ => Value::Error,
        }
    }

    fn binary(&self, operator: BinaryOperator, left: &Expr, right: &Expr, span: Span) -> Value {
        let first = self.value(left);
        match (operator, &first) {
            // A value that was reported stays one.
            (_, Value::Error) => Value::Error,
            (BinaryOperator::Default, Value::Unset) => self.value(right),
            (BinaryOperator::Default, _) => first,
            (BinaryOperator::And, Value::Bool(false)) | (BinaryOperator::Or, Value::Bool(true)) => first,
            (BinaryOperator::And | BinaryOperator::Or, _) => self.value(right),
            (BinaryOperator::Equal, _) => self.equal(&first, right, true),
            (BinaryOperator::NotEqual, _) => self.equal(&first, right, false),
            (BinaryOperator::Concat, _) => match (first, self.value(right)) {
                (first @ Value::List(_), more @ Value::List(_))
                    if self.exceeds(Size::of(&first).with(Size::of(&more)), span) =>
                {
                    Value::Error
                }
                (Value::List(mut items), Value::List(more)) => {
                    items.extend(more);
                    Value::List(items)
                }
                _ => Value::Error,
            },
        }
    }

    fn equal(&self, left: &Value, right: &Expr, wanted: bool) -> Value {
        match self.value(right) {
            Value::Error => Value::Error,
            right => Value::Bool((*left == right) == wanted),
        }
    }

    /// Whether a value can differ from run to run: it comes from a param or the environment.
    pub(super) fn varies(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Value(id) => self.varying.get(id.0).copied().unwrap_or(false),
            ExprKind::Git(_) => true,
            ExprKind::Local(id) => self.local(*id).1,
            // What they read is another one in another commit.
            ExprKind::Call {
                function: Function::Env | Function::Now | Function::Read | Function::HashFiles,
                ..
            } => true,
            _ => expr.children().into_iter().any(|child| self.varies(child)),
        }
    }
}

/// A text that stops growing at the limit of a value.
#[derive(Default)]
struct LimitedText {
    text: Text,
    /// Of all literals, also of those that had no room any more.
    length: usize,
}

impl LimitedText {
    fn push_literal(&mut self, more: &str) {
        self.length = self.length.saturating_add(more.len());
        if self.length > MAX_TEXT {
            return;
        }
        match self.text.0.last_mut() {
            Some(TextPiece::Literal(text)) => text.push_str(more),
            _ => self.text.0.push(TextPiece::Literal(more.to_owned())),
        }
    }
}

/// A value as a plan shows it, if it is a simple one.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Duration(duration) => Some(functions::duration_text(*duration)),
        Value::List(items) => Some(items.iter().filter_map(shown).collect::<Vec<_>>().join(",")),
        _ => None,
    }
}

/// A param's value from the command line.
fn parse(text: &str, ty: &Type) -> Option<Value> {
    match ty {
        Type::String => Some(Value::String(text.to_owned())),
        Type::Int => text.parse().ok().map(Value::Int),
        Type::Bool => text.parse().ok().map(Value::Bool),
        Type::Duration => functions::duration(text).map(Value::Duration),
        Type::List(_) => {
            let items = text.split(',').filter(|item| !item.is_empty());
            Some(Value::List(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        _ => None,
    }
}
