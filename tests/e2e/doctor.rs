//! What `cachelang doctor` finds out, and that it changes nothing.

use super::harness::{Parts, Project, part};

const FILE: &str = r#"cachelang 1
registry here {
  kind = "oci"
  host = env("HOST") ?? ""
}
registry closed {
  kind = "oci"
  host = env("CACHELANG_E2E_REGISTRY_AUTH") ?? ""
}
repository app { registry = here, name = env("REPOSITORY") ?? "" }
repository other { registry = closed }
image one { args = { BASE = env("BASE") ?? "" }, tags = [app:"1"] }
image two { args = { BASE = env("BASE") ?? "" }, tags = [other:"1"] }
wave build { push one, two }
"#;

/// The value of a line of the report.
fn fact<'a>(report: &'a str, name: &str) -> &'a str {
    let line = report.lines().find_map(|line| line.trim_start().strip_prefix(name));
    line.unwrap_or_else(|| panic!("there is a line `{name}` in\n{report}")).trim()
}

#[test]
fn the_doctor_says_what_the_engine_is_and_which_registry_lets_nobody_in() {
    let parts = Parts::take();
    let project = Project::with_steps(FILE, "");
    let report = project.doctor().with_code(1).stdout;
    let engine = part("CACHELANG_E2E_ENGINE_NAME");
    let (version, store) = engine.split_once(' ').expect("a version and a store");
    assert!(fact(&report, "Docker Engine").starts_with(version), "{report}");
    assert_eq!(fact(&report, "image store").starts_with("containerd"), store == "containerd", "{report}");
    assert!(fact(&report, "platforms").starts_with("linux/"), "{report}");
    let writes = if store == "containerd" { "inline, registry, gha" } else { "inline" };
    assert_eq!(fact(&report, "writes caches"), writes);
    assert!(fact(&report, "disk").contains("free at"), "{report}");
    assert_eq!(report.contains("known defect"), store == "graphdriver", "{report}");
    assert!(report.contains("wants a login, and no credentials for it were found"), "{report}");
    assert_eq!(parts.registry.digest(&project.repository, "1"), None, "nothing is pushed");
}

#[test]
fn without_a_problem_the_doctor_is_content() {
    let _parts = Parts::take();
    let healthy = FILE.replace("host = env(\"CACHELANG_E2E_REGISTRY_AUTH\")", "host = env(\"HOST\")");
    let report = Project::with_steps(&healthy, "").doctor().succeeded().stdout;
    assert!(report.ends_with("everything that a run needs is there\n"), "{report}");
}

#[test]
fn what_no_wave_uses_is_looked_at_and_does_no_harm() {
    let _parts = Parts::take();
    let unused = FILE.replace("push one, two", "push one").replace(
        "image two",
        "builder far {\n  kind = \"buildkit\"\n  endpoint = \"tcp://127.0.0.1:9\"\n}\nimage two",
    );
    let project = Project::with_steps(&unused, "");
    let report = project.doctor().succeeded().stdout;
    assert!(report.contains("does not answer cannot reach a buildkitd at tcp://127.0.0.1:9"), "{report}");
    assert!(report.contains("wants a login"), "{report}");
    project.run().succeeded();
}

#[test]
fn what_a_run_refuses_the_doctor_refuses_too() {
    let _parts = Parts::take();
    let healthy = FILE.replace("host = env(\"CACHELANG_E2E_REGISTRY_AUTH\")", "host = env(\"HOST\")");
    for (attribute, error) in [
        ("ssh = [\"deploy=no-such.sock\"]", "the SSH agent `deploy` cannot be used: cannot look at"),
        (
            "cache { to = [cache.s3(bucket = \"b\", region = \"eu-west-1\")] }",
            "does not support writing a cache",
        ),
    ] {
        let file = healthy.replace("tags = [app:\"1\"]", &format!("tags = [app:\"1\"], {attribute}"));
        let project = Project::with_steps(&file, "");
        let report = project.doctor().with_code(1).stdout;
        assert!(report.contains("error: image `one`: ") && report.contains(error), "{report}");
        project.run().with_code(1).says(error).does_not_say("building");
    }
}

#[test]
fn an_engine_that_is_not_there_is_an_error() {
    let project = Project::new(
        "cachelang 1\nbuilder far {\n  kind = \"buildkit\"\n  endpoint = \"tcp://127.0.0.1:9\"\n}\n\
         image a { dockerfile_inline = \"FROM scratch\", builder = far }\nwave w { build a }\n",
    );
    let report = project.doctor().with_code(1).stdout;
    let error = "error: cannot reach a buildkitd at tcp://127.0.0.1:9 (Connection refused (os error 111))";
    assert!(report.contains(error), "{report}");
    let help = "help: check that a buildkitd listens there, and the `endpoint` of `builder far`";
    assert!(report.contains(help), "{report}");
}
