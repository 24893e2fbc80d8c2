//! What a `for` makes: families of images and stages, and lists. One expression has a value for each key, and one
//! mistake in it is reported once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use super::ImageId;
use super::errors;
use super::eval::KEPT;
use super::eval::{Evaluator, Value};
use super::limits::{MAX_MEMBERS, Size};
use super::value::quoted;
use crate::check::program::{Binder, Expr, ImageRef, LocalId};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;

/// How many steps of work a member of a family is, whatever is evaluated for it.
const MEMBER: usize = 100;

/// The images that one item makes: one with the key `[]`, or one for each key of a family.
#[derive(Debug)]
pub(super) struct Family {
    /// Their ids follow each other.
    pub(super) first: usize,
    /// The places in `keys`, by [`key_text`].
    by_key: HashMap<String, usize>,
    /// A value for each binder.
    pub(super) keys: Vec<Vec<Value>>,
    /// Whether these are all keys; otherwise a list that has the others is not known, as that of a param without a value.
    is_complete: bool,
}

/// The keys that binders make; none that is not known.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) all: Vec<Vec<Value>>,
    is_complete: bool,
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
    // What a template says wrong is said of an image and of a family that extend it.
    let plain: HashSet<_> = diagnostics.iter().map(|one: &Diagnostic| (one.code, one.primary.span)).collect();
    gathered.retain(|place, _| !plain.contains(place));
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
        Value::String(text) => quoted(text),
        _ => "…".to_owned(),
    }
}

