//! The service over a real gRPC connection, with a receiver that checks what an engine checks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use bollard_buildkit_proto::moby::filesync::v1::file_sync_client::FileSyncClient;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Status, Streaming};

use super::{FileSync, LocalDirs, Transferred};
use crate::buildkit::walk::validator::Validator;

const TYPE_BITS: u32 = 0x8f28_0000;

/// A client of the service for `dirs`, as an engine is.
async fn client(dirs: LocalDirs) -> (FileSyncClient<Channel>, std::sync::Arc<Transferred>) {
    let service = FileSync::new(dirs);
    let transferred = service.transferred();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let incoming = tokio_stream::iter([Ok::<_, std::io::Error>(far)]);
    let server = Server::builder().http2_max_header_list_size(1 << 24).add_service(service.into_server());
    tokio::spawn(server.serve_with_incoming(incoming));
    let mut near = Some(TokioIo::new(near));
    let connector = tower::service_fn(move |_: tonic::transport::Uri| {
        let near = near.take().ok_or_else(|| std::io::Error::other("there is one connection"));
        async move { near }
    });
    let channel = Endpoint::from_static("http://session").connect_with_connector(connector).await;
    (FileSyncClient::new(channel.expect("the server accepts the connection")), transferred)
}

/// A call for the context, of which the test itself is the receiver, after all stats.
async fn call(client: &mut FileSyncClient<Channel>) -> (mpsc::Sender<Packet>, Streaming<Packet>) {
    let (requests, outgoing) = mpsc::channel(2);
    let mut request = Request::new(ReceiverStream::new(outgoing));
    request.metadata_mut().insert("dir-name", MetadataValue::from_static("context"));
    let mut packets = client.diff_copy(request).await.expect("the call is accepted").into_inner();
    while packets.message().await.expect("the stats come").is_some_and(|packet| packet.stat.is_some()) {}
    (requests, packets)
}

