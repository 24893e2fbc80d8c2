//! Types of expressions: [`ast::Expr`] → [`Expr`].
//!
//! [`Checker::expr`] pushes the expected type inwards, so that a list item or a branch is blamed and not the whole;
//! [`Checker::infer`] finds the type of what carries its own.

use super::errors::Nearby;
use super::names::Kind;
use super::program::{DeferredField, Expr, ExprKind, ImageRef, Part};
use super::types::Type;
use super::{Checker, errors};
use crate::environment::GitFact;
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOperator, Name};

/// Whether values that only the run knows (`image.ref`) may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deferred {
    /// With what is evaluated too early for them.
    Forbidden(Option<Span>),
    Allowed,
}

/// Where a value ends up, which decides the conversions and what a secret there would mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// An attribute or operand without conversions.
    Plain,
    /// `args`: ints and bools become text; what stands here is stored in the image.
    BuildArguments,
    /// `labels`: stored in the image.
    Stored,
    /// `annotations`: stored beside the image.
    Annotations,
    /// `dockerfile_inline`: what the image is built with.
    Dockerfile,
    /// `ulimits`: ints become text.
    Limits,
    /// `context`: a path or a repository.
    Context,
    /// `contexts`: a path, an image of the program or a reference.
    NamedContext,
    /// `cache.from`: a tag is the inline cache of its image.
    CacheSource,
    /// An argument of `run`.
    CommandArgument,
    /// The environment of `run` and `sh`.
    CommandEnvironment,
    /// Inside `${…}`: ints and bools become text.
    Hole,
}

impl Slot {
    /// The slot of the operands of `??`: a secret is never unset, and one cannot take the place of a text.
    fn of_default(self) -> Slot {
        if self == Slot::CommandEnvironment { Slot::Plain } else { self }
    }
}