impl Evaluator<'_> {
    pub(super) fn local(&self, id: LocalId) -> Value {
        self.locals.borrow().get(id.0).cloned().unwrap_or(Value::Error)
    }

    /// Whether what a `for` goes through can differ from run to run.
    pub(super) fn local_varies(&self, id: LocalId) -> bool {
        self.varying_locals.borrow().get(id.0).copied().flatten().unwrap_or(false)
    }

    fn set_local(&self, binder: &Binder, value: Value) {
        let is_new = self.varying_locals.borrow().get(binder.local.0).is_some_and(Option::is_none);
        if is_new {
            // Once for the whole list, which may be long.
            let varies = self.varies(&binder.list);
            if let Some(slot) = self.varying_locals.borrow_mut().get_mut(binder.local.0) {
                *slot = Some(varies);
            }
        }
        if let Some(local) = self.locals.borrow_mut().get_mut(binder.local.0) {
            *local = value;
        }
    }

    /// The families of every image item, by its id.
    pub(super) fn families(&self) -> &[Family] {
        self.families.get_or_init(|| {
            let mut first = 0;
            let images = &self.program().images;
            let families = images.iter().map(|image| {
                let keys = self.keys(&image.binders);
                let by_key = keys.all.iter().enumerate().map(|(index, key)| (key_text(key), index)).collect();
                let is_complete = keys.is_complete;
                let family = Family { first, keys: keys.all, by_key, is_complete };
                first += family.keys.len();
                family
            });
            families.collect()
        })
    }

    /// The keys that binders make: every combination, the last binder changing fastest.
    pub(super) fn keys(&self, binders: &[Binder]) -> Keys {
        let mut keys: Vec<Vec<Value>> = vec![Vec::new()];
        let mut is_complete = true;
        for (index, binder) in binders.iter().enumerate() {
            let mut longer = Vec::new();
            for key in keys {
                for (before, value) in binders.iter().take(index).zip(&key) {
                    self.set_local(before, value.clone());
                }
                let (items, are_all) = self.items(binder);
                is_complete &= are_all;
                for item in items {
                    longer.push(key.iter().cloned().chain([item]).collect());
                    if self.spend(MEMBER, binder.list.span) {
                        return Keys::default();
                    }
                }
                if longer.len() > MAX_MEMBERS {
                    self.report(errors::too_many_members(&binder.name, binder.list.span));
                    return Keys::default();
                }
            }
            keys = longer;
        }
        Keys { all: keys, is_complete }
    }

    /// What a binder goes through, each item once, and whether that is everything: those that were reported are left out.
    fn items(&self, binder: &Binder) -> (Vec<Value>, bool) {
        let Value::List(items) = self.value(&binder.list) else { return (Vec::new(), false) };
        let mut seen = HashSet::new();
        let mut kept = Vec::new();
        let mut are_all = true;
        for item in Arc::unwrap_or_clone(items) {
            if item == Value::Error {
                are_all = false;
                continue;
            }
            if seen.insert(literal(&item)) {
                kept.push(item);
            } else {
                let written = binder
                    .list
                    .item_written(|text| literal(&Value::String(text.to_owned())) == literal(&item));
                self.report(errors::key_twice(
                    &binder.name,
                    &literal(&item),
                    written.unwrap_or(binder.list.span),
                ));
            }
        }
        (kept, are_all)
    }

    /// Does something for one member of a family. What it reports is marked with the member.
    pub(super) fn with_key<T>(&self, binders: &[Binder], key: &[Value], work: impl FnOnce() -> T) -> T {
        let before = self.found.borrow().len();
        for (binder, value) in binders.iter().zip(key) {
            self.set_local(binder, value.clone());
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
        let first = family.first;
        if image.keys.is_empty() {
            if self.spend(family.keys.len(), image.span) {
                return None;
            }
            return Some((0..family.keys.len()).map(|index| ImageId(first + index)).collect());
        }
        let wanted: Vec<_> = image.keys.iter().map(|key| self.value(key)).collect();
        if wanted.contains(&Value::Error) {
            return None;
        }
        if let Some(index) = family.by_key.get(&key_text(&wanted)) {
            return Some(vec![ImageId(first + index)]);
        }
        if family.is_complete {
            self.unknown_key(family, image, &wanted);
        }
        None
    }

    /// Reports the first key of a reference that the family does not have behind those before it.
    fn unknown_key(&self, family: &Family, image: &ImageRef, wanted: &[Value]) {
        let Some(item) = self.program().images.get(image.image.0) else { return };
        let known = |length: usize| {
            let before = wanted.get(..length).unwrap_or_default();
            family.keys.iter().filter(move |key| key.starts_with(before))
        };
        let length =
            (0..wanted.len()).take_while(|length| known(*length).next().is_some()).last().unwrap_or(0);
        let at = image.keys.get(length).map_or(image.span, |key| key.span);
        // For the other members of a family this is said once.
        if let Some(reported) = self.unknown_keys.borrow().get(&at) {
            return self.report(reported.clone());
        }
        let items: IndexSet<_> = known(length).filter_map(|key| key.get(length)).map(literal).collect();
        let name = format!("{}{}", item.name.value, key_text(wanted.get(..length).unwrap_or_default()));
        let key = wanted.get(length).map(literal).unwrap_or_default();
        let declared = item.binders.get(length).map_or(item.name.span, |binder| binder.list.span);
        // Not none: that would be said.
        let compared = self.searches.limit().max(errors::SHOWN + 1);
        let items: Vec<_> = items.iter().map(String::as_str).take(compared).collect();
        let diagnostic = errors::unknown_key(&name, &key, &items, at, declared);
        self.unknown_keys.borrow_mut().insert(at, diagnostic.clone());
        self.report(diagnostic);
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
        let mut values = Vec::new();
        let mut size = Size::default();
        for item in items.iter().cloned() {
            let key = [item];
            let made = self.with_key(std::slice::from_ref(binder), &key, || {
                match condition.map(|condition| self.value(condition)) {
                    Some(Value::Bool(false)) => None,
                    None | Some(Value::Bool(true)) => Some(self.value(value)),
                    Some(_) => Some(Value::Error),
                }
            });
            let Some(made) = made else { continue };
            // A list of lists that were too large would grow anew; once is enough to say so.
            if made == Value::Error && value.ty.is_collection() {
                return Value::Error;
            }
            size = size.with_item("", &made);
            if self.exceeds(size, span) {
                return Value::Error;
            }
            values.push(made);
            if self.spend(KEPT, span) {
                return Value::Error;
            }
        }
        Value::list(values)
    }
}
