//! A registry that fails when it is told to: a proxy in front of a real one.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong with a request.
#[derive(Clone)]
pub enum Fault {
    /// The proxy itself answers: status, headers, body.
    Answer(u16, String, String),
    /// The connection is reset after so many bytes of the request's body; the registry has got these.
    ResetUpload(usize),
    /// The same, but the registry keeps what it has got, so that the upload can be gone on with.
    BreakUpload(usize),
    /// The connection is reset after so many bytes of the answer's body.
    ResetDownload(usize),
    /// No answer comes.
    Stall,
    /// So many bytes of the answer's body come, and no more.
    StallDownload(usize),
    /// The body of the answer has only so many bytes, and its head says so too.
    Truncate(usize),
    /// The first byte of the answer's body is another one.
    Damage,
    /// The registry gets the request, and the client no answer.
    LoseAnswer,
    /// The registry gets the request without its query.
    NoQuery,
}

impl Fault {
    /// An answer with this status and nothing else.
    pub fn status(status: u16) -> Self {
        Self::Answer(status, String::new(), String::new())
    }

    pub fn busy(retry_after: Option<u32>) -> Self {
        let header = retry_after.map_or_else(String::new, |seconds| format!("Retry-After: {seconds}\r\n"));
        let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#;
        Self::Answer(429, header, body.to_owned())
    }
}

struct Rule {
    method: &'static str,
    path: String,
    times: usize,
    fault: Fault,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    /// `GET /v2/… bytes=100-`, with a fault or without.
    requests: Vec<String>,
    /// The upload that was broken: where the client thinks it is, and where it is.
    moved: Option<(String, String)>,
    tokens: Option<Tokens>,
}

/// Tokens `t1`, `t2`, …: only the last one is accepted, until it is taken back.
#[derive(Default)]
struct Tokens {
    issued: usize,
    taken_back: usize,
    logins: Vec<String>,
}

