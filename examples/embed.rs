//! A program that embeds cachelang: it adds a function to the language, checks a pipeline that it holds in memory, and
//! runs it on a builder and a registry of its own, which only play. `cargo run --example embed`
#![allow(clippy::print_stdout, reason = "a program may print")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use cachelang::diag::render;
use cachelang::environment::{Environment, PathKind};
use cachelang::host::{
    BuildError, BuildProgress, BuildRequest, BuildStep, Builder, Builders, Built, BuiltStep, CommandError,
    CommandRequest, Commands, Copied, CopyProgress, CopyRequest, Document, Engine, Event, Host, ImageStore,
    Location, Login, Manifest, Observer, OnLine, OutputStream, PushError, PushProgress, PushRequest, Pushed,
    Registry, RegistryError, RepositoryState, StepState,
};
use cachelang::language::{Language, LanguageError, Type, Value};
use cachelang::plan::{self, BuilderKind, Inputs, Plan};
use cachelang::record::{Recorder, RunRecord};
use cachelang::run::{self, Options};
use cachelang::source::SourceMap;
use indexmap::IndexMap;
use tokio_util::sync::CancellationToken;

/// The pipeline. `owner` is a function of this program.
pub const PIPELINE: &str = r#"cachelang 1
registry main {
  kind = "oci"
  host = "registry.example.com"
}
repository app { registry = main }
image api {
  labels = { owner = owner("api") }
  tags   = [app:"1.0", app:"latest"]
}
wave build { push api }
wave deploy { run "deploy" api.ref }
"#;

/// The functions that pipelines of this program may call.
pub fn language() -> Result<Language, LanguageError> {
    Language::new().with_function("owner", [Type::String], Type::String, |arguments| match arguments {
        [Value::String(service)] if service == "api" => Ok("payments".into()),
        [Value::String(service)] => Err(format!("no team owns `{service}`")),
        _ => Err("expected the name of a service".to_owned()),
    })
}

/// The world that plans are made in: no variables, and a Dockerfile in every folder.
struct Memory;

impl Environment for Memory {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn path_kind(&self, path: &Path) -> Option<PathKind> {
        Some(if path.ends_with("Dockerfile") { PathKind::File } else { PathKind::Folder })
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

/// The plan of a pipeline, or what is wrong with it.
pub fn planned(language: &Language, text: &str) -> Result<Plan, String> {
    let mut sources = SourceMap::new();
    let file = sources.add("pipeline", "/pipelines/pipeline", text);
    let (program, found) = language.check(&mut sources, file, &Memory);
    let drawn = |sources: &SourceMap, found: &[_]| render::human(sources, found, render::Style::PLAIN);
    if cachelang::diag::has_errors(&found) {
        return Err(drawn(&sources, &found));
    }
    let inputs = Inputs { params: &IndexMap::new(), environment: &Memory };
    match plan::plan(&mut sources, &program, &inputs) {
        Ok((plan, _warnings)) => Ok(plan),
        Err(found) => Err(drawn(&sources, &found)),
    }
}

/// A builder, a registry and a machine for commands in one, which do nothing but remember.
#[derive(Default)]
pub struct Played {
    /// What each tag names: reference → digest.
    tags: Mutex<HashMap<String, String>>,
    /// The command lines that were run.
    commands: Mutex<Vec<String>>,
}

/// Builders need a name of their own, as several can belong to one host.
struct OneBuilder(Arc<Played>);

impl Builders for OneBuilder {
    fn builder(&self, _: Option<&plan::Builder>) -> Result<Arc<dyn Builder>, BuildError> {
        Ok(Arc::clone(&self.0) as Arc<dyn Builder>)
    }
}

#[async_trait]
impl Builder for Played {
    async fn engine(&self) -> Result<Engine, BuildError> {
        Ok(Engine::new("memory", BuilderKind::Docker, "28.0", ImageStore::Containerd))
    }

    async fn build(
        &self,
        _: &BuildRequest,
        report: &(dyn Fn(BuildProgress) + Send + Sync),
    ) -> Result<Built, BuildError> {
        for state in [StepState::Running, StepState::Executed] {
            let step = BuildStep::new("1", "[2/2] RUN make", state, Duration::from_millis(20));
            report(BuildProgress::Step(step));
        }
        Ok(Built::new("sha256:image", vec![BuiltStep::new("[2/2] RUN make", false)]))
    }

