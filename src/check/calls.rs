//! Calls: the built-in functions and the `cache.…` methods.

use std::sync::Arc;

use super::exprs::{Place, Subject};
use super::functions::{Callee, Function};
use super::program::{CacheMethod, Expr, ExprKind, Named};
use super::types::Type;
use super::{Checker, errors};
use crate::source::Span;
use crate::syntax::ast::{self, Name};

impl<'a> Checker<'a> {
    pub(super) fn call(&mut self, callee: &'a ast::Expr, arguments: &'a [ast::Argument], span: Span) -> Expr {
        match &callee.kind {
            ast::ExprKind::Name(name) => match self.callee(name) {
                Some(function) => return self.function(name, function, callee.span, (arguments, span)),
                None => self.report(errors::unknown_function(name, callee.span, self.language)),
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

    pub(super) fn callee(&self, name: &str) -> Option<Callee> {
        let host = || self.language.function(name).map(|function| Callee::Host(Arc::clone(function)));
        Function::by_name(name).map(Callee::BuiltIn).or_else(host)
    }

    fn function(
        &mut self,
        name: &'a str,
        function: Callee,
        callee: Span,
        (arguments, span): (&'a [ast::Argument], Span),
    ) -> Expr {
        let signature = function.signature();
        let named = arguments.iter().find_map(|argument| argument.name.as_ref());
        let problem = if let Some(name) = named {
            Some(errors::unknown_argument(&function.to_string(), name))
        } else if arguments.len() != signature.parameters.len() {
            let source = arguments.first().and_then(|first| self.short(first.value.span));
            Some(errors::argument_count(&function, arguments.len(), source, span))
        } else {
            None
        };
        if let Some(problem) = problem {
            self.report(problem);
            self.use_names(arguments.iter().map(|argument| &argument.value));
            return Expr::error(span);
        }
        let place = Place::plain(Subject::Argument(name));
        // A function needs its arguments now; what the run finds out later cannot be one.
        let typed = self.before_the_run(callee, |checker| {
            let pairs = arguments.iter().zip(&signature.parameters);
            let typed = pairs.map(|(argument, ty)| match &function {
                Callee::BuiltIn(Function::Length) => checker.measurable(&argument.value, place),
                _ => checker.expr(&argument.value, ty, place),
            });
            typed.collect()
        });
        Expr { kind: ExprKind::Call { function, arguments: typed }, ty: signature.result, span }
    }

    /// What `length` takes: a list, a map or a text.
    fn measurable(&mut self, argument: &'a ast::Expr, place: Place<'a>) -> Expr {
        let found = self.infer(argument);
        let counted = found.ty.required().clone();
        match counted {
            Type::String | Type::Map(_) | Type::List(_) | Type::Error => self.convert(found, &counted, place),
            Type::Secret => self.without_secrets(found),
            _ => {
                self.report(errors::not_measurable(&found));
                Expr::error(found.span)
            }
        }
    }

    /// `cache.registry(tag, mode = "max")`, `cache.inline()`, …
    fn cache(&mut self, field: &'a Name, arguments: &'a [ast::Argument], span: Span) -> Expr {
        let Some(method) = CACHE_METHODS.iter().find(|method| method.name == field.value) else {
            self.report(errors::unknown_cache(field));
            self.use_names(arguments.iter().map(|argument| &argument.value));
            return Expr::error(span);
        };
        let mut typed: Named<Expr> = Named::default();
        let mut failed = false;
        for argument in arguments {
            let parameter = match &argument.name {
                None => method.parameters.iter().find(|one| one.positional && !typed.contains(one.name)),
                Some(name) => method.parameters.iter().find(|one| !one.positional && one.name == name.value),
            };
            let problem = match (&argument.name, parameter) {
                (Some(name), Some(one)) if typed.contains(one.name) => Some(errors::repeated_argument(name)),
                (_, Some(_)) => None,
                (Some(name), None) => Some(errors::unknown_argument(method.signature, name)),
                (None, None) => {
                    let span = argument.value.span;
                    Some(errors::unnamed_cache_argument(method, span, self.short(span)))
                }
            };
            let Some(parameter) = parameter.filter(|_| problem.is_none()) else {
                self.diagnostics.extend(problem);
                self.use_names([&argument.value]);
                failed = true;
                continue;
            };
            let subject = Subject::CacheArgument(parameter.name);
            let found = self.before_the_run(field.span, |checker| {
                checker.expr(&argument.value, &(parameter.ty)(), Place::plain(subject))
            });
            typed.add(parameter.name, found);
        }
        let missing = method.parameters.iter().find(|one| one.required && !typed.contains(one.name));
        if let (Some(missing), false) = (missing, failed) {
            self.report(errors::missing_cache_argument(method, missing.name, span));
        }
        if failed || missing.is_some() {
            return Expr::error(span);
        }
        Expr { kind: ExprKind::Cache { method: method.method, arguments: typed }, ty: Type::Cache, span }
    }
}

/// A method of `cache`.
pub(super) struct CacheSignature {
    pub(super) name: &'static str,
    pub(super) method: CacheMethod,
    /// As messages show it.
    pub(super) signature: &'static str,
    parameters: &'static [CacheParameter],
}

struct CacheParameter {
    name: &'static str,
    ty: fn() -> Type,
    required: bool,
    positional: bool,
}

const fn cache_parameter(name: &'static str, ty: fn() -> Type) -> CacheParameter {
    CacheParameter { name, ty, required: false, positional: false }
}

const MODE: CacheParameter = cache_parameter("mode", || Type::String);

/// The attributes of the cache back ends of BuildKit: <https://github.com/moby/buildkit#export-cache>
pub(super) const CACHE_METHODS: &[CacheSignature] = &[
    CacheSignature {
        name: "registry",
        method: CacheMethod::Registry,
        signature: "cache.registry(tag, mode = string) -> cache",
        parameters: &[
            CacheParameter { name: "tag", ty: || Type::Tag, required: true, positional: true },
            MODE,
        ],
    },
    CacheSignature {
        name: "inline",
        method: CacheMethod::Inline,
        signature: "cache.inline() -> cache",
        parameters: &[],
    },
    CacheSignature {
        name: "local",
        method: CacheMethod::Local,
        signature: "cache.local(path, mode = string) -> cache",
        parameters: &[
            CacheParameter { name: "dir", ty: || Type::Path, required: true, positional: true },
            MODE,
        ],
    },
    CacheSignature {
        name: "gha",
        method: CacheMethod::Gha,
        signature: "cache.gha(scope = string, mode = string) -> cache",
        parameters: &[cache_parameter("scope", || Type::String), MODE],
    },
    CacheSignature {
        name: "s3",
        method: CacheMethod::S3,
        signature: "cache.s3(bucket = string, region = string, prefix = string, mode = string) -> cache",
        parameters: &[
            CacheParameter { name: "bucket", ty: || Type::String, required: true, positional: false },
            CacheParameter { name: "region", ty: || Type::String, required: true, positional: false },
            cache_parameter("prefix", || Type::String),
            MODE,
        ],
    },
];

fn is_name(expr: &ast::Expr, name: &str) -> bool {
    matches!(&expr.kind, ast::ExprKind::Name(found) if found == name)
}
