//! A plan as text for people.

use indexmap::IndexMap;

use super::layout::{Layout, Page, Paint};
use super::words;
use crate::plan::{
    Attest, Cache, CacheMode, CacheSource, CacheTarget, Command, Context, EnvValue, Image, ImageId, Network,
    Plan, Program, RegistryKind, Secret, SecretSource, Stage, Step, Wave, WaveBody, duration_text,
};

/// Where a cache is, each with a note.
type Places = Vec<(String, String)>;

/// The whole plan; `name` is the file's.
pub(crate) fn plan(plan: &Plan, name: &str, layout: Layout) -> String {
    let mut writer = Writer { plan, page: Page::new(layout) };
    writer.page.line(0, 2, &[(Paint::Bold, "plan of "), (Paint::Name, name)]);
    writer.inputs();
    writer.secrets();
    writer.waves();
    writer.images();
    writer.page.finish()
}

struct Writer<'a> {
    plan: &'a Plan,
    page: Page,
}

impl Writer<'_> {
    fn heading(&mut self, text: &str) {
        self.page.gap();
        self.page.line(0, 0, &[(Paint::Bold, text)]);
    }

    fn inputs(&mut self) {
        if self.plan.inputs.is_empty() {
            return;
        }
        self.heading("from outside");
        let longest =
            self.plan.inputs.iter().map(|input| input.name.chars().count()).max().unwrap_or_default();
        let width = longest.min(28);
        for input in &self.plan.inputs {
            let name = format!("{:width$}", input.name);
            match &input.value {
                Some(value) => self.page.line(
                    2,
                    width + 3,
                    &[
                        (Paint::Name, &name),
                        (Paint::Plain, " = "),
                        (Paint::Plain, if value.is_empty() { "\"\"" } else { value }),
                        (Paint::Dim, &format!(" (from {})", source(&input.source))),
                    ],
                ),
                None => self.page.line(2, width + 3, &[(Paint::Name, &name), (Paint::Dim, " is not set")]),
            }
        }
    }

    fn secrets(&mut self) {
        let mut secrets: IndexMap<&str, &Secret> = IndexMap::new();
        let passwords = self.plan.registries.iter().filter_map(|registry| match &registry.kind {
            RegistryKind::Oci { password, .. } => password.as_ref(),
            _ => None,
        });
        let of_images = self.plan.images.iter().flat_map(|image| image.build.secrets.values());
        let envs = self.plan.waves.iter().flat_map(|wave| {
            let steps = wave.steps().filter_map(|step| match step {
                Step::Command(command) => Some(command.env.values()),
                _ => None,
            });
            steps.flatten().chain(wave.stages().iter().flat_map(|stage| stage.env.values()))
        });
        let of_steps = envs.filter_map(|value| match value {
            EnvValue::Secret { secret } => Some(secret),
            EnvValue::Text(_) => None,
        });
        for secret in passwords.chain(of_images).chain(of_steps) {
            secrets.entry(&secret.name).or_insert(secret);
        }
        if secrets.is_empty() {
            return;
        }
        self.heading("secrets (never shown)");
        let width = secrets.keys().map(|name| name.chars().count()).max().unwrap_or_default().min(28);
        for (name, secret) in secrets {
            let name = format!("{name:width$}");
            let from = match &secret.source {
                SecretSource::Env(variable) => format!("environment variable {variable}"),
                SecretSource::File(path) => format!("file {}", path.display()),
            };
            self.page.line(
                2,
                width + 6,
                &[(Paint::Name, &name), (Paint::Dim, " from "), (Paint::Plain, &from)],
            );
        }
    }

    fn waves(&mut self) {
        self.heading("waves");
        if self.plan.waves.is_empty() {
            self.page.line(2, 0, &[(Paint::Dim, "none: there is nothing to run")]);
        }
        for (index, wave) in self.plan.waves.iter().enumerate() {
            let number = format!("{}. ", index + 1);
            let mut pieces = vec![(Paint::Dim, number.as_str()), (Paint::Name, wave.name.as_str())];
            let why = self.skipped(wave.when, wave.condition.as_deref());
            pieces.push((Paint::Skipped, &why));
            self.page.line(2, 5, &pieces);
            match &wave.body {
                WaveBody::Steps { steps } => self.steps(5, steps),
                WaveBody::Stages { pre, stages, post } => self.stages(wave, pre, stages, post),
            }
        }
    }

    fn stages(&mut self, wave: &Wave, pre: &[Step], stages: &[Stage], post: &[Step]) {
        if !pre.is_empty() {
            self.page.line(5, 0, &[(Paint::Dim, "pre")]);
            self.steps(7, pre);
        }
        for stage in stages {
            let names = stage.after.iter().filter_map(|index| Some(stages.get(*index)?.name.as_str()));
            let names: Vec<_> = names.collect();
            let after = if names.is_empty() { String::new() } else { format!(" after {}", names.join(", ")) };
            let why = match (stage.when, stage.runs || !wave.when) {
                (true, false) => "  skipped: what it waits for is skipped".to_owned(),
                (when, _) => self.skipped(when, stage.condition.as_deref()),
            };
            let options = options(None, &stage.env, stage.timeout, 0);
            self.page.line(
                5,
                4,
                &[
                    (Paint::Dim, "stage "),
                    (Paint::Name, &stage.name),
                    (Paint::Plain, &after),
                    (Paint::Dim, &options),
                    (Paint::Skipped, &why),
                ],
            );
            self.steps(7, &stage.steps);
        }
        if !post.is_empty() {
            self.page.line(5, 0, &[(Paint::Dim, "post")]);
            self.steps(7, post);
        }
    }

    /// Why something is not done, or which condition it fulfils.
    fn skipped(&self, when: bool, condition: Option<&str>) -> String {
        match (when, condition) {
            (true, _) => String::new(),
            (false, Some(condition)) => format!("  skipped: `{condition}` does not hold"),
            (false, None) => "  skipped".to_owned(),
        }
    }

    fn steps(&mut self, indent: usize, steps: &[Step]) {
        for step in steps {
            let (word, rest, options) = match step {
                Step::Build { images } => ("build ", self.names(images), String::new()),
                Step::Push { images } => ("push ", self.names(images), String::new()),
                Step::Promote { image, to } => {
                    let tags: Vec<_> = to.iter().map(|to| self.plan.reference(&to.tag)).collect();
                    (
                        "promote ",
                        format!("{} to {}", self.plan.image(*image).name, tags.join(", ")),
                        String::new(),
                    )
                }
                Step::Approve { question } => ("approve ", words::text(self.plan, question), String::new()),
                Step::Command(command) => self.command(command),
            };
            self.page.line(
                indent,
                word.len(),
                &[(Paint::Bold, word), (Paint::Plain, &rest), (Paint::Dim, &options)],
            );
        }
    }

    fn command(&self, command: &Command) -> (&'static str, String, String) {
        let dir = Some(command.dir.display().to_string()).filter(|dir| dir != ".");
        let options = options(dir, &command.env, command.timeout, command.retries);
        match &command.program {
            Program::Run(words) => {
                let words: Vec<_> = words.iter().map(|text| words::word(self.plan, text)).collect();
                ("run ", words.join(" "), options)
            }
            Program::Sh(pieces) => {
                let script = words::script(self.plan, pieces);
                let mut lines = script.lines().filter(|line| !line.trim().is_empty());
                let first = lines.next().unwrap_or_default().trim().to_owned();
                let more = match lines.count() {
                    0 => String::new(),
                    1 => " … and 1 more line".to_owned(),
                    more => format!(" … and {more} more lines"),
                };
                ("sh ", first, format!("{more}{options}"))
            }
        }
    }

    fn names(&self, images: &[ImageId]) -> String {
        let names: Vec<_> = images.iter().map(|id| self.plan.image(*id).name.as_str()).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }

    fn images(&mut self) {
        if self.plan.images.is_empty() {
            return;
        }
        self.heading("images");
        for (index, image) in self.plan.images.iter().enumerate() {
            if index > 0 {
                self.page.gap();
            }
            self.image(image);
        }
    }

    fn image(&mut self, image: &Image) {
        let why = self.skipped(image.when, image.condition.as_deref());
        self.page.line(2, 4, &[(Paint::Name, &image.name), (Paint::Skipped, &why)]);
        for (label, value) in self.build_fields(image) {
            self.page.field(4, label, &[(Paint::Plain, &value)]);
        }
        let mut label = "tags";
        for pushed in &image.tags {
            let reference = self.plan.reference(&pushed.tag);
            let moving = if pushed.moving { " (moves)" } else { "" };
            self.page.field(4, label, &[(Paint::Plain, &reference), (Paint::Dim, moving)]);
            label = "";
        }
        let (from, to) = self.cache(&image.cache);
        for (label, places) in [("cache from", from), ("cache to", to)] {
            let labels = std::iter::once(label).chain(std::iter::repeat(""));
            for (label, (place, note)) in labels.zip(places) {
                self.page.field(4, label, &[(Paint::Plain, &place), (Paint::Dim, &note)]);
            }
        }
    }

    fn build_fields(&self, image: &Image) -> Vec<(&'static str, String)> {
        let build = &image.build;
        let mut from = self.context(&build.context);
        match &build.dockerfile_inline {
            Some(_) => from.push_str(", with a Dockerfile written in the file"),
            None if build.dockerfile != "Dockerfile" => from.push_str(&format!(", {}", build.dockerfile)),
            None => {}
        }
        let contexts = build.contexts.iter().map(|(name, context)| (name, self.context(context)));
        let secrets = build.secrets.iter().map(|(id, secret)| (id, secret.name.clone()));
        let needs: Vec<_> = image.needs.iter().map(|id| self.plan.image(*id).name.as_str()).collect();
        let flags =
            [("pull", build.pull), ("no cache", build.no_cache), ("load into the engine", image.load)];
        let flags: Vec<_> = flags.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
        let network = match build.network {
            Network::Default => "",
            Network::None => "none",
            Network::Host => "host",
        };
        let attest = match build.attest {
            Attest::None => "",
            Attest::Min => "min",
            Attest::Max => "max",
        };
        let number = |count: u32| if count == 0 { String::new() } else { count.to_string() };
        let fields = [
            ("from", from),
            ("target", build.target.clone().unwrap_or_default()),
            ("needs", needs.join(", ")),
            ("contexts", pairs(contexts)),
            ("args", pairs(build.args.iter().map(|(name, value)| (name, value.clone())))),
            ("labels", pairs(build.labels.iter().map(|(name, value)| (name, value.clone())))),
            ("annotations", pairs(build.annotations.iter().map(|(name, value)| (name, value.clone())))),
            ("secrets", pairs(secrets)),
            ("ssh", build.ssh.join(", ")),
            ("platforms", build.platforms.join(", ")),
            ("network", network.to_owned()),
            ("hosts", pairs(build.extra_hosts.iter().map(|(name, value)| (name, value.clone())))),
            ("/dev/shm", build.shm_size.map(|bytes| format!("{bytes} bytes")).unwrap_or_default()),
            ("ulimits", pairs(build.ulimits.iter().map(|(name, value)| (name, value.clone())))),
            ("fresh stages", build.no_cache_stages.join(", ")),
            ("attest", attest.to_owned()),
            ("options", flags.join(", ")),
            ("builder", image.builder.map(|id| self.plan.builder(id).name.clone()).unwrap_or_default()),
            ("timeout", image.timeout.map(duration_text).unwrap_or_default()),
            ("retries", number(image.retries)),
        ];
        fields.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    fn context(&self, context: &Context) -> String {
        match context {
            Context::Folder(folder) => folder.display().to_string(),
            Context::Git(text) | Context::Reference(text) => text.clone(),
            Context::Image(id) => format!("image {}", self.plan.image(*id).name),
        }
    }

    /// Where a cache is read and written, each with a note.
    fn cache(&self, cache: &Cache) -> (Places, Places) {
        let (from, to) = match cache {
            Cache::Automatic(tag) => {
                let place = (self.plan.reference(tag), " (automatic)".to_owned());
                return (vec![place.clone()], vec![place]);
            }
            Cache::Explicit { from, to } => (from, to),
        };
        let scope =
            |scope: &Option<String>| scope.as_ref().map_or(String::new(), |scope| format!(" {scope}"));
        let source = |source: &CacheSource| match source {
            CacheSource::Registry(tag) => self.plan.reference(tag),
            CacheSource::Local(folder) => format!("folder {}", folder.display()),
            CacheSource::Gha { scope: name } => format!("GitHub Actions{}", scope(name)),
            CacheSource::S3(bucket) => {
                format!("s3://{}/{}", bucket.bucket, bucket.prefix.clone().unwrap_or_default())
            }
        };
        let target = |target: &CacheTarget| match target {
            CacheTarget::Inline => ("inside the image".to_owned(), String::new()),
            CacheTarget::Registry { tag, mode } => (self.plan.reference(tag), note(*mode)),
            CacheTarget::Local { folder, mode } => (format!("folder {}", folder.display()), note(*mode)),
            CacheTarget::Gha { scope: name, mode } => (format!("GitHub Actions{}", scope(name)), note(*mode)),
            CacheTarget::S3 { bucket, mode } => {
                let prefix = bucket.prefix.clone().unwrap_or_default();
                (format!("s3://{}/{prefix}", bucket.bucket), note(*mode))
            }
        };
        let from = from.iter().map(|one| (source(one), String::new())).collect();
        (from, to.iter().map(target).collect())
    }
}

