//! A service that runs the pipelines of a folder, one at a time, and streams what happens as lines of JSON.
//!
//! ```sh
//! cargo run --example service pipelines/   # with pipelines/deploy.cachefile
//! curl 127.0.0.1:8080/pipelines
//! curl -N -X POST '127.0.0.1:8080/pipelines/deploy/runs?commit=abc123'
//! ```
//!
//! Who closes the connection cancels the run. There is no login: the service listens on this machine only.
#![allow(clippy::print_stdout, reason = "a program may print")]

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{self, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use cachelang::buildkit::{Address, EngineBuilders};
use cachelang::cache::CacheServices;
use cachelang::diag::render;
use cachelang::host::commands::LocalCommands;
use cachelang::host::{Host, Observer};
use cachelang::load::{self, ProcessEnvironment};
use cachelang::plan::{self, Inputs, Plan};
use cachelang::record::Recorder;
use cachelang::record::events::EventLines;
use cachelang::registry::Registries;
use cachelang::run::{self, Options};
use cachelang::source::SourceMap;
use indexmap::IndexMap;
use tokio::sync::{Mutex, mpsc};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;

/// What the handlers share.
struct Service {
    folder: PathBuf,
    /// Held by the run whose turn it is.
    turn: Arc<Mutex<()>>,
}

/// The service for a folder with files `NAME.cachefile`.
pub fn service(folder: &Path) -> Router {
    let service = Service { folder: folder.to_owned(), turn: Arc::default() };
    Router::new()
        .route("/pipelines", get(list))
        .route("/pipelines/{name}/runs", post(start))
        .with_state(Arc::new(service))
}

async fn list(State(service): State<Arc<Service>>) -> Result<Json<Vec<String>>, (StatusCode, String)> {
    let failed = |error: io::Error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let mut names = Vec::new();
    for entry in service.folder.read_dir().map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".cachefile").filter(|name| is_name(name)).map(str::to_owned));
    }
    names.sort();
    Ok(Json(names))
}

/// Plans a pipeline, waits for its turn and runs it. The parameters of the request are those of the pipeline.
async fn start(
    State(service): State<Arc<Service>>,
    extract::Path(name): extract::Path<String>,
    Query(params): Query<IndexMap<String, String>>,
) -> Response {
    if !is_name(&name) {
        return (StatusCode::NOT_FOUND, "no such pipeline\n").into_response();
    }
    let path = service.folder.join(format!("{name}.cachefile"));
    let plan = match tokio::task::spawn_blocking(move || planned(&path, &params)).await {
        Ok(Ok(plan)) => plan,
        Ok(Err(problem)) => return (StatusCode::UNPROCESSABLE_ENTITY, problem).into_response(),
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    };
    let (lines, body) = mpsc::unbounded_channel();
    let turn = Arc::clone(&service.turn);
    tokio::spawn(async move {
        let gone = lines.clone();
        let run = async {
            let _turn = turn.lock().await;
            run_plan(&name, &plan, Lines(lines)).await;
        };
        tokio::select! {
            () = run => {}
            // Nobody listens any more: dropping the run ends its builds and commands.
            () = gone.closed() => {}
        }
    });
    let body = Body::from_stream(UnboundedReceiverStream::new(body).map(Ok::<_, io::Error>));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

/// Names are used as names of files.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// Reads, checks and plans a file; `Err` is what is wrong with it, for people.
fn planned(path: &Path, params: &IndexMap<String, String>) -> Result<Plan, String> {
    let mut sources = SourceMap::new();
    let environment = ProcessEnvironment::new();
    let file =
        load::load(&mut sources, path, &path.display().to_string()).map_err(|error| format!("{error}\n"))?;
    let (program, mut found) = cachelang::check(&mut sources, file, &environment);
    if let Some((name, _)) = plan::unknown_params(&program, params).into_iter().next() {
        return Err(format!("no param named `{name}`\n"));
    }
    if !cachelang::diag::has_errors(&found) {
        match plan::plan(&mut sources, &program, &Inputs { params, environment: &environment }) {
            Ok((plan, _warnings)) => return Ok(plan),
            Err(more) => found.extend(more),
        }
    }
    Err(render::human(&sources, &found, render::Style::PLAIN))
}

async fn run_plan(name: &str, plan: &Plan, lines: Lines) {
    let environment = ProcessEnvironment::new();
    let recorder = Arc::new(Recorder::new(name, plan));
    let events = Arc::new(EventLines::new(Arc::clone(&recorder), Box::new(lines)));
    let observers: Vec<Arc<dyn Observer>> = vec![recorder.clone(), events.clone()];
    let host = Host::new(
        Arc::new(EngineBuilders::new(Address::of_machine(&environment))),
        Arc::new(Registries::new()),
        Arc::new(LocalCommands::new()),
        Arc::new(observers),
    )
    .with_caches(CacheServices::of_machine(&environment));
    let report = run::run(plan, &host, &Options::default(), &CancellationToken::new()).await;
    // Fails only if nobody listens.
    let _ = events.finish(&recorder.record(&report));
}

/// Lines for the one who asked.
struct Lines(mpsc::UnboundedSender<Bytes>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.send(Bytes::copy_from_slice(bytes)).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::main]
pub async fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, service(&folder)).await
}
