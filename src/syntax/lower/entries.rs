//! Attributes and blocks, with everything that people write instead of `name = value`.

use super::bodies::{Member, Place, PlaceKind};
use super::{Lower, Node};
use crate::source::Span;
use crate::syntax::ast::{Attribute, Block, Entry, Expr, ExprKind, Name};
use crate::syntax::errors::{foreign, steps, syntax as errors};
use crate::syntax::parse::Rule;

/// Attributes that are written as blocks.
const BLOCKS: [&str; 3] = ["cache", "lifecycle", "tls"];
/// Attributes whose value is a map, which people write as blocks.
const MAPS: [&str; 7] = ["args", "labels", "annotations", "secrets", "contexts", "env", "ulimits"];

/// The parts of an entry as the grammar found them.
struct Parts<'a> {
    key: Name,
    sign: Option<Node<'a>>,
    /// A value, a body, or nothing.
    value: Option<Node<'a>>,
}

impl<'a> Lower<'a> {
    /// One entry and where it ends.
    pub(super) fn entry(&mut self, node: Node<'a>, place: &Place, height: usize) -> (Option<Member>, Span) {
        let start = self.span(&node);
        let mut nodes = node.into_inner();
        let Some(key) = nodes.next() else { return (None, start) };
        let key_span = self.span(&key);
        let (mut sign, mut value) = (None, None);
        for node in nodes {
            match node.as_rule() {
                Rule::equals | Rule::colon | Rule::colon_equals => sign = Some(node),
                Rule::no_value => {}
                _ => value = Some(node),
            }
        }
        let end = value.as_ref().or(sign.as_ref()).map_or(key_span, |node| self.span(node));
        if place.has_steps() && sign.is_none() && key.as_rule() == Rule::string {
            self.report(steps::string_without_step(self.short(key_span), key_span));
            return (None, end);
        }
        let Some(key) = self.key(&key, place) else { return (None, end) };
        let parts = Parts { key, sign, value };
        match parts.value.as_ref().map(Node::as_rule) {
            Some(Rule::body) if parts.sign.is_none() => (self.block(parts, place, height), end),
            _ => self.attribute(parts, place, height, end),
        }
    }

    /// The name of an entry; none if what stands there cannot be one.
    fn key(&mut self, node: &Node<'a>, place: &Place) -> Option<Name> {
        let span = self.span(node);
        let source = node.as_str();
        let is_map = place.kind == PlaceKind::Map;
        match node.as_rule() {
            Rule::dashed if is_map => {
                self.report(errors::dashed_key(source, span));
                Some(self.name(node))
            }
            Rule::dashed => {
                self.report(foreign::dashed_attribute(source, span));
                None
            }
            Rule::string => {
                if !is_map {
                    let shown = self.short(span).unwrap_or("…");
                    self.report(errors::quoted_attribute(shown.trim_matches('"'), span));
                }
                Some(Name::new(self.key_text(node.clone()), span))
            }
            _ => {
                let is_entry = matches!(place.kind, PlaceKind::Map | PlaceKind::Options);
                let diagnostic =
                    if is_entry { None } else { foreign::foreign_attribute(source, &place.word, span) };
                match diagnostic {
                    Some(diagnostic) => {
                        self.report(diagnostic);
                        None
                    }
                    None => Some(self.name(node)),
                }
            }
        }
    }

    /// The text of a quoted key, which cannot have holes.
    fn key_text(&mut self, node: Node<'a>) -> String {
        let span = self.span(&node);
        let ExprKind::String(parts) = self.string(node, 0).kind else { return String::new() };
        let mut text = String::new();
        let mut holes = false;
        for part in parts {
            match part {
                crate::syntax::ast::StringPart::Text(part) => text.push_str(&part),
                crate::syntax::ast::StringPart::Hole(_) => holes = true,
            }
        }
        if holes {
            self.report(errors::hole_in_key(span));
        }
        text
    }