pub struct Faults {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Faults {
    /// Listens on a free port of this machine, and hands on to the registry at `host`.
    pub fn before(host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, host) = (Arc::clone(&state), host.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (state, host) = (Arc::clone(&shared), host.clone());
                // A connection that breaks is what this is for.
                std::thread::spawn(move || drop(serve(client, address, &host, &state)));
            }
        });
        Self { address, state }
    }

    /// The same, and lets nobody in without one of its tokens.
    pub fn with_tokens(host: &str) -> Self {
        let faults = Self::before(host);
        locked(&faults.state).tokens = Some(Tokens::default());
        faults
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The next `times` requests with the method whose path has `path` in it fail.
    pub fn inject(&self, method: &'static str, path: &str, times: usize, fault: Fault) {
        locked(&self.state).rules.push(Rule { method, path: path.to_owned(), times, fault });
    }

    /// Nothing fails any more.
    pub fn recover(&self) {
        locked(&self.state).rules.clear();
    }

    /// How many requests there were with the method and `path` in their path.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let state = locked(&self.state);
        let wanted = |request: &&String| {
            request.split_once(' ').is_some_and(|(found, rest)| found == method && rest.contains(path))
        };
        state.requests.iter().filter(wanted).count()
    }

    /// Accepts the tokens not any more that were handed out until now.
    pub fn take_tokens_back(&self) {
        if let Some(tokens) = &mut locked(&self.state).tokens {
            tokens.taken_back = tokens.issued;
        }
    }

    /// The requests for tokens: path and `Authorization`.
    pub fn logins(&self) -> Vec<String> {
        locked(&self.state).tokens.as_ref().map(|tokens| tokens.logins.clone()).unwrap_or_default()
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is to go wrong with a request, which is noted.
fn fault_of(head: &Head, own: SocketAddr, state: &Mutex<State>) -> Option<Fault> {
    let mut state = locked(state);
    let range = head.header("range").unwrap_or_default();
    state.requests.push(format!("{} {} {range}", head.method, head.path));
    if let Some(answer) = state.tokens.as_mut().and_then(|tokens| tokens.answer(head, own)) {
        Some(answer)
    } else {
        let mut rules = state.rules.iter_mut();
        let rule =
            rules.find(|rule| rule.times > 0 && rule.method == head.method && head.path.contains(&rule.path));
        rule.map(|rule| {
            rule.times -= 1;
            rule.fault.clone()
        })
    }
}

/// One request: each answer ends its connection.
fn serve(mut client: TcpStream, own: SocketAddr, host: &str, state: &Mutex<State>) -> io::Result<()> {
    let head = Head::read(&mut client)?;
    match fault_of(&head, own, state) {
        None => {
            let moved = locked(state).moved.clone().filter(|(from, _)| head.path.starts_with(from.as_str()));
            let path = moved.map_or_else(|| head.path.clone(), |(_, to)| to);
            let registry = forward(&client, host, &head.for_registry(&path))?;
            relay(registry, &mut client, usize::MAX)?;
        }
        Some(Fault::Answer(status, headers, body)) => {
            head.drain(&mut client)?;
            let length = body.len();
            write!(
                client,
                "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
            )?;
        }
        Some(Fault::Stall) => stall(&mut client)?,
        Some(Fault::ResetUpload(after)) => {
            let mut registry = TcpStream::connect(host)?;
            registry.write_all(head.for_registry(&head.path).as_bytes())?;
            io::copy(&mut (&client).take(after as u64), &mut registry)?;
            reset(&client);
        }
        Some(Fault::BreakUpload(after)) => {
            let mut body = vec![0; after];
            client.read_exact(&mut body)?;
            let to = put_part(host, &head, &body)?;
            locked(state).moved = Some((head.path.clone(), to));
            reset(&client);
        }
        Some(Fault::ResetDownload(after)) => {
            let registry = forward(&client, host, &head.for_registry(&head.path))?;
            relay(registry, &mut client, after)?;
            reset(&client);
        }
        Some(Fault::StallDownload(after)) => {
            let registry = forward(&client, host, &head.for_registry(&head.path))?;
            relay(registry, &mut client, after)?;
            stall(&mut client)?;
        }
        Some(Fault::LoseAnswer) => {
            let mut registry = forward(&client, host, &head.for_registry(&head.path))?;
            io::copy(&mut registry, &mut io::sink())?;
            reset(&client);
        }
        Some(Fault::NoQuery) => {
            let path = head.path.split('?').next().unwrap_or_default();
            let registry = forward(&client, host, &head.for_registry(path))?;
            relay(registry, &mut client, usize::MAX)?;
        }
        Some(fault @ (Fault::Truncate(_) | Fault::Damage)) => {
            let mut registry = forward(&client, host, &head.for_registry(&head.path))?;
            let mut answer = Vec::new();
            registry.read_to_end(&mut answer)?;
            client.write_all(&spoiled(&answer, &fault))?;
        }
    }
    client.shutdown(Shutdown::Write)
}

impl Tokens {
    /// What the registry says to a request that it does not let in, and to one for a token.
    fn answer(&mut self, head: &Head, own: SocketAddr) -> Option<Fault> {
        let authorization = head.header("authorization").unwrap_or_default();
        if head.path.starts_with("/token") {
            self.issued += 1;
            self.logins.push(format!("{} {authorization}", head.path));
            let body = format!(r#"{{"token":"t{}","access_token":"t","expires_in":3600}}"#, self.issued);
            return Some(Fault::Answer(200, String::new(), body));
        }
        let number = authorization.strip_prefix("Bearer t").and_then(|number| number.parse::<usize>().ok());
        if number.is_some_and(|number| number > self.taken_back) {
            return None;
        }
        let challenge = format!(r#"WWW-Authenticate: Bearer realm="http://{own}/token",service="faults""#);
        Some(Fault::Answer(401, challenge + "\r\n", String::new()))
    }
}

/// The beginning of a request.
struct Head {
    method: String,
    path: String,
    /// All lines, without the empty one at the end.
    text: String,
}

impl Head {
    fn read(client: &mut TcpStream) -> io::Result<Self> {
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte)?;
            text.push(byte[0]);
            // Engines try TLS first, and do without it if they are answered as by a registry that does not speak it.
            if text[0] == 0x16 {
                let mut hello = [0; 16 * 1024];
                let _ = client.read(&mut hello)?;
                client.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nwithout TLS, please")?;
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        text.truncate(text.len() - 4);
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut words = text.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        Ok(Self { method: word(), path: word(), text })
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.text.lines().filter_map(|line| line.split_once(':'));
        pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// For a path, on a connection that ends with the answer.
    fn for_registry(&self, path: &str) -> String {
        let lines = self.text.lines().skip(1);
        let kept = lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let lines: String = kept.map(|line| format!("{line}\r\n")).collect();
        format!("{} {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n", self.method)
    }

    /// Reads the body: a connection that is closed with something unread in it is reset.
    fn drain(&self, client: &mut TcpStream) -> io::Result<()> {
        if let Some(length) = self.header("content-length").and_then(|length| length.parse().ok()) {
            io::copy(&mut client.take(length), &mut io::sink())?;
        } else if self.header("transfer-encoding").is_some() {
            let mut end = Vec::new();
            let mut byte = [0];
            while end != b"\r\n0\r\n\r\n" {
                client.read_exact(&mut byte)?;
                end.push(byte[0]);
                if end.len() > 7 {
                    end.remove(0);
                }
            }
        }
        Ok(())
    }
}

/// Sends a request on, its body while it comes.
fn forward(client: &TcpStream, host: &str, head: &str) -> io::Result<TcpStream> {
    let mut registry = TcpStream::connect(host)?;
    registry.write_all(head.as_bytes())?;
    let (mut client, mut to) = (client.try_clone()?, registry.try_clone()?);
    std::thread::spawn(move || drop(io::copy(&mut client, &mut to)));
    Ok(registry)
}

/// Hands on an answer, up to so many bytes of its body.
fn relay(mut registry: TcpStream, client: &mut TcpStream, limit: usize) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        registry.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    client.write_all(&head)?;
    io::copy(&mut registry.take(limit as u64), client).map(drop)
}

/// Waits until the client has gone.
fn stall(client: &mut TcpStream) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(100)))?;
    io::copy(client, &mut io::sink()).map(drop)
}

