//! What a gRPC error says besides its words: the instruction of the Dockerfile that it is about.
//!
//! The details are a `google.rpc.Status`, whose parts are JSON in spite of their form (buildkit,
//! util/grpcerrors/grpcerrors.go). Their names differ: `errdefs.Source` in BuildKit 0.8, later
//! `github.com/moby/buildkit/errdefs.Source+json`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard_buildkit_proto::google::rpc;
use prost::Message;
use serde::Deserialize;

use crate::host::DockerfilePlace;

/// `errdefs.Source` of BuildKit, as Go writes it: what is zero or empty is left out.
#[derive(Deserialize)]
struct Source {
    info: Info,
    #[serde(default)]
    ranges: Vec<Range>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    filename: String,
    /// The file in Base64.
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct Range {
    #[serde(default)]
    start: Position,
    #[serde(default)]
    end: Position,
}

#[derive(Deserialize, Default)]
struct Position {
    #[serde(default)]
    line: u32,
}

/// The instruction that the details of an error name; `None` if they name none.
pub(super) fn place(details: &[u8]) -> Option<DockerfilePlace> {
    let status = rpc::Status::decode(details).ok()?;
    let sources = status.details.iter().filter(|detail| detail.type_url.contains("errdefs.Source"));
    sources.filter_map(|detail| serde_json::from_slice(&detail.value).ok()).find_map(place_of)
}

fn place_of(source: Source) -> Option<DockerfilePlace> {
    let text = String::from_utf8(STANDARD.decode(source.info.data).ok()?).ok()?;
    let range = source.ranges.first()?;
    let (first, last) = (range.start.line, range.end.line.max(range.start.line));
    let is_inside = first > 0 && usize::try_from(last).is_ok_and(|last| last <= text.lines().count());
    is_inside.then(|| DockerfilePlace::new(source.info.filename, text, first, last))
}

#[cfg(test)]
mod tests {
    use bollard_buildkit_proto::google::protobuf::Any;

    use super::*;

    fn details(type_url: &str, json: &str) -> Vec<u8> {
        let detail = |type_url: &str, value: &str| Any { type_url: type_url.into(), value: value.into() };
        let details = vec![detail("github.com/moby/buildkit/stack.Stack+json", "{}"), detail(type_url, json)];
        rpc::Status { details, ..rpc::Status::default() }.encode_to_vec()
    }

    fn json(ranges: &str) -> String {
        let data = STANDARD.encode("FROM scratch\nRUN a \\\n  b\n");
        format!(r#"{{"info":{{"filename":"Dockerfile","data":"{data}"}},"ranges":{ranges}}}"#)
    }

    #[test]
    fn old_and_new_engines_name_the_instruction() {
        let text = json(r#"[{"start":{"line":2},"end":{"line":3}}]"#);
        for type_url in ["errdefs.Source", "github.com/moby/buildkit/errdefs.Source+json"] {
            let expected = DockerfilePlace::new("Dockerfile", "FROM scratch\nRUN a \\\n  b\n", 2, 3);
            assert_eq!(place(&details(type_url, &text)), Some(expected), "{type_url}");
        }
    }

    #[test]
    fn an_end_may_be_left_out() {
        let found = place(&details("errdefs.Source", &json(r#"[{"start":{"line":1}}]"#)));
        assert_eq!(found.map(|place| (place.first_line, place.last_line)), Some((1, 1)));
    }

    #[test]
    fn what_names_no_line_of_the_file_names_no_place() {
        for ranges in ["[]", r#"[{"start":{"line":9}}]"#, r#"[{"start":{}}]"#, "null"] {
            assert_eq!(place(&details("errdefs.Source", &json(ranges))), None, "{ranges}");
        }
        assert_eq!(place(&details("errdefs.Source", "{")), None);
        assert_eq!(place(&details("errdefs.Vertex", &json(r#"[{"start":{"line":1}}]"#))), None);
        assert_eq!(place(b"\xff\xff"), None);
    }
}