fn note(mode: CacheMode) -> String {
    match mode {
        CacheMode::Min => String::new(),
        CacheMode::Max => " (every stage)".to_owned(),
    }
}

/// Where a value was found, in words.
fn source(source: &str) -> &str {
    match source {
        "default" => "its default",
        "command line" => "the command line",
        "environment" => "the environment",
        other => other,
    }
}

/// `A=1, B=2`
fn pairs<'a>(entries: impl Iterator<Item = (&'a String, String)>) -> String {
    entries.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

/// What stands behind a command or a stage: `  (in deploy, env A B, timeout 5m, 2 retries)`
fn options(
    dir: Option<String>,
    env: &IndexMap<String, EnvValue>,
    timeout: Option<std::time::Duration>,
    retries: u32,
) -> String {
    let mut options: Vec<String> = dir.into_iter().map(|dir| format!("in {dir}")).collect();
    if !env.is_empty() {
        let name = |(name, value): (&String, &EnvValue)| match value {
            EnvValue::Secret { secret } => format!("{name} (secret {})", secret.name),
            EnvValue::Text(_) => name.clone(),
        };
        options.push(format!("with {}", env.iter().map(name).collect::<Vec<_>>().join(", ")));
    }
    options.extend(timeout.map(|timeout| format!("timeout {}", duration_text(timeout))));
    match retries {
        0 => {}
        1 => options.push("1 retry".to_owned()),
        more => options.push(format!("{more} retries")),
    }
    if options.is_empty() { String::new() } else { format!("  [{}]", options.join("; ")) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use indexmap::IndexMap;

    use super::{Layout, plan};
    use crate::environment::{Environment, PathKind};
    use crate::plan::Inputs;
    use crate::source::SourceMap;

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

    #[test]
    fn lines_fit_and_colour_changes_nothing_else() {
        let text = "cachelang 1\nregistry main {\n kind = \"oci\"\n host = \"registry.example.com\"\n}\n\
            repository app { registry = main }\nparam names: list<string> = [\"one\", \"two\"]\n\
            image service for name in [\"accounts\", \"billing\", \"catalogue\", \"delivery\", \"events\"] {\n \
            args = { NAME = name, VERSION = \"1.2.3\", PLATFORM = \"production\", REGION = \"eu-west-1\" }\n \
            tags = [app:name]\n}\nwave build { push service }\nwave deploy {\n \
            stage all {\n timeout = 5m\n run \"./deploy.sh\" \"--verbose\" service[\"accounts\"].ref \
            service[\"billing\"].ref { env = { A = \"1\", B = \"2\" }, retries = 1 }\n }\n}\n";
        let mut sources = SourceMap::new();
        let file = sources.add(".cachefile", "/p/.cachefile", text);
        let (program, diagnostics) = crate::check(&mut sources, file, &AnyFile);
        assert_eq!(diagnostics.iter().filter(|one| one.code.as_str().starts_with('E')).count(), 0);
        let inputs = Inputs { params: &IndexMap::new(), environment: &AnyFile };
        let (planned, _) =
            crate::plan::plan(&mut sources, &program, &inputs).expect("the file can be planned");
        let planned = planned.portable();
        let escapes = regex::Regex::new("\u{1b}\\[[0-9;]*m").expect("the pattern is valid");
        for width in [80, 120] {
            let shown = plan(&planned, ".cachefile", Layout { width, color: false });
            let longest = shown.lines().map(|line| line.chars().count()).max();
            assert!(longest.is_some_and(|longest| longest <= width), "{width}:\n{shown}");
            let colored = plan(&planned, ".cachefile", Layout { width, color: true });
            let without = escapes.replace_all(&colored, "");
            let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
            assert_eq!(trimmed(&without), trimmed(&shown));
        }
    }
}
