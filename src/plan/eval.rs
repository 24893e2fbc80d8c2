//! Values of expressions: [`Expr`] → [`Value`].

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use regex::Regex;

use super::errors::Origin;
use super::families::{Family, Found};
use super::limits::{MAX_STEPS, Size};
use super::value::{parse, quoted, shown};
use super::{BuilderId, Input, Inputs, RegistryId, RepositoryId};
use super::{errors, families, functions};
use crate::check::Program;
use crate::check::functions::{Callee, Function};
use crate::check::program::{self, Expr, ExprKind, Part, ValueId};
use crate::diag::{Diagnostic, Searches, Severity};
use crate::environment::GitFact;
use crate::source::Span;
use crate::syntax::ast::BinaryOperator;

pub(super) use super::value::{CachePlace, TagForm, Value, WrittenTag};

/// How many steps an item of a new list or map counts for: some 60 bytes that may be kept until the plan is made.
pub(super) const KEPT: usize = 4;
/// How many bytes of a text that is copied count as a step.
const TEXT: usize = 16;

/// Evaluates the expressions of one program, each param and let at most once.
pub(super) struct Evaluator<'a> {
    program: &'a Program,
    inputs: &'a Inputs<'a>,
    values: Vec<OnceCell<Value>>,
    /// Which of them can differ from run to run.
    varying: Vec<bool>,
    /// Which of them are made from a commit, a hash or the time.
    unique: Vec<bool>,
    /// The values of the names that the `for`s around bind.
    pub(super) locals: RefCell<Vec<Value>>,
    /// Whether these vary, as far as it was asked.
    pub(super) varying_locals: RefCell<Vec<Option<bool>>>,
    /// How much work was done, see [`MAX_STEPS`].
    steps: Cell<usize>,
    /// Where there was too much of it.
    given_up: Cell<Option<Span>>,
    /// Where a key was reported that a family does not have.
    pub(super) unknown_keys: RefCell<HashMap<Span, Diagnostic>>,
    pub(super) searches: Searches,
    pub(super) families: OnceCell<Vec<Family>>,
    pub(super) found: RefCell<Vec<Found>>,
    /// Each once. What has one name can be two things: `git.commit` of two repositories.
    pub(super) read: RefCell<IndexSet<Input>>,
    /// The time of the plan, which all parts of it see.
    pub(super) now: OnceCell<String>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(program: &'a Program, inputs: &'a Inputs<'a>) -> Self {
        let mut evaluator = Self {
            program,
            inputs,
            varying: vec![false; program.values.len()],
            values: program.values.iter().map(|_| OnceCell::new()).collect(),
            unique: vec![false; program.values.len()],
            locals: RefCell::new(vec![Value::Error; program.locals]),
            varying_locals: RefCell::new(vec![None; program.locals]),
            steps: Cell::default(),
            given_up: Cell::default(),
            unknown_keys: RefCell::default(),
            searches: Searches::default(),
            families: OnceCell::new(),
            found: RefCell::default(),
            read: RefCell::default(),
            now: OnceCell::new(),
        };
        for id in &program.order {
            let item = program.values.get(id.0);
            let varies = item.is_some_and(|item| {
                item.param.is_some() || item.expr.as_ref().is_some_and(|expr| evaluator.varies(expr))
            });
            let unique = item.is_some_and(|item| evaluator.makes_unique(item));
            if let Some(slot) = evaluator.varying.get_mut(id.0) {
                *slot = varies;
            }
            if let Some(slot) = evaluator.unique.get_mut(id.0) {
                *slot = unique;
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

    pub(super) fn is_varying(&self, id: ValueId) -> bool {
        self.varying.get(id.0).copied().unwrap_or(false)
    }

    pub(super) fn unique_value(&self, id: ValueId) -> bool {
        self.unique.get(id.0).copied().unwrap_or(false)
    }

    /// Reports a diagnostic, unless evaluation was given up: what is found then comes from values that are missing.
    pub(super) fn report(&self, diagnostic: Diagnostic) {
        if self.is_given_up() {
            return;
        }
        self.found.borrow_mut().push(Found { diagnostic, members: Vec::new() });
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.steps.get() > MAX_STEPS
    }

    /// Counts work; `true` when there was too much of it, which is reported once.
    pub(super) fn spend(&self, steps: usize, span: Span) -> bool {
        if self.is_given_up() {
            return true;
        }
        let sum = self.steps.get().saturating_add(steps);
        if sum > MAX_STEPS {
            // Said of the file, not of the member of a family that happened to be the last one.
            self.given_up.set(Some(span));
        }
        self.steps.set(sum);
        self.is_given_up()
    }

    /// A copy of a value that was made before, which is work too. Lists and maps are shared, texts are not.
    fn copied(&self, value: Value, span: Span) -> Value {
        let text = value.as_text().map_or(0, |text| text.len() / TEXT);
        if self.spend(Size::of(&value).steps() + text, span) { Value::Error } else { value }
    }

    /// A new list or map, or what a function has made: it may be kept, and memory counts more than work.
    pub(super) fn made(&self, value: Value, span: Span) -> Value {
        let kept = match &value {
            Value::String(text) => text.len() / TEXT,
            Value::List(items) => items.len() * KEPT,
            Value::Map(entries) => entries.len() * KEPT,
            _ => 0,
        };
        if self.spend(kept, span) { Value::Error } else { value }
    }

    /// Evaluates what is not part of this run: nothing is reported, and nothing counts as read.
    pub(super) fn quietly<T>(&self, work: impl FnOnce() -> T) -> T {
        let (found, read) = (self.found.borrow().len(), self.read.borrow().len());
        let result = work();
        self.found.borrow_mut().truncate(found);
        self.read.borrow_mut().truncate(read);
        result
    }

    /// Whether any error was found so far.
    pub(super) fn has_errors(&self) -> bool {
        self.found.borrow().iter().any(|one| one.diagnostic.severity() == Severity::Error)
    }

    /// What was found and what was read from outside.
    pub(super) fn finish(self) -> (Vec<Diagnostic>, Vec<Input>) {
        let mut found = families::gather(self.found.into_inner());
        found.extend(self.given_up.get().map(errors::too_much_work));
        (found, self.read.into_inner().into_iter().collect())
    }

    /// The value of an expression whose every part is known before the run.
    pub(super) fn value(&self, expr: &Expr) -> Value {
        if self.spend(1, expr.span) {
            return Value::Error;
        }
        match &expr.kind {
            ExprKind::String(parts) => self.string(parts, expr.span),
            ExprKind::Int(value) => Value::Int(*value),
            ExprKind::Bool(value) => Value::Bool(*value),
            ExprKind::Duration(value) => Value::Duration(*value),
            ExprKind::Size(value) => Value::Size(*value),
            ExprKind::List(items) => self.list(items, expr.span),
            ExprKind::Map(entries) => self.map(entries, expr.span),
            ExprKind::Value(id) => self.copied(self.named(*id), expr.span),
            ExprKind::Secret(id) => Value::Secret(*id),
            ExprKind::Registry(id) => Value::Registry(RegistryId(id.0)),
            ExprKind::Repository(id) => Value::Repository(RepositoryId(id.0)),
            ExprKind::Call { function: Callee::BuiltIn(function), arguments } => {
                self.call(*function, arguments, expr.span)
            }
            ExprKind::Call { function: Callee::Host(function), arguments } => {
                self.call_host(function, arguments, expr.span)
            }
            ExprKind::Tag { repository, tag } => self.tag(repository, tag, expr.span),
            ExprKind::Cache { method, arguments } => self.cache(*method, arguments),
            ExprKind::Builder(id) => Value::Builder(BuilderId(id.0)),
            ExprKind::Local(id) => self.copied(self.local(*id), expr.span),
            ExprKind::Image(image) => self.images(image).map_or(Value::Error, Value::Images),
            ExprKind::Git(fact) => self.git(*fact, expr.span),
            ExprKind::Index { base, index } => self.index(base, index),
            ExprKind::Comprehension { value, binder, condition } => {
                self.comprehension(value, binder, condition.as_deref(), expr.span)
            }
            ExprKind::Inherited(parts) => self.inherited(parts, expr.span),
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
        self.copied(Value::String(text), span)
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
        if is_reported { Value::Error } else { self.made(Value::list(values), span) }
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
        if is_reported { Value::Error } else { self.made(Value::Map(Arc::new(values)), span) }
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
            // With `(?x)` it may end in a comment, which goes on up to a new line.
            let whole = Regex::new(&pattern).and_then(|_| {
                let anchored = |end: &str| Regex::new(&format!(r"\A(?:{pattern}{end})\z"));
                anchored("").or_else(|_| anchored("\n"))
            });
            match whole {
                Ok(regex) if regex.is_match(&text) => {}
                Ok(_) => {
                    self.report(errors::param_does_not_match(&item.name, &text, &pattern, expr.span, origin));
                }
                Err(error) => self.report(errors::bad_pattern(&pattern, &error.to_string(), expr.span)),
            }
        }
    }

    fn call(&self, function: Function, arguments: &[Expr], span: Span) -> Value {
        let arguments: Vec<_> = arguments.iter().map(|argument| self.value(argument)).collect();
        if let (Function::Env, [Value::String(name)]) = (function, arguments.as_slice()) {
            let value = self.inputs.environment.var(name);
            self.note(format!("env({})", quoted(name)), value.clone(), "environment");
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
        let size = Size::of(&value);
        let work = arguments.iter().map(Size::of).fold(size, Size::with);
        if self.spend(work.steps(), span) || self.exceeds(size, span) {
            return Value::Error;
        }
        self.made(value, span)
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
                let known = entries.keys().take(self.searches.limit());
                let known: Vec<_> = known.map(String::as_str).collect();
                self.report(errors::no_key(self.program.short(base.span), &key, &known, index.span));
                Value::Error
            }),
            _ => Value::Error,
        }
    }

    fn inherited(&self, parts: &[Arc<Expr>], span: Span) -> Value {
        let [one] = parts else { return self.merged(parts, span) };
        self.value(one)
    }

    /// Maps of which a later one wins. One that is unset adds nothing.
    fn merged(&self, parts: &[Arc<Expr>], span: Span) -> Value {
        let mut merged: Option<IndexMap<String, Value>> = None;
        for part in parts {
            match self.value(part) {
                Value::Map(more) => merged.get_or_insert_default().extend(Arc::unwrap_or_clone(more)),
                Value::Unset => {}
                _ => return Value::Error,
            }
        }
        let Some(entries) = merged else { return Value::Unset };
        let value = Value::Map(Arc::new(entries));
        if self.exceeds(Size::of(&value), span) { Value::Error } else { self.made(value, span) }
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
                (Value::List(items), Value::List(more)) => {
                    let mut items = Arc::unwrap_or_clone(items);
                    items.extend(more.iter().cloned());
                    self.made(Value::list(items), span)
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
}
