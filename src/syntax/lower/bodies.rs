//! What stands between braces. The grammar has one rule for all of it; which members are allowed depends on the
//! [`Place`].

use std::collections::HashSet;

use super::{Lower, Node};
use crate::diag::Code;
use crate::source::Span;
use crate::syntax::ast::{Attribute, Entry, ExprKind, Name, Stage, StageEntry, Step, Steps, WaveEntry};
use crate::syntax::errors::{steps, syntax as errors};
use crate::syntax::parse::Rule;

/// Where a body stands, and so what may stand in it.
pub(in crate::syntax) struct Place {
    pub(in crate::syntax) kind: PlaceKind,
    /// `image`, `cache`, `pre`, `map`, …
    pub(in crate::syntax) word: String,
    /// What messages point at as the container.
    pub(in crate::syntax) head: Span,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::syntax) enum PlaceKind {
    /// Attributes and blocks.
    Block,
    /// Entries separated by commas.
    Map,
    /// The options of a step or a param: attributes only.
    Options,
    Wave,
    Stage,
    /// `pre` and `post`: steps only.
    Steps,
}

impl Place {
    pub(super) fn item(word: &str, name: &Name) -> Self {
        let kind = match word {
            "wave" => PlaceKind::Wave,
            "stage" => PlaceKind::Stage,
            _ => PlaceKind::Block,
        };
        Self { kind, word: word.to_owned(), head: name.span }
    }

    pub(super) fn block(name: &Name) -> Self {
        Self { kind: PlaceKind::Block, word: name.value.clone(), head: name.span }
    }

    pub(super) fn map(head: Span) -> Self {
        Self { kind: PlaceKind::Map, word: "map".to_owned(), head }
    }

    pub(super) fn options(word: &str, head: Span) -> Self {
        Self { kind: PlaceKind::Options, word: word.to_owned(), head }
    }

    fn steps(word: &str, head: Span) -> Self {
        Self { kind: PlaceKind::Steps, word: word.to_owned(), head }
    }

    /// Whether steps stand here.
    pub(in crate::syntax) fn has_steps(&self) -> bool {
        matches!(self.kind, PlaceKind::Wave | PlaceKind::Stage | PlaceKind::Steps)
    }
}

/// Anything that can stand between braces.
pub(super) enum Member {
    Entry(Entry),
    Step(Step),
    Stage(Stage),
    /// `pre { … }` or `post { … }`
    Pre(Steps),
    Post(Steps),
}

impl<'a> Lower<'a> {
    /// The members of a body that may stand in `place`; others are reported and left out.
    fn members(&mut self, body: Node<'a>, place: &Place, height: usize) -> Vec<Member> {
        let mut members = Vec::new();
        let first_report = self.diagnostics.len();
        let mut previous: Option<Neighbour> = None;
        // The rest of a line that starts with an unknown step.
        let mut unread = false;
        for node in body.into_inner() {
            let start = self.span(&node);
            let is_step = matches!(node.as_rule(), Rule::step | Rule::stage);
            if let Some(previous) = &mut previous
                && unread
                && !self.gap(previous.span, start).newline
            {
                previous.span = start;
                continue;
            }
            unread = place.has_steps() && is_unknown_step(&node);
            if let Some(previous) = &previous
                && !self.check_separator(previous, start, is_step, &node, place)
            {
                // A part of the value was not read, so that nothing can be said about it.
                if let Some(Member::Entry(Entry::Attribute(Attribute { value, .. }))) = members.last_mut()
                    && value.span.end == previous.span.end
                {
                    value.kind = ExprKind::Error;
                }
                continue;
            }
            let (member, end) = match node.as_rule() {
                Rule::step => self.step_member(node, place),
                Rule::stage => self.stage_member(node, place),
                _ => self.entry(node, place, height),
            };
            previous = Some(Neighbour { span: Span { end: end.end, ..start }, is_step });
            members.extend(member);
        }
        self.keep_names_apart(first_report, &members);
        members
    }

    /// Takes the correction from reports of wrong names, from the first of this body on, where it would set an
    /// attribute a second time.
    fn keep_names_apart(&mut self, first_report: usize, members: &[Member]) {
        let reports = self.diagnostics.iter_mut().skip(first_report);
        let mut reports = reports.filter(|one| one.code == Code::NotAnAttributeName).peekable();
        if reports.peek().is_none() {
            return;
        }
        let names = members.iter().filter_map(|member| match member {
            Member::Entry(Entry::Attribute(attribute)) => Some(&attribute.name.value),
            Member::Entry(Entry::Block(block)) => Some(&block.name.value),
            _ => None,
        });
        let mut names: HashSet<String> = names.cloned().collect();
        for report in reports {
            report.edits.retain(|edit| names.insert(edit.replacement.clone()));
        }
    }

