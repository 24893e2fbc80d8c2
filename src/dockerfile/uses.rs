//! What a build of one target uses: stages, images, named contexts, secrets, SSH agents, arguments.
//!
//! Names are resolved as in BuildKit's `frontend/dockerfile/dockerfile2llb/convert.go`.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;

use super::args::{Arg, is_automatic_arg, is_predefined_arg};
use super::expand::{Variable, expand};
use super::{Dockerfile, HostMount, Stage};
use crate::source::{Span, Spanned};

/// What a build of one target uses. All lists but `contexts` are in file order.
#[derive(Debug, Default)]
pub(crate) struct Uses<'a> {
    /// The indices of the stages that are executed.
    pub(crate) stages: Vec<usize>,
    /// Those of them whose layers the result does not have: what it copies or mounts from.
    pub(crate) beside: Vec<usize>,
    /// For each of these and for the result, the stages that it is based on, whose layers it has, in file order: the
    /// lowest first.
    pub(crate) below: HashMap<usize, BTreeSet<usize>>,
    /// References to images outside of the file, with values for their variables. Those that cannot be known are not
    /// here; an image that is used twice is here twice.
    pub(crate) bases: Vec<Base>,
    /// Whether a `FROM` names something that only the engine knows.
    pub(crate) has_unknown_base: bool,
    /// The named contexts that stand for an image or a stage, as they were given.
    pub(crate) contexts: BTreeSet<String>,
    pub(crate) secrets: Vec<&'a HostMount>,
    pub(crate) ssh: Vec<&'a HostMount>,
    pub(crate) broken_froms: Vec<BrokenFrom<'a>>,
}

/// An image outside of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) image: Spanned<String>,
    /// `FROM --platform=…`: it need not be there for the platforms of the build.
    pub(crate) has_platform: bool,
}

/// A `FROM` that names no image because arguments have neither a default nor a value. Other words are fine with an
/// empty value, and it may be meant: `FROM ${REGISTRY}alpine`.
#[derive(Debug)]
pub(crate) struct BrokenFrom<'a> {
    pub(crate) from: Span,
    /// At least one.
    pub(crate) args: Vec<&'a Arg>,
}

