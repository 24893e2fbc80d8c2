//! Values: operators, calls, tags, lists, conditionals.

use std::sync::LazyLock;

use pest::pratt_parser::{Assoc, Op, PrattParser};

use super::{Lower, MAX_HEIGHT, Node};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{Argument, BinaryOperator, Expr, ExprKind, MapEntry, StringPart};
use crate::syntax::errors::{lexical, values as errors};
use crate::syntax::parse::Rule;

/// The operators, loosest first.
static PRECEDENCE: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    PrattParser::new()
        .op(Op::infix(Rule::op_default, Assoc::Right))
        .op(Op::infix(Rule::op_or, Assoc::Left))
        .op(Op::infix(Rule::op_and, Assoc::Left))
        .op(Op::infix(Rule::op_equal, Assoc::Left) | Op::infix(Rule::op_not_equal, Assoc::Left))
        .op(Op::infix(Rule::op_concat, Assoc::Left))
        .op(Op::prefix(Rule::op_not))
});

impl<'a> Lower<'a> {
    /// A value that stands `height` below the root of its tree.
    pub(super) fn value(&mut self, node: Node<'a>, height: usize) -> Expr {
        let whole = self.span(&node);
        let mut nodes = node.into_inner();
        if nodes.len() == 1
            && let Some(only) = nodes.next()
        {
            return self.primary(only, height);
        }
        let operators = nodes.clone().filter(|node| operator(node.as_rule()).is_some()).count();
        let height = height + operators + 1;
        if height > MAX_HEIGHT {
            return self.too_long(self.first_token(whole));
        }
        self.check_comparisons(nodes.clone());
        let (file, base) = (self.file, self.base);
        let span_of = |node: &Node<'_>| {
            let span = node.as_span();
            Span::new(file, base + span.start()..base + span.end())
        };
        PRECEDENCE
            .map_primary(|node| self.primary(node, height))
            .map_prefix(|not, operand| {
                let span = span_of(&not).to(operand.span);
                Expr { kind: ExprKind::Not(Box::new(operand)), span }
            })
            .map_infix(|left, node, right| {
                let span = left.span.to(right.span);
                let operator = operator(node.as_rule()).flatten().unwrap_or(BinaryOperator::Concat);
                let operator = Spanned::new(operator, span_of(&node));
                let (left, right) = (Box::new(left), Box::new(right));
                Expr { kind: ExprKind::Binary { operator, left, right }, span }
            })
            .parse(nodes)
    }

    fn too_long(&mut self, span: Span) -> Expr {
        self.report(lexical::value_too_long(span, MAX_HEIGHT));
        Expr { kind: ExprKind::Error, span }
    }

    /// Reports `a == b == c`.
    fn check_comparisons(&mut self, nodes: impl Iterator<Item = Node<'a>>) {
        let mut compared = false;
        for node in nodes {
            match node.as_rule() {
                Rule::op_equal | Rule::op_not_equal if compared => {
                    let span = self.span(&node);
                    return self.report(errors::chained_comparison(node.as_str(), span));
                }
                Rule::op_equal | Rule::op_not_equal => compared = true,
                Rule::op_default | Rule::op_or | Rule::op_and => compared = false,
                _ => {}
            }
        }
    }

    pub(super) fn primary(&mut self, node: Node<'a>, height: usize) -> Expr {
        let span = self.span(&node);
        if height > MAX_HEIGHT {
            return self.too_long(self.first_token(span));
        }
        let kind = match node.as_rule() {
            Rule::conditional => return self.conditional(node, height),
            Rule::string => return self.string(node, height),
            Rule::number => match super::numbers::parse(node.as_str()) {
                Ok(kind) => kind,
                Err(problem) => {
                    self.report(errors::malformed_number(node.as_str(), &problem, span));
                    ExprKind::Error
                }
            },
            Rule::boolean => ExprKind::Bool(node.as_str() == "true"),
            Rule::list => return self.indexed(node, height, Self::list),
            Rule::body => {
                let place = super::bodies::Place::map(span);
                let attributes = self.attributes(node, &place, height + 1);
                let entry = |attribute: crate::syntax::ast::Attribute| MapEntry {
                    key: attribute.name,
                    value: attribute.value,
                };
                ExprKind::Map(attributes.into_iter().map(entry).collect())
            }
            Rule::paren => return self.indexed(node, height, Self::parenthesized),
            Rule::shell_variable => {
                self.report(errors::shell_variable(node.as_str(), self.first_token(span)));
                ExprKind::Error
            }
            _ => return self.chain(node, height),
        };
        Expr { kind, span }
    }

    fn conditional(&mut self, node: Node<'a>, height: usize) -> Expr {
        let start = self.span(&node);
        let mut values = node.into_inner().filter(|node| node.as_rule() == Rule::value);
        let mut part = || {
            let value = values.next().expect("the grammar gives a conditional three values");
            Box::new(self.value(value, height + 1))
        };
        let (condition, then, otherwise) = (part(), part(), part());
        let span = Span { end: otherwise.span.end, ..start };
        Expr { kind: ExprKind::If { condition, then, otherwise }, span }
    }

    /// A list or parentheses, and the indexes behind them.
    fn indexed(
        &mut self,
        node: Node<'a>,
        height: usize,
        lower: impl Fn(&mut Self, Vec<Node<'a>>, Span, usize) -> ExprKind,
    ) -> Expr {
        let whole = self.span(&node);
        let (indexes, inner): (Vec<_>, Vec<_>) =
            node.into_inner().partition(|node| node.as_rule() == Rule::index);
        let height = height + indexes.len();
        if height > MAX_HEIGHT {
            return self.too_long(self.first_token(whole));
        }
        let end = indexes.first().map_or(whole.end, |index| self.span(index).start);
        let span = Span { end, ..whole };
        let base = Expr { kind: lower(self, inner, span, height), span };
        indexes.into_iter().fold(base, |base, index| self.postfix(base, index, height))
    }

    fn parenthesized(&mut self, inner: Vec<Node<'a>>, _: Span, height: usize) -> ExprKind {
        inner.into_iter().next().map_or(ExprKind::Error, |inner| self.value(inner, height + 1).kind)
    }

    fn list(&mut self, inner: Vec<Node<'a>>, span: Span, height: usize) -> ExprKind {
        let mut items: Vec<Expr> = Vec::new();
        let mut generator = None;
        for node in inner {
            if node.as_rule() != Rule::value {
                generator = Some(node);
                continue;
            }
            let item = self.value(node, height + 1);
            if let Some(previous) = items.last() {
                self.require_comma(previous.span, item.span, "list items", ']');
            }
            items.push(item);
        }
        match generator {
            None => ExprKind::List(items),
            Some(generator) => self.comprehension(items, generator, span, height),
        }
    }

    fn comprehension(
        &mut self,
        mut items: Vec<Expr>,
        generator: Node<'a>,
        list: Span,
        height: usize,
    ) -> ExprKind {
        let clause = self.span(&generator);
        if items.len() != 1 {
            let source = self.slice(list);
            let report = match items.first() {
                None => errors::for_before_value(source, self.first_token(clause)),
                Some(_) => errors::several_values_before_for(self.first_token(clause)),
            };
            self.report(report);
            return ExprKind::Error;
        }
        let (mut binder, mut condition) = (None, None);
        for node in generator.into_inner() {
            match node.as_rule() {
                Rule::binder => binder = self.binder(node, height + 1),
                Rule::value => condition = Some(Box::new(self.value(node, height + 1))),
                _ => {}
            }
        }
        match (items.pop(), binder) {
            (Some(value), Some(binder)) => {
                ExprKind::Comprehension { value: Box::new(value), binder: Box::new(binder), condition }
            }
            _ => ExprKind::Error,
        }
    }

    /// `name`, calls, indexes and fields behind it, and a tag at the end.
    pub(super) fn chain(&mut self, node: Node<'a>, height: usize) -> Expr {
        let whole = self.span(&node);
        let mut nodes = node.into_inner();
        let height = height + nodes.len();
        if height > MAX_HEIGHT {
            return self.too_long(self.first_token(whole));
        }
        let Some(first) = nodes.next() else {
            return Expr { kind: ExprKind::Error, span: whole };
        };
        let span = self.span(&first);
        let mut expr = Expr { kind: self.first_name(first, nodes.clone().next()), span };
        for node in nodes {
            expr = self.postfix(expr, node, height);
        }
        expr
    }

    fn first_name(&mut self, node: Node<'a>, next: Option<Node<'a>>) -> ExprKind {
        let name = self.name(&node);
        let is_field = next.as_ref().is_some_and(|next| next.as_rule() == Rule::field);
        if errors::is_reserved_for_later(&name.value) {
            self.report(errors::reserved_value(&name));
            return ExprKind::Error;
        }
        if let (true, "var" | "local", Some(field)) = (is_field, name.value.as_str(), next) {
            let field = field.as_str().trim_start_matches('.');
            self.report(errors::terraform_prefix(&name, field));
            return ExprKind::Error;
        }
        ExprKind::Name(name.value)
    }

    fn postfix(&mut self, base: Expr, node: Node<'a>, height: usize) -> Expr {
        let span = base.span.to(self.span(&node));
        let failed = base.kind == ExprKind::Error;
        let base = Box::new(base);
        let kind = match node.as_rule() {
            Rule::field => match node.into_inner().next() {
                Some(field) => ExprKind::Field { base, field: self.name(&field) },
                None => ExprKind::Error,
            },
            Rule::index => match node.into_inner().next() {
                Some(index) => ExprKind::Index { base, index: Box::new(self.value(index, height + 1)) },
                None => ExprKind::Error,
            },
            Rule::call => ExprKind::Call { callee: base, arguments: self.arguments(node, height + 1) },
            _ => ExprKind::Tag { tag: Box::new(self.tag(&base, node, height + 1)), repository: base },
        };
        Expr { kind: if failed { ExprKind::Error } else { kind }, span }
    }

    fn tag(&mut self, repository: &Expr, node: Node<'a>, height: usize) -> Expr {
        let spaced = node.as_rule() == Rule::spaced_tag;
        let whole = self.span(&node);
        let mut nodes = node.into_inner();
        let colon = if spaced { nodes.next() } else { None };
        let Some(node) = nodes.next() else {
            return Expr { kind: ExprKind::Error, span: whole };
        };
        let span = self.span(&node);
        if let Some(colon) = colon {
            let repository = self.short(repository.span).unwrap_or("…");
            let tag = self.short(span).unwrap_or("…");
            self.report(errors::spaced_tag(repository, tag, self.span(&colon)));
        }
        match node.as_rule() {
            Rule::string => self.string(node, height),
            Rule::paren => self.primary(node, height),
            Rule::tag_chain => self.chain(node, height),
            _ => {
                if !spaced {
                    let repository = self.short(repository.span).unwrap_or("…");
                    self.report(errors::unquoted_tag(repository, node.as_str(), span));
                }
                let text = vec![StringPart::Text(node.as_str().to_owned())];
                Expr { kind: ExprKind::String(text), span }
            }
        }
    }

    fn arguments(&mut self, node: Node<'a>, height: usize) -> Vec<Argument> {
        let mut arguments = Vec::new();
        let mut previous: Option<Span> = None;
        for node in node.into_inner() {
            let start = self.span(&node);
            let mut name = None;
            let mut value = None;
            for node in node.into_inner() {
                match node.as_rule() {
                    Rule::word => name = Some(self.name(&node)),
                    Rule::value => value = Some(self.argument_value(node, height)),
                    _ => {}
                }
            }
            let Some(value) = value else { continue };
            let span = Span { end: value.span.end, ..start };
            if let Some(previous) = previous {
                self.require_comma(previous, span, "arguments", ')');
            }
            previous = Some(span);
            arguments.push(Argument { name, value });
        }
        arguments
    }

    /// A value, or `name: value` as other languages name an argument, which looks like a tag with blanks.
    fn argument_value(&mut self, node: Node<'a>, height: usize) -> Expr {
        let chain = node.clone().into_inner().next().filter(|chain| chain.as_rule() == Rule::chain);
        let mut parts = chain.into_iter().flat_map(Node::into_inner);
        let (name, tag) = (parts.next(), parts.next());
        let Some((name, tag)) = name.zip(tag).filter(|(_, tag)| tag.as_rule() == Rule::spaced_tag) else {
            return self.value(node, height);
        };
        let mut tag = tag.into_inner();
        let colon = tag.next().map_or_else(|| self.span(&name), |colon| self.span(&colon));
        let blanks = self.slice(colon).find(':').unwrap_or(0);
        let colon = self.first_token(Span::new(colon.file, colon.range().start + blanks..colon.range().end));
        let value = tag.next().map_or("…", |value| value.as_str());
        self.report(errors::named_argument_colon(name.as_str(), value, colon));
        Expr { kind: ExprKind::Error, span: self.span(&name) }
    }
}