    /// Reports a missing separator. False if the member is only the tail of the one before it.
    fn check_separator(
        &mut self,
        previous: &Neighbour,
        start: Span,
        is_step: bool,
        node: &Node<'a>,
        place: &Place,
    ) -> bool {
        let gap = self.gap(previous.span, start);
        if place.kind == PlaceKind::Map {
            if gap.comma {
                return true;
            }
            let before = self.short(previous.span);
            let diagnostic = match gap.semicolon {
                Some(semicolon) => errors::semicolon(semicolon, "map entries", "`,`"),
                None => errors::missing_comma(self.first_token(start), before, "map entries", '}')
                    .with_edit(previous.span.after(), ","),
            };
            self.report(diagnostic);
            return true;
        }
        let steps = is_step || previous.is_step;
        if gap.newline || (gap.comma && !previous.is_step) || (gap.semicolon.is_some() && steps) {
            return true;
        }
        if let Some(semicolon) = gap.semicolon {
            self.report(errors::semicolon(semicolon, "attributes", "a new line or `,`"));
            return true;
        }
        let has_sign = node.clone().into_inner().any(|part| {
            matches!(part.as_rule(), Rule::equals | Rule::colon | Rule::colon_equals | Rule::body)
        });
        let first = self.first_token(start);
        if is_step || has_sign {
            let separator = if steps { ";" } else { "," };
            self.report(errors::missing_separator(first, steps).with_edit(previous.span.after(), separator));
            return true;
        }
        let before = self.slice(previous.span);
        let diagnostic = errors::value_after_value(before, self.slice(first), first);
        let blanks = Span { start: previous.span.end, end: start.start, ..start };
        self.diagnostics.extend(diagnostic.map(|one| errors::without_blanks(one, blanks)));
        false
    }

    fn step_member(&mut self, node: Node<'a>, place: &Place) -> (Option<Member>, Span) {
        let whole = self.span(&node);
        if place.has_steps() {
            let (step, end) = self.step(node);
            return (step.map(Member::Step), end);
        }
        let keyword = self.first_token(whole);
        let source = self.short(whole).map(str::trim_end);
        self.report(steps::step_outside_wave(self.slice(keyword), source, keyword, place));
        (None, Span { end: whole.start + u32_len(self.slice(whole).trim_end()), ..whole })
    }

    fn stage_member(&mut self, node: Node<'a>, place: &Place) -> (Option<Member>, Span) {
        let end = self.span(&node);
        let mut nodes = node.into_inner();
        let Some(head) = nodes.next() else { return (None, end) };
        let keyword = self.span(&head);
        if place.kind != PlaceKind::Wave {
            self.report(steps::stage_outside_wave(keyword, place));
            return (None, end);
        }
        let (mut name, mut clauses, mut body) = (None, super::items::Clauses::default(), None);
        for node in nodes {
            match node.as_rule() {
                Rule::word | Rule::dashed | Rule::string => name = self.item_name("stage", &node),
                Rule::body => body = Some(node),
                _ => self.clause(node, "stage", &mut clauses),
            }
        }
        let Some((name, body)) = name.zip(body) else {
            self.report(errors::missing_name("stage", keyword));
            return (None, end);
        };
        let place = Place::item("stage", &name);
        let members = self.members(body, &place, 0);
        let entries = members.into_iter().filter_map(|member| match member {
            Member::Entry(Entry::Attribute(attribute)) => Some(StageEntry::Attribute(attribute)),
            Member::Step(step) => Some(StageEntry::Step(step)),
            _ => None,
        });
        let entries = entries.collect();
        let stage = Stage { name, binders: clauses.binders, after: clauses.after, entries };
        (Some(Member::Stage(stage)), end)
    }

    /// The members of a registry, repository, builder, image or block.
    pub(super) fn entries(&mut self, body: Node<'a>, place: &Place, height: usize) -> Vec<Entry> {
        let members = self.members(body, place, height).into_iter();
        members
            .filter_map(|member| if let Member::Entry(entry) = member { Some(entry) } else { None })
            .collect()
    }

    /// The members of a map or of options.
    pub(super) fn attributes(&mut self, body: Node<'a>, place: &Place, height: usize) -> Vec<Attribute> {
        let attribute = |entry| match entry {
            Entry::Attribute(attribute) => Some(attribute),
            Entry::Block(_) => None,
        };
        self.entries(body, place, height).into_iter().filter_map(attribute).collect()
    }

    pub(super) fn wave_entries(&mut self, body: Node<'a>, place: &Place) -> Vec<WaveEntry> {
        let entry = |member| match member {
            Member::Entry(Entry::Attribute(attribute)) => Some(WaveEntry::Attribute(attribute)),
            Member::Entry(Entry::Block(_)) => None,
            Member::Step(step) => Some(WaveEntry::Step(step)),
            Member::Stage(stage) => Some(WaveEntry::Stage(stage)),
            Member::Pre(steps) => Some(WaveEntry::Pre(steps)),
            Member::Post(steps) => Some(WaveEntry::Post(steps)),
        };
        self.members(body, place, 0).into_iter().filter_map(entry).collect()
    }

    /// `pre { … }` and `post { … }`.
    pub(super) fn steps_block(&mut self, keyword: &Name, body: Node<'a>) -> Member {
        let place = Place::steps(&keyword.value, keyword.span);
        let members = self.members(body, &place, 0).into_iter();
        let steps = members
            .filter_map(|member| if let Member::Step(step) = member { Some(step) } else { None })
            .collect();
        let steps = Steps { keyword: keyword.span, steps };
        if keyword.value == "pre" { Member::Pre(steps) } else { Member::Post(steps) }
    }
}

/// Whether an entry is a word or a string without a sign or a block.
fn is_unknown_step(node: &Node<'_>) -> bool {
    let mut parts = node.clone().into_inner().skip(1);
    node.as_rule() == Rule::entry && parts.all(|part| matches!(part.as_rule(), Rule::value | Rule::no_value))
}

/// The member before, for the separator between.
struct Neighbour {
    span: Span,
    is_step: bool,
}

fn u32_len(text: &str) -> u32 {
    u32::try_from(text.len()).expect("source files are smaller than 4 GiB")
}
