//! The pushes of one image, so that a use of its digest asks all of them at once: a file may push an image in each of a
//! thousand stages and use it in as many.

use std::collections::HashMap;

use super::push_order::{Block, Position, StepOrder};
use super::stage_order::Followers;
use crate::source::Span;

pub(super) struct Pushes {
    /// The first one of the file.
    pub(super) first: (Position, Span),
    waves: HashMap<usize, InWave>,
}

/// The pushes of one wave.
#[derive(Default)]
struct InWave {
    /// By block: the first step that pushes.
    steps: HashMap<Block, usize>,
    /// The stages behind those that push, when they were asked for.
    followers: Option<Followers>,
}

impl Pushes {
    pub(super) fn new(position: Position, span: Span) -> Self {
        Self { first: (position, span), waves: HashMap::new() }
    }

    /// Adds a push; those of one block in the order of its steps.
    pub(super) fn add(&mut self, push: Position) {
        let wave = self.waves.entry(push.wave).or_default();
        wave.steps.entry(push.block).or_insert(push.step);
    }

    /// Whether any of them has ended when what stands at a place starts.
    pub(super) fn precede(&mut self, usage: Position, order: &StepOrder) -> bool {
        // Waves run in file order, and so are the pushes added.
        if self.first.0.wave < usage.wave {
            return true;
        }
        let Some(wave) = self.waves.get_mut(&usage.wave) else { return false };
        if wave.steps.get(&usage.block).is_some_and(|push| *push < usage.step) {
            return true;
        }
        match usage.block {
            Block::Steps | Block::Pre => false,
            Block::Stage(_) if wave.steps.contains_key(&Block::Pre) => true,
            Block::Stage(stage) => {
                let pushing = wave.steps.keys().filter_map(|block| match block {
                    Block::Stage(stage) => Some(*stage),
                    _ => None,
                });
                let followers =
                    wave.followers.get_or_insert_with(|| order.followers(usage.wave, pushing.collect()));
                followers.contains(stage)
            }
            Block::Post => wave.steps.keys().any(|block| *block != Block::Post),
        }
    }
}