fn packet_of(kind: PacketType, id: u32) -> Packet {
    Packet { r#type: kind.into(), id, ..Packet::default() }
}

/// What a receiver ends up with: the stat of each path, and the content of each file that it asked for.
#[derive(Debug, Default)]
struct Received {
    stats: BTreeMap<String, Stat>,
    files: BTreeMap<String, Vec<u8>>,
}

/// What the test does when a stat comes, before anything is requested.
type OnStat = fn(&Path, &str);

struct Receiver<'a> {
    dir: &'a str,
    metadata: Vec<(&'static str, String)>,
    root: &'a Path,
    on_stat: OnStat,
}

impl<'a> Receiver<'a> {
    fn new(dir: &'a str) -> Self {
        Self { dir, metadata: Vec::new(), root: Path::new(""), on_stat: |_, _| {} }
    }

    fn with(mut self, key: &'static str, values: &[&str]) -> Self {
        self.metadata.extend(values.iter().map(|value| (key, (*value).to_owned())));
        self
    }

    /// Receives all, as fsutil's receive.go does: requests files while stats come in, then says FIN.
    async fn receive(self, client: &mut FileSyncClient<Channel>) -> Result<Received, Status> {
        let (requests, outgoing) = mpsc::channel(1024);
        let mut request = Request::new(ReceiverStream::new(outgoing));
        for (key, value) in self.metadata.iter().chain([&("dir-name", self.dir.to_owned())]) {
            let value =
                MetadataValue::try_from(value.as_bytes()).expect("the test's values are header values");
            request.metadata_mut().append(*key, value);
        }
        let mut packets = client.diff_copy(request).await?.into_inner();
        let mut validator = Validator::new();
        let mut received = Received::default();
        let (mut id, mut walking, mut error) = (0, true, String::new());
        let mut open: BTreeMap<u32, (String, Vec<u8>)> = BTreeMap::new();
        loop {
            let packet = match packets.message().await {
                Ok(packet) => packet.expect("the transfer ends with FIN"),
                Err(status) => {
                    assert_eq!(status.message(), error, "the status says what the ERR packet said");
                    return Err(status);
                }
            };
            match (packet.r#type(), packet.stat) {
                (PacketType::PacketStat, Some(stat)) => {
                    validator.accept(&stat).expect("the stats are in order");
                    (self.on_stat)(self.root, &stat.path);
                    if stat.mode & TYPE_BITS == 0 && stat.linkname.is_empty() {
                        open.insert(id, (stat.path.clone(), Vec::new()));
                        // A sender that failed meanwhile does not take it; why comes with the packets.
                        let _ = requests.send(packet_of(PacketType::PacketReq, id)).await;
                    }
                    id += 1;
                    received.stats.insert(stat.path.clone(), stat);
                }
                (PacketType::PacketStat, None) => walking = false,
                (PacketType::PacketData, _) if packet.data.is_empty() => {
                    let (path, content) =
                        open.remove(&packet.id).expect("a file ends once, after its request");
                    received.files.insert(path, content);
                }
                (PacketType::PacketData, _) => {
                    assert!(packet.data.len() <= 256 * 1024);
                    open.get_mut(&packet.id).expect("the file was requested").1.extend(packet.data);
                }
                (PacketType::PacketErr, _) => {
                    error = String::from_utf8(packet.data).expect("an error is text")
                }
                (PacketType::PacketFin, _) => {
                    assert!(!walking && open.is_empty(), "FIN comes last");
                    assert!(packets.message().await?.is_none(), "nothing follows FIN");
                    return Ok(received);
                }
                (PacketType::PacketReq, _) => panic!("a sender does not request"),
            }
            if !walking && open.is_empty() {
                let _ = requests.send(packet_of(PacketType::PacketFin, 0)).await;
            }
        }
    }
}

/// A context with what makes a difference: empty, large, linked, nested, ignored.
fn context() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    let at = |path: &str| root.path().join(path);
    fs::create_dir_all(at("src/deep")).expect("a directory can be made");
    for (path, content) in [
        (".dockerignore", &b"**\n!src\n"[..]),
        ("empty", b""),
        ("large", &[7; 100_000]),
        ("exact", &[8; 64 * 1024]),
        ("src/deep/main.rs", b"fn main() {}"),
        ("src/deep/main.o", b"\0"),
        ("src-gen", b"gen"),
        ("\u{fc}ber", b"umlaut"),
    ] {
        fs::write(at(path), content).expect("a file can be written");
    }
    fs::hard_link(at("large"), at("link-to-large")).expect("a link can be made");
    std::os::unix::fs::symlink("src/deep/main.rs", at("main")).expect("a link can be made");
    root
}

#[tokio::test]
async fn a_directory_arrives_as_it_is() {
    let root = context();
    let (mut client, transferred) = client(LocalDirs::new().with_directory("context", root.path())).await;
    let received = Receiver::new("context").receive(&mut client).await.expect("the transfer succeeds");
    let paths: Vec<&str> = received.stats.keys().map(String::as_str).collect();
    let all = [
        ".dockerignore",
        "empty",
        "exact",
        "large",
        "link-to-large",
        "main",
        "src",
        "src-gen",
        "src/deep",
        "src/deep/main.o",
        "src/deep/main.rs",
        "\u{fc}ber",
    ];
    assert_eq!(paths, all);
    assert_eq!(received.stats["link-to-large"].linkname, "large");
    assert_eq!(received.stats["main"].linkname, "src/deep/main.rs");
    let mut bytes = 0;
    for (path, content) in &received.files {
        assert_eq!(*content, fs::read(root.path().join(path)).expect("the file is there"), "{path}");
        bytes += content.len() as u64;
    }
    assert_eq!(received.files.len(), 8);
    assert_eq!((transferred.files(), transferred.bytes()), (8, bytes));
}

