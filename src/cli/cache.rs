//! `cachelang cache inspect`

use std::collections::{HashMap, HashSet};

use clap::{Args, Subcommand};
use indicatif::HumanBytes;

use super::load::{self, InputArgs, Params};
use super::say::{print_line, say_line};
use super::{FAILED, WRONG};
use crate::cache::exported::Exported;
use crate::cache::image::CacheImage;
use crate::cache::records::Record;
use crate::cache::tag::{CacheTag, Contents};
use crate::diag::render::printable;
use crate::host::Location;
use crate::plan::{Plan, Registry, RegistryId, Repository};
use crate::registry::Registries;

#[derive(Debug, Subcommand)]
pub(super) enum CacheCommand {
    /// Show which steps a tag holds, how old they are and how large
    #[command(after_help = "\
The tag is `host/name:tag`, or `repository:tag` with a repository of the file.

Examples:
  cachelang cache inspect app:cache-api
  cachelang cache inspect 127.0.0.1:5000/my-lambda:cache-lambda

Exit codes:
  0 there is a cache, 1 there is none that can be used, 2 the command line or the file is wrong")]
    Inspect(InspectArgs),
}

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// The tag
    #[arg(value_name = "TAG")]
    tag: String,

    #[command(flatten)]
    input: InputArgs,
}

pub(super) async fn cache(command: CacheCommand) -> u8 {
    let CacheCommand::Inspect(args) = command;
    let Some((name, tag)) =
        args.tag.rsplit_once(':').filter(|(name, tag)| !name.is_empty() && !tag.contains('/'))
    else {
        return wrong("expected `host/name:tag`, or `repository:tag` with a repository of the file");
    };
    let at = match location(&args, name) {
        Ok(at) => at,
        Err(code) => return code,
    };
    let registries = Registries::new();
    let tag = CacheTag { registry: &registries, at, tag: tag.to_owned() };
    match tag.read().await {
        Ok(Some(contents)) => show(&contents),
        Ok(None) => failed(&format!("there is nothing at {}", args.tag)),
        Err(error) => failed(&error.to_string()),
    }
}

fn wrong(text: &str) -> u8 {
    say_line(format_args!("error: {}", printable(text)));
    WRONG
}

fn failed(text: &str) -> u8 {
    say_line(format_args!("error: {}", printable(text)));
    FAILED
}

/// Where a repository is: one of the file by its item, or any by its host and its name.
fn location(args: &InspectArgs, name: &str) -> Result<Location, u8> {
    let plan = plan(args)?;
    let declared = plan.iter().flat_map(|plan| plan.repositories.iter().map(move |one| (plan, one)));
    let at = |(plan, repository): (&Plan, &Repository)| Location {
        registry: plan.registry(repository.registry).clone(),
        repository: repository.clone(),
    };
    let Some((host, path)) = name.split_once('/') else {
        let mut declared = declared.map(at);
        let found = declared.find(|at| at.repository.item == name);
        return found.ok_or_else(|| wrong(&format!("the file has no repository `{name}`")));
    };
    // A login that the file has for the host is used.
    let registry = plan.iter().flat_map(|plan| &plan.registries).find(|registry| registry.host() == host);
    let registry = registry.cloned().unwrap_or_else(|| Registry::at(host));
    Ok(Location { registry, repository: Repository::named(path, RegistryId(0)) })
}

/// The plan of the file. Without one, or if it cannot be planned without values for its params, hosts can be named.
fn plan(args: &InspectArgs) -> Result<Option<Plan>, u8> {
    let has_file = std::env::current_dir().is_ok_and(|folder| crate::load::find(&folder).is_ok());
    if args.input.file.is_none() && !has_file {
        return Ok(None);
    }
    let loaded = load::plan(load::check(&args.input)?, Params::Optional);
    if loaded.plan.is_none() {
        load::show_diagnostics(&loaded.checked, &args.input);
    }
    Ok(loaded.plan)
}

fn show(contents: &Contents) -> u8 {
    print_line(format_args!("{}", contents.digest));
    for image in &contents.images {
        show_image(image);
    }
    if let Some(exported) = &contents.exported {
        show_exported(exported);
    }
    for bad in &contents.bad {
        say_line(format_args!("warning: a part of it cannot be used: {}", printable(&bad.to_string())));
    }
    let layers = contents.images.iter().flat_map(|image| &image.layers);
    let sizes: HashMap<_, _> = layers.map(|layer| (&layer.digest, layer.size)).collect();
    if !sizes.is_empty() {
        print_line(format_args!("\n{} layers, {}", sizes.len(), HumanBytes(sizes.values().sum())));
    }
    if contents.is_usable() { 0 } else { failed("no build can use this") }
}

fn show_image(image: &CacheImage) {
    let stage = image.note.as_ref().and_then(|note| note.stage.as_ref());
    let what = stage.map_or("image".to_owned(), |stage| format!("stage {stage}"));
    let created = image.created.map_or(String::new(), |created| format!(", built {}", time(created)));
    print_line(format_args!("\n{}", printable(&format!("{what}, {}{created}", image.platform))));
    let results = |record: &Record| {
        let of_layers: Vec<_> =
            record.layers.iter().map(|result| (result.layer, result.created_at.clone())).collect();
        let of_chains =
            record.chains.iter().filter_map(|chain| Some((*chain.layers.last()?, chain.created_at.clone())));
        of_layers.into_iter().chain(of_chains).collect::<Vec<_>>()
    };
    let kept: HashMap<usize, Option<String>> = image.records.all().iter().flat_map(results).collect();
    for (index, (instruction, layer)) in image.instructions.iter().zip(&image.layers).enumerate() {
        let Some(created) = kept.get(&index) else { continue };
        let created = created.as_deref().and_then(|created| created.parse().ok()).map_or(String::new(), time);
        let size = HumanBytes(layer.size).to_string();
        print_line(format_args!("  {created:<20}  {size:>12}  {}", printable(short(instruction))));
    }
}

/// An engine's own cache does not say what made a layer.
fn show_exported(exported: &Exported) {
    let steps = exported.records.all().iter().filter(|record| record.is_step());
    let kept = steps.clone().filter(|record| record.has_result());
    let layers: HashSet<_> = exported.layers.iter().map(|layer| &layer.blob).collect();
    print_line(format_args!(
        "\nregistry cache of an engine: {} of {} steps, {} layers",
        kept.count(),
        steps.count(),
        layers.len()
    ));
    let times = exported.records.all().iter().flat_map(|record| &record.layers);
    let times: Vec<jiff::Timestamp> =
        times.filter_map(|result| result.created_at.as_deref()?.parse().ok()).collect();
    if let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) {
        print_line(format_args!("  its steps were executed between {} and {}", time(*first), time(*last)));
    }
}

/// `2026-11-28 01:03:43Z`
fn time(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// As it stands in the Dockerfile, without what BuildKit adds.
fn short(instruction: &str) -> &str {
    instruction.trim_end_matches(" # buildkit")
}