/// `Some(None)` for the prefix operator, `None` for operands.
fn operator(rule: Rule) -> Option<Option<BinaryOperator>> {
    match rule {
        Rule::op_default => Some(Some(BinaryOperator::Default)),
        Rule::op_or => Some(Some(BinaryOperator::Or)),
        Rule::op_and => Some(Some(BinaryOperator::And)),
        Rule::op_equal => Some(Some(BinaryOperator::Equal)),
        Rule::op_not_equal => Some(Some(BinaryOperator::NotEqual)),
        Rule::op_concat => Some(Some(BinaryOperator::Concat)),
        Rule::op_not => Some(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::source::SourceMap;
    use crate::syntax::ast::{Expr, ExprKind, ItemKind};

    /// The tree of a value in brackets.
    fn shape(expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Name(name) => name.clone(),
            ExprKind::Not(operand) => format!("!{}", shape(operand)),
            ExprKind::Field { base, field } => format!("{}.{}", shape(base), field.value),
            ExprKind::Tag { repository, tag } => format!("{}:{}", shape(repository), shape(tag)),
            ExprKind::Call { callee, arguments } => {
                let arguments: Vec<String> = arguments.iter().map(|one| shape(&one.value)).collect();
                format!("{}({})", shape(callee), arguments.join(" "))
            }
            ExprKind::If { condition, then, otherwise } => {
                format!("if({} {} {})", shape(condition), shape(then), shape(otherwise))
            }
            ExprKind::Binary { operator, left, right } => {
                let sign = operator.value;
                format!("({}{sign}{})", shape(left), shape(right))
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn every_operator_has_its_precedence() {
        for (source, expected) in [
            ("a ?? b ?? c", "(a??(b??c))"),
            ("a || b && c", "(a||(b&&c))"),
            ("a && b || c", "((a&&b)||c)"),
            ("a ?? b || c", "(a??(b||c))"),
            ("a == b && c != d", "((a==b)&&(c!=d))"),
            ("a + b == c + d", "((a+b)==(c+d))"),
            ("a + b + c", "((a+b)+c)"),
            ("!a && !!b", "(!a&&!!b)"),
            ("!a + b", "(!a+b)"),
            ("(a || b) && c", "((a||b)&&c)"),
            ("if a then b else c ?? d", "if(a b (c??d))"),
            ("a.b(c, d).e", "a.b(c d).e"),
            ("a:b.c(d)", "a:b.c(d)"),
            ("a:b ?? c", "(a:b??c)"),
        ] {
            let mut sources = SourceMap::new();
            let id = sources.add("test", "test", &format!("cachelang 1\nlet x = {source}\n"));
            let (file, diagnostics) = crate::syntax::parse(&sources, id);
            assert!(diagnostics.is_empty(), "{source}: {diagnostics:?}");
            let values: Vec<String> = file
                .items
                .iter()
                .map(|item| match &item.kind {
                    ItemKind::Let(item) => shape(&item.value),
                    other => format!("{other:?}"),
                })
                .collect();
            assert_eq!(values, [expected], "{source}");
        }
    }
}
