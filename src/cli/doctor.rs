//! `cachelang doctor`

use std::path::Path;

use indicatif::HumanBytes;

use super::load::{self, InputArgs, Params};
use super::say::{print_line, say_line};
use super::{FAILED, WRONG};
use crate::buildkit::{Address, EngineBuilders};
use crate::cache::{CacheServices, defects};
use crate::diag::render::printable;
use crate::doctor::{self, BuilderState, RegistryState, RepositoryState};
use crate::host::{CacheMethod, Drift, Engine, ImageStore, Platforms};
use crate::load::ProcessEnvironment;
use crate::plan::BuilderKind;
use crate::registry::Registries;

/// Looks at everything that a run would use; the exit code says whether one could start.
pub(super) async fn doctor(args: &InputArgs) -> u8 {
    let environment = ProcessEnvironment::new();
    let builders = EngineBuilders::new(Address::of_machine(&environment));
    if args.file.is_none() && !has_file() {
        say_line(format_args!("there is no .cachefile here: only the engine of this machine is looked at\n"));
        let state = doctor::examine_machine(&builders).await;
        show_builder(&state);
        return if state.engine.is_ok() { 0 } else { FAILED };
    }
    let loaded = match load::check(args) {
        Ok(checked) => load::plan(checked, Params::Required),
        Err(code) => return code,
    };
    load::show_diagnostics(&loaded.checked, args);
    let Some(plan) = loaded.plan else { return WRONG };
    let caches = CacheServices::of_machine(&environment);
    let examination = doctor::examine(&plan, &builders, &Registries::new(), &caches).await;
    examination.builders.iter().for_each(show_builder);
    examination.registries.iter().for_each(show_registry);
    if let Some(what) = &examination.unsupported {
        problem(format_args!("{what} cannot be run by cachelang {}", env!("CARGO_PKG_VERSION")));
    }
    if examination.is_healthy() {
        print_line(format_args!("everything that a run needs is there"));
        0
    } else {
        print_line(format_args!("a run would fail: see the lines with `error`"));
        FAILED
    }
}

/// Whether there is a file to look at.
fn has_file() -> bool {
    std::env::current_dir().is_ok_and(|folder| crate::load::find(&folder).is_ok())
}

fn heading(kind: &str, name: &str) {
    print_line(format_args!("{}", console::style(format!("{kind} {name}")).bold()));
}

/// A fact with its name in front, in a column of its own.
fn fact(name: &str, value: impl std::fmt::Display) {
    print_line(format_args!("  {name:<16}{}", printable(&value.to_string())));
}

fn problem(text: impl std::fmt::Display) {
    let error = console::style("error:").red().bold();
    print_line(format_args!("  {error} {}", printable(&text.to_string())));
}

/// A problem with what to do about it. One that keeps no wave from running is a fact like others.
fn failure(used: bool, text: impl std::fmt::Display, help: Option<String>) {
    if !used {
        return fact("does not answer", text);
    }
    problem(text);
    if let Some(help) = help {
        print_line(format_args!("  {} {}", console::style("help:").cyan(), printable(&help)));
    }
}

fn say_unused(used: bool) {
    if !used {
        fact("used", "by no wave");
    }
}

fn show_builder(state: &BuilderState) {
    heading("builder", state.name.as_deref().unwrap_or("of this machine"));
    say_unused(state.used);
    match &state.engine {
        Ok(engine) => show_engine(engine),
        Err(error) => failure(state.used, error, error.help()),
    }
    for (image, error) in &state.problems {
        failure(true, format_args!("image `{image}`: {error}"), error.help());
    }
    print_line(format_args!(""));
}

fn show_engine(engine: &Engine) {
    let unknown = || "it does not say".to_owned();
    fact("address", &engine.address);
    match engine.kind {
        BuilderKind::Docker => {
            fact("Docker Engine", &engine.version);
            fact("API", engine.api.clone().unwrap_or_else(unknown));
            let before = "it does not say; BuildKit before 0.11 has no call for it";
            fact("BuildKit", engine.buildkit.as_deref().unwrap_or(before));
        }
        BuilderKind::Buildkit if engine.version.is_empty() => fact("buildkitd", unknown()),
        BuilderKind::Buildkit => fact("buildkitd", &engine.version),
    }
    fact("image store", store(engine.store));
    fact(
        "platforms",
        match &engine.platforms {
            Platforms::Run(platforms) if platforms.is_empty() => unknown(),
            Platforms::Run(platforms) => platforms.join(", "),
            Platforms::Declared(platforms) => format!("{}, as the file says", platforms.join(", ")),
        },
    );
    let methods = |can: &dyn Fn(CacheMethod) -> bool| {
        let methods = CacheMethod::ALL.into_iter().filter(|method| can(*method));
        methods.map(|method| method.to_string()).collect::<Vec<_>>().join(", ")
    };
    fact("reads caches", methods(&|method| engine.can_import(method)));
    fact("writes caches", methods(&|method| engine.can_export(method)));
    fact("exports", engine.exporters().join(", "));
    if let Some(folder) = &engine.data_folder {
        fact("disk", disk(engine, folder));
    }
    for defect in defects::of(engine) {
        fact("known defect", defect.effect);
        fact("", defect.source);
    }
}

fn store(store: ImageStore) -> &'static str {
    match store {
        ImageStore::Graphdriver => "classic (a storage driver such as overlay2)",
        ImageStore::Containerd => "containerd",
        ImageStore::None => "none: images go to the registry at the end of the build",
    }
}

/// Only of an engine on this machine; one that is elsewhere does not tell.
fn disk(engine: &Engine, folder: &Path) -> String {
    let free = engine.address.starts_with("unix://").then(|| rustix::fs::statvfs(folder).ok()).flatten();
    match free {
        Some(disk) => {
            let free = HumanBytes(disk.f_bavail.saturating_mul(disk.f_frsize));
            format!("{free} free at {}", folder.display())
        }
        None => format!("{}, which cannot be looked at from here", folder.display()),
    }
}

fn show_registry(state: &RegistryState) {
    heading("registry", &state.name);
    say_unused(state.used);
    fact("host", &state.host);
    match &state.login {
        Ok(Some(origin)) => fact("credentials", format_args!("from {origin}")),
        Ok(None) => fact("credentials", "none: it is used without"),
        Err(error) => failure(state.used, error, error.help()),
    }
    for RepositoryState { name, used, found, .. } in &state.repositories {
        match found {
            Ok(state) => {
                let end = if *used { "" } else { ", used by no wave" };
                fact("repository", format_args!("{name}: reachable{end}"));
                for Drift { setting, found, wanted, .. } in &state.drift {
                    fact("", format_args!("`{setting}` is {found} there, and {wanted} in the file"));
                }
            }
            Err(error) => {
                failure(*used, format_args!("repository `{name}`: {error}"), error.help());
            }
        }
    }
    print_line(format_args!(""));
}