/// Ends a connection as a machine does that has lost its state.
fn reset(client: &TcpStream) {
    let at_once = Some(Duration::ZERO);
    rustix::net::sockopt::set_socket_linger(client, at_once).expect("a socket has this setting");
}

/// Writes the first part of an upload as if it was all that was asked for. Returns where the upload goes on.
fn put_part(host: &str, head: &Head, body: &[u8]) -> io::Result<String> {
    let mut registry = TcpStream::connect(host)?;
    let (path, length) = (&head.path, body.len());
    let own = head.header("host").unwrap_or_default();
    write!(
        registry,
        "PATCH {path} HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )?;
    registry.write_all(body)?;
    let mut answer = String::new();
    registry.read_to_string(&mut answer)?;
    let location = answer.lines().find_map(|line| line.strip_prefix("Location: ")).expect("it goes on");
    Ok(location.split_once(own).map_or(location, |(_, path)| path).to_owned())
}

fn spoiled(answer: &[u8], fault: &Fault) -> Vec<u8> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head") + 4;
    let (head, body) = answer.split_at(end);
    let mut body = body.to_vec();
    match fault {
        Fault::Truncate(length) => body.truncate(*length),
        _ => body[0] ^= 1,
    }
    let head = String::from_utf8_lossy(head);
    let lines = head.trim_end().lines().map(|line| match line.split_once(':') {
        Some((name, _)) if name.eq_ignore_ascii_case("content-length") => {
            format!("Content-Length: {}\r\n", body.len())
        }
        _ => format!("{line}\r\n"),
    });
    [lines.collect::<String>().as_bytes(), b"\r\n", &body].concat()
}
