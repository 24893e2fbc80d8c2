//! The session's SSH service: agents of this machine, for steps with `RUN --mount=type=ssh`.
//!
//! A step may list keys and have something signed, and no more: it must not lock the agent of its user, or add and
//! remove keys. So this side looks at each request; it is a length and a number that says what is asked (RFC draft
//! "SSH Agent Protocol", section 3), answered one by one.

use std::io;
use std::path::PathBuf;

use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::Ssh;
use bollard_buildkit_proto::moby::sshforward::v1::{BytesMessage, CheckAgentRequest, CheckAgentResponse};
use indexmap::IndexMap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::io::StreamReader;
use tonic::{Request, Response, Status, Streaming};

/// The id of a mount that gives none (buildkit, session/sshforward/ssh.go).
const DEFAULT_ID: &str = "default";
/// The largest message that OpenSSH's agent takes.
const MAX_MESSAGE: usize = 256 * 1024;

const REQUEST_IDENTITIES: u8 = 11;
const SIGN_REQUEST: u8 = 13;
/// A whole message: its length is 1, and it says that the agent refuses.
const FAILURE: [u8; 5] = [0, 0, 0, 1, 5];

/// Forwards to agents by the id of the mount.
pub(super) struct SshService {
    agents: IndexMap<String, PathBuf>,
}

impl SshService {
    pub(super) fn new(agents: IndexMap<String, PathBuf>) -> Self {
        Self { agents }
    }

    async fn connect(&self, id: &str) -> Result<UnixStream, Status> {
        let id = if id.is_empty() { DEFAULT_ID } else { id };
        let Some(path) = self.agents.get(id) else {
            return Err(Status::not_found(format!(
                "the image passes no SSH agent `{id}`: add it to its `ssh`"
            )));
        };
        UnixStream::connect(path).await.map_err(|error| {
            Status::failed_precondition(format!(
                "the SSH agent at {} does not answer ({error})",
                path.display()
            ))
        })
    }
}

#[tonic::async_trait]
impl Ssh for SshService {
    type ForwardAgentStream = ReceiverStream<Result<BytesMessage, Status>>;

    async fn check_agent(
        &self,
        request: Request<CheckAgentRequest>,
    ) -> Result<Response<CheckAgentResponse>, Status> {
        self.connect(&request.into_inner().id).await?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let id = request.metadata().get("buildkit.ssh.id").and_then(|id| id.to_str().ok());
        let agent = self.connect(id.unwrap_or_default()).await?;
        let bytes = request.into_inner().map(|message| match message {
            Ok(message) => Ok(io::Cursor::new(message.data)),
            Err(status) => Err(io::Error::other(status)),
        });
        let (answers, stream) = mpsc::channel(4);
        tokio::spawn(async move {
            if let Err(error) = forward(StreamReader::new(bytes), agent, &answers).await {
                let _ = answers.send(Err(Status::unavailable(format!("the SSH agent ({error})")))).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// Answers the requests of one client until it leaves.
async fn forward(
    mut requests: impl AsyncRead + Unpin,
    mut agent: UnixStream,
    answers: &mpsc::Sender<Result<BytesMessage, Status>>,
) -> io::Result<()> {
    while let Some(request) = message(&mut requests).await? {
        // The number follows the four bytes of the length.
        let data = match request.get(4) {
            Some(&(REQUEST_IDENTITIES | SIGN_REQUEST)) => {
                agent.write_all(&request).await?;
                message(&mut agent).await?.ok_or(io::ErrorKind::UnexpectedEof)?
            }
            _ => FAILURE.to_vec(),
        };
        if answers.send(Ok(BytesMessage { data })).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// The next message with its length in front; `None` at the end.
async fn message(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let size = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if size > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
    }
    let mut whole = length.to_vec();
    whole.resize(4 + size, 0);
    from.read_exact(whole.get_mut(4..).unwrap_or_default()).await?;
    Ok(Some(whole))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;
    use tokio::sync::mpsc;

    use super::{FAILURE, forward, message};

    fn request(number: u8, rest: &[u8]) -> Vec<u8> {
        let length = u32::try_from(rest.len() + 1).expect("it is short");
        [&length.to_be_bytes()[..], &[number], rest].concat()
    }

    #[tokio::test]
    async fn a_step_may_list_and_sign_and_nothing_else() {
        let (near, mut agent) = UnixStream::pair().expect("sockets can be made");
        let (answers, mut received) = mpsc::channel(16);
        let requests =
            [request(11, b""), request(17, b"add a key"), request(13, b"sign"), request(22, b"lock")];
        let client = std::io::Cursor::new(requests.concat());
        let forwarded = tokio::spawn(async move { forward(client, near, &answers).await });
        let mut seen = Vec::new();
        while let Some(asked) = message(&mut agent).await.expect("what arrives is a message") {
            seen.push(asked[4]);
            agent.write_all(&request(asked[4] + 1, b"answer")).await.expect("the client listens");
        }
        forwarded.await.expect("it does not panic").expect("the requests are answered");
        assert_eq!(seen, [11, 13]);
        let mut answers = Vec::new();
        while let Some(Ok(answer)) = received.recv().await {
            answers.push(answer.data);
        }
        assert_eq!(
            answers,
            [request(12, b"answer"), FAILURE.to_vec(), request(14, b"answer"), FAILURE.to_vec()]
        );
    }

    #[tokio::test]
    async fn what_is_no_message_ends_the_connection() {
        for (bytes, is_error) in
            [(&b""[..], false), (b"\0\0", false), (b"\0\0\0\x02\x0b", true), (b"\xff\xff\xff\xff", true)]
        {
            let (near, mut agent) = UnixStream::pair().expect("sockets can be made");
            let (answers, _received) = mpsc::channel(16);
            assert_eq!(forward(bytes, near, &answers).await.is_err(), is_error, "{bytes:?}");
            let mut seen = Vec::new();
            agent.read_to_end(&mut seen).await.expect("the connection ends");
            assert_eq!(seen, b"");
        }
    }
}
