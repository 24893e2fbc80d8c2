//! What an image's attributes do in the engine, and what is said by an engine that cannot do them.

use std::path::Path;
use std::process::Command;

use super::harness::{Ended, Parts, Project, unique};

/// A pipeline of one image with these attributes, without a cache, that is only built.
fn built(attributes: &str) -> String {
    format!(
        r#"cachelang 1
registry main {{ kind = "oci", host = env("HOST") ?? "" }}
repository repo {{ registry = main, name = env("REPOSITORY") ?? "" }}
image app {{
  args = {{ BASE = env("BASE") ?? "" }}
  tags = [repo:"1"]
  network = "none"
  cache {{ from = [], to = [] }}
  {attributes}
}}
wave build {{ build app }}
"#
    )
}

/// The same, pushed.
fn pushed(attributes: &str) -> String {
    built(attributes).replace("{ build app }", "{ push app }")
}

#[track_caller]
fn is_refused(run: Ended, what: &str) {
    let run = run.with_code(1).does_not_say("building").says("help: ");
    let [error] = run.errors()[..] else { panic!("one error: {}", run.stderr) };
    assert!(error.starts_with("image `app` cannot be built: the Docker Engine "), "{error}");
    assert!(error.ends_with(&format!(" does not support {what}")), "{error}");
}

fn git(folder: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.current_dir(folder).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(arguments);
    let output = git.output().expect("git starts");
    assert!(output.status.success(), "{output:?}");
}

/// A server for the repository in a folder, at `git://127.0.0.1:port/`.
struct GitServer(std::process::Child, u16);

impl GitServer {
    fn over(folder: &Path) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let mut daemon = Command::new("git");
        daemon.args(["daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1"]);
        daemon.arg(format!("--port={port}")).arg(format!("--base-path={}", folder.display())).arg(folder);
        let server = Self(daemon.spawn().expect("git starts"), port);
        super::harness::eventually("git listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        server
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        // `git` has started the daemon as a process of its own, which ends with SIGTERM to it.
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        let _ = self.0.wait();
    }
}

/// A repository `app.git` with a Dockerfile.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let work = folder.path().join("app.git");
    std::fs::create_dir_all(work.join("sub")).expect("folders can be made");
    for folder in [work.clone(), work.join("sub")] {
        let text = "ARG BASE\nFROM ${BASE}\nCOPY note.txt /\nRUN cat /note.txt\n";
        std::fs::write(folder.join("Dockerfile"), text).expect("files can be written");
        let note = format!("{} {}\n", unique("from"), folder.file_name().expect("it has a name").display());
        std::fs::write(folder.join("note.txt"), note).expect("files can be written");
    }
    git(&work, &["init", "--quiet", "--initial-branch=main"]);
    git(&work, &["add", "."]);
    git(&work, &["commit", "--quiet", "-m", "first"]);
    folder
}

#[test]
fn a_repository_is_a_context() {
    let parts = Parts::take();
    let reason = "its tree has no program git";
    if parts.skip_on("26", reason) || parts.skip_on("28", reason) {
        return;
    }
    let repository = repository();
    let server = GitServer::over(repository.path());
    let url = format!("git://127.0.0.1:{}/app.git#main", server.1);
    let context = format!("context = git(\"{url}\")");
    Project::new(&built(&context)).run().succeeded().says(" app.git\n");
    // The text of the Dockerfile in the pipeline, the files in the repository.
    let text = r#"dockerfile_inline = "ARG BASE\nFROM \${BASE}\nCOPY note.txt /\nRUN echo inline && cat /note.txt\n""#;
    let inline = Project::new(&built(&format!("{context}\n  {text}")));
    inline.run().succeeded().says("│ inline").says(" app.git\n");
    let folder = Project::new(&built(&format!("context = git(\"{url}:sub\")"))).run();
    if parts.engine_is("20.10") {
        return is_refused(folder, "a folder of a repository as `context`");
    }
    folder.succeeded().says(" sub\n");
}

#[test]
fn a_dockerfile_can_be_written_in_the_pipeline() {
    let _parts = Parts::take();
    let project = Project::new(&built(
        r#"dockerfile_inline = "ARG BASE\nFROM \${BASE}\nCOPY note.txt /\nRUN cat /note.txt\n""#,
    ));
    project.file("note.txt", &format!("from {}\n", project.repository));
    // Another one in the folder is not used.
    project.file("Dockerfile", "FROM nothing.invalid/x\n");
    project.run().succeeded().says(&format!("│ from {}", project.repository));
}

