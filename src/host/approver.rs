//! Who is asked by `approve` steps.

use async_trait::async_trait;

use super::Place;

/// Asks a person whether a pipeline may go on.
#[async_trait]
pub trait Approver: Send + Sync {
    /// Whether there is somebody to ask. A run that will have to ask does not start if there is not.
    fn is_present(&self) -> bool;

    /// Asks, and waits for the answer: whether it is yes. Steps of several stages may ask at the same time. Dropping the
    /// future takes the question back.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    async fn approve(&self, approval: &Approval) -> Result<bool, String>;
}

/// A question of an `approve` step.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approval {
    pub place: Place,
    pub question: String,
}

impl Approval {
    pub fn new(place: Place, question: impl Into<String>) -> Self {
        Self { place, question: question.into() }
    }
}

/// There is nobody to ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

#[async_trait]
impl Approver for Nobody {
    fn is_present(&self) -> bool {
        false
    }

    async fn approve(&self, _: &Approval) -> Result<bool, String> {
        Err("there is nobody to ask".to_owned())
    }
}
