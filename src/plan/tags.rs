//! Tags and caches as values, and which texts a tag can have in other runs.

use std::collections::HashSet;

use super::eval::{CachePlace, Evaluator, TagForm, Value, WrittenTag};
use super::{Bucket, CacheMode, RepositoryId, Tag, errors};
use crate::check::functions::{Callee, Function};
use crate::check::literal_text;
use crate::check::program::{self, CacheMethod, Expr, ExprKind, Named, Part};
use crate::environment::GitFact;
use crate::source::Span;

impl Evaluator<'_> {
    pub(super) fn tag(&self, named: &Expr, tag: &Expr, span: Span) -> Value {
        let (Value::Repository(repository), Value::String(text)) = (self.value(named), self.value(tag))
        else {
            return Value::Error;
        };
        if let Some(problem) = super::rules::tag_problem(&text) {
            let source = match literal_text(tag) {
                Some(_) => None,
                None => self.program().short(named.span).zip(self.program().short(tag.span)),
            };
            self.report(errors::bad_tag(&text, tag.span, &problem, source));
            return Value::Error;
        }
        let varies = self.varies(tag);
        let form = if varies { self.form(tag) } else { TagForm::Fixed };
        Value::Tag(Box::new(WrittenTag { tag: Tag { repository, tag: text }, varies, form, span }))
    }

    pub(super) fn cache(&self, method: CacheMethod, arguments: &Named<Expr>) -> Value {
        let text = |name: &str| match arguments.get(name).map(|expr| self.value(expr)) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let place = match method {
            CacheMethod::Inline => Some(CachePlace::Inline),
            CacheMethod::Registry => match arguments.get("tag").map(|expr| self.value(expr)) {
                Some(Value::Tag(tag)) => Some(CachePlace::Registry(*tag)),
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
        place.map_or(Value::Error, |place| Value::Cache(Box::new((place, mode))))
    }

    /// Whether a value can differ from run to run: it comes from a param or the environment.
    pub(super) fn varies(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Value(id) => self.is_varying(*id),
            ExprKind::Git(_) => true,
            ExprKind::Local(id) => self.local_varies(*id),
            // What they read is another one in another commit.
            ExprKind::Call { function: Callee::Host(_), .. }
            | ExprKind::Call {
                function:
                    Callee::BuiltIn(Function::Env | Function::Now | Function::Read | Function::HashFiles),
                ..
            } => true,
            _ => expr.children().into_iter().any(|child| self.varies(child)),
        }
    }

    /// The tags in the branches of every `if` in an expression: those that other runs may have.
    pub(super) fn conditional_tags(&self, expr: &Expr) -> Vec<(RepositoryId, String, TagForm)> {
        let mut tags = Vec::new();
        let mut seen = HashSet::new();
        let mut pending = vec![(expr, false)];
        while let Some((expr, in_branch)) = pending.pop() {
            match &expr.kind {
                ExprKind::Tag { repository, tag } if in_branch => {
                    tags.extend(self.quietly(|| self.possible_tag(repository, tag)));
                }
                ExprKind::Value(id) if seen.insert((*id, in_branch)) => {
                    let value = self.program().values.get(id.0).and_then(|value| value.expr.as_ref());
                    pending.extend(value.map(|value| (value, in_branch)));
                }
                kind => {
                    let in_branch = in_branch || matches!(kind, ExprKind::If { .. });
                    pending.extend(expr.children().into_iter().map(|child| (child, in_branch)));
                }
            }
        }
        tags
    }

    fn possible_tag(&self, repository: &Expr, tag: &Expr) -> Option<(RepositoryId, String, TagForm)> {
        let Value::Repository(id) = self.value(repository) else { return None };
        Some(match self.value(tag) {
            Value::String(text) if self.varies(tag) => (id, text, self.form(tag)),
            Value::String(text) => (id, text, TagForm::Fixed),
            _ => (id, String::new(), TagForm::Any),
        })
    }

    /// Which texts a tag that varies can have.
    fn form(&self, tag: &Expr) -> TagForm {
        if let ExprKind::String(parts) = &tag.kind
            && let [first, .., last] = parts.as_slice()
        {
            let text = |part: &Part| match part {
                Part::Text(text) => text.clone(),
                Part::Hole(_) => String::new(),
            };
            let hole_only = |part: &Part| matches!(part, Part::Hole(expr) if self.is_unique(expr));
            let (start, end) = (text(first), text(last));
            return match (start.is_empty() && end.is_empty(), parts.iter().any(hole_only)) {
                (true, true) => TagForm::Unique,
                (true, false) => TagForm::Any,
                (false, _) => TagForm::Around(start, end),
            };
        }
        if self.is_unique(tag) { TagForm::Unique } else { TagForm::Any }
    }

    /// Whether a text is made from the id of a commit, a hash or the time, and not from a branch.
    pub(super) fn is_unique(&self, expr: &Expr) -> bool {
        let (mut is_unique, mut pending) = (false, vec![expr]);
        while let Some(expr) = pending.pop() {
            match &expr.kind {
                ExprKind::Git(GitFact::Branch | GitFact::Tag) => return false,
                ExprKind::Git(GitFact::Commit | GitFact::Short)
                | ExprKind::Call {
                    function: Callee::BuiltIn(Function::Now | Function::Sha256 | Function::HashFiles),
                    ..
                } => {
                    is_unique = true;
                }
                ExprKind::Value(id) => is_unique |= self.unique_value(*id),
                _ => pending.extend(expr.children()),
            }
        }
        is_unique
    }

    /// The same of a param or let that was not looked at yet.
    pub(super) fn makes_unique(&self, item: &program::Value) -> bool {
        let name = item.name.value.to_lowercase();
        let is_named = ["commit", "sha", "revision"].iter().any(|word| name.contains(word));
        item.param.is_some() && is_named || item.expr.as_ref().is_some_and(|expr| self.is_unique(expr))
    }
}
