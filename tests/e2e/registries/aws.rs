//! The emulator of AWS behind a port that writes down what it is asked, and may refuse to answer.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use cachelang::environment::{Environment, PathKind};
use cachelang::plan::{self, Inputs, Plan};
use cachelang::source::SourceMap;
use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::harness::{http, part};

/// A request of the ECR or STS API.
#[derive(Debug, Clone)]
pub struct Request {
    /// `CreateRepository`
    pub action: String,
    pub body: String,
    /// Who has signed it, and for what: `AKIA…/20260101/eu-west-1/ecr/aws4_request`.
    pub credential: String,
}

/// What some requests get in place of the emulator's answer.
struct Answer {
    action: &'static str,
    times: usize,
    status: u16,
    body: String,
}

/// Listens on a free port of this machine.
pub struct Aws {
    port: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    answers: Arc<Mutex<Vec<Answer>>>,
}

impl Aws {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it is bound");
        let aws = Self { port, requests: Arc::default(), answers: Arc::default() };
        let (requests, answers) = (Arc::clone(&aws.requests), Arc::clone(&aws.answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (requests, answers) = (Arc::clone(&requests), Arc::clone(&answers));
                std::thread::spawn(move || serve(stream, &requests, &answers));
            }
        });
        aws
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.port)
    }

    /// Answers the next requests of an action with an error of AWS.
    pub fn fail(&self, action: &'static str, times: usize, status: u16, code: &str, message: &str) {
        self.answer(action, times, status, &json!({ "__type": code, "message": message }));
    }

    pub fn answer(&self, action: &'static str, times: usize, status: u16, body: &Value) {
        self.answer_text(action, times, status, &body.to_string());
    }

    pub fn answer_text(&self, action: &'static str, times: usize, status: u16, body: &str) {
        let answer = Answer { action, times, status, body: body.to_owned() };
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
    }

    /// The requests of an action so far.
    pub fn requests(&self, action: &str) -> Vec<Request> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().filter(|request| request.action == action).cloned().collect()
    }

    /// All actions so far, as IAM calls them.
    pub fn actions(&self) -> BTreeSet<String> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().map(|request| format!("ecr:{}", request.action)).collect()
    }

    /// All actions so far that change something.
    pub fn changes(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let reads = ["Get", "Describe", "List", "AssumeRole"];
        let changes = requests.iter().map(|request| request.action.clone());
        changes.filter(|action| !reads.iter().any(|read| action.starts_with(read))).collect()
    }
}

fn serve(mut stream: TcpStream, requests: &Mutex<Vec<Request>>, answers: &Mutex<Vec<Answer>>) {
    let Some((head, body)) = read(&mut stream) else { return };
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let target = header("X-Amz-Target");
    let action = match &target {
        Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
        None => form_value(&body, "Action"),
    };
    let authorization = header("Authorization").unwrap_or_default();
    let credential = authorization.split("Credential=").nth(1).and_then(|rest| rest.split(',').next());
    let credential = credential.unwrap_or_default().to_owned();
    requests.lock().unwrap_or_else(PoisonError::into_inner).push(Request {
        action: action.clone(),
        body: body.clone(),
        credential,
    });
    let prepared = {
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        let found = answers.iter_mut().find(|answer| answer.action == action && answer.times > 0);
        found.map(|answer| {
            answer.times -= 1;
            (answer.status, answer.body.clone())
        })
    };
    let (status, body) = prepared.unwrap_or_else(|| {
        let names = ["Content-Type", "X-Amz-Target", "Authorization", "X-Amz-Security-Token"];
        let headers: Vec<_> = names.iter().filter_map(|name| Some((*name, header(name)?))).collect();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let host = part("CACHELANG_E2E_ECR").replace("http://", "");
        let answer = http::over_tcp(&host, "POST", "/", &headers, &body);
        (answer.status, answer.body)
    });
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // A client that is gone needs no answer.
    let _ = stream.write_all((head + &body).as_bytes());
}

/// The head and the body of a request.
fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("Content-Length").then(|| value.parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or_default() {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

/// A value of a form, as STS takes them.
pub fn form_value(body: &str, name: &str) -> String {
    let url = url::Url::parse(&format!("http://form/?{body}")).expect("forms are queries");
    let found = url.query_pairs().find(|(found, _)| found == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// What the emulator itself says.
pub fn ask(action: &str, body: &Value) -> Value {
    let host = part("CACHELANG_E2E_ECR").replace("http://", "");
    let target = format!("AmazonEC2ContainerRegistry_V20150921.{action}");
    let headers = [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", target.as_str()),
        (
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/ecr/aws4_request, SignedHeaders=host, Signature=0",
        ),
    ];
    http::over_tcp(&host, "POST", "/", &headers, &body.to_string()).json()
}

/// Every path is a folder.
struct Folders;

impl Environment for Folders {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn path_kind(&self, _: &Path) -> Option<PathKind> {
        Some(PathKind::Folder)
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

/// The plan of a file.
pub fn plan_of(text: &str) -> Plan {
    let mut sources = SourceMap::new();
    let file = sources.add(".cachefile", ".cachefile", &format!("cachelang 1\n{text}"));
    let (program, diagnostics) = cachelang::check(&mut sources, file, &Folders);
    let inputs = Inputs { params: &IndexMap::new(), environment: &Folders };
    match plan::plan(&mut sources, &program, &inputs) {
        Ok((plan, _)) => plan,
        Err(found) => panic!("{diagnostics:?} {found:?}"),
    }
}

/// A registry of the emulator's account behind `aws`, with more attributes.
pub fn registry(aws: &Aws, more: &str) -> String {
    format!(
        "registry main {{ kind = \"ecr\", account = \"{}\", region = \"eu-west-1\", endpoint = \"{}\", host = \"{}\" {more} }}\n",
        part("CACHELANG_E2E_ECR_ACCOUNT"),
        aws.endpoint(),
        part("CACHELANG_E2E_ECR_HOST"),
    )
}
