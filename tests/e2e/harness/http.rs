//! As much of an HTTP client as the tests need. It speaks HTTP/1.0, so that no answer comes in chunks.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use serde_json::Value;

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    headers: String,
    pub body: String,
    /// The body as it came.
    pub bytes: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.headers.lines().filter_map(|line| line.split_once(':'));
        pairs.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A request to `host:port`.
pub fn over_tcp(host: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let stream = TcpStream::connect(host).unwrap_or_else(|error| panic!("{host}: {error}"));
    exchange(stream, host, method, path, headers, body)
}

/// A request to a socket in the file system.
pub fn over_socket(socket: &str, method: &str, path: &str) -> Response {
    let stream = UnixStream::connect(socket).unwrap_or_else(|error| panic!("{socket}: {error}"));
    exchange(stream, "localhost", method, path, &[], "")
}

fn exchange(
    mut stream: impl Read + Write,
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("the request can be sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer can be read");
    let end =
        answer.windows(4).position(|found| found == b"\r\n\r\n").expect("the answer has a head and a body");
    let bytes = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer);
    let (first, headers) = head.trim_end().split_once("\r\n").unwrap_or((head.trim_end(), ""));
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    Response {
        status: status.unwrap_or_else(|| panic!("no status: {first}")),
        headers: headers.to_owned(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
        bytes,
    }
}
