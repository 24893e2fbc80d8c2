//! Items: `param`, `let`, `secret`, `include`, and everything with a block.

use super::bodies::Place;
use super::{Lower, Lowered, Node};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{
    Binder, Block, Expr, ExprKind, Image, Item, ItemKind, Let, Name, Param, Secret, TypeName, Wave,
};
use crate::syntax::errors::syntax as errors;
use crate::syntax::parse::Rule;

/// The words between the name of a block and its `{`.
#[derive(Default)]
pub(super) struct Clauses {
    pub(super) extends: Vec<Name>,
    pub(super) binders: Vec<Binder>,
    pub(super) after: Vec<Name>,
}

impl<'a> Lower<'a> {
    pub(super) fn item(&mut self, node: Node<'a>) -> Option<Lowered> {
        let start = self.span(&node);
        let rule = node.as_rule();
        let (kind, end) = match rule {
            Rule::version_item => return self.version(node).map(Lowered::Version),
            Rule::include_item => {
                let path = node.into_inner().nth(1)?;
                let end = self.span(&path);
                (ItemKind::Include(self.string(path, 0)), end)
            }
            Rule::param_item => self.param(node)?,
            Rule::let_item | Rule::secret_item => self.binding(node)?,
            _ => self.block_item(node)?,
        };
        let span = Span { end: end.end, ..start };
        Some(Lowered::Item(Item { description: None, kind, span }))
    }

    fn version(&mut self, node: Node<'a>) -> Option<Spanned<u64>> {
        let span = self.span(&node);
        let number = node.into_inner().nth(1)?;
        let span = Span { end: self.span(&number).end, ..span };
        match number.as_str().parse() {
            Ok(version) => Some(Spanned::new(version, span)),
            Err(_) => {
                self.report(errors::malformed_version(self.span(&number)));
                None
            }
        }
    }

    fn param(&mut self, node: Node<'a>) -> Option<(ItemKind, Span)> {
        let mut nodes = node.into_inner();
        let keyword = nodes.next()?;
        let mut end = self.span(&keyword);
        let (mut name, mut ty, mut default, mut attributes) = (None, None, None, Vec::new());
        for node in nodes {
            end = self.span(&node);
            match node.as_rule() {
                Rule::word | Rule::dashed | Rule::string => name = self.item_name("param", &node),
                Rule::type_name => ty = Some(Spanned::new(type_name(node.as_str()), end)),
                Rule::value => {
                    let value = self.value(node, 0);
                    end = value.span;
                    default = Some(value);
                }
                Rule::no_value => {
                    let text = name.as_ref().map_or("param", |name: &Name| name.value.as_str());
                    self.report(errors::missing_value(text, end));
                }
                Rule::body => {
                    let place = Place::options("param", name.as_ref().map_or(end, |name| name.span));
                    attributes = self.attributes(node, &place, 0);
                }
                _ => {}
            }
        }
        let name = self.require_name("param", name, &keyword)?;
        let Some(ty) = ty else {
            let guess = default.as_ref().and_then(|default| guess_type(&default.kind)).unwrap_or("string");
            self.report(errors::missing_type(&name, guess));
            return Some((ItemKind::Poisoned(name), end));
        };
        Some((ItemKind::Param(Param { name, ty, default, attributes }), end))
    }

    /// `let NAME = value` and `secret NAME = value`.
    fn binding(&mut self, node: Node<'a>) -> Option<(ItemKind, Span)> {
        let is_let = node.as_rule() == Rule::let_item;
        let word = if is_let { "let" } else { "secret" };
        let mut nodes = node.into_inner();
        let keyword = nodes.next()?;
        let (mut name, mut value) = (None, None);
        let mut sign = self.span(&keyword);
        for node in nodes {
            match node.as_rule() {
                Rule::word | Rule::dashed | Rule::string => name = self.item_name(word, &node),
                Rule::equals => sign = self.span(&node),
                Rule::colon | Rule::colon_equals => {
                    sign = self.span(&node);
                    let text = name.as_ref().map_or(word, |name: &Name| name.value.as_str());
                    let diagnostic = errors::expected_equals(text, node.as_str(), sign, None);
                    self.report(diagnostic.with_edit(sign, self.equals_for(sign)));
                }
                Rule::value => value = Some(self.value(node, 0)),
                _ => {
                    let text = name.as_ref().map_or(word, |name: &Name| name.value.as_str());
                    self.report(errors::missing_value(text, sign));
                    value = Some(Expr { kind: ExprKind::Error, span: sign });
                }
            }
        }
        let name = self.require_name(word, name, &keyword)?;
        let value = value?;
        let end = value.span;
        let kind = if is_let {
            ItemKind::Let(Let { name, value })
        } else {
            ItemKind::Secret(Secret { name, source: value })
        };
        Some((kind, end))
    }

