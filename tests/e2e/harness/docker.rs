//! The engine behind the program, asked directly.

use super::http::{self, Response};

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

    fn ask(&self, method: &str, path: &str) -> Response {
        let answer = http::over_socket(&self.socket, method, path);
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer
    }

    /// What `docker system prune -af` and `docker builder prune -af` do.
    pub fn empty(&self) {
        self.ask("POST", "/containers/prune");
        self.ask("POST", "/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D");
        self.ask("POST", "/build/prune?all=1");
        assert_eq!(self.images(), Vec::<String>::new());
    }

    /// The names of its images.
    pub fn images(&self) -> Vec<String> {
        let images = self.ask("GET", "/images/json").json();
        let names = images.as_array().expect("a list").iter().map(|image| &image["RepoTags"]);
        names.filter_map(|names| names.as_array()).flatten().map(ToString::to_string).collect()
    }

    /// What happened to images since a moment: `pull`, `tag`, `push`.
    pub fn image_events(&self, since: u64) -> Vec<String> {
        let path = format!(
            "/events?since={since}&until={}&filters=%7B%22type%22%3A%7B%22image%22%3Atrue%7D%7D",
            now()
        );
        let answer = self.ask("GET", &path);
        let actions = answer.body.lines().map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).expect("an event is JSON");
            event["Action"].as_str().expect("an event has an action").to_owned()
        });
        actions.collect()
    }
}

/// Seconds since 1970, as the engine counts events.
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.expect("the clock is set").as_secs()
}
