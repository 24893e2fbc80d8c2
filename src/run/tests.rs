//! Order and failure of runs, on a host that only writes down what is asked of it.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use expect_test::{Expect, expect};
use indexmap::IndexMap;
use tokio_util::sync::CancellationToken;

use super::{Options, Outcome, Report, RunError, run};
use crate::environment::{Environment, PathKind};
use crate::host::commands::LocalCommands;
use crate::host::{
    BuildError, BuildProgress, BuildRequest, Builder, Builders, Built, BuiltStep, CommandError,
    CommandRequest, Commands, Copied, CopyProgress, CopyRequest, Document, Engine, Event, Host, ImageStore,
    Layer, Location, Login, Manifest, Observer, OnLine, PushError, PushProgress, PushRequest, Pushed,
    Registry, RegistryError, RepositoryState,
};
use crate::plan::{self, Inputs, Plan, Step, WaveBody};
use crate::source::SourceMap;

const FILE: &str = r#"cachelang 1
param commit: string = "c1"
registry main {
  kind = "oci"
  host = "r.io"
}
repository app { registry = main }
image api {
  tags = [app:"api-latest", app:"api-${commit}"]
}
image cron {
  tags = [app:"cron-${commit}", app:"cron-latest"]
}
wave build { push api, cron }
wave deploy {
  run "deploy" api.ref cron.digest
  sh "echo ${api.ref} > \"$OUT\""
}
"#;

mod publication;
mod resume;
mod selection;
mod waves;

/// Every path is what it needs to be.
struct AnyFile;

impl Environment for AnyFile {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn path_kind(&self, path: &Path) -> Option<PathKind> {
        Some(if path.ends_with("Dockerfile") { PathKind::File } else { PathKind::Folder })
    }

    fn now(&self) -> std::time::SystemTime {
        std::time::SystemTime::UNIX_EPOCH
    }
}

pub(super) fn plan_of(text: &str) -> Plan {
    let mut sources = SourceMap::new();
    let file = sources.add(".cachefile", "/p/.cachefile", text);
    let (program, diagnostics) = crate::check(&mut sources, file, &AnyFile);
    assert_eq!(diagnostics, [], "the file is fine");
    let inputs = Inputs { params: &IndexMap::new(), environment: &AnyFile };
    let (plan, diagnostics) = plan::plan(&mut sources, &program, &inputs).expect("the file can be planned");
    assert_eq!(diagnostics, [], "the plan is fine");
    plan
}

/// Writes down every call, and fails those whose words are in `failing`.
#[derive(Default)]
struct Script {
    failing: HashSet<&'static str>,
    /// Tags that are in the registry before the run, with the image that they name.
    existing: IndexMap<&'static str, &'static str>,
    containerd_store: bool,
    calls: Mutex<Vec<String>>,
}

impl Script {
    /// Notes a call; whether it is to fail.
    fn call(&self, words: String) -> bool {
        let fails = self.failing.iter().any(|failing| words.contains(failing));
        self.calls.lock().expect("no test thread panicked").push(words);
        fails
    }
}

#[async_trait]
impl Builder for Script {
    async fn engine(&self) -> Result<Engine, BuildError> {
        if self.call("engine".to_owned()) {
            return Err(BuildError::Unreachable {
                kind: plan::BuilderKind::Docker,
                address: "unix:///x".into(),
                cause: "gone".into(),
                builder: None,
            });
        }
        let (version, store) = match self.containerd_store {
            true => ("28.0", ImageStore::Containerd),
            false => ("1.0", ImageStore::Graphdriver),
        };
        Ok(Engine::new("unix:///x", plan::BuilderKind::Docker, version, store))
    }

    async fn build(
        &self,
        request: &BuildRequest,
        _: &(dyn Fn(BuildProgress) + Send + Sync),
    ) -> Result<Built, BuildError> {
        if self.call(format!(
            "build {} from {:?} to {:?}",
            request.references.join(" "),
            request.cache_from,
            request.cache_to
        )) {
            // What is started at the same time gets its turn before this fails.
            tokio::task::yield_now().await;
            return Err(BuildError::Engine("no".into()));
        }
        if self.failing.contains("hang") {
            std::future::pending::<()>().await;
        }
        let image = if request.references.iter().any(|name| name.contains("api")) { "api" } else { "cron" };
        Ok(Built::new(format!("sha256:config-{image}"), vec![BuiltStep::new("[2/2] RUN x", true)]))
    }