    fn block_item(&mut self, node: Node<'a>) -> Option<(ItemKind, Span)> {
        let mut nodes = node.into_inner();
        let keyword = nodes.next()?;
        let word = keyword.as_str();
        let (mut name, mut clauses, mut body) = (None, Clauses::default(), None);
        for node in nodes {
            match node.as_rule() {
                Rule::word | Rule::dashed | Rule::string => name = self.item_name(word, &node),
                Rule::body => body = Some(node),
                _ => self.clause(node, word, &mut clauses),
            }
        }
        let name = self.require_name(word, name, &keyword)?;
        let body = body?;
        let end = self.span(&body);
        let span = self.span(&keyword).to(end);
        let place = Place::item(keyword.as_str(), &name);
        let kind = match word {
            "wave" => ItemKind::Wave(Wave { entries: self.wave_entries(body, &place), name }),
            "image" | "template" => {
                let entries = self.entries(body, &place, 0);
                let Clauses { extends, binders, .. } = clauses;
                let image = Image { name, extends, binders, entries };
                if word == "image" { ItemKind::Image(image) } else { ItemKind::Template(image) }
            }
            _ => {
                let block = Block { entries: self.entries(body, &place, 0), name, span };
                match word {
                    "registry" => ItemKind::Registry(block),
                    "repository" => ItemKind::Repository(block),
                    _ => ItemKind::Builder(block),
                }
            }
        };
        Some((kind, end))
    }

    /// `extends`, `for` or `after`, if the block may have it.
    pub(super) fn clause(&mut self, node: Node<'a>, block: &str, clauses: &mut Clauses) {
        let mut nodes = node.into_inner();
        let Some(keyword) = nodes.next() else { return };
        let allowed = match keyword.as_str() {
            "extends" => matches!(block, "image" | "template"),
            "for" => matches!(block, "image" | "stage"),
            _ => block == "stage",
        };
        if !allowed {
            return self.report(errors::clause_not_allowed(keyword.as_str(), block, self.span(&keyword)));
        }
        match keyword.as_str() {
            "extends" => clauses.extends.extend(nodes.map(|node| self.name(&node))),
            "after" => clauses.after.extend(nodes.map(|node| self.name(&node))),
            _ => {
                let binders: Vec<Binder> = nodes.filter_map(|node| self.binder(node, 0)).collect();
                clauses.binders.extend(binders);
            }
        }
    }

    pub(super) fn binder(&mut self, node: Node<'a>, height: usize) -> Option<Binder> {
        let mut nodes = node.into_inner();
        let name = self.declared_name(&nodes.next()?);
        let list = nodes.find(|node| node.as_rule() == Rule::value)?;
        Some(Binder { name, list: self.value(list, height + 1) })
    }

    /// The name of an item or a stage, written in whichever way.
    pub(super) fn item_name(&mut self, keyword: &str, node: &Node<'a>) -> Option<Name> {
        let span = self.span(node);
        match node.as_rule() {
            Rule::dashed => {
                self.report(errors::dashed_name(node.as_str(), span));
                Some(Name::new(node.as_str().replace('-', "_"), span))
            }
            Rule::string => {
                let text = node.as_str().trim_matches('"');
                self.report(errors::quoted_name(keyword, text, span));
                Some(Name::new(errors::word_from(text), span))
            }
            _ => Some(self.declared_name(node)),
        }
    }

    /// A name that is declared here; reserved words are reported.
    fn declared_name(&mut self, node: &Node<'a>) -> Name {
        let name = self.name(node);
        if errors::is_reserved(&name.value) {
            self.report(errors::reserved_name(&name));
        }
        name
    }

    fn require_name(&mut self, word: &str, name: Option<Name>, keyword: &Node<'a>) -> Option<Name> {
        if name.is_none() {
            self.report(errors::missing_name(word, self.span(keyword)));
        }
        name
    }
}

fn type_name(source: &str) -> TypeName {
    match source {
        "string" => TypeName::String,
        "int" => TypeName::Int,
        "bool" => TypeName::Bool,
        "duration" => TypeName::Duration,
        "list<string>" => TypeName::ListOfString,
        other => TypeName::Unknown(other.to_owned()),
    }
}

/// The type that a default shows by itself.
fn guess_type(default: &ExprKind) -> Option<&'static str> {
    match default {
        ExprKind::String(_) => Some("string"),
        ExprKind::Int(_) => Some("int"),
        ExprKind::Bool(_) => Some("bool"),
        ExprKind::Duration(_) => Some("duration"),
        ExprKind::List(_) => Some("list<string>"),
        _ => None,
    }
}
