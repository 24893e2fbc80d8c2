//! How large values may be, so that a short file cannot fill the memory.

use super::eval::Value;
use crate::check::functions::Function;

/// Bytes of text in one value, with everything inside it.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Items and entries in one value, with everything inside it.
const MAX_ITEMS: usize = 100_000;

/// Images or stages that one `for` makes.
pub(super) const MAX_MEMBERS: usize = 10_000;
/// Work that a plan may take: an expression is one step, so is an item that is copied, or 64 bytes of text.
///
/// It stands against files that are short and take for ever: comprehensions inside each other, values that are made
/// of large values, families of families. Ten thousand images with all their attributes are a fifth of it.
pub(super) const MAX_STEPS: usize = 10_000_000;

/// Which limit a value exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    Text,
    Items,
}

/// What a value takes. Lists and maps count what is inside them: lists of lists grow as fast as texts do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    text: usize,
    items: usize,
}

impl Size {
    pub(super) fn text(length: usize) -> Self {
        Self { text: length, items: 0 }
    }

    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::text(text.len()),
            Value::List(items) => items.iter().fold(Self::default(), |size, item| size.with_item("", item)),
            Value::Map(entries) => {
                entries.iter().fold(Self::default(), |size, (key, value)| size.with_item(key, value))
            }
            _ => Self::default(),
        }
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self { text: self.text.saturating_add(other.text), items: self.items.saturating_add(other.items) }
    }

    /// With one more item; `key` is empty in a list.
    pub(super) fn with_item(self, key: &str, item: &Value) -> Self {
        self.with(Self::of(item)).with(Self { text: key.len(), items: 1 })
    }

    /// How much work it is to make or copy such a value.
    pub(super) fn steps(self) -> usize {
        self.items.saturating_add(self.text / 64)
    }

    pub(super) fn excess(self) -> Option<Excess> {
        match self {
            Self { text, .. } if text > MAX_TEXT => Some(Excess::Text),
            Self { items, .. } if items > MAX_ITEMS => Some(Excess::Items),
            _ => None,
        }
    }

    /// What a function will return, for those that can return much more than they are given.
    pub(super) fn of_result(function: Function, arguments: &[Value]) -> Self {
        match (function, arguments) {
            (Function::Replace, [Value::String(text), Value::String(from), Value::String(to)]) => {
                let found = text.matches(from.as_str()).count();
                let kept = text.len().saturating_sub(found.saturating_mul(from.len()));
                Self::text(kept.saturating_add(found.saturating_mul(to.len())))
            }
            (Function::Join, [list @ Value::List(items), Value::String(separator)]) => {
                let separators = items.len().saturating_sub(1).saturating_mul(separator.len());
                Self::text(Self::of(list).text.saturating_add(separators))
            }
            (Function::Split, [Value::String(text), Value::String(separator)]) => {
                Self { text: 0, items: text.matches(separator.as_str()).count().saturating_add(1) }
            }
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::functions;

    #[test]
    fn the_size_of_a_result_is_known_before() {
        let text = |text: &str| Value::String(text.to_owned());
        for arguments in [["aXbX", "X", "long"], ["é", "", "--"], ["aaa", "aa", ""], ["", "a", "b"]] {
            let arguments = arguments.map(text);
            let value = functions::apply(Function::Replace, &arguments);
            assert_eq!(Size::of_result(Function::Replace, &arguments), Size::of(&value), "{arguments:?}");
        }
        for arguments in [["a,b,", ","], ["é", ""], ["", ","]] {
            let arguments = arguments.map(text);
            let value = functions::apply(Function::Split, &arguments);
            let found = Size::of_result(Function::Split, &arguments);
            assert_eq!(found.items, Size::of(&value).items, "{arguments:?}");
        }
        let arguments = [Value::list(vec![text("a"), text("bc")]), text(", ")];
        assert_eq!(Size::of_result(Function::Join, &arguments), Size::text(5));
    }
}
