//! In which order params and lets are checked and evaluated: each after those that it uses.
//!
//! The walks keep their own stacks, so that a chain of ten thousand values is no deeper than one.

use std::collections::HashSet;

use super::names::{Kind, Names, ValueItem};
use super::program::ValueId;
use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind, StringPart};

/// The values of a file in an order in which each can be evaluated.
pub(super) struct Order {
    pub(super) values: Vec<ValueId>,
    pub(super) cycles: Vec<Cycle>,
}

/// Values that are defined in terms of each other: each with the place in it that names the next one.
pub(super) struct Cycle(pub(super) Vec<(ValueId, Span)>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// Waits for what it uses.
    Open,
    Done,
}

struct Open {
    id: ValueId,
    /// The values that it uses and that were not looked at yet, the next one last.
    uses: Vec<(ValueId, Span)>,
    /// Where it names the value above it on the stack.
    at: Span,
}

impl Order {
    pub(super) fn of(names: &Names<'_>) -> Self {
        let count = names.values().count();
        let mut order = Order { values: Vec::with_capacity(count), cycles: Vec::new() };
        let mut states = vec![State::New; count];
        let mut cyclic = HashSet::new();
        for index in 0..count {
            if states.get(index) == Some(&State::New) {
                order.visit(ValueId(index), names, &mut states, &mut cyclic);
            }
        }
        order
    }

    fn visit(
        &mut self,
        first: ValueId,
        names: &Names<'_>,
        states: &mut [State],
        cyclic: &mut HashSet<ValueId>,
    ) {
        let mut set = |id: ValueId, state| {
            let slot = states.get_mut(id.0).expect("value ids are made with their items");
            std::mem::replace(slot, state)
        };
        set(first, State::Open);
        let mut stack = vec![open(first, names)];
        while let Some(top) = stack.last_mut() {
            let Some((next, at)) = top.uses.pop() else {
                let id = top.id;
                set(id, State::Done);
                self.values.push(id);
                stack.pop();
                continue;
            };
            top.at = at;
            match set(next, State::Open) {
                State::New => stack.push(open(next, names)),
                State::Done => {
                    set(next, State::Done);
                }
                State::Open => {
                    let members: Vec<_> = stack.iter().skip_while(|open| open.id != next).collect();
                    // A value in two cycles is reported once: mending one cycle often mends the other.
                    if members.iter().all(|open| !cyclic.contains(&open.id)) {
                        cyclic.extend(members.iter().map(|open| open.id));
                        self.cycles.push(Cycle(members.iter().map(|open| (open.id, open.at)).collect()));
                    }
                }
            }
        }
    }
}

fn open(id: ValueId, names: &Names<'_>) -> Open {
    let item = names.value(id);
    let mut uses: Vec<_> = exprs(item)
        .flat_map(names_in)
        .filter_map(|(name, span)| match names.get(name)?.kind {
            Kind::Param(id) | Kind::Let(id) => Some((id, span)),
            _ => None,
        })
        .collect();
    uses.reverse();
    Open { id, uses, at: item.name().span }
}

/// What a value is made of: a param's rules too, because they are checked with its value.
fn exprs<'a>(item: ValueItem<'a>) -> impl Iterator<Item = &'a Expr> {
    let (first, rules) = match item {
        ValueItem::Param(param) => (param.default.as_ref(), param.attributes.as_slice()),
        ValueItem::Let(item) => (Some(&item.value), [].as_slice()),
    };
    first.into_iter().chain(rules.iter().map(|attribute| &attribute.value))
}

/// The names in an expression that stand for values or items, in the order of the text.
pub(super) fn names_in(expr: &Expr) -> Vec<(&str, Span)> {
    let mut names = Vec::new();
    let mut pending = vec![expr];
    while let Some(expr) = pending.pop() {
        if let ExprKind::Name(name) = &expr.kind {
            names.push((name.as_str(), expr.span));
        }
        let mut inner = children(expr);
        inner.reverse();
        pending.extend(inner);
    }
    names
}

fn children(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::String(parts) => parts
            .iter()
            .filter_map(|part| match part {
                StringPart::Hole(expr) => Some(expr),
                StringPart::Text(_) => None,
            })
            .collect(),
        ExprKind::List(items) => items.iter().collect(),
        ExprKind::Map(entries) => entries.iter().map(|entry| &entry.value).collect(),
        ExprKind::Comprehension { value, binder, condition } => {
            [&**value, &binder.list].into_iter().chain(condition.as_deref()).collect()
        }
        ExprKind::Field { base, .. } => vec![base],
        ExprKind::Index { base, index } => vec![base, index],
        // The callee is a function; functions have names of their own.
        ExprKind::Call { arguments, .. } => arguments.iter().map(|argument| &argument.value).collect(),
        ExprKind::Tag { repository, tag } => vec![repository, tag],
        ExprKind::If { condition, then, otherwise } => vec![condition, then, otherwise],
        ExprKind::Not(inner) => vec![inner],
        ExprKind::Binary { left, right, .. } => vec![left, right],
        ExprKind::Int(_)
        | ExprKind::Bool(_)
        | ExprKind::Duration(_)
        | ExprKind::Size(_)
        | ExprKind::Name(_)
        | ExprKind::Error => Vec::new(),
    }
}

/// The expressions of a block, its inner blocks included.
pub(super) fn exprs_of_entries(entries: &[ast::Entry]) -> Vec<&Expr> {
    let mut exprs = Vec::new();
    let mut pending: Vec<_> = entries.iter().collect();
    while let Some(entry) = pending.pop() {
        match entry {
            ast::Entry::Attribute(attribute) => exprs.push(&attribute.value),
            ast::Entry::Block(block) => pending.extend(&block.entries),
        }
    }
    exprs
}