    async fn push(
        &self,
        request: &PushRequest,
        _: &(dyn Fn(PushProgress) + Send + Sync),
    ) -> Result<Pushed, PushError> {
        if self.call(format!("push {}", request.reference())) {
            return Err(PushError::Engine("no".into()));
        }
        let image = if request.tag.contains("api") { "api" } else { "cron" };
        Ok(Pushed::new(
            format!("sha256:{image}"),
            vec!["aaaa".into()],
            vec!["sha256:aaaa1".into(), "sha256:bbbb1".into()],
        ))
    }

    async fn forget(&self, reference: &str) {
        self.call(format!("forget {reference}"));
    }
}

#[async_trait]
impl Registry for Script {
    async fn prepare(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
    ) -> Result<RepositoryState, RegistryError> {
        if self.call(format!("prepare {} {}", registry.name, repository.name)) {
            return Err(RegistryError::LoginNeeded { host: registry.host() });
        }
        Ok(RepositoryState::default())
    }

    async fn login(&self, _: &plan::Registry) -> Result<Option<Login>, RegistryError> {
        Ok(None)
    }

    async fn document(&self, _: &Location, _: &str) -> Result<Option<Document>, RegistryError> {
        Ok(None)
    }

    async fn put_document(&self, _: &Location, _: &[u8], _: &str) -> Result<(), RegistryError> {
        Ok(())
    }

    async fn small_blob(&self, _: &Location, digest: &str, _: usize) -> Result<Vec<u8>, RegistryError> {
        Err(RegistryError::Api { call: format!("reading {digest}"), cause: "there is none".to_owned() })
    }

    async fn has_blob(&self, _: &Location, _: &str) -> Result<bool, RegistryError> {
        Ok(false)
    }

    async fn put_blob(&self, _: &Location, _: &[u8]) -> Result<(), RegistryError> {
        Ok(())
    }

    async fn copy(
        &self,
        request: &CopyRequest,
        _: &(dyn Fn(CopyProgress) + Send + Sync),
    ) -> Result<Copied, RegistryError> {
        let CopyRequest { from, digest, to } = request;
        if self.call(format!("copy {}@{digest} {}", from.repository.name, to.repository.name)) {
            return Err(RegistryError::Api { call: "copying".to_owned(), cause: "no".to_owned() });
        }
        Ok(Copied::new(5, 7))
    }

    async fn tag(
        &self,
        _: &plan::Registry,
        repository: &plan::Repository,
        digest: &str,
        tag: &str,
    ) -> Result<(), RegistryError> {
        if self.call(format!("tag {}:{tag} {digest}", repository.name)) {
            return Err(RegistryError::Api { call: "tagging".to_owned(), cause: "no".to_owned() });
        }
        Ok(())
    }

    async fn machine_login(&self, _: &str) -> Result<Option<Login>, RegistryError> {
        Ok(None)
    }

    async fn manifest(
        &self,
        _: &plan::Registry,
        repository: &plan::Repository,
        reference: &str,
    ) -> Result<Option<Manifest>, RegistryError> {
        let name = format!("{}:{reference}", repository.name);
        let calls = self.calls.lock().expect("no test thread panicked");
        let written = calls
            .iter()
            .any(|call| call.ends_with(&format!("/{name}")) || call.starts_with(&format!("tag {name} ")));
        let image = match self.existing.get(name.as_str()) {
            Some(image) => image,
            None if !written || self.failing.contains("lost tag") => return Ok(None),
            None if calls.iter().any(|call| call.starts_with(&format!("tag {name} sha256:api"))) => "api",
            None if reference.contains("api") => "api",
            None => "cron",
        };
        let layer = |digest: &str, size| Layer { digest: digest.into(), size };
        let config = if self.failing.contains("other image") { "someone-else" } else { image };
        let config = Some(format!("sha256:config-{config}"));
        Ok(Some(Manifest::new(
            format!("sha256:{image}"),
            config,
            vec![layer("sha256:c1", 100), layer("sha256:c2", 7)],
        )))
    }
}

