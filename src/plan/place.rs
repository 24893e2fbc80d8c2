//! Where in the waves a step stands.

use std::fmt;

/// A wave or a block of it. Shown as `deploy`, `deploy.pre`, `deploy.staging` or `deploy.rollout["eu"]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Place {
    pub wave: String,
    /// `pre`, `post` or the name of a stage; `None` in a wave without stages.
    pub block: Option<String>,
    /// Whether the block is a stage.
    pub is_stage: bool,
    /// Whether other stages may run at the same time.
    pub parallel: bool,
}

impl Place {
    /// The place of a wave without stages.
    pub fn wave(wave: impl Into<String>) -> Self {
        Self { wave: wave.into(), block: None, is_stage: false, parallel: false }
    }

    /// The place of a stage.
    pub fn stage(wave: impl Into<String>, stage: impl Into<String>) -> Self {
        Self { wave: wave.into(), block: Some(stage.into()), is_stage: true, parallel: false }
    }

    /// Whether this is its name, or that of the family that it is of: `deploy.rollout` for `deploy.rollout["eu"]`.
    pub fn is_called(&self, name: &str) -> bool {
        let own = self.to_string();
        own == name || own.strip_prefix(name).is_some_and(|keys| self.is_stage && keys.starts_with('['))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.block {
            Some(block) => write!(f, "{}.{block}", self.wave),
            None => f.write_str(&self.wave),
        }
    }
}