#[test]
fn contexts_are_folders_and_references() {
    let parts = Parts::take();
    let project = Project::with_steps(
        &built(r#"contexts = { notes = "notes", base = "docker-image://${env("BASE") ?? ""}" }"#),
        &format!("FROM base\nCOPY --from=notes note.txt /\nRUN cat /note.txt && echo {}", unique("x")),
    );
    project.file("notes/note.txt", "from the folder\n");
    let run = project.run();
    if parts.engine_is("20.10") {
        return is_refused(run, "`contexts`");
    }
    run.succeeded().says("│ from the folder");
}

#[test]
fn settings_of_run_reach_the_engine() {
    let parts = Parts::take();
    let steps = format!("RUN df -k /dev/shm | tail -n 1 && echo {}\nRUN ulimit -n", unique("x"));
    let steps = &steps;
    let shm = Project::with_steps(&built("shm_size = 32MiB"), steps).run();
    let ulimits = Project::with_steps(&built(r#"ulimits = { nofile = "777:888" }"#), steps).run();
    if parts.engine_is("20.10") {
        is_refused(shm, "`shm_size`");
        return is_refused(ulimits, "`ulimits`");
    }
    shm.succeeded().says(" 32768 ");
    ulimits.succeeded().says("│ 777");
}

#[test]
fn only_the_named_stages_are_built_again() {
    let _parts = Parts::take();
    let text = built(r#"no_cache_stages = ["noisy"]"#);
    let steps = "RUN echo kept\nFROM ${BASE} AS noisy\nRUN echo again > /a\nFROM ${BASE}\nCOPY --from=noisy /a /\nRUN echo last";
    let project = Project::with_steps(&text, steps);
    project.run().succeeded();
    let again = project.run().succeeded();
    again.says("RUN echo again > /a done in").says("RUN echo last cached");
}

#[test]
fn annotations_and_provenance_are_in_what_is_pushed() {
    let parts = Parts::take();
    let annotated = Project::with_steps(&pushed(r#"annotations = { "org.example.team" = "x" }"#), "RUN true");
    let attested = Project::with_steps(&pushed(r#"attest = "max""#), "RUN true");
    let (annotations, attest) = (annotated.run(), attested.run());
    if parts.engine_is("graphdriver") {
        is_refused(annotations, "`annotations`");
        return is_refused(attest, "`attest`");
    }
    annotations.succeeded();
    attest.succeeded();
    let manifest = parts.registry.manifest(&annotated.repository, "1");
    assert_eq!(manifest["annotations"]["org.example.team"], "x", "{manifest}");
    let index = parts.registry.manifest(&attested.repository, "1");
    let kinds = index["manifests"].as_array().expect("an index").iter();
    let kinds: Vec<_> = kinds
        .map(|one| one["annotations"]["vnd.docker.reference.type"].as_str().unwrap_or("image"))
        .collect();
    assert_eq!(kinds, ["image", "attestation-manifest"]);
}

#[test]
fn an_image_of_two_platforms_is_pushed_whole() {
    let parts = Parts::take();
    let project = Project::new(&pushed(r#"platforms = ["linux/amd64", "linux/arm64"]"#));
    // Nothing runs, so that no emulation is needed.
    project.file("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    let run = project.run();
    if parts.engine_is("graphdriver") {
        return is_refused(run, "an image of several platforms");
    }
    run.succeeded();
    let index = parts.registry.manifest(&project.repository, "1");
    let platforms = index["manifests"].as_array().expect("an index").iter();
    let platforms: Vec<_> =
        platforms.map(|one| one["platform"]["architecture"].as_str().unwrap_or_default()).collect();
    assert_eq!(platforms, ["amd64", "arm64"]);
}

#[test]
fn a_failed_build_is_started_again() {
    let parts = Parts::take();
    let project = Project::with_steps(&built("retries = 2"), "COPY Dockerfile /\nRUN echo trying; exit 3");
    let run = project.run().with_code(1);
    for again in ["building again, attempt 2 of 3", "building again, attempt 3 of 3"] {
        assert!(run.stderr.contains(again), "{}", run.stderr);
    }
    assert_eq!(run.stderr.matches("│ trying").count(), 4, "three attempts, and the error: {}", run.stderr);
    // A mistake in the Dockerfile stays one.
    let wrong = Project::with_steps(&built("retries = 2"), "RUNN true");
    wrong.run().with_code(1).does_not_say("building again");
    drop(parts);
}

#[test]
fn an_image_whose_condition_does_not_hold_is_not_built() {
    let parts = Parts::take();
    let text = pushed("when = false");
    let project = Project::with_steps(&text, "RUN true");
    let run =
        project.run().succeeded().says("app: skipped, its `when` does not hold").does_not_say("building");
    assert_eq!(run.stdout, "");
    assert_eq!(parts.registry.tags(&project.repository), Vec::<String>::new());
}

/// Two images, of which the second starts from the first by its tag, and a third by its name.
const FAMILY: &str = r#"cachelang 1
registry main { kind = "oci", host = env("HOST") ?? "" }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
template quiet {
  network = "none"
  cache { from = [], to = [] }
}
image first extends quiet {
  context = "first"
  args = { BASE = env("BASE") ?? "" }
  tags = [repo:"first"]
}
image second extends quiet {
  context = "second"
  args = { FIRST = "${env("HOST") ?? ""}/${env("REPOSITORY") ?? ""}:first" }
  tags = [repo:"second"]
}
wave build { build second }
"#;

fn family(text: &str) -> Project {
    let project = Project::new(text);
    project.file("first/Dockerfile", "ARG BASE\nFROM ${BASE}\nCOPY note.txt /\n");
    project.file("first/note.txt", &format!("{}\n", project.repository));
    project.file("second/Dockerfile", "ARG FIRST\nFROM ${FIRST}\nRUN cat /note.txt\n");
    project
}

#[test]
fn an_image_can_start_from_another_that_is_in_no_registry() {
    let parts = Parts::take();
    let project = family(FAMILY);
    let run = project.run().succeeded().says(&format!("│ {}", project.repository));
    assert!(run.stderr.contains("first: built"), "{}", run.stderr);
    assert_eq!(parts.registry.tags(&project.repository), Vec::<String>::new());
    // What was needed only during the run is gone.
    let names = parts.engine.images();
    assert!(names.iter().all(|name| !name.contains("127.0.0.1:1/")), "{names:?}");
}

#[test]
fn an_older_image_of_the_registry_is_not_taken_for_the_new_one() {
    let parts = Parts::take();
    let project = family(&FAMILY.replace("{ build second }", "{ push first, second }"));
    project.run().succeeded();
    let new = format!("the new {}", project.repository);
    project.file("first/note.txt", &format!("{new}\n"));
    project.file(".cachefile", FAMILY);
    project.run().succeeded().says(&format!("│ {new}"));
    drop(parts);
}

#[test]
fn an_image_without_a_tag_is_a_context() {
    let parts = Parts::take();
    let text = FAMILY.replace("  tags = [repo:\"first\"]\n", "").replace(
        r#"args = { FIRST = "${env("HOST") ?? ""}/${env("REPOSITORY") ?? ""}:first" }"#,
        "contexts = { base = first }",
    );
    let project = family(&text);
    project.file("second/Dockerfile", "FROM base\nRUN cat /note.txt\n");
    let run = project.run();
    if parts.engine_is("20.10") {
        let run = run.with_code(1).does_not_say("building");
        assert!(run.errors()[0].ends_with("does not support `contexts`"), "{}", run.stderr);
        return;
    }
    run.succeeded().says(&format!("│ {}", project.repository));
}

#[test]
fn pull_needs_a_base_that_is_pushed() {
    let _parts = Parts::take();
    let pulling = FAMILY.replace("  context = \"second\"\n", "  context = \"second\"\n  pull = true\n");
    let run = family(&pulling).run().with_code(1).does_not_say("building");
    run.says("`pull` with a base that it has built itself, here `first`")
        .says("help: push `first` in an earlier step, or leave `pull` out");
    let pushed = pulling.replace("{ build second }", "{ push first }\nwave next { push second }");
    let project = family(&pushed);
    project.run().succeeded().says(&format!("│ {}", project.repository));
}

#[test]
fn caches_of_services_are_refused_before_the_build() {
    let parts = Parts::take();
    let with = |cache: &str| {
        let text = built("").replace("cache { from = [], to = [] }", &format!("cache {{ to = [{cache}] }}"));
        Project::with_steps(&text, "RUN true")
    };
    is_refused(with(r#"cache.local("kept")"#).run(), "writing a cache with `cache.local`");
    let s3 = with(r#"cache.s3(bucket = "b", region = "eu-west-1")"#);
    is_refused(s3.run(), "writing a cache with `cache.s3`");
    let gha = with("cache.gha()").command(&[]).without("ACTIONS_RUNTIME_TOKEN").run();
    if parts.engine_is("graphdriver") {
        return is_refused(gha, "writing a cache with `cache.gha`");
    }
    let error =
        "image `app` cannot be built: this machine does not say where the cache service of GitHub Actions is";
    assert_eq!(gha.with_code(1).does_not_say("building").says("ACTIONS_RUNTIME_TOKEN").errors(), [error]);
}
