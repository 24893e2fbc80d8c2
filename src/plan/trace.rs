//! Where the parts of a plan are written, for the checks that need both values and places.

use super::value::{Value, WrittenTag};
use super::{ImageId, Tag};
use crate::check::program::{self, DeferredField};
use crate::check::push_order::Block;
use crate::source::Span;

/// Beside [`super::Plan::images`] and the steps of its waves.
#[derive(Default)]
pub(super) struct Trace<'a> {
    /// By [`ImageId`].
    pub(super) images: Vec<ImageTrace<'a>>,
    /// Every step of every wave, also of those that are skipped in this run.
    pub(super) steps: Vec<StepTrace<'a>>,
}

pub(super) struct ImageTrace<'a> {
    pub(super) item: &'a program::Image,
    /// What makes it one of a family.
    pub(super) key: Vec<Value>,
    /// What it is pushed to, each with the place where the tag is written.
    pub(super) tags: Vec<(Tag, Span)>,
    /// The same with all that is known of their texts.
    pub(super) written: Vec<WrittenTag>,
    /// The tags of `cache { from, to }`; of an automatic cache none.
    pub(super) cache_from: Vec<WrittenTag>,
    pub(super) cache_to: Vec<WrittenTag>,
    /// The images that it is built from.
    pub(super) bases: Vec<Base>,
}

/// An image of the program that another one is built from.
pub(super) struct Base {
    pub(super) image: ImageId,
    /// What names it.
    pub(super) span: Span,
}

#[derive(Clone)]
pub(super) struct StepTrace<'a> {
    pub(super) wave: usize,
    /// A stage is an index into those of the planned wave.
    pub(super) block: Block,
    /// Its place in the block.
    pub(super) index: usize,
    /// Whether it runs in this run.
    pub(super) runs: bool,
    pub(super) step: &'a program::Step,
    /// The operands of `build` and `push`.
    pub(super) images: Vec<(ImageId, Span)>,
    /// The images whose digests it needs; without a field for the operand of `promote`.
    pub(super) uses: Vec<(ImageId, Option<DeferredField>, Span)>,
}

impl StepTrace<'_> {
    pub(super) fn is_push(&self) -> bool {
        matches!(self.step.kind, program::StepKind::Push(_))
    }
}
