//! Calls: the built-in functions and the `cache.…` methods.

use super::exprs::{Place, Subject};
use super::functions::Function;
use super::program::{Expr, ExprKind};
use super::types::Type;
use super::{Checker, errors};
use crate::source::Span;
use crate::syntax::ast::{self, Name};

impl<'a> Checker<'a> {
    pub(super) fn call(&mut self, callee: &'a ast::Expr, arguments: &'a [ast::Argument], span: Span) -> Expr {
        match &callee.kind {
            ast::ExprKind::Name(name) => match Function::by_name(name) {
                Some(function) => return self.function(function, callee.span, arguments, span),
                None if Function::LATER.contains(&name.as_str()) => {
                    self.report(errors::not_yet(&format!("the function `{name}`"), callee.span));
                }
                None => self.report(errors::unknown_function(name, callee.span)),
            },
            ast::ExprKind::Field { base, field } if is_name(base, "cache") => {
                return self.cache(field, arguments, span);
            }
            ast::ExprKind::Error => {}
            _ => self.report(errors::not_a_function(callee.span, self.short(callee.span))),
        }
        self.use_names(arguments.iter().map(|argument| &argument.value));
        Expr::error(span)
    }

    fn function(
        &mut self,
        function: Function,
        callee: Span,
        arguments: &'a [ast::Argument],
        span: Span,
    ) -> Expr {
        let signature = function.signature();
        let named = arguments.iter().find_map(|argument| argument.name.as_ref());
        let problem = if let Some(name) = named {
            Some(errors::unknown_argument(&function.to_string(), name))
        } else if arguments.len() != signature.parameters.len() {
            let source = arguments.first().and_then(|first| self.short(first.value.span));
            Some(errors::argument_count(function, arguments.len(), source, span))
        } else {
            None
        };
        if let Some(problem) = problem {
            self.report(problem);
            self.use_names(arguments.iter().map(|argument| &argument.value));
            return Expr::error(span);
        }
        let place = Place::plain(Subject::Argument(function));
        // A function needs its arguments now; what the run finds out later cannot be one.
        let typed = self.before_the_run(callee, |checker| {
            let pairs = arguments.iter().zip(&signature.parameters);
            pairs.map(|(argument, ty)| checker.expr(&argument.value, ty, place)).collect()
        });
        Expr { kind: ExprKind::Call { function, arguments: typed }, ty: signature.result, span }
    }

    /// `cache.registry(tag, mode = "max")` and `cache.inline()`
    fn cache(&mut self, field: &'a Name, arguments: &'a [ast::Argument], span: Span) -> Expr {
        match field.value.as_str() {
            "inline" if arguments.is_empty() => {
                return Expr { kind: ExprKind::InlineCache, ty: Type::Cache, span };
            }
            "registry" => return self.registry_cache(arguments, span),
            "inline" => self.report(errors::inline_cache_arguments(arguments.len(), span)),
            "local" | "gha" | "s3" => {
                self.report(errors::not_yet(&format!("`cache.{}`", field.value), field.span));
            }
            _ => self.report(errors::unknown_cache(field)),
        }
        self.use_names(arguments.iter().map(|argument| &argument.value));
        Expr::error(span)
    }

    fn registry_cache(&mut self, arguments: &'a [ast::Argument], span: Span) -> Expr {
        let (mut tag, mut mode, mut failed) = (None, None, false);
        for argument in arguments {
            let value = &argument.value;
            match &argument.name {
                None if tag.is_none() => {
                    tag = Some(Box::new(self.expr(value, &Type::Tag, Place::plain(Subject::CacheTag))));
                }
                Some(name) if name.value == "mode" && mode.is_none() => {
                    mode = Some(Box::new(self.expr(value, &Type::String, Place::plain(Subject::CacheMode))));
                }
                Some(name) if name.value == "mode" => {
                    self.report(errors::repeated_argument(name));
                    failed = true;
                }
                Some(name) => {
                    self.report(errors::unknown_argument(errors::REGISTRY_CACHE, name));
                    failed = true;
                }
                None => {
                    self.report(errors::unnamed_cache_mode(value.span, self.short(value.span)));
                    failed = true;
                }
            }
        }
        match tag {
            Some(tag) if !failed => {
                Expr { kind: ExprKind::RegistryCache { tag, mode }, ty: Type::Cache, span }
            }
            None if !failed => {
                self.report(errors::cache_without_tag(span));
                Expr::error(span)
            }
            _ => Expr::error(span),
        }
    }
}

fn is_name(expr: &ast::Expr, name: &str) -> bool {
    matches!(&expr.kind, ast::ExprKind::Name(found) if found == name)
}