impl Dockerfile {
    /// What a build of the stage with the index `target` uses, given its build arguments and named contexts.
    ///
    /// A context with the name of a stage takes its place: the stage is then not executed.
    pub(crate) fn uses(
        &self,
        target: usize,
        build_args: &IndexMap<String, String>,
        contexts: &[&str],
    ) -> Uses<'_> {
        let variables = Variables::of(self, build_args);
        let names = Names::of(self, &variables, contexts);
        let mut uses = Uses::default();
        let (mut pending, mut reached, mut triggered) = (vec![target], HashSet::new(), HashSet::new());
        let mut layers = names.below(target);
        uses.below.insert(target, layers.clone());
        layers.insert(target);
        while let Some(index) = pending.pop() {
            let Some(stage) = self.stages.get(index).filter(|_| reached.insert(index)) else { continue };
            if let Some(context) = names.replacement(stage) {
                uses.contexts.insert(context.to_owned());
                continue;
            }
            uses.stages.push(index);
            if !layers.contains(&index) {
                uses.beside.push(index);
                uses.below.insert(index, names.below(index));
            }
            let base = names.bases.get(index).unwrap_or(&Source::Unknown);
            uses.has_unknown_base |= matches!(base, Source::Unknown);
            let mut sources = vec![(base.clone(), &stage.from, stage.platform.is_some())];
            // Triggers are for the stages directly behind `FROM`; what they use is the same in each.
            let onbuild = match base {
                Source::Stage(base) if triggered.insert(*base) => {
                    self.stages.get(*base).and_then(|base| base.onbuild.as_ref())
                }
                _ => None,
            };
            for body in onbuild.into_iter().chain([&stage.body]) {
                sources.extend(body.copies_from.iter().map(|from| (names.copied(&from.value), from, false)));
                sources.extend(body.mounts_from.iter().map(|from| (names.mounted(&from.value), from, false)));
                uses.secrets.extend(&body.secrets);
                uses.ssh.extend(&body.ssh);
            }
            uses.broken_froms.extend(self.broken_from(stage, &variables));
            for (source, written, has_platform) in sources {
                match source {
                    Source::Stage(index) => pending.push(index),
                    Source::Context(name) => {
                        uses.contexts.insert(name);
                    }
                    Source::Image(image) => {
                        uses.bases.push(Base { image: Spanned::new(image, written.span), has_platform });
                    }
                    Source::Scratch | Source::Unknown => {}
                }
            }
        }
        uses.in_file_order()
    }

    /// The named contexts that any stage uses, as they were given; `None` if only the engine knows them all.
    pub(crate) fn used_contexts(
        &self,
        build_args: &IndexMap<String, String>,
        contexts: &[&str],
    ) -> Option<BTreeSet<String>> {
        let variables = Variables::of(self, build_args);
        let names = Names::of(self, &variables, contexts);
        if names.bases.iter().any(|base| matches!(base, Source::Unknown)) {
            return None;
        }
        let replacements = self.stages.iter().filter_map(|stage| names.replacement(stage)).map(str::to_owned);
        let copied = self.bodies().flat_map(|body| &body.copies_from).map(|from| names.copied(&from.value));
        let mounted = self.bodies().flat_map(|body| &body.mounts_from).map(|from| names.mounted(&from.value));
        let sources = names.bases.iter().cloned().chain(copied).chain(mounted);
        let contexts = sources.filter_map(|source| match source {
            Source::Context(name) => Some(name),
            _ => None,
        });
        Some(contexts.chain(replacements).collect())
    }

    fn broken_from<'a>(&self, stage: &Stage, variables: &Variables<'a, '_>) -> Option<BrokenFrom<'a>> {
        let unset: RefCell<Vec<&'a Arg>> = RefCell::default();
        let variable = |name: &str| {
            unset.borrow_mut().extend(variables.undefined.get(name).filter(|_| variables.lacks(name)));
            variables.get(name)
        };
        let words = [(&stage.from, is_no_reference as fn(&str) -> bool)].into_iter();
        let words = words.chain(stage.platform.iter().map(|platform| (platform, str::is_empty as _)));
        for (word, is_broken) in words {
            unset.borrow_mut().clear();
            let value = expand(&word.value, self.escape, &variable);
            if value.is_some_and(|value| is_broken(&value)) && !unset.borrow().is_empty() {
                let mut args = unset.take();
                let mut names = HashSet::new();
                args.retain(|arg| names.insert(arg.name.value.as_str()));
                return Some(BrokenFrom { from: word.span, args });
            }
        }
        None
    }
}

/// Whether a text has a gap where a reference to an image has none.
fn is_no_reference(text: &str) -> bool {
    let is_separator = |one: char| matches!(one, '/' | ':' | '@' | '.' | '-' | '_');
    let gaps = ["//", "/:", "/@", "::", ":@", "@:", ":.", ":-", "/.", "/-", ":/"];
    text.is_empty()
        || text.starts_with(is_separator)
        || text.ends_with(is_separator)
        || gaps.iter().any(|gap| text.contains(gap))
}

impl Uses<'_> {
    fn in_file_order(mut self) -> Self {
        self.stages.sort_unstable();
        self.beside.sort_unstable();
        self.bases.sort_by_key(|base| base.image.span);
        self.secrets.sort_by_key(|mount| mount.span);
        self.ssh.sort_by_key(|mount| mount.span);
        self.broken_froms.sort_by_key(|broken| broken.from);
        self
    }
}

/// The values that `FROM` sees: those of the arguments in front of the first one.
struct Variables<'d, 'b> {
    global: HashMap<&'d str, Variable>,
    /// Global arguments without a default or a build argument.
    undefined: HashMap<&'d str, &'d Arg>,
    build_args: &'b IndexMap<String, String>,
}

impl<'d, 'b> Variables<'d, 'b> {
    fn of(dockerfile: &'d Dockerfile, build_args: &'b IndexMap<String, String>) -> Self {
        let mut variables = Variables { global: HashMap::new(), undefined: HashMap::new(), build_args };
        for arg in &dockerfile.args {
            let name = arg.name.value.as_str();
            let value = match (build_args.get(name), &arg.default) {
                (Some(value), _) => Variable::Set(value.clone()),
                (None, Some(default)) => expand(default, dockerfile.escape, &|name| variables.get(name))
                    .map_or(Variable::Unknown, Variable::Set),
                (None, None) => {
                    variables.undefined.insert(name, arg);
                    continue;
                }
            };
            variables.global.insert(name, value);
        }
        variables
    }