    async fn push(
        &self,
        request: &PushRequest,
        _: &(dyn Fn(PushProgress) + Send + Sync),
    ) -> Result<Pushed, PushError> {
        let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        tags.insert(request.reference(), request.image.clone());
        Ok(Pushed::new(request.image.clone(), Vec::new(), Vec::new()))
    }

    async fn forget(&self, _: &str) {}
}

#[async_trait]
impl Registry for Played {
    async fn login(&self, _: &plan::Registry) -> Result<Option<Login>, RegistryError> {
        Ok(None)
    }

    async fn machine_login(&self, _: &str) -> Result<Option<Login>, RegistryError> {
        Ok(None)
    }

    async fn prepare(
        &self,
        _: &plan::Registry,
        _: &plan::Repository,
    ) -> Result<RepositoryState, RegistryError> {
        Ok(RepositoryState::default())
    }

    async fn manifest(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
        reference: &str,
    ) -> Result<Option<Manifest>, RegistryError> {
        let reference = format!("{}/{}:{reference}", registry.host(), repository.name);
        let tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(tags.get(&reference).map(|digest| Manifest::new(digest.clone(), None, Vec::new())))
    }

    // Caches of an engine that cannot write them itself would be kept with these; this one writes none.
    async fn document(&self, _: &Location, _: &str) -> Result<Option<Document>, RegistryError> {
        Ok(None)
    }

    async fn put_document(&self, _: &Location, _: &[u8], _: &str) -> Result<(), RegistryError> {
        Ok(())
    }

    async fn small_blob(&self, at: &Location, digest: &str, _: usize) -> Result<Vec<u8>, RegistryError> {
        let reference = format!("{}/{}@{digest}", at.registry.host(), at.repository.name);
        Err(RegistryError::NoImage { reference })
    }

    async fn has_blob(&self, _: &Location, _: &str) -> Result<bool, RegistryError> {
        Ok(false)
    }

    async fn put_blob(&self, _: &Location, _: &[u8]) -> Result<(), RegistryError> {
        Ok(())
    }

    async fn tag(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
        digest: &str,
        tag: &str,
    ) -> Result<(), RegistryError> {
        let reference = format!("{}/{}:{tag}", registry.host(), repository.name);
        let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        tags.insert(reference, digest.to_owned());
        Ok(())
    }

    async fn copy(
        &self,
        _: &CopyRequest,
        _: &(dyn Fn(CopyProgress) + Send + Sync),
    ) -> Result<Copied, RegistryError> {
        Ok(Copied::new(0, 0))
    }
}

#[async_trait]
impl Commands for Played {
    async fn run(&self, command: &CommandRequest, output: &OnLine<'_>) -> Result<(), CommandError> {
        let line = format!("{} {}", command.program, command.arguments.join(" "));
        output(OutputStream::Stdout, &format!("would run {line}"));
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(())
    }

    async fn settle(&self) {}
}

/// Prints what happens.
struct Printed;

impl Observer for Printed {
    fn observe(&self, event: &Event) {
        match event {
            Event::WaveStarted { wave } => println!("wave {wave}"),
            Event::BuildFinished { image, built, .. } => {
                println!("  built {image}, {} of {} steps cached", built.cached(), built.steps.len());
            }
            Event::PushFinished { reference, .. } => println!("  pushed {reference}"),
            Event::CommandOutput { line, .. } => println!("  {line}"),
            _ => {}
        }
    }
}

/// Runs a plan on the played host. Returns what was done, and what the host remembers of commands.
pub async fn run(plan: &Plan) -> (RunRecord, Vec<String>) {
    let played = Arc::new(Played::default());
    let recorder = Arc::new(Recorder::new("pipeline", plan));
    let observers: Vec<Arc<dyn Observer>> = vec![recorder.clone(), Arc::new(Printed)];
    let builders = Arc::new(OneBuilder(Arc::clone(&played)));
    let host = Host::new(builders, played.clone(), played.clone(), Arc::new(observers));
    // Cancelling the token stops what is running; dropping the future does so at once.
    let report = run::run(plan, &host, &Options::default(), &CancellationToken::new()).await;
    let commands = played.commands.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (recorder.record(&report), commands)
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plan = planned(&language()?, PIPELINE)?;
    let (record, _) = run(&plan).await;
    println!("{}", serde_json::to_string_pretty(&record)?);
    Ok(())
}