#[async_trait]
impl Commands for Script {
    async fn run(&self, command: &CommandRequest, _output: &OnLine<'_>) -> Result<(), CommandError> {
        let fails = self.call(format!("command {} {}", command.program, command.arguments.join(" ")));
        // As a process would.
        tokio::task::yield_now().await;
        if fails {
            return Err(CommandError::Exit { code: 7 });
        }
        Ok(())
    }

    async fn settle(&self) {
        self.call("settle".to_owned());
    }
}

impl Observer for Script {
    fn observe(&self, _: &Event) {}
}

/// The script, whatever builder an image names.
struct OnlyBuilder(Arc<Script>);

impl Builders for OnlyBuilder {
    fn builder(&self, _: Option<&plan::Builder>) -> Result<Arc<dyn Builder>, BuildError> {
        Ok(self.0.clone())
    }
}

fn host(script: &Arc<Script>) -> Host {
    Host::new(Arc::new(OnlyBuilder(script.clone())), script.clone(), script.clone(), script.clone())
}

async fn run_script(text: &str, script: Script) -> (Report, String) {
    let script = Arc::new(script);
    let options = Options { jobs: NonZeroUsize::new(8).expect("it is not 0"), ..Options::default() };
    let report = run(&plan_of(text), &host(&script), &options, &CancellationToken::new()).await;
    let calls = script.calls.lock().expect("no test thread panicked").join("\n");
    (report, calls)
}

fn failing(words: &'static str) -> Script {
    Script { failing: HashSet::from([words]), ..Script::default() }
}

/// The calls after the builds, and how the run ended.
async fn check(script: Script, expected: Expect) {
    check_file(FILE, script, expected).await;
}

async fn check_file(text: &str, script: Script, expected: Expect) {
    let (report, calls) = run_script(text, script).await;
    let outcome = match report.outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Cancelled => "cancelled".to_owned(),
        Outcome::Failed(errors) => {
            errors.iter().map(|error| format!("failed: {error}")).collect::<Vec<_>>().join("\n")
        }
    };
    let calls: Vec<_> = calls.lines().map(|line| line.split(" from ").next().unwrap_or_default()).collect();
    expected.assert_eq(&format!("{}\n{outcome}", calls.join("\n")));
}