#[tokio::test]
async fn only_what_is_selected_arrives() {
    let root = context();
    let (mut client, _) = client(LocalDirs::new().with_directory("context", root.path())).await;
    let ignore = Receiver::new("context").with("include-patterns", &[".dockerignore"]);
    let received =
        ignore.with("followpaths", &[".dockerignore"]).receive(&mut client).await.expect("it succeeds");
    assert_eq!(received.files.keys().collect::<Vec<_>>(), [".dockerignore"]);
    assert_eq!(received.files[".dockerignore"], b"**\n!src\n");

    let receiver = Receiver::new("context").with("exclude-patterns", &["**", "!src", "**/*.o"]);
    let received = receiver.receive(&mut client).await.expect("the transfer succeeds");
    assert_eq!(received.stats.keys().collect::<Vec<_>>(), ["src", "src/deep", "src/deep/main.rs"]);

    let receiver = Receiver::new("context").with("followpaths", &["main", "%C3%BCb*"]);
    let receiver = receiver.with("followpaths-encoded", &["1"]);
    let received = receiver.receive(&mut client).await.expect("the transfer succeeds");
    let paths = ["main", "src", "src/deep", "src/deep/main.rs", "\u{fc}ber"];
    assert_eq!(received.stats.keys().collect::<Vec<_>>(), paths);
}

#[tokio::test]
async fn a_thousand_patterns_arrive() {
    // As headers they are larger than what an HTTP/2 server takes unless told otherwise.
    let root = context();
    let (mut client, _) = client(LocalDirs::new().with_directory("context", root.path())).await;
    let patterns: Vec<String> = (0..1000).map(|number| format!("some/rather/long/path/{number}")).collect();
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).chain(["large"]).collect();
    let receiver = Receiver::new("context").with("exclude-patterns", &patterns);
    let received = receiver.receive(&mut client).await.expect("the transfer succeeds");
    assert!(!received.stats.contains_key("large"));
}

#[tokio::test]
async fn many_files_arrive() {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    for number in 0..2000 {
        let dir = root.path().join(format!("dir-{}", number % 20));
        fs::create_dir_all(&dir).expect("a directory can be made");
        fs::write(dir.join(format!("{number}")), format!("file {number}")).expect("a file can be written");
    }
    let (mut client, transferred) = client(LocalDirs::new().with_directory("context", root.path())).await;
    let received = Receiver::new("context").receive(&mut client).await.expect("the transfer succeeds");
    assert_eq!((received.files.len(), transferred.files()), (2000, 2000));
    assert_eq!(received.files["dir-7/1007"], b"file 1007");
}

#[tokio::test]
async fn directories_are_served_by_name() {
    let root = context();
    let src = root.path().join("src");
    let dirs = LocalDirs::new().with_directory("context", root.path()).with_directory("lib", src).with_file(
        "dockerfile",
        "Dockerfile",
        "FROM scratch\n",
    );
    let (mut client, _) = client(dirs).await;
    let received = Receiver::new("lib").receive(&mut client).await.expect("the transfer succeeds");
    assert_eq!(received.stats.keys().collect::<Vec<_>>(), ["deep", "deep/main.o", "deep/main.rs"]);
    let request =
        Receiver::new("dockerfile").with("include-patterns", &["Dockerfile", "Dockerfile.dockerignore"]);
    let received = request.receive(&mut client).await.expect("the transfer succeeds");
    assert_eq!(
        received.files.into_iter().collect::<Vec<_>>(),
        [("Dockerfile".to_owned(), b"FROM scratch\n".to_vec())]
    );
    let status = Receiver::new("other").receive(&mut client).await.expect_err("there is no such directory");
    assert_eq!((status.code(), status.message()), (Code::NotFound, "no access allowed to dir \"other\""));
}

