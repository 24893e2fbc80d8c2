//! The builders of a file: each item's [`Builder`], by its address.

use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;

use super::address::{Address, AddressError};
use super::buildkitd::Buildkitd;
use super::docker::DockerEngine;
use crate::host::{BuildError, Builder, Builders};
use crate::plan::{self, BuilderKind};

/// Docker Engines and buildkitds over the network. Each is opened once, when it is first asked for.
pub struct EngineBuilders {
    machine: Result<Address, AddressError>,
    opened: Mutex<IndexMap<Option<String>, Arc<dyn Builder>>>,
}

impl EngineBuilders {
    /// With what [`Address::of_machine`] says of the machine. That this is an error matters only to images that
    /// have no other builder.
    pub fn new(machine: Result<Address, AddressError>) -> Self {
        Self { machine, opened: Mutex::default() }
    }

    fn open(&self, item: Option<&plan::Builder>) -> Result<Arc<dyn Builder>, AddressError> {
        let Some(item) = item else { return Ok(Arc::new(DockerEngine::new(self.machine.clone()?))) };
        let address = Address::of_builder(item, &self.machine)?;
        Ok(match item.kind {
            BuilderKind::Docker => Arc::new(DockerEngine::new(address)),
            BuilderKind::Buildkit => Arc::new(Buildkitd::new(address)),
        })
    }
}

impl Builders for EngineBuilders {
    fn builder(&self, item: Option<&plan::Builder>) -> Result<Arc<dyn Builder>, BuildError> {
        let name = item.map(|item| item.name.clone());
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(builder) = opened.get(&name) {
            return Ok(Arc::clone(builder));
        }
        let builder = self.open(item).map_err(|error| BuildError::Address(error.to_string()))?;
        opened.insert(name, Arc::clone(&builder));
        Ok(builder)
    }
}
