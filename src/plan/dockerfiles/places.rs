//! Where in a `.cachefile` a part of an attribute is written, for messages about one part.

use std::collections::HashSet;

use crate::check::program::{CacheMethod, Expr, ExprKind};
use crate::check::{Program, literal_text};
use crate::source::Span;

/// The key of an entry; the value where the key is not written as a key, the whole attribute where neither is.
pub(super) fn key(program: &Program, map: &Expr, key: &str) -> Span {
    entry(program, map, key).map_or(map.span, |value| before_value(program, value, key).unwrap_or(value))
}

/// The value of an entry, or the whole attribute.
pub(super) fn value(program: &Program, map: &Expr, key: &str) -> Span {
    entry(program, map, key).unwrap_or(map.span)
}

/// A text in a list, or the whole attribute.
pub(super) fn item(program: &Program, list: &Expr, text: &str) -> Span {
    let is_it = |expr: &Expr| (literal_text(expr) == Some(text)).then_some(expr.span);
    find(program, list, is_it).unwrap_or(list.span)
}

/// `cache.inline()`, or the whole attribute.
pub(super) fn inline_cache(program: &Program, list: &Expr) -> Span {
    let is_it = |expr: &Expr| {
        matches!(expr.kind, ExprKind::Cache { method: CacheMethod::Inline, .. }).then_some(expr.span)
    };
    find(program, list, is_it).unwrap_or(list.span)
}

fn entry(program: &Program, map: &Expr, key: &str) -> Option<Span> {
    find(program, map, |expr| match &expr.kind {
        ExprKind::Map(entries) => entries.get(key).map(|value| value.span),
        _ => None,
    })
}

/// Looks through what an attribute is made of: its own text, the values that it names, both sides of a condition. Of
/// several the last one counts, which is the own one of what extends a template.
fn find<'e, T>(program: &'e Program, expr: &'e Expr, look: impl Fn(&'e Expr) -> Option<T>) -> Option<T> {
    let mut named = HashSet::new();
    let mut pending = vec![expr];
    while let Some(expr) = pending.pop() {
        if let Some(found) = look(expr) {
            return Some(found);
        }
        match &expr.kind {
            ExprKind::Value(id) => {
                let value = program.values.get(id.0).filter(|_| named.insert(*id));
                pending.extend(value.and_then(|value| value.expr.as_ref()));
            }
            _ => pending.extend(expr.children()),
        }
    }
    None
}

/// The key in front of a value: `KEY = value`, `"KEY" = value`.
fn before_value(program: &Program, value: Span, key: &str) -> Option<Span> {
    let before = program.files.get(&value.file)?.text.get(..value.range().start)?;
    let before = before.trim_end_matches(|one: char| one.is_whitespace() || one == '(');
    let before = before.strip_suffix('=')?.trim_end();
    let quoted = format!("\"{key}\"");
    let rest = before.strip_suffix(&quoted).or_else(|| before.strip_suffix(key))?;
    Some(Span::new(value.file, rest.len()..before.len()))
}