/// What a message calls the place that a value stands in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'a> {
    Attribute(&'a Name),
    /// An item of the list in an attribute; `first` is an item before it that has the right type.
    Item {
        attribute: Option<&'a Name>,
        first: Option<Span>,
    },
    /// The value of a key of a map.
    Entry(&'a Name),
    /// The default of a param.
    Default(&'a Name),
    Condition,
    /// The list of a `for`.
    BinderList,
    /// What stands in `[…]` behind a value.
    Index,
    /// The tag that an image is promoted to.
    PromoteTarget,
    /// The question of `approve`.
    Question,
    /// A branch of an `if` and what the other one is.
    Else {
        then: Span,
    },
    Operand(BinaryOperator),
    Negated,
    /// An argument of the function of that name.
    Argument(&'a str),
    /// What stands before the colon of a tag.
    Repository,
    /// What stands behind it; the span is the repository's.
    Tag(Span),
    /// An argument of `cache.…` by its name.
    CacheArgument(&'static str),
    /// The argument of `env` or `file`, whose name this is.
    SecretSource(&'static str),
    StepArgument,
    Script,
    Hole,
    /// An operand of `build` or `push`.
    StepOperand,
}

/// A place that takes a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) slot: Slot,
    pub(super) subject: Subject<'a>,
}

impl<'a> Place<'a> {
    pub(super) fn new(slot: Slot, subject: Subject<'a>) -> Self {
        Self { slot, subject }
    }

    /// A place without conversions.
    pub(super) fn plain(subject: Subject<'a>) -> Self {
        Self::new(Slot::Plain, subject)
    }

    fn item(self, first: Option<Span>) -> Self {
        let attribute = match self.subject {
            Subject::Attribute(name) | Subject::Default(name) | Subject::Entry(name) => Some(name),
            Subject::Item { attribute, .. } => attribute,
            _ => None,
        };
        Self { subject: Subject::Item { attribute, first }, ..self }
    }
}

impl<'a> Checker<'a> {
    /// Checks an expression against the type that its place wants.
    pub(super) fn expr(&mut self, expr: &'a ast::Expr, expected: &Type, place: Place<'a>) -> Expr {
        let make = |kind, ty| Expr { kind, ty, span: expr.span };
        match (&expr.kind, expected.required()) {
            (ast::ExprKind::Name(name), wanted) if !self.is_declared(name) => {
                self.undeclared(name, expr.span, wanted, place.subject);
                Expr::error(expr.span)
            }
            (ast::ExprKind::List(items), Type::List(item)) => {
                let mut first = None;
                let mut typed = Vec::new();
                for expr in items {
                    let found = self.expr(expr, item, place.item(first));
                    // A source of a cache may be a tag, so that the first one does not say what others must be.
                    if !matches!(found.kind, ExprKind::Error) && place.slot != Slot::CacheSource {
                        first = first.or(Some(found.span));
                    }
                    typed.push(found);
                }
                make(ExprKind::List(typed), expected.clone())
            }
            (ast::ExprKind::Map(entries), Type::Map(value)) => {
                let entries = self.map(entries, place.slot, |checker, entry| {
                    let place = Place::new(place.slot, Subject::Entry(&entry.key));
                    checker.expr(&entry.value, value, place)
                });
                make(ExprKind::Map(entries), expected.clone())
            }
            (ast::ExprKind::If { condition, then, otherwise }, _) => {
                let condition = Box::new(self.condition(condition));
                let then = Box::new(self.expr(then, expected, place));
                let otherwise = Box::new(self.expr(otherwise, expected, place));
                make(ExprKind::If { condition, then, otherwise }, expected.clone())
            }
            (ast::ExprKind::Binary { operator, left, right }, _)
                if operator.value == BinaryOperator::Default =>
            {
                self.with_default((left, right), expr.span, expected, place)
            }
            (ast::ExprKind::Binary { operator, left, right }, Type::List(_))
                if operator.value == BinaryOperator::Concat =>
            {
                let left = self.expr(left, expected.required(), place);
                let right = self.expr(right, expected.required(), place);
                super::operators::binary(operator.value, left, right, expected.required().clone(), expr.span)
            }
            (ast::ExprKind::Comprehension { value, binder, condition }, Type::List(item)) => {
                let place = place.item(None);
                self.comprehension(binder, condition.as_deref(), expr.span, |checker| {
                    checker.expr(value, item, place)
                })
            }
            _ => {
                let found = self.infer(expr);
                self.convert(found, expected, place)
            }
        }
    }

    /// `left ?? right` where a type is expected.
    fn with_default(
        &mut self,
        (left, right): (&'a ast::Expr, &'a ast::Expr),
        span: Span,
        expected: &Type,
        place: Place<'a>,
    ) -> Expr {
        let optional = expected.clone().optional();
        let place = Place { slot: place.slot.of_default(), ..place };
        let left = match self.tag_with_default(left, right) {
            Some(tag) => self.convert(tag, &optional, place),
            None => self.expr(left, &optional, place),
        };
        // Where the left side has the wrong type, the right side mostly has the same one.
        let right = match left.kind {
            ExprKind::Error => self.infer(right),
            _ => self.expr(right, expected, place),
        };
        self.warn_of_useless_default(&left, &right);
        super::operators::binary(BinaryOperator::Default, left, right, expected.clone(), span)
    }

    /// `[value for x in list if condition]`; `check` is what becomes of the value.
    fn comprehension(
        &mut self,
        binder: &'a ast::Binder,
        condition: Option<&'a ast::Expr>,
        span: Span,
        check: impl FnOnce(&mut Self) -> Expr,
    ) -> Expr {
        let list = self.before_the_run(binder.name.span, |checker| checker.infer(&binder.list));
        let list = self.without_secrets(list);
        let item = match list.ty.required() {
            Type::List(item) => (**item).clone(),
            Type::Error => Type::Error,
            _ => {
                self.report(errors::not_iterable(&list));
                Type::Error
            }
        };
        let list = match list.ty {
            Type::Optional(_) => {
                let expected = list.ty.required().clone();
                self.convert(list, &expected, Place::plain(Subject::BinderList))
            }
            _ => list,
        };
        let bound = self.bind_one(&binder.name, list, item);
        let condition = condition.map(|condition| Box::new(self.condition(condition)));
        let value = check(self);
        self.unbind(1);
        let ty = Type::list(value.ty.clone());
        let kind = ExprKind::Comprehension { value: Box::new(value), binder: Box::new(bound), condition };
        Expr { kind, ty, span }
    }

    /// The condition of an `if`: decided before the run, wherever it stands.
    pub(super) fn condition(&mut self, condition: &'a ast::Expr) -> Expr {
        self.before_the_run(condition.span, |checker| {
            checker.expr(condition, &Type::Bool, Place::plain(Subject::Condition))
        })
    }

    /// The type of an expression on its own.
    pub(super) fn infer(&mut self, expr: &'a ast::Expr) -> Expr {
        let found = self.infer_of_any_depth(expr);
        if !found.ty.is_too_deep() {
            return found;
        }
        if !found.ty.has_error() {
            self.report(errors::value_too_deep(found.span));
        }
        Expr::error(found.span)
    }

    /// A value that is one level too deep at most: what it is made of was looked at before.
    fn infer_of_any_depth(&mut self, expr: &'a ast::Expr) -> Expr {
        let span = expr.span;
        let make = |kind, ty| Expr { kind, ty, span };
        match &expr.kind {
            ast::ExprKind::String(parts) => {
                self.keys_in_string(parts, span);
                make(ExprKind::String(self.string(parts)), Type::String)
            }
            ast::ExprKind::Int(value) => make(ExprKind::Int(*value), Type::Int),
            ast::ExprKind::Bool(value) => make(ExprKind::Bool(*value), Type::Bool),
            ast::ExprKind::Duration(value) => make(ExprKind::Duration(*value), Type::Duration),
            ast::ExprKind::Size(value) => make(ExprKind::Size(*value), Type::Size),
            ast::ExprKind::List(items) => self.list(items, span),
            ast::ExprKind::Map(entries) => self.inferred_map(entries, span),
            ast::ExprKind::Name(name) => self.name(name, span),
            ast::ExprKind::Field { base, field } => self.field(base, field, span),
            ast::ExprKind::Call { callee, arguments } => self.call(callee, arguments, span),
            ast::ExprKind::Tag { repository, tag } => {
                let at = repository.span;
                let place = Place::plain(Subject::Repository);
                let repository = Box::new(self.expr(repository, &Type::Repository, place));
                let tag = Box::new(self.expr(tag, &Type::String, Place::plain(Subject::Tag(at))));
                make(ExprKind::Tag { repository, tag }, Type::Tag)
            }
            ast::ExprKind::If { condition, then, otherwise } => {
                self.conditional(condition, then, otherwise, span)
            }
            ast::ExprKind::Not(inner) => {
                let inner = self.before_the_run(span, |checker| {
                    checker.expr(inner, &Type::Bool, Place::plain(Subject::Negated))
                });
                make(ExprKind::Not(Box::new(inner)), Type::Bool)
            }
            ast::ExprKind::Binary { operator, left, right } => self.operator(operator, left, right, span),
            ast::ExprKind::Comprehension { value, binder, condition } => {
                self.comprehension(binder, condition.as_deref(), span, |checker| checker.infer(value))
            }
            ast::ExprKind::Index { base, index } => self.index(base, index, span),
            ast::ExprKind::Error => Expr::error(span),
        }
    }

    /// `worker["api"]`, `map["key"]`, `list[0]`
    fn index(&mut self, base: &'a ast::Expr, index: &'a ast::Expr, span: Span) -> Expr {
        let base = self.infer(base);
        let wanted = match base.ty.required() {
            Type::List(_) => Type::Int,
            Type::Map(_) | Type::Family => Type::String,
            Type::Error => {
                self.use_names([index]);
                return Expr::error(span);
            }
            _ => {
                self.use_names([index]);
                self.report(errors::not_indexable(&base, index.span));
                return Expr::error(span);
            }
        };
        let place = Place::plain(Subject::Index);
        let index = self.before_the_run(base.span, |checker| checker.expr(index, &wanted, place));
        match (&base.ty, base.kind) {
            (Type::Family, ExprKind::Image(mut image)) => {
                image.keys.push(index);
                image.span = span;
                let ty = match self.binders.get(&image.image) {
                    Some(binders) if binders.len() == image.keys.len() => Type::Image,
                    _ => Type::Family,
                };
                Expr { kind: ExprKind::Image(image), ty, span }
            }
            (Type::List(item) | Type::Map(item), kind) => {
                let ty = (**item).clone();
                let base = Box::new(Expr { kind, ty: base.ty.clone(), span: base.span });
                Expr { kind: ExprKind::Index { base, index: Box::new(index) }, ty, span }
            }
            (ty, kind) => {
                let base = Expr { kind, ty: ty.clone(), span: base.span };
                self.report(errors::not_indexable(&base, index.span));
                Expr::error(span)
            }
        }
    }

    fn string(&mut self, parts: &'a [ast::StringPart]) -> Vec<Part> {
        let place = Place::new(Slot::Hole, Subject::Hole);
        let mut part = |part: &'a ast::StringPart| match part {
            ast::StringPart::Text(text) => Part::Text(text.clone()),
            ast::StringPart::Hole(expr) => Part::Hole(self.expr(expr, &Type::String, place)),
        };
        parts.iter().map(&mut part).collect()
    }

    fn name(&mut self, name: &'a str, span: Span) -> Expr {
        let make = |kind, ty| Expr { kind, ty, span };
        if let Some((_, local, ty)) = self.scope.iter().rev().find(|(bound, ..)| *bound == name) {
            return make(ExprKind::Local(*local), ty.clone());
        }
        let Some(declared) = self.names.get(name) else {
            if let Some((ty, value)) = self.language.value(name) {
                return Expr::of_host(ty, value, span);
            }
            self.undeclared(name, span, &Type::Error, Subject::Hole);
            return Expr::error(span);
        };
        self.used.insert(name);
        match declared.kind {
            Kind::Param(id) | Kind::Let(id) => make(ExprKind::Value(id), self.value_type(id)),
            Kind::Secret(id) => make(ExprKind::Secret(id), Type::Secret),
            Kind::Registry(id) => make(ExprKind::Registry(id), Type::Registry),
            Kind::Repository(id) => make(ExprKind::Repository(id), Type::Repository),
            Kind::Image(image) => {
                let ty = if self.binders.contains_key(&image) { Type::Family } else { Type::Image };
                make(ExprKind::Image(ImageRef { image, keys: Vec::new(), span }), ty)
            }
            Kind::Builder(id) => make(ExprKind::Builder(id), Type::Builder),
            Kind::Template(_) => {
                self.report(errors::template_as_value(name, declared, span));
                Expr::error(span)
            }
            Kind::Poisoned => Expr::error(span),
        }
    }

    pub(super) fn is_declared(&self, name: &str) -> bool {
        self.scope.iter().any(|(bound, ..)| *bound == name)
            || self.names.get(name).is_some()
            || self.language.value(name).is_some()
    }

    /// Reports a name that no item has.
    fn undeclared(&mut self, name: &'a str, span: Span, wanted: &Type, subject: Subject<'a>) {
        let diagnostic = match name {
            "git" => errors::git_without_field(span),
            "cache" => errors::cache_not_called(span),
            _ if self.callee(name).is_some() => errors::function_not_called(name, span),
            _ if !self.all_files_known => return,
            _ => {
                // One misspelled name can stand in a thousand places.
                let nearby = self.nearby.entry((name, wanted.clone()));
                let nearby = nearby.or_insert_with(|| Nearby::of(name, wanted, self.names.to_suggest()));
                errors::unknown_name(name, span, wanted, subject, nearby)
            }
        };
        self.report(diagnostic);
    }

    fn field(&mut self, base: &'a ast::Expr, field: &'a Name, span: Span) -> Expr {
        if let ast::ExprKind::Name(name) = &base.kind
            && name == "git"
            && !self.is_declared(name)
        {
            return self.git(field, span);
        }
        let base = self.infer(base);
        let image = match (base.kind, &base.ty) {
            (ExprKind::Image(image), Type::Image) => image,
            (kind @ ExprKind::Image(_), ty) => {
                let base = Expr { kind, ty: ty.clone(), span: base.span };
                let diagnostic = self.family_not_image(&base, &format!(".{}", field.value));
                self.diagnostics.extend(diagnostic);
                return Expr::error(span);
            }
            (_, Type::Error) => return Expr::error(span),
            (kind, Type::Image) if matches!(field.value.as_str(), "ref" | "digest") => {
                let image = self.image_behind(&kind);
                let diagnostic = errors::field_of_value(base.span, field, image, self.names.of_kind("image"));
                self.report(diagnostic);
                return Expr::error(span);
            }
            (_, ty) => {
                self.report(errors::no_field(ty, field));
                return Expr::error(span);
            }
        };
        let deferred = match field.value.as_str() {
            "ref" => DeferredField::Ref,
            "digest" => DeferredField::Digest,
            _ => {
                self.report(errors::no_field(&base.ty, field));
                return Expr::error(span);
            }
        };
        if let Deferred::Forbidden(because) = self.deferred {
            let (name, _) = self.names.item(Kind::Image(image.image));
            self.report(errors::ref_too_early(name, &field.value, span, because));
            return Expr::error(span);
        }
        Expr { kind: ExprKind::Deferred { image, field: deferred }, ty: Type::String, span }
    }

    /// The name of the image that a `let` is another name of.
    fn image_behind(&self, kind: &ExprKind) -> Option<&'a str> {
        let mut kind = kind;
        while let ExprKind::Value(id) = kind {
            let (_, expr) = self.values.get(id.0)?.as_ref()?;
            kind = &expr.as_ref()?.kind;
        }
        match kind {
            ExprKind::Image(image) if image.keys.is_empty() => {
                Some(self.names.item(Kind::Image(image.image)).0)
            }
            _ => None,
        }
    }

    /// `git.commit`: unset where there is no repository.
    fn git(&mut self, field: &'a Name, span: Span) -> Expr {
        let known = GitFact::ALL.iter().find(|(name, _)| *name == field.value);
        let Some((_, fact)) = known else {
            self.report(errors::unknown_git_field(field));
            return Expr::error(span);
        };
        let ty = if *fact == GitFact::Dirty { Type::Bool } else { Type::String };
        Expr { kind: ExprKind::Git(*fact), ty: ty.optional(), span }
    }

    /// Checks what is evaluated before the run even where it stands in a step; `because` is what asks for it.
    pub(super) fn before_the_run<T>(&mut self, because: Span, check: impl FnOnce(&mut Self) -> T) -> T {
        let deferred = self.deferred;
        if deferred == Deferred::Allowed {
            self.deferred = Deferred::Forbidden(Some(because));
        }
        let result = check(self);
        self.deferred = deferred;
        result
    }
}
