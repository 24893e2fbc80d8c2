//! The engine behind the program, asked directly.

use std::time::SystemTime;

use super::http::{self, Response};

const PRUNE: [&str; 3] = [
    "/containers/prune",
    "/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D",
    "/build/prune?all=1",
];

pub struct Engine {
    socket: String,
}

impl Engine {
    /// An engine at `unix://…` that belongs to the tests: it may be emptied.
    pub fn at(address: &str) -> Self {
        let socket = address.strip_prefix("unix://").expect("the engine of the tests has a socket");
        Self { socket: socket.to_owned() }
    }

    pub fn address(&self) -> String {
        format!("unix://{}", self.socket)
    }

    pub fn socket(&self) -> &str {
        &self.socket
    }

    fn ask(&self, method: &str, path: &str) -> Response {
        let answer = self.try_ask(method, path);
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer
    }

    fn try_ask(&self, method: &str, path: &str) -> Response {
        http::over_socket(&self.socket, method, path)
    }

    /// What `docker system prune -af` and `docker builder prune -af` do.
    pub fn empty(&self) {
        for path in PRUNE {
            self.ask("POST", path);
        }
        assert_eq!(self.images(), Vec::<String>::new());
    }

    /// The same where it can fail: deleting needs some space too.
    pub fn try_to_empty(&self) {
        for path in PRUNE {
            self.try_ask("POST", path);
        }
    }

    /// The names of its images.
    pub fn images(&self) -> Vec<String> {
        let images = self.ask("GET", "/images/json").json();
        let names = images.as_array().expect("a list").iter().map(|image| &image["RepoTags"]);
        names.filter_map(|names| names.as_array()).flatten().map(ToString::to_string).collect()
    }

    /// Pulls an image and gives it another name.
    pub fn pull_as(&self, image: &str, name: &str) {
        self.ask("POST", &format!("/images/create?fromImage={image}"));
        let (repository, tag) = name.rsplit_once(':').expect("a name has a tag");
        self.ask("POST", &format!("/images/{image}/tag?repo={repository}&tag={tag}"));
    }

    /// Free space where it keeps its data.
    pub fn free_bytes(&self) -> u64 {
        let info = self.ask("GET", "/info").json();
        let folder = info["DockerRootDir"].as_str().expect("the engine says where its data is");
        let disk = rustix::fs::statvfs(folder).expect("the data is on this machine");
        disk.f_bavail * disk.f_frsize
    }

    /// What happened to images since a moment: `pull`, `tag`, `push`.
    pub fn image_events(&self, since: &str) -> Vec<String> {
        let only_images = "%7B%22type%22%3A%7B%22image%22%3Atrue%7D%7D";
        let path = format!("/events?since={since}&until={}&filters={only_images}", now());
        let answer = self.ask("GET", &path);
        let actions = answer.body.lines().map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).expect("an event is JSON");
            event["Action"].as_str().expect("an event has an action").to_owned()
        });
        actions.collect()
    }
}

/// Seconds since 1970 with nine decimals, as the engine's events want them.
pub fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is set");
    format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
}