    /// `name { … }`
    fn block(&mut self, parts: Parts<'a>, place: &Place, height: usize) -> Option<Member> {
        let Parts { key, value, .. } = parts;
        let body = value?;
        let open = self.first_token(self.span(&body));
        let word = key.value.as_str();
        match place.kind {
            PlaceKind::Wave if matches!(word, "pre" | "post") => return Some(self.steps_block(&key, body)),
            PlaceKind::Wave | PlaceKind::Stage | PlaceKind::Steps => {
                if matches!(word, "build" | "push" | "promote" | "run" | "sh" | "approve") {
                    self.report(steps::missing_argument(word, key.span));
                    return None;
                }
                if word == "stage" {
                    self.report(errors::missing_name("stage", key.span));
                    return None;
                }
                if word != "env" {
                    self.report(steps::unknown_wave_block(&key, place));
                    return None;
                }
            }
            PlaceKind::Map | PlaceKind::Options => {
                self.report(errors::expected_equals_before_map(word, open));
                return Some(self.map_attribute(key, body, height));
            }
            PlaceKind::Block => {}
        }
        if MAPS.contains(&word) {
            self.report(errors::map_not_block(word, open));
            return Some(self.map_attribute(key, body, height));
        }
        Some(Member::Entry(Entry::Block(self.nested_block(key, body, height))))
    }

    fn map_attribute(&mut self, name: Name, body: Node<'a>, height: usize) -> Member {
        let span = self.span(&body);
        // Written as a block, its entries are separated like those of a block: one report is enough.
        let entries = self.attributes(body, &Place::options(&name.value, name.span), height + 1);
        let entries =
            entries.into_iter().map(|one| crate::syntax::ast::MapEntry { key: one.name, value: one.value });
        let value = Expr { kind: ExprKind::Map(entries.collect()), span };
        Member::Entry(Entry::Attribute(Attribute { name, value }))
    }

    fn nested_block(&mut self, name: Name, body: Node<'a>, height: usize) -> Block {
        let span = name.span.to(self.span(&body));
        let place = Place::block(&name);
        Block { entries: self.entries(body, &place, height + 1), name, span }
    }

    /// `name = value`, and what is written instead.
    fn attribute(
        &mut self,
        parts: Parts<'a>,
        place: &Place,
        height: usize,
        end: Span,
    ) -> (Option<Member>, Span) {
        let Parts { key, sign, value } = parts;
        let Some(sign) = sign else {
            return (self.signless(key, value, place, height), end);
        };
        let sign_span = self.span(&sign);
        let source = value.as_ref().and_then(|value| self.short(self.span(value))).map(str::trim_end);
        if place.has_steps() && sign.as_rule() == Rule::colon && steps::is_step(&key.value) {
            self.report(steps::colon_after_step(&key.value, sign_span, source));
            return (None, end);
        }
        if sign.as_rule() != Rule::equals {
            let diagnostic = errors::expected_equals(&key.value, sign.as_str(), sign_span, source);
            self.report(diagnostic.with_edit(sign_span, self.equals_for(sign_span)));
        }
        if place.kind == PlaceKind::Steps {
            self.report(steps::attribute_among_steps(&key, place));
            return (None, end);
        }
        let Some(value) = value else {
            self.report(errors::missing_value(&key.value, sign_span));
            let value = Expr { kind: ExprKind::Error, span: sign_span };
            return (Some(Member::Entry(Entry::Attribute(Attribute { name: key, value }))), end);
        };
        if place.kind == PlaceKind::Block && BLOCKS.contains(&key.value.as_str()) {
            let mut inner = value.clone().into_inner();
            if let Some(body) = inner.next().filter(|node| node.as_rule() == Rule::body)
                && inner.next().is_none()
            {
                let end = self.span(&body);
                if sign.as_rule() == Rule::equals {
                    let diagnostic = errors::block_not_value(&key.value, sign_span);
                    let up_to_brace = Span { start: key.span.end, end: end.start, ..end };
                    self.report(diagnostic.with_edit(up_to_brace, " "));
                }
                return (Some(Member::Entry(Entry::Block(self.nested_block(key, body, height)))), end);
            }
        }
        let value = self.value(value, height);
        let end = value.span;
        (Some(Member::Entry(Entry::Attribute(Attribute { name: key, value }))), end)
    }

    /// `no_cache`, `context "."`: a word without a sign.
    fn signless(
        &mut self,
        key: Name,
        value: Option<Node<'a>>,
        place: &Place,
        height: usize,
    ) -> Option<Member> {
        if place.has_steps() {
            self.report(steps::unknown_step(&key, place));
            return None;
        }
        let source = value.as_ref().and_then(|value| self.short(self.span(value))).map(str::trim_end);
        let at = value.as_ref().map(|value| self.first_token(self.span(value)));
        self.report(errors::missing_equals(&key, source, at));
        let value = match value {
            Some(value) => self.value(value, height),
            None => Expr { kind: ExprKind::Error, span: key.span },
        };
        Some(Member::Entry(Entry::Attribute(Attribute { name: key, value })))
    }
}