#[tokio::test]
async fn moving_tags_are_pushed_after_all_others() {
    check(
        Script::default(),
        expect![[r#"
            engine
            prepare main app
            build r.io/app:api-c1 r.io/app:api-latest
            build r.io/app:cron-c1 r.io/app:cron-latest
            push r.io/app:api-c1
            push r.io/app:cron-c1
            push r.io/app:api-latest
            push r.io/app:cron-latest
            command deploy r.io/app@sha256:api sha256:cron
            command /bin/sh -eu -c echo "${CACHELANG_HOLE_1}" > "$OUT"
            done"#]],
    )
    .await;
}

#[tokio::test]
async fn a_failed_push_moves_no_tag() {
    check(
        failing("push r.io/app:cron-c1"),
        expect![[r#"
            engine
            prepare main app
            build r.io/app:api-c1 r.io/app:api-latest
            build r.io/app:cron-c1 r.io/app:cron-latest
            push r.io/app:api-c1
            push r.io/app:cron-c1
            failed: image `cron` was not pushed to `r.io/app:cron-c1`: no"#]],
    )
    .await;
}

#[tokio::test]
async fn a_failed_build_lets_its_sibling_finish_and_pushes_nothing() {
    check(
        failing("build r.io/app:api"),
        expect![[r#"
            engine
            prepare main app
            build r.io/app:api-c1 r.io/app:api-latest
            build r.io/app:cron-c1 r.io/app:cron-latest
            failed: image `api` was not built: no"#]],
    )
    .await;
}

#[tokio::test]
async fn a_failed_build_is_started_again_as_often_as_the_file_says() {
    let text = FILE.replace("image api {", "image api {\n  retries = 1");
    let (report, calls) = run_script(&text, failing("build r.io/app:api")).await;
    assert!(matches!(report.outcome, Outcome::Failed(_)));
    assert_eq!(calls.matches("build r.io/app:api-c1").count(), 2, "{calls}");
    assert_eq!(calls.matches("build r.io/app:cron-c1").count(), 1, "{calls}");
}

#[tokio::test]
async fn an_image_whose_condition_does_not_hold_is_left_out() {
    let text = FILE.replace("image api {", "image api {\n  when = false");
    let text = text.replace("  run \"deploy\" api.ref cron.digest\n", "  run \"deploy\" cron.digest\n");
    let text = text.replace("  sh \"echo ${api.ref} > \\\"$OUT\\\"\"\n", "");
    let (report, calls) = run_script(&text, Script::default()).await;
    assert!(matches!(report.outcome, Outcome::Done));
    assert!(!calls.contains("api"), "{calls}");
}

#[tokio::test]
async fn a_service_of_github_is_needed_before_the_build() {
    let text = FILE.replace("image api {", "image api {\n  cache { to = [cache.gha()] }");
    let (report, calls) = run_script(&text, Script { containerd_store: true, ..Script::default() }).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("there is none") };
    assert!(
        matches!(errors[..], [RunError::Engine { source: BuildError::NoCacheService, .. }]),
        "{errors:?}"
    );
    assert_eq!(calls, "engine");
}

#[tokio::test]
async fn a_failed_command_ends_the_run() {
    let (report, calls) = run_script(FILE, failing("command deploy")).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("the command failed") };
    assert_eq!(errors.len(), 1);
    expect!["wave `deploy`: `deploy api.ref cron.digest` failed: exit code 7"]
        .assert_eq(&errors[0].to_string());
    assert!(!calls.contains("/bin/sh"), "the next step is not started");
}

#[tokio::test]
async fn nothing_is_built_without_an_engine_or_a_registry() {
    for words in ["engine", "prepare"] {
        let (report, calls) = run_script(FILE, failing(words)).await;
        assert!(matches!(report.outcome, Outcome::Failed(_)));
        assert!(!calls.contains("build"), "{calls}");
    }
}

#[tokio::test]
async fn a_tag_that_is_not_in_the_registry_fails_the_run() {
    let (report, _) = run_script(FILE, failing("lost tag")).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("the tag is not there") };
    let expected =
        "image `api` was pushed, but `r.io/app:api-c1` names nothing in the registry and not sha256:api";
    assert_eq!(errors[0].to_string(), expected);
}

#[tokio::test]
async fn a_tag_that_names_the_image_of_another_run_fails_the_run() {
    let (report, calls) = run_script(FILE, failing("other image")).await;
    assert!(matches!(report.outcome, Outcome::Failed(_)));
    assert!(!calls.contains("push r.io/app:api-latest"), "{calls}");
}

#[tokio::test]
async fn several_platforms_need_the_containerd_store() {
    let text = FILE.replace("image api {", "image api {\n  platforms = [\"linux/amd64\", \"linux/arm64\"]");
    let (report, calls) = run_script(&text, Script::default()).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("the engine cannot do this") };
    let expected = "image `api` cannot be built: the Docker Engine 1.0 (classic image store) at unix:///x does not support an image of several platforms";
    assert_eq!(errors[0].to_string(), expected);
    assert_eq!(calls, "engine");
}

#[tokio::test]
async fn a_cancelled_run_still_reports() {
    let script = Arc::new(failing("hang"));
    let cancelled = CancellationToken::new();
    let plan = plan_of(FILE);
    let host = host(&script);
    let options = Options::default();
    let running = run(&plan, &host, &options, &cancelled);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        cancelled.cancel();
    };
    let (report, ()) = tokio::join!(running, stop);
    assert!(matches!(report.outcome, Outcome::Cancelled));
    assert_eq!(report.images.len(), 2);
    let calls = script.calls.lock().expect("no test thread panicked");
    assert_eq!(calls.last().map(String::as_str), Some("settle"), "commands have ended before the report");
}

#[tokio::test]
async fn an_attempt_that_timed_out_has_ended_before_the_next_one() {
    let script = "if test -e id && kill -0 $(cat id); then touch overlap; fi; echo $$ > id; echo x >> attempts; \
        trap '' TERM; exec sleep 30";
    let mut plan = plan_of("cachelang 1\nwave w { sh \"x\" { timeout = 1s, retries = 1 } }\n");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let WaveBody::Steps { steps } = &mut plan.waves[0].body else { panic!("steps") };
    let Some(Step::Command(command)) = steps.first_mut() else { panic!("a command") };
    command.dir = folder.path().to_owned();
    command.timeout = Some(Duration::from_millis(500));
    command.program = plan::Program::Sh(vec![plan::ScriptPiece::Script(script.to_owned())]);
    let script = Arc::new(Script::default());
    let mut host = host(&script);
    // Longer than the pause between the attempts.
    host.commands = Arc::new(LocalCommands::with_grace(Duration::from_millis(1500)));
    let report = run(&plan, &host, &Options::default(), &CancellationToken::new()).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("it takes too long") };
    assert!(matches!(errors[..], [RunError::CommandTimeout { .. }]), "{errors:?}");
    let attempts = std::fs::metadata(folder.path().join("attempts")).expect("it ran").len();
    assert_eq!(attempts, 4, "two lines");
    assert!(!folder.path().join("overlap").exists());
}