#[tokio::test]
async fn what_cannot_be_sent_is_an_error_that_names_it() {
    let cases: [(OnStat, &str); 3] = [
        (
            |root, path| {
                if path == "large" {
                    drop(fs::remove_file(root.join(path)))
                }
            },
            "failed to send `large` (No such file",
        ),
        (
            |root, path| {
                if path == "large" {
                    fs::remove_file(root.join(path)).expect("it is there");
                    std::os::unix::fs::symlink("/etc/hostname", root.join(path)).expect("a link can be made");
                }
            },
            "failed to send `large` (Too many levels of symbolic links",
        ),
        (
            |root, path| {
                if path == "large" {
                    fs::remove_file(root.join(path)).expect("it is there");
                    rustix::fs::mknodat(
                        rustix::fs::CWD,
                        root.join(path),
                        rustix::fs::FileType::Fifo,
                        0o600.into(),
                        0,
                    )
                    .expect("a pipe can be made");
                }
            },
            "failed to send `large` (it is no longer a regular file)",
        ),
    ];
    for (on_stat, text) in cases {
        let root = context();
        let (mut client, _) = client(LocalDirs::new().with_directory("context", root.path())).await;
        let receiver = Receiver { root: root.path(), on_stat, ..Receiver::new("context") };
        let status = receiver.receive(&mut client).await.expect_err("a file cannot be read");
        assert_eq!(status.code(), Code::Unknown);
        let text = format!("local directory `context`: {text}");
        assert!(status.message().starts_with(&text), "{}", status.message());
    }
}

#[tokio::test]
async fn a_file_that_gets_shorter_while_it_is_read_is_an_error() {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    // More than the connection and the queue hold, so that reading waits for the receiver.
    fs::write(root.path().join("shrinking"), vec![1; 8 << 20]).expect("a file can be written");
    let (mut client, _) = client(LocalDirs::new().with_directory("context", root.path())).await;
    let (requests, mut packets) = call(&mut client).await;
    requests.send(packet_of(PacketType::PacketReq, 0)).await.expect("the sender reads requests");
    let status = loop {
        match packets.message().await {
            Ok(Some(packet)) if packet.r#type() == PacketType::PacketData => {
                fs::write(root.path().join("shrinking"), "short").expect("a file can be written");
            }
            Ok(packet) => drop(packet.expect("the transfer does not end well")),
            Err(status) => break status,
        }
    };
    let text = "local directory `context`: failed to send `shrinking` (it became shorter while it was read)";
    assert_eq!(status.message(), text);
}

#[tokio::test]
async fn a_bad_request_is_an_error() {
    let root = context();
    let (mut client, _) = client(LocalDirs::new().with_directory("context", root.path())).await;
    let receiver = Receiver::new("context").with("exclude-patterns", &["a", "[b"]);
    let status = receiver.receive(&mut client).await.expect_err("the pattern is bad");
    assert_eq!(
        status.message(),
        "local directory `context`: `.dockerignore` has an invalid pattern `[b`: `[` is not closed"
    );

    for (id, kind, text) in [
        (99, PacketType::PacketReq, "invalid file id 99"),
        (0, PacketType::PacketErr, "error from receiver: disk full"),
    ] {
        let (requests, mut packets) = call(&mut client).await;
        let packet = Packet { data: b"disk full".to_vec(), ..packet_of(kind, id) };
        requests.send(packet).await.expect("the sender reads");
        let status = loop {
            match packets.message().await {
                Ok(packet) => drop(packet.expect("the transfer does not end well")),
                Err(status) => break status,
            }
        };
        assert_eq!(status.message(), format!("local directory `context`: {text}"));
    }
    let status = client.tar_stream(tokio_stream::empty()).await.expect_err("there is no such protocol");
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_receiver_that_goes_away_ends_the_transfer() {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    fs::write(root.path().join("large"), vec![1; 8 << 20]).expect("a file can be written");
    let (mut client, transferred) = client(LocalDirs::new().with_directory("context", root.path())).await;
    let (requests, mut packets) = call(&mut client).await;
    requests.send(packet_of(PacketType::PacketReq, 0)).await.expect("the sender reads requests");
    while packets
        .message()
        .await
        .expect("the transfer is under way")
        .is_some_and(|packet| packet.data.is_empty())
    {}
    // As when an engine cancels a build: its session's connection ends.
    drop((requests, packets, client));
    let stopped = async {
        while std::sync::Arc::strong_count(&transferred) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), stopped)
        .await
        .expect("nothing works for the transfer any more");
    assert_eq!(transferred.files(), 0);
}