    fn get(&self, name: &str) -> Variable {
        match self.global.get(name) {
            Some(value) => value.clone(),
            None if is_automatic_arg(name) => {
                self.build_args.get(name).map_or(Variable::Unknown, |value| Variable::Set(value.clone()))
            }
            None => Variable::Unset,
        }
    }

    /// Whether an `ARG` without a default leaves the name without a value.
    fn lacks(&self, name: &str) -> bool {
        !self.global.contains_key(name) && !self.build_args.contains_key(name) && !is_predefined_arg(name)
    }
}

/// What a `FROM` or `--from` stands for.
#[derive(Debug, Clone)]
enum Source {
    Stage(usize),
    /// A named context, as it was given.
    Context(String),
    Image(String),
    Scratch,
    Unknown,
}

/// What the names in a Dockerfile stand for.
struct Names<'a> {
    /// By lower-case name; the last stage of a name counts.
    stages: HashMap<String, usize>,
    stage_count: usize,
    /// What each stage is based on.
    bases: Vec<Source>,
    contexts: HashMap<&'a str, &'a str>,
}

impl<'a> Names<'a> {
    fn of(dockerfile: &Dockerfile, variables: &Variables<'_, '_>, contexts: &[&'a str]) -> Self {
        let mut names = Names {
            stages: HashMap::new(),
            stage_count: dockerfile.stages.len(),
            bases: Vec::new(),
            contexts: contexts.iter().map(|name| (familiar(name), *name)).collect(),
        };
        for (index, stage) in dockerfile.stages.iter().enumerate() {
            let from = expand(&stage.from.value, dockerfile.escape, &|name| variables.get(name));
            let base = match from.filter(|from| !from.is_empty()) {
                None => Source::Unknown,
                // Unlike `--from`, `FROM` sees only the stages above it and must have their names in lower case.
                Some(from) => match names.stages.get(&from) {
                    Some(stage) => Source::Stage(*stage),
                    None => names.outside(&from),
                },
            };
            names.bases.push(base);
            if let Some(name) = &stage.name {
                names.stages.insert(name.value.to_lowercase(), index);
            }
        }
        names
    }

    /// The stages that a stage is based on, whose layers it has.
    fn below(&self, stage: usize) -> BTreeSet<usize> {
        let mut below = BTreeSet::new();
        let mut last = stage;
        // `FROM` names a stage above, so this ends.
        while let Some(Source::Stage(base)) = self.bases.get(last) {
            below.insert(*base);
            last = *base;
        }
        below
    }

    /// The named context in the place of a stage.
    fn replacement(&self, stage: &Stage) -> Option<&'a str> {
        let name = stage.name.as_ref()?.value.to_lowercase();
        self.context(&name)
    }

    fn context(&self, name: &str) -> Option<&'a str> {
        // The engine has these two names for itself.
        let reserved = ["scratch", "context"].iter().any(|reserved| name.eq_ignore_ascii_case(reserved));
        if reserved { None } else { self.contexts.get(familiar(name)).copied() }
    }

    /// A `COPY --from`.
    fn copied(&self, from: &str) -> Source {
        match from.parse::<usize>() {
            Ok(index) if index < self.stage_count => Source::Stage(index),
            Ok(_) => Source::Unknown,
            Err(_) => self.mounted(from),
        }
    }

    /// The `from` of a mount. Here a number is a name, so that of an image.
    fn mounted(&self, from: &str) -> Source {
        match self.stages.get(&from.to_lowercase()) {
            Some(index) => Source::Stage(*index),
            None => self.outside(from),
        }
    }

    fn outside(&self, name: &str) -> Source {
        match self.context(name) {
            Some(context) => Source::Context(context.to_owned()),
            None if name == "scratch" => Source::Scratch,
            None => Source::Image(name.to_owned()),
        }
    }
}

/// The form in which BuildKit compares references with named contexts: `docker.io/library/alpine:latest` → `alpine`.
fn familiar(reference: &str) -> &str {
    let name = reference.strip_prefix("docker.io/").or_else(|| reference.strip_prefix("index.docker.io/"));
    let name = match name {
        Some(name) => name.strip_prefix("library/").unwrap_or(name),
        None => reference.strip_prefix("library/").unwrap_or(reference),
    };
    name.strip_suffix(":latest").unwrap_or(name)
}