#[tokio::test]
async fn the_report_counts_steps_and_bytes() {
    let (report, _) = run_script(FILE, Script::default()).await;
    let api = &report.images[0];
    assert_eq!(api.built.as_ref().map(Built::cached), Some(1));
    // The engine names the first layer for each of the two tags.
    assert_eq!(api.bytes_pushed, 200);
    assert_eq!(api.reference.as_deref(), Some("r.io/app@sha256:api"));
    assert_eq!(api.pushed, ["r.io/app:api-c1", "r.io/app:api-latest"]);
}

#[tokio::test]
async fn an_engine_that_can_exports_the_cache_to_the_registry() {
    let script = Script { containerd_store: true, ..Script::default() };
    let (report, calls) = run_script(FILE, script).await;
    assert!(matches!(report.outcome, Outcome::Done));
    assert!(!calls.contains("push r.io/app:cache-api"), "the cache is no image tag: {calls}");
    assert!(calls.contains(r#"Registry { reference: "r.io/app:cache-api", mode: Max }"#), "{calls}");
}

#[tokio::test]
async fn an_export_that_the_engine_cannot_do_fails_before_the_build() {
    let text = FILE.replace(
        "image api {",
        "repository other { registry = main }\nimage api {\n  cache { to = [cache.registry(other:\"kept\", mode = \"max\")] }",
    );
    let (report, calls) = run_script(&text, Script::default()).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("the engine cannot do this") };
    assert_eq!(
        errors[0].to_string(),
        "image `api` cannot be built: the Docker Engine 1.0 (classic image store) at unix:///x does not support `cache.registry` in a repository that the image itself is not pushed to"
    );
    assert_eq!(calls, "engine");
}

#[tokio::test]
async fn a_wave_that_does_not_apply_is_skipped_with_all_it_needs() {
    let text = FILE.replace("wave build {", "wave build {\n  when = commit == \"other\"\n ");
    let text = text.replace("  run \"deploy\" api.ref cron.digest\n", "  run \"true\"\n");
    let text = text.replace("  sh \"echo ${api.ref} > \\\"$OUT\\\"\"\n", "");
    let (report, calls) = run_script(&text, Script::default()).await;
    assert!(matches!(report.outcome, Outcome::Done));
    assert_eq!(calls, "command true ");
}

/// Why a run of a plan was refused, if it was.
async fn refused(plan: &Plan) -> Option<String> {
    let script = Arc::new(Script::default());
    let report = run(plan, &host(&script), &Options::default(), &CancellationToken::new()).await;
    let Outcome::Failed(errors) = report.outcome else { return None };
    let calls = script.calls.lock().expect("no test thread panicked");
    assert!(calls.is_empty(), "refused before anything is done: {calls:?}");
    errors.first().map(|error| error.to_string().replace(env!("CARGO_PKG_VERSION"), "X"))
}

#[tokio::test]
async fn an_image_is_built_behind_those_that_it_needs_and_once() {
    let mut plan = plan_of(FILE);
    let [api, cron] = [0, 1].map(plan::ImageId);
    plan.images[0].needs = vec![cron];
    plan.waves.truncate(1);
    plan.waves[0].body = WaveBody::Steps {
        steps: vec![Step::Build { images: vec![api] }, Step::Push { images: vec![api, cron] }],
    };
    let script = Arc::new(Script::default());
    let report = run(&plan, &host(&script), &Options::default(), &CancellationToken::new()).await;
    assert!(matches!(report.outcome, Outcome::Done));
    let calls = script.calls.lock().expect("no test thread panicked");
    let built = calls.iter().filter_map(|call| call.strip_prefix("build r.io/app:"));
    let built: Vec<_> = built.map(|names| names.split('-').next().unwrap_or_default()).collect();
    assert_eq!(built, ["cron", "api"]);
}

/// A file whose `api` is built on another builder than its base `cron`.
fn on_two_builders() -> Plan {
    let text =
        FILE.replace("image api {", "builder far {\n  kind = \"docker\"\n}\nimage api {\n  builder = far");
    let mut plan = plan_of(&text);
    plan.images[0].needs = vec![plan::ImageId(1)];
    plan
}

#[tokio::test]
async fn a_base_on_another_builder_must_be_pushed_before() {
    let script = Arc::new(Script::default());
    let mut plan = on_two_builders();
    let report = run(&plan, &host(&script), &Options::default(), &CancellationToken::new()).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("the base is in no registry") };
    let expected = "image `api` cannot be built: the Docker Engine 1.0 (classic image store) at unix:///x does not \
        support image `cron`, which is in no registry yet,";
    assert_eq!(errors[0].to_string(), expected);
    let calls = script.calls.lock().expect("no test thread panicked").join("\n");
    assert!(!calls.contains("build"), "{calls}");

    let [api, cron] = [0, 1].map(plan::ImageId);
    let steps = vec![Step::Push { images: vec![cron] }, Step::Push { images: vec![api] }];
    plan.waves[0].body = WaveBody::Steps { steps };
    let report =
        run(&plan, &host(&Arc::new(Script::default())), &Options::default(), &CancellationToken::new()).await;
    assert!(matches!(report.outcome, Outcome::Done), "{:?}", report.outcome);
}

