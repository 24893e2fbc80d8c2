//! What a `for` makes: families of images and stages, and lists. One expression has a value for each key, and one
//! mistake in it is reported once.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::ImageId;
use super::errors;
use super::eval::{Evaluator, Value};
use super::limits::Size;
use crate::check::program::{Binder, Expr, ImageRef, LocalId};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;

/// The images that one item makes: one with the key `[]`, or one for each key of a family.
#[derive(Debug)]
pub(super) struct Family {
    /// Their ids follow each other.
    pub(super) first: usize,
    /// A value for each binder.
    pub(super) keys: Vec<Vec<Value>>,
}

/// A diagnostic and the members of a family that it was found in: `` `name` = `"api"` ``
pub(super) struct Found {
    pub(super) diagnostic: Diagnostic,
    pub(super) members: Vec<String>,
}

/// The diagnostics of a family once, each with the members that have it.
pub(super) fn gather(found: Vec<Found>) -> Vec<Diagnostic> {
    let mut gathered: IndexMap<(Code, Span), Vec<Found>> = IndexMap::new();
    let mut diagnostics = Vec::new();
    for one in found {
        if one.members.is_empty() {
            diagnostics.push(one.diagnostic);
        } else {
            gathered.entry((one.diagnostic.code, one.diagnostic.primary.span)).or_default().push(one);
        }
    }
    for found in gathered.into_values() {
        let more = found.len() - 1;
        let Some(Found { diagnostic, members }) = found.into_iter().next() else { continue };
        let members = members.join(", ");
        let note =
            if more == 0 { format!("for {members}") } else { format!("for {members} and {more} more") };
        diagnostics.push(diagnostic.with_note(note));
    }
    diagnostics
}

/// `["api"]`, as it is written behind the name of a family.
pub(super) fn key_text(key: &[Value]) -> String {
    key.iter().map(|value| format!("[{}]", literal(value))).collect()
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        _ => "…".to_owned(),
    }
}

impl Evaluator<'_> {
    pub(super) fn local(&self, id: LocalId) -> (Value, bool) {
        self.locals.borrow().get(id.0).cloned().unwrap_or((Value::Error, false))
    }

    fn set_local(&self, id: LocalId, value: Value, varies: bool) {
        if let Some(local) = self.locals.borrow_mut().get_mut(id.0) {
            *local = (value, varies);
        }
    }

    /// The families of every image item, by its id.
    pub(super) fn families(&self) -> &[Family] {
        self.families.get_or_init(|| {
            let mut first = 0;
            let images = &self.program().images;
            let families = images.iter().map(|image| {
                let keys = self.keys(&image.binders);
                let family = Family { first, keys };
                first += family.keys.len();
                family
            });
            families.collect()
        })
    }

    /// The keys that binders make: every combination, the last binder changing fastest.
    pub(super) fn keys(&self, binders: &[Binder]) -> Vec<Vec<Value>> {
        let Some((binder, inner)) = binders.split_first() else { return vec![Vec::new()] };
        let Value::List(items) = self.value(&binder.list) else { return Vec::new() };
        let varies = self.varies(&binder.list);
        let mut keys: Vec<Vec<Value>> = Vec::new();
        let mut seen = HashSet::new();
        for item in &items {
            if *item == Value::Error {
                continue;
            }
            if !seen.insert(literal(item)) {
                self.report(errors::key_twice(&binder.name, &literal(item), binder.list.span));
                continue;
            }
            self.set_local(binder.local, item.clone(), varies);
            for rest in self.keys(inner) {
                keys.push(std::iter::once(item.clone()).chain(rest).collect());
            }
            if self.exceeds(Size::items(keys.len()), binder.list.span) {
                return Vec::new();
            }
        }
        keys
    }

    /// Does something for one member of a family. What it reports is marked with the member.
    pub(super) fn with_key<T>(&self, binders: &[Binder], key: &[Value], work: impl FnOnce() -> T) -> T {
        let before = self.found.borrow().len();
        for (binder, value) in binders.iter().zip(key) {
            self.set_local(binder.local, value.clone(), self.varies(&binder.list));
        }
        let result = work();
        let named = binders.iter().zip(key);
        let members: Vec<_> =
            named.map(|(binder, value)| format!("`{}` = `{}`", binder.name.value, literal(value))).collect();
        for found in self.found.borrow_mut().iter_mut().skip(before).filter(|one| one.members.is_empty()) {
            found.members.clone_from(&members);
        }
        result
    }

    /// The images that a reference stands for; none if its key is none of the family's, which is reported.
    pub(super) fn images(&self, image: &ImageRef) -> Option<Vec<ImageId>> {
        let family = self.families().get(image.image.0)?;
        if image.keys.is_empty() {
            return Some((0..family.keys.len()).map(|index| ImageId(family.first + index)).collect());
        }
        let wanted: Vec<_> = image.keys.iter().map(|key| self.value(key)).collect();
        if wanted.contains(&Value::Error) {
            return None;
        }
        if let Some(index) = family.keys.iter().position(|key| *key == wanted) {
            return Some(vec![ImageId(family.first + index)]);
        }
        let item = self.program().images.get(image.image.0)?;
        let known: Vec<_> = family.keys.iter().map(|key| key_text(key)).collect();
        let at = image.keys.last().map_or(image.span, |key| key.span);
        let declared = item.binders.first().map_or(item.name.span, |binder| binder.list.span);
        self.report(errors::unknown_key(&item.name.value, &key_text(&wanted), &known, at, declared));
        None
    }

    /// `[value for x in list if condition]`
    pub(super) fn comprehension(
        &self,
        value: &Expr,
        binder: &Binder,
        condition: Option<&Expr>,
        span: Span,
    ) -> Value {
        let Value::List(items) = self.value(&binder.list) else { return Value::Error };
        let varies = self.varies(&binder.list);
        let mut values = Vec::new();
        let mut size = Size::default();
        for item in items {
            let key = [item];
            let made = self.with_key(std::slice::from_ref(binder), &key, || {
                let [item] = &key;
                self.set_local(binder.local, item.clone(), varies);
                match condition.map(|condition| self.value(condition)) {
                    Some(Value::Bool(false)) => None,
                    None | Some(Value::Bool(true)) => Some(self.value(value)),
                    Some(_) => Some(Value::Error),
                }
            });
            let Some(made) = made else { continue };
            size = size.with_item("", &made);
            if self.exceeds(size, span) {
                return Value::Error;
            }
            values.push(made);
        }
        let is_reported = values.contains(&Value::Error) && value.ty.is_collection();
        if is_reported { Value::Error } else { Value::List(values) }
    }
}