#[tokio::test]
async fn what_needs_a_failed_image_is_not_built() {
    let mut plan = plan_of(FILE);
    plan.images[0].needs = vec![plan::ImageId(1)];
    let script = Arc::new(failing("build r.io/app:cron"));
    let report = run(&plan, &host(&script), &Options::default(), &CancellationToken::new()).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("a build failed") };
    assert_eq!(errors.len(), 1);
    let calls = script.calls.lock().expect("no test thread panicked");
    assert!(!calls.iter().any(|call| call.contains("build r.io/app:api")), "{calls:?}");
}

#[tokio::test]
async fn settings_in_the_public_gallery_are_refused() {
    for (setting, name) in [
        ("create = true", "create"),
        ("manage = true", "manage"),
        ("scan_on_push = false", "scan_on_push"),
        ("lifecycle { untagged_after = 1d }", "lifecycle"),
        ("resource_tags = { team = \"a\" }", "resource_tags"),
    ] {
        // Nothing is tagged in `kept`: it has a cache only. `check` does not see through the condition.
        let text = FILE.replace(
            "image api {",
            &format!("param open: bool = true\nregistry aws {{\n kind = \"ecr\"\n account = \"123456789012\"\n region = \"eu-west-1\"\n}}\nregistry gallery {{ kind = \"ecr\", public = true }}\nrepository kept {{ registry = if open then gallery else aws, {setting} }}\nimage api {{\n  cache {{ from = [app:\"api-latest\"], to = [cache.registry(kept:\"api\")] }}"),
        );
        let expected = format!(
            "`{name}` of repository `kept`, which is in the public gallery, cannot be run by cachelang X"
        );
        assert_eq!(refused(&plan_of(&text)).await, Some(expected));
    }
}
